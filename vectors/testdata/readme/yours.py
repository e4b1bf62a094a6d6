"""The framer that the Python snippet of README.md imports as the user's own."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator


class FrameError(Exception):
    """A stream is refused; kind is one of the names of the specification."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def read_frames(
    stream: io.BytesIO, framing: str, max_payload: int
) -> Iterator[tuple[int, bytes]]:
    """Yield the ID and the payload of each frame until the stream ends."""
    layout = struct.Struct(">2sIQI" if framing == "enhanced" else ">I")
    while header := stream.read(layout.size):
        if len(header) < layout.size:
            raise FrameError("truncated")
        magic, request_id, crc = b"PY", 0, None
        if framing == "enhanced":
            magic, length, request_id, crc = layout.unpack(header)
            size = length - layout.size
        else:
            (size,) = layout.unpack(header)
        if magic != b"PY":
            raise FrameError("bad_magic")
        if size < 0:
            raise FrameError("bad_length")
        if size > max_payload:
            raise FrameError("too_large")
        payload = stream.read(size)
        if len(payload) < size:
            raise FrameError("truncated")
        if crc is not None and crc != crc32c(payload):
            raise FrameError("bad_crc")
        yield request_id, payload


def crc32c(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF
