import asyncio

from aio_msgpack_rpc import Server


class Handlers:
    def echo(self, body):
        return body


async def main():
    server = await asyncio.start_unix_server(Server(Handlers(), loop=asyncio.get_running_loop()), socket_path)
    ready()
    await server.serve_forever()


asyncio.run(main())
