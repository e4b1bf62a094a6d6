"""CRC32C, the checksum of the enhanced framing [CRC-1]: from a C extension, or from tables."""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs a worker some milliseconds of its start
if TYPE_CHECKING:
    from typing import Callable

_REFLECTED_POLYNOMIAL = 0x82F63B78
_INVERT = 0xFFFFFFFF

_LANE = 128
"""Bytes in one lane of the table implementation, see crc32c_by_table."""


_TABLE: list[int] = []
_TABLE_BYTES: list[bytes] = []
"""The table, and the four bytes of its entries. Made on first use."""


def _make_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_REFLECTED_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    _TABLE_BYTES[:] = [bytes(entry >> shift & 0xFF for entry in table) for shift in (0, 8, 16, 24)]
    _TABLE[:] = table
    return _TABLE


def crc32c_by_table(data: bytes) -> int:
    """Returns the CRC32C of data, computed without any extension.

    A loop over the bytes takes some 100 ms a megabyte. So long data is cut into lanes of equal
    length, and all lanes advance together, a byte each, with one table lookup by bytes.translate
    for all of them. That is ten times faster, and the result the same.
    """
    table = _TABLE or _make_table()
    crc = _INVERT
    lanes = len(data) // _LANE
    if lanes < 32:
        lanes = 0
    else:
        crc = _join_lanes(crc, _advance_lanes(data, lanes))
    for byte in data[lanes * _LANE :]:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ _INVERT


def _advance_lanes(data: bytes, lanes: int) -> list[bytes]:
    """Returns the checksum registers of all lanes, each begun at 0, as four strings: the lowest
    bytes of all registers, the next, and so on."""
    low, middle, high, highest = _TABLE_BYTES
    integer = int.from_bytes
    end = lanes * _LANE
    a = b = c = d = 0
    for step in range(_LANE):
        index = (a ^ integer(data[step:end:_LANE], "little")).to_bytes(lanes, "little")
        a = b ^ integer(index.translate(low), "little")
        b = c ^ integer(index.translate(middle), "little")
        c = d ^ integer(index.translate(high), "little")
        d = integer(index.translate(highest), "little")
    return [plane.to_bytes(lanes, "little") for plane in (a, b, c, d)]


def _join_lanes(crc: int, planes: list[bytes]) -> int:
    """Returns the register after all lanes in sequence: the checksum is linear, so the register
    after a lane is the register before it, moved on by a lane of zeros, xor the lane's own."""
    t0, t1, t2, t3 = _skip_tables()
    for a, b, c, d in zip(*planes):
        crc = t0[crc & 0xFF] ^ t1[crc >> 8 & 0xFF] ^ t2[crc >> 16 & 0xFF] ^ t3[crc >> 24]
        crc ^= a | b << 8 | c << 16 | d << 24
    return crc


_SKIP_TABLES: list[list[int]] = []


def _skip_tables() -> list[list[int]]:
    """Returns, for each of the four bytes of a register, what a lane of zeros makes of each of its
    256 values. Made on first use."""
    if not _SKIP_TABLES:
        single = []
        for bit in range(32):
            crc = 1 << bit
            for _ in range(_LANE):
                crc = _TABLE[crc & 0xFF] ^ crc >> 8
            single.append(crc)
        tables = []
        for first in range(0, 32, 8):
            table = [0]
            for bit in range(8):
                table += [entry ^ single[first + bit] for entry in table]
            tables.append(table)
        _SKIP_TABLES.extend(tables)
    return _SKIP_TABLES


def _choose() -> tuple[str, Callable[[bytes], int]]:
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about its own slow path, which is not used
            import google_crc32c
    except ImportError:
        return "table", crc32c_by_table
    if google_crc32c.implementation != "c":
        return "table", crc32c_by_table
    return "google-crc32c", google_crc32c.value


IMPLEMENTATION: str
"""What computes the checksums: "google-crc32c", or "table" where that package is missing."""

IMPLEMENTATION, crc32c = _choose()
