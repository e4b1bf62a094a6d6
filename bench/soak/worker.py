"""The Python worker of the soak: the bundled worker, with handlers that write down what they run
and that misbehave when they are asked to."""

from __future__ import annotations

import os
import socket
import struct
import sys
import time

from pyproctest_worker import expose, run_worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any


def journal() -> int:
    """Opens the file of this process's runs, 8 bytes each, which outlives a SIGKILL."""
    folder = os.environ.get("SOAK_JOURNAL", "")
    if not folder:
        return os.open(os.devnull, os.O_WRONLY)
    path = os.path.join(folder, f"{os.getpid()}-{time.time_ns()}")
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)


def write_down(n: int) -> None:
    os.write(JOURNAL, struct.pack("<Q", n))


@expose
def run(body: Any) -> Any:
    write_down(body["n"])
    return body


@expose
def wait(body: Any) -> Generator[float, None, Any]:
    write_down(body["n"])
    yield body["ms"] / 1000
    return body


@expose
def fail(body: Any) -> None:
    write_down(body["n"])
    raise RuntimeError(f"#{body['n']}#")


def connections() -> Iterator[socket.socket]:
    """Finds the connections that this process has accepted."""
    for name in os.listdir("/proc/self/fd"):
        try:
            found = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with found:
            try:
                found.getpeername()
                if found.getsockname() == os.environ["PYPROC_SOCKET_PATH"]:
                    yield found
            except OSError:
                continue


def spoil(body: Any, data: bytes, end: bool) -> None:
    if body["spare"] == os.getpid():
        return
    for connection in connections():
        try:
            connection.send(data, socket.MSG_DONTWAIT)
            if end:
                connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


@expose
def garbage(body: Any) -> None:
    spoil(body, b"PX\xff\xff\xff\xff what is no frame in any framing", end=False)


@expose
def half(body: Any) -> None:
    spoil(
        body, b"PY\x00\x00\x01\x00\x00\x00" if body["enhanced"] else b"\x00\x00\x01\x00{", end=True
    )


def main() -> None:
    mode = os.environ.get("SOAK_FAIL", "")
    if mode == "one":
        try:
            os.mkdir(os.environ["SOAK_FAIL_ONCE"])
            mode = "exit"
        except FileExistsError:
            pass
    if mode == "exit":
        raise SystemExit("this worker was asked to fail")
    if mode == "silent":
        starter = os.getppid()
        while os.getppid() == starter:
            time.sleep(1)
        return
    run_worker()


if __name__ == "__main__":
    JOURNAL = journal()
    main()
    sys.exit(0)
