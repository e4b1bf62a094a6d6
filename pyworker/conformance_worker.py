#!/usr/bin/env python3
"""The worker that the conformance suite drives [WRK-21]. Runs from the source tree as it is:

python3 conformance_worker.py [--threads N] [--msgspec]

With --msgspec it reads and writes JSON by msgspec from the first message on.
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "src"))

from pyproctest_worker import expose, inflight, run_worker
from pyproctest_worker.codec import codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any


@expose
def echo(body: Any) -> Any:
    return body


@expose
def fail(body: Any) -> None:
    raise RuntimeError(body["message"])


@expose
def sleep(body: Any) -> Generator[float, None, str]:
    yield body["ms"] / 1000
    return "slept"


@expose
def pid(body: Any) -> int:
    return os.getpid()


@expose
def blob(body: Any) -> str:
    size: int = body["size"]
    return "x" * size


@expose
def unserializable(body: Any) -> object:
    return object()


@expose("exit")
def exit_now(body: Any) -> None:
    os._exit(body["code"])


@expose("inflight")
def count_running(body: Any) -> int:
    return inflight()


def main(arguments: list[str]) -> None:
    if "--msgspec" in arguments:
        arguments.remove("--msgspec")
        if not codec.load():
            raise SystemExit("msgspec cannot be imported")
    threads = 0
    if arguments[:1] == ["--threads"] and len(arguments) == 2 and arguments[1].isdigit():
        threads = int(arguments[1])
    elif arguments:
        raise SystemExit("usage: conformance_worker.py [--threads N] [--msgspec]")
    run_worker(threads=threads)


if __name__ == "__main__":
    main(sys.argv[1:])
