"""The handlers of a worker under test as async ones, which do the same."""

from __future__ import annotations

import asyncio
import functools
import selectors  # noqa: F401  # before a worker takes epoll away: macOS has kqueue in its place
from inspect import isgeneratorfunction
from typing import Any, Callable

from pyproctest_worker import Cancelled, expose
from pyproctest_worker.handlers import exposed

AsyncHandler = Callable[[Any], Any]


def expose_as_async(but: tuple[str, ...] = ()) -> None:
    """Replaces the handlers that are exposed, but those, by async ones."""
    handlers = {name: exposed.pop(name) for name in list(exposed) if name not in but}
    for name, handler in handlers.items():
        expose(name)(stepping(handler) if isgeneratorfunction(handler) else awaiting(handler))


def awaiting(handler: Callable[[Any], Any]) -> AsyncHandler:
    @functools.wraps(handler)
    async def asynchronous(body: Any) -> Any:
        await asyncio.sleep(0)
        return handler(body)

    return asynchronous


def stepping(handler: Callable[[Any], Any]) -> AsyncHandler:
    """Sleeps for the seconds that a generator yields, and raises Cancelled in it for asyncio."""

    @functools.wraps(handler)
    async def asynchronous(body: Any) -> Any:
        generator = handler(body)
        cancelled = False
        while True:
            try:
                seconds = generator.throw(Cancelled("cancelled")) if cancelled else next(generator)
            except StopIteration as end:
                return end.value
            cancelled = False
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                cancelled = True

    return asynchronous
