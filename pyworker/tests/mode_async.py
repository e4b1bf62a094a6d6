"""What must hold for async handlers too. The other tests of such are in test_async.py."""

from __future__ import annotations

import unittest

from pyproctest_worker import codec

from . import test_forking, test_memory, test_serving

once = unittest.skipUnless(codec.is_installed(), "it runs with the packages, which is enough")


@once
class Serving(test_serving.Cases):
    arguments = ("--async",)

    # An async handler that has begun does not wait until answers are read, as a generator does.
    seconds_while_deaf = test_serving.LONG


class Beside(test_serving.Serving, unittest.TestCase):
    """Some of the same beside threads and without epoll: what those have a part in."""

    arguments = ("--async", "--threads", "2", "--poll")

    cases = test_serving.Cases
    connect, sleep = cases.connect, cases.sleep
    test_answers = cases.test_answers_overtake_a_waiting_handler
    test_cancellation = cases.test_cancellation_overtakes_requests_in_line
    test_caller_that_goes_away = cases.test_caller_that_goes_away_cancels_its_handlers
    test_half_closed = cases.test_caller_that_ends_and_then_goes_away_cancels_its_handlers
    test_inflight = cases.test_inflight_counts_handlers_that_wait
    test_repeated_id = cases.test_repeated_id_of_a_waiting_request_closes_the_connection


@once
class Memory(unittest.TestCase):
    arguments = ("--async",)

    cases = test_memory.Cases
    setUp = cases.setUp
    test_big_answers = cases.test_small_requests_with_big_answers_take_a_bounded_memory


@once
class Forking(unittest.TestCase):
    arguments = ("--async",)

    cases = test_forking.Cases
    setUp = cases.setUp
    test_leaves = cases.test_child_that_leaves_its_handler_answers_nothing
    test_becomes_a_worker = cases.test_child_may_become_a_worker_of_its_own
    test_is_logged = cases.test_exception_in_a_child_is_logged
