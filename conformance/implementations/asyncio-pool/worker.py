"""One of a pool's workers: its process, its connections, its health and its restarts."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from connection import Call, Connection, Lost
from options import Options, PoolError, failed
from process import WorkerProcess

if TYPE_CHECKING:
    from pool import Pool

POLL = 0.01  # seconds between two attempts to connect


class Worker:
    def __init__(self, index: int, options: Options, pool: Pool) -> None:
        self.healthy, self.restarts = False, 0
        self._index, self._options, self._pool = index, options, pool
        self._process: WorkerProcess | None = None
        self._starting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself would forget them
        self._stopped = asyncio.get_running_loop().create_future()
        self._connection: Connection | None = None
        self._checking: Connection | None = None  # a health call would wait behind other calls
        self._deaths = 0  # since a process lasted
        self._ready_at = math.inf

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
        self._run(self._restart())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
            raise failed(f"worker {self._index} could not be started: {error}") from error
        name = f"worker {self._index} (process {process.pid})"  # [STA-6]
        late = loop.time() + options.start_timeout
        while True:
            self._connection = self._connect()
            await self._connection.opening
            if not process.running:
                raise failed(f"{name} {await process.exited}")
            accepted = self._connection.connected
            if self._stopped.done() or (not accepted and loop.time() > late):
                self._connection.close(ConnectionError("too late"))
                await process.stop(options.stop_timeout)
                raise failed(f"{name} accepted no connection in {options.start_timeout} s")
            if accepted:
                break
            await asyncio.sleep(POLL)
        self._ready_at = loop.time()
        self.healthy = True
        process.exited.add_done_callback(lambda exited: self._died(name, exited.result()))
        self._run(self._check(process))

    def _died(self, name: str, how: str) -> None:
        self.healthy = False
        self.close_connections(ConnectionError(how))
        self._pool.died(self, f"{name} {how}")

    # Later each time, and never in step with other workers [HLT-7, HLT-14].
    async def _restart(self) -> None:
        options, loop = self._options, asyncio.get_running_loop()
        while True:
            longest = options.restart_backoff_max
            if loop.time() - self._ready_at >= longest:
                self._deaths = 0
            self._ready_at = math.inf
            backoff = min(longest, options.restart_backoff * 2.0 ** min(self._deaths, 64))
            self._deaths += 1
            await asyncio.wait({self._stopped}, timeout=backoff * random.uniform(0.5, 1))
            if self._stopped.done():
                return
            try:
                await self.start()
                self.restarts += 1
                self._pool.freed()
                return
            except PoolError:
                pass  # it is tried again, unless the pool was shut down

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
            self._checking = self._connect(check=True)
        call = self._pool.new_call("health", None)
        self._checking.send(call)
        try:
            body = await asyncio.wait_for(call.answer, self._options.health_timeout)
        except (asyncio.TimeoutError, OSError, PoolError):
            self._checking.close(TimeoutError("a check has failed"))
            return False
        return isinstance(body, dict) and body.get("status") == "healthy"

    def _connect(self, check: bool = False) -> Connection:
        def lost(what: Lost) -> None:
            if check:
                for call in what.sent + what.unsent:
                    call.fail(ConnectionError(str(what.error)))
                return
            if not connection.connected:
                self.healthy = False  # until a check finds otherwise
            self._pool.lost(what)

        assert self._process is not None
        connection = Connection(self._process.path, self._options, self._pool.freed, lost)
        return connection
