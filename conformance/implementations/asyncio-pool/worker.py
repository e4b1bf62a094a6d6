"""One of a pool's workers: its process, its connections, its health and its restarts."""

from __future__ import annotations

import asyncio
import random
from typing import Protocol

from connection import Call, Connection, Owner
from options import Options, PoolError, StartFailed
from process import WorkerProcess

POLL = 0.01


class Pool(Owner, Protocol):
    """What a worker needs of its pool."""

    def new_call(self, method: str, body: object) -> Call:
        """Return a call with an ID of its own."""

    def checked(self) -> None:
        """A check has ended."""

    def died(self, worker: Worker, text: str) -> None:
        """The process has ended."""


class Worker:
    def __init__(self, index: int, options: Options, pool: Pool) -> None:
        self.healthy = False
        self.restarts = 0
        self._index = index
        self._options = options
        self._pool = pool
        self._process: WorkerProcess | None = None
        self._starting: asyncio.Task[None] | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._stopped = asyncio.get_running_loop().create_future()
        self._connection: Connection | None = None
        self._checking: Connection | None = None  # a health call would wait behind other calls
        self._deaths = 0  # since a process lasted
        self._ready_at: float | None = None
        self._checks: asyncio.Task[None] | None = None

    @property
    def free(self) -> bool:
        load = self._connection.load if self._connection else 0
        return self.healthy and load < self._options.max_in_flight

    def send(self, call: Call) -> None:
        """Send a call, over a new connection where the last one has ended."""
        if self._connection is None or self._connection.ended:
            self._connection = self._connect()
        self._connection.send(call)

    def start(self) -> asyncio.Task[None]:
        """Start a process. The task is done when it accepts connections [STA-1]."""
        self._starting = asyncio.create_task(self._start())
        return self._starting

    def restart(self) -> None:
        self._restarting = asyncio.create_task(self._restart())

    def close_connections(self, reason: Exception) -> None:
        for connection in (self._connection, self._checking):
            if connection:
                connection.close(reason)

    async def stop(self, reason: Exception) -> None:
        """Return when the process is reaped and nothing else is left [SHD-4, SHD-6]."""
        if not self._stopped.done():
            self._stopped.set_result(None)
        self.healthy = False
        self.close_connections(reason)
        if self._process:
            await self._process.stop(self._options.stop_timeout)
        if self._starting:
            await asyncio.wait({self._starting})

    async def _start(self) -> None:
        options, loop = self._options, asyncio.get_running_loop()
        try:
            process = self._process = await WorkerProcess.spawn(options)
        except OSError as error:
            raise StartFailed(f"worker {self._index} could not be started: {error}") from error
        name = f"worker {self._index} (process {process.pid})"  # [STA-6]
        late = loop.time() + options.start_timeout
        while True:
            self._connection = self._connect()
            await self._connection.opening
            if not process.running:
                raise StartFailed(f"{name} {await process.exited}")
            accepted = self._connection.connected
            if self._stopped.done() or (not accepted and loop.time() > late):
                self._connection.close(ConnectionError("too late"))
                await process.stop(options.stop_timeout)
                raise StartFailed(f"{name} accepted no connection in {options.start_timeout} s")
            if accepted:
                break
            await asyncio.sleep(POLL)
        self._ready_at = loop.time()
        self.healthy = True
        process.exited.add_done_callback(lambda exited: self._died(name, exited.result()))
        self._checks = asyncio.create_task(self._check(process))

    def _died(self, name: str, how: str) -> None:
        self.healthy = False
        self.close_connections(ConnectionError(how))
        self._pool.died(self, f"{name} {how}")

    # Later each time, and never in step with other workers [HLT-7, HLT-14].
    async def _restart(self) -> None:
        options, loop = self._options, asyncio.get_running_loop()
        while True:
            longest = options.restart_backoff_max
            if self._ready_at is not None and loop.time() - self._ready_at >= longest:
                self._deaths = 0
            self._ready_at = None
            backoff = min(longest, options.restart_backoff * 2.0 ** min(self._deaths, 64))
            self._deaths += 1
            await asyncio.wait({self._stopped}, timeout=backoff * random.uniform(0.5, 1))
            if self._stopped.done():
                return
            try:
                await self.start()
            except StartFailed:
                continue
            self.restarts += 1
            self._pool.freed()
            return

    # Until the process has ended [HLT-1]. A worker that hangs may recover [HLT-13].
    async def _check(self, process: WorkerProcess) -> None:
        while True:
            await asyncio.wait({process.exited}, timeout=self._options.health_interval)
            if self._stopped.done() or not process.running:
                return
            healthy = await self._is_healthy()
            self._pool.checked()
            self.healthy = healthy and process.running and not self._stopped.done()
            self._pool.freed()

    async def _is_healthy(self) -> bool:
        if self._checking is None or self._checking.ended:
            self._checking = self._connect()
        call = self._pool.new_call("health", None)
        self._checking.send(call)
        try:
            body = await asyncio.wait_for(call.answer, self._options.health_timeout)
        except (asyncio.TimeoutError, OSError, PoolError):
            self._checking.close(TimeoutError("a check has failed"))
            return False
        return isinstance(body, dict) and body.get("status") == "healthy"

    def _connect(self) -> Connection:
        assert self._process is not None
        return Connection(self._process.path, self._options, self)

    # What the connections tell.

    def freed(self) -> None:
        self._pool.freed()

    def lost(
        self, connection: Connection, error: Exception, sent: list[Call], unsent: list[Call]
    ) -> None:
        if connection is self._checking:
            for call in sent + unsent:
                call.fail(ConnectionError(str(error)))
            return
        if not connection.connected:
            self.healthy = False  # until a check finds otherwise
        self._pool.lost(connection, error, sent, unsent)
