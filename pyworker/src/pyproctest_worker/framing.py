"""Frames on a byte stream, in both framings: a decoder that takes bytes as they come, and encoders.

It can be used alone: it knows bytes, but not sockets or messages.
"""

from __future__ import annotations

from struct import Struct

from .crc32c import crc32c

ENHANCED = "enhanced"
BASIC = "basic"

DEFAULT_MAX_PAYLOAD = 10485760  # [FRM-13]
MAX_PAYLOAD_LIMIT = 0x50590000  # [FRM-14]
MAX_REQUEST_ID = 2**64 - 1

BAD_MAGIC = "bad_magic"
BAD_LENGTH = "bad_length"
TOO_LARGE = "too_large"
TRUNCATED = "truncated"
BAD_CRC = "bad_crc"

MAGIC = b"PY"
ENHANCED_HEADER = Struct(">2sIQI")  # magic, length of the whole frame, request ID, CRC32C [FRM-1]
BASIC_HEADER = Struct(">I")  # length of the payload [FRM-4]

_unpack_enhanced = ENHANCED_HEADER.unpack_from
_unpack_basic = BASIC_HEADER.unpack_from
_pack_enhanced = ENHANCED_HEADER.pack
_pack_basic = BASIC_HEADER.pack


class FrameError(Exception):
    """A frame that may not be written; `kind` is one of the protocol's error kinds."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Decoder:
    """Reads the frames of one stream, given its bytes in pieces of any size [STR-4].

    With framing None the first two bytes of the stream decide the framing [STR-7].
    """

    __slots__ = ("framing", "max_payload", "error", "missing", "_partial")

    def __init__(self, framing: str | None = None, max_payload: int = DEFAULT_MAX_PAYLOAD) -> None:
        self.framing = framing
        self.max_payload = max_payload
        self.error: str | None = None
        """The kind of the first framing error. It is final: no frame follows [STR-3]."""
        self.missing = 0
        """How many bytes of the frame that has begun are still to come, as far as is known."""
        self._partial = (
            bytearray()
        )  # grows with the bytes that arrived, not with the claimed length [WRK-23]

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Takes the next bytes of the stream and returns the frames they complete, each as request
        ID (0 in the basic framing) and payload. Frames before an error are returned too, see
        `error`."""
        if self._partial:
            self._partial += data
            self.missing -= len(data)
            if self.missing > 0:  # so that reading byte by byte stays linear
                return []
            data = bytes(self._partial)
            self._partial.clear()
            self.missing = 0
        frames: list[tuple[int, bytes]] = []
        if self.framing != ENHANCED or self.error is not None:
            return self._feed_other(data, frames)
        position, end, needed = 0, len(data), 18
        while end - position >= 18:
            magic, length, request_id, checksum = _unpack_enhanced(data, position)
            # The order of the checks is [FRM-9]'s.
            if magic != MAGIC:
                return self._fail(BAD_MAGIC, frames)
            if length < 18:
                return self._fail(BAD_LENGTH, frames)
            if length - 18 > self.max_payload:
                return self._fail(TOO_LARGE, frames)
            after = position + length
            if after > end:
                needed = length
                break
            payload = data[position + 18 : after]
            if crc32c(payload) != checksum:
                return self._fail(BAD_CRC, frames)
            frames.append((request_id, payload))
            position = after
        if position < end:
            self._keep(data[position:], needed)
        return frames

    def kept(self) -> int:
        """Returns how many bytes of the frame that has begun are here."""
        return len(self._partial)

    def end(self) -> None:
        """Records that the stream has ended: inside a frame that is an error [STR-2]."""
        if self._partial and self.error is None:
            self._fail(TRUNCATED, [])

    def _feed_other(self, data: bytes, frames: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        if self.error is not None:
            return frames
        if self.framing is None:
            if len(data) < len(MAGIC):
                self._keep(data, len(MAGIC))
                return frames
            self.framing = ENHANCED if data.startswith(MAGIC) else BASIC
            return self.feed(data)
        position, end, needed = 0, len(data), 4
        while end - position >= 4:
            (length,) = _unpack_basic(data, position)
            if length > self.max_payload:
                return self._fail(TOO_LARGE, frames)
            after = position + 4 + length
            if after > end:
                needed = 4 + length
                break
            frames.append((0, data[position + 4 : after]))
            position = after
        if position < end:
            self._keep(data[position:], needed)
        return frames

    def _keep(self, rest: bytes, needed: int) -> None:
        self._partial += rest
        self.missing = needed - len(rest)

    def _fail(self, kind: str, frames: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        self.error = kind
        self._partial.clear()
        return frames


def decode_stream(
    data: bytes, framing: str | None = None, max_payload: int = DEFAULT_MAX_PAYLOAD
) -> tuple[list[tuple[int, bytes]], str | None]:
    """Reads a whole stream: its frames, and the kind of the error that ended it, or None."""
    decoder = Decoder(framing, max_payload)
    frames = decoder.feed(data)
    decoder.end()
    return frames, decoder.error


def encode_enhanced(request_id: int, payload: bytes) -> bytes:
    """Returns an enhanced frame. The caller has checked the length of the payload [FRM-12]."""
    return _pack_enhanced(MAGIC, 18 + len(payload), request_id, crc32c(payload)) + payload


def encode_basic(request_id: int, payload: bytes) -> bytes:
    """Returns a basic frame, which has no place for the request ID."""
    return _pack_basic(len(payload)) + payload


def encode_frame(
    framing: str, request_id: int, payload: bytes, max_payload: int = DEFAULT_MAX_PAYLOAD
) -> bytes:
    """Returns a frame; raises FrameError with kind too_large if payload is over max_payload."""
    if len(payload) > max_payload:
        raise FrameError(TOO_LARGE, f"payload of {len(payload)} bytes is over {max_payload}")
    encode = encode_enhanced if framing == ENHANCED else encode_basic
    return encode(request_id, payload)
