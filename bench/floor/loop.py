"""The smallest framed JSON loop: no dispatch, no errors, one connection.

With the argument "epoll" it waits for that connection as a worker of many connections has to. With
"msgspec" it reads and writes JSON by that package, as the bundled worker does, so that what differs
is what a worker does beside. Else it uses the standard library, as a person would first.

Without google_crc32c it has its checksums from zlib: another sum at the same price for a small
message, and in C as well. The other side of the loop then does the same.
"""

import select
import socket
import struct
import sys
from json import JSONDecoder, JSONEncoder
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]

from peer import ready, socket_path

try:
    from google_crc32c import value as crc32c

    checksum_of = "google_crc32c"
except ImportError:
    from zlib import crc32 as crc32c

    checksum_of = "zlib"

header = struct.Struct(">2sIQI")
scan = JSONDecoder().scan_once  # type: ignore[attr-defined]
write = c_make_encoder(
    None, JSONEncoder().default, encode_basestring, None, ":", ",", False, False, False
)


def answer(conn: socket.socket, epoll: bool, by_msgspec: bool) -> None:
    if by_msgspec:
        from msgspec.json import Decoder, Encoder  # noqa: PLC0415 - only where asked for

        decode, encode = Decoder().decode, Encoder().encode
    unpack, pack, join, recv = header.unpack_from, header.pack, "".join, conn.recv
    parts: list[bytes] = []
    have = missing = 0
    waiting = select.epoll()
    waiting.register(conn.fileno(), select.EPOLLIN)
    waiting.register(listener.fileno(), select.EPOLLIN)
    wait = waiting.poll
    while True:
        if epoll:
            wait()
        data = recv(1 << 16)
        if not data:
            return
        if parts:
            parts.append(data)
            have += len(data)
            if have < missing:
                continue
            data = b"".join(parts)
            parts.clear()
        answers = []
        start, end = 0, len(data)
        missing = 0
        while end - start >= 18:
            magic, length, request_id, checksum = unpack(data, start)
            if end - start < length:
                missing = length
                break
            payload = data[start + 18 : start + length]
            if magic != b"PY" or crc32c(payload) != checksum:
                return
            if by_msgspec:
                request = decode(payload)
                payload = encode({"id": request["id"], "ok": True, "body": request["body"]})
            else:
                request, _ = scan(payload.decode(), 0)
                body = join(write(request["body"], 0))
                payload = f'{{"id":{request["id"]!r},"ok":true,"body":{body}}}'.encode()
            answers.append(pack(b"PY", 18 + len(payload), request_id, crc32c(payload)) + payload)
            start += length
        have = end - start
        if have:
            parts.append(data[start:])
            missing = missing or 18
        if answers:
            conn.sendall(b"".join(answers))


listener = socket.socket(socket.AF_UNIX)
listener.bind(socket_path)
listener.listen()
ready(checksum_of)
answer(listener.accept()[0], "epoll" in sys.argv[2:], "msgspec" in sys.argv[2:])
