"""One request, and the running of its handler step by step."""

from __future__ import annotations

from types import GeneratorType

from .handlers import Cancelled
from .messages import write_error, write_exception, write_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from threading import Event
    from typing import Any

    from .connection import Connection
    from .handlers import Handler
    from .timers import Timer


class Request:
    """A request that is outstanding. A handler gets its own from current_request(), for its `id`,
    `cancelled` and wait(). All else is for the worker."""

    __slots__ = (
        "connection",
        "id",
        "enveloped",
        "size",
        "handler",
        "body",
        "held",
        "is_cancelled",
        "was_told",
        "generator",
        "timer",
        "event",
    )

    def __init__(
        self,
        connection: Connection,
        request_id: int,
        enveloped: bool,
        size: int,
        handler: Handler | None = None,
        body: Any = None,
    ) -> None:
        self.connection = connection
        self.id = request_id
        self.enveloped = enveloped
        self.size = size
        self.handler = handler
        self.body = body
        self.held = 0
        """Bytes it is counted with in what its connection holds."""
        self.is_cancelled = False
        self.was_told = False
        """Cancelled was raised in its generator, which happens once."""
        self.generator: Generator[Any, None, Any] | None = None
        self.timer: Timer | None = None
        self.event: Event | None = None
        """What its handler waits for in a thread."""

    @property
    def cancelled(self) -> bool:
        """Whether the caller has given this request up, or is gone [CAN-5] [CAN-8].

        In the worker's own thread, asking is also what lets a cancellation come in: it reads the
        connections, which takes some microseconds.
        """
        return self.wait(0.0)

    def wait(self, seconds: float) -> bool:
        """Waits, or less when the request is cancelled, and returns whether it was.

        In the worker's own thread cancellations and health calls are taken meanwhile, and all else
        is kept waiting. To wait there without that, be a generator and yield the seconds.
        """
        if not self.is_cancelled:
            self.connection.server.wait(self, seconds)
        return self.is_cancelled

    def step(self, max_payload: int) -> bytes | float:
        """Runs the handler until it waits or ends; returns the seconds it waits, or its answer."""
        try:
            if self.generator is None:
                if self.is_cancelled:
                    return self.error("cancelled before it ran", max_payload)
                assert self.handler is not None
                result = self.handler(self.body)
                if type(result) is not GeneratorType:
                    return write_result(self.id, result, self.enveloped, max_payload)
                self.begin(result)
            return self._go_on(max_payload)
        except BaseException as error:  # SystemExit too: a request must not end the worker
            return write_exception(self.id, error, self.enveloped, max_payload)

    def begin(self, generator: Generator[Any, None, Any]) -> None:
        """Makes the generator what the next step runs."""
        self.generator = generator
        self.connection.server.generators.add(self)

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
        raise TypeError(f"a handler yields the seconds it waits, not {seconds!r:.80}")

    def error(self, reason: str, max_payload: int) -> bytes:
        """Returns an error answer to this request."""
        return write_error(self.id, reason, self.enveloped, max_payload)

    def current_request(self) -> Request:
        """What handlers.current_request() returns in a thread that runs this request."""
        return self
