"""A worker whose handlers fork.

python3 forking_worker.py [--threads N] [--async]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from typing import Any

from pyproctest_worker import current_request, expose, inflight, run_worker

CHILD_SECONDS = 60.0


def ended(child: int) -> int:
    """Waits for a child and returns its exit status, negative if a signal ended it."""
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def leave(how: str) -> str:
    print(f"child leaves: {how}")
    if how == "raises":
        raise RuntimeError("raised in the child")
    if how == "exits":
        sys.exit(7)
    if how == "exits with a text":
        sys.exit("the child says goodbye")
    return "the child's answer"


@expose
def fork(how: str) -> int:
    """Forks a child that leaves the handler. Returns how it ended."""
    print("written before the fork")
    child = os.fork()
    if child == 0:
        return leave(how)  # type: ignore[return-value]
    return ended(child)


@expose
def fork_and_ask(how: str) -> int:
    """The same, and the child asks for its request before."""
    child = os.fork()
    if child == 0:
        request = current_request()
        assert not request.cancelled
        assert not request.wait(0.01)
        assert inflight() > 0
        return leave(how)  # type: ignore[return-value]
    return ended(child)


@expose
def fork_in_generator(how: str) -> Generator[float, None, Any]:
    yield 0.0
    child = os.fork()
    if child == 0:
        if how == "yields":
            print("child leaves: yields")
            yield 0.0
        return leave(how)
    return ended(child)


@expose
def fork_and_live_on(body: str) -> Generator[float, None, int]:
    """Forks a child that lives on, as a daemon does."""
    yield 0.0
    ready, tell = os.pipe()
    child = 0
    if body == "fork":
        child = os.fork()
    elif body == "forkpty":
        child = os.forkpty()[0]
    elif body == "multiprocessing":
        import multiprocessing

        process = multiprocessing.get_context("fork").Process(target=sleep_on, args=(tell,))
        process.start()
        os.read(ready, 1)
        assert process.pid is not None
        return process.pid
    elif body == "preexec_fn":
        sleeping = [sys.executable, "-c", f"import time; time.sleep({CHILD_SECONDS})"]
        return subprocess.Popen(sleeping, close_fds=False, preexec_fn=os.getpid).pid  # noqa: PLW1509
    if child == 0:
        sleep_on(tell)
        os._exit(0)
    os.read(ready, 1)
    return child


@expose
def fork_and_stop_at_once(body: str) -> int:
    """Forks a child that gets a SIGTERM before anything else happens in it."""
    stopping.append(True)
    child = os.fork()
    if child == 0:
        time.sleep(CHILD_SECONDS)
        os._exit(0)
    stopping.clear()
    return ended(child)


stopping: list[bool] = []


def stop_child() -> None:
    if stopping:
        os.kill(os.getpid(), signal.SIGTERM)


def sleep_on(tell: int) -> None:
    os.write(tell, b"\0")
    time.sleep(CHILD_SECONDS)


@expose
def fork_a_worker(path: str) -> Generator[float, None, int]:
    """Forks a child that serves at that path, and then leaves the handler."""
    child = os.fork()
    if child == 0:
        run_worker(path)
        return 0
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        yield 0.01
    return child


@expose
def pool_in_processes(method: str) -> list[int]:
    import multiprocessing

    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(abs, [-1, -2, -3])


@expose
def call_subprocess(body: Any) -> str:
    return subprocess.check_output([sys.executable, "-c", "print('out')"], text=True)


@expose
def echo(body: Any) -> Any:
    return body


def main() -> None:
    os.register_at_fork(after_in_child=stop_child)  # before the worker's own
    if "--async" in sys.argv:
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        from tests.as_async import expose_as_async

        expose_as_async()
    threads = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 0
    run_worker(threads=threads)


if __name__ == "__main__":
    main()
