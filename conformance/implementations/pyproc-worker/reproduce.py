"""Shows by hand, with raw bytes and without the suite, what pyproc-worker does wrong.

python3 reproduce.py PYTHON, where PYTHON has the package. Exit status 0: each fault showed itself.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

WORKER = Path(__file__).with_name("worker.py")
QUIET = 2.0  # seconds after which nothing more is taken to come
FAULTS: list[tuple[str, str, Callable[[Worker], bool]]] = []


class Worker:
    """One process of the worker, at a path of its own."""

    def __init__(self, python: str, folder: str) -> None:
        self.python = python
        self.path = os.path.join(folder, "w.sock")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *within: str) -> subprocess.Popen[bytes]:
        environment = dict(os.environ, PYPROC_SOCKET_PATH=self.path)
        self.process = subprocess.Popen(
            [*within, self.python, str(WORKER)], env=environment, stderr=subprocess.DEVNULL
        )
        return self.process

    def connect(self) -> socket.socket:
        """Connects, once the worker accepts connections."""
        if self.process is None:
            self.start()
        deadline = time.monotonic() + 30
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self.path)
                connection.settimeout(QUIET)
                return connection
            except OSError:
                connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def writable_memory(self) -> int:
        """Returns the bytes that the process has set aside, 0 where the system does not say."""
        assert self.process is not None
        try:
            lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        except OSError:
            return 0
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData"))

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def show(direction: str, data: bytes) -> None:
    text = repr(data[4:84])[1:]
    more = f" and {len(data) - 84} bytes more" if len(data) > 84 else ""
    print(f"  {direction} {data[:4].hex(' ')} {text}{more}")


def ask(connection: socket.socket, payload: bytes) -> bytes:
    """Sends one frame and returns the payload of the next that comes, or b"" where nothing does."""
    show("sent", frame(payload))
    try:
        connection.sendall(frame(payload))
        return receive(connection)
    except OSError as error:
        print(f"  came nothing: {error}")
        return b""


def receive(connection: socket.socket) -> bytes:
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
        more = connection.recv(1 << 16)
        if not more:
            print("  came the end of the connection")
            return b""
        data += more
    show("came", data)
    return data[4:]


def fault(clauses: str, says: str) -> Callable[[Callable[[Worker], bool]], None]:
    def add(check: Callable[[Worker], bool]) -> None:
        FAULTS.append((clauses, says, check))

    return add


RIGHT = b'{"id":9,"method":"echo","body":1}'


@fault("MSG-1 MSG-2 MSG-4 MSG-9 RID-8", "a request in an envelope is answered under its ID, not 0")
def envelope(worker: Worker) -> bool:
    message = b'{"type":"request","payload":{"id":7,"method":"echo","body":1}}'
    return b'"id": 0, "ok": false' in ask(worker.connect(), message)


@fault("MSG-3", "with a type and a payload it is an envelope: the answer is due under 50")
def envelope_beside_fields(worker: Worker) -> bool:
    inner = b'{"id":50,"method":"echo","body":1}'
    message = b'{"id":51,"method":"fail","body":{},"type":"request","payload":' + inner + b"}"
    return b'"id": 51' in ask(worker.connect(), message)


@fault("MSG-6", "an absent body is null")
def absent_body(worker: Worker) -> bool:
    return b'"body": {}' in ask(worker.connect(), b'{"id":7,"method":"echo"}')


@fault("MSG-8", "NaN is malformed and never sent")
def nan(worker: Worker) -> bool:
    return b"NaN" in ask(worker.connect(), b'{"id":7,"method":"echo","body":NaN}')


@fault("MSG-8", "Infinity is never sent")
def infinity(worker: Worker) -> bool:
    return b"Infinity" in ask(worker.connect(), b'{"id":7,"method":"echo","body":1e999}')


@fault("MSG-10", "an ID that is a string is no readable ID")
def string_id(worker: Worker) -> bool:
    return b'"ok": true' in ask(worker.connect(), b'{"id":"7","method":"echo","body":1}')


def unreadable(payload: bytes) -> Callable[[Worker], bool]:
    """After an error answer the connection goes on; here it stays open and silent."""

    def check(worker: Worker) -> bool:
        connection = worker.connect()
        return b'"ok": false' in ask(connection, payload) and ask(connection, RIGHT) == b""

    return check


GOES_ON = "has an error answer, and the connection goes on"
DEEP = b"[" * 100_000 + b"]" * 100_000
fault("MSG-9", f"deep nesting {GOES_ON}")(
    unreadable(b'{"id":7,"method":"echo","body":' + DEEP + b"}")
)
fault("MSG-11", f"malformed JSON {GOES_ON}")(unreadable(b'{"id":7'))
fault("MSG-11", f"malformed UTF-8 {GOES_ON}")(unreadable(b'{"id":7,"method":"\xff"}'))
fault("MSG-11", f"an array {GOES_ON}")(unreadable(b"[]"))
fault("MSG-11", f"a method that is no string {GOES_ON}")(unreadable(b'{"id":7,"method":[]}'))


@fault("MSG-11 RID-8", "where the ID can be read the error answer bears it")
def method_no_string(worker: Worker) -> bool:
    return b'"id": 0' in ask(worker.connect(), b'{"id":7,"method":["echo"]}')


@fault("MSG-1 WRK-12 RID-8", "a result that cannot be encoded has an error answer under its ID")
def unserializable(worker: Worker) -> bool:
    connection = worker.connect()
    answer = ask(connection, b'{"id":7,"method":"unserializable"}')
    return b'"id": 0' in answer and ask(connection, RIGHT) == b""


@fault("CAN-6", "a cancellation is never answered")
def cancellation(worker: Worker) -> bool:
    return ask(worker.connect(), b'{"type":"cancellation","payload":{"id":7}}') != b""


@fault("WRK-13", "an answer over 10485760 bytes is replaced by an error answer")
def over_max_payload(worker: Worker) -> bool:
    request = b'{"id":7,"method":"blob","body":{"size":10485760}}'
    return len(ask(worker.connect(), request)) > 10485760


@fault("WRK-4", "where a live process owns the socket a worker does not start")
def live_owner(worker: Worker) -> bool:
    with socket.socket(socket.AF_UNIX) as owner:
        owner.bind(worker.path)
        owner.listen()
        inode = os.stat(worker.path).st_ino
        worker.start()
        return replaced(worker, lambda: os.stat(worker.path).st_ino != inode)


@fault("WRK-5", "what is no socket is not removed")
def regular_file(worker: Worker) -> bool:
    Path(worker.path).write_text("precious")
    worker.start()
    return replaced(worker, lambda: stat.S_ISSOCK(os.stat(worker.path).st_mode))


def replaced(worker: Worker, is_other: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if is_other():
                print(f"  {worker.path} was removed, and is the worker's socket now")
                return True
        except FileNotFoundError:
            pass
        time.sleep(0.02)
    return False


@fault("WRK-6", "the socket file has mode 0600")
def mode(worker: Worker) -> bool:
    worker.connect()
    bits = stat.S_IMODE(os.stat(worker.path).st_mode)
    print(f"  the mode is {bits:04o}")
    return bits != 0o600


@fault("WRK-8 and all that is not known", "a second connection is served beside an idle one")
def second_connection(worker: Worker) -> bool:
    first, second = worker.connect(), worker.connect()
    print("  on the second of two connections:")
    silent = ask(second, RIGHT) == b""
    first.close()
    print("  when the first was closed:")
    return silent and receive(second) != b""


@fault("WRK-7", "64 connections are served at once")
def many_connections(worker: Worker) -> bool:
    connections = [worker.connect()]
    for number in range(2, 65):
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            connection.connect(worker.path)
        except BlockingIOError as error:
            print(f"  connection {number}: {error}")
            return True
        connections.append(connection)
    return False


def stays_open(connection: socket.socket) -> bool:
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        print(f"  the connection is still open {QUIET:.0f} s later")
        return True
    print("  it is closed")
    return False


@fault("WRK-15", "a claim of more than 10485760 bytes closes the connection")
def claim_over_max_payload(worker: Worker) -> bool:
    connection = worker.connect()
    header = struct.pack(">I", 1 << 24)
    print(f"  sent {header.hex(' ')}")
    connection.sendall(header)
    return stays_open(connection)


@fault("WRK-15 WRK-14", "a header cut off by the end of the stream closes the connection")
def cut_off(worker: Worker) -> bool:
    connection = worker.connect()
    print("  sent 00, and the end of what is sent")
    connection.sendall(b"\0")
    connection.shutdown(socket.SHUT_WR)
    return stays_open(connection)


@fault("WRK-23", "memory is set aside for bytes that arrive, and not for a length that is claimed")
def claimed_memory(worker: Worker) -> bool:
    connection = worker.connect()
    ask(connection, b'{"id":7,"method":"echo","body":1}')
    before = worker.writable_memory()
    connection.sendall(struct.pack(">I", 9 << 20) + b"x")
    print("  sent 00 90 00 00 and one byte of 9 MB")
    stays_open(connection)
    grown = worker.writable_memory() - before
    print(f"  {grown >> 20} MB more are set aside")
    return grown > 8 << 20


@fault("WRK-17", "on SIGTERM it ends with status 0 and removes its socket file")
def sigterm(worker: Worker) -> bool:
    worker.connect()
    process = worker.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    left = process.wait(timeout=30), os.path.exists(worker.path)
    print(f"  the status is {left[0]}; its socket file is {'still there' if left[1] else 'gone'}")
    return left[0] != 0 and left[1]


@fault("WRK-19", "it is gone 5 s after the process that started it has died")
def orphan(worker: Worker) -> bool:
    parent = worker.start("/bin/sh", "-c", '"$@" & echo $! >"$PYPROC_SOCKET_PATH.pid"; wait', "sh")
    worker.connect()
    child = int(Path(worker.path + ".pid").read_text())
    parent.kill()
    parent.wait()
    time.sleep(6)
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        return False
    print("  6 s later it still ran")
    return True


def main(python: str) -> int:
    missing = 0
    for clauses, says, check in FAULTS:
        print(f"{clauses}: {says}")
        with tempfile.TemporaryDirectory(prefix="pp") as folder:
            worker = Worker(python, folder)
            try:
                shown = check(worker)
            except TimeoutError:
                shown = False
            finally:
                worker.stop()
        print(f"  {'that does not hold' if shown else 'it holds: the fault did not show'}\n")
        missing += not shown
    print(f"{len(FAULTS) - missing} of {len(FAULTS)} faults showed themselves")
    return 1 if missing else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: reproduce.py PYTHON")
    sys.exit(main(sys.argv[1]))
