"""Sends back what comes: no frames, no checksum, no JSON. The size of a message is agreed."""

import socket
import sys

from peer import ready, socket_path

size = int(sys.argv[2])
listener = socket.socket(socket.AF_UNIX)
listener.bind(socket_path)
listener.listen()
ready()
conn = listener.accept()[0]
while True:
    data = conn.recv(size)
    if not data:
        break
    while len(data) < size:
        data += conn.recv(size - len(data))
    conn.sendall(data)
