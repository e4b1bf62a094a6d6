"""ZeroMQ REQ/REP, with JSON as its messages."""

import zmq

from peer import ready, socket_path

replies = zmq.Context().socket(zmq.REP)
replies.bind("ipc://" + socket_path)
ready()
while True:
    request = replies.recv_json()
    replies.send_json({"id": request["id"], "ok": True, "body": request["body"]})
