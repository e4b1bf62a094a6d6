"""MessagePack-RPC by aio-msgpack-rpc, which runs on asyncio."""

import asyncio
from typing import Any

from aio_msgpack_rpc import Server

from peer import ready, socket_path


class Handlers:
    def echo(self, body: Any) -> Any:
        return body


async def main() -> None:
    serve = Server(Handlers(), loop=asyncio.get_running_loop())
    server = await asyncio.start_unix_server(serve, socket_path)
    ready()
    await server.serve_forever()


asyncio.run(main())
