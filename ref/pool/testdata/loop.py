"""The least that answers `echo` in the enhanced framing: what the benchmarks measure against.

No dispatch, no errors, one connection at a time. It sums, reads and writes JSON the way the
bundled worker does, so that what differs is what a worker and a pool do beside.
"""

import os
import socket
import struct
import sys
from json import JSONDecoder, JSONEncoder
from json.encoder import c_make_encoder, encode_basestring

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../../pyworker/src/pyproctest_worker"))

from crc32c import crc32c  # noqa: E402

header = struct.Struct(">2sIQI")
scan = JSONDecoder().scan_once
write = c_make_encoder(
    None, JSONEncoder().default, encode_basestring, None, ":", ",", False, False, False
)


def answer(conn: socket.socket) -> None:
    unpack, pack, join, recv = header.unpack_from, header.pack, "".join, conn.recv
    rest = bytearray()
    missing = 0
    while True:
        data = recv(1 << 16)
        if not data:
            return
        if rest:
            rest += data
            missing -= len(data)
            if missing > 0:
                continue
            data = bytes(rest)
            rest.clear()
        answers = []
        start, end = 0, len(data)
        missing = 0
        while end - start >= 18:
            magic, length, request_id, checksum = unpack(data, start)
            if end - start < length:
                missing = length - (end - start)
                break
            payload = data[start + 18 : start + length]
            if magic != b"PY" or crc32c(payload) != checksum:
                return
            request, _ = scan(payload.decode(), 0)
            text = '{"id":%d,"ok":true,"body":%s}'
            text %= (request["id"], join(write(request["body"], 0)))
            payload = text.encode()
            answers.append(pack(b"PY", 18 + len(payload), request_id, crc32c(payload)) + payload)
            start += length
        rest += data[start:]
        missing = missing or 18 - len(rest)
        if answers:
            conn.sendall(b"".join(answers))


listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["PYPROC_SOCKET_PATH"])
listener.listen()
while True:
    connection, _ = listener.accept()
    answer(connection)
