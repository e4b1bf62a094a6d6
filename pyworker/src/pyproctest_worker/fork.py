"""Children that handlers fork: they keep nothing that belongs to the worker, and do not answer."""

from __future__ import annotations

import os
import signal
import sys
from _thread import get_ident

from . import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, NoReturn


class Fork:
    """What happens in a child that this process forks while it serves."""

    def __init__(self) -> None:
        self.in_child = False
        """Whether this process is such a child."""
        self._was_in_child = False
        self._releases: list[Callable[[], None]] = []
        self._registered = False
        self._masks: dict[int, set[int]] = {}
        """The signals that threads which fork have blocked otherwise."""

    def at_fork(self, release: Callable[[], None]) -> None:
        """Makes every forked child call release(), to close what belongs to the worker.

        Programs that are executed after a fork, by subprocess for example, inherit none of it.
        """
        if not self._releases:  # a worker begins to serve, which may be such a child itself
            self._was_in_child, self.in_child = self.in_child, False
        self._releases.append(release)
        if not self._registered:
            self._registered = True
            os.register_at_fork(
                before=self._before,
                after_in_parent=self._unblock,
                after_in_child=self._after,
            )

    def forget(self) -> None:
        """Undoes at_fork(), when the process has stopped serving."""
        if self._releases:
            self._releases.clear()
            self.in_child = self._was_in_child

    def _before(self) -> None:
        if not self._releases:
            return
        _flush()  # so that the child does not write what is in the buffers a second time
        # A signal that is sent to the child before it has released the worker's would be lost, and
        # taken for one to the worker.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        self._masks[get_ident()] = before

    def _unblock(self) -> None:
        before = self._masks.pop(get_ident(), None)
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _after(self) -> None:
        if not self._releases:
            self._unblock()
            return
        self.in_child = True
        for release in self._releases:
            try:
                release()
            except OSError:
                pass
        self._releases.clear()
        self._unblock()


def end_child(error: BaseException | None = None) -> NoReturn:
    """Ends a child that has left its handler. error is what it raised. There is no answer, and
    nothing that is registered for the end of the process runs, since that is for the worker."""
    status = 0
    try:
        if isinstance(error, SystemExit):
            status = _status(error)
        elif error is not None:
            status = 1
            log.child_failed(error)
        _flush()
    finally:
        os._exit(status)


def _status(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # there is none, or it is closed
            pass


fork = Fork()
