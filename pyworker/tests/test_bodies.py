"""Bodies as what a handler asks for, and results that JSON does not know."""

from __future__ import annotations

import os
import textwrap

from pyproctest_worker import codec

from .harness import Caller, Worker
from .test_process import Case

SOURCE = """
import asyncio, dataclasses, os, sys
from datetime import date
from decimal import Decimal
from pyproctest_worker import current_request, expose, run_worker
from pyproctest_worker.codec import codec

@dataclasses.dataclass
class Point:
    x: int
    y: int = 0

    def __post_init__(self):
        if not isinstance(self.x, int):
            raise TypeError(f"x is {self.x!r} and not an integer")

def point(body):
    return Point(**body)

@expose(body=point)
def plain(point):
    return point.x + point.y

@expose("named", body=point)
def other(point):
    return point

@expose(name="also named", body=point)
def another(point):
    return [point]

@expose(body=point)
def waits(point):
    yield 0.0
    return point.x

@expose(body=point)
async def awaits(point):
    await asyncio.sleep(0)
    return point.x

@expose(body=int)
def number(body):
    return [type(body).__name__, body]

@expose(body=sys.exit)
def exits(body):
    os._exit(1)

@expose(body=lambda body: next(iter(body)))
async def first(body):
    return body

@expose(body=lambda body: current_request().id)
def asks(body):
    return body

@expose
def result(body):
    return RESULTS[body]

class Endless:
    pass

class Exits:
    pass

RESULTS = {
    "point": Point(1, 2),
    "in a list": [1, Point(3), {"a": (Point(4),)}],
    "date": date(2026, 11, 30),
    "decimal": {"price": Decimal("1.50")},
    "set": {1},
    "endless": Endless(),
    "exits": [Exits()],
    "nan": [float("nan")],
    "key": {Point: 1},
}

def default(value):
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)
    if isinstance(value, (date, Decimal)):
        return str(value)
    if isinstance(value, Endless):
        return [value]
    if isinstance(value, Exits):
        sys.exit("for ever")
    raise TypeError(f"what is a {type(value).__name__}?")

if "msgspec" in sys.argv:
    assert codec.load()
if "deep" in sys.argv:
    sys.setrecursionlimit(1_000_000)
threads = 1 if "threads" in sys.argv else 0
run_worker(default=None if "none" in sys.argv else default, threads=threads)
"""


class Bodies(Case):
    def connect(self, *arguments: str) -> tuple[Worker, Caller]:
        script = os.path.join(self.folder(), "w.py")
        with open(script, "w") as file:
            file.write(textwrap.dedent(SOURCE))
        worker = self.worker(*arguments, script=script)
        return worker, worker.connect()

    def test_handler_is_called_with_what_its_hook_returns(self) -> None:
        for mode in ("", "threads"):
            _, caller = self.connect(mode)
            for method, expected in (
                ("plain", 3),
                ("named", {"x": 1, "y": 2}),
                ("also named", [{"x": 1, "y": 2}]),
                ("waits", 1),
                ("awaits", 1),
            ):
                self.assertEqual(caller.call(1, method, {"x": 1, "y": 2}), expected, method)
            self.assertEqual(caller.call(1, "number", "12"), ["int", 12])
            self.assertEqual(caller.call(5, "asks"), 5)

    def test_refused_body_is_answered_with_the_reason_and_the_worker_goes_on(self) -> None:
        for mode in ("", "threads"):
            worker, caller = self.connect(mode)
            for method in ("plain", "waits", "awaits"):
                error = caller.call_error(7, method, {"x": "1"})
                reason = "the body is refused: TypeError: x is '1' and not an integer"
                self.assertEqual(error, reason)
                self.assertIn("'z'", caller.call_error(8, method, {"z": 1}))
                self.assertIn("must be a mapping", caller.call_error(9, method, 5))
                self.assertEqual(caller.call(10, method, {"x": 1}), 1)
            error = caller.call_error(1, "exits", "went away")
            self.assertEqual(error, "the body is refused: SystemExit: went away")
            error = caller.call_error(1, "first", [])
            self.assertEqual(error, "the body is refused: StopIteration: ")
            self.assertEqual(caller.call(2, "first", ["a"]), "a")
            worker.signal()
            errors = worker.errors()
            self.assertIn(f"'awaits' refused request 7: {reason}\n", errors)
            self.assertNotIn("Traceback", errors)

    def test_default_writes_what_json_does_not_know(self) -> None:
        modes = ["", "threads"]
        if codec.is_installed():
            modes.append("msgspec")
        for mode in modes:
            with self.subTest(mode):
                _, caller = self.connect(mode)
                for name, expected in (
                    ("point", {"x": 1, "y": 2}),
                    ("in a list", [1, {"x": 3, "y": 0}, {"a": [{"x": 4, "y": 0}]}]),
                    ("date", "2026-11-30"),
                    ("decimal", {"price": "1.50"}),
                ):
                    self.assertEqual(caller.call(1, "result", name), expected)
                for name, words in (
                    ("set", "TypeError: what is a set?"),
                    ("endless", "RecursionError: "),
                    ("exits", "SystemExit: for ever"),
                    ("nan", "ValueError: "),  # MSG-8
                    ("key", "TypeError: keys must be"),
                ):
                    error = caller.call_error(1, "result", name)
                    self.assertIn(f"the result cannot be encoded: {words}", error)  # WRK-12

    def test_without_default_the_same_results_are_error_answers(self) -> None:
        _, caller = self.connect("none")
        for name in ("point", "date", "set"):
            self.assertIn("not JSON serializable", caller.call_error(1, "result", name))

    def test_default_without_end_is_an_error_where_the_recursion_limit_is_raised(self) -> None:
        _, caller = self.connect("deep")
        self.assertIn("RecursionError", caller.call_error(1, "result", "endless"))
        self.assertEqual(caller.call(2, "result", "point"), {"x": 1, "y": 2})

    def test_structs_of_msgspec_are_bodies_and_results(self) -> None:
        if not codec.is_installed():
            self.skipTest("msgspec is not installed")
        script = os.path.join(self.folder(), "w.py")
        with open(script, "w") as file:
            file.write("""
import functools, msgspec
from pyproctest_worker import expose, run_worker

class Sum(msgspec.Struct):
    a: int
    b: int

@expose("sum", body=functools.partial(msgspec.convert, type=Sum))
def add(body):
    return Sum(body.a + body.b, 0)

run_worker(default=msgspec.to_builtins)
""")
        caller = self.worker(script=script).connect()
        self.assertEqual(caller.call(1, "sum", {"a": 1, "b": 2}), {"a": 3, "b": 0})
        error = caller.call_error(1, "sum", {"a": 1, "b": "2"})
        self.assertIn("the body is refused: ValidationError: Expected `int`, got `str`", error)
