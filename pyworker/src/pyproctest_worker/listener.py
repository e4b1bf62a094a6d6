"""The listening socket and its file: bound safely, removed only by its owner."""

from __future__ import annotations

import errno
import os
import socket
import stat
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PATH_LIMIT = 107  # bytes on Linux; on systems with a lower limit bind fails

_READ_TIMEOUT = Struct("ll").pack(0, 1000)
"""Seconds and microseconds after which a read that waits gives up, see Server._stay. The system
rounds them up to its ticks, which are 1 to 10 ms."""

_BATCH = 64
"""Connections accepted at a time, so that callers that keep connecting do not hold up others."""


class StartError(Exception):
    """Why a worker refuses to start: what is wrong, where, and what to do."""


class Listener:
    """A listening Unix socket at a path."""

    def __init__(self, path: str) -> None:
        """Checks the path, and leaves the file system alone until listen(). Raises StartError if
        the path cannot be used [WRK-3] [WRK-4]."""
        if not path:
            raise StartError("no socket path: set PYPROC_SOCKET_PATH")
        if len(os.fsencode(path)) > _PATH_LIMIT:
            raise StartError(f"the socket path is over {_PATH_LIMIT} bytes, use a shorter: {path}")
        self._address = path
        self._path = os.path.abspath(path)  # a handler may change the directory
        self._identity: tuple[int, int] | None = None  # before there is a file, and after it
        self._owner = os.getpid()  # a forked child has this object too
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.setblocking(False)

    def listen(self) -> None:
        """Listens. From here on callers connect, so nothing may come after this that can keep the
        worker from serving them. Raises StartError if the path cannot be used [WRK-3] [WRK-5]."""
        path = self._address
        _remove_stale(path)
        umask = os.umask(0o177)  # so the file has mode 0600 from its first moment [WRK-6]
        try:
            self.socket.bind(path)
            self._identity = _identity(path)
        except OSError as error:
            raise StartError(f"cannot listen at {path}: {error.strerror or error}") from None
        finally:
            os.umask(umask)
        self.socket.listen(1024)

    def accept(self) -> Iterator[socket.socket]:
        """Yields the connections that wait. Raises OSError when the system has no descriptor free;
        the callers then stay in the kernel's queue."""
        for _ in range(_BATCH):
            try:
                sock, _ = self.socket.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            sock.setblocking(True)  # reads and writes that must not wait say so themselves
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _READ_TIMEOUT)
            yield sock

    def close(self) -> None:
        """Stops accepting connections and removes the socket file. May be called twice."""
        self.socket.close()
        self.remove()

    def remove(self) -> None:
        """Removes the socket file, once, and unless another worker's file is there by now."""
        identity = self._identity
        if identity is None or os.getpid() != self._owner:
            return
        self._identity = None
        try:
            if _identity(self._path) == identity:
                os.unlink(self._path)
        except OSError:
            pass


def _identity(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _remove_stale(path: str) -> None:
    """Removes a socket file that no process listens on [WRK-2]; raises StartError if anything
    else is there."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartError(f"cannot use the socket path {path}: {error.strerror}") from None
    if not stat.S_ISSOCK(status.st_mode):
        raise StartError(f"{path} exists and is not a socket: remove it or use another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a live listener with a full backlog must not hold us up
        result = probe.connect_ex(path)
    if result == errno.ENOENT:
        return
    if result != errno.ECONNREFUSED:
        what = (
            "a live process listens there" if result in (0, errno.EAGAIN) else os.strerror(result)
        )
        raise StartError(f"cannot take over the socket {path}: {what}")
    try:
        if _identity(path) == (status.st_dev, status.st_ino):
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StartError(f"cannot remove the stale socket {path}: {error.strerror}") from None
