"""Timers of one thread."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Timer:
    """One call of a function, to come."""

    __slots__ = ("time", "function", "argument")

    def __init__(self, time: float, function: Callable[[Any], None], argument: object) -> None:
        self.time = time
        self.function: Callable[[Any], None] | None = function
        self.argument = argument

    def __lt__(self, other: Timer) -> bool:
        return self.time < other.time


class Timers:
    """Timers, of which the owner calls those that are due."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._dropped = 0

    def __bool__(self) -> bool:
        return bool(self._heap)

    def set(self, seconds: float, function: Callable[[Any], None], argument: object) -> Timer:
        """Has function(argument) called in that many seconds from now."""
        timer = Timer(monotonic() + seconds, function, argument)
        heappush(self._heap, timer)
        return timer

    def drop(self, timer: Timer) -> None:
        """Takes a timer back that has not been called."""
        timer.function = timer.argument = None
        self._dropped += 1
        if self._dropped > 64 and self._dropped > len(self._heap) // 2:
            # Cancelled waits of hours must not pile up.
            self._heap = [timer for timer in self._heap if timer.function is not None]
            heapify(self._heap)
            self._dropped = 0

    def next(self) -> float:
        """Returns the time of the first timer. There must be one."""
        return self._heap[0].time

    def call_due(self) -> None:
        now = monotonic()
        while self._heap and self._heap[0].time <= now:
            timer = heappop(self._heap)
            if timer.function is None:
                self._dropped -= 1
            else:
                timer.function(timer.argument)
