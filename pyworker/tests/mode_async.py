"""What must hold for async handlers too."""

from __future__ import annotations

from . import test_forking, test_log, test_memory, test_serving


class Forking(test_forking.Cases):
    arguments = ("--async",)


class Log(test_log.Cases):
    arguments = ("--async",)


class Memory(test_memory.Cases):
    arguments = ("--async",)


class Serving(test_serving.Cases):
    arguments: tuple[str, ...] = ("--async",)

    # An async handler that has begun does not wait until answers are read, as a generator does.
    seconds_while_deaf = test_serving.LONG


class ServingBesideThreads(Serving):
    arguments = ("--async", "--threads", "2")


class ServingWithoutEpoll(Serving):
    arguments = ("--async", "--poll")
