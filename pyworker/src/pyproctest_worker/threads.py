"""Threads that run handlers, while the worker's own thread reads and sends."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue

from .request import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from .connection import OutstandingRequest
    from .request import Request


_QUEUE = 16
"""Steps that wait for a thread: enough to keep the threads busy, few enough to be fair."""


class HandlerThreads:
    """Runs steps of requests in that many threads, and calls wake() when there are outcomes."""

    def __init__(self, count: int, max_payload: int, wake: Callable[[], None]) -> None:
        self._max_payload = max_payload
        self._room = _QUEUE + count
        self._wake = wake
        self._waking = False
        self._requests: SimpleQueue[OutstandingRequest] = SimpleQueue()
        self._outcomes: deque[tuple[OutstandingRequest, bytes | float]] = deque()
        self.pending = 0
        """Steps that were submitted and whose outcomes were not taken yet."""
        for _ in range(count):
            # Daemons: a handler that never ends must not keep the process alive.
            threading.Thread(target=self._work, name="handlers", daemon=True).start()

    def has_room(self) -> bool:
        """Whether more steps may be submitted. Until then steps wait with their connections, so
        that all connections take turns, and one whose caller reads no answers makes no more."""
        return self.pending < self._room

    def submit(self, request: OutstandingRequest) -> None:
        """Has the next step of the request's handler run. For the worker's own thread."""
        self.pending += 1
        self._requests.put(request)

    def take_outcomes(self) -> list[tuple[OutstandingRequest, bytes | float]]:
        """Returns the new outcomes. For the worker's own thread, when woken."""
        self._waking = False  # first, so that an outcome that comes meanwhile wakes again
        outcomes = [self._outcomes.popleft() for _ in range(len(self._outcomes))]
        self.pending -= len(outcomes)
        return outcomes

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
