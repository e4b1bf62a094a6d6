"""The public pyproc-worker package with the methods that a conformance run calls [WRK-21]."""

from __future__ import annotations

import os
import time
from typing import Any

from pyproc_worker import expose, run_worker


@expose
def echo(body: Any) -> Any:
    return body


@expose
def fail(body: Any) -> None:
    raise RuntimeError(body["message"])


@expose
def sleep(body: Any) -> str:  # the package has no way to tell a handler that it was cancelled
    time.sleep(body["ms"] / 1000)
    return "slept"


@expose
def pid(body: Any) -> int:
    return os.getpid()


@expose
def blob(body: Any) -> str:
    return "x" * int(body["size"])


@expose
def unserializable(body: Any) -> object:
    return object()


@expose
def exit(body: Any) -> None:
    os._exit(body["code"])


@expose
def inflight(body: Any) -> int:
    return 0  # one handler runs at a time, and that is this one


run_worker()
