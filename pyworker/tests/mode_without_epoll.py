"""What must hold on systems that only have poll."""

from __future__ import annotations

from . import test_serving


class Serving(test_serving.Cases):
    """A caller that has gone away is found by probing."""

    arguments = ("--poll",)
