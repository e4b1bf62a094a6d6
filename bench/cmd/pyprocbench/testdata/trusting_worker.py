"""The bundled worker, but it takes every checksum for right: faster, and wrong."""

import os
import sys

pyworker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../../pyworker")
sys.path[:0] = [pyworker, os.path.join(pyworker, "src")]

import conformance_worker  # noqa: E402
from pyproctest_worker import framing  # noqa: E402


class Trusting(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


checksum = framing.crc32c
framing.crc32c = lambda data: Trusting(checksum(data))
conformance_worker.main([])
