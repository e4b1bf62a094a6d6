"""The event loop of async handlers. Importing this imports asyncio.

It has no thread of its own: the worker's own thread runs it in bursts, between two looks at the
connections. So async handlers need no locks either, and cancellations and answers go the ways that
they go for generators. asyncio waits for descriptors by a selector, whose own descriptor the server
waits for among its others; and when asyncio would begin to wait, the selector ends the burst.
"""

from __future__ import annotations

import asyncio
import selectors
from _thread import get_ident
from contextvars import ContextVar
from time import monotonic
from types import coroutine

from . import log
from .fork import end_child, fork
from .messages import write_result
from .poller import IN
from .request import Cancelled, running
from .turns import SLICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from contextvars import Context
    from typing import Any, Callable

    from typing_extensions import TypeVarTuple, Unpack

    from .connection import AsyncRequest, Connection
    from .poller import Poller
    from .timers import Timer
    from .turns import Turns

    A = TypeVarTuple("A")

_ROOM = 16
"""Handlers that begin before a burst, or 1 where the last one left something to do. So connections
take turns, and one whose caller reads no answers is noticed before much is made for it."""

_LONGEST_WAIT = 3600.0

_current: ContextVar[AsyncRequest] = ContextVar("pyproctest_worker")
"""The request of a handler, in its task and in those that it makes."""


class EventLoop:
    """Runs async handlers. For the worker's own thread, which is the one that makes it."""

    def __init__(
        self,
        max_payload: int,
        turns: Turns,
        poller: Poller,
        flush: Callable[[Connection], None],
    ) -> None:
        """flush(connection) is called after handlers have run, to send their answers. Raises
        RuntimeError in a thread that runs an event loop already."""
        self._refuse_to_nest()
        self._max_payload = max_payload
        self._turns = turns
        self._poller = poller
        self._flush = flush
        self._timer: Timer | None = None
        """The next burst."""
        self._is_due = False
        """Whether the next burst comes at once."""
        self._loop = _Loop(self._schedule)
        self._is_watched = True
        poller.register(self.fileno(), IN)
        self._running = 0
        """Handlers that have begun and not ended."""
        self._fresh: set[AsyncRequest] = set()
        """Requests whose handlers have not taken their first step."""
        self._answered: set[Connection] = set()

    def fileno(self) -> int:
        """Returns the descriptor that is readable when one that asyncio waits for is ready."""
        return self._loop.selector.fileno()

    def has_room(self) -> bool:
        """Whether more handlers may begin before the next burst."""
        return len(self._fresh) < (_ROOM if self._loop.selector.was_idle else 1)

    def begin(self, request: AsyncRequest) -> None:
        """Makes a request whose handler is async a task, which takes its first step in the next
        burst."""
        task = request.task = self._loop.create_task(self._serve(request))
        task.add_done_callback(lambda _: self._ended(request))
        self._turns.generators.add(request)
        self._running += 1
        self._fresh.add(request)

    def ready(self) -> None:
        """To be called when fileno() is readable: there is a burst soon."""
        self._schedule(0.0)

    def pause(self) -> None:
        """Keeps fileno() from being watched until the next burst, for a handler that waits in this
        thread, and holds off that burst."""
        if self._is_watched:
            self._is_watched = False
            self._poller.modify(self.fileno(), 0)
            self._schedule(0.0)

    def complete(self, awaited: Coroutine[Any, Any, object]) -> None:
        """Runs until that is over, before the worker serves."""

        async def complete() -> None:
            try:
                await awaited
            except BaseException as error:
                if fork.in_child:
                    end_child(error)
                raise
            if fork.in_child:
                end_child()

        self._loop.run_until_complete(complete())
        self._schedule(0.0)  # for tasks that it has left

    def close(self, seconds: float) -> None:
        """Cancels what still runs, as asyncio.run does, and gives it that long to end."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()

        async def end() -> None:
            if tasks:
                await asyncio.wait(tasks, timeout=max(seconds, 0.0))
            await self._loop.shutdown_asyncgens()

        self._run(lambda: self._loop.run_until_complete(end()))
        self._loop.close()

    def current_request(self) -> AsyncRequest:
        """Returns the request whose handler runs, itself or by a task that it has made."""
        request = _current.get(None)
        if request is None:
            raise RuntimeError("this task of the event loop was not made by a handler")
        return request

    # Bursts

    def _schedule(self, seconds: float | None) -> None:
        """Sets the time of the next burst. With None it comes when a descriptor is ready; a timer
        shows meanwhile that handlers wait."""
        if self._is_due and seconds == 0.0:
            return
        self._is_due = seconds == 0.0
        if self._timer is not None:
            self._turns.timers.drop(self._timer)
            self._timer = None
        if seconds is None and self._running:
            seconds = _LONGEST_WAIT
        if seconds is not None:
            self._timer = self._turns.timers.set(seconds, self._burst, None)

    def _burst(self, _: None) -> None:
        """Runs what is ready, until nothing is or a slice of time is over."""
        self._timer, self._is_due = None, True
        self._loop.selector.begin_burst(monotonic() + SLICE)
        self._run(self._loop.run_forever)
        self._loop.selector.end_burst()
        if not self._is_watched:
            self._is_watched = True
            self._poller.modify(self.fileno(), IN)
        answered, self._answered = self._answered, set()
        for connection in answered:
            self._flush(connection)
        self._is_due = False
        self._schedule(self._loop.selector.wanted)

    def _run(self, function: Callable[[], None]) -> None:
        """Calls what runs handlers. SystemExit of a task, which asyncio lets out, is logged."""
        thread = get_ident()
        before, running[thread] = running.get(thread), self
        try:
            function()
        except BaseException as error:
            if fork.in_child:
                end_child(error)
            log.task_failed(error)
            self._loop.selector.wanted = 0.0
        if before is None:
            del running[thread]
        else:
            running[thread] = before

    def _refuse_to_nest(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        raise RuntimeError("run_worker() was called in a coroutine: call it outside, as a function")

    # Handlers

    async def _serve(self, request: AsyncRequest) -> None:
        self._fresh.discard(request)
        _current.set(request)
        self._settle(request, await _steps(request, self._max_payload))

    def _settle(self, request: AsyncRequest, answer: bytes) -> None:
        request.task = None
        self._running -= 1
        self._turns.settle(request, answer)
        self._answered.add(request.connection)

    def _ended(self, request: AsyncRequest) -> None:
        """Answers a request whose task was cancelled before its first step."""
        if request in self._fresh:
            self._fresh.remove(request)
            self._settle(request, request.error("cancelled before it ran", self._max_payload))


@coroutine
def _steps(request: AsyncRequest, max_payload: int) -> Generator[Any, Any, bytes]:
    """Runs a handler as `await` does, with a look at what it does in each step, and returns the
    answer, whatever the handler raises."""
    steps: Any = None
    thrown: BaseException | None = None
    while True:
        if fork.in_child:  # which another handler has forked
            end_child()
        begun = monotonic()
        answer = awaited = None
        try:
            if steps is None:
                assert request.handler is not None
                steps = request.handler(request.body)
            awaited = steps.send(None) if thrown is None else steps.throw(thrown)
        except StopIteration as end:
            answer = write_result(request.id, end.value, request.enveloped, max_payload)
        except asyncio.CancelledError as error:
            told: BaseException = Cancelled("cancelled") if request.is_cancelled else error
            answer = request.failed(told, max_payload)
        except BaseException as error:  # SystemExit too: a request must not end the worker
            answer = request.failed(error, max_payload)
        request.stepped(begun)
        if answer is not None:
            return answer
        thrown = None
        try:
            yield awaited
        except GeneratorExit:  # the worker ends
            steps.close()
            raise
        except BaseException as error:
            thrown = error


class _Loop(asyncio.SelectorEventLoop):
    """asyncio's own, except that a burst ends when there is nothing to do, and that what is
    scheduled between two bursts, by a plain handler for example, makes for another one."""

    def __init__(self, schedule: Callable[[float], None]) -> None:
        self.selector = _Selector(self.stop)
        self._schedule = schedule
        self._thread = get_ident()
        super().__init__(self.selector)

    def call_soon(
        self,
        callback: Callable[[Unpack[A]], object],
        *args: Unpack[A],
        context: Context | None = None,
    ) -> asyncio.Handle:
        self._stir()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[A]], object],
        *args: Unpack[A],
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._stir()
        return super().call_at(when, callback, *args, context=context)

    def _stir(self) -> None:
        self.selector.wanted = 0.0  # what the selector has seen before does not hold any more
        if not self.is_running() and get_ident() == self._thread:
            self._schedule(0.0)


class _Selector(selectors.DefaultSelector):
    """A selector that ends a burst where it would wait."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        self._stop = stop
        self._until: float | None = None
        """When the burst ends at the latest, or None while there is none, and this waits."""
        self.was_idle = True
        """Whether the last burst has ended since there was nothing to do."""
        self.wanted: float | None = 0.0
        """Seconds from the last burst until there is something to do again; None where a descriptor
        tells that."""

    def begin_burst(self, until: float) -> None:
        """Makes what runs next end when there is nothing to do, or when it is that late."""
        self._until = until
        self.wanted = 0.0

    def end_burst(self) -> None:
        """Makes select wait again."""
        self._until = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if fork.in_child:  # which a task has forked
            end_child()
        if self._until is None:
            return super().select(timeout)
        events = super().select(0)
        # Only where nothing is ready is it known how long asyncio may wait.
        is_idle = not events and (timeout is None or timeout > 0)
        if is_idle or monotonic() > self._until:
            self._stop()
            self.was_idle = is_idle
            if is_idle:
                self.wanted = timeout
        return events
