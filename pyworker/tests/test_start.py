"""on_start, which runs before a worker is ready."""

from __future__ import annotations

import os
import signal
import socket
import sys
import textwrap
import unittest

from pyproctest_worker import codec

from .harness import PATIENCE, Caller, Worker, connect_when_ready, start
from .test_process import Case, without_warnings

HEAD = """
import os, sys, time
from pyproctest_worker import current_request, expose, inflight, run_worker

def report(what):
    os.write(2, f"{what}\\n".encode())

state = []

@expose
def plain(body):
    return state

"""

ASYNC = """
import asyncio

@expose
async def asynchronous(body):
    return state
"""


@unittest.skipIf(codec.is_installed(), "it runs on the bare interpreter, which is enough")
class OnStart(Case):
    def started(self, source: str, *arguments: str) -> Worker:
        """Starts a worker with that source, which calls run_worker with on_start."""
        script = os.path.join(self.folder(), "w.py")
        with open(script, "w") as file:
            file.write(HEAD + (ASYNC if "async" in source else "") + textwrap.dedent(source))
        return self.worker(*arguments, script=script)

    def test_nobody_can_connect_before_it_is_over(self) -> None:  # WRK-1
        for kind, awaiting in (("def", ""), ("async def", "await asyncio.sleep(0.01)")):
            with self.subTest(kind):
                worker = self.started(f"""
                    {kind} load():
                        report("loads")
                        sys.stdin.read(1)
                        {awaiting}
                        state.append("loaded")

                    ends = os.pipe()
                    os.dup2(ends[0], 0)
                    import threading
                    path = os.environ["PYPROC_SOCKET_PATH"] + ".go"
                    def go():
                        while not os.path.exists(path):
                            time.sleep(0.005)
                        os.write(ends[1], b".")
                    threading.Thread(target=go, daemon=True).start()
                    run_worker(on_start=load)
                """)
                worker.await_line("loads")
                with socket.socket(socket.AF_UNIX) as early, self.assertRaises(OSError):
                    early.connect(worker.path)
                with open(worker.path + ".go", "w"):
                    pass
                caller = worker.connect()
                self.assertEqual(caller.call(1, "plain"), ["loaded"])
                if awaiting:
                    self.assertEqual(caller.call(2, "asynchronous"), ["loaded"])

    def test_async_on_start_shares_the_event_loop_with_the_handlers(self) -> None:
        worker = self.started("""
            async def load():
                global loop
                loop = asyncio.get_running_loop()
                state.append(asyncio.create_task(later()))

            async def later():
                await asyncio.sleep(0.01)
                report("goes on by itself")
                return "of the task"

            @expose
            async def shared(body):
                assert asyncio.get_running_loop() is loop
                return await state[0]

            run_worker(on_start=load)
        """)
        worker.await_line("goes on by itself")
        self.assertEqual(worker.connect().call(1, "shared"), "of the task")

    def test_what_it_raises_ends_the_worker_with_a_message(self) -> None:
        for kind, raised, message, status in (
            ("def", "FileNotFoundError('no model')", "FileNotFoundError: no model", 1),
            ("async def", "RuntimeError('no card')", "RuntimeError: no card", 1),
            ("def", "SystemExit(7)", "SystemExit: 7", 7),
            ("async def", "SystemExit('no card')", "SystemExit: no card", 1),
            ("def", "SystemExit(0)", "SystemExit: 0", 1),
            ("async def", "asyncio.CancelledError()", "CancelledError: ", 1),
        ):
            with self.subTest(raised, kind=kind):
                worker = self.started(f"""
                    {kind} load():
                        raise {raised}

                    run_worker(on_start=load)
                """)
                self.assertEqual(worker.exit_status(), status)
                errors = worker.errors()
                last = f"pyproctest-worker: cannot start: on_start raised {message}\n"
                self.assertTrue(errors.endswith(last), errors)
                self.assertIn(", in load\n", errors)
                self.assertFalse(os.path.exists(worker.path))

    def test_what_cannot_be_called_so_is_an_error(self) -> None:
        for on_start, words in (
            ("lambda a: None", "TypeError: <lambda>() missing 1 required positional"),
            ("lambda: (yield)", "TypeError: on_start is a generator function"),
            ("5", "TypeError: on_start is 5: it must be a function"),
        ):
            with self.subTest(on_start):
                worker = self.started(f"run_worker(on_start={on_start})")
                self.assertEqual(worker.exit_status(), 1)
                self.assertIn(words, worker.errors())

    def test_outside_a_handler_there_is_no_request(self) -> None:
        worker = self.started("""
            async def load():
                for ask in current_request, inflight:
                    try:
                        ask()
                    except RuntimeError as error:
                        state.append(str(error))

            run_worker(on_start=load)
        """)
        said = worker.connect().call(1, "plain")
        self.assertEqual(said, ["no handler runs in this thread"] * 2)

    def test_a_signal_while_it_runs_ends_the_worker_at_once(self) -> None:  # WRK-17
        for number, kind, waiting in (
            (signal.SIGTERM, "def", "time.sleep(3600)"),
            (signal.SIGINT, "async def", "await asyncio.sleep(3600)"),
        ):
            with self.subTest(kind):
                source = f"{kind} load():\n    report('loads')\n    {waiting}\n"
                worker = self.started(f"{source}run_worker(grace=10000, on_start=load)")
                worker.await_line("loads")
                worker.signal(number)
                self.assertEqual(worker.exit_status(), 0)
                self.assertFalse(os.path.exists(worker.path))

    def test_the_end_of_the_parent_while_it_runs_ends_the_worker(self) -> None:  # WRK-19
        script = os.path.join(self.folder(), "w.py")
        with open(script, "w") as file:
            file.write(HEAD)
            file.write("def load():\n    report('loads')\n    time.sleep(3600)\n")
            file.write("run_worker(on_start=load)\n")
        code = "import signal, subprocess, sys; subprocess.Popen(sys.argv[1:]); signal.pause()"
        parent = start([sys.executable, "-c", code, sys.executable, script], "/nowhere/s")
        assert parent.stderr is not None
        self.addCleanup(parent.stderr.close)
        while b"loads" not in parent.stderr.readline():
            pass
        parent.kill()
        parent.wait(PATIENCE)
        self.assertEqual(parent.stderr.read(), b"")  # which ends with the last of both

    def test_child_that_it_forks_is_no_worker(self) -> None:
        for kind in ("def", "async def"):
            with self.subTest(kind):
                worker = self.started(f"""
                    {kind} load():
                        for leaves in ("returns", "raises"):
                            child = os.fork()
                            if child == 0:
                                if leaves == "raises":
                                    raise ValueError
                                return
                            state.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

                    run_worker(on_start=load)
                """)
                self.assertEqual(worker.connect().call(1, "plain"), [0, 1])

    def test_the_command_takes_names_of_the_module(self) -> None:
        folder = self.folder()
        file, path = os.path.join(folder, "my_handlers.py"), os.path.join(folder, "c")
        with open(file, "w") as source:
            source.write(HEAD + "def load():\n    state.append({1, 2})\n")
        command = [sys.executable, "-m", "pyproctest_worker"]
        options = ["--on-start", "load", "--default", "sorted_list"]
        process = start([*command, file, *options], path)
        errors = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertIn(f"{file} has no function sorted_list", errors)
        self.assertEqual(process.returncode, 2)
        with open(file, "a") as source:
            source.write("def sorted_list(value):\n    return sorted(value)\n")
        for target, directory in ((file, "/"), ("my_handlers", folder)):
            process = start([*command, target, *options], path, directory)
            caller = Caller(connect_when_ready(path, process))
            self.assertEqual(caller.call(1, "plain"), [[1, 2]])
            caller.close()
            process.terminate()
            errors = process.communicate(timeout=PATIENCE)[1].decode()
            self.assertEqual(without_warnings(errors), "")
