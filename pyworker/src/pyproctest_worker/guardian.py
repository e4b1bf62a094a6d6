"""A thread that watches for signals and for the death of the parent, whatever handlers do."""

from __future__ import annotations

import os
import select
import signal
from _thread import start_new_thread
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_PARENT = os.getppid()  # as early as can be: a parent that died before is not told from init

_ORPHAN_LIMIT = 4.0
"""Seconds an orphan may take to finish its requests, to be gone within 5 s [WRK-19]."""


_STOPPING = {signal.SIGTERM, signal.SIGINT}


class Guardian:
    """Watches over one worker process.

    On SIGTERM, on SIGINT and when the parent dies it calls retire(), and then stop(seconds). If the
    process is still there when that time is over, it ends it with status 0 [WRK-17] [WRK-19].
    It is a thread, and woken by the C part of Python's signal handling, so that a handler that
    holds up the worker's own thread does not hold up this.
    """

    def __init__(self, grace: float) -> None:
        """Takes over the signals, which wait until watch(). To be called in the main thread."""
        self._grace = grace
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        for number in _STOPPING:
            signal.signal(number, _ignore)
        # A child that a handler forks must not pass its own signals on to this process.
        os.register_at_fork(after_in_child=_release_signals)

    def watch(self, retire: Callable[[], None], stop: Callable[[float], None]) -> None:
        """Begins to watch."""
        start_new_thread(self._watch, (retire, stop))

    def _watch(self, retire: Callable[[], None], stop: Callable[[float], None]) -> None:
        seconds = self._wait()
        # Some of the time is kept for the end itself, so that it is within the grace period.
        deadline = monotonic() + seconds * 0.95
        retire()
        stop(seconds * 0.9)
        while monotonic() < deadline:
            sleep(min(max(deadline - monotonic(), 0.0), 3600.0))
        os._exit(0)

    def _wait(self) -> float:
        """Waits for the end to come, and returns the seconds until it must have come."""
        poller = select.poll()
        poller.register(self._read_end, select.POLLIN)
        parent = _open_process(_PARENT)
        if parent >= 0:
            poller.register(parent, select.POLLIN)
        timeout = None if parent >= 0 else 1000
        while True:
            if os.getppid() != _PARENT:
                return min(self._grace, _ORPHAN_LIMIT)
            for descriptor, _ in poller.poll(timeout):
                if descriptor == self._read_end and _STOPPING & set(os.read(descriptor, 64)):
                    return self._grace


def _ignore(number: int, frame: object) -> None:
    """Handles a signal in Python, so that it does not end the process: the guardian is told."""


def _release_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in _STOPPING:
        signal.signal(number, signal.SIG_DFL)


def _open_process(pid: int) -> int:
    """Returns a descriptor that becomes readable when the process ends, or -1."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not on this system, or it is dead: getppid() tells
        return -1
