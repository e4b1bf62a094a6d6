"""Tests of the worker. From the folder above: python3 -m unittest discover -s tests -t ."""

import os
import sys

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

sys.path.insert(0, os.path.join(TREE, "src"))
