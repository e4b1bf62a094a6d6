"""One request, and its handler, which runs step by step."""

from __future__ import annotations

from time import monotonic
from types import GeneratorType

from . import log
from .fork import end_child, fork
from .messages import describe, write_error, write_exception, write_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from threading import Event
    from typing import Any, Callable, Protocol, Union

    Handler = Callable[[Any], Any]

    class Runner(Protocol):
        """What runs handlers, as a request sees it."""

        generators: set[Request]
        """Requests whose handlers are generators or async, and have begun and not ended."""

        slow: float
        """Seconds from which on a step is logged as slow."""

        def begin(self, request: Any) -> None:
            """Runs the async handler of a request, which is an AsyncRequest."""

        def wait(self, request: Request, seconds: float) -> None:
            """Returns when the request is cancelled, or after that time."""

        def inflight(self) -> int:
            """Returns how many handlers have begun and not ended."""

    class Knowing(Protocol):
        """What runs the handlers of a thread, and knows which of them runs now."""

        def current_request(self) -> Request:
            """Returns the request whose handler runs in the calling thread."""

    Running = Union[Knowing, "Request"]


class Cancelled(Exception):
    """Raised at the yield of a generator handler whose request was cancelled or whose caller has
    gone away. Clean up and let it pass, or return a result nevertheless. In an async handler
    asyncio.CancelledError is raised in its place."""


class RefusedBody(Exception):
    """What stands for the exception of a function that converts bodies, see expose."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


running: dict[int, Running] = {}
"""What each thread runs now, by the identity of the thread: a request, or what knows which request
it is."""


class Request:
    """A request that has not been answered. A handler gets its own from current_request() and uses
    `id`, `cancelled` and wait(). Everything else is for the worker."""

    __slots__ = (
        "runner",
        "id",
        "enveloped",
        "method",
        "handler",
        "body",
        "is_cancelled",
        "was_told",
        "was_slow",
        "generator",
        "event",
    )

    def __init__(
        self,
        runner: Runner,
        request_id: int,
        enveloped: bool,
        method: str = "",
        handler: Handler | None = None,
        body: Any = None,
    ) -> None:
        self.runner = runner
        self.id = request_id
        self.enveloped = enveloped
        self.method = method
        self.handler = handler
        self.body = body
        self.is_cancelled = False
        self.was_told = False
        """Cancelled was raised in its generator, which happens once."""
        self.was_slow = False
        """A slow step was logged, which happens once."""
        self.generator: Generator[Any, None, Any] | None = None
        self.event: Event | None = None
        """Set when the request is cancelled, where its handler waits for that in a thread."""

    @property
    def cancelled(self) -> bool:
        """Whether the caller has cancelled this request or has gone away [CAN-5] [CAN-8].

        In the worker's own thread this reads the connections, since nothing else does so while a
        handler runs. It takes some microseconds.
        """
        return self.wait(0.0)

    def wait(self, seconds: float) -> bool:
        """Waits that long, or until the request is cancelled, and returns whether it was.

        In the worker's own thread cancellations and health calls are handled meanwhile, and all
        other requests wait. To wait without that, be a generator and yield the seconds,
        or be async.
        """
        if not self.is_cancelled:
            self.runner.wait(self, seconds)
        return self.is_cancelled

    def step(self, max_payload: int) -> bytes | float | None:
        """Runs the handler until it waits or ends; returns the seconds it waits, or its answer."""
        begun = monotonic()
        try:
            outcome = self._step(max_payload)
        except BaseException as error:  # SystemExit too: a request must not end the worker
            outcome = self.failed(error, max_payload)
        self.stepped(begun)
        return outcome

    def stepped(self, begun: float) -> None:
        """To be called after a step that began at that time."""
        if fork.in_child:
            end_child()
        seconds = monotonic() - begun
        if seconds > self.runner.slow and not self.was_slow:
            self.was_slow = True
            log.handler_slow(self.method, self.id, seconds)

    def failed(self, error: BaseException, max_payload: int) -> bytes:
        """Logs what the handler raised, and returns the answer for it [WRK-11]."""
        if fork.in_child:
            end_child(error)
        if isinstance(error, RefusedBody):
            reason = f"the body is refused: {describe(error.error)}"
            log.body_refused(self.method, self.id, reason)
            return self.error(reason, max_payload)
        if self.is_cancelled and isinstance(error, Cancelled):
            log.handler_cancelled(self.method, self.id)
        else:
            log.handler_failed(self.method, self.id, error)
        return write_exception(self.id, error, self.enveloped, max_payload)

    def _step(self, max_payload: int) -> bytes | float:
        if self.generator is None:
            if self.is_cancelled:
                return self.error("cancelled before it ran", max_payload)
            assert self.handler is not None
            result = self.handler(self.body)
            if type(result) is not GeneratorType:
                return write_result(self.id, result, self.enveloped, max_payload)
            self.begin(result)
        return self._go_on(max_payload)

    def begin(self, generator: Generator[Any, None, Any]) -> None:
        """Makes the generator what the next step runs."""
        self.generator = generator
        self.runner.generators.add(self)

    def _go_on(self, max_payload: int) -> bytes | float:
        assert self.generator is not None
        try:
            if self.is_cancelled and not self.was_told:
                self.was_told = True
                seconds = self.generator.throw(Cancelled("cancelled"))
            else:
                seconds = next(self.generator)
        except StopIteration as end:
            return write_result(self.id, end.value, self.enveloped, max_payload)
        if isinstance(seconds, (int, float)) and 0 <= seconds < float("inf"):
            return float(seconds)
        self.generator.close()
        shown = repr(seconds) if isinstance(seconds, (int, float)) else type(seconds).__name__
        raise TypeError(f"a handler yields the seconds it waits, not {shown:.80}")

    def error(self, reason: str, max_payload: int) -> bytes:
        """Returns an error answer to this request."""
        return write_error(self.id, reason, self.enveloped, max_payload)

    def current_request(self) -> Request:
        """Returns this request: in a thread of handlers, it is what the thread runs."""
        return self
