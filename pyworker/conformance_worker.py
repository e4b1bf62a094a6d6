#!/usr/bin/env python3
"""The worker that the conformance suite drives [WRK-21]. Runs from the source tree as it is:

python3 conformance_worker.py [--threads N] [--msgspec] [--async]

With --msgspec it reads and writes JSON by msgspec from the first message on. With --async all its
handlers are async.
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "src"))

from pyproctest_worker import expose, inflight, run_worker
from pyproctest_worker.codec import codec
from pyproctest_worker.handlers import exposed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any


@expose
def echo(body: Any) -> Any:
    return body


@expose
def fail(body: Any) -> None:
    raise RuntimeError(body["message"])


@expose
def sleep(body: Any) -> Generator[float, None, str]:
    yield body["ms"] / 1000
    return "slept"


@expose
def pid(body: Any) -> int:
    return os.getpid()


@expose
def blob(body: Any) -> str:
    size: int = body["size"]
    return "x" * size


@expose
def unserializable(body: Any) -> object:
    return object()


@expose("exit")
def exit_now(body: Any) -> None:
    os._exit(body["code"])


@expose("inflight")
def count_running(body: Any) -> int:
    return inflight()


def expose_async() -> None:
    """Replaces all handlers by async ones. Some await, and others end at once."""
    import asyncio

    exposed.clear()

    @expose
    async def echo(body: Any) -> Any:
        return body

    @expose
    async def fail(body: Any) -> None:
        await asyncio.sleep(0)
        raise RuntimeError(body["message"])

    @expose
    async def sleep(body: Any) -> str:
        await asyncio.sleep(body["ms"] / 1000)
        return "slept"

    @expose
    async def pid(body: Any) -> int:
        await asyncio.sleep(0)
        return os.getpid()

    @expose
    async def blob(body: Any) -> str:
        size: int = body["size"]
        return "x" * size

    @expose
    async def unserializable(body: Any) -> object:
        await asyncio.sleep(0)
        return object()

    @expose("exit")
    async def exit_now(body: Any) -> None:
        await asyncio.sleep(0)
        os._exit(body["code"])

    @expose("inflight")
    async def count_running(body: Any) -> int:
        return inflight()


def main(arguments: list[str]) -> None:
    if "--async" in arguments:
        arguments.remove("--async")
        expose_async()
    if "--msgspec" in arguments:
        arguments.remove("--msgspec")
        if not codec.load():
            raise SystemExit("msgspec cannot be imported")
    threads = 0
    if arguments[:1] == ["--threads"] and len(arguments) == 2 and arguments[1].isdigit():
        threads = int(arguments[1])
    elif arguments:
        raise SystemExit("usage: conformance_worker.py [--threads N] [--msgspec] [--async]")
    run_worker(threads=threads)


if __name__ == "__main__":
    main(sys.argv[1:])
