"""gRPC with a unary call that carries a string, handlers in its thread pool."""

from concurrent import futures
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from peer import ready, socket_path


def echo(request: Any, context: Any) -> Any:
    return StringValue(value=request.value)


handler = grpc.unary_unary_rpc_method_handler(
    echo, StringValue.FromString, StringValue.SerializeToString
)
server = grpc.server(futures.ThreadPoolExecutor())
server.add_generic_rpc_handlers(
    [grpc.method_handlers_generic_handler("bench.Echo", {"Call": handler})]
)
server.add_insecure_port("unix:" + socket_path)
server.start()
ready()
server.wait_for_termination()
