"""What a worker logs, where nobody has configured logging and where somebody has."""

from __future__ import annotations

import logging
import re
import unittest
import unittest.mock

from pyproctest_worker import log

from .harness import PROBING_WORKER, Caller, Worker


class Cases(unittest.TestCase):
    arguments: tuple[str, ...] = ()

    def worker(self, *arguments: str) -> tuple[Worker, Caller]:
        worker = Worker(PROBING_WORKER, *self.arguments, *arguments)
        self.addCleanup(worker.__exit__)
        return worker, worker.connect()

    def errors(self, worker: Worker) -> str:
        worker.signal()
        self.assertEqual(worker.exit_status(), 0)
        return worker.errors()

    def test_exception_in_a_handler_is_logged_with_its_traceback(self) -> None:
        for method, error in (
            ("fail", "RuntimeError: went wrong"),
            ("fails_later", "RuntimeError: later"),
            ("exits", "SystemExit: 3"),
            ("mute", "MuteError: <exception str() failed>"),
        ):
            with self.subTest(method):
                worker, caller = self.worker()
                caller.call_error(17, method, "went wrong")
                errors = self.errors(worker)
                self.assertIn(f"the handler of '{method}' raised", errors)
                self.assertIn("request 17", errors)
                self.assertIn("Traceback (most recent call last):\n", errors)
                self.assertIn(f", in {method}\n", errors)
                self.assertIn(f"\n{error}\n", errors)

    def test_result_that_cannot_be_sent_is_logged(self) -> None:
        worker, caller = self.worker("--max-payload", "1024")
        caller.call_error(1, "result", "set")
        caller.call_error(2, "big", 2000)
        errors = self.errors(worker)
        self.assertIn("request 1: the result cannot be encoded: TypeError", errors)
        self.assertIn("request 2: the answer takes 2", errors)

    def test_refused_request_is_logged(self) -> None:
        worker, caller = self.worker()
        caller.call_error(1, "no such")
        caller.send(caller.frame(2, b"{"), caller.frame(3, {"type": "odd", "payload": 1}))
        caller.receive()
        caller.receive()
        errors = self.errors(worker)
        for words in ("unknown method 'no such'", "malformed message", "unknown envelope type"):
            self.assertIn(words, errors)

    def test_reason_of_a_connection_closed_for_a_violation_is_logged(self) -> None:
        for data, words in (
            (lambda c: b"PY" + bytes(16), "framing error: bad_length"),
            (lambda c: c.request(1, "echo")[:-1], "framing error: truncated"),
            (lambda c: c.frame(7, {"id": 8, "method": "echo"}), "the ID is 8 in a message and 7"),
            (lambda c: c.request(9, "health") * 2, "the ID 9 is outstanding already"),
        ):
            with self.subTest(words):
                worker, caller = self.worker()
                caller.send(data(caller))
                caller.socket.shutdown(1)
                while caller.receive_frame() is not None:
                    pass
                errors = self.errors(worker)
                self.assertIn("closed connection", errors)
                self.assertIn(words, errors)

    def test_slow_handler_is_logged_once_a_call(self) -> None:
        worker, caller = self.worker("--slow", "0.05")
        for request_id, method in ((1, "take_long"), (2, "take_long_often")):
            caller.call(request_id, method, 0.1)
            request = {"id": 10 + request_id, "method": method, "body": 0.1}
            # In an envelope, so that it is lined up and does not run at once.
            caller.send(
                caller.frame(10 + request_id, {"type": "request", "payload": request}),
            )
            caller.receive()
        errors = self.errors(worker)
        for request_id, method in ((1, "take_long"), (2, "take_long_often")):
            for identity in (request_id, 10 + request_id):
                line = rf"handler of '{method}' held its thread for \d+\.\d s, request {identity}\n"
                self.assertEqual(len(re.findall(line, errors)), 1, errors)

    def test_slow_handler_is_not_logged_where_that_is_turned_off(self) -> None:
        worker, caller = self.worker("--slow", "inf")
        caller.call(1, "take_long", 0.1)
        self.assertNotIn("held its thread", self.errors(worker))

    def test_foreign_text_is_short_and_on_one_line(self) -> None:
        worker, caller = self.worker()
        evil = "a\x1b[31m\nCRITICAL forged\r\u202e\ud800" + "x" * 1_000_000
        caller.call_error(1, evil)
        caller.call_error(2, "fail", evil)
        caller.call_error(3, "fails_with", {evil: evil})
        errors = self.errors(worker)
        self.assertLess(len(errors), 20_000)
        for character in "\x1b\r\u202e":
            self.assertNotIn(character, errors)
        self.assertNotIn("\nCRITICAL", errors)
        self.assertIn("\\x1b[31m", errors)

    def test_debugging_says_why_every_connection_was_closed(self) -> None:
        worker, caller = self.worker("--debug")
        caller.call(1, "echo")
        caller.close()
        worker.await_text("DEBUG pyproctest_worker closed connection")
        worker.await_text("its caller ended it")
        other = worker.connect()
        other.send(other.request(1, "sleep", {"name": "s", "seconds": 3600}))
        worker.await_line("started s")
        other.send(other.cancellation(1))
        other.receive()
        worker.await_text("DEBUG pyproctest_worker the handler of 'sleep' was cancelled, request 1")
        errors = self.errors(worker)
        self.assertIn("the worker ends", errors)
        self.assertNotIn("ERROR", errors)


class Quiet(unittest.TestCase):
    def test_nothing_heavy_is_imported_while_nothing_is_wrong(self) -> None:
        heavy = ["logging", "traceback", "inspect"]
        for threads in ("0", "1"):
            # Not the probing worker, which imports some of these itself.
            script = (
                "import sys; from pyproctest_worker import expose, run_worker\n"
                "@expose\ndef modules(body): return [n for n in body if n in sys.modules]\n"
                f"run_worker(threads={threads})\n"
            )
            worker = Worker("-c", script)
            self.addCleanup(worker.__exit__)
            caller = worker.connect()
            self.assertEqual(caller.call(1, "modules", heavy), [])
            worker.connect().close()
            caller.send(caller.request(2, "modules", heavy), caller.cancellation(2))
            caller.receive()
            self.assertEqual(caller.call(3, "modules", heavy), [])


class Descriptors(unittest.TestCase):
    def test_failure_to_accept_is_logged_once_and_ends(self) -> None:
        script = (
            "import resource; from pyproctest_worker import expose, run_worker\n"
            "expose('echo')(lambda body: body)\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))\n"
            "run_worker()\n"
        )
        worker = Worker("-c", script)
        self.addCleanup(worker.__exit__)
        callers = [worker.connect() for _ in range(16)]
        worker.await_text("cannot accept connections for now: Too many open files")
        self.assertEqual(callers[0].call(1, "echo", "served"), "served")
        last = callers.pop()
        for caller in callers:
            caller.close()
        self.assertEqual(last.call(1, "echo", "accepted"), "accepted")
        worker.signal()
        self.assertEqual(worker.exit_status(), 0)
        self.assertEqual(worker.errors().count("cannot accept"), 1)


class Logger(unittest.TestCase):
    def test_records_carry_the_exception_for_other_handlers(self) -> None:
        with self.assertLogs("pyproctest_worker", logging.ERROR) as logs:
            try:
                raise ValueError("text")
            except ValueError as error:
                raised = error
                log.handler_failed("method", 5, error)
        (record,) = logs.records
        assert record.exc_info is not None
        self.assertIs(record.exc_info[1], raised)

    def test_what_is_turned_off_costs_no_traceback(self) -> None:
        logger = logging.getLogger("pyproctest_worker")
        self.addCleanup(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL)
        with unittest.mock.patch.object(log, "_traceback", side_effect=AssertionError):
            log.handler_failed("method", 5, ValueError())

    def test_handler_of_logging_that_raises_does_not_end_the_worker(self) -> None:
        class Broken(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                raise RuntimeError("broken")

        logger, broken = logging.getLogger("pyproctest_worker"), Broken()
        logger.addHandler(broken)
        self.addCleanup(logger.removeHandler, broken)
        with self.assertLogs("another"):
            logging.getLogger("another").info("so that this is not empty")
            log.answer_replaced(1, "reason")


if __name__ == "__main__":
    unittest.main()
