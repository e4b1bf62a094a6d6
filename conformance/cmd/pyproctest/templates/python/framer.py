#!/usr/bin/env python3
"""Adapter between the conformance suite and your framer.

Fill in the part under "Yours" and run

    pyproctest run --framer 'python3 framer.py'

A part that is not written yet is reported as not offered, never as right. The rest of the file
implements conformance/ADAPTERS.md; you need not change it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any


class NotWritten(Exception):
    """A part under "Yours" is not written yet."""


# --- Yours ----------------------------------------------------------------------------------------


NAME = "my framer"

# True if several threads may write to one framer at the same time.
THREADS_MAY_WRITE = False


def open_framer(stream: Stream, framing: str, max_payload: int | None) -> Any:
    """Make your framer over the stream, which has read(n), write(data) and flush().

    framing is "enhanced" or "basic". max_payload is in bytes; None asks for your default.
    """
    raise NotWritten("open_framer")


def read_frame(framer: Any) -> tuple[int, bytes] | None:
    """Read the next frame: its request ID, 0 in the basic framing, and its payload.

    Return None at a clean end. Do not catch your framer's errors: error_kind names them.
    """
    raise NotWritten("read_frame")


def write_frame(framer: Any, request_id: int, payload: bytes) -> None:
    """Write one frame and return when the stream has taken all of it."""
    raise NotWritten("write_frame")


def error_kind(error: Exception) -> str:
    """Name an error of your framer.

    It is one of bad_magic, bad_length, too_large, truncated, bad_crc and other.
    """
    return "other"


# --- The adapter protocol -------------------------------------------------------------------------


class StreamError(OSError):
    """The stream fails, because the suite asked for it."""


class Waiting(Exception):
    """The framer asks for more bytes than there will ever be."""


class Stream:
    """What the framer reads from and writes to."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.chunks = [bytes.fromhex(chunk) for chunk in request.get("chunks", [])]
        self.then: str = request.get("then", "eof")
        self.accept: int | None = request.get("accept")
        self.crowded = request.get("writers", 1) > 1 and self.accept is None
        self.waited = False
        self.writes: list[bytes] = []
        self.lock = threading.Lock()

    def read(self, size: int = 65536) -> bytes:
        """Return bytes of one chunk, at most size, and b"" at the end."""
        while self.chunks and not self.chunks[0]:
            self.chunks.pop(0)
        if self.chunks:
            data, self.chunks[0] = self.chunks[0][:size], self.chunks[0][size:]
            return data
        if self.then == "open":
            self.waited = True
            raise Waiting
        if self.then == "error":
            raise StreamError("the stream fails")
        return b""

    def write(self, data: bytes) -> int:
        """Take the bytes, or as many of them as the suite lets the stream take."""
        data = bytes(data)
        self.list(data)
        if self.crowded:  # so that frames of several writes mix unless the framer prevents it
            time.sleep(0)
        if self.accept is None:
            return len(data)
        left, self.accept = self.accept, self.accept - len(data)
        if self.accept >= 0:
            return len(data)
        self.accept = None
        raise StreamError(f"the stream has taken {left} of {len(data)} bytes")

    def list(self, data: bytes) -> None:
        with self.lock:
            self.writes.append(data)

    def flush(self) -> None:
        """Do nothing: every write goes out at once."""


def outcome(error: Exception, stream: Stream) -> dict[str, Any]:
    if isinstance(error, NotWritten):
        raise error
    if stream.waited:
        return {"kind": "waiting"}
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, StreamError):
        cause = cause.__cause__
    kind = error_kind(error)
    if kind == "other" and cause is not None:
        kind = "io"
    return {"kind": kind, "text": f"{type(error).__name__}: {error}"}


def read_once(framer: Any, stream: Stream) -> dict[str, Any]:
    try:
        frame = read_frame(framer)
    except Exception as error:
        return outcome(error, stream)
    if stream.waited:
        return {"kind": "waiting"}
    if frame is None:
        return {"kind": "eof"}
    return {"kind": "frame", "id": str(frame[0]), "payload": bytes(frame[1]).hex()}


def decode(request: dict[str, Any]) -> dict[str, Any]:
    stream = Stream(request)
    framer = open_framer(stream, request["framing"], request.get("max_payload"))
    reads = [read_once(framer, stream)]
    while reads[-1]["kind"] == "frame" and len(reads) < 10000:
        reads.append(read_once(framer, stream))
    for _ in range(request.get("again", 0)):
        if reads[-1]["kind"] == "waiting":
            break
        reads.append(read_once(framer, stream))
    return {"reads": reads}


def write_once(framer: Any, stream: Stream, frame: dict[str, str]) -> dict[str, Any]:
    try:
        write_frame(framer, int(frame["id"]), bytes.fromhex(frame["payload"]))
    except Exception as error:
        return outcome(error, stream)
    return {"kind": "ok"}


def encode(request: dict[str, Any]) -> dict[str, Any]:
    stream, frames, writers = Stream(request), request["frames"], request.get("writers", 1)
    if writers > 1 and not THREADS_MAY_WRITE:
        return {"unsupported": "one thread at a time may write"}
    framer = open_framer(stream, request["framing"], request.get("max_payload"))
    results: list[dict[str, Any]] = [{}] * len(frames)
    not_written: list[NotWritten] = []
    together = threading.Barrier(writers)

    def write(first: int) -> None:
        together.wait()
        try:
            for i in range(first, len(frames), writers):
                results[i] = write_once(framer, stream, frames[i])
        except NotWritten as error:
            not_written.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not_written:
        raise not_written[0]
    return {"writes": [data.hex() for data in stream.writes], "results": results}


class Endless(Stream):
    """Takes everything, and on it a frame comes again and again."""

    def __init__(self, frame: bytes) -> None:
        super().__init__({})
        self.block = frame * (32768 // len(frame) + 1)
        self.at = 0

    def read(self, size: int = 65536) -> bytes:
        data = self.block[self.at : self.at + size]
        self.at = (self.at + len(data)) % len(self.block)
        return data

    def write(self, data: bytes) -> int:
        return len(data)


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Write or read frames in a loop and time it, for pyproctest bench."""
    what, framing, count = request["what"], request["framing"], range(request["count"])
    payload, one = b"x" * request["size"], Stream({})
    write_frame(open_framer(one, framing, None), 7, payload)
    framer = open_framer(Endless(b"".join(one.writes)), framing, None)
    if what == "encode":
        began = time.perf_counter_ns()
        for _ in count:
            write_frame(framer, 7, payload)
        return {"took_ns": time.perf_counter_ns() - began}
    if what != "decode":
        return {"refused": f"measure cannot {what}"}
    frame = (0 if framing == "basic" else 7, len(payload))
    began = time.perf_counter_ns()
    for _ in count:
        got = read_frame(framer)
        if got is None or (got[0], len(got[1])) != frame:
            return {"failed": "another frame was read than is on the stream"}
    return {"took_ns": time.perf_counter_ns() - began}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    do = request.get("do")
    if do == "hello":
        return {"role": "framer", "name": NAME}
    try:
        if do == "decode":
            return decode(request)
        if do == "encode":
            return encode(request)
        if do == "measure":
            return measure(request)
    except NotWritten as error:
        return {"unsupported": f"{error} in framer.py is not written yet"}
    return {"refused": f"unknown command {do}"}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"tag": request["tag"], **answer(request)}), flush=True)


if __name__ == "__main__":
    main()
