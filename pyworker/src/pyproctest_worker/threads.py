"""Threads that run handlers, while the worker's own thread reads and sends."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue

from .connection import AsyncRequest
from .request import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from .connection import Connection, OutstandingRequest
    from .event_loop import EventLoop
    from .request import Request
    from .turns import Turns


_QUEUE = 16
"""Steps that wait for a thread: enough to keep the threads busy, few enough to be fair."""


class HandlerThreads:
    """Runs steps of requests in that many threads, and calls wake() when there are outcomes."""

    def __init__(
        self, count: int, max_payload: int, turns: Turns, wake: Callable[[], None]
    ) -> None:
        self._max_payload = max_payload
        self._turns = turns
        self._room = _QUEUE + count
        self._wake = wake
        self._waking = False
        self._requests: SimpleQueue[OutstandingRequest] = SimpleQueue()
        self._outcomes: deque[tuple[OutstandingRequest, bytes | float | None]] = deque()
        self.pending = 0
        """Steps that were submitted and whose outcomes were not taken yet."""
        for _ in range(count):
            # Daemons: a handler that never ends must not keep the process alive.
            threading.Thread(target=self._work, name="handlers", daemon=True).start()

    def has_room(self) -> bool:
        """Whether more steps may be submitted. Until then steps wait with their connections, so
        that all connections take turns, and one whose caller reads no answers makes no more."""
        return self.pending < self._room

    def submit_due(self, limit: int, event_loop: EventLoop | None) -> set[Connection]:
        """Has as many steps run as there is room for, of connections with so many bytes of answers
        at most. For the worker's own thread, in which async handlers begin; it returns the
        connections that are to be flushed for that."""
        turns = self._turns
        connections = set()
        while turns.due and self.has_room() and (event_loop is None or event_loop.has_room()):
            connection = turns.next()
            if not connection.inbox or connection.answers_size > limit:
                continue
            request = connection.inbox.popleft()
            turns.make_due(connection)
            if isinstance(request, AsyncRequest):
                turns.settle(request, request.step(self._max_payload))
                connections.add(connection)
            else:
                self.pending += 1
                self._requests.put(request)
        return connections

    def settle(self) -> set[Connection]:
        """Settles the new outcomes, and returns the connections that are to be flushed. For the
        worker's own thread, when woken."""
        self._waking = False  # first, so that an outcome that comes meanwhile wakes again
        count = len(self._outcomes)
        self.pending -= count
        connections = set()
        for _ in range(count):
            request, outcome = self._outcomes.popleft()
            self._turns.settle(request, outcome)
            connections.add(request.connection)
        return connections

    def _work(self) -> None:
        thread = threading.get_ident()
        while True:
            request = self._requests.get()
            running[thread] = request
            outcome = request.step(self._max_payload)
            del running[thread]
            self._outcomes.append((request, outcome))
            if not self._waking:
                self._waking = True
                self._wake()


def wait_for_cancellation(request: Request, seconds: float) -> None:
    """Waits until the request is cancelled or the time is over, in a thread of handlers."""
    if seconds <= 0:
        return
    if request.event is None:
        request.event = threading.Event()
    if not request.is_cancelled:  # Turns.cancel sets it before it looks at event
        request.event.wait(seconds)
