"""Deep nesting with a raised recursion limit: an error answer, and no crash [WRK-12]."""

from __future__ import annotations

import json
import sys
import unittest
from typing import Any
from unittest import mock

from pyproctest_worker import depth

from .harness import PROBING_WORKER, Worker

NAMES = ("deep", "circular", "wide circular")


class Cases(unittest.TestCase):
    arguments: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.worker = Worker(PROBING_WORKER, "--recursion-limit", "1000000", *self.arguments)
        self.addCleanup(self.worker.__exit__)
        self.caller = self.worker.connect()

    def tearDown(self) -> None:
        self.assertEqual(self.caller.call(100, "echo", "lives"), "lives")

    def test_results(self) -> None:
        for request_id, name in enumerate(NAMES, 1):
            error = self.caller.call_error(request_id, "result", name)
            self.assertTrue(error.startswith("the result cannot be encoded: "), error)

    def test_requests(self) -> None:
        for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"":', "}]"), ("[", "")):
            body = opening * 500_000 + "1" + closing * 500_000
            text = f'{{"id":1,"method":"echo","body":{body}}}'
            self.caller.send(self.caller.frame(1, text.encode()))
            answer = self.caller.receive()
            self.assertIs(answer["ok"], False)
            self.assertIn("malformed message", answer["error"])

    def test_exceptions_and_yields(self) -> None:
        for request_id, name in enumerate(NAMES, 1):
            self.assertIn("ValueError", self.caller.call_error(request_id, "fails_deep", name))
            self.assertIn("yields", self.caller.call_error(request_id, "yields_result", name))

    def test_what_merely_looks_deep_is_served(self) -> None:
        bodies: tuple[Any, ...] = (["[{" * 5000, "\\" * 5000], [[{}]] * 5000, {"a": '\\"[[' * 2000})
        for body in bodies:
            self.assertEqual(self.caller.call(1, "echo", body), body)
        nested: Any = 1
        for _ in range(100):  # MSG-9
            nested = [{"a": nested}, "x" * 1000]
        self.assertEqual(self.caller.call(2, "echo", nested), nested)


def nested(levels: int, wrap: Any) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


@mock.patch.object(depth, "_IS_BOUNDED", False)
class Measure(unittest.TestCase):
    def test_levels_are_counted_where_the_limit_was_raised(self) -> None:
        self.addCleanup(sys.setrecursionlimit, sys.getrecursionlimit())
        for wrap in (lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: [v, v, "x"]):
            for levels, expected in ((depth.LIMIT, False), (depth.LIMIT + 1, True)):
                value = nested(levels, wrap)
                sys.setrecursionlimit(20_000)
                self.assertIs(depth.is_too_deep(value), expected)
                if wrap(1) != [1, 1, "x"]:  # whose text is long
                    self.assertIs(depth.is_text_too_deep(json.dumps(value).encode()), expected)
                sys.setrecursionlimit(depth.LIMIT)
                self.assertIs(depth.is_too_deep(value), False)


if __name__ == "__main__":
    unittest.main()
