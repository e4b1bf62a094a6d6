"""What a worker logs, with the standard logging: the logger is "pyproctest_worker".

Importing logging takes longer than the rest of a worker's start. So it is imported for the first
warning. Debug messages are dropped while nothing else has imported it: nobody can have asked for
them yet.
"""

from __future__ import annotations

import sys

from .depth import is_too_deep

NAME = "pyproctest_worker"

_DEBUG, _WARNING, _ERROR = 10, 30, 40  # the values of logging's levels

_LONGEST_NAME = 80
_LONGEST_PART = 2000
_LONGEST_TRACEBACK = 16000


def handler_failed(method: object, request_id: int, error: BaseException) -> None:
    """Logs the exception that a handler raised, with its traceback."""
    text = f"the handler of {shown(method)} raised {type(error).__name__}, request {request_id}"
    _log(_ERROR, text, error)


def task_failed(error: BaseException) -> None:
    """Logs what a task that an async handler has made raised, and that asyncio passes on."""
    _log(_ERROR, f"a task of the event loop raised {type(error).__name__}", error)


def start_failed(error: BaseException) -> None:
    """Logs what on_start raised, with its traceback."""
    _log(_ERROR, f"on_start raised {type(error).__name__}", error)


def handler_cancelled(method: object, request_id: int) -> None:
    _log(_DEBUG, f"the handler of {shown(method)} was cancelled, request {request_id}")


def handler_slow(method: object, request_id: int, seconds: float) -> None:
    text = f"the handler of {shown(method)} held its thread for {seconds:.1f} s"
    _log(_WARNING, f"{text}, request {request_id}")


def child_failed(error: BaseException) -> None:
    """Logs what a handler raised in a child that it forked."""
    _log(_ERROR, f"a child that a handler forked raised {type(error).__name__}", error)


def answer_replaced(request_id: int, reason: str) -> None:
    """Logs that the result of a handler could not be sent."""
    _log(_WARNING, f"request {request_id}: {shown(reason, quote=False)}")


def request_refused(descriptor: int, answer_id: int, reason: str, ordinary: bool = False) -> None:
    text = f"refused on connection {descriptor}, ID {answer_id}: {shown(reason, quote=False)}"
    _log(_DEBUG if ordinary else _WARNING, text)


def body_refused(method: object, request_id: int, reason: str) -> None:
    text = f"{shown(method)} refused request {request_id}: {shown(reason, quote=False)}"
    _log(_WARNING, text)


def connection_closed(descriptor: int, reason: str, outstanding: int, ordinary: bool) -> None:
    text = f"closed connection {descriptor}: {shown(reason, quote=False)}"
    if outstanding:
        text += f"; {outstanding} of its requests were not answered"
    _log(_DEBUG if ordinary else _WARNING, text)


def not_accepting(error: OSError) -> None:
    _log(_WARNING, f"cannot accept connections for now: {error.strerror or error}")


def json_stays_slow(error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"
    _log(_WARNING, f"msgspec cannot be imported, so JSON stays slower: {shown(text, quote=False)}")


def shown(foreign: object, quote: bool = True) -> str:
    """Returns foreign text as one short line without control characters."""
    text = foreign if isinstance(foreign, str) else type(foreign).__name__
    limit = _LONGEST_NAME if quote else _LONGEST_PART
    escaped = repr(text[:limit]) if quote else _escaped(text[:limit])
    return escaped + ("..." if len(text) > limit else "")


def _log(level: int, text: str, error: BaseException | None = None) -> None:
    if level < _WARNING and "logging" not in sys.modules:
        return
    try:
        import logging
    except (ImportError, OSError):  # no descriptor is free, for example
        if sys.stderr is not None:
            print(text, file=sys.stderr, flush=True)
        return
    try:
        logger = logging.getLogger(NAME)
        if not logger.isEnabledFor(level):
            return
        information = None if error is None else (type(error), error, error.__traceback__)
        record = logger.makeRecord(NAME, level, __file__, 0, text, (), information)
        if error is not None:
            record.exc_text = _traceback(error)  # what formatters print, in place of their own
        logger.handle(record)
    except Exception:  # a handler of logging's that raises must not end the worker
        pass


def _traceback(error: BaseException) -> str:
    import traceback

    if is_too_deep(error.args):
        return f"{type(error).__name__}, with arguments that are nested too deeply"
    trace = error.__traceback__
    if trace is not None and trace.tb_next is not None:
        trace = trace.tb_next  # the first is the worker's own frame
    parts = map(_part, traceback.TracebackException(type(error), error, trace).format())
    text = "\n".join(parts)
    if len(text) > _LONGEST_TRACEBACK:
        half = _LONGEST_TRACEBACK // 2
        text = f"{text[:half]}\n    [...]\n{text[-half:]}"
    return text


def _part(part: str) -> str:
    part = part.rstrip("\n")
    if len(part) > _LONGEST_PART:
        part = f"{part[:_LONGEST_PART]}... ({len(part)} characters)"
    if not part.startswith("  File "):  # a text of many lines must not look like log lines
        part = part.replace("\n", "\n    ")
    return "\n".join(_escaped(line) for line in part.split("\n"))


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
