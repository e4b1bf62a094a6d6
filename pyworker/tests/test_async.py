"""Async handlers beside plain ones."""

from __future__ import annotations

import os
import signal
import sys
import unittest

from . import TREE
from .harness import PATIENCE, Caller, Worker, connect_when_ready, start
from .test_process import Case

ASYNC_WORKER = os.path.join(TREE, "tests", "async_worker.py")

LONG = 3600.0


class Import(Case):
    def test_a_worker_without_async_handlers_never_imports_asyncio(self) -> None:
        worker = self.worker("--debug")
        caller = worker.connect()
        caller.send(caller.request(1, "sleep", {"seconds": LONG, "name": "generator"}))
        worker.await_line("started generator")
        caller.send(caller.cancellation(1))
        caller.receive()
        caller.call_error(2, "fail", "logged")
        for request_id in range(3, 300):
            caller.call(request_id, "echo", "x")
        names = ["asyncio", "pyproctest_worker.event_loop"]
        self.assertEqual(caller.call(1, "modules", names), [])

    def test_an_async_handler_that_is_exposed_before_the_start_has_it_imported_by_then(
        self,
    ) -> None:
        worker = self.worker("--async")
        self.assertEqual(worker.connect().call(1, "modules", ["asyncio"]), ["asyncio"])

    def test_an_async_handler_that_is_exposed_later_is_served_too(self) -> None:
        script = (
            "import sys; from pyproctest_worker import expose, run_worker\n"
            "@expose\n"
            "def more(body):\n"
            "    @expose\n"
            "    async def late(body):\n"
            "        return body\n"
            "    return 'asyncio' in sys.modules\n"
            "run_worker()"
        )
        path = os.path.join(self.folder(), "s")
        process = start([sys.executable, "-c", script], path)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        caller = Caller(connect_when_ready(path, process))
        self.addCleanup(caller.close)
        self.assertIs(caller.call(1, "more"), False)
        self.assertEqual(caller.call(2, "late", "late"), "late")

    def test_run_worker_in_a_coroutine_is_refused(self) -> None:
        script = (
            "import asyncio; from pyproctest_worker import expose, run_worker\n"
            "@expose\n"
            "async def echo(body): return body\n"
            "async def main(): run_worker()\n"
            "asyncio.run(main())"
        )
        process = start([sys.executable, "-c", script], os.path.join(self.folder(), "s"))
        errors = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertEqual(process.returncode, 1)
        self.assertIn("cannot start: run_worker() was called in a coroutine", errors)


class Cases(unittest.TestCase):
    arguments: tuple[str, ...] = ()
    worker: Worker

    @classmethod
    def setUpClass(cls) -> None:
        cls.worker = Worker(ASYNC_WORKER, *cls.arguments)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.worker.__exit__()

    def connect(self) -> Caller:
        caller = self.worker.connect()
        self.addCleanup(caller.close)
        return caller

    def begun(self, method: str, body: object, line: str) -> Caller:
        """Returns a caller whose request 1 runs, and has said so."""
        caller = self.connect()
        caller.send(caller.request(1, method, body))
        self.worker.await_line(line)
        return caller

    # Cancellation [CAN-5]; how a cancelled request is answered is left open, that it is answered
    # once is not [MSG-1]

    def test_cancelled_error_that_passes_is_an_error_answer(self) -> None:
        caller = self.begun("sleep", {"seconds": LONG, "name": "passes"}, "started passes")
        caller.send(caller.cancellation(1))
        self.assertEqual(caller.receive()["error"], "Cancelled: cancelled")
        self.worker.await_line("cancelled passes")

    def test_handler_that_returns_after_cancellation_answers_with_what_it_returns(self) -> None:
        caller = self.begun("when_cancelled", "returns", "started returns")
        caller.send(caller.cancellation(1))
        self.assertEqual(caller.receive()["body"], "returns, cancelled: True")

    def test_handler_that_raises_after_cancellation_answers_with_that(self) -> None:  # WRK-11
        caller = self.begun("when_cancelled", "raises", "started raises")
        caller.send(caller.cancellation(1))
        self.assertEqual(caller.receive()["error"], "ValueError: raised when cancelled")

    def test_handler_that_swallows_its_cancellation_is_outstanding_until_it_answers(self) -> None:
        caller, other = self.connect(), self.connect()
        other.send(other.request(1, "wait_for_gate"))
        self.worker.await_line("waits for the gate")
        caller.send(caller.request(1, "when_cancelled", "goes on"))
        self.worker.await_line("started goes on")
        caller.send(caller.cancellation(1))
        self.worker.await_line("goes on")
        caller.send(caller.cancellation(1))  # a second one is nothing new
        self.assertEqual(caller.call(2, "echo", "beside"), "beside")
        other.call(2, "plain echo")
        other.send(other.request(3, "open_the_gate"))
        self.assertEqual(set(other.receive_all(2)), {1, 3})
        self.assertEqual(caller.receive()["body"], "goes on, cancelled: True")

    def test_repeated_id_of_one_that_swallows_its_cancellation_closes_the_connection(self) -> None:
        worker = Worker(ASYNC_WORKER, *self.arguments)  # MSG-14
        self.addCleanup(worker.__exit__)
        caller = worker.connect()
        caller.send(caller.request(1, "when_cancelled", "goes on"))
        worker.await_line("started goes on")
        caller.send(caller.cancellation(1))
        worker.await_line("goes on")
        caller.send(caller.request(1, "echo"))
        self.assertTrue(caller.is_closed())

    def test_cancelled_error_of_a_request_that_was_not_cancelled_is_an_exception(self) -> None:
        caller = self.connect()  # WRK-11
        error = caller.call_error(1, "cancels_itself")
        self.assertEqual(error, "CancelledError: of its own accord")
        self.worker.await_text("the handler of 'cancels_itself' raised CancelledError")

    def test_cancellation_reaches_a_handler_that_computes_and_asks(self) -> None:
        caller = self.begun("computes", None, "started computes")
        caller.send(caller.cancellation(1))
        self.assertEqual(caller.receive()["body"], "computed")

    def test_cancellation_reaches_what_a_handler_gathers(self) -> None:
        caller = self.begun("cancelled_in_its_tasks", None, "started parts")
        caller.send(caller.cancellation(1))
        self.assertEqual(caller.receive()["error"], "Cancelled: cancelled")
        self.worker.await_line("ended one")
        self.worker.await_line("ended two")

    def test_caller_that_goes_away_cancels_its_handlers(self) -> None:  # CAN-8
        caller = self.begun("sleep", {"seconds": LONG, "name": "gone"}, "started gone")
        caller.close()
        self.worker.await_line("cancelled gone")

    # Beside one another

    def test_a_thousand_handlers_wait_at_once(self) -> None:  # WRK-9
        callers = [self.connect() for _ in range(10)]
        body = {"seconds": 0.2, "name": "of many"}
        for caller in callers:
            caller.send(*(caller.request(i, "sleep", body) for i in range(1, 101)))
        for caller in callers:
            self.assertEqual(len(caller.receive_all(100)), 100)

    def test_inflight_counts_async_handlers_whoever_asks(self) -> None:  # WRK-21
        caller = self.begun("sleep", {"seconds": LONG, "name": "counted"}, "started counted")
        before = caller.call(2, "inflight")
        self.assertEqual(caller.call(3, "plain inflight"), before)
        caller.send(caller.cancellation(1))
        caller.receive()
        self.assertEqual(caller.call(4, "inflight"), before - 1)
        self.assertEqual(caller.call(5, "plain inflight"), before - 1)

    def test_a_request_is_known_in_the_tasks_of_its_handler(self) -> None:
        self.assertIs(self.connect().call(7, "same_request_everywhere", 7), True)

    def test_what_asyncio_offers_works(self) -> None:
        answer = self.connect().call(1, "uses_the_loop")
        self.assertEqual(answer, ["thread", "process", "server"])

    def test_generators_go_on_beside_async_handlers(self) -> None:
        caller = self.begun("sleep", {"seconds": LONG, "name": "beside"}, "started beside")
        self.assertEqual(caller.call(2, "generator", 0.01), "generator")
        caller.send(caller.cancellation(1))
        caller.receive()

    def test_a_handler_that_blocks_the_event_loop_holds_others_up_until_it_ends(self) -> None:
        caller = self.begun("blocks", 0.1, "started blocks")
        other = self.connect()
        other.send(other.request(1, "health"), other.request(2, "echo"))
        self.assertEqual(caller.receive()["body"], "blocked")
        self.assertEqual(set(other.receive_all(2)), {1, 2})


class Wakes(Case):
    """What ends the wait of an async handler, other than its own time."""

    def test_what_a_plain_handler_sets(self) -> None:
        for method, body in (("open_the_gate", None), ("open_the_gate_later", 0.01)):
            with self.subTest(method):
                worker = self.worker(script=ASYNC_WORKER)
                caller = worker.connect()
                caller.send(caller.request(1, "wait_for_gate"))
                worker.await_line("waits for the gate")
                caller.send(caller.request(2, method, body))
                self.assertEqual(caller.receive_all(2)[1]["body"], "through")

    def test_a_descriptor(self) -> None:
        worker = self.worker(script=ASYNC_WORKER)
        caller, other = worker.connect(), worker.connect()
        for _ in range(2):
            caller.send(caller.request(1, "read_pipe"))
            worker.await_line("reads the pipe")
            # The descriptor is ready while a plain handler waits in the thread, and what waits for
            # it comes afterwards.
            self.assertIsNone(other.call(1, "write_pipe_and_wait", 0.1))
            self.assertEqual(caller.receive()["body"], "written")


class Tasks(Case):
    """Tasks that outlive the handlers that made them."""

    def test_exit_in_a_task_does_not_end_the_worker(self) -> None:
        worker = self.worker(script=ASYNC_WORKER)
        caller = worker.connect()
        self.assertEqual(caller.call(1, "leave_task", "exits"), "left")
        worker.await_text("a task of the event loop raised SystemExit")
        self.assertEqual(caller.call(2, "echo", "on"), "on")

    def test_a_task_that_spins_holds_nobody_up(self) -> None:  # WRK-24
        worker = self.worker(script=ASYNC_WORKER)
        caller = worker.connect()
        self.assertEqual(caller.call(1, "leave_task", "spins"), "left")
        for method in ("echo", "plain echo"):
            for request_id in range(2, 20):
                self.assertEqual(caller.call(request_id, method, "on"), "on")
        caller.send(*(caller.request(i, "echo", i) for i in range(1, 200)))
        self.assertEqual(len(caller.receive_all(199)), 199)
        self.assertEqual(caller.call(1, "health")["status"], "healthy")

    def test_a_task_is_cancelled_when_the_worker_ends(self) -> None:
        worker = self.worker("--grace", "60", script=ASYNC_WORKER)
        self.assertEqual(worker.connect().call(1, "leave_task", "waits"), "left")
        worker.signal()
        self.assertEqual(worker.exit_status(), 0)
        worker.await_line("the task that was left has ended")

    def test_child_that_a_task_forks_goes_no_further_than_the_task(self) -> None:
        worker = self.worker(script=ASYNC_WORKER)
        caller = worker.connect()
        self.assertEqual(caller.call(1, "fork_in_task"), 0)
        for request_id in range(2, 20):
            self.assertEqual(caller.call(request_id, "echo", request_id), request_id)


class Stop(Case):
    def test_handlers_finish_and_their_answers_are_sent(self) -> None:  # WRK-18
        worker = self.worker("--grace", "60", script=ASYNC_WORKER)
        caller = worker.connect()
        caller.send(caller.request(1, "sleep", {"seconds": 0.3, "name": "due"}))
        worker.await_line("started due")
        worker.signal()
        self.assertEqual(caller.receive()["body"], "due")
        self.assertEqual(worker.exit_status(), 0)

    def test_handlers_that_do_not_finish_are_cancelled_at_the_end(self) -> None:  # WRK-17
        for number in (signal.SIGTERM, signal.SIGINT):
            worker = self.worker("--grace", "0.5", script=ASYNC_WORKER)
            caller = worker.connect()
            caller.send(caller.request(1, "sleep", {"seconds": LONG, "name": "long"}))
            worker.await_line("started long")
            worker.signal(number)
            self.assertEqual(worker.exit_status(), 0)
            worker.await_line("cancelled long")
            self.assertFalse(os.path.exists(worker.path))

    def test_exits_with_0_whatever_handlers_do(self) -> None:  # WRK-17
        for method, body in (("blocks", LONG), ("when_cancelled", "goes on"), ("computes", None)):
            with self.subTest(method):
                worker = self.worker("--grace", "0.5", script=ASYNC_WORKER)
                caller = worker.connect()
                caller.send(caller.request(1, method, body))
                worker.await_text("started ")
                worker.signal()
                self.assertEqual(worker.exit_status(), 0)
                self.assertFalse(os.path.exists(worker.path))


class Slow(Case):
    def test_a_step_that_holds_the_event_loop_is_logged(self) -> None:
        worker = self.worker("--slow", "0.05", script=ASYNC_WORKER)
        caller = worker.connect()
        caller.call(7, "sleep", {"seconds": 0.1, "name": "awaits"})
        caller.call(8, "blocks", 0.1)
        worker.signal()
        errors = worker.errors()
        self.assertRegex(errors, r"the handler of 'blocks' held its thread for 0.\d s, request 8\n")
        self.assertNotIn("'sleep' held", errors)


if __name__ == "__main__":
    unittest.main()
