"""A worker process from its start to its end."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from pyproctest_worker import codec

from .harness import (
    CONFORMANCE_WORKER,
    PATIENCE,
    PROBING_WORKER,
    Caller,
    Worker,
    connect_when_ready,
    start,
)

LONG = 3600.0


class Case(unittest.TestCase):
    def worker(
        self, *arguments: str, script: str = PROBING_WORKER, path: str | None = None
    ) -> Worker:
        worker = Worker(script, *arguments, path=path)
        self.addCleanup(worker.__exit__)
        return worker

    def folder(self) -> str:
        folder = tempfile.mkdtemp(prefix="pp")
        self.addCleanup(shutil.rmtree, folder)
        return folder


class Start(Case):
    def test_socket_file_has_mode_0600(self) -> None:  # WRK-6
        worker = self.worker()
        worker.connect()
        mode = os.lstat(worker.path).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_refuses_without_a_path(self) -> None:  # WRK-3
        for path in (None, ""):
            process = start([sys.executable, CONFORMANCE_WORKER], path)
            errors = process.communicate(timeout=PATIENCE)[1].decode()
            self.assertNotEqual(process.returncode, 0)
            self.assertIn("PYPROC_SOCKET_PATH", errors)
            self.assertNotIn("Traceback", errors)

    def test_replaces_a_stale_socket_file(self) -> None:  # WRK-2
        worker = self.worker()
        worker.connect()
        worker.process.kill()
        worker.process.wait()
        self.assertTrue(os.path.exists(worker.path))
        heir = self.worker(path=worker.path)
        self.assertEqual(heir.connect().call(1, "pid"), heir.process.pid)

    def test_refuses_the_socket_of_a_live_worker_and_leaves_it_alone(self) -> None:  # WRK-4
        worker = self.worker()
        caller = worker.connect()
        rival = self.worker(path=worker.path)
        self.assertNotEqual(rival.exit_status(), 0)
        self.assertIn("a live process listens there", rival.errors())
        self.assertEqual(caller.call(1, "echo", "hi"), "hi")
        self.assertEqual(worker.connect().call(1, "pid"), worker.process.pid)

    def test_refuses_the_socket_of_a_live_process_that_does_not_accept(self) -> None:  # WRK-4
        folder = self.folder()
        path = os.path.join(folder, "full")
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as queued:
            listener.bind(path)
            listener.listen(0)
            queued.connect(path)
            rival = self.worker(path=path)
            self.assertNotEqual(rival.exit_status(), 0)
            self.assertTrue(os.path.exists(path))

    def test_refuses_what_is_no_socket_and_leaves_it_alone(self) -> None:  # WRK-5
        folder = self.folder()
        file, directory, link = (os.path.join(folder, name) for name in ("f", "d", "l"))
        with open(file, "w") as content:
            content.write("precious")
        os.mkdir(directory)
        os.symlink(file, link)
        for path in (file, directory, link):
            with self.subTest(path):
                worker = self.worker(path=path)
                self.assertNotEqual(worker.exit_status(), 0)
                self.assertIn("is not a socket", worker.errors())
                self.assertTrue(os.path.lexists(path))
        with open(file) as content:
            self.assertEqual(content.read(), "precious")

    def test_says_what_is_wrong_with_a_path(self) -> None:
        folder = self.folder()
        for path, words in (
            (os.path.join(folder, "x" * 108), "107 bytes"),
            (os.path.join(folder, "missing", "s"), "No such file or directory"),
        ):
            with self.subTest(path):
                worker = self.worker(path=path)
                self.assertEqual(worker.exit_status(), 1)
                errors = worker.errors()
                self.assertIn(words, errors)
                self.assertIn(path, errors)
                self.assertNotIn("Traceback", errors)

    def test_one_warning_for_each_package_that_is_missing(self) -> None:
        script = (
            "import runpy, sys; sys.modules['google_crc32c'] = sys.modules['msgspec'] = None;"
            "del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        path = os.path.join(self.folder(), "w")
        process = start([sys.executable, "-c", script, CONFORMANCE_WORKER], path)
        caller = Caller(connect_when_ready(path, process))
        self.addCleanup(caller.close)
        for request_id in range(1, codec.LOAD_AFTER + 10):
            self.assertEqual(caller.call(request_id, "echo", "x"), "x")
        self.assertEqual(caller.call(1, "echo", "x" * 100_000), "x" * 100_000)
        process.terminate()
        errors = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertEqual(errors, WARNINGS[0] + WARNINGS[1])

    def test_says_what_is_wrong_where_descriptors_are_few(self) -> None:
        script = (
            "import resource, sys; from pyproctest_worker import run_worker;"
            "import pyproctest_worker.threads;"  # since no module can be imported afterwards
            "resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2);"
            "run_worker(threads=int(sys.argv[2]))"
        )
        for threads in ("0", "2"):
            refused = []
            for limit in range(4, 20):
                path = os.path.join(self.folder(), "s")
                process = start([sys.executable, "-c", script, str(limit), threads], path)
                self.addCleanup(process.wait)
                self.addCleanup(process.kill)
                try:
                    connect_when_ready(path, process).close()
                except AssertionError as error:
                    refused.append(limit)
                    for words in ("status 1", "cannot start: Too many open files", "ulimit -n"):
                        self.assertIn(words, str(error))
                    self.assertNotIn("Traceback", str(error))
                    self.assertFalse(os.path.exists(path))
                assert process.stderr is not None
                process.stderr.close()
            self.assertIn(6, refused)
            self.assertNotIn(19, refused)

    def test_whoever_connects_is_served_since_nothing_is_missing_any_more(self) -> None:
        script = (
            "import resource, socket, sys; from pyproctest_worker import expose, run_worker;"
            "listen = socket.socket.listen\n"
            "def last(self, backlog):\n"
            "    listen(self, backlog)\n"
            "    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 100))\n"
            "socket.socket.listen = last\n"
            "expose(lambda body: body + 1, name='next')\n"
            "run_worker(threads=int(sys.argv[1]))"
        )
        if not hasattr(resource, "prlimit"):
            self.skipTest("this system sets a process's limits only from within")
        for threads in ("0", "2"):
            path = os.path.join(self.folder(), "s")
            process = start([sys.executable, "-c", script, threads], path)
            assert process.stderr is not None
            self.addCleanup(process.stderr.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            caller = Caller(connect_when_ready(path, process))
            self.addCleanup(caller.close)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (100, 100))
            self.assertEqual(caller.call(1, "next", 6), 7)

    def test_a_signal_just_before_it_listens_leaves_no_socket_file(self) -> None:  # WRK-17
        script = (
            "import os, signal, threading; from pyproctest_worker import run_worker\n"
            "from pyproctest_worker.listener import Listener\n"
            "remove, listen, removed = Listener.remove, Listener.listen, threading.Event()\n"
            "def told(self):\n"
            "    remove(self)\n"
            "    removed.set()\n"
            "def late(self):\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
            "    removed.wait()\n"
            "    listen(self)\n"
            "Listener.remove, Listener.listen = told, late\n"
            "run_worker()"
        )
        path = os.path.join(self.folder(), "s")
        process = start([sys.executable, "-c", script], path)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertFalse(os.path.exists(path))

    def test_says_what_is_wrong_where_descriptors_are_few_from_the_start(self) -> None:
        path = os.path.join(self.folder(), "s")
        command = ["sh", "-c", 'ulimit -n 6; exec "$@"', "sh", sys.executable, CONFORMANCE_WORKER]
        process = start(command, path)
        errors = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertEqual(process.returncode, 1)
        self.assertIn("cannot start: Too many open files", errors)
        self.assertNotIn("Traceback", errors)

    def test_arguments_out_of_range_are_refused(self) -> None:
        for arguments in (
            ("--max-payload", "1023"),
            ("--max-payload", str(0x50590000)),
            ("--threads", "-1"),
            ("--grace", "0"),
            ("--grace", "inf"),
            ("--slow", "0"),
            ("--slow", "nan"),
            ("--max-memory", "10485759"),
        ):
            with self.subTest(arguments):
                worker = self.worker(*arguments)
                self.assertNotEqual(worker.exit_status(), 0)
                self.assertIn("ValueError", worker.errors())


class Stop(Case):
    def test_idle_worker_exits_with_0_and_removes_its_socket(self) -> None:  # WRK-17
        for number in (signal.SIGTERM, signal.SIGINT):
            worker = self.worker("--grace", "60")
            caller = worker.connect()
            worker.signal(number)
            self.assertEqual(worker.exit_status(), 0)
            self.assertFalse(os.path.exists(worker.path))
            self.assertTrue(caller.is_closed())
            self.assertEqual(without_warnings(worker.errors()), "")

    def test_handlers_finish_and_their_answers_are_sent(self) -> None:  # WRK-18
        for threads in ("0", "2"):
            worker = self.worker("--grace", "60", "--threads", threads)
            caller = worker.connect()
            caller.send(
                caller.request(1, "sleep", {"seconds": 0.3, "name": "generator"}),
                caller.request(2, "wait", {"seconds": 0.3, "name": "plain"}),
            )
            worker.await_line("started generator")
            worker.await_line("started plain")
            worker.signal()
            self.assertEqual(set(caller.receive_all(2)), {1, 2})
            self.assertEqual(worker.exit_status(), 0)

    def test_handler_whose_caller_is_gone_finishes_too(self) -> None:
        worker = self.worker("--grace", "60")
        caller = worker.connect()
        caller.send(caller.request(1, "stubborn", "alone"))
        worker.await_line("started alone")
        caller.close()
        worker.signal()
        self.assertEqual(worker.exit_status(), 0)
        worker.await_line("ended alone")

    def test_answers_that_were_not_read_yet_are_sent(self) -> None:  # WRK-18
        worker = self.worker("--grace", "60")
        caller, other = worker.connect(), worker.connect()
        caller.send(*(caller.request(i, "big", 1 << 20) for i in range(1, 11)))
        while other.call(1, "big answers") < 10:
            pass
        worker.signal()
        self.assertEqual(len(caller.receive_all(10)), 10)
        self.assertEqual(worker.exit_status(), 0)

    def test_socket_file_is_removed_though_the_folder_was_changed(self) -> None:
        folder = self.folder()
        process = start([sys.executable, PROBING_WORKER], "relative", folder)
        path = os.path.join(folder, "relative")
        caller = Caller(connect_when_ready(path, process))
        caller.call(1, "change_folder", "/")
        process.terminate()
        process.communicate(timeout=PATIENCE)
        self.assertFalse(os.path.exists(path))
        caller.close()

    def test_socket_is_gone_while_handlers_finish_and_new_requests_are_refused(self) -> None:
        worker = self.worker("--grace", "60")
        caller = worker.connect()
        caller.send(caller.request(1, "sleep", {"seconds": LONG, "name": "long"}))
        worker.await_line("started long")
        worker.signal()
        request_id = 2
        while True:  # until the signal has come
            caller.send(caller.request(request_id, "echo"))
            answer = caller.receive()
            if not answer["ok"]:
                self.assertIn("stopping", answer["error"])
                break
            request_id += 1
        self.assertFalse(os.path.exists(worker.path))
        worker.signal(signal.SIGINT)  # a second signal changes nothing
        self.assertEqual(caller.call(1000, "health")["status"], "healthy")
        caller.send(caller.cancellation(1))
        self.assertEqual(caller.receive()["id"], 1)
        self.assertEqual(worker.exit_status(), 0)

    def test_exits_with_0_within_the_grace_period_whatever_handlers_do(self) -> None:  # WRK-17
        for threads in ("0", "2"):
            for method in ("sleep", "wait", "compute", "block", "spin"):
                with self.subTest(method, threads=threads):
                    worker = self.worker("--grace", "0.5", "--threads", threads)
                    caller = worker.connect()
                    caller.send(caller.request(1, method, {"seconds": LONG, "name": "long"}))
                    worker.await_line("started long")
                    before = time.monotonic()
                    worker.signal()
                    self.assertEqual(worker.exit_status(), 0)
                    self.assertLess(time.monotonic() - before, PATIENCE)
                    self.assertFalse(os.path.exists(worker.path))

    def test_caller_that_does_not_read_does_not_keep_it(self) -> None:
        worker = self.worker("--grace", "0.5")
        caller = worker.connect()
        caller.send(*(caller.request(i, "big", 1 << 20) for i in range(1, 20)))
        worker.connect().call(1, "echo")
        worker.signal()
        self.assertEqual(worker.exit_status(), 0)

    def test_socket_file_of_another_worker_is_left_alone(self) -> None:
        worker = self.worker()
        worker.connect()
        os.unlink(worker.path)
        heir = self.worker(path=worker.path)
        heir.connect()
        worker.signal()
        self.assertEqual(worker.exit_status(), 0)
        self.assertEqual(heir.connect().call(1, "pid"), heir.process.pid)

    def test_signal_of_a_forked_child_is_the_childs(self) -> None:
        worker = self.worker()
        caller = worker.connect()
        status = caller.call(1, "fork_and_stop_child")
        self.assertEqual(os.WTERMSIG(status), signal.SIGTERM)
        self.assertEqual(caller.call(2, "echo", "still here"), "still here")

    def test_exit_method_ends_the_process_with_its_status(self) -> None:  # WRK-21
        worker = self.worker(script=CONFORMANCE_WORKER)
        caller = worker.connect()
        caller.send(caller.request(1, "exit", {"code": 7}))
        self.assertTrue(caller.is_closed())
        self.assertEqual(worker.exit_status(), 7)


WARNINGS = (
    "pyproctest-worker: the package google-crc32c is missing: checksums are computed in Python, "
    "slowly\n",
    "pyproctest-worker: the package msgspec is missing: JSON is read and written by json, more "
    "slowly\n",
)


def without_warnings(errors: str) -> str:
    for warning in WARNINGS:
        errors = errors.replace(warning, "")
    return errors


class Orphan(Case):
    def orphan(self, *arguments: str) -> tuple[subprocess.Popen[bytes], Caller, int]:
        """Starts a process that starts a worker; returns the process, a caller and the worker's ID.
        The connection ends when the worker is gone."""
        path = os.path.join(self.folder(), "o")
        script = "import signal, subprocess, sys; subprocess.Popen(sys.argv[1:]); signal.pause()"
        parent = start([sys.executable, "-c", script, sys.executable, *arguments], path)
        self.addCleanup(parent.stderr.close if parent.stderr else lambda: None)
        caller = Caller(connect_when_ready(path, parent))
        self.addCleanup(caller.close)
        return parent, caller, int(caller.call(1, "pid"))

    def test_is_gone_soon_after_its_parent(self) -> None:  # WRK-19
        for threads in ("0", "2"):
            parent, caller, _ = self.orphan(PROBING_WORKER, "--threads", threads)
            parent.kill()
            parent.wait()
            self.assertTrue(caller.is_closed())

    def test_is_gone_though_a_handler_holds_its_thread_up(self) -> None:  # WRK-19
        parent, caller, _ = self.orphan(PROBING_WORKER, "--grace", "0.5")
        caller.send(caller.request(2, "block", {"seconds": LONG, "name": "orphan"}))
        parent.kill()
        parent.wait()
        self.assertTrue(caller.is_closed())

    def test_is_gone_without_process_descriptors_too(self) -> None:
        parent, caller, _ = self.orphan(PROBING_WORKER, "--no-pidfd")
        parent.kill()
        parent.wait()
        self.assertTrue(caller.is_closed())


class Command(Case):
    def test_serves_a_file(self) -> None:
        folder = self.folder()
        file = os.path.join(folder, "my_handlers.py")
        with open(file, "w") as source:
            source.write("from pyproctest_worker import expose\n")
            source.write("@expose\ndef twice(body):\n    return body * 2\n")
        path = os.path.join(folder, "c")
        for target, directory in ((file, "/"), ("my_handlers", folder)):
            command = [sys.executable, "-m", "pyproctest_worker", target]
            process = start([*command, "--threads", "1", "--socket", path], None, directory)
            caller = Caller(connect_when_ready(path, process))
            self.assertEqual(caller.call(1, "twice", 21), 42)
            caller.close()
            process.terminate()
            process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 0)

    def test_says_what_is_wrong(self) -> None:
        for arguments, words in (
            ([], "module_or_file"),
            (["no_such_file.py"], "cannot find the file no_such_file.py"),
            (["json", "--max-payload", "1"], "max_payload"),
        ):
            with self.subTest(arguments):
                process = start(
                    [sys.executable, "-m", "pyproctest_worker", *arguments], "/nowhere/s"
                )
                errors = process.communicate(timeout=PATIENCE)[1].decode()
                self.assertNotEqual(process.returncode, 0)
                self.assertIn(words, errors)
                self.assertNotIn("Traceback", errors)


if __name__ == "__main__":
    unittest.main()
