"""Lets pyproctest drive the pool, as conformance/ADAPTERS.md says."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Dict

import options as errors
from options import Options
from pool import Pool

Fields = Dict[str, Any]

KINDS = {
    errors.Busy: "busy",
    errors.Closed: "closed",
    errors.NotStarted: "not_started",
    errors.TooLarge: "too_large",
    errors.ErrorAnswer: "error_answer",
    errors.WorkerDied: "worker_died",
}

# Those in milliseconds, as the fields of Options that are in seconds.
TIMES = (
    "start_timeout health_interval health_timeout restart_backoff restart_backoff_max stop_timeout"
)


def pool_of(asked: Fields) -> Pool:
    given: Fields = {"command": [asked["program"], asked["argument"]]}
    for name in ("socket_dir", "framing", "workers", "max_in_flight", "max_payload", "queue"):
        if name in asked:
            given[name] = asked[name]
    for name in TIMES.split():
        if f"{name}_ms" in asked:
            given[name] = asked[f"{name}_ms"] / 1000
    given["env"] = dict(variable.split("=", 1) for variable in asked.get("env", []))
    return Pool(Options(**given))


class Adapter:
    def __init__(self) -> None:
        self.pool: Pool
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.why: dict[int, str] = {}

    async def run(self) -> None:
        lines = asyncio.StreamReader(limit=1 << 30)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            request = json.loads(line)
            task = asyncio.create_task(self.answer(request))
            self.tasks[request["tag"]] = task

    async def answer(self, request: Fields) -> None:
        tag = request["tag"]
        try:
            answer = await self.perform(request)
        except asyncio.CancelledError:
            answer = failure([self.why[tag]], "the task was cancelled")
        except Exception as error:
            kinds = [KINDS[type(error)]] if type(error) in KINDS else []
            if getattr(error, "may_have_run", False):
                kinds.append("may_have_run")
            answer = failure(kinds, f"{type(error).__name__}: {error}")
        del self.tasks[tag]
        print(json.dumps({"tag": tag, **answer}), flush=True)

    async def perform(self, request: Fields) -> Fields:
        if "ended" in request:
            self.cancel(request["tag"], request["ended"])
        do = request["do"]
        if do == "hello":
            return {"role": "pool", "name": "asyncio-pool"}
        if do == "open":
            self.pool = pool_of(request["options"])
            return {"ok": True, "knows_ended": True}
        if do == "health":
            health = self.pool.health()
            last = int(health.last_check * 1000)
            return {**vars(health), "last_check_ms": last}
        if do == "call":
            body = json.loads(request["body"]) if "body" in request else None
            return {"body": json.dumps(await self.pool.call(request["method"], body))}
        if do == "start":
            await self.pool.start()
        elif do == "shutdown":
            await self.pool.shutdown()
        elif do == "cancel":
            self.cancel(request["of"], request["why"])
        else:
            return {"refused": f"unknown command {do}"}
        return {"ok": True}

    def cancel(self, tag: int, why: str) -> None:
        if tag in self.tasks:
            self.why[tag] = why
            self.tasks[tag].cancel()


def failure(kinds: list[str], text: str) -> Fields:
    return {"error": {"kinds": kinds, "text": text}}


if __name__ == "__main__":
    asyncio.run(Adapter().run())
