"""run_worker: a worker process from its start to its end."""

from __future__ import annotations

import errno
import os
import sys
from _thread import allocate_lock
from math import inf
from types import CoroutineType, GeneratorType

from . import crc32c, handlers, log
from .codec import codec, is_installed
from .fork import end_child, fork
from .framing import DEFAULT_MAX_PAYLOAD, MAX_PAYLOAD_LIMIT
from .guardian import Guardian
from .listener import Listener, StartError
from .messages import describe
from .server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

_LEAST_MAX_PAYLOAD = 1024  # room for an error answer

DEFAULT_GRACE = 5.0
DEFAULT_SLOW = 5.0
_LEAST_DEFAULT_MEMORY = 1 << 28


def run_worker(
    socket_path: str | None = None,
    *,
    max_payload: int = DEFAULT_MAX_PAYLOAD,
    threads: int = 0,
    grace: float = DEFAULT_GRACE,
    slow: float = DEFAULT_SLOW,
    max_memory: int | None = None,
    default: Callable[[Any], Any] | None = None,
    on_start: Callable[[], object] | None = None,
) -> None:
    """Serves the exposed handlers until SIGTERM, SIGINT or the end of the parent or the lifeline.

    Call it last, in the main thread, under `if __name__ == "__main__":`. It listens at socket_path,
    or at PYPROC_SOCKET_PATH [WRK-1]. If it cannot, it says so on standard error and raises
    SystemExit with status 1.

    max_payload bounds the payload of a frame in bytes, in both directions. With threads=0 handlers
    run one after the other in the thread that reads the connections, else in that many threads.
    When stopped, it lets handlers finish for grace seconds [WRK-17] and returns; what still runs
    then ends with the process. A handler that holds its thread for more than slow seconds is
    logged; math.inf turns that off. max_memory bounds the bytes that wait in all connections
    together: requests that were read and not answered, and answers that callers have not read. It
    is 256 MiB or 8 times max_payload, whichever is more, unless set.

    default(value) is written in place of a part of a result that JSON does not know, as with
    json.dumps. on_start() is called before the worker listens, and may take as long as it needs. It
    may be async, and then shares the event loop with the handlers that are. If it raises, the
    worker says so on standard error and raises SystemExit with a status that is not 0.

    Raises ValueError if an option is out of range, TypeError if one is no function where it has to
    be, and RuntimeError when it is called while multiprocessing imports the main module in a child
    process.
    """
    max_memory = check_options(max_payload, threads, grace, slow, max_memory)
    _check_functions(default=default, on_start=on_start)
    _refuse_import_by_multiprocessing()
    if crc32c.IMPLEMENTATION == "table":
        _say("the package google-crc32c is missing: checksums are computed in Python, slowly")
    if not is_installed():
        _say("the package msgspec is missing: JSON is read and written by json, more slowly")
    _keep_freed_memory()
    codec.use_default(default)
    try:
        guardian = Guardian(grace)  # before there is a socket file to leave behind at a signal
        listener = Listener(socket_path or os.environ.get("PYPROC_SOCKET_PATH", ""))
    except (StartError, OSError) as error:
        _refuse_to_start(error)
    try:
        try:
            server = Server(
                listener,
                handlers.exposed,
                max_payload,
                threads,
                slow,
                max_memory,
                handlers.exposed_async,
            )
            fork.at_fork(server.abandon)
            start = _Start(server)
            guardian.watch(listener.remove, start.stop, server.interrupt)
            if on_start is not None:
                start.run(on_start)
            if handlers.exposed_async:
                server.event_loop()  # now, since importing asyncio takes long
            start.is_over()
            listener.listen()  # last, when nothing is missing any more
        except (StartError, OSError, RuntimeError) as error:  # RuntimeError: no thread can start
            _refuse_to_start(error)
        server.serve()
    except BaseException as error:
        if fork.in_child:  # a signal's handler has forked, for example
            end_child(error)
        raise
    finally:
        fork.forget()
        listener.close()


class _Start:
    """The time before a worker listens. A signal then ends it at once: no caller waits for it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = allocate_lock()
        self._is_over = False

    def run(self, on_start: Callable[[], object]) -> None:
        """Calls on_start. If it raises, says so and raises SystemExit."""
        try:
            result = on_start()
            if type(result) is CoroutineType:
                self._server.event_loop().complete(result)
            elif type(result) is GeneratorType:
                raise TypeError("on_start is a generator function: it cannot yield")
        except BaseException as error:  # SystemExit too, which may have the status 0
            if fork.in_child:
                end_child(error)
            log.start_failed(error)
            _say(f"cannot start: on_start raised {describe(error)}")
            status = error.code if isinstance(error, SystemExit) else None
            is_status = isinstance(status, int) and status & 0xFF
            raise SystemExit(status if is_status else 1) from None
        if fork.in_child:
            end_child()

    def is_over(self) -> None:
        """To be called before there is a socket file."""
        with self._lock:
            self._is_over = True

    def stop(self, seconds: float) -> None:
        """Stops the worker, see Guardian."""
        with self._lock:
            if not self._is_over:
                os._exit(0)
        self._server.stop(seconds)


def _check_functions(**options: object) -> None:
    for name, option in options.items():
        if option is not None and not callable(option):
            raise TypeError(f"{name} is {option!r:.80}: it must be a function")


def check_options(
    max_payload: int, threads: int, grace: float, slow: float, max_memory: int | None
) -> int:
    """Returns max_memory, or its default. Raises ValueError if an option of run_worker is out of
    range."""
    if not _LEAST_MAX_PAYLOAD <= max_payload < MAX_PAYLOAD_LIMIT:  # [FRM-14]
        raise ValueError(
            f"max_payload is {max_payload}: it must be from {_LEAST_MAX_PAYLOAD} to"
            f" {MAX_PAYLOAD_LIMIT - 1} bytes"
        )
    if threads < 0:
        raise ValueError(f"threads is {threads}: it must be 0 or more")
    if not 0 < grace < inf:
        raise ValueError(f"grace is {grace}: it must be more than 0 seconds, and finite")
    if not slow > 0:
        raise ValueError(f"slow is {slow}: it must be more than 0 seconds")
    if max_memory is None:
        return max(_LEAST_DEFAULT_MEMORY, 8 * max_payload)
    if max_memory < max_payload:
        raise ValueError(
            f"max_memory is {max_memory}: it must be max_payload, {max_payload} bytes, or more"
        )
    return max_memory


def _refuse_import_by_multiprocessing() -> None:
    process = sys.modules.get("multiprocessing.process")
    # multiprocessing itself asks this before it lets such a child start processes.
    if process is not None and getattr(process.current_process(), "_inheriting", False):
        raise RuntimeError(
            "run_worker() was called while multiprocessing imports the main module in a child"
            " process, which would make a second worker of the child: call it under"
            ' `if __name__ == "__main__":`'
        )


def _keep_freed_memory() -> None:
    """Makes glibc's malloc keep some megabytes that were freed, for the next big message.

    By default it returns them to the system at once, and to get them again costs a message of a
    megabyte more than reading and writing its JSON. malloc takes the largest block that was ever
    freed as the measure. Elsewhere it does nothing. Of bytes that are all zero none is touched, so
    this takes neither memory nor time; a bytearray would take ten milliseconds of each start.
    """
    bytes(8 << 20)


def _refuse_to_start(error: Exception) -> NoReturn:
    text = str(error)
    if isinstance(error, OSError):
        text = error.strerror or text
        if error.errno in (errno.EMFILE, errno.ENFILE):
            text += ": a worker needs some ten descriptors and one for each connection;"
            text += " raise the limit (ulimit -n)"
    _say(f"cannot start: {text}")
    raise SystemExit(1) from None


def _say(text: str) -> None:
    print(f"pyproctest-worker: {text}", file=sys.stderr, flush=True)
