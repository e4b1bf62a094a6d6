"""Lets pyproctest drive the pool, as conformance/ADAPTERS.md says."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from options import Options, PoolError
from pool import Pool

Fields = dict[str, Any]


def pool_of(asked: Fields) -> Pool:
    given: Fields = {"command": [asked.pop("program"), asked.pop("argument")]}
    given["env"] = dict(variable.split("=", 1) for variable in asked.pop("env", []))
    for name, value in asked.items():
        if name.endswith("_ms"):
            given[name[:-3]] = value / 1000
        elif name in Options.__annotations__:
            given[name] = value
    return Pool(Options(**given))


class Adapter:
    pool: Pool

    def __init__(self) -> None:
        self.tasks: dict[int, asyncio.Task[None]] = {}  # by the tags of their requests
        self.why: dict[int, str] = {}

    async def run(self) -> None:
        lines = asyncio.StreamReader(limit=1 << 30)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            request = json.loads(line)
            self.tasks[request["tag"]] = asyncio.create_task(self.answer(**request))

    async def answer(self, tag: int, do: str, **fields: Any) -> None:
        try:
            if "ended" in fields:
                self.cancel(tag, fields["ended"])
            answer = await self.perform(do, fields)
        except asyncio.CancelledError:
            answer = {"error": {"kinds": [self.why[tag]], "text": "the task was cancelled"}}
        except Exception as error:
            kinds = []
            if isinstance(error, PoolError) and error.kind != "start_failed":
                kinds = [error.kind, "may_have_run"] if error.may_have_run else [error.kind]
            answer = {"error": {"kinds": kinds, "text": str(error) or repr(error)}}
        del self.tasks[tag]
        print(json.dumps({"tag": tag, **answer}), flush=True)

    async def perform(self, do: str, fields: Fields) -> Fields:
        if do == "hello":
            return {"role": "pool", "name": "asyncio-pool"}
        if do == "open":
            self.pool = pool_of(fields["options"])
            return {"ok": True, "knows_ended": True}
        if do == "health":
            health = self.pool.health()._asdict()
            return {"last_check_ms": int(health.pop("last_check") * 1000), **health}
        if do == "call":
            body = json.loads(fields["body"]) if "body" in fields else None
            return {"body": json.dumps(await self.pool.call(fields["method"], body))}
        if do == "start":
            await self.pool.start()
        elif do == "shutdown":
            await self.pool.shutdown()
        elif do == "cancel":
            self.cancel(fields["of"], fields["why"])
        else:
            return {"refused": f"unknown command {do}"}
        return {"ok": True}

    def cancel(self, tag: int, why: str) -> None:
        if tag in self.tasks:
            self.why[tag] = why
            self.tasks[tag].cancel()


if __name__ == "__main__":
    asyncio.run(Adapter().run())
