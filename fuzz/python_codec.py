"""The codec of the Python worker, one question and one answer after the other on a pipe.

A question is a kind, `S` for a stream or `M` for a message, and its arguments; see questions in
python.go. Ends when its standard input does.
"""

from __future__ import annotations

import sys
from struct import Struct
from typing import BinaryIO

from pyproctest_worker.framing import BASIC, ENHANCED, Decoder, encode_frame
from pyproctest_worker.messages import Malformed, read_message

_STREAM = Struct(">BIII")  # basic, max_payload, bytes fed at a time, size of the stream
_SIZE = Struct(">I")
_FRAME = Struct(">QI")  # request ID, size of the payload


def main(questions: BinaryIO, answers: BinaryIO) -> None:
    while kind := questions.read(1):
        if kind == b"S":
            basic, max_payload, step, size = _STREAM.unpack(questions.read(_STREAM.size))
            framing = BASIC if basic else ENHANCED
            answer = answer_stream(framing, max_payload, step, questions.read(size))
        elif kind == b"M":
            (size,) = _SIZE.unpack(questions.read(_SIZE.size))
            answer = answer_message(questions.read(size))
        else:
            raise ValueError(f"no question is of kind {kind!r}")
        answers.write(_SIZE.pack(len(answer)) + answer)
        answers.flush()


def answer_stream(framing: str, max_payload: int, step: int, data: bytes) -> bytes:
    """The frames, each followed by what the encoder makes of it, then the kind of the error."""
    decoder = Decoder(framing, max_payload)
    frames: list[tuple[int, bytes]] = []
    for at in range(0, len(data), step):
        frames += decoder.feed(data[at : at + step])
    decoder.end()
    parts = [_SIZE.pack(len(frames))]
    for request_id, payload in frames:
        encoded = encode_frame(framing, request_id, payload, max_payload)
        parts += [_FRAME.pack(request_id, len(payload)), payload]
        parts += [_SIZE.pack(len(encoded)), encoded]
    parts.append((decoder.error or "").encode())
    return b"".join(parts)


def answer_message(payload: bytes) -> bytes:
    """Whether the payload is JSON in UTF-8."""
    try:
        read_message(payload)
    except Malformed as error:
        return str(error).encode()
    return b""


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
