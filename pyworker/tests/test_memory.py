"""The memory that all connections hold together is bounded, and who reads is served."""

from __future__ import annotations

import resource
import sys
import unittest

from pyproctest_worker import worker
from pyproctest_worker.framing import ENHANCED

from .harness import BULK, PATIENCE, PROBING_WORKER, Caller, Worker

MOST = 1 << 18
"""Bytes in a payload at most."""
BOUND = 32 * MOST
DEAF = 20


def memory(pid: int) -> int:
    """Returns how many bytes a process has taken at most, or 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next(int(x.split()[1]) * 1024 for x in status if x.startswith("VmHWM"))
    except OSError:
        return 0


class Cases(unittest.TestCase):
    arguments: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.worker = Worker(
            PROBING_WORKER,
            "--max-payload",
            str(MOST),
            "--max-memory",
            str(BOUND),
            *self.arguments,
        )
        self.addCleanup(self.worker.__exit__)
        self.other = self.worker.connect()
        self.other.call(1, "echo", "x" * 200_000)
        self.before = memory(self.worker.process.pid)

    def fill(self, body: int, framing: str = BULK) -> tuple[list[Caller], list[bytes], list[int]]:
        """Lets callers that never read send requests until no more are taken. Returns them, what
        each still has to send of its last request, and how many requests each has begun."""
        deaf = [self.worker.connect(framing) for _ in range(DEAF)]
        rest, begun = [b""] * DEAF, [0] * DEAF
        for caller in deaf:
            caller.socket.setblocking(False)
        stalled = 0
        while stalled < 10:
            stalled += 1
            for i, caller in enumerate(deaf):
                try:
                    while True:
                        if not rest[i]:
                            begun[i] += 1
                            rest[i] = caller.request(begun[i], "echo", "x" * body)
                        rest[i] = rest[i][caller.socket.send(rest[i]) :]
                        stalled = 0
                except BlockingIOError:
                    pass
            self.assertLess(sum(begun) * body, 10 * BOUND, "requests are taken without end")
            # Who reads is served, and by then the worker has looked at all connections.
            self.assertEqual(self.other.call(2, "echo", "x" * 100_000), "x" * 100_000)
        return deaf, rest, begun

    def test_callers_that_never_read_take_a_bounded_memory(self) -> None:
        for body, framing in ((1000, BULK), (50_000, ENHANCED), (MOST - 100, BULK)):
            with self.subTest(body):
                deaf, rest, begun = self.fill(body, framing)
                taken = memory(self.worker.process.pid) - self.before
                # A share of half the bound comes in addition, and a message or two of each caller.
                # What Python makes of it takes some more.
                self.assertLess(taken, 2.5 * BOUND + DEAF * 3 * MOST)
                # Nothing is lost: all is answered, once the callers read.
                for i, caller in enumerate(deaf):
                    caller.socket.settimeout(PATIENCE)
                    caller.receive_all(begun[i] - 1)
                    caller.send(rest[i])
                    self.assertEqual(caller.receive()["id"], begun[i])
                    caller.close()

    def test_small_requests_with_big_answers_take_a_bounded_memory(self) -> None:
        deaf = [self.worker.connect(BULK) for _ in range(DEAF)]
        for caller in deaf:
            caller.send(*(caller.request(i, "big", 200_000) for i in range(1, 41)))
        looks = made = 0
        while looks < 20:  # until no more are made
            now = self.other.call(3, "big answers")
            looks = looks + 1 if now == made else 0
            made = now
        self.assertLess(made * 200_000, 3 * BOUND)
        for caller in deaf:
            self.assertEqual(len(caller.receive_all(40)), 40)

    def test_requests_that_wait_can_still_be_cancelled_when_the_bound_is_reached(self) -> None:
        self.other.send(
            *(self.other.request(i, "sleep", {"name": "s", "seconds": 3600}) for i in (10, 11, 12))
        )
        self.fill(50_000)
        self.other.send(*(self.other.cancellation(i) for i in (10, 11, 12)))
        self.assertEqual(set(self.other.receive_all(3)), {10, 11, 12})

    def test_caller_that_was_not_read_is_read_again_when_others_leave(self) -> None:
        holder = self.worker.connect()
        body = {"name": "held", "seconds": 3600, "more": "x" * (MOST - 200)}
        holder.send(*(holder.request(i, "sleep", body) for i in range(1, 5)))
        self.worker.await_text("started held\n" * 4)
        deaf = self.fill(50_000)[0]
        holder.call(9, "echo")  # by its end the worker has decided not to read this caller
        holder.send(*(holder.cancellation(i) for i in range(1, 5)))
        self.other.call(3, "echo")
        for caller in deaf:
            caller.close()
        self.assertEqual(set(holder.receive_all(4)), {1, 2, 3, 4})

    def test_memory_of_callers_that_leave_is_free_for_others(self) -> None:
        for _ in range(3):
            for caller in self.fill(50_000)[0]:
                caller.close()
        caller = self.worker.connect()
        caller.send(*(caller.request(i, "echo", "x" * 50_000) for i in range(1, 50)))
        caller.receive_all(49)

    def test_big_frames_in_parts_from_many_callers_arrive(self) -> None:
        """However many have begun, each is read to its end."""
        callers = [self.worker.connect(BULK) for _ in range(64)]
        frames = [caller.request(1, "echo", "x" * (MOST - 100)) for caller in callers]
        half = MOST * 3 // 4
        for caller, frame in zip(callers, frames):
            caller.send(frame[:half])
        self.other.call(1, "echo")
        for caller, frame in zip(callers, frames):
            caller.send(frame[half:])
        for caller in callers:
            self.assertEqual(len(caller.receive()["body"]), MOST - 100)


class Starts(unittest.TestCase):
    @unittest.skipUnless(
        sys.platform == "linux", "NOT RUN: only glibc's malloc is told to keep memory"
    )
    def test_a_start_touches_no_memory_that_it_does_not_use(self) -> None:
        """8 MiB are 2048 pages, and take ten milliseconds to come by."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        worker._keep_freed_memory()
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, 500)


if __name__ == "__main__":
    unittest.main()
