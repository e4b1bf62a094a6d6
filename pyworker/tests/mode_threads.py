"""What handlers in threads must not change."""

from __future__ import annotations

from . import test_depth, test_forking, test_log, test_memory, test_serving


class Depth(test_depth.Cases):
    arguments = ("--threads", "1")


class Forking(test_forking.Cases):
    arguments = ("--threads", "2")


class Log(test_log.Cases):
    arguments = ("--threads", "1")


class Memory(test_memory.Cases):
    arguments = ("--threads", "2")


class Serving(test_serving.Cases):
    arguments = ("--threads", "3")

    def test_handlers_run_at_the_same_time(self) -> None:
        caller = self.connect()
        for request_id in (1, 2):
            caller.send(
                caller.request(request_id, "wait", {"seconds": test_serving.LONG, "name": "beside"})
            )
        self.assertEqual(caller.call(3, "echo", "hi"), "hi")
        caller.send(caller.cancellation(1), caller.cancellation(2))
        caller.receive_all(2)
