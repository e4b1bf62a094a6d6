"""The process of a worker: from its start to the last of its traces."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess

from options import Options

TAIL = 4096  # bytes of standard error that are kept
LONGEST_PATH = 103  # bytes of a socket path that every system takes
PIPES_TIMEOUT = 0.2  # a child of the worker's may hold the pipes for ever


class WorkerProcess(asyncio.SubprocessProtocol):
    """Made by spawn. Its output is always read, and dropped but for the end [OUT-1]."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.pid, self.running = 0, True
        self.exited: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.SubprocessTransport
        self._tail = b""

    @classmethod
    async def spawn(cls, options: Options) -> WorkerProcess:
        path = os.path.join(options.socket_dir, f"pp{secrets.token_hex(6)}")
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise OSError(f"{path} is over {LONGEST_PATH} bytes: set a shorter socket_dir")
        transport, process = await asyncio.get_running_loop().subprocess_exec(
            lambda: cls(path),
            *options.command,
            env={**os.environ, **options.env, "PYPROC_SOCKET_PATH": path},  # [STA-10]
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        process._transport, process.pid = transport, transport.get_pid()
        return process

    async def stop(self, timeout: float) -> None:
        """Send SIGTERM, and SIGKILL to what stays [SHD-3]. Return when the process is reaped."""
        self._signal(signal.SIGTERM)
        await asyncio.wait({self.exited}, timeout=timeout)
        self._signal(signal.SIGKILL)
        await asyncio.wait({self.exited})

    # Not by the transport, which in older Pythons may reap a process before its watcher does.
    def _signal(self, number: int) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    # What the event loop calls.

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._tail = (self._tail + data)[-TAIL:]

    def process_exited(self) -> None:
        self.running = False
        asyncio.get_running_loop().call_later(PIPES_TIMEOUT, self._over)

    def connection_lost(self, error: Exception | None) -> None:  # exited, and the pipes have ended
        self._over()

    def _over(self) -> None:
        if self.exited.done():
            return
        self._transport.close()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path)
        status = self._transport.get_returncode() or 0
        how = f"exited with status {status}" if status >= 0 else f"was ended by signal {-status}"
        tail = self._tail.decode(errors="replace").strip()
        self.exited.set_result(f"{how}; its standard error ended with: {tail}" if tail else how)
