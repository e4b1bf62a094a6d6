"""Messages as JSON text: reading what came, writing answers."""

from __future__ import annotations

import json
from json import encoder as _encoder

from . import log
from .depth import LIMIT, is_text_too_deep, is_too_deep, recursion_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Callable, NoReturn


class Malformed(Exception):
    """A payload that is not a JSON text in UTF-8 [MSG-8] [MSG-11]."""


def read_message(payload: bytes) -> Any:
    """Returns the JSON value in payload; raises Malformed."""
    if len(payload) > LIMIT and is_text_too_deep(payload):
        raise Malformed(f"malformed message: it is nested over {LIMIT} levels deep")
    try:
        text = payload.decode()
        try:
            value, end = _scan(text, 0)
            if end == len(text):
                return value
        except StopIteration:
            pass
        return _decoder.decode(text)  # space around the value, or an error that it explains
    except (ValueError, RecursionError) as error:
        # ValueError is also what a number of too many digits raises.
        raise Malformed(f"malformed message: {type(error).__name__}: {error}") from None


def write_result(request_id: int, result: object, enveloped: bool, max_payload: int) -> bytes:
    """Returns the answer that carries result, or if that cannot be sent an error answer that says
    so [WRK-12] [WRK-13]."""
    try:
        if recursion_limit() > LIMIT and is_too_deep(result):
            raise RecursionError(f"it is nested over {LIMIT} levels deep, or contains itself")
        body = _join(_write_json(result, 0))
        try:
            payload = f'{{"id":{request_id!r},"ok":true,"body":{body}}}'.encode()
        except UnicodeEncodeError:  # a lone surrogate: only an escape can carry it
            body = _join(_write_escaped_json(result, 0))
            payload = f'{{"id":{request_id!r},"ok":true,"body":{body}}}'.encode()
    except Exception as error:
        reason = f"the result cannot be encoded: {_describe(error)}"
        log.answer_replaced(request_id, reason)
        return write_error(request_id, reason, enveloped, max_payload)
    if enveloped:
        payload = b'{"type":"response","payload":' + payload + b"}"
    if len(payload) > max_payload:
        reason = f"the answer takes {len(payload)} bytes, over the max_payload of {max_payload}"
        log.answer_replaced(request_id, reason)
        return write_error(request_id, reason, enveloped, max_payload)
    return payload


def write_exception(
    request_id: int, error: BaseException, enveloped: bool, max_payload: int
) -> bytes:
    """Returns the answer for a handler that raised [WRK-11]."""
    return write_error(request_id, _describe(error), enveloped, max_payload)


def write_error(request_id: int, reason: str, enveloped: bool, max_payload: int) -> bytes:
    """Returns an error answer. max_payload is at least 1024, so there is always one that fits."""
    form = _ENVELOPED_ERROR if enveloped else _ERROR
    payload = (form % (request_id, json.dumps(reason))).encode()
    if len(payload) > max_payload:
        reason = (
            f"the answer takes {len(payload)} bytes, over the max_payload of {max_payload};"
            f" it is an error that begins: {reason[:40]}"
        )
        return write_error(request_id, reason, enveloped, max_payload)
    return payload


_ERROR = '{"id":%d,"ok":false,"error":%s}'
_ENVELOPED_ERROR = '{"type":"response","payload":' + _ERROR + "}"


def _describe(error: BaseException) -> str:
    if is_too_deep(error.args):
        return type(error).__name__
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception whose own __str__ raises
        return type(error).__name__


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = vars(_decoder)["scan_once"]  # unknown to mypy


_join = "".join


def _writer(ensure_ascii: bool) -> Callable[[object, int], Sequence[str]]:
    """Returns a function of a value and 0 that returns the pieces of the value's compact JSON."""
    encoder = json.JSONEncoder(
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


_write_json = _writer(ensure_ascii=False)
_write_escaped_json = _writer(ensure_ascii=True)
