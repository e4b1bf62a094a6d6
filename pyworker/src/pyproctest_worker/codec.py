"""JSON texts: reading requests and other values, writing answers.

The json of the standard library says what is read and written, and how. msgspec takes a third of
its time, but refuses more than json does, and writes what json refuses. So it gets only values that
both write alike, and json decides on what it refuses. With it decides the default that a worker may
have for values that json does not know: msgspec never sees one.

Importing msgspec takes as long as the rest of a worker's start. So it is imported in the course of
the first requests: see LOAD_AFTER.
"""

from __future__ import annotations

import json
import sys
from json import encoder as _encoder

from . import log
from .depth import LIMIT, is_text_too_deep, is_too_deep, recursion_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Callable, NoReturn

    Default = Callable[[Any], Any]

LOAD_AFTER = 200
"""Requests read until msgspec is imported. A worker with less to do does not need it."""

_SCALARS = frozenset((str, int, bool, float, type(None)))
_STR = frozenset((str,))


def is_installed() -> bool:
    """Whether there is a msgspec to be imported."""
    if "msgspec" in sys.modules:
        return sys.modules["msgspec"] is not None
    return any(finder.find_spec("msgspec", None) is not None for finder in sys.meta_path)


def _is_simple(value: object) -> bool:
    """Whether json and msgspec write the same for a value, apart from NaN and Infinity.

    To look into all of a value that is nested more deeply would take longer than json does.
    """
    if type(value) is dict:
        return _STR.issuperset(map(type, value)) and all(
            type(item) in _SCALARS or _is_flat(item) for item in value.values()
        )
    return type(value) in _SCALARS or _is_flat(value)


def _is_flat(value: object) -> bool:
    return type(value) is list and _SCALARS.issuperset(map(type, value))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = vars(_decoder)["scan_once"]  # unknown to mypy


def read(text: bytes) -> Any:
    """Returns the value of a JSON text in UTF-8. Raises ValueError or RecursionError."""
    if len(text) > LIMIT and is_text_too_deep(text):
        raise ValueError(f"it is nested over {LIMIT} levels deep")
    decoded = text.decode()
    try:
        value, end = _scan(decoded, 0)
        if end == len(decoded):
            return value
    except StopIteration:
        pass
    return _decoder.decode(decoded)  # space around the value, or an error that it explains


_join = "".join


def _encoder_of(
    ensure_ascii: bool, default: Default | None
) -> Callable[[object, int], Sequence[str]]:
    """Returns a function of a value and 0 that returns the pieces of the value's compact JSON."""
    encoder = json.JSONEncoder(
        default=default,
        ensure_ascii=ensure_ascii,
        allow_nan=False,
        check_circular=False,  # a circular value ends in a RecursionError, see also depth.py
        separators=(",", ":"),
    )

    def plain(value: object, _: int) -> Sequence[str]:
        return (encoder.encode(value),)

    # json makes a new C encoder for each value, which costs more than a small value itself. The
    # class is private: if it is missing or takes other arguments, that is what happens here too.
    quote = _encoder.encode_basestring_ascii if ensure_ascii else _encoder.encode_basestring
    sample = {"é": [1, None]}
    try:
        make = vars(_encoder)["c_make_encoder"]
        prebuilt: Callable[[object, int], Sequence[str]] = make(
            None, encoder.default, quote, None, ":", ",", False, False, False
        )
        if _join(prebuilt(sample, 0)) == encoder.encode(sample):
            return prebuilt
    except (KeyError, TypeError, ValueError):
        pass
    return plain


def _writer(default: Default | None) -> Callable[[int, object], bytes]:
    """Returns a function that returns the answer with a request ID and a body, in UTF-8. It raises
    what json and default raise."""
    encode, encode_escaped = _encoder_of(False, default), _encoder_of(True, default)

    def write(value: object) -> bytes:
        if recursion_limit() > LIMIT and is_too_deep(value, default):
            raise RecursionError(f"it is nested over {LIMIT} levels deep, or contains itself")
        try:
            return _join(encode(value, 0)).encode()
        except UnicodeEncodeError:  # a lone surrogate: only an escape can carry it
            return _join(encode_escaped(value, 0)).encode()

    def write_answer(request_id: int, body: object) -> bytes:
        return b'{"id":%d,"ok":true,"body":%b}' % (request_id, write(body))

    return write_answer


class PlainRequest:
    """A request without an envelope and without unknown fields."""

    __slots__ = ("id", "method", "body")

    def __init__(self, request_id: int, method: str, body: Any) -> None:
        self.id = request_id
        self.method = method
        self.body = body


def _read_request(text: bytes) -> Any:
    message = read(text)
    try:
        request_id, method, body = message["id"], message["method"], message.get("body")
        if type(request_id) is int and type(method) is str and "payload" not in message:
            return PlainRequest(request_id, method, body)
    except (KeyError, TypeError):
        pass
    return message


class Codec:
    """What reads requests and writes answers in this process, by msgspec once that is loaded."""

    def __init__(self) -> None:
        self.read_request: Callable[[bytes], Any] = self._read_first
        """Returns a request like PlainRequest, from a text not nested too deeply. Anything else is
        returned as what it is, or an exception."""
        self._default: Default | None = None
        self._write_by_json = _writer(None)
        self.write_answer = self._write_by_json
        """Returns the answer with that request ID and body. Raises what json and default raise."""
        self._requests = 0

    def use_default(self, default: Default | None) -> None:
        """Makes write_answer write default(value) in place of a value that json does not know, as
        json.dumps does."""
        if default is self._default:
            return
        self._default = default
        self.write_answer = self._write_by_json = _writer(default)
        if self.read_request != self._read_first:
            self.load()

    def load(self) -> bool:
        """Imports msgspec, for read_request and write_answer, and returns whether they use it."""
        self.read_request = _read_request
        if not is_installed():  # which the worker has said when it started
            return False
        try:
            self.read_request, self.write_answer = _by_msgspec(self._write_by_json)
        except Exception as error:
            log.json_stays_slow(error)
            return False
        return True

    def _read_first(self, text: bytes) -> Any:
        self._requests += 1
        if self._requests > LOAD_AFTER or "msgspec" in sys.modules:
            self.load()
            return self.read_request(text)
        return _read_request(text)


def _by_msgspec(
    write_by_json: Callable[[int, object], bytes],
) -> tuple[Callable[[bytes], Any], Callable[[int, object], bytes]]:
    import msgspec

    request = msgspec.defstruct(
        "PlainRequest",
        [("id", int), ("method", str), ("body", object, None)],
        forbid_unknown_fields=True,  # it does not check the UTF-8 of what it skips
        gc=False,
    )
    answer = msgspec.defstruct("Answer", [("id", int), ("ok", bool), ("body", object)], gc=False)
    encode = msgspec.json.Encoder().encode

    def write_answer(request_id: int, body: object) -> bytes:
        try:
            if type(body) is str:
                return encode(answer(request_id, True, body))
            if _is_simple(body):
                text = encode(answer(request_id, True, body))
                if b"null" not in text:  # that may be what it makes of NaN [MSG-8]
                    return text
        except Exception:
            pass
        return write_by_json(request_id, body)

    return msgspec.json.Decoder(request).decode, write_answer


codec = Codec()
