"""The codec alone: frames from bytes and bytes from frames [FRM] [CRC] [STR]."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
import unittest
import unittest.mock

from pyproctest_worker import crc32c
from pyproctest_worker.framing import (
    BASIC,
    ENHANCED,
    MAX_PAYLOAD_LIMIT,
    Decoder,
    FrameError,
    decode_stream,
    encode_basic,
    encode_enhanced,
    encode_frame,
)

IMPLEMENTATIONS = {"chosen": crc32c.crc32c, "table": crc32c.crc32c_by_table}


class Checksums(unittest.TestCase):
    def test_check_value_of_castagnoli(self) -> None:  # CRC-1
        for name, checksum in IMPLEMENTATIONS.items():
            with self.subTest(name):
                self.assertEqual(checksum(b"123456789"), 0xE3069283)

    def test_of_nothing_is_zero(self) -> None:  # CRC-3
        for name, checksum in IMPLEMENTATIONS.items():
            with self.subTest(name):
                self.assertEqual(checksum(b""), 0)

    def test_tables_agree_with_a_bitwise_definition_at_every_length(self) -> None:
        # Around 4096 bytes the tables begin to work in lanes of 128.
        data = random.Random(1).randbytes(5000)
        register = 0xFFFFFFFF
        for length in range(len(data) + 1):
            if length % 61 == 0 or 4090 <= length <= 4100:
                self.assertEqual(crc32c.crc32c_by_table(data[:length]), register ^ 0xFFFFFFFF)
            if length < len(data):
                register ^= data[length]
                for _ in range(8):
                    register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)

    def test_implementations_agree_on_long_data(self) -> None:
        data = random.Random(2).randbytes(300_001)
        self.assertEqual(crc32c.crc32c(data), crc32c.crc32c_by_table(data))


class Writing(unittest.TestCase):
    def test_enhanced_frame_of_the_worked_example(self) -> None:  # FRM-1, FRM-2
        payload = b'{"id":1,"method":"echo","body":"hi"}'
        self.assertEqual(
            encode_enhanced(1, payload),
            bytes.fromhex("5059000000360000000000000001b814bb6f") + payload,
        )

    def test_basic_frame_of_the_worked_example(self) -> None:  # FRM-4
        payload = b'{"id":1,"method":"echo","body":"hi"}'
        self.assertEqual(encode_basic(1, payload), b"\x00\x00\x00\x24" + payload)

    def test_payload_over_the_limit_is_refused(self) -> None:  # FRM-12
        for framing in (ENHANCED, BASIC):
            with self.subTest(framing), self.assertRaises(FrameError) as raised:
                encode_frame(framing, 1, b"12345", max_payload=4)
            self.assertEqual(raised.exception.kind, "too_large")
            self.assertTrue(encode_frame(framing, 1, b"1234", max_payload=4))


class Reading(unittest.TestCase):
    def test_framing_is_told_by_the_first_two_bytes(self) -> None:  # STR-7
        for encode, framing in ((encode_enhanced, ENHANCED), (encode_basic, BASIC)):
            with self.subTest(framing):
                decoder = Decoder()
                frame = encode(7, b"hi")
                self.assertEqual(decoder.feed(frame[:1]), [])
                self.assertIsNone(decoder.framing)
                self.assertEqual(decoder.feed(frame[1:2]), [])
                self.assertEqual(decoder.framing, framing)
                self.assertEqual([p for _, p in decoder.feed(frame[2:])], [b"hi"])

    def test_first_byte_of_a_basic_length_may_be_that_of_the_magic(self) -> None:
        # 0x50590000 is the first length that would be taken for a magic [FRM-14].
        self.assertEqual(struct.pack(">I", MAX_PAYLOAD_LIMIT - 1)[:2], b"PX")

    def test_every_way_to_cut_a_stream_gives_the_same(self) -> None:  # STR-4
        frames = [(1, b""), (2, b"x"), (2**64 - 1, bytes(300)), (0, b"PY" * 9)]
        whole = b"".join(encode_enhanced(*frame) for frame in frames)
        for cut in range(len(whole) + 1):
            decoder = Decoder(ENHANCED)
            self.assertEqual(decoder.feed(whole[:cut]) + decoder.feed(whole[cut:]), frames)
        decoder = Decoder(ENHANCED)
        read = [frame for byte in whole for frame in decoder.feed(bytes([byte]))]
        self.assertEqual(read, frames)
        decoder.end()
        self.assertIsNone(decoder.error)

    def test_random_pieces_and_random_damage(self) -> None:
        """Whatever the pieces, the verdict is that on the whole."""
        seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
        with self.subTest(f"SEED={seed}"):
            chance = random.Random(seed)
            for _ in range(300):
                encode = chance.choice((encode_enhanced, encode_basic))
                stream = bytearray()
                for _ in range(chance.randrange(5)):
                    payload = chance.randbytes(chance.choice((0, 1, 2, 60, 4200)))
                    stream += encode(chance.randrange(1 << 64), payload)
                if stream and chance.random() < 0.5:
                    stream[chance.randrange(len(stream))] ^= 1 << chance.randrange(8)
                if stream and chance.random() < 0.3:
                    del stream[chance.randrange(len(stream)) :]
                data = bytes(stream)
                expected = decode_stream(data, None, 4200)
                decoder = Decoder(None, 4200)
                frames, position = [], 0
                while position < len(data):
                    size = chance.choice((1, 3, 17, 18, 19, 500, 9000))
                    frames += decoder.feed(data[position : position + size])
                    position += size
                decoder.end()
                self.assertEqual((frames, decoder.error), expected)

    def test_nothing_follows_an_error(self) -> None:  # STR-3
        decoder = Decoder(ENHANCED)
        good = encode_enhanced(1, b"good")
        self.assertEqual(decoder.feed(good + b"XX" + good), [(1, b"good")])
        self.assertEqual(decoder.error, "bad_magic")
        self.assertEqual(decoder.feed(good), [])
        decoder.end()
        self.assertEqual(decoder.error, "bad_magic")

    def test_claimed_length_sets_nothing_aside(self) -> None:  # FRM-11
        tracemalloc.start()
        try:
            decoders = [Decoder() for _ in range(100)]
            for decoder in decoders:
                decoder.feed(struct.pack(">I", 10485760))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 1 << 20)

    def test_reading_a_frame_in_small_pieces_copies_each_byte_few_times(self) -> None:
        copied = 0

        def counting(data: bytearray) -> bytes:
            nonlocal copied
            copied += len(data)
            return bytes(data)

        payload = bytes(1 << 20)
        frame = encode_enhanced(1, payload)
        decoder = Decoder(ENHANCED)
        frames = []
        with unittest.mock.patch("pyproctest_worker.framing.bytes", counting, create=True):
            for position in range(0, len(frame), 64):
                frames += decoder.feed(frame[position : position + 64])
        self.assertEqual(frames, [(1, payload)])
        self.assertLess(copied, 2 * len(frame))


if __name__ == "__main__":
    unittest.main()
