"""The golden vectors, read with the worker's codec and sent to the worker itself."""

from __future__ import annotations

import json
import os
import unittest
from typing import Any

from pyproctest_worker import codec
from pyproctest_worker.framing import Decoder, decode_stream, encode_frame

from . import TREE, harness

FOLDER = os.path.join(os.path.dirname(TREE), "vectors")
SENTINEL = 4242


def load(name: str) -> list[dict[str, Any]]:
    path = os.path.join(FOLDER, f"{name}.json")
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        raise AssertionError(
            f"the golden vectors are missing: there is no {path}; these tests need the whole "
            "repository, not the folder of the worker alone"
        ) from None
    tests: list[dict[str, Any]] = content["tests"]
    assert len(tests) == content["numberOfTests"] > 0, f"{path} is not complete"
    return tests


def shown(frames: list[tuple[int, bytes]]) -> list[dict[str, str]]:
    return [{"id": str(request_id), "payload": payload.hex()} for request_id, payload in frames]


class FrameVectors(unittest.TestCase):
    def check(self, name: str) -> None:
        for vector in load(name):
            with self.subTest(vector["tcId"], comment=vector["comment"], clause=vector["clause"]):
                data = bytes.fromhex(vector["bytes"])
                framing, limit = vector["framing"], vector["maxPayload"]
                expected = vector["frames"], vector.get("error")

                frames, error = decode_stream(data, framing, limit)
                self.assertEqual((shown(frames), error), expected, "whole")

                decoder = Decoder(framing, limit)
                frames = [f for byte in data for f in decoder.feed(bytes([byte]))]
                decoder.end()
                self.assertEqual((shown(frames), decoder.error), expected, "byte by byte")

                if error is not None and error != "truncated":
                    decoder = Decoder(framing, limit)
                    decoder.feed(data[: vector["decidedAt"]])
                    self.assertEqual(decoder.error, error, "from the bytes up to decidedAt")
                if error is None:
                    written = b"".join(encode_frame(framing, *f, limit) for f in frames)
                    self.assertEqual(written.hex(), vector["bytes"], "written")

    def test_enhanced(self) -> None:
        self.check("enhanced")

    def test_basic(self) -> None:
        self.check("basic")

    def test_streams(self) -> None:
        self.check("streams")


class MessageVectors(unittest.TestCase):
    """Each message for workers is sent to one, with a health call behind it."""

    def test_messages(self) -> None:
        vectors = [vector for vector in load("messages") if vector["receiver"] == "worker"]
        by_msgspec = [("--msgspec",)] if codec.is_installed() else []
        for arguments in ((), ("--threads", "2"), *by_msgspec):
            with harness.Worker(harness.CONFORMANCE_WORKER, *arguments) as worker:
                for vector in vectors:
                    for framing in vector["framings"]:
                        with self.subTest(vector["tcId"], framing=framing, arguments=arguments):
                            self.check(worker, vector, framing)

    def check(self, worker: harness.Worker, vector: dict[str, Any], framing: str) -> None:
        caller = worker.connect(framing)
        header_id, payload = int(vector["headerId"]), bytes.fromhex(vector["bytes"])
        caller.send(encode_frame(framing, header_id, payload), caller.request(SENTINEL, "health"))
        outcome = vector["outcome"]
        if outcome == "violation":
            self.assertTrue(caller.is_closed())
            caller.close()
            return
        expected_answers = {"request": 2, "error_answer": 2}.get(outcome, 1)
        answers = [caller.receive() for _ in range(expected_answers)]
        # An answer that came too late to be seen above would be the next one.
        caller.send(caller.request(SENTINEL + 1, "health"))
        self.assertEqual(caller.receive()["id"], SENTINEL + 1)
        caller.close()
        answers = [answer for answer in answers if answer.get("id") != SENTINEL]
        self.assertEqual(len(answers), expected_answers - 1)
        if not answers:
            return
        inner = answers[0].get("payload", answers[0])
        if outcome == "error_answer":
            self.assertIs(inner["ok"], False)
            self.assertIsInstance(inner["error"], str)
            self.assertIn(str(inner["id"]), vector["answerIds"][framing])
            return
        self.assertEqual(str(inner["id"]), vector["id"])
        self.assertEqual("payload" in answers[0], vector["envelope"])
        if "unknown-method" in vector["flags"]:
            self.assertIs(inner["ok"], False)
            return
        self.assertIs(inner["ok"], True)
        self.assertEqual(repr(inner["body"]), repr(json.loads(vector["body"])))


if __name__ == "__main__":
    unittest.main()
