"""What a user of strict type checks writes. make lint has mypy read it; nobody runs it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypedDict

from pyproctest_worker import Cancelled, Request, current_request, expose, inflight, run_worker


class Sum(TypedDict):
    a: int
    b: int


@expose
def add(body: Sum) -> int:
    return body["a"] + body["b"]


@expose("text.upper")
def upper(body: str) -> str:
    return body.upper()


@expose
def poll(body: float) -> Generator[float, None, str]:
    yield body
    return "ready"


@expose
def count(body: None) -> dict[str, Any]:
    request: Request = current_request()
    if request.wait(0.5):
        raise Cancelled
    return {"running": inflight()}


# A decorator that lost the type of what it decorates would let these through, and mypy would then
# name the comments as unused.
add("2 + 2")  # type: ignore[arg-type]
upper({"a": 1})  # type: ignore[arg-type]
run_worker(threads="four")  # type: ignore[arg-type]

total: int = add({"a": 2, "b": 2})
loud: str = upper("loud")

if __name__ == "__main__":
    run_worker(threads=4)
