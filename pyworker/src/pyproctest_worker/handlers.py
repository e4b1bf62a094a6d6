"""What the author of handlers uses: expose, current_request, inflight."""

from __future__ import annotations

from _thread import get_ident

from .request import running
from .signature import check_handler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar, overload

    from .request import Handler, Request

    H = TypeVar("H", bound=Handler)
else:

    def overload(function):
        return function


exposed: dict[str, Handler] = {}
"""The handlers of this process by the names of their methods."""


@overload
def expose(handler: H, /) -> H: ...
@overload
def expose(  # noqa: F811
    handler: str | None = None, /, *, name: str | None = None
) -> Callable[[H], H]: ...
def expose(handler: Any = None, /, *, name: str | None = None) -> Any:  # noqa: F811
    """Makes a function callable by its name, or by another one: @expose, @expose("other") or
    @expose(name="other").

    The function is called with the body of the request and returns the body of the answer. If it
    raises, the answer is an error. If it is a generator function, `yield seconds` waits without
    keeping other requests waiting. Raises ValueError if the name is taken, and TypeError if handler
    is async or cannot be called with one argument.
    """
    if isinstance(handler, str) and name is not None:
        raise TypeError(f"expose takes one name, not both {handler!r} and {name!r}")
    chosen = handler if isinstance(handler, str) else name
    if chosen is not None and (not isinstance(chosen, str) or not chosen):
        raise TypeError(f"expose takes a name that is a string and not empty, not {chosen!r:.80}")
    if handler is None or isinstance(handler, str):
        return lambda function: _expose(function, chosen)
    return _expose(handler, chosen)


def _expose(handler: Handler, name: str | None) -> Handler:
    check_handler(handler)
    name = name or getattr(handler, "__name__", "")
    if not name:
        raise TypeError(f"{handler!r:.80} has no name of its own: use @expose(name=...)")
    if name in exposed or name == "health":  # [WRK-20]
        raise ValueError(f"there is a method {name!r} already")
    exposed[name] = handler
    return handler


def current_request() -> Request:
    """Returns the request that the calling handler serves. Raises RuntimeError outside one."""
    now = running.get(get_ident())
    if now is None:
        raise RuntimeError("no handler runs in this thread")
    return now.current_request()


def inflight() -> int:
    """Returns how many handlers of this worker run now, the calling one included."""
    return current_request().runner.inflight()
