from concurrent import futures

import grpc
from google.protobuf.wrappers_pb2 import StringValue


def echo(request, context):
    return StringValue(value=request.value)


server = grpc.server(futures.ThreadPoolExecutor())
server.add_generic_rpc_handlers(
    [
        grpc.method_handlers_generic_handler(
            "bench.Echo",
            {"Call": grpc.unary_unary_rpc_method_handler(echo, StringValue.FromString, StringValue.SerializeToString)},
        )
    ]
)
server.add_insecure_port("unix:" + socket_path)
server.start()
ready()
server.wait_for_termination()
