#!/usr/bin/env python3
"""A worker for conformance runs: your library with the methods that the suite calls [WRK-21].

Fill in serve() and run

    pyproctest run --worker 'python3 worker.py'
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

# A method gets the body of the request, and an event that is set when it is cancelled [CAN-5].
Method = Callable[[Any, threading.Event], Any]


# --- Yours ----------------------------------------------------------------------------------------


def serve(path: str, methods: dict[str, Method]) -> None:
    """Listen on the Unix socket at path and serve these methods, and health, until SIGTERM.

    Use only your library for this, since the suite tests it. What a method returns is the body of
    the answer; what it raises is the error of the answer.
    """
    sys.exit("worker.py: serve() is not written yet")


# --- The methods ----------------------------------------------------------------------------------


_running: list[None] = []  # one entry for each running call; inflight counts them


def counted(method: Method) -> Method:
    """Count the calls of a method that are running."""

    @functools.wraps(method)
    def call(body: Any, cancelled: threading.Event) -> Any:
        _running.append(None)
        try:
            return method(body, cancelled)
        finally:
            _running.pop()

    return call


def echo(body: Any, cancelled: threading.Event) -> Any:
    return body


def fail(body: Any, cancelled: threading.Event) -> Any:
    raise RuntimeError(body["message"])


def sleep(body: Any, cancelled: threading.Event) -> Any:
    if cancelled.wait(body["ms"] / 1000):
        raise RuntimeError("cancelled")
    return None


def pid(body: Any, cancelled: threading.Event) -> Any:
    return os.getpid()


def blob(body: Any, cancelled: threading.Event) -> Any:
    return "x" * int(body["size"])


def unserializable(body: Any, cancelled: threading.Event) -> Any:
    return object()


def leave(body: Any, cancelled: threading.Event) -> Any:
    os._exit(body["code"])


def inflight(body: Any, cancelled: threading.Event) -> Any:
    return len(_running)


METHODS: dict[str, Method] = {
    "echo": counted(echo),
    "fail": counted(fail),
    "sleep": counted(sleep),
    "pid": counted(pid),
    "blob": counted(blob),
    "unserializable": counted(unserializable),
    "exit": counted(leave),
    "inflight": inflight,
}


if __name__ == "__main__":
    socket_path = os.environ.get("PYPROC_SOCKET_PATH")
    if not socket_path:
        sys.exit("worker.py: PYPROC_SOCKET_PATH is not set [WRK-3]")
    serve(socket_path, METHODS)
