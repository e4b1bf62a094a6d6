"""A pool for the PyProc protocol: starts worker processes and calls methods in them.

Names in brackets are the clauses of SPEC.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, NamedTuple

from connection import Call, Lost
from options import Options, PoolError, closed, failed
from worker import Worker


class Health(NamedTuple):
    total: int
    healthy: int
    restarts: int
    last_check: float  # a Unix time; 0 before the first check


class Pool:
    """Belongs to one event loop. A task that is cancelled in a method ends that method early."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._state = "new"  # new, starting, running or closed
        self._workers: list[Worker] = []
        self._turn = 0  # where the search for the next worker begins
        self._waiting: dict[int, Call] = {}  # calls that have no slot yet, in their order
        self._running: dict[int, Call] = {}  # calls at the workers
        self._last_id = 0
        self._last_check = 0.0
        self._abort: asyncio.Future[Exception] | None = None  # ends a start
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Pool:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()

    async def start(self) -> None:
        """Start all workers or none [STA-2]. Once it has failed it may be called again."""
        await asyncio.sleep(0)
        if self._state == "closed":
            raise closed()
        if self._state != "new":
            raise RuntimeError("the pool has been started")
        self._state = "starting"
        abort = self._abort = asyncio.get_running_loop().create_future()
        self._workers = [Worker(i, self._options, self) for i in range(self._options.workers)]
        starting = asyncio.gather(*(worker.start() for worker in self._workers))
        try:
            await asyncio.wait({starting, abort}, return_when=asyncio.FIRST_COMPLETED)
            if abort.done():
                raise abort.result()
            await starting
        except BaseException as error:
            await _whole(self._roll_back(starting))
            raise error
        self._state = "running"

    async def _roll_back(self, starting: asyncio.Future[Any]) -> None:
        await self._stop_workers()
        await asyncio.gather(starting, return_exceptions=True)
        if self._state == "starting":
            self._state, self._workers = "new", []

    async def call(self, method: str, body: Any = None) -> Any:
        """Call a method in one of the workers, and return the body of its answer.

        Of the body is sent what it is now [MSG-19]. Raises PoolError, and what json raises for a
        body that it cannot encode.
        """
        call = self.new_call(method, body)
        await asyncio.sleep(0)  # raises a cancellation that came before [CAN-11]
        if self._state == "closed":
            raise closed()  # [SHD-1]
        if self._state != "running":
            raise PoolError("not_started", "the pool is not started")
        limit, queue = self._options.max_payload, self._options.queue
        if len(call.payload) > limit:
            raise PoolError("too_large", f"the request would be over {limit} bytes")  # [MSG-18]
        self._waiting[call.id] = call
        self.freed()
        if queue is not None and call.connection is None and len(self._waiting) > queue:
            del self._waiting[call.id]
            raise PoolError("busy", f"{queue} calls are waiting already")  # [BPR-6]
        try:
            return await call.answer
        except asyncio.CancelledError:
            if call.connection:
                call.connection.cancel(call)
            raise
        finally:
            self._waiting.pop(call.id, None)
            self._running.pop(call.id, None)

    def health(self) -> Health:
        """Return the state of the workers [HLT-3]."""
        healthy = sum(worker.healthy for worker in self._workers)
        restarts = sum(worker.restarts for worker in self._workers)
        return Health(self._options.workers, healthy, restarts, self._last_check)

    async def shutdown(self) -> None:
        """Refuse new calls, let running ones finish, and stop the workers.

        A task that is cancelled in here ends the running calls, and still waits until nothing is
        left, which takes stop_timeout at most.
        """
        if self._state == "starting":
            self._end_start(closed())
        self._state = "closed"
        for call in list(self._waiting.values()):
            call.fail(closed())
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        try:
            await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            for worker in self._workers:
                worker.close_connections(closed(may_have_run=True))
            await _whole(asyncio.wait({self._closing}))
            raise

    async def _close(self) -> None:
        running = [call.answer for call in self._running.values()]
        await asyncio.gather(*running, return_exceptions=True)  # [SHD-2]
        await self._stop_workers()

    def _end_start(self, error: Exception) -> None:
        if self._abort and not self._abort.done():
            self._abort.set_result(error)

    async def _stop_workers(self) -> None:
        await asyncio.gather(*(worker.stop(closed()) for worker in self._workers))

    # Round-robin over those that are healthy and have a slot: the search begins behind the last one
    # chosen, so that the share of an unhealthy worker goes round too [SEL-1, SEL-2].
    def _next_worker(self) -> Worker | None:
        for i in range(len(self._workers)):
            at = (self._turn + i) % len(self._workers)
            if self._workers[at].free:
                self._turn = at + 1
                return self._workers[at]
        return None

    # What the workers and their connections tell.

    def new_call(self, method: str, body: object) -> Call:
        self._last_id += 1  # [RID-1, RID-2]
        return Call(self._last_id, method, body)

    def freed(self) -> None:
        """Give slots to those who wait, in order of arrival [BPR-5]."""
        while self._waiting:
            worker = self._next_worker()
            if worker is None:
                return
            call = self._waiting.pop(next(iter(self._waiting)))
            if call.answer.done():
                continue
            self._running[call.id] = call
            worker.send(call)

    def lost(self, lost: Lost) -> None:
        """Fail what was sent. What was not waits again, before all who came later."""
        for call in lost.sent:
            why = f"the worker or its connection was lost: {lost.error}"
            own = isinstance(lost.error, PoolError)
            call.fail(lost.error if own else PoolError("worker_died", why, may_have_run=True))
        for call in lost.unsent:
            self._running.pop(call.id, None)
            call.connection = None
            if self._state == "closed":
                call.fail(closed())
        if self._state != "closed":
            self._waiting = {**{call.id: call for call in lost.unsent}, **self._waiting}
        self.freed()

    def checked(self) -> None:
        self._last_check = time.time()  # [HLT-10]

    def died(self, worker: Worker, text: str) -> None:
        if self._state == "starting":
            self._end_start(failed(text))
        elif self._state == "running":
            worker.restart()  # [HLT-6]


async def _whole(work: Coroutine[Any, Any, Any]) -> None:
    """Wait for the end of it, also in a task that is cancelled once more."""
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled
    task.result()
