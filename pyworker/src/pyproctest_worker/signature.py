"""Whether something can be a handler: called with one argument, for one result."""

from __future__ import annotations

from types import FunctionType, MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inspect import Signature

_VARIADIC, _ASYNC, _ASYNC_GENERATOR = 0x04, 0x80, 0x200  # code flags; the first is for *args


def check_handler(handler: object) -> bool:
    """Returns whether handler is async. Raises TypeError if it cannot be called with the body of a
    request, or is an async generator.

    Functions and methods are checked here without the inspect module, which takes longer to import
    than the rest of the package.
    """
    if not callable(handler):
        raise TypeError(
            f"expose takes a function or a method's name, not {handler!r:.80}"
            f" of type {type(handler).__name__}"
        )
    function: object = handler
    given = 1
    if isinstance(function, MethodType):
        function, given = function.__func__, 2
    elif not isinstance(function, (FunctionType, type)):
        call = type(function).__call__
        if isinstance(call, FunctionType):
            function, given = call, 2
    if isinstance(function, FunctionType):
        flags, fits = function.__code__.co_flags, _takes(function, given)
    else:
        flags, fits = _inspect(function)
    name = getattr(handler, "__name__", "") or repr(handler)[:80]
    if flags & _ASYNC_GENERATOR:
        raise TypeError(
            f"{name} is an async generator: an async handler returns one result, and awaits"
            " asyncio.sleep(seconds) to wait"
        )
    if not fits:
        raise TypeError(
            f"{name} cannot be called with one argument: a handler takes the body of a request"
        )
    return bool(flags & _ASYNC)


def _takes(function: FunctionType, given: int) -> bool:
    """Whether function takes that many positional arguments and needs no others."""
    code = function.__code__
    needed = code.co_argcount - len(function.__defaults__ or ())
    most = code.co_argcount + (given if code.co_flags & _VARIADIC else 0)
    keywords = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
    return needed <= given <= most and set(keywords) <= set(function.__kwdefaults__ or ())


def _inspect(function: object) -> tuple[int, bool]:
    """Returns the code flags of what a class, a partial or a builtin calls, and whether it takes
    one argument."""
    import inspect

    assert callable(function)
    flags = 0  # as of what is in a partial
    if inspect.iscoroutinefunction(function):
        flags = _ASYNC
    elif inspect.isasyncgenfunction(function):
        flags = _ASYNC_GENERATOR
    try:
        signature: Signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # some builtins have none
        return flags, True
    try:
        signature.bind(None)
    except TypeError:
        return flags, False
    return flags, True
