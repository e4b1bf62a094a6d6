"""A child that a handler forks keeps nothing of the worker's and answers nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import unittest

from . import TREE
from .harness import PATIENCE, Caller, Worker, connect_when_ready, start

FORKING_WORKER = os.path.join(TREE, "tests", "forking_worker.py")

WITHOUT_GUARD = """
import multiprocessing
from pyproctest_worker import expose, run_worker

@expose
def pool_in_processes(method):
    context = multiprocessing.get_context(method)
    process = context.Process(target=abs, args=(1,))
    process.start()
    process.join()
    return process.exitcode

run_worker()
"""


def kill(child: int) -> None:
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        pass  # the end of the worker was the end of its terminal


class Cases(unittest.TestCase):
    arguments: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.worker = Worker(FORKING_WORKER, *self.arguments)
        self.addCleanup(self.worker.__exit__)

    def test_child_that_leaves_its_handler_answers_nothing(self) -> None:
        caller = self.worker.connect()
        request_id = 0
        for method in ("fork", "fork_and_ask", "fork_in_generator"):
            for how, status in (("returns", 0), ("raises", 1), ("exits", 7), ("yields", 0)):
                if how == "yields" and method != "fork_in_generator":
                    continue
                with self.subTest(method, how=how):
                    request_id += 1
                    self.assertEqual(caller.call(request_id, method, how), status)
        # A child that went on as a worker would have answered some of these.
        for request_id in range(100, 120):
            self.assertEqual(caller.call(request_id, "echo", request_id), request_id)
        self.worker.signal()
        self.assertEqual(self.worker.exit_status(), 0)

    def test_text_that_a_child_exits_with_is_written(self) -> None:
        caller = self.worker.connect()
        self.assertEqual(caller.call(1, "fork", "exits with a text"), 1)
        self.worker.await_line("the child says goodbye")

    def test_exception_in_a_child_is_logged(self) -> None:
        caller = self.worker.connect()
        self.assertEqual(caller.call(1, "fork", "raises"), 1)
        self.worker.await_text("RuntimeError: raised in the child")

    def test_child_that_lives_on_keeps_no_connection_and_no_socket(self) -> None:
        for how in ("fork", "forkpty", "multiprocessing", "preexec_fn"):
            with self.subTest(how):
                worker = Worker(FORKING_WORKER, *self.arguments)
                self.addCleanup(worker.__exit__)
                caller, closed = worker.connect(), worker.connect()
                child = caller.call(1, "fork_and_live_on", how)
                self.addCleanup(kill, child)
                closed.send(b"PY: this is not a frame, but long")
                self.assertTrue(closed.is_closed())
                worker.process.kill()
                worker.process.wait()
                self.assertTrue(caller.is_closed())
                heir = Worker(FORKING_WORKER, *self.arguments, path=worker.path)
                self.addCleanup(heir.__exit__)
                self.assertEqual(heir.connect().call(1, "echo", "heir"), "heir")

    def test_child_may_become_a_worker_of_its_own(self) -> None:
        caller = self.worker.connect()
        path = self.worker.path + "2"
        caller.send(caller.request(1, "fork_a_worker", path))
        child = Caller(connect_when_ready(path, self.worker.process))
        self.addCleanup(child.close)
        for request_id, how in enumerate(("returns", "returns"), 1):
            self.assertEqual(child.call(request_id, "fork", how), 0)
            self.assertEqual(child.call(request_id, "fork_in_generator", how), 0)
        health = child.call(5, "health")
        self.assertEqual(caller.call(2, "echo", "parent"), "parent")
        os.kill(health["pid"], signal.SIGTERM)
        self.assertTrue(child.is_closed())
        self.assertEqual(caller.receive()["body"], health["pid"])
        self.assertEqual(caller.call(3, "echo", "parent"), "parent")

    def test_signal_to_a_child_that_was_just_forked_is_the_childs(self) -> None:
        caller = self.worker.connect()
        status = caller.call(1, "fork_and_stop_at_once")
        self.assertEqual(status, -signal.SIGTERM)
        self.assertEqual(caller.call(2, "echo", "still here"), "still here")

    def test_processes_that_handlers_use_work(self) -> None:
        caller = self.worker.connect()
        self.assertEqual(caller.call(1, "call_subprocess"), "out\n")
        for request_id, method in enumerate(("fork", "spawn", "forkserver"), 2):
            with self.subTest(method):
                self.assertEqual(caller.call(request_id, "pool_in_processes", method), [1, 2, 3])


class Output(unittest.TestCase):
    def test_what_a_child_and_its_worker_write_comes_once(self) -> None:
        folder = tempfile.mkdtemp(prefix="pp")
        self.addCleanup(shutil.rmtree, folder)
        path, output = os.path.join(folder, "s"), os.path.join(folder, "out")
        script = (
            "import os, runpy, sys; os.dup2(os.open(sys.argv.pop(1), os.O_WRONLY|os.O_CREAT), 1);"
            "del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        process = start([sys.executable, "-c", script, output, FORKING_WORKER], path)
        caller = Caller(connect_when_ready(path, process))
        self.addCleanup(caller.close)
        self.assertEqual(caller.call(1, "fork", "returns"), 0)
        process.terminate()
        process.communicate(timeout=PATIENCE)
        with open(output) as written:
            self.assertEqual(written.read(), "written before the fork\nchild leaves: returns\n")


class Multiprocessing(unittest.TestCase):
    def test_worker_without_a_guard_is_refused_in_the_child(self) -> None:
        for method in ("spawn", "forkserver"):
            with self.subTest(method):
                folder = tempfile.mkdtemp(prefix="pp")
                self.addCleanup(shutil.rmtree, folder)
                script = os.path.join(folder, "no_guard.py")
                with open(script, "w") as source:
                    source.write(WITHOUT_GUARD)
                worker = Worker(script)
                self.addCleanup(worker.__exit__)
                caller = worker.connect()
                self.assertEqual(caller.call(1, "pool_in_processes", method), 1)
                errors = worker.await_text("call it under")
                self.assertIn("RuntimeError: run_worker() was called while multipr", errors)
                self.assertNotIn("cannot start", errors)


if __name__ == "__main__":
    unittest.main()
