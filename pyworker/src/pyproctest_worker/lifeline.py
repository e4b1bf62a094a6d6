"""The lifeline of a worker: a stream that ends when the pool that started it is gone [WRK-19].

This is imported before the rest of the package, so that it watches while that and the user's own
modules are imported.
"""

from __future__ import annotations

import os
import sys
from _thread import start_new_thread
from stat import S_ISFIFO, S_ISSOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

VARIABLE = "PYPROC_LIFELINE_FD"

_PROCESS, _PARENT = os.getpid(), os.getppid()


def parent() -> int:
    """Returns the process that started this one. One that ended before this module was imported
    cannot be known: another process has taken its place then."""
    return _PARENT if os.getpid() == _PROCESS else os.getppid()


class Lifeline:
    """The inherited descriptor that VARIABLE names, and a thread that reads it until its end."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._watcher = 0
        """The process whose thread watches: a forked child has no such thread."""
        self._at_end: Callable[[], None] | None = None

    def take(self) -> None:
        """Takes the descriptor, so that no child inherits it, and begins to watch.

        A value that cannot be used is reported and ignored. A process between the pool and this one
        may have closed the descriptor and passed the variable on. The worker is as useful then, and
        still watches the process that started it.
        """
        value = os.environ.pop(VARIABLE, None)
        if value is None:
            return
        try:
            if not (value.isascii() and value.isdigit()):
                raise ValueError("is not a descriptor's number")
            self._descriptor = _checked(int(value))
        except ValueError as error:
            _say(
                f"{VARIABLE}={value[:40]!r} {error}, so it is ignored: set it to the number of the"
                " read end of an inherited pipe, or unset it"
            )
            return
        self._watch()

    def at_end(self, function: Callable[[], None]) -> None:
        """Makes the end of the lifeline call function(). Without this it ends the process."""
        self._at_end = function
        if self._descriptor >= 0 and self._watcher != os.getpid():
            self._watch()

    def close(self) -> None:
        """Closes the descriptor, in a forked child that is not the worker."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _watch(self) -> None:
        self._watcher = os.getpid()
        start_new_thread(self._await_end, ())

    def _await_end(self) -> None:
        while True:
            try:
                if not os.read(self._descriptor, 512):  # what is written to it is ignored
                    break
            except BlockingIOError:
                from select import POLLIN, poll

                waiting = poll()
                waiting.register(self._descriptor, POLLIN)
                waiting.poll()
            except ConnectionError:
                break
            except OSError:  # this process closed the descriptor
                return
        if self._at_end is None:
            os._exit(0)
        self._at_end()


def _checked(descriptor: int) -> int:
    """Returns an open descriptor of a pipe or socket that can be read; raises ValueError."""
    try:
        mode = os.fstat(descriptor).st_mode
        if not (S_ISFIFO(mode) or S_ISSOCK(mode)):
            raise ValueError("is neither a pipe nor a socket")
        os.read(descriptor, 0)
        os.set_inheritable(descriptor, False)
    except (OSError, OverflowError) as error:
        raise ValueError(f"is not an open descriptor to read from ({error})") from None
    return descriptor


def _say(text: str) -> None:
    if sys.stderr is not None:
        print(f"pyproctest-worker: {text}", file=sys.stderr, flush=True)


lifeline = Lifeline()
lifeline.take()
