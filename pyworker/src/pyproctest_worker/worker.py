"""run_worker: a worker process from its start to its end."""

from __future__ import annotations

import os
import sys

from . import crc32c, handlers
from .framing import DEFAULT_MAX_PAYLOAD, MAX_PAYLOAD_LIMIT
from .guardian import Guardian
from .listener import Listener, StartError
from .server import Server

_LEAST_MAX_PAYLOAD = 1024  # room for an error answer


def run_worker(
    socket_path: str | None = None,
    *,
    max_payload: int = DEFAULT_MAX_PAYLOAD,
    threads: int = 0,
    grace: float = 5.0,
) -> None:
    """Serves the exposed handlers until SIGTERM, SIGINT or the death of the parent process.

    Call it in the main thread, last. It listens at socket_path, or at PYPROC_SOCKET_PATH [WRK-1];
    where it cannot, it says so on standard error and raises SystemExit with status 1. max_payload
    is in bytes and bounds frames both ways. With threads=0 handlers run one after the other in the
    thread that reads the connections, else in that many threads. When stopped, it lets handlers
    end for grace seconds [WRK-17], then returns; whatever runs on is then ended with the process.
    """
    check_options(max_payload, threads, grace)
    if crc32c.IMPLEMENTATION == "table":
        _say("the package google-crc32c is missing: checksums are computed in Python, slowly")
    _keep_freed_memory()
    guardian = Guardian(grace)  # before anyone can connect, and signal
    try:
        listener = Listener(socket_path or os.environ.get("PYPROC_SOCKET_PATH", ""))
    except StartError as error:
        _say(f"cannot start: {error}")
        raise SystemExit(1) from None
    try:
        server = Server(listener, handlers.exposed, max_payload, threads)
        guardian.watch(listener.remove, server.stop)
        server.serve()
    finally:
        listener.close()


def check_options(max_payload: int, threads: int, grace: float) -> None:
    """Raises ValueError where an option of run_worker is out of its range."""
    if not _LEAST_MAX_PAYLOAD <= max_payload < MAX_PAYLOAD_LIMIT:  # [FRM-14]
        raise ValueError(f"max_payload is from {_LEAST_MAX_PAYLOAD} to {MAX_PAYLOAD_LIMIT - 1}")
    if threads < 0:
        raise ValueError("threads is 0 or more")
    if not 0 < grace < float("inf"):
        raise ValueError("grace is more than 0 seconds, and finite")


def _keep_freed_memory() -> None:
    """Has glibc's malloc keep some megabytes that were freed, for the next big message.

    It gives them back to the system at once by default, and to get them anew costs a message of a
    megabyte more than reading and writing its JSON. The largest block that was ever freed tells
    malloc what is big; this one is not touched, so it takes no memory. Elsewhere it does nothing.
    """
    bytearray(8 << 20)


def _say(text: str) -> None:
    print(f"pyproctest-worker: {text}", file=sys.stderr, flush=True)
