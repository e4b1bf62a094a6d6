"""An adapter for a framer in Python: pyproctest_worker's codec over a stream of its own.

PYTHONPATH must lead to that package. With --fault NAME the framer has that fault.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable

from pyproctest_worker import framing

Outcome = dict[str, Any]

fault = sys.argv[2] if len(sys.argv) > 2 else ""


class Broken(Exception):
    """What the stream fails with."""


class Framer:
    """Reads and writes the frames of one stream: a function that brings bytes, b"" at the end and
    None where the peer is silent, and one that takes them."""

    def __init__(
        self,
        kind: str,
        limit: int,
        read: Callable[[], bytes | None],
        write: Callable[[bytes], None],
    ) -> None:
        self.kind, self.limit = kind, limit
        self.bring, self.take = read, write
        self.decoder = framing.Decoder(kind, limit)
        self.frames: list[tuple[int, bytes]] = []
        self.kept = bytearray()
        self.ended = False
        self.turn = threading.Lock()
        self.broken: Exception | None = None

    def read(self) -> tuple[int, bytes] | str:
        """Returns a frame, or the kind of what came instead."""
        while not self.frames:
            if self.decoder.error is not None:
                return self.decoder.error
            if self.ended:
                return "eof"
            data = self.bring()
            if data is None:
                return "waiting"
            if data:
                self.frames = self.decoder.feed(data)
                if fault == "memory for the claimed length":
                    self.kept = bytearray(self.decoder.missing)
            else:
                self.ended = True
                self.decoder.end()
        return self.frames.pop(0)

    def write(self, request_id: int, payload: bytes) -> None:
        data = framing.encode_frame(self.kind, request_id, payload, self.limit)
        if fault == "no lock":
            size = len(data) - len(payload)
            self.take(data[:size])
            self.take(data[size:])
            return
        with self.turn:
            if self.broken is not None:
                raise self.broken
            try:
                self.take(data)
            except Broken as error:
                self.broken = error
                raise


def decode(request: dict[str, Any]) -> Outcome:
    chunks: Iterator[bytes] = filter(None, map(bytes.fromhex, request["chunks"]))

    def bring() -> bytes | None:
        data = next(chunks, b"")
        if data or request["then"] == "eof":
            return data
        if request["then"] == "error":
            raise Broken("the stream broke")
        return None

    framer = Framer(request["framing"], limit_of(request), bring, lambda data: None)
    reads: list[Outcome] = []
    behind = -1  # the read that gives no frame is none behind it
    while behind < request.get("again", 0) and len(reads) < 10_000:
        try:
            got = framer.read()
        except Broken as error:
            reads.append({"kind": "io", "text": str(error)})
        else:
            if isinstance(got, str):
                reads.append({"kind": got})
            else:
                reads.append({"kind": "frame", "id": str(got[0]), "payload": got[1].hex()})
        if reads[-1]["kind"] == "waiting":
            break
        if reads[-1]["kind"] != "frame" or behind >= 0:
            behind += 1
    return {"reads": reads}


def encode(request: dict[str, Any]) -> Outcome:
    frames, writers, accept = request["frames"], request.get("writers", 1), request.get("accept")
    writes: list[str] = []
    given = 0
    failed = False

    def take(data: bytes) -> None:
        nonlocal given, failed
        writes.append(data.hex())
        if writers > 1 and accept is None:
            time.sleep(0)  # others write meanwhile
        given += len(data)
        if accept is not None and given > accept and not failed:
            failed = True
            raise Broken("the stream broke")

    framer = Framer(request["framing"], limit_of(request), lambda: None, take)
    results: list[Outcome] = [{} for _ in frames]

    def write(first: int) -> None:
        for i in range(first, len(frames), writers):
            try:
                framer.write(int(frames[i]["id"]), bytes.fromhex(frames[i]["payload"]))
                results[i] = {"kind": "ok"}
            except framing.FrameError as error:
                results[i] = {"kind": error.kind, "text": str(error)}
            except Broken as error:
                results[i] = {"kind": "io", "text": str(error)}

    threads = [threading.Thread(target=write, args=(i,)) for i in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"writes": writes, "results": results}


def limit_of(request: dict[str, Any]) -> int:
    limit: int = request.get("max_payload", framing.DEFAULT_MAX_PAYLOAD)
    return limit


def answer(request: dict[str, Any]) -> Outcome:
    if request["do"] == "hello":
        return {"role": "framer", "name": "pyproctest_worker.framing"}
    if request["do"] == "decode":
        return decode(request)
    if request["do"] == "encode":
        return encode(request)
    return {"refused": f"unknown command {request['do']}"}


for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"tag": request["tag"], **answer(request)}), flush=True)
