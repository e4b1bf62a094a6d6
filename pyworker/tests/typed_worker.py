"""What a user of strict type checks writes. make lint has mypy read it; nobody runs it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Generator
from dataclasses import asdict, dataclass
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


@expose
async def fetch(body: str) -> bytes:
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        raise Cancelled(current_request().id) from None
    return body.encode()


@expose(name="fetch.all")
async def fetch_all(body: list[str]) -> list[bytes]:
    return await asyncio.gather(*map(fetch, body))


@dataclass
class Point:
    x: int
    y: int

    @classmethod
    def of(cls, body: Any) -> Point:
        return cls(**body)


def convert(body: Any, kind: type[Point]) -> Point:
    return kind(**body)


@expose(body=Point.of)
def norm(point: Point) -> int:
    return point.x**2 + point.y**2


@expose("points.move", body=functools.partial(convert, kind=Point))
async def move(point: Point) -> Point:
    return Point(point.x + 1, point.y)


@expose(name="points.wait", body=Point.of)
def wait(point: Point) -> Generator[float, None, Point]:
    yield point.x
    return point


# A decorator that lost the type of what it decorates would let these through, and mypy would then
# name the comments as unused.
add("2 + 2")  # type: ignore[arg-type]
upper({"a": 1})  # type: ignore[arg-type]
norm({"x": 1, "y": 2})  # type: ignore[arg-type]
run_worker(threads="four")  # type: ignore[arg-type]
run_worker(on_start=5)  # type: ignore[arg-type]
run_worker(on_start=convert)  # type: ignore[arg-type]
run_worker(default="str")  # type: ignore[arg-type]
expose(body=Point.of)(upper)  # type: ignore[arg-type]
expose(body=5)(norm)  # type: ignore[call-overload]

total: int = add({"a": 2, "b": 2})
loud: str = upper("loud")
square: int = norm(Point(3, 4))
steps: Generator[float, None, Point] = wait(Point(0, 0))


async def load() -> None:
    fetched: bytes = await fetch("weights")
    moved: Point = await move(Point(*fetched[:2]))
    assert moved
    await fetch(5)  # type: ignore[arg-type]
    await move("there")  # type: ignore[arg-type]


def load_at_once() -> str:
    return "what it returns does not matter"


def point_or_text(value: object) -> Any:
    return asdict(value) if isinstance(value, Point) else str(value)


if __name__ == "__main__":
    run_worker(threads=4)
    run_worker(default=point_or_text, on_start=load)
    run_worker(default=str, on_start=load_at_once)
