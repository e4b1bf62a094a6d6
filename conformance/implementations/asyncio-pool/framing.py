"""Frames to bytes, and bytes to frames, in both framings."""

from __future__ import annotations

import struct
from collections.abc import Iterator

ENHANCED = struct.Struct("!2sIQI")  # magic, length of the whole frame, request ID, CRC32C [FRM-1]
BASIC = struct.Struct("!I")  # length of the payload [FRM-4]


class FrameError(Exception):
    """A framing error; kind is one of the names that SPEC.md gives."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


def encode(framing: str, request_id: int, payload: bytes) -> bytes:
    if framing == "basic":
        return BASIC.pack(len(payload)) + payload
    size = ENHANCED.size + len(payload)
    return ENHANCED.pack(b"PY", size, request_id, crc32c(payload)) + payload


class Decoder:
    """Makes frames of bytes, as they come. What it holds grows with what has arrived [FRM-11]."""

    def __init__(self, framing: str, max_payload: int) -> None:
        self._header = BASIC if framing == "basic" else ENHANCED
        self._max_payload = max_payload
        self._buffer = bytearray()

    def frames(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the request ID and the payload of each frame that is whole now.

        Raises FrameError, and must not be called again then [STR-3].
        """
        self._buffer += data
        start = self._header.size
        while len(self._buffer) >= start:
            request_id, size, crc = self._parse()
            if len(self._buffer) < start + size:
                return
            payload = bytes(self._buffer[start : start + size])
            del self._buffer[: start + size]
            if crc is not None and crc32c(payload) != crc:
                raise FrameError("bad_crc", f"the payload under ID {request_id} is damaged")
            yield request_id, payload

    def _parse(self) -> tuple[int, int, int | None]:
        # All that the header alone shows, in this order [FRM-9, FRM-10].
        request_id, crc = 0, None
        if self._header is BASIC:
            (size,) = BASIC.unpack_from(self._buffer)
        else:
            magic, size, request_id, crc = ENHANCED.unpack_from(self._buffer)
            if magic != b"PY":
                raise FrameError("bad_magic", f"{magic.hex()} in place of 5059")
            size -= ENHANCED.size
            if size < 0:
                raise FrameError("bad_length", f"{size + ENHANCED.size} is below 18")
        if size > self._max_payload:
            raise FrameError("too_large", f"{size} bytes, over the limit of {self._max_payload}")
        return request_id, size, crc


def _entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ 0x82F63B78 if value & 1 else value >> 1
    return value


_TABLE = [_entry(byte) for byte in range(256)]


def crc32c(data: bytes) -> int:
    """Return the CRC32C [CRC-1]. Python takes some 60 ms for a megabyte of it."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
