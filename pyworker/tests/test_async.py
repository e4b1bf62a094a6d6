"""Async handlers beside plain ones."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import socket
import sys
import unittest
from typing import Any
from unittest import mock

from pyproctest_worker.connection import AsyncRequest, Connection
from pyproctest_worker.event_loop import EventLoop
from pyproctest_worker.poller import Poller
from pyproctest_worker.turns import Turns

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
        caller.send(caller.request(1, "when_cancelled", "goes on"))
        self.worker.await_line("started goes on")
        caller.send(caller.cancellation(1))
        self.worker.await_line("goes on")
        caller.send(caller.cancellation(1))  # a second one is nothing new
        self.assertEqual(caller.call(2, "echo", "beside"), "beside")
        other.call(1, "open_the_gate")
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

    # What ends the wait of an async handler, other than its own time

    def test_what_a_plain_handler_sets_ends_a_wait(self) -> None:
        caller = self.connect()
        for method, body in (("open_the_gate", None), ("open_the_gate_later", 0.01)):
            caller.send(caller.request(1, "wait_for_gate"))
            self.worker.await_line("waits for the gate")
            caller.send(caller.request(2, method, body))
            self.assertEqual(caller.receive_all(2)[1]["body"], "through")
            self.worker.forget_errors()

    def test_a_descriptor_that_is_ready_ends_a_wait(self) -> None:
        caller, other = self.connect(), self.connect()
        for _ in range(2):
            caller.send(caller.request(1, "read_pipe"))
            self.worker.await_line("reads the pipe")
            # The descriptor is ready while a plain handler waits in the thread, and what waits for
            # it comes afterwards.
            self.assertIsNone(other.call(1, "write_pipe_and_wait", 0.1))
            self.assertEqual(caller.receive()["body"], "written")
            self.worker.forget_errors()

    # Tasks that outlive the handlers that made them

    def test_exit_in_a_task_does_not_end_the_worker(self) -> None:
        caller = self.connect()
        self.assertEqual(caller.call(1, "leave_task", "exits"), "left")
        self.worker.await_text("a task of the event loop raised SystemExit")
        self.assertEqual(caller.call(2, "echo", "on"), "on")

    def test_a_task_that_spins_holds_nobody_up(self) -> None:  # WRK-24
        caller = self.connect()
        self.assertEqual(caller.call(1, "leave_task", "spins"), "left")
        for method in ("echo", "plain echo"):
            for request_id in range(2, 10):
                self.assertEqual(caller.call(request_id, method, "on"), "on")
        caller.send(*(caller.request(i, "echo", i) for i in range(1, 50)))
        self.assertEqual(len(caller.receive_all(49)), 49)
        self.assertEqual(caller.call(1, "health")["status"], "healthy")
        caller.call(1, "end_tasks")

    def test_child_that_a_task_forks_goes_no_further_than_the_task(self) -> None:
        caller = self.connect()
        self.assertEqual(caller.call(1, "fork_in_task"), 0)
        for request_id in range(2, 20):
            self.assertEqual(caller.call(request_id, "echo", request_id), request_id)


class Stop(Case):
    def test_a_task_that_was_left_is_cancelled(self) -> None:
        worker = self.worker("--grace", "60", script=ASYNC_WORKER)
        self.assertEqual(worker.connect().call(1, "leave_task", "waits"), "left")
        worker.signal()
        self.assertEqual(worker.exit_status(), 0)
        worker.await_line("the task that was left has ended")

    def test_handlers_finish_and_their_answers_are_sent(self) -> None:  # WRK-18
        worker = self.worker("--grace", "60", script=ASYNC_WORKER)
        caller = worker.connect()
        caller.send(caller.request(1, "sleep", {"seconds": 0.3, "name": "due"}))
        worker.await_line("started due")
        worker.signal()
        self.assertEqual(caller.receive()["body"], "due")
        self.assertEqual(worker.exit_status(), 0)

    def test_exits_with_0_whatever_handlers_do(self) -> None:  # WRK-17
        body = {"seconds": LONG, "name": "long"}
        for number, method, argument in (
            (signal.SIGINT, "sleep", body),
            (signal.SIGTERM, "blocks", LONG),
        ):
            with self.subTest(method, number=number):
                worker = self.worker("--grace", "0.5", script=ASYNC_WORKER)
                caller = worker.connect()
                caller.send(caller.request(1, method, argument))
                worker.await_text("started ")
                worker.signal(number)
                self.assertEqual(worker.exit_status(), 0)
                self.assertFalse(os.path.exists(worker.path))


class Slow(Case):
    def test_a_step_that_holds_the_event_loop_is_logged(self) -> None:
        worker = self.worker("--slow", "0.05", script=ASYNC_WORKER)
        caller = worker.connect()
        caller.call(8, "blocks", 0.1)
        worker.signal()
        logged = r"the handler of 'blocks' held its thread for \d+\.\d s, request 8\n"
        self.assertRegex(worker.errors(), logged)


class Bursts(unittest.TestCase):
    """The event loop alone, whose bursts are timers."""

    def setUp(self) -> None:
        self.turns = Turns()
        self.flushed: list[Connection] = []
        self.poller = Poller()
        self.addCleanup(self.poller.close)
        self.loop = EventLoop(10485760, self.turns, self.poller, self.flushed.append)
        sockets = socket.socketpair()
        for end in sockets:
            self.addCleanup(end.close)
        self.connection = Connection(sockets[0], 10485760)
        self.said: list[str] = []

    def begin(self, handler: Any) -> AsyncRequest:
        runner: Any = mock.Mock(slow=math.inf, generators=self.turns.generators)
        request = AsyncRequest(runner, self.connection, 1, False, 0, "m", handler, "body")
        self.turns.add(request)
        self.connection.inbox.clear()
        self.loop.begin(request)
        return request

    def answer(self) -> Any:
        """Returns the answer of request 1, whose connection was flushed for it."""
        self.assertEqual(self.flushed, [self.connection])
        return json.loads(self.connection.answers[1][4:])

    async def waits(self, body: str) -> str:
        self.said.append(f"began {body}")
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            self.said.append("cancelled")
            raise
        return "not reached"

    def test_nothing_runs_before_a_burst(self) -> None:
        async def returns(body: str) -> str:
            return body * 2

        self.begin(returns)
        self.assertEqual(self.connection.answers, {})
        self.assertEqual(len(self.turns.generators), 1)
        self.turns.timers.call_due()
        self.assertEqual(self.answer()["body"], "bodybody")
        self.assertEqual(self.turns.generators, set())
        self.loop.close(0.0)

    def test_a_handler_that_is_cancelled_before_its_first_step_does_not_run(self) -> None:
        self.turns.cancel(self.begin(self.waits))
        self.turns.timers.call_due()
        self.assertEqual(self.said, [])
        self.assertEqual(self.answer()["error"], "cancelled before it ran")
        self.assertTrue(self.loop.has_room())
        self.loop.close(0.0)

    def test_a_cancellation_makes_for_a_burst(self) -> None:
        request = self.begin(self.waits)
        self.turns.timers.call_due()
        self.assertEqual(self.flushed, [])
        self.turns.cancel(request)
        self.turns.timers.call_due()
        self.assertEqual(self.said, ["began body", "cancelled"])
        self.assertEqual(self.answer()["error"], "Cancelled: cancelled")
        self.loop.close(0.0)

    def test_a_handler_that_asks_and_returns_as_it_is_cancelled_answers_with_its_result(
        self,
    ) -> None:
        """asyncio takes a task for cancelled that ends before it learns of it."""

        async def computes(body: str) -> str:
            self.turns.cancel(request)
            return "computed"

        request = self.begin(computes)
        self.turns.timers.call_due()
        self.assertEqual(self.answer()["body"], "computed")
        self.loop.close(0.0)

    def test_what_runs_at_the_end_of_the_worker_is_cancelled(self) -> None:
        self.begin(self.waits)
        self.turns.timers.call_due()
        self.turns.cancel_all(self.connection)
        self.loop.close(0.0)
        self.assertEqual(self.said, ["began body", "cancelled"])

    def test_handlers_begin_by_one_while_there_is_more_to_do_than_fits_a_burst(self) -> None:
        async def spins(body: str) -> None:
            while True:
                await asyncio.sleep(0)

        self.assertTrue(self.loop.has_room())
        request = self.begin(spins)
        self.assertTrue(self.loop.has_room())
        self.turns.timers.call_due()
        self.assertTrue(self.loop.has_room())
        self.loop._fresh.add(request)
        self.assertFalse(self.loop.has_room())
        self.turns.cancel_all(self.connection)
        self.loop.close(0.0)


if __name__ == "__main__":
    unittest.main()
