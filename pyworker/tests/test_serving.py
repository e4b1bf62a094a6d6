"""What callers see of a worker that serves. mode_*.py have the same in other modes of it."""

from __future__ import annotations

import json
import socket
import struct
import unittest

from pyproctest_worker.framing import BASIC, ENHANCED, encode_enhanced

from .harness import BULK, FRAMINGS, PATIENCE, PROBING_WORKER, Caller, Worker

LONG = 3600.0


class Serving:
    """What has one worker for all its cases."""

    arguments: tuple[str, ...] = ()
    worker: Worker

    @classmethod
    def setUpClass(cls) -> None:
        cls.worker = Worker(PROBING_WORKER, *cls.arguments)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.worker.__exit__()


class Cases(Serving, unittest.TestCase):
    def connect(self, framing: str = ENHANCED) -> Caller:
        caller = self.worker.connect(framing)
        self.addCleanup(caller.close)
        return caller

    def sleep(
        self, caller: Caller, request_id: int, name: str = "", seconds: float = LONG
    ) -> bytes:
        return caller.request(request_id, "sleep", {"seconds": seconds, "name": name})

    # Requests and answers

    def test_each_request_gets_one_answer_under_its_id_in_both_framings(self) -> None:  # RID-8
        for framing in FRAMINGS:
            caller = self.connect(framing)
            ids = [*range(1, 500), 2**53 + 1, 2**64 - 1]
            caller.send(*(caller.request(i, "echo", i) for i in ids))
            answers = caller.receive_all(len(ids))
            self.assertEqual({i: answers[i]["body"] for i in ids}, {i: i for i in ids})

    def test_answers_overtake_a_waiting_handler(self) -> None:  # WRK-9
        caller = self.connect()
        caller.send(self.sleep(caller, 1), caller.request(2, "echo", "hi"))
        self.assertEqual(caller.receive(), {"id": 2, "ok": True, "body": "hi"})

    def test_64_handlers_wait_at_once_on_one_connection(self) -> None:  # WRK-9
        caller = self.connect()
        caller.send(*(self.sleep(caller, i, seconds=0.3) for i in range(1, 65)))
        caller.send(self.sleep(caller, 65, seconds=0.01))
        self.assertEqual(caller.receive()["id"], 65)
        self.assertEqual(set(caller.receive_all(64)), set(range(1, 65)))

    def test_inflight_counts_handlers_that_wait(self) -> None:  # WRK-21
        caller = self.connect()
        before = caller.call(1, "inflight")
        caller.send(*(self.sleep(caller, i) for i in range(2, 12)))
        request_id = 100
        while caller.call(request_id, "inflight") != before + 10:
            request_id += 1
        caller.send(*(caller.cancellation(i) for i in range(2, 12)))
        caller.receive_all(10)
        self.assertEqual(caller.call(1, "inflight"), before)

    def test_health(self) -> None:  # WRK-20
        caller = self.connect()
        pid = self.worker.process.pid
        self.assertEqual(caller.call(1, "health"), {"status": "healthy", "pid": pid})

    def test_envelope_is_answered_with_an_envelope(self) -> None:  # MSG-2
        caller = self.connect()
        for method, expected in (("echo", True), ("fail", False), ("no such", False)):
            request = {"id": 1, "method": method, "body": "b"}
            caller.send(caller.frame(1, {"type": "request", "payload": request}))
            answer = caller.receive()
            self.assertEqual(answer["type"], "response")
            self.assertIs(answer["payload"]["ok"], expected)

    def test_id_may_be_used_again_once_its_answer_came(self) -> None:
        caller = self.connect()
        for _ in range(3):
            self.assertEqual(caller.call(7, "echo", 1), 1)

    def test_repeated_id_of_a_waiting_request_closes_the_connection(self) -> None:  # MSG-14
        caller = self.connect()
        caller.send(self.sleep(caller, 7), caller.request(7, "echo"))
        self.assertTrue(caller.is_closed())

    def test_repeated_id_in_one_write_closes_the_connection(self) -> None:  # MSG-14
        for method in ("echo", "fail", "health", "no such"):
            caller = self.connect()
            caller.send(caller.request(7, method), caller.request(7, method))
            while caller.receive_frame() is not None:
                pass

    def test_id_that_differs_from_the_header_closes_the_connection(self) -> None:  # MSG-13
        caller = self.connect()
        caller.send(caller.frame(7, {"id": 8, "method": "echo"}))
        self.assertTrue(caller.is_closed())

    def test_frames_behind_a_violation_are_for_nobody(self) -> None:
        caller = self.connect()
        caller.send(
            caller.frame(7, {"id": 8, "method": "echo"}),
            *(self.sleep(caller, i, "behind") for i in range(1, 5)),
        )
        self.assertTrue(caller.is_closed())
        self.connect().call(1, "echo")
        self.assertFalse(self.worker.has_line("started behind"))

    def test_message_before_a_framing_error_is_served(self) -> None:
        caller = self.connect()
        caller.send(caller.request(1, "health"), b"not a frame, and 18 bytes at least")
        self.assertEqual(caller.receive()["id"], 1)
        self.assertTrue(caller.is_closed())

    # Handlers that fail

    def test_exception_is_answered_with_its_text(self) -> None:  # WRK-11
        caller = self.connect()
        for text in ("went wrong", "lone \ud800 surrogate", "é世😀", '"\n\\'):
            self.assertEqual(caller.call_error(1, "fail", text), f"RuntimeError: {text}")

    def test_odd_exceptions_are_answered_and_the_worker_goes_on(self) -> None:  # WRK-11
        caller = self.connect()
        self.assertEqual(caller.call_error(1, "mute"), "MuteError")
        self.assertEqual(caller.call_error(1, "exits"), "SystemExit: 3")
        self.assertEqual(caller.call_error(1, "fails_later"), "RuntimeError: later")
        for nonsense in ("a", None, -1, [1]):
            with self.subTest(nonsense):
                error = caller.call_error(1, "yields_nonsense", nonsense)
                self.assertIn("yields the seconds", error)
        self.worker.await_line("closed")

    def test_results_that_are_no_json(self) -> None:  # WRK-12, MSG-8
        caller = self.connect()
        for name in ("set", "nan", "infinity", "bytes", "tuple key", "deep", "circular"):
            with self.subTest(name):
                error = caller.call_error(1, "result", name)
                self.assertTrue(error.startswith("the result cannot be encoded: "), error)
        self.assertEqual(caller.call(1, "echo", 1), 1)

    def test_results_that_must_survive(self) -> None:  # MSG-7
        caller = self.connect()
        self.assertEqual(caller.call(1, "result", "big integer"), 2**64 - 1)
        self.assertEqual(caller.call(1, "result", "unicode"), "h\u00e9\u4e16\U0001f600")
        self.assertEqual(caller.call(1, "result", "surrogate"), "a\ud800b\u00e9")

    def test_number_of_too_many_digits_is_answered(self) -> None:
        caller = self.connect()
        caller.send(caller.frame(1, b'{"id":1,"method":"echo","body":' + b"1" * 5000 + b"}"))
        self.assertEqual(caller.receive()["id"], 1)
        caller.send(caller.request(2, "result", "huge integer"))
        self.assertEqual(caller.receive()["id"], 2)

    def test_deep_nesting_is_answered(self) -> None:  # MSG-9
        caller = self.connect()
        for depth in (100, 1000, 100_000):
            body = b"[" * depth + b"]" * depth
            caller.send(caller.frame(1, b'{"id":1,"method":"echo","body":' + body + b"}"))
            answer = caller.receive()
            self.assertTrue(answer["ok"] or depth > 100)

    def test_answer_of_max_payload_fits_and_one_byte_more_does_not(self) -> None:  # WRK-13
        caller = self.connect(BULK)
        room = 10485760 - len('{"id":1,"ok":true,"body":""}')
        self.assertEqual(len(caller.call(1, "big", room)), room)
        self.assertIn("over the max_payload of 10485760", caller.call_error(1, "big", room + 1))
        # The request of an error text of this length fits, and the answer does not.
        error = caller.call_error(1, "fail", "x" * 10485718)
        self.assertIn("over the max_payload of 10485760", error[:200])
        self.assertIn("RuntimeError: xxx", error[:200])

    def test_text_beyond_ascii_does_not_grow(self) -> None:
        # Escaped, each of these letters would take three times as many bytes.
        caller = self.connect(BULK)
        text = "é" * 5_000_000
        payload = json.dumps({"id": 1, "method": "echo", "body": text}, ensure_ascii=False)
        caller.send(caller.frame(1, payload.encode()))
        self.assertEqual(caller.receive()["body"], text)

    def test_current_request(self) -> None:
        caller = self.connect()
        self.assertIs(caller.call(7, "same_request", 7), True)
        self.assertIn("no handler runs", caller.call(8, "current_outside"))

    # Cancellation

    def test_cancellation_reaches_a_generator(self) -> None:  # CAN-5
        caller = self.connect()
        caller.send(self.sleep(caller, 1, "generator"))
        self.worker.await_line("started generator")
        caller.send(caller.cancellation(1))
        self.worker.await_line("cancelled generator")
        self.assertEqual(caller.receive()["error"], "Cancelled: cancelled")

    def test_handler_may_wait_for_ages(self) -> None:
        caller = self.connect()
        for method in ("sleep", "wait"):
            seconds = 1e300 if method == "sleep" else 1e9
            body = {"seconds": seconds, "name": f"{method} for ages"}
            caller.send(caller.request(1, method, body))
            self.worker.await_line(f"started {method} for ages")
            caller.send(caller.cancellation(1))
            self.assertEqual(caller.receive()["id"], 1)

    def test_generator_may_answer_all_the_same(self) -> None:
        caller = self.connect()
        caller.send(caller.request(1, "stubborn", "done"))
        self.worker.await_line("started done")
        caller.send(caller.cancellation(1))
        self.assertEqual(caller.receive()["body"], "done, cancelled: True")

    def test_cancellation_reaches_a_handler_that_waits(self) -> None:  # CAN-5
        caller = self.connect()
        caller.send(caller.request(1, "wait", {"seconds": LONG, "name": "waits"}))
        self.worker.await_line("started waits")
        caller.send(caller.request(2, "health"))
        self.assertEqual(caller.receive()["id"], 2)
        caller.send(caller.cancellation(1))
        self.assertIs(caller.receive()["body"], True)
        self.worker.await_line("cancelled waits")

    def test_cancellation_reaches_a_handler_that_computes(self) -> None:  # CAN-5
        caller = self.connect()
        caller.send(caller.request(1, "compute", {"name": "computes"}))
        self.worker.await_line("started computes")
        caller.send(caller.request(2, "health"))
        self.assertEqual(caller.receive()["id"], 2)
        caller.send(caller.cancellation(1))
        self.assertEqual(caller.receive()["body"], "computes")

    def test_cancellation_in_the_same_write_as_its_request(self) -> None:  # CAN-5
        for method in ("wait", "compute", "sleep"):
            with self.subTest(method):
                caller = self.connect()
                body = {"seconds": LONG, "name": "joined"}
                caller.send(caller.request(1, method, body), caller.cancellation(1))
                self.assertEqual(caller.receive()["id"], 1)
                self.assertEqual(caller.call(2, "echo", "on"), "on")

    def test_cancellation_overtakes_requests_in_line(self) -> None:
        """A request that is still in line is not run, wherever the line is."""
        caller = self.connect()
        caller.send(
            *(caller.request(i, "wait", {"seconds": LONG, "name": "line"}) for i in range(1, 9)),
            *(caller.cancellation(i) for i in range(8, 0, -1)),
        )
        self.assertEqual(set(caller.receive_all(8)), set(range(1, 9)))

    def test_cancellation_without_effect_is_ignored(self) -> None:  # CAN-6
        caller = self.connect()
        caller.call(1, "echo")
        caller.send(
            caller.cancellation(1),
            caller.cancellation(99),
            caller.frame(5, {"type": "cancellation", "payload": {"id": "5"}}),
            caller.frame(5, {"type": "cancellation", "payload": None}),
        )
        self.assertEqual(caller.call(2, "echo", "on"), "on")

    def test_cancelled_handler_does_not_answer_again_when_its_time_is_over(self) -> None:  # MSG-1
        caller = self.connect()
        caller.send(self.sleep(caller, 1, "early", 0.2))
        self.worker.await_line("started early")
        caller.send(caller.cancellation(1))
        self.assertIs(caller.receive()["ok"], False)
        caller.send(self.sleep(caller, 2, "late", 0.4))
        self.assertEqual(caller.receive()["body"], "late")

    def test_cancellation_stays_on_its_connection(self) -> None:  # CAN-7
        one, other = self.connect(), self.connect()
        one.send(self.sleep(one, 5, seconds=0.2, name="one"))
        other.send(other.cancellation(5))
        other.call(1, "echo")
        self.assertEqual(one.receive()["body"], "one")

    def test_caller_that_goes_away_cancels_its_handlers(self) -> None:  # CAN-8
        for method in ("sleep", "wait", "compute"):
            with self.subTest(method):
                caller = self.connect()
                name = f"gone while {method}"
                caller.send(caller.request(1, method, {"seconds": LONG, "name": name}))
                self.worker.await_line(f"started {name}")
                caller.close()
                self.worker.await_line(f"cancelled {name}")

    def test_caller_that_ended_its_requests_gets_the_answers_due(self) -> None:  # WRK-22
        caller = self.connect()
        caller.send(self.sleep(caller, 1, "due", 0.2), caller.request(2, "echo", "due"))
        caller.socket.shutdown(socket.SHUT_WR)
        self.assertEqual({a["body"] for a in caller.receive_all(2).values()}, {"due"})
        self.assertTrue(caller.is_closed())

    def test_caller_that_ends_and_then_goes_away_cancels_its_handlers(self) -> None:  # CAN-8
        caller = self.connect()
        caller.send(self.sleep(caller, 1, "half-closed"), caller.request(2, "echo"))
        self.assertEqual(caller.receive()["id"], 2)
        caller.socket.shutdown(socket.SHUT_WR)
        self.connect().call(1, "echo")
        self.assertFalse(self.worker.has_line("cancelled half-closed"))
        caller.close()
        self.worker.await_line("cancelled half-closed")

    # Many connections

    def test_many_connections_and_stalled_ones(self) -> None:  # WRK-7, WRK-8, WRK-23
        stalled = [self.connect() for _ in range(50)]
        for number, caller in enumerate(stalled):
            frame = caller.request(1, "echo", "x" * 1000)
            caller.send(frame[: number * 18])
        claims = [self.connect(BASIC) for _ in range(20)]
        for caller in claims:
            caller.send(struct.pack(">I", 10485760) + b"{")
        callers = [self.connect(framing) for framing in FRAMINGS * 40]
        for caller in callers:
            caller.send(caller.request(1, "echo", "hi"))
        for caller in callers:
            self.assertEqual(caller.receive()["body"], "hi")

    def test_damage_on_one_connection_leaves_others_alone(self) -> None:  # WRK-16
        good = self.connect()
        good.send(self.sleep(good, 1, "undisturbed", 0.2))
        request = good.request(2, "echo", "x")
        damaged = bytearray(request)
        damaged[-1] ^= 1
        for data in (bytes(damaged), request[:-1], b"PY" + bytes(16), b"\xff" * 30):
            caller = self.connect()
            caller.send(data)
            caller.socket.shutdown(socket.SHUT_WR)
            self.assertTrue(caller.is_closed())
        self.assertEqual(good.receive()["body"], "undisturbed")

    def test_caller_that_does_not_read_is_not_read_and_holds_nobody_up(self) -> None:
        """Its answers wait in the worker up to a limit, and then its requests in the kernel."""
        deaf, other = self.connect(BULK), self.connect()
        deaf.socket.setblocking(False)
        sent, stalled = 0, 0
        body = "x" * (1 << 16)
        rest = b""
        while stalled < 20:
            self.assertLess(sent, 2000, "125 MB went into a worker that holds 40")
            if not rest:
                sent += 1
                rest = deaf.request(sent, "echo", body)
            try:
                rest = rest[deaf.socket.send(rest) :]
                stalled = 0
            except BlockingIOError:
                stalled += 1
                other.call(1, "echo")  # by then the worker has looked at all connections
        deaf.socket.settimeout(PATIENCE)
        deaf.receive_all(sent - 1)
        deaf.send(rest)
        self.assertEqual(deaf.receive()["id"], sent)

    def test_small_requests_with_big_answers_are_run_while_the_answers_are_read(self) -> None:
        deaf, other = self.connect(BULK), self.connect()
        before = other.call(1, "big answers")
        deaf.send(*(deaf.request(i, "big", 1 << 20) for i in range(1, 201)))
        made, looks = before, 0
        while looks < 20:  # until no more are made
            looks = looks + 1 if other.call(1, "big answers") == made else 0
            made = other.call(1, "big answers")
        # Answers of 40 MB, and one for each thread, and what fits into one slice of time.
        self.assertLess(made - before, 100)
        for _ in range(200):
            self.assertEqual(len(deaf.receive()["body"]), 1 << 20)

    seconds_while_deaf = 0.1

    def test_caller_that_does_not_read_and_goes_away_cancels_its_handlers(self) -> None:  # CAN-8
        deaf, other = self.connect(BULK), self.connect()
        deaf.send(
            self.sleep(deaf, 1, "deaf", self.seconds_while_deaf),
            *(deaf.request(i, "big", 1 << 20) for i in range(2, 102)),
        )
        # By the end of this the other's time is over, and its next step waits for the answers.
        other.send(self.sleep(other, 1, seconds=0.3))
        other.receive()
        before = other.call(2, "inflight")
        deaf.close()
        request_id = 3
        while other.call(request_id, "inflight") == before:
            request_id += 1

    def test_caller_may_write_much_before_it_reads(self) -> None:
        """The worker goes on reading while its answers wait."""
        caller = self.connect(BULK)
        count = 3000
        for _ in range(2):  # each ID is free again when its answer has come
            caller.send(*(caller.request(i, "echo", "x" * 1000) for i in range(1, count + 1)))
            self.assertEqual(len(caller.receive_all(count)), count)

    def test_id_is_free_again_while_later_answers_wait(self) -> None:  # MSG-14
        caller = self.connect()
        caller.send(*(caller.request(i, "big", 100_000) for i in range(1, 50)))
        first = caller.receive()["id"]
        caller.send(caller.request(first, "echo", "again"))
        bodies = [caller.receive()["body"] for _ in range(49)]
        self.assertEqual(bodies.count("again"), 1)

    def test_big_frames_both_ways_and_one_byte_at_a_time(self) -> None:  # STR-4
        caller = self.connect(BULK)
        for data in (caller.request(1, "echo", "x" * 9_000_000), caller.request(2, "echo", "hi")):
            caller.send(data)
        self.assertEqual(set(caller.receive_all(2)), {1, 2})
        for byte in caller.request(3, "echo", "hi"):
            caller.send(bytes([byte]))
        self.assertEqual(caller.receive()["body"], "hi")

    def test_answer_to_what_is_no_request_leaves_a_request_with_its_id_outstanding(self) -> None:
        caller = self.connect()
        caller.send(self.sleep(caller, 5, "kept", 0.2), encode_enhanced(5, b"{"))
        self.assertIs(caller.receive()["ok"], False)
        self.assertEqual(caller.receive()["body"], "kept")
        caller.send(self.sleep(caller, 5), encode_enhanced(5, b"{"))
        self.assertIs(caller.receive()["ok"], False)
        caller.send(caller.request(5, "echo"))
        self.assertTrue(caller.is_closed())


class SmallLimit(Serving, unittest.TestCase):
    arguments = ("--max-payload", "1024")

    def test_limit_binds_requests_and_answers(self) -> None:
        caller = self.worker.connect()
        self.assertEqual(len(caller.call(1, "big", 990)), 990)
        self.assertIn("max_payload of 1024", caller.call_error(1, "big", 1024))
        request = {"id": 1, "method": "fail", "body": "\U0001f600" * 200}
        caller.send(caller.frame(1, json.dumps(request, ensure_ascii=False).encode()))
        self.assertIn("max_payload of 1024", caller.receive()["error"])
        caller.send(caller.request(1, "echo", "x" * 1024))
        self.assertTrue(caller.is_closed())


if __name__ == "__main__":
    unittest.main()
