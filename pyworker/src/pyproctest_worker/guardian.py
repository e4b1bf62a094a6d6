"""A thread that watches for signals and for the end of the parent, whatever handlers do."""

from __future__ import annotations

import os
import select
import signal
from _thread import start_new_thread
from math import inf
from time import monotonic

from .fork import fork
from .lifeline import lifeline, parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_ORPHAN_LIMIT = 4.0
"""Seconds an orphan may take to finish its requests, to be gone within 5 s [WRK-19]."""

_LONGEST_POLL = 3600.0
_PARENT_INTERVAL = 1.0
"""Seconds between two looks at the parent, where the system does not report its end."""

_STOPPING = {signal.SIGTERM, signal.SIGINT}


class Guardian:
    """Watches over one worker process.

    On SIGTERM, on SIGINT, when the parent dies and when the lifeline ends, it calls retire() and
    then stop(seconds). If the process still runs when that time is over, it ends the process with
    status 0 [WRK-17] [WRK-19]. It calls interrupt() on every other signal. It is a thread, and
    woken by the C part of Python's signal handling, so that a handler that holds up the worker's
    own thread does not hold up this one.
    """

    def __init__(self, grace: float) -> None:
        """Takes over the signals, which wait until watch(). To be called in the main thread."""
        self._grace = grace
        self._is_orphan = False
        self._parent = parent()
        self._parent_descriptor = -1
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        for number in _STOPPING:
            signal.signal(number, _ignore)
        fork.at_fork(self._release)
        lifeline.at_end(self._lifeline_ended)

    def watch(
        self,
        retire: Callable[[], None],
        stop: Callable[[float], None],
        interrupt: Callable[[], None],
    ) -> None:
        """Begins to watch."""
        start_new_thread(self._watch, (retire, stop, interrupt))

    def _watch(
        self,
        retire: Callable[[], None],
        stop: Callable[[float], None],
        interrupt: Callable[[], None],
    ) -> None:
        poller = select.poll()
        poller.register(self._read_end, select.POLLIN)
        descriptor = self._parent_descriptor = _open_process(self._parent)
        if descriptor >= 0:
            poller.register(descriptor, select.POLLIN)
        longest = _LONGEST_POLL if descriptor >= 0 else _PARENT_INTERVAL
        end = inf  # when the process must have ended
        was_orphan = False
        while monotonic() < end:
            seconds = inf
            if not was_orphan and (self._is_orphan or os.getppid() != self._parent):
                was_orphan = True
                seconds = min(self._grace, _ORPHAN_LIMIT)
                if descriptor >= 0:
                    poller.unregister(descriptor)
            else:
                left = min(max(end - monotonic(), 0.0), longest)
                for ready, _ in poller.poll(int(left * 1000) + 1):
                    if ready == self._read_end:
                        if _STOPPING & set(os.read(ready, 64)) and end == inf:
                            seconds = self._grace
                        interrupt()
            # Some of the time is kept for the end itself, so that it is within the grace period.
            if monotonic() + seconds * 0.95 < end:
                end = monotonic() + seconds * 0.95
                retire()
                stop(seconds * 0.9)
        os._exit(0)

    def _lifeline_ended(self) -> None:
        self._is_orphan = True
        try:
            os.write(self._write_end, b"\0")  # no signal has this number
        except BlockingIOError:
            pass  # there is enough to wake up for

    def _release(self) -> None:
        """Gives up the signals and all descriptors in a forked child, whose signals are its own."""
        signal.set_wakeup_fd(-1)
        for number in _STOPPING:
            signal.signal(number, signal.SIG_DFL)
        lifeline.close()
        for descriptor in (self._read_end, self._write_end, self._parent_descriptor):
            if descriptor >= 0:
                os.close(descriptor)


def _ignore(number: int, frame: object) -> None:
    """Handles a signal in Python, so that it does not end the process; the guardian sees it."""


def _open_process(pid: int) -> int:
    """Returns a descriptor that becomes readable when the process ends, or -1."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not on this system, or it is dead, which getppid() shows
        return -1
