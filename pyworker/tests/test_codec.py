"""msgspec and json read and write alike: the same decision on every text and value."""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import json
import math
import random
import sys
import unittest
import uuid
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any, Callable
from unittest import mock

from pyproctest_worker import codec, log

from .test_vectors import load

SEED = 18
TEXTS = 4000
VALUES = 3000

Pair = namedtuple("Pair", "x y")


class Word(str):
    pass


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: int


NUMBERS = [
    *("0", "-0", "-0.0", "1.0", "1e5", "1E+5", "1e-400", "1e308", "1e309", "-1e400", "0.1"),
    *("1.7976931348623159e308", "5e-324", "2e-324", "9007199254740993", "9007199254740993.0"),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809", "9" * 30),
    *("123456789012345678901234567890.123456789e-10", "9" * 4299, "9" * 4301, "0." + "1" * 900),
    *("1" * 309, "1" * 310 + ".0", "01", "1.", ".5", "1e", "-", "+1", "0x1", "1_0"),
    *("NaN", "Infinity", "-Infinity"),
]

STRINGS = [
    *('""', '"a"', '"é\u2028😀"', '"\\n\\/\\"\\\\"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\ude00"'),
    *('"\\ude00\\ud83d"', '"\\ud83dx"', '"\\u00zz"', '"\\x"', '"\\u0000"', '"\x7f"', '"\x01"'),
    *('"\n"', '"open', "'a'", '"\\', '"\\u12"', '"null"', '"' + "x" * 70 + '\\t"'),
]

RAW = [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b"\xef\xbb\xbf1", b"1\0"]

SCALARS: list[Callable[[], Any]] = [
    *(lambda: None, lambda: True, lambda: 0, lambda: -0.0, lambda: 1e16, lambda: 5e-324),
    *(lambda: 2**64 - 1, lambda: 2**64, lambda: -(2**63) - 1, lambda: 10**40, lambda: 10**5000),
    *(lambda: "", lambda: 'é\u2028\x00"\\😀', lambda: "\ud800", lambda: "null"),
    *(lambda: math.nan, lambda: -math.inf, lambda: [], lambda: {}, lambda: ()),
]

FOREIGN: list[Callable[[], Any]] = [
    *(lambda: b"x", lambda: bytearray(b"x"), lambda: {1, 2}, frozenset, lambda: 1j),
    *(object, lambda: Color.RED, lambda: Level.HIGH, lambda: Point(1), lambda: Pair(1, 2)),
    *(lambda: uuid.UUID(int=1), lambda: decimal.Decimal("1.5"), lambda: Word("w")),
    *(
        lambda: datetime.datetime(2026, 1, 2),
        lambda: datetime.timedelta(1),
        lambda: memoryview(b""),
    ),
    *(lambda: OrderedDict(a=1), lambda: {1: 2}, lambda: {None: 1, "a": 2}, lambda: {True: 1}),
    *(lambda: {1.5: 1}, lambda: {(): 1}, lambda: {Word("w"): 1}, lambda: {Color.RED: 1}),
    *(lambda: {"\ud800": 1}, lambda: {b"a": 1}, lambda: range(3), lambda: iter([1])),
]


def text(rng: random.Random, depth: int = 4) -> str:
    """Returns a JSON text, in most cases."""
    kind = rng.randrange(10) if depth else rng.randrange(6)
    space = rng.choice(("", "", "", " ", "\n", "\t\r", "\x0b" if rng.random() < 0.05 else ""))
    if kind < 2:
        return space + (rng.choice(NUMBERS) if rng.random() < 0.5 else repr(rng.uniform(-9, 9)))
    if kind < 4:
        return rng.choice(STRINGS[:5] if rng.random() < 0.7 else STRINGS) + space
    if kind < 6:
        return rng.choice(("null", "true", "false", "[]", "{}"))
    parts = [text(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind < 8:
        return f"[{space}{','.join(parts)}{space}]"
    keys = ('"id"', '"method"', '"body"', '"a"', '"a"', '"type"', '"payload"', '"\\u0069d"')
    return f"{{{','.join(rng.choice(keys) + space + ':' + part for part in parts)}{space}}}"


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Returns data with a few bytes changed, or without its end."""
    changed = bytearray(data)
    for _ in range(rng.randrange(3)):
        if changed:
            at = rng.randrange(len(changed))
            changed[at : at + rng.randrange(2)] = bytes(
                [rng.choice(b'"\\{}[],:0.eE-+ u\x00\x80\xff')]
            )
    return bytes(changed if rng.random() < 0.8 else changed[: rng.randrange(len(changed) + 1)])


def value(rng: random.Random, depth: int = 4) -> Any:
    """Returns something that a handler may return."""
    kind = rng.randrange(8) if depth else 0
    if kind < 4:
        return rng.choice(FOREIGN if rng.random() < 0.08 else SCALARS)()
    parts = [value(rng, depth - 1) for _ in range(rng.randrange(5))]
    if kind < 6:
        return parts if kind == 4 else tuple(parts)
    return {rng.choice(("a", "b", "é", "null", "")) + str(i): part for i, part in enumerate(parts)}


def nested(levels: int, wrap: Callable[[Any], Any]) -> Any:
    inner: Any = math.nan if levels % 2 else 1
    for _ in range(levels):
        inner = wrap(inner)
    return inner


def outcome(function: Callable[[Any], Any], argument: Any) -> str:
    try:
        return repr(function(argument))
    except (ValueError, RecursionError):
        return "refused"


def written(function: Callable[[Any], bytes], argument: Any) -> str:
    """Returns what a caller reads of the JSON, which spells numbers in one of two ways."""
    try:
        return repr(json.loads(function(argument), parse_constant=lambda name: f"<{name}>"))
    except (TypeError, ValueError, RecursionError):
        return "refused"


def fields(request: Any) -> Any:
    """Returns a request as a dict, whichever package has read it."""
    if type(request).__name__ != "PlainRequest":
        raise ValueError("not a plain request")
    return {"id": request.id, "method": request.method, "body": request.body}


@unittest.skipUnless(codec.is_installed(), "msgspec is not installed")
class Alike(unittest.TestCase):
    def setUp(self) -> None:
        self.fast = codec.Codec()
        self.assertTrue(self.fast.load())
        self.slow_with_default, self.fast_with_default = codec.Codec(), codec.Codec()
        self.slow_with_default.use_default(self.default)
        self.fast_with_default.use_default(self.default)
        self.assertTrue(self.fast_with_default.load())

    def check_read(self, body: bytes) -> None:
        """Compares a plain request with that body, and the text as a request."""
        for data in (b'{"id":18,"method":"m","body":%b}' % body, body):
            read = outcome(lambda data: fields(self.fast.read_request(data)), data)
            if read != "refused":  # else json is asked
                message = codec.read(data)
                expected = {name: message.get(name) for name in ("id", "method", "body")}
                self.assertEqual(read, repr(expected), data[:300])
                self.assertLessEqual(set(message), {"id", "method", "body"})
                self.assertIs(type(message["id"]), int)
            self.count += read != "refused"

    def check_written(self, body: Any) -> None:
        expected = written(lambda body: codec.Codec().write_answer(7, body), body)
        self.assertEqual(written(lambda body: self.fast.write_answer(7, body), body), expected)
        for number, defaulted in enumerate((self.slow_with_default, self.fast_with_default)):
            self.unknown: list[str] = []
            outcome = (written(functools.partial(defaulted.write_answer, 7), body), self.unknown)
            if number == 0:
                expected_with_default = outcome
        self.assertEqual(outcome, expected_with_default)

    def default(self, value: Any) -> Any:
        """What stands for an unknown value: one that is known, or not."""
        self.unknown.append(type(value).__name__)
        if len(self.unknown) > 100:
            raise ValueError("no end of them")
        if isinstance(value, (bytes, bytearray)):
            return [1.5, None, (value and b"")]
        return {"default": type(value).__name__} if value != 1j else math.nan

    count = 0

    def test_on_numbers_strings_and_bytes(self) -> None:
        for part in [s.encode() for s in (*NUMBERS, *STRINGS)] + RAW:
            for form in (b"%b", b" %b\n", b"[%b]", b'{"id":1,"method":"m","body":%b}', b"%b,"):
                self.check_read(form % part)
        for part in RAW:
            self.check_read(b'{"id":1,"method":"m","unknown":%b}' % part)
        for number in (n.encode() for n in NUMBERS):
            self.check_read(b'{"id":%b,"method":"m"}' % number)
        for method in (s.encode() for s in STRINGS):
            self.check_read(b'{"id":1,"method":%b}' % method)

    def test_on_generated_texts(self) -> None:
        rng = random.Random(SEED)
        for _ in range(TEXTS):
            data = text(rng).encode()
            self.check_read(data)
            self.check_read(damaged(rng, data))
        self.assertGreater(self.count, TEXTS / 2, "msgspec reads most of what is JSON")

    def test_on_the_messages_of_the_vectors(self) -> None:
        for vector in load("messages"):
            self.check_read(bytes.fromhex(vector["bytes"]))

    def test_on_each_foreign_value_anywhere(self) -> None:
        for make in (*SCALARS, *FOREIGN):
            self.check_written(make())
            self.check_written([1, make()])
            self.check_written({"a": {"b": ("x", make())}, "c": [make()]})
            self.check_written({"a": [1.5, make()]})

    def test_on_generated_values(self) -> None:
        rng = random.Random(SEED)
        for _ in range(VALUES):
            self.check_written(value(rng))

    def test_on_deep_values(self) -> None:
        for levels in (1, 2, 3, 4, 99, 100, 200, 5000):
            for wrap in (lambda v: [v], lambda v: {"a": v}, lambda v: (v,)):
                self.check_written(nested(levels, wrap))
        for levels in (100, 200, 100_000):
            self.check_read(b"[" * levels + b"]" * levels)
            self.check_read(b'{"a":' * levels + b"1" + b"}" * levels)
        circular: list[Any] = []
        circular += [circular, circular]
        self.check_written(circular)

    def test_small_answers_are_the_same_bytes(self) -> None:
        for body in ("", 'é\u2028"\\\x00\x1f\x7f😀', 0, -5, [True, None, 1.5], {"a": [1, "b"]}):
            self.assertEqual(self.fast.write_answer(7, body), codec.Codec().write_answer(7, body))


class Default(unittest.TestCase):
    def test_is_that_of_json_dumps(self) -> None:
        used = codec.Codec()
        used.use_default(repr)
        for make in (*SCALARS, *FOREIGN):
            body = {"a": [make()]}
            dumps = written(lambda b: json.dumps(b, default=repr, allow_nan=False).encode(), body)
            ours = written(
                lambda b: used.write_answer(7, b)[len('{"id":7,"ok":true,"body":') : -1], body
            )
            self.assertEqual(ours, dumps)

    def test_may_be_set_anew_before_and_after_msgspec_is_loaded(self) -> None:
        used = codec.Codec()
        for default, text in ((repr, b'"{1}"'), (list, b"[1]"), (None, None), (repr, b'"{1}"')):
            used.use_default(default)
            for _ in range(2):
                if text is None:
                    with self.assertRaises(TypeError):
                        used.write_answer(1, {1})
                else:
                    answer = used.write_answer(1, {1})
                    self.assertEqual(answer, b'{"id":1,"ok":true,"body":' + text + b"}")
                self.assertEqual(fields(used.read_request(REQUEST)), json.loads(REQUEST))
                if codec.is_installed():
                    self.assertTrue(used.load())


class Loading(unittest.TestCase):
    def test_json_stays_where_msgspec_is_missing_or_broken(self) -> None:
        for broken, warnings in ((None, 0), (object(), 1)):
            missing = mock.patch.dict("sys.modules", {"msgspec": broken})
            with missing, mock.patch.object(log, "_log") as logged:
                kept = codec.Codec()
                self.assertFalse(kept.load())
            self.assertEqual(fields(kept.read_request(REQUEST)), json.loads(REQUEST))
            self.assertEqual(kept.write_answer(1, [1]), b'{"id":1,"ok":true,"body":[1]}')
            self.assertEqual(logged.call_count, warnings)

    def test_json_reads_what_comes_before_msgspec_is_loaded(self) -> None:
        used = codec.Codec()
        with mock.patch.dict("sys.modules"), mock.patch.object(used, "load") as load:
            load.side_effect = lambda: setattr(used, "read_request", lambda text: "loaded")
            sys.modules.pop("msgspec", None)
            for _ in range(codec.LOAD_AFTER):
                self.assertEqual(fields(used.read_request(REQUEST)), json.loads(REQUEST))
            load.assert_not_called()
            self.assertEqual([used.read_request(REQUEST) for _ in range(2)], ["loaded"] * 2)
            load.assert_called_once_with()


REQUEST = b'{"id":1,"method":"m","body":[1]}'


if __name__ == "__main__":
    unittest.main()
