"""What the author of handlers uses: expose, current_request, inflight."""

from __future__ import annotations

from _thread import get_ident

from .request import RefusedBody, running
from .signature import check_handler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar, overload

    from .request import Handler, Request

    H = TypeVar("H", bound=Handler)
    B = TypeVar("B")
    R = TypeVar("R")
else:

    def overload(function):
        return function


exposed: dict[str, Handler] = {}
"""The handlers of this process by the names of their methods, less those that are async."""

exposed_async: dict[str, Handler] = {}
"""The handlers that are async."""


@overload
def expose(handler: H, /) -> H: ...
@overload
def expose(  # noqa: F811
    handler: str | None = None, /, *, name: str | None = None
) -> Callable[[H], H]: ...
@overload
def expose(  # noqa: F811
    handler: str | None = None, /, *, name: str | None = None, body: Callable[[Any], B]
) -> Callable[[Callable[[B], R]], Callable[[B], R]]: ...
def expose(  # noqa: F811
    handler: Any = None,
    /,
    *,
    name: str | None = None,
    body: Callable[[Any], Any] | None = None,
) -> Any:
    """Makes a function callable by its name, or by another one: @expose, @expose("other") or
    @expose(name="other").

    The function is called with the body of the request and returns the body of the answer. If it
    raises, the answer is an error. If it is a generator function, `yield seconds` waits without
    keeping other requests waiting; if it is async, so does `await`.

    @expose(body=convert) calls the function with convert(body) instead. If convert raises, the
    function is not called, and the answer is an error with what was raised.

    Raises ValueError if the name is taken, and TypeError if the function or convert cannot be
    called with one argument, or is what it cannot be: an async generator, or an async convert.
    """
    if isinstance(handler, str) and name is not None:
        raise TypeError(f"expose takes one name, not both {handler!r} and {name!r}")
    chosen = handler if isinstance(handler, str) else name
    if chosen is not None and (not isinstance(chosen, str) or not chosen):
        raise TypeError(f"expose takes a name that is a string and not empty, not {chosen!r:.80}")
    if handler is None or isinstance(handler, str):
        return lambda function: _expose(function, chosen, body)
    return _expose(handler, chosen, body)


def _expose(handler: Handler, name: str | None, body: Callable[[Any], Any] | None) -> Handler:
    is_async = check_handler(handler)
    name = name or getattr(handler, "__name__", "")
    if not name:
        raise TypeError(f"{handler!r:.80} has no name of its own: use @expose(name=...)")
    if name in exposed or name in exposed_async or name == "health":  # [WRK-20]
        raise ValueError(f"there is a method {name!r} already")
    methods = exposed_async if is_async else exposed
    methods[name] = handler if body is None else _converting(handler, body)
    return handler


def _converting(handler: Handler, convert: Callable[[Any], Any]) -> Handler:
    """Returns handler as a function of what convert takes."""
    try:
        is_async = check_handler(convert)
    except TypeError as error:
        raise TypeError(f"body takes what converts the body of a request: {error}") from None
    if is_async:
        raise TypeError(f"{convert!r:.80} is async: what converts a body is a plain function")

    def converting(body: Any) -> Any:
        try:
            value = convert(body)
        except BaseException as error:  # SystemExit too: a request must not end the worker
            raise RefusedBody(error) from error
        return handler(value)

    return converting


def current_request() -> Request:
    """Returns the request that the calling handler serves. Raises RuntimeError outside one."""
    now = running.get(get_ident())
    if now is None:
        raise RuntimeError("no handler runs in this thread")
    return now.current_request()


def inflight() -> int:
    """Returns how many handlers of this worker run now, the calling one included."""
    return current_request().runner.inflight()
