"""Threads that run handlers, beside the worker's own thread that reads and sends."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue

from .handlers import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from .request import Request


_QUEUE = 16
"""Steps that wait for a thread: enough to keep the threads at work, few enough to be fair."""


class HandlerThreads:
    def __init__(self, count: int, max_payload: int, wake: Callable[[], None]) -> None:
        self._max_payload = max_payload
        self._room = _QUEUE + count
        self._wake = wake
        self._waking = False
        self._requests: SimpleQueue[Request] = SimpleQueue()
        self._outcomes: deque[tuple[Request, bytes | float]] = deque()
        self.pending = 0
        """Steps submitted whose outcomes were not yet taken."""
        for _ in range(count):
            # Daemons: a handler that never ends must not keep the process from its end.
            threading.Thread(target=self._work, name="handlers", daemon=True).start()

    def has_room(self) -> bool:
        """Whether more steps may be submitted. The others wait with their connections, so that all
        of these get their turns, and whose caller reads no answers makes no more of them."""
        return self.pending < self._room

    def submit(self, request: Request) -> None:
        """Has the next step of the request's handler run. For the worker's own thread."""
        self.pending += 1
        self._requests.put(request)

    def take_outcomes(self) -> list[tuple[Request, bytes | float]]:
        """Returns the outcomes that are new. For the worker's own thread, when woken."""
        self._waking = False  # before the look, so that what comes after it wakes again
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
    """Waits until the request is cancelled or the time is over, in any thread but the worker's."""
    if seconds <= 0:
        return
    if request.event is None:
        request.event = threading.Event()
    if not request.is_cancelled:  # set before event is looked at, see Server._cancel
        request.event.wait(seconds)
