"""A worker whose handlers show what the package does with them.

python3 probing_worker.py [--threads N] [--grace S] [--max-payload N] [--poll] [--async]
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

options = argparse.ArgumentParser()
options.add_argument("--threads", type=int, default=0)
options.add_argument("--grace", type=float, default=5.0)
options.add_argument("--max-payload", type=int, default=10485760)
options.add_argument("--slow", type=float, default=5.0)
options.add_argument("--max-memory", type=int)
options.add_argument("--recursion-limit", type=int)
options.add_argument("--debug", action="store_true")
options.add_argument("--poll", action="store_true")
options.add_argument("--no-pidfd", action="store_true")
options.add_argument("--async", action="store_true", dest="is_async")
given = options.parse_args()
if given.recursion_limit:
    sys.setrecursionlimit(given.recursion_limit)
if given.debug:
    import logging

    logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s")
if given.is_async:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from tests.as_async import expose_as_async
if given.poll and hasattr(select, "epoll"):
    del select.epoll  # as on macOS

if given.no_pidfd and hasattr(os, "pidfd_open"):
    del os.pidfd_open

from pyproctest_worker import (  # noqa: E402
    Cancelled,
    current_request,
    expose,
    inflight,
    run_worker,
)


def report(what: str) -> None:
    """Tells the test, which reads standard error, whatever else this process does."""
    os.write(2, f"{what}\n".encode())


@expose
def echo(body: Any) -> Any:
    return body


@expose("inflight")
def count_running(body: Any) -> int:
    return inflight()


@expose
def sleep(body: Any) -> Generator[float, None, str]:
    report(f"started {body['name']}")
    try:
        yield body["seconds"]
    except Cancelled:
        report(f"cancelled {body['name']}")
        raise
    return str(body["name"])


@expose
def stubborn(body: Any) -> Generator[float, None, str]:
    """Goes on after it was cancelled."""
    report(f"started {body}")
    try:
        yield 3600
    except Cancelled:
        yield 0.01
        yield 0.01
        report(f"ended {body}")
    return f"{body}, cancelled: {current_request().cancelled}"


@expose
def wait(body: Any) -> bool:
    """Waits in its own thread."""
    report(f"started {body['name']}")
    cancelled = current_request().wait(body["seconds"])
    if cancelled:
        report(f"cancelled {body['name']}")
    return cancelled


@expose
def compute(body: Any) -> str:
    """Computes until it is cancelled, and asks now and then."""
    report(f"started {body['name']}")
    request = current_request()
    while not request.cancelled:
        sum(range(1000))
    report(f"cancelled {body['name']}")
    return str(body["name"])


@expose
def block(body: Any) -> None:
    """Waits for something that knows of no cancellation, and goes on after signals."""
    report(f"started {body['name']}")
    time.sleep(body["seconds"])


@expose
def spin(body: Any) -> None:
    """Computes, and asks nothing."""
    report(f"started {body['name']}")
    while True:
        pass


@expose
def same_request(body: Any) -> bool:
    request = current_request()
    return not request.wait(0.01) and request is current_request() and request.id == body


@expose
def current_outside(body: Any) -> str:
    """What current_request() says in a thread that serves no request."""
    said: list[str] = []

    def ask() -> None:
        try:
            current_request()
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return said[0]


@expose
def exits(body: Any) -> None:
    raise SystemExit(3)


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@expose
def mute(body: Any) -> None:
    raise MuteError


@expose
def fail(body: str) -> None:
    raise RuntimeError(body)


@expose
def yields_nonsense(body: Any) -> Generator[Any, None, None]:
    try:
        yield body
    finally:
        report("closed")


@expose
def fails_with(body: Any) -> None:
    """Raises an exception whose argument is what came."""
    raise KeyError(body)


@expose
def fails_deep(body: Any) -> None:
    raise ValueError(RESULTS[body])


@expose
def yields_result(body: Any) -> Generator[Any, None, None]:
    yield RESULTS[body]


@expose
def modules(body: list[str]) -> list[str]:
    """Which of these modules are imported."""
    return [name for name in body if name in sys.modules]


@expose
def take_long(body: float) -> str:
    time.sleep(body)
    return "done"


@expose
def take_long_often(body: float) -> Generator[float, None, str]:
    for _ in range(3):
        time.sleep(body)
        yield 0.0
    return "done"


@expose
def signal_every_millisecond(body: Any) -> str:
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    return "begun"


@expose
def fails_later(body: Any) -> Generator[float, None, None]:
    yield 0.0
    raise RuntimeError("later")


RESULTS: dict[str, Any] = {
    "set": {1},
    "nan": float("nan"),
    "infinity": [float("-inf")],
    "bytes": b"",
    "surrogate": "a\ud800b\u00e9",
    "tuple key": {(1, 2): 3},
    "deep": None,
    "circular": [],
    "wide circular": {},
    "huge integer": 10**5000,
    "big integer": 2**64 - 1,
    "unicode": "h\u00e9\u4e16\U0001f600",
}
RESULTS["circular"].append(RESULTS["circular"])
RESULTS["wide circular"].update({"a": [RESULTS["wide circular"]] * 3, "b": (RESULTS["circular"],)})
for _ in range(100_000):
    RESULTS["deep"] = [RESULTS["deep"]]


@expose
def result(body: str) -> Any:
    return RESULTS[body]


big_answers: list[int] = []


@expose
def big(body: int) -> str:
    big_answers.append(body)
    return "x" * body


@expose("big answers")
def count_big_answers(body: Any) -> int:
    return len(big_answers)


@expose
def change_folder(body: str) -> None:
    os.chdir(body)


@expose
def pid(body: Any) -> int:
    return os.getpid()


@expose
def fork_and_stop_child(body: Any) -> int:
    """Forks a child that waits for SIGTERM, and sends it that. Returns how the child ended."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, b"\0")
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    os.kill(child, 15)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    if given.is_async:
        # What generators may not yield is no business of others.
        expose_as_async(but=("yields_nonsense", "yields_result"))
    run_worker(
        threads=given.threads,
        grace=given.grace,
        max_payload=given.max_payload,
        slow=given.slow,
        max_memory=given.max_memory,
    )
