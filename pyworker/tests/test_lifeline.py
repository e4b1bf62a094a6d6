"""A worker whose pool is gone is gone too, whatever its age [WRK-19]."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

from .harness import PATIENCE, PROBING_WORKER, Worker, connect_when_ready, start

IMPORTS_FOR_EVER = """
import pyproctest_worker, os, sys, time
os.write(2, b"importing\\n")
time.sleep(3600)
"""

SERVES_IN_A_CHILD = """
import os
from pyproctest_worker import run_worker
if os.fork() == 0:
    run_worker()
os.wait()
"""

SHOWS_WHAT_CHILDREN_INHERIT = """
import os, subprocess, sys
number = os.environ["PYPROC_LIFELINE_FD"]
import pyproctest_worker
assert "PYPROC_LIFELINE_FD" not in os.environ
assert not os.get_inheritable(int(number))
code = "import os, sys; print(os.path.exists('/dev/fd/' + sys.argv[1]), os.environ.get('PYPROC_LIFELINE_FD'))"
subprocess.run([sys.executable, "-c", code, number], close_fds=False, stdout=2)
"""  # noqa: E501


class Lifeline(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="pp")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "s")
        self.ours, self.theirs = os.pipe()[::-1]
        self.addCleanup(self.end_lifeline)

    def end_lifeline(self) -> None:
        if self.ours >= 0:
            os.close(self.ours)
            self.ours = -1

    def start(self, script: str, *arguments: str) -> subprocess.Popen[bytes]:
        process = start(
            [sys.executable, "-c", script, *arguments], self.path, None, lifeline=self.theirs
        )
        os.close(self.theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close if process.stderr else print)
        return process

    def worker(self, *arguments: str) -> Worker:
        worker = Worker(PROBING_WORKER, *arguments, lifeline=self.theirs)
        os.close(self.theirs)
        self.addCleanup(worker.__exit__)
        return worker

    def test_ends_a_worker_that_serves_and_removes_its_socket(self) -> None:
        for threads in ("0", "2"):
            with self.subTest(threads=threads):
                worker = self.worker("--threads", threads)
                caller = worker.connect()
                self.assertEqual(caller.call(1, "echo", 1), 1)
                self.end_lifeline()
                self.assertTrue(caller.is_closed())
                self.assertEqual(worker.exit_status(), 0)
                self.assertFalse(os.path.exists(worker.path))
            self.theirs, self.ours = os.pipe()

    def test_ends_a_worker_though_a_handler_holds_its_thread(self) -> None:
        worker = self.worker("--grace", "0.5")
        caller = worker.connect()
        caller.send(caller.request(1, "spin", {"name": "orphan"}))
        worker.await_line("started orphan")
        self.end_lifeline()
        self.assertEqual(worker.exit_status(), 0)

    def test_ends_a_worker_that_is_stopping_for_long(self) -> None:
        worker = self.worker("--grace", "3600")
        caller = worker.connect()
        caller.send(caller.request(1, "sleep", {"name": "long", "seconds": 3600}))
        worker.await_line("started long")
        worker.signal()
        while os.path.exists(worker.path):
            caller.call(2, "health")
        self.end_lifeline()
        self.assertEqual(worker.exit_status(), 0)

    def test_ends_a_worker_while_it_imports(self) -> None:
        process = self.start(IMPORTS_FOR_EVER)
        assert process.stderr is not None
        self.assertEqual(process.stderr.readline(), b"importing\n")
        self.end_lifeline()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_ends_a_worker_that_the_command_imports(self) -> None:
        file = os.path.join(self.folder, "slow_handlers.py")
        with open(file, "w") as source:
            source.write("import os, time\nos.write(2, b'importing\\n')\ntime.sleep(3600)\n")
        process = self.start("from pyproctest_worker.command import main; main()", file)
        assert process.stderr is not None
        while process.stderr.readline() != b"importing\n":
            pass
        self.end_lifeline()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_ends_a_worker_when_it_ended_before_the_start(self) -> None:
        self.end_lifeline()
        process = self.start(IMPORTS_FOR_EVER)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_ends_a_worker_in_a_child_that_was_forked_after_the_import(self) -> None:
        process = self.start(SERVES_IN_A_CHILD)
        with connect_when_ready(self.path, process) as sock:
            self.end_lifeline()
            self.assertEqual(process.wait(PATIENCE), 0)
            self.assertEqual(sock.recv(1), b"")

    def test_what_is_written_to_it_is_ignored(self) -> None:
        worker = self.worker()
        caller = worker.connect()
        os.write(self.ours, b"x" * 1000)
        self.assertEqual(caller.call(1, "echo", 1), 1)
        self.end_lifeline()
        self.assertEqual(worker.exit_status(), 0)

    def test_may_be_a_socket_that_does_not_block(self) -> None:
        os.close(self.theirs)
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self.theirs = theirs.detach()
        worker = self.worker()
        worker.connect().call(1, "echo")
        ours.send(b"x")
        worker.connect().call(1, "echo")
        ours.close()
        self.assertEqual(worker.exit_status(), 0)

    def test_no_child_inherits_it(self) -> None:
        process = self.start(SHOWS_WHAT_CHILDREN_INHERIT)
        errors = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertEqual((errors, process.returncode), ("False None\n", 0))

    def test_value_that_cannot_be_used_is_reported_and_ignored(self) -> None:
        os.close(self.theirs)
        with open(os.devnull) as nothing, tempfile.TemporaryFile() as file:
            for value, words in (
                ("seven", "is not a descriptor's number"),
                ("", "is not a descriptor's number"),
                ("-1", "is not a descriptor's number"),
                ("9" * 30, "is not an open descriptor"),
                ("500", "is not an open descriptor"),
                (self.ours, "is not an open descriptor to read from"),
                (nothing.fileno(), "is neither a pipe nor a socket"),
                (file.fileno(), "is neither a pipe nor a socket"),
            ):
                with self.subTest(value):
                    worker = Worker(PROBING_WORKER, lifeline=value)
                    self.addCleanup(worker.__exit__)
                    self.assertEqual(worker.connect().call(1, "echo", "serves"), "serves")
                    worker.signal()
                    self.assertEqual(worker.exit_status(), 0)
                    errors = worker.errors()
                    self.assertIn(words, errors)
                    self.assertIn("PYPROC_LIFELINE_FD", errors)
                    self.assertNotIn("Traceback", errors)


class WithoutLifeline(unittest.TestCase):
    def test_worker_in_a_child_that_was_forked_after_the_import_serves(self) -> None:
        """Its parent is the process that forked it, and not the parent of that one."""
        folder = tempfile.mkdtemp(prefix="pp")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "s")
        process = start([sys.executable, "-c", SERVES_IN_A_CHILD], path)
        self.addCleanup(process.stderr.close if process.stderr else print)
        with connect_when_ready(path, process) as sock:
            process.kill()
            process.wait()
            self.assertEqual(sock.recv(1), b"")


if __name__ == "__main__":
    unittest.main()
