"""The worker's own thread: it reads all connections, runs handlers and sends their answers."""

from __future__ import annotations

import os
from _thread import get_ident
from collections import deque
from socket import MSG_DONTWAIT, SO_RCVTIMEO, SOL_SOCKET
from struct import Struct
from time import monotonic
from types import GeneratorType

from .connection import Connection
from .framing import ENHANCED, MAX_REQUEST_ID, encode_basic, encode_enhanced
from .handlers import running
from .messages import Malformed, read_message, write_error, write_exception, write_result
from .poller import IN, OUT, Poller
from .request import Request
from .timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

    from .handlers import Handler
    from .listener import Listener
    from .threads import HandlerThreads

_BLOCK = 1 << 16
_BIG_BLOCK = 1 << 18  # for the rest of a big frame

_SLICE = 0.002
"""Seconds of handlers after which the connections are looked at again."""

_STAY = Struct("ll").pack(0, 1000)
"""Seconds and microseconds for which the next request of a lone caller is waited for on its socket.
The system rounds them up to its ticks, which are 1 to 10 ms."""

_REQUEST_OVERHEAD = 512
"""Bytes that an outstanding request takes beside its payload, about."""

_LONGEST_POLL = 3600.0
"""Seconds, since the system refuses longer ones."""

_PROBE_INTERVAL = 1.0
"""Seconds between two looks for a caller that is gone, where the poller does not tell."""

_ACCEPT_PAUSE = 0.1
"""Seconds without accepting after that failed, as it does while no descriptor is free."""

_NO_FRAMES: Iterator[tuple[int, bytes]] = iter(())


class Server:
    """Serves the connections of one listener, all in the thread that made it."""

    def __init__(
        self, listener: Listener, handlers: dict[str, Handler], max_payload: int, threads: int
    ) -> None:
        self._listener = listener
        self._handlers = handlers
        self._max_payload = max_payload
        self._high_water = max(1 << 24, 4 * max_payload)
        """Bytes of requests and answers from which on their connection is not read."""
        self._thread = get_ident()
        self._poller = Poller()
        self._timers = Timers()
        self._connections: dict[int, Connection] = {}
        self._due: deque[Connection] = deque()
        """Connections with something in the inbox."""
        self._until = 0.0
        """When to stop running handlers and look at the connections again."""
        self._at_once = False
        """Whether a handler may run as soon as its request is read."""
        self._current: Request | tuple[Connection, int, int] | None = None
        """The request that runs in this thread, see current_request."""
        self._frames = _NO_FRAMES
        """What was read together with that request and comes after it."""
        self.generators: set[Request] = set()
        """Requests whose handlers are generators that have begun and not ended."""
        self._lone = False
        """Whether the last read brought one request at most: its caller waits for the answer."""
        self._stop_at: float | None = None
        self._stopping = False
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._threads: HandlerThreads | None = None
        if threads:
            from .threads import HandlerThreads

            self._threads = HandlerThreads(threads, max_payload, self._wake)

    def serve(self) -> None:
        """Serves until stop() was called, and then until all is answered or the time is over."""
        if self._threads is None:
            running[self._thread] = self
        self._poller.register(self._listener.socket.fileno(), IN)
        self._poller.register(self._woken, IN)
        poll = self._poller.poll
        while not (self._stopping and self._is_done()):
            timed = self._due or self._timers or self._stopping
            events = poll(self._timeout()) if timed else poll()
            self._until = monotonic() + _SLICE
            self._at_once = self._threads is None and not self._stopping
            self._handle(events)
            if self._timers:
                self._timers.call_due()
            if self._due:
                if self._threads is None:
                    self._run_due()
                else:
                    self._submit_due(self._threads)
            if self._lone and len(self._connections) == 1 and self._threads is None:
                self._stay()
        for connection in list(self._connections.values()):
            self._close(connection)
        running.pop(self._thread, None)

    def stop(self, seconds: float) -> None:
        """Makes serve() return when all is answered, or after that time. For any thread."""
        self._stop_at = monotonic() + seconds
        self._wake()

    def inflight(self) -> int:
        """Returns how many handlers have begun and not ended. For a handler's thread."""
        now = {runner.current_request() for runner in list(running.values())}
        return len(now.union(self.generators))

    def current_request(self) -> Request:
        """Returns the request that runs in the worker's own thread.

        Few handlers ask. So a request that runs at once is a tuple only, until its handler does.
        """
        current = self._current
        if current is None:
            raise RuntimeError("no handler runs in this thread")
        if isinstance(current, tuple):
            connection, request_id, size = current
            current = Request(connection, request_id, False, size)
            self._current = connection.outstanding[request_id] = current
        return current

    def wait(self, request: Request, seconds: float) -> None:
        """Lets a handler wait until its request is cancelled, or for that time. For its thread."""
        if get_ident() != self._thread:
            from .threads import wait_for_cancellation

            wait_for_cancellation(request, seconds)
            return
        until = monotonic() + seconds
        self._at_once = False  # no handler runs inside another
        self._take(request.connection, self._frames)
        self._flush(request.connection)
        while not request.is_cancelled:
            left = until - monotonic()
            self._handle(self._poller.poll(min(max(left, 0.0), _LONGEST_POLL)))
            if left <= 0:
                break

    # Events

    def _timeout(self) -> float | None:
        if self._due and (self._threads is None or self._threads.has_room()):
            return 0.0
        if self._timers:
            until = self._timers.next()
            if self._stop_at is not None:
                until = min(until, self._stop_at)
        elif self._stop_at is not None:
            until = self._stop_at
        else:
            return None
        return min(max(until - monotonic(), 0.0), _LONGEST_POLL)

    def _handle(self, events: list[tuple[int, int]]) -> None:
        for descriptor, event in events:
            connection = self._connections.get(descriptor)
            if connection is None:
                if descriptor == self._woken:
                    self._wake_up()
                elif not self._stopping:
                    self._accept()
                continue
            if event & OUT:
                self._flush(connection)
            if event != OUT:
                if connection.events & IN:
                    self._receive(connection, MSG_DONTWAIT)
                else:  # its caller hung up while it was not being read
                    self._close(connection)

    def _stay(self) -> None:
        """Serves the only connection while its caller sends one request after the other.

        To wait for one descriptor takes less than to wait for all, by a twelfth of a small call.
        What else comes meanwhile, a connection or a signal, waits for _SLICE and _STAY at most.
        Of many callers more requests gather while all descriptors are looked at, which is faster.
        """
        (connection,) = self._connections.values()
        while (
            self._lone
            and connection.events == IN
            and not (self._due or self._timers or self._stopping)
            and monotonic() < self._until
        ):
            self._receive(connection, 0)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.socket.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError:
                # The caller stays in the kernel's queue, and this must not spin on it.
                self._poller.modify(self._listener.socket.fileno(), 0)
                self._timers.set(_ACCEPT_PAUSE, self._accept_again, None)
                return
            sock.setblocking(True)  # reads and writes say themselves where they do not wait
            sock.setsockopt(SOL_SOCKET, SO_RCVTIMEO, _STAY)
            connection = Connection(self, sock, self._max_payload)
            connection.events = IN
            self._connections[sock.fileno()] = connection
            self._poller.register(sock.fileno(), IN)

    def _accept_again(self, _: None) -> None:
        if not self._stopping:
            self._poller.modify(self._listener.socket.fileno(), IN)

    def _wake(self) -> None:
        try:
            os.write(self._waker, b"\0")
        except BlockingIOError:
            pass  # there are wake-ups enough under way

    def _wake_up(self) -> None:
        try:
            os.read(self._woken, 4096)
        except BlockingIOError:
            pass
        if self._threads is not None:
            connections = set()
            for request, outcome in self._threads.take_outcomes():
                self._settle(request, outcome)
                connections.add(request.connection)
            for connection in connections:
                self._flush(connection)
        if self._stop_at is not None and not self._stopping:
            self._stopping = True
            self._poller.unregister(self._listener.socket.fileno())
            self._listener.close()

    def _is_done(self) -> bool:
        if self._stop_at is not None and monotonic() >= self._stop_at:
            return True
        if self._due or self.generators or (self._threads is not None and self._threads.pending):
            return False
        return not any(c.outstanding or c.answers_size for c in self._connections.values())

    # Reading

    def _receive(self, connection: Connection, flags: int) -> None:
        self._lone = False
        decoder = connection.decoder
        size = _BLOCK if decoder.missing < _BLOCK else _BIG_BLOCK
        try:
            data = connection.socket.recv(size, flags)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection)
            return
        if data:
            frames = decoder.feed(data)
            if frames:
                self._take(connection, iter(frames))
            self._lone = len(frames) < 2
        else:
            connection.ended = True
            decoder.end()
        if decoder.error is not None:
            connection.broken = True
        self._flush(connection)

    def _take(self, connection: Connection, frames: Iterator[tuple[int, bytes]]) -> None:
        """Reads the messages in frames, and runs or lines up the requests among them.

        Here a worker spends its time. So a plain request that may run at once does so here, with
        no call more than it needs. The rules are all in _take_message.
        """
        enhanced = connection.decoder.framing == ENHANCED
        connection.encode = encode = encode_enhanced if enhanced else encode_basic
        outstanding, answers = connection.outstanding, connection.answers
        max_payload = self._max_payload
        handlers = self._handlers
        # With requests in line, or once handlers took long, the rest is lined up too, and so read:
        # cancellations and health calls behind it do not wait for it.
        at_once = is_first = self._at_once and not connection.inbox
        if is_first:
            self._frames = frames
        for header_id, payload in frames:
            try:
                message = read_message(payload)
            except Malformed as error:
                self._refuse(connection, header_id, str(error), False)
                continue
            try:
                request_id = message["id"]
                handler = handlers[message["method"]]
                is_plain = (
                    at_once
                    and "payload" not in message
                    and type(request_id) is int
                    and (request_id == header_id if enhanced else 0 <= request_id <= MAX_REQUEST_ID)
                    and request_id not in answers
                    and request_id not in outstanding
                )
            except (TypeError, KeyError):  # unlike a request, or enveloped, or without a handler
                is_plain = False
            if not is_plain:
                self._take_message(connection, header_id, message, len(payload))
                if connection.broken:
                    for _ in frames:  # the rest is for nobody
                        pass
                continue
            self._current = (connection, request_id, len(payload))
            try:
                result = handler(message.get("body"))
            except BaseException as error:  # SystemExit too: a request must not end the worker
                answer = write_exception(request_id, error, False, max_payload)
            else:
                if type(result) is GeneratorType:
                    self._begin(result)
                    at_once = self._at_once
                    continue
                answer = write_result(request_id, result, False, max_payload)
            frame = encode(request_id, answer)
            answers[request_id] = frame
            connection.answers_size += len(frame)
            if outstanding:  # the handler asked for its Request
                outstanding.pop(request_id, None)
            if monotonic() > self._until:
                at_once = self._at_once = False
        if is_first:
            self._frames = _NO_FRAMES
            self._current = None

    def _take_message(
        self, connection: Connection, header_id: int, message: Any, size: int
    ) -> None:
        """Does with one message what the protocol says."""
        kind, enveloped = "request", False
        if type(message) is dict and "payload" in message and type(message.get("type")) is str:
            kind, enveloped = message["type"], True  # [MSG-3]
            message = message["payload"]
        request_id = message.get("id") if type(message) is dict else None
        # A bool is an int to Python; 1.0 and 1e0 are not [MSG-10].
        if type(request_id) is not int or not 0 <= request_id <= MAX_REQUEST_ID:
            request_id = None
        elif request_id != header_id and connection.decoder.framing == ENHANCED:
            connection.broken = True  # [MSG-13]
            return
        answer_id = header_id if request_id is None else request_id
        if kind == "cancellation":
            request = connection.outstanding.get(answer_id)
            if request is not None and request_id is not None:  # [CAN-6] [CAN-7]
                self._cancel(request)
        elif kind == "response":
            pass  # it is for nobody
        elif kind != "request":
            reason = f"unknown envelope type {kind!r:.80}"  # [MSG-12]
            self._refuse(connection, answer_id, reason, enveloped)
        elif request_id is None:
            self._refuse(connection, answer_id, "no object with a readable id", enveloped)
        else:
            self._take_request(connection, request_id, message, enveloped, size)

    def _take_request(
        self,
        connection: Connection,
        request_id: int,
        message: dict[str, Any],
        enveloped: bool,
        size: int,
    ) -> None:
        method = message.get("method")
        if type(method) is not str:
            self._refuse(connection, request_id, "the method is no string", enveloped)
            return
        if connection.is_outstanding(request_id):
            connection.broken = True  # [MSG-14]
            return
        handler = self._handlers.get(method)
        if method == "health":  # ahead of all handlers [WRK-20]
            health = {"status": "healthy", "pid": os.getpid()}
            answer = write_result(request_id, health, enveloped, self._max_payload)
        elif handler is None:
            reason = f"unknown method {method!r:.80}"  # [WRK-10]
            answer = write_error(request_id, reason, enveloped, self._max_payload)
        elif self._stopping:
            reason = "the worker is stopping"
            answer = write_error(request_id, reason, enveloped, self._max_payload)
        else:
            body = message.get("body")  # [MSG-6]
            request = Request(connection, request_id, enveloped, size, handler, body)
            connection.outstanding[request_id] = request
            self._hold(request)
            self._line_up(request)
            return
        connection.add_answer(request_id, answer)

    def _refuse(self, connection: Connection, answer_id: int, reason: str, enveloped: bool) -> None:
        """Answers what is no request [MSG-11]."""
        answer = write_error(answer_id, reason, enveloped, self._max_payload)
        connection.add_refusal(answer_id, answer)

    # Running

    def _line_up(self, request: Request) -> None:
        """Has the next step of a request run in its turn."""
        request.connection.inbox.append(request)
        self._make_due(request.connection)

    def _make_due(self, connection: Connection) -> None:
        if not connection.is_due:
            connection.is_due = True
            self._due.append(connection)

    def _run_due(self) -> None:
        """Runs the steps that are due, until the slice of time is over."""
        late = False
        while self._due and not late:
            connection = self._due.popleft()
            connection.is_due = False
            inbox = connection.inbox
            while inbox and not late:
                request = self._current = inbox.popleft()
                self._settle(request, request.step(self._max_payload))
                late = monotonic() > self._until
            self._current = None
            self._flush(connection)

    def _submit_due(self, threads: HandlerThreads) -> None:
        """Gives the threads what they have room for, from all connections by turns."""
        while self._due and threads.has_room():
            connection = self._due.popleft()
            connection.is_due = False
            if connection.inbox and connection.answers_size <= self._high_water:
                threads.submit(connection.inbox.popleft())
                self._make_due(connection)

    def _begin(self, generator: Generator[Any, None, Any]) -> None:
        """Runs the first step of the generator that the current request's handler returned."""
        request = self.current_request()
        request.begin(generator)
        self._settle(request, request.step(self._max_payload))
        if monotonic() > self._until:
            self._at_once = False

    def _settle(self, request: Request, outcome: bytes | float) -> None:
        """Goes on after a step: takes the answer, or sets the time of the next step."""
        connection = request.connection
        if isinstance(outcome, bytes):
            self.generators.discard(request)
            connection.held -= request.held
            connection.add_answer(request.id, outcome)
            return
        self._hold(request)
        if request.is_cancelled and not request.was_told:
            self._line_up(request)
        else:
            request.timer = self._timers.set(outcome, self._end_wait, request)

    def _end_wait(self, request: Request) -> None:
        request.timer = None
        self._line_up(request)

    def _hold(self, request: Request) -> None:
        """Counts a request that stays with what its connection holds."""
        if not request.held:
            request.held = request.size + _REQUEST_OVERHEAD
            request.connection.held += request.held

    def _cancel(self, request: Request) -> None:
        if request.is_cancelled:
            return
        request.is_cancelled = True
        if request.event is not None:
            request.event.set()
        if request.timer is not None:
            self._timers.drop(request.timer)
            self._end_wait(request)

    # Sending and closing

    def _flush(self, connection: Connection) -> None:
        """Sends the answers there are, and sees to it that the rest goes on."""
        if connection.closed:
            connection.drop_answers()
        else:
            try:
                connection.send()
            except OSError:
                self._close(connection)
            else:
                self._update(connection)
        if connection.inbox and connection.answers_size <= self._high_water:
            self._make_due(connection)

    def _update(self, connection: Connection) -> None:
        """Closes a connection that is done with; of others waits for the right events."""
        stuck = connection.unsent is not None
        events = OUT if stuck else 0
        if connection.broken:  # [WRK-15]
            if stuck or not connection.inbox:
                self._close(connection)
                return
        elif connection.ended:  # [WRK-22]
            if not stuck and not connection.outstanding:
                self._close(connection)
                return
            if connection.events & IN and not self._poller.tells_hang_up:
                self._probe(connection)
                if connection.closed:
                    return
        else:
            # Whoever does not read its answers, or sends faster than handlers run, is not read.
            load = connection.held + connection.answers_size
            if load < (self._high_water if connection.events & IN else self._high_water // 2):
                events |= IN
        if events != connection.events:
            connection.events = events
            self._poller.modify(connection.socket.fileno(), events)

    def _probe(self, connection: Connection) -> None:
        """Closes an ended connection when its caller is gone, and not merely done with sending."""
        if connection.closed:
            return
        try:
            connection.socket.send(b"", MSG_DONTWAIT)
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)
            return
        self._timers.set(_PROBE_INTERVAL, self._probe, connection)

    def _close(self, connection: Connection) -> None:
        """Closes a connection and cancels its requests [CAN-8]."""
        if connection.closed:
            return
        connection.closed = True
        connection.events = 0
        descriptor = connection.socket.fileno()
        self._poller.unregister(descriptor)
        del self._connections[descriptor]
        connection.socket.close()
        connection.drop_answers()
        for request in connection.outstanding.values():
            if request is not None:
                self._cancel(request)
        connection.outstanding.clear()
        if connection.inbox:
            self._make_due(connection)  # so that its generators end
