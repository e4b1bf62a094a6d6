"""A lone caller has the worker to itself between its calls, and no longer."""

from __future__ import annotations

import json
import select
import unittest
from socket import MSG_DONTWAIT
from typing import Any
from unittest import mock

from pyproctest_worker import inline, log, server, turns
from pyproctest_worker.connection import Connection
from pyproctest_worker.framing import encode_enhanced
from pyproctest_worker.poller import IN

from .harness import PROBING_WORKER, Worker

CALLS_A_SLICE = 10


class Over(Exception):
    """The worker has looked at all its descriptors."""


class Script:
    """A poller, a listener and a socket in one, and the time, which passes with each read."""

    tells_hang_up = True

    def __init__(self, requests: list[bytes]) -> None:
        self.requests = requests
        self.time = 0.0
        self.flags: list[int] = []
        self.polls = 0
        self.socket = self

    def fileno(self) -> int:
        return 1000

    def register(self, *_: int) -> None:
        pass

    modify = unregister = register

    def close(self) -> None:
        pass

    def gettimeout(self) -> None:
        pass

    def poll(self, *_: float) -> list[tuple[int, int]]:
        self.polls += 1
        if self.polls == 2:
            raise Over
        return [(self.fileno(), IN)]

    def recv(self, _: int, flags: int) -> bytes:
        self.flags.append(flags)
        assert len(self.flags) < 1000, "the worker looks at nothing but this connection"
        self.time += turns.SLICE / CALLS_A_SLICE
        if not self.requests:
            raise BlockingIOError
        return self.requests.pop(0)

    def send(self, data: bytes, _: int) -> int:
        return len(data)


def serve(script: Script, connections: int = 1) -> None:
    """Serves until the second look at all descriptors."""
    everything: Any = script
    poller = mock.patch.object(server, "Poller", lambda: script)
    clock = mock.patch.object(server, "monotonic", lambda: script.time)
    other_clock = mock.patch.object(inline, "monotonic", lambda: script.time)
    quiet = mock.patch.object(log, "_log")
    with poller, clock, other_clock, quiet:
        serving = server.Server(everything, {"echo": lambda body: body}, 10485760, 0)
        for number in range(connections):
            connection = Connection(everything, 10485760)
            connection.events = IN
            serving._connections[script.fileno() + number] = connection
        try:
            serving.serve()
        except Over:
            return
    raise AssertionError("the worker ended")


def requests(method: str, count: int) -> list[bytes]:
    return [
        encode_enhanced(i, json.dumps({"id": i, "method": method}).encode()) for i in range(count)
    ]


class Staying(unittest.TestCase):
    def test_a_caller_that_never_pauses_holds_nobody_up(self) -> None:  # WRK-8
        for method in ("echo", "health", "unknown"):
            script = Script(requests(method, 5000))
            serve(script)
            self.assertLessEqual(len(script.flags), CALLS_A_SLICE + 1, method)

    def test_a_lone_caller_is_waited_for_without_a_look_at_the_others(self) -> None:
        script = Script(requests("echo", 5))
        serve(script)
        self.assertEqual(len(script.flags), 6)
        self.assertEqual(set(script.flags[1:]), {0}, "waiting reads")

    def test_a_caller_of_many_requests_at_once_is_not_stayed_with(self) -> None:
        script = Script([b"".join(requests("echo", 2)), *requests("echo", 5)])
        serve(script)
        self.assertEqual(script.flags, [MSG_DONTWAIT])

    def test_of_two_callers_none_is_waited_for_alone(self) -> None:  # WRK-8
        script = Script(requests("echo", 5))
        serve(script, connections=2)
        self.assertEqual(script.flags, [MSG_DONTWAIT])


class StaleEvents(unittest.TestCase):
    def test_event_of_a_connection_that_was_just_paused_does_not_close_it(self) -> None:
        """What comes before it in the same look may have decided not to read the connection."""
        everything: Any = Script([])
        with mock.patch.object(server, "Poller", lambda: everything):
            serving = server.Server(everything, {}, 10485760, 0)
        connection = Connection(everything, 10485760)
        serving._connections[everything.fileno()] = connection
        serving._handle([(everything.fileno(), IN)])
        self.assertFalse(connection.closed)
        serving._handle([(everything.fileno(), select.POLLHUP)])
        self.assertTrue(connection.closed)


class Signals(unittest.TestCase):
    def test_signals_that_keep_coming_hold_no_caller_up(self) -> None:
        worker = Worker(PROBING_WORKER)
        self.addCleanup(worker.__exit__)
        lone = worker.connect()
        self.assertEqual(lone.call(1, "signal_every_millisecond"), "begun")
        for request_id in range(2, 5):
            # While the worker waits for this caller alone, Python begins the read anew with each
            # signal. The next line connects another one, and the lone caller sends nothing.
            self.assertEqual(lone.call(request_id, "echo", "lone"), "lone")
            other = worker.connect()
            self.assertEqual(other.call(1, "echo", "other"), "other")
            other.close()


if __name__ == "__main__":
    unittest.main()
