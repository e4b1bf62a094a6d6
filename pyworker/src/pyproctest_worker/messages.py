"""Messages as JSON text: reading what came, writing answers."""

from __future__ import annotations

import json

from . import log
from .codec import codec, read
from .depth import is_too_deep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Malformed(Exception):
    """A payload that is not a JSON text in UTF-8 [MSG-8] [MSG-11]."""


def read_message(payload: bytes) -> Any:
    """Returns the JSON value in payload; raises Malformed."""
    try:
        return read(payload)
    except (ValueError, RecursionError) as error:
        # ValueError is also what a number of too many digits raises.
        raise Malformed(f"malformed message: {type(error).__name__}: {error}") from None


def write_result(request_id: int, result: object, enveloped: bool, max_payload: int) -> bytes:
    """Returns the answer that carries result, or if that cannot be sent an error answer that says
    so [WRK-12] [WRK-13]."""
    try:
        payload = codec.write_answer(request_id, result)
    except BaseException as error:  # whatever the default of run_worker raises
        reason = f"the result cannot be encoded: {describe(error)}"
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
    return write_error(request_id, describe(error), enveloped, max_payload)


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


def describe(error: BaseException) -> str:
    """Returns the type and the text of an exception."""
    if is_too_deep(error.args):
        return type(error).__name__
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception whose own __str__ raises
        return type(error).__name__
