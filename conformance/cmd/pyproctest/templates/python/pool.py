#!/usr/bin/env python3
"""Adapter between the conformance suite and your pool.

Fill in the class Pool and run

    pyproctest run --pool 'python3 pool.py'

A part that is not written yet is reported as not offered, never as right. The rest of the file
implements conformance/ADAPTERS.md; you need not change it. Each process of this program has one
pool.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any


class NotWritten(Exception):
    """A part of the class Pool is not written yet."""


class Unsupported(Exception):
    """Your pool does not offer an option."""


# --- Yours ----------------------------------------------------------------------------------------


NAME = "my pool"

# The options that your pool ignores, such as "restart_backoff_ms". ADAPTERS.md says which may be.
IGNORED: list[str] = []

# The limit for a payload, in bytes, of a pool in which it cannot be set; else 0.
FIXED_MAX_PAYLOAD = 0


class Pool:
    """Your pool.

    When the context of a call ends, its coroutine is cancelled: do not catch CancelledError.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        """Make your pool and start nothing.

        Start each worker as options["program"] with the one argument options["argument"], and add
        options["env"], a list of "NAME=value", to its environment. ADAPTERS.md lists the other
        options. If an option is absent, use your default. Raise Unsupported for an option that
        your pool does not offer.
        """
        raise NotWritten("Pool.__init__")

    async def start(self) -> None:
        """Start the workers. It may be called again after it has failed."""
        raise NotWritten("Pool.start")

    async def call(self, method: str, body: str | None) -> str | None:
        """Call a method in some worker. Bodies are JSON texts; None is no body at all."""
        raise NotWritten("Pool.call")

    def health(self) -> dict[str, int]:
        """Return total, healthy, restarts and last_check_ms, a Unix time in ms (0: none yet)."""
        raise NotWritten("Pool.health")

    async def shutdown(self) -> None:
        """Refuse new calls, let running ones finish, then stop the workers."""
        raise NotWritten("Pool.shutdown")


def error_kinds(error: Exception) -> list[str]:
    """Return all kinds that apply to an error of your pool.

    They are busy, closed, not_started, too_large, error_answer, worker_died and, beside another,
    may_have_run.
    """
    return []


# --- The adapter protocol -------------------------------------------------------------------------


def failure(kinds: list[str], text: str) -> dict[str, Any]:
    return {"error": {"kinds": kinds, "text": text}}


class Adapter:
    """Answers each request when it is done."""

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.tasks: dict[int, asyncio.Task[dict[str, Any]]] = {}
        self.why: dict[int, str] = {}  # tags of cancelled requests

    def send(self, tag: int, answer: dict[str, Any]) -> None:
        print(json.dumps({"tag": tag, **answer}), flush=True)

    def take(self, request: dict[str, Any]) -> None:
        tag, do = request["tag"], request.get("do")
        if do == "hello":
            self.send(tag, {"role": "pool", "name": NAME})
        elif do == "open":
            self.send(tag, self.open(request["options"]))
        elif do == "cancel":
            self.why[request["of"]] = request["why"]
            if task := self.tasks.get(request["of"]):
                task.cancel()
            self.send(tag, {"ok": True})
        elif do in ("start", "call", "health", "shutdown", "measure"):
            if self.pool is None:
                self.send(tag, {"failed": "the pool is not open"})
                return
            self.tasks[tag] = asyncio.create_task(self.run(self.pool, request))
            self.tasks[tag].add_done_callback(lambda task: self.finish(tag, task))
        else:
            self.send(tag, {"refused": f"unknown command {do}"})

    def open(self, options: dict[str, Any]) -> dict[str, Any]:
        try:
            self.pool = Pool(options)
        except NotWritten as error:
            return {"unsupported": f"{error} in pool.py is not written yet"}
        except Unsupported as error:
            return {"unsupported": str(error) or "an option is not offered"}
        except Exception as error:
            return {"failed": f"the pool could not be made: {error!r}"}
        return {"ok": True, "ignored": IGNORED, "max_payload": FIXED_MAX_PAYLOAD}

    async def run(self, pool: Pool, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "start":
            await pool.start()
        elif request["do"] == "shutdown":
            await pool.shutdown()
        elif request["do"] == "call":
            answer = await pool.call(request["method"], request.get("body"))
            return {"body": "" if answer is None else answer}
        elif request["do"] == "measure":
            return await self.measure(pool, request)
        else:
            return dict(pool.health())
        return {"ok": True}

    async def measure(self, pool: Pool, request: dict[str, Any]) -> dict[str, Any]:
        """Make calls in a loop and time it, for pyproctest bench."""
        method, body, callers = request["method"], request.get("body"), request["callers"]
        left, each = iter(range(request["count"])), []

        async def call() -> None:
            for _ in left:
                began = time.perf_counter_ns()
                answer = await pool.call(method, body)
                each.append(time.perf_counter_ns() - began)
                if method == "echo" and len(answer or "") != len(body or ""):
                    raise RuntimeError("echo gave another body back")

        began = time.perf_counter_ns()
        await asyncio.gather(*(call() for _ in range(callers)))
        took = time.perf_counter_ns() - began
        return {"took_ns": took, **({"each_ns": each} if callers == 1 else {})}

    def finish(self, tag: int, task: asyncio.Task[dict[str, Any]]) -> None:
        del self.tasks[tag]
        if task.cancelled():
            self.send(tag, failure([self.why.get(tag, "canceled")], "the context ended"))
            return
        error = task.exception()
        if isinstance(error, NotWritten):
            self.send(tag, {"unsupported": f"{error} in pool.py is not written yet"})
        elif isinstance(error, Exception):
            self.send(tag, failure(error_kinds(error), f"{type(error).__name__}: {error}"))
        else:
            self.send(tag, task.result())


async def main() -> None:
    adapter = Adapter()
    while line := await asyncio.to_thread(sys.stdin.readline):
        adapter.take(json.loads(line))


if __name__ == "__main__":
    asyncio.run(main())
