"""The worker's own thread as what runs handlers, at once or in their turn."""

from __future__ import annotations

import os
from _thread import get_ident
from time import monotonic, sleep
from types import GeneratorType

from . import log, rules
from .codec import codec
from .connection import AsyncRequest, OutstandingRequest
from .depth import LIMIT, is_text_too_deep
from .fork import end_child, fork
from .framing import ENHANCED, MAX_REQUEST_ID, encode_basic, encode_enhanced
from .messages import Malformed, read_message, write_error, write_result
from .request import Request, running
from .turns import SLICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any, Callable

    from .connection import Connection
    from .event_loop import EventLoop
    from .poller import Poller
    from .request import Handler
    from .turns import Turns

_BATCH = 1 << 18
"""Bytes of answers on a connection after which some are sent before more are made."""

_NO_FRAMES: Iterator[tuple[int, bytes]] = iter(())


class InlineRunner:
    """Takes the messages that were read, and runs handlers in the thread that made this.

    It is the request.Runner of every request: where there are threads of handlers, at_once stays
    False, and it lines the requests up for them.
    """

    def __init__(
        self,
        handlers: dict[str, Handler],
        async_handlers: dict[str, Handler],
        max_payload: int,
        slow: float,
        turns: Turns,
        poller: Poller,
        flush: Callable[[Connection], None],
        look: Callable[[float], None],
    ) -> None:
        """flush(connection) is called after handlers have run, to send their answers. look(seconds)
        waits that long for something to happen and handles it, for handlers that wait. poller is
        what look and the server wait by."""
        self._handlers = handlers
        self._async_handlers = async_handlers
        self._max_payload = max_payload
        self.slow = slow
        self._turns = turns
        self._flush = flush
        self._look = look
        self._poller = poller
        self._thread = get_ident()
        self.generators = turns.generators
        self.loop: EventLoop | None = None
        """What runs async handlers, once there was one to run."""
        self.until = 0.0
        """When to stop running handlers and look at the connections again: a SLICE after the last
        look. In a forked child it has always passed."""
        self.at_once = False
        """Whether a handler may run as soon as its request is read."""
        self.stopping = False
        """Whether new requests are refused."""
        self._current: OutstandingRequest | tuple[Connection, int, int] | None = None
        """The request that runs in this thread, see current_request."""
        self._frames = _NO_FRAMES
        """The frames that were read together with that request and come after it."""

    def take(self, connection: Connection, frames: Iterator[tuple[int, bytes]]) -> None:
        """Reads the messages in frames, and runs or lines up the requests among them.

        Here a worker spends its time. So a plain request that may run at once does so here, with
        no more calls than it needs. All others go through rules.py.
        """
        enhanced = connection.decoder.framing == ENHANCED
        connection.encode = encode = encode_enhanced if enhanced else encode_basic
        outstanding, answers = connection.outstanding, connection.answers
        max_payload = self._max_payload
        handlers = self._handlers
        read_request, write_answer = codec.read_request, codec.write_answer
        # When requests are in line, or handlers took long, the rest is lined up too. So it is read
        # at once, and the cancellations and health calls in it do not wait for handlers.
        at_once = is_first = self.at_once and not connection.inbox
        if is_first:
            self._frames = frames
        for header_id, payload in frames:
            request: Any = None
            try:
                if len(payload) <= LIMIT or not is_text_too_deep(payload):
                    request = read_request(payload)
                request_id = request.id
                handler = handlers[request.method]
                runs = (
                    at_once
                    and (request_id == header_id if enhanced else 0 <= request_id <= MAX_REQUEST_ID)
                    and request_id not in answers
                    and request_id not in outstanding
                )
            except Exception:  # not a plain request, or without a handler
                runs = False
            if not runs:
                self._take_other(connection, header_id, payload, request)
                if connection.broken:
                    for _ in frames:  # drop the rest
                        pass
                continue
            self._current = (connection, request_id, len(payload))
            try:
                result = handler(request.body)
            except BaseException as error:  # SystemExit too: a request must not end the worker
                answer = self._failed(error, request.method)
            else:
                if type(result) is GeneratorType:
                    self._begin(result, request.method)
                    at_once = self.at_once
                    continue
                try:
                    answer = write_answer(request_id, result)
                    fits = len(answer) <= max_payload
                except BaseException:
                    fits = False
                if not fits:  # write_result says why
                    answer = write_result(request_id, result, False, max_payload)
            frame = encode(request_id, answer)
            answers[request_id] = frame
            size = connection.answers_size = connection.answers_size + len(frame)
            if size > _BATCH:
                at_once = False
            if outstanding:  # the handler asked for its Request
                outstanding.pop(request_id, None)
            if monotonic() > self.until:
                at_once = self.at_once = False
                self._took_long(request.method, request_id)
        if is_first:
            self._frames = _NO_FRAMES
            self._current = None

    def _failed(self, error: BaseException, method: str) -> bytes:
        """Returns the answer for what the handler of the current request raised."""
        request = self.current_request()
        request.method = method
        return request.failed(error, self._max_payload)

    def _took_long(self, method: str, request_id: int) -> None:
        """To be called when the slice of time is over after a handler has run."""
        if fork.in_child:
            end_child()
        seconds = monotonic() - (self.until - SLICE)  # the handlers before it took less than SLICE
        if seconds > self.slow:
            log.handler_slow(method, request_id, seconds)

    def abandon(self) -> None:
        """Makes a forked child end when it leaves its handler, by way of _took_long."""
        self.until = float("-inf")

    def _take_other(
        self, connection: Connection, header_id: int, payload: bytes, message: Any
    ) -> None:
        """Does what a message asks for. Its value is given where it is known."""
        size = len(payload)
        if message is None:
            try:
                message = read_message(payload)
            except Malformed as error:
                self._refuse(connection, header_id, str(error), False)
                return
        elif hasattr(message, "method"):  # a plain request, which must wait for its turn
            message = {"id": message.id, "method": message.method, "body": message.body}
        demand = rules.demand_of(message, header_id, connection.decoder.framing == ENHANCED)
        if demand.kind == rules.REQUEST:
            self._take_request(connection, demand, size)
        elif demand.kind == rules.CANCELLATION:
            request = connection.outstanding.get(demand.id)
            if request is not None:  # [CAN-6] [CAN-7]
                self._turns.cancel(request)
        elif demand.kind == rules.REFUSAL:
            self._refuse(connection, demand.id, demand.reason, demand.enveloped)
        elif demand.kind == rules.VIOLATION:
            connection.broken = demand.reason

    def _take_request(self, connection: Connection, demand: rules.Demand, size: int) -> None:
        request_id, enveloped = demand.id, demand.enveloped
        if connection.is_outstanding(request_id):
            connection.broken = f"the ID {request_id} is outstanding already"  # [MSG-14]
            return
        handler, kind = self._handlers.get(demand.method), OutstandingRequest
        if handler is None:
            handler, kind = self._async_handlers.get(demand.method), AsyncRequest
        if demand.method == "health":  # ahead of all handlers [WRK-20]
            health = {"status": "healthy", "pid": os.getpid()}
            answer = write_result(request_id, health, enveloped, self._max_payload)
        elif handler is None or self.stopping:
            reason = "the worker is stopping"
            if handler is None:
                reason = f"unknown method {demand.method!r:.80}"  # [WRK-10]
            ordinary = handler is not None
            log.request_refused(connection.socket.fileno(), request_id, reason, ordinary)
            answer = write_error(request_id, reason, enveloped, self._max_payload)
        else:
            self._turns.add(
                kind(
                    self,
                    connection,
                    request_id,
                    enveloped,
                    size,
                    demand.method,
                    handler,
                    demand.body,
                )
            )
            return
        connection.add_answer(request_id, answer)

    def _refuse(self, connection: Connection, answer_id: int, reason: str, enveloped: bool) -> None:
        """Answers what is not a request [MSG-11]."""
        log.request_refused(connection.socket.fileno(), answer_id, reason)
        answer = write_error(answer_id, reason, enveloped, self._max_payload)
        connection.add_refusal(answer_id, answer)

    def _begin(self, generator: Generator[Any, None, Any], method: str) -> None:
        """Runs the first step of the generator that the current request's handler returned."""
        request = self.current_request()
        request.method = method
        request.begin(generator)
        self._turns.settle(request, request.step(self._max_payload))
        if monotonic() > self.until:
            self.at_once = False

    def run_due(self) -> None:
        """Runs the steps that are due, until the slice of time is over."""
        late = False
        while self._turns.due and not late:
            connection = self._turns.next()
            inbox = connection.inbox
            while inbox and not late:
                request = self._current = inbox.popleft()
                outcome = request.step(self._max_payload)
                self._turns.settle(request, outcome)
                late = monotonic() > self.until
                # Of what size the answer of an async handler is, is not known yet.
                if outcome is None or connection.answers_size > _BATCH:
                    break
            self._current = None
            self._flush(connection)

    def current_request(self) -> OutstandingRequest:
        """Returns the request that runs in the worker's own thread.

        Few handlers ask. So a request that runs at once is only a tuple until its handler does.
        """
        current = self._current
        if current is None:
            raise RuntimeError("no handler runs in this thread")
        if isinstance(current, tuple):
            connection, request_id, size = current
            current = OutstandingRequest(self, connection, request_id, False, size)
            self._current = connection.outstanding[request_id] = current
        return current

    def begin(self, request: AsyncRequest) -> None:
        """Runs the async handler of a request. Its first step comes when those of plain handlers
        have had their slice of time, or earlier where many wait for that."""
        loop = self.event_loop()
        loop.begin(request)
        if not loop.has_room():
            self.until = float("-inf")

    def event_loop(self) -> EventLoop:
        """Returns what runs async handlers. The first call imports asyncio."""
        if self.loop is None:
            from .event_loop import EventLoop

            self.loop = EventLoop(self._max_payload, self._turns, self._poller, self._flush)
        return self.loop

    def inflight(self) -> int:
        """Returns how many handlers have begun and not ended."""
        now = {work for work in list(running.values()) if isinstance(work, Request)}
        if isinstance(self._current, Request):  # who asks from this thread has made it one
            now.add(self._current)
        return len(now.union(self.generators))

    def wait(self, request: Request, seconds: float) -> None:
        """Returns when the request is cancelled, or after that time. For its handler's thread."""
        if get_ident() != self._thread:
            from .threads import wait_for_cancellation

            wait_for_cancellation(request, seconds)
            return
        if fork.in_child:  # the connections are not the child's
            sleep(seconds)
            return
        until = monotonic() + seconds
        self.at_once = False  # no handler runs inside another
        if self._current is not None:  # else the handler is async, and nothing was read with it
            connection = self.current_request().connection
            self.take(connection, self._frames)
            self._flush(connection)
        if self.loop is not None:
            self.loop.pause()
        while not request.is_cancelled:
            left = until - monotonic()
            self._look(left)
            if left <= 0:
                break
