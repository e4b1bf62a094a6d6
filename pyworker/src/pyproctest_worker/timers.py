"""Timers of one thread."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Timer:
    """A call of a function at a later time."""

    __slots__ = ("time", "function", "argument")

    def __init__(self, time: float, function: Callable[[Any], None], argument: object) -> None:
        self.time = time
        self.function: Callable[[Any], None] | None = function
        self.argument = argument

    def __lt__(self, other: Timer) -> bool:
        return self.time < other.time


class Timers(list[Timer]):
    """A heap of timers. Its owner calls call_due() when the first of them is due."""

    __slots__ = ("_dropped",)

    def __init__(self) -> None:
        super().__init__()
        self._dropped = 0

    def set(self, seconds: float, function: Callable[[Any], None], argument: object) -> Timer:
        """Calls function(argument) in that many seconds from now, see call_due."""
        timer = Timer(monotonic() + seconds, function, argument)
        heappush(self, timer)
        return timer

    def drop(self, timer: Timer) -> None:
        """Cancels a timer that has not been called."""
        timer.function = timer.argument = None
        self._dropped += 1
        if self._dropped > 64 and self._dropped > len(self) // 2:
            # Cancelled waits of hours must not pile up.
            self[:] = [timer for timer in self if timer.function is not None]
            heapify(self)
            self._dropped = 0

    def next(self) -> float:
        """Returns the time of the first timer. There must be one."""
        return self[0].time

    def call_due(self) -> None:
        now = monotonic()
        while self and self[0].time <= now:
            timer = heappop(self)
            if timer.function is None:
                self._dropped -= 1
            else:
                timer.function(timer.argument)
