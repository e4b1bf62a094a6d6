"""A worker with async handlers beside plain ones, which shows what the event loop does with them.

python3 async_worker.py [--threads N] [--grace S] [--slow S]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Generator
from typing import Any

from pyproctest_worker import current_request, expose, inflight, run_worker

LONG = 3600.0


def report(what: str) -> None:
    """Tells the test, which reads standard error, whatever else this process does."""
    os.write(2, f"{what}\n".encode())


@expose
async def echo(body: Any) -> Any:
    return body


@expose("plain echo")
def plain_echo(body: Any) -> Any:
    return body


@expose("inflight")
async def count_running(body: Any) -> int:
    return inflight()


@expose("plain inflight")
def plain_count_running(body: Any) -> int:
    return inflight()


@expose
async def sleep(body: Any) -> str:
    report(f"started {body['name']}")
    try:
        await asyncio.sleep(body["seconds"])
    except asyncio.CancelledError:
        report(f"cancelled {body['name']}")
        raise
    return str(body["name"])


@expose
async def when_cancelled(body: str) -> str:
    """Does what body says when it is cancelled."""
    report(f"started {body}")
    try:
        await asyncio.sleep(LONG)
    except asyncio.CancelledError:
        if body == "raises":
            raise ValueError("raised when cancelled") from None
        if body == "goes on":
            report("goes on")
            await pass_gate()
    return f"{body}, cancelled: {current_request().cancelled}"


@expose
async def cancels_itself(body: Any) -> None:
    raise asyncio.CancelledError("of its own accord")


@expose
async def computes(body: Any) -> str:
    """Holds the event loop and asks whether it is cancelled, and awaits nothing afterwards."""
    report("started computes")
    request = current_request()
    while not request.cancelled:
        sum(range(1000))
    return "computed"


@expose
async def blocks(body: float) -> str:
    report("started blocks")
    time.sleep(body)
    return "blocked"


@expose
async def same_request_everywhere(body: int) -> bool:
    request = current_request()

    async def ask() -> bool:
        await asyncio.sleep(0.001)
        return current_request() is request

    asked = await asyncio.gather(ask(), ask(), asyncio.create_task(ask()))
    return all(asked) and request is current_request() and request.id == body


@expose
async def cancelled_in_its_tasks(body: Any) -> None:
    async def part(name: str) -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            report(f"ended {name}")

    parts = asyncio.gather(part("one"), part("two"))
    await asyncio.sleep(0)
    report("started parts")
    await parts


@expose
async def uses_the_loop(body: Any) -> list[str]:
    """Threads, processes, pipes and servers, all of asyncio."""
    in_thread = await asyncio.get_running_loop().run_in_executor(None, lambda: "thread")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('process')", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    path = f"{os.environ['PYPROC_SOCKET_PATH']}.2"
    async with await asyncio.start_unix_server(serve, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"server\n")
        line = await reader.readline()
        writer.close()
    if os.path.exists(path):  # as before Python 3.13
        os.unlink(path)
    return [in_thread, output.decode().strip(), line.decode().strip()]


gate: asyncio.Event


async def pass_gate() -> None:
    await gate.wait()
    gate.clear()


@expose
async def wait_for_gate(body: Any) -> str:
    report("waits for the gate")
    await pass_gate()
    return "through"


@expose
def open_the_gate(body: Any) -> None:
    """A plain handler, which runs outside of the event loop."""
    gate.set()


@expose
def open_the_gate_later(body: float) -> None:
    loop.call_later(body, gate.set)


@expose
async def read_pipe(body: Any) -> str:
    """Waits for what another handler writes, by a descriptor alone."""
    done = loop.create_future()
    loop.add_reader(ends[0], done.set_result, None)
    report("reads the pipe")
    await done
    loop.remove_reader(ends[0])
    return os.read(ends[0], 100).decode()


ends = os.pipe()


@expose
def write_pipe_and_wait(body: float) -> None:
    os.write(ends[1], b"written")
    begun = time.process_time()
    current_request().wait(body)
    assert time.process_time() - begun < body / 2, "waiting has taken the processor"


@expose
async def leave_task(body: str) -> str:
    """Leaves a task behind, which does what body says."""

    async def left() -> None:
        if body == "exits":
            sys.exit("from a task")
        while body == "spins":
            await asyncio.sleep(0)
        try:
            await asyncio.sleep(LONG)
        finally:
            report("the task that was left has ended")

    tasks.append(asyncio.create_task(left()))
    await asyncio.sleep(0.001)
    return "left"


tasks: list[asyncio.Task[None]] = []


@expose
def end_tasks(body: Any) -> None:
    for task in tasks:
        task.cancel()


@expose
async def fork_in_task(body: Any) -> int:
    """Forks in a task. The child leaves that task, and nothing else happens in it."""
    ended = loop.create_future()

    async def forking() -> None:
        child = os.fork()
        if child:
            ended.set_result(os.waitpid(child, 0)[1])

    tasks.append(asyncio.create_task(forking()))
    status: int = await ended
    return status


@expose
def generator(body: float) -> Generator[float, None, str]:
    yield body
    return "generator"


async def prepare() -> None:
    global loop, gate  # noqa: PLW0603
    loop = asyncio.get_running_loop()
    gate = asyncio.Event()


loop: asyncio.AbstractEventLoop

if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--threads", type=int, default=0)
    options.add_argument("--grace", type=float, default=5.0)
    options.add_argument("--slow", type=float, default=5.0)
    given = options.parse_args()
    run_worker(threads=given.threads, grace=given.grace, slow=given.slow, on_start=prepare)
