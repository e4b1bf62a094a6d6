"""How deeply values are nested.

Up to Python 3.11 the C code of json and of repr() recurses as deeply as sys.setrecursionlimit
allows. If a program has raised that limit far enough, the process crashes instead of raising a
RecursionError. So where the limit was raised, values nested more than 1000 levels deep are refused
before they reach that code. Newer versions of Python bound the recursion of C by themselves.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

LIMIT = 1000
"""Levels of nesting. It is also Python's recursion limit unless that is changed."""

_IS_BOUNDED = sys.version_info >= (3, 12)

recursion_limit = sys.getrecursionlimit

_SCALARS = (str, int, float, type(None))

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def is_text_too_deep(text: bytes) -> bool:
    """Whether reading this JSON text could end the process."""
    if _IS_BOUNDED or recursion_limit() <= LIMIT:
        return False
    if text.count(b"[") + text.count(b"{") <= LIMIT:
        return False
    import re
    from itertools import accumulate

    text = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"', b"", text, flags=re.DOTALL)  # the strings
    brackets = text.translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > LIMIT


def is_too_deep(value: object, default: Callable[[Any], Any] | None = None) -> bool:
    """Whether writing value as JSON, or its repr(), could end the process. Where default is given,
    it is what stands for values that json does not know, and what it raises is raised."""
    if _IS_BOUNDED or recursion_limit() <= LIMIT:
        return False
    level = [value]
    for _ in range(LIMIT + 1):
        # Each container once a level: a circular value can contain itself many times.
        inner: dict[int, object] = {}
        for item in level:
            if isinstance(item, dict):
                inner.update((id(child), child) for child in item.values())
            elif isinstance(item, (list, tuple)):
                inner.update((id(child), child) for child in item)
            elif default is not None and not isinstance(item, _SCALARS):
                child = default(item)
                inner[id(child)] = child
        if not inner:
            return False
        level = list(inner.values())
    return True
