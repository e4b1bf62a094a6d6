"""JSON-RPC in lines, with nothing but the standard library: what net/rpc/jsonrpc speaks."""

import json
from socketserver import StreamRequestHandler, ThreadingMixIn, UnixStreamServer

from peer import ready, socket_path


class Lines(StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            request = json.loads(line)
            answer = {"id": request["id"], "result": request["params"][0], "error": None}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


server = Server(socket_path, Lines)
ready()
server.serve_forever()
