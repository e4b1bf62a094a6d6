"""JSON in and out, alone."""

from __future__ import annotations

import importlib
import json
import unittest
import unittest.mock
from typing import Any

from pyproctest_worker import codec, log, messages

NUMBERS = (0, 2**64 - 1, -(2**63), 0.1, -0.0, 1e300)
VALUES: tuple[object, ...] = (None, False, "", [], {}, "é\u2028😀", {"a": [1]}, *NUMBERS)


class Messages(unittest.TestCase):
    def run(self, result: Any = None) -> Any:
        with unittest.mock.patch.object(log, "_log"):  # this is not about what is logged
            return super().run(result)

    def test_results_arrive_equal(self) -> None:  # MSG-7
        for value in VALUES:
            for enveloped in (False, True):
                text = messages.write_result(7, value, enveloped, 10000)
                answer = json.loads(text)
                if enveloped:
                    self.assertEqual(answer["type"], "response")
                    answer = answer["payload"]
                self.assertEqual(repr(answer), repr({"id": 7, "ok": True, "body": value}))

    def test_letters_go_out_unescaped_and_lone_surrogates_escaped(self) -> None:
        self.assertIn("é".encode(), messages.write_result(1, "é", False, 10000))
        self.assertIn(b"\\ud800", messages.write_result(1, "é\ud800", False, 10000))

    def test_what_is_no_json_is_an_error_answer(self) -> None:  # WRK-12, MSG-8
        circular: list[object] = []
        circular.append(circular)
        for value in (float("nan"), float("inf"), {1, 2}, b"", circular, {(): 1}):
            answer = json.loads(messages.write_result(1, value, False, 10000))
            self.assertIs(answer["ok"], False)
            self.assertIn("cannot be encoded", answer["error"])

    def test_constants_that_are_no_json_are_refused(self) -> None:  # MSG-8
        for text in (b"NaN", b"[Infinity]", b'{"a":-Infinity}'):
            with self.assertRaisesRegex(messages.Malformed, "is not JSON"):
                messages.read_message(text)

    def test_every_answer_fits(self) -> None:  # WRK-13
        for reason in ("x" * 5000, "\U0001f600" * 5000, "\ud800" * 5000):
            for enveloped in (False, True):
                text = messages.write_error(2**64 - 1, reason, enveloped, 1024)
                self.assertLessEqual(len(text), 1024)
                self.assertIn(b"over the max_payload of 1024", text)


class MessagesWithoutThePrivateEncoder(Messages):
    """The encoder of json that is used is private, and may be missing."""

    def setUp(self) -> None:
        for module in (codec, messages):
            self.addCleanup(importlib.reload, module)
        with unittest.mock.patch.object(json.encoder, "c_make_encoder", None):
            importlib.reload(codec)
        importlib.reload(messages)


@unittest.skipUnless(codec.is_installed(), "msgspec is not installed")
class MessagesByMsgspec(Messages):
    def setUp(self) -> None:
        loaded = codec.Codec()
        self.assertTrue(loaded.load())
        replaced = unittest.mock.patch.object(messages, "codec", loaded)
        replaced.start()
        self.addCleanup(replaced.stop)


if __name__ == "__main__":
    unittest.main()
