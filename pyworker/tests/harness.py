"""A worker process under test, and a caller of it that shows its bytes as they come."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

from pyproctest_worker.framing import BASIC, ENHANCED, Decoder, encode_frame

from . import TREE

CONFORMANCE_WORKER = os.path.join(TREE, "conformance_worker.py")
PROBING_WORKER = os.path.join(TREE, "tests", "probing_worker.py")

PATIENCE = 30.0
"""Seconds after which something that should have come counts as missing."""

NO_LIMIT = 1 << 28


class Worker:
    """A worker process, and the folder of its socket. A context manager."""

    def __init__(
        self,
        script: str = CONFORMANCE_WORKER,
        *arguments: str,
        path: str | None = None,
        lifeline: int | str | None = None,
    ) -> None:
        self.folder = tempfile.mkdtemp(prefix="pp")
        self.path = path or os.path.join(self.folder, "s")
        self._callers: list[Caller] = []
        self._errors = ""
        self.process = start([sys.executable, script, *arguments], self.path, None, lifeline)

    def __enter__(self) -> Worker:
        self.connect().close()
        return self

    def __exit__(self, *_: object) -> None:
        for caller in self._callers:
            caller.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()
        shutil.rmtree(self.folder)

    def connect(self, framing: str = ENHANCED) -> Caller:
        """Connects, once the worker listens."""
        caller = Caller(connect_when_ready(self.path, self.process), framing)
        self._callers.append(caller)
        return caller

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def exit_status(self) -> int:
        return self.process.wait(PATIENCE)

    def errors(self) -> str:
        """Waits for the end of the process and returns what it wrote to standard error."""
        while self._read_errors():
            pass
        return self._errors

    def await_line(self, line: str) -> None:
        """Waits until the process has written that line to standard error."""
        while f"{line}\n" not in self._errors:
            assert self._read_errors(), f"no line {line!r} came, but {self._errors!r}"

    def await_text(self, text: str) -> str:
        """Waits until the process has written that to standard error, and returns all it wrote."""
        while text not in self._errors:
            assert self._read_errors(), f"{text!r} did not come, but {self._errors!r}"
        return self._errors

    def forget_errors(self) -> None:
        """Makes the same lines as before count as missing until they come again."""
        self._errors = ""

    def has_line(self, line: str) -> bool:
        """Whether the process has written that line to standard error by now."""
        assert self.process.stderr is not None
        while select.select([self.process.stderr], [], [], 0)[0] and self._read_errors():
            pass
        return f"{line}\n" in self._errors

    def _read_errors(self) -> bool:
        assert self.process.stderr is not None
        readable, _, _ = select.select([self.process.stderr], [], [], PATIENCE)
        assert readable, f"nothing more came than {self._errors!r}"
        data = os.read(self.process.stderr.fileno(), 1 << 16)
        self._errors += data.decode()
        return bool(data)


def start(
    command: list[str],
    path: str | None,
    folder: str | None = None,
    lifeline: int | str | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a process with that socket path and, where lifeline is a number, that descriptor."""
    inherited = os.environ.items()
    environment = {k: v for k, v in inherited if not k.startswith("PYPROC_")}
    environment.pop("PYTHONUNBUFFERED", None)
    environment["PYTHONPATH"] = os.path.join(TREE, "src")
    if path is not None:
        environment["PYPROC_SOCKET_PATH"] = path
    if lifeline is not None:
        environment["PYPROC_LIFELINE_FD"] = str(lifeline)
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[lifeline] if isinstance(lifeline, int) else [],
    )


def connect_when_ready(path: str, process: subprocess.Popen[bytes]) -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(PATIENCE)
        try:
            sock.connect(path)
            return sock
        except OSError:
            sock.close()
        try:
            process.wait(0.005)  # a connect cannot wait for a listener; an exit ends the wait
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
            raise AssertionError(f"no worker listens at {path}") from None
        errors = process.stderr.read() if process.stderr else b""
        raise AssertionError(f"it exited with status {process.returncode}: {errors.decode()}")


class Caller:
    """One connection to a worker."""

    def __init__(self, sock: socket.socket, framing: str = ENHANCED) -> None:
        self.socket = sock
        self.framing = framing
        self._decoder = Decoder(framing, NO_LIMIT)
        self._frames: list[tuple[int, bytes]] = []

    def close(self) -> None:
        self.socket.close()

    def frame(self, request_id: int, message: object, header_id: int | None = None) -> bytes:
        if header_id is None:
            header_id = request_id
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        return encode_frame(self.framing, header_id, payload, NO_LIMIT)

    def request(self, request_id: int, method: str, body: Any = None) -> bytes:
        return self.frame(request_id, {"id": request_id, "method": method, "body": body})

    def cancellation(self, request_id: int) -> bytes:
        return self.frame(
            request_id, {"type": "cancellation", "payload": {"id": request_id, "reason": "test"}}
        )

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def receive_frame(self) -> tuple[int, bytes] | None:
        """Returns the next frame; None at the end of the stream."""
        while not self._frames:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                self._decoder.end()
                assert self._decoder.error in (None, "truncated"), self._decoder.error
                return None
            self._frames = self._decoder.feed(data)
            assert self._decoder.error is None, self._decoder.error
        return self._frames.pop(0)

    def receive(self) -> dict[str, Any]:
        """Returns the next answer, whose two IDs must agree."""
        frame = self.receive_frame()
        assert frame is not None, "the worker closed the connection"
        answer: dict[str, Any] = json.loads(frame[1])
        inner = answer.get("payload", answer)
        if self.framing == ENHANCED:
            assert inner["id"] == frame[0], f"{frame[0]} in the header, {inner['id']} in the answer"
        return answer

    def receive_all(self, count: int) -> dict[int, dict[str, Any]]:
        """Returns that many answers, by their IDs."""
        answers: dict[int, dict[str, Any]] = {}
        while len(answers) < count:
            answer = self.receive()
            assert answer["id"] not in answers, f"a second answer with the ID {answer['id']}"
            answers[answer["id"]] = answer
        return answers

    def call(self, request_id: int, method: str, body: Any = None) -> Any:
        """Sends a request, receives its answer and returns its body."""
        self.send(self.request(request_id, method, body))
        answer = self.receive()
        assert answer["id"] == request_id, answer
        assert answer["ok"] is True, answer
        return answer["body"]

    def call_error(self, request_id: int, method: str, body: Any = None) -> str:
        """Sends a request, receives its error answer and returns its text."""
        self.send(self.request(request_id, method, body))
        answer = self.receive()
        assert answer["id"] == request_id, answer
        assert answer["ok"] is False, answer
        error: str = answer["error"]
        return error

    def is_closed(self) -> bool:
        """Waits for the end of the connection; False if a frame comes instead."""
        return self.receive_frame() is None


FRAMINGS = (ENHANCED, BASIC)
# Without checksums: in Python alone they would take most of the time of tests that send much.
BULK = BASIC
