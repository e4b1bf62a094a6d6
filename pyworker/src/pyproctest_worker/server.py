"""The worker's own thread: it accepts and reads all connections, and sends their answers.

From here a reader goes to inline.py, which takes the messages that were read and runs handlers.
"""

from __future__ import annotations

from _thread import get_ident
from socket import MSG_DONTWAIT
from time import monotonic

from . import log
from .connection import Connection
from .inline import InlineRunner
from .memory import Memory
from .poller import HANG_UP, IN, OUT, Poller
from .request import running
from .turns import SLICE, Turns
from .waker import Waker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

    from .event_loop import EventLoop
    from .listener import Listener
    from .request import Handler
    from .threads import HandlerThreads

_BLOCK = 1 << 16
_BIG_BLOCK = 1 << 18  # for the rest of a big frame

_LONGEST_POLL = 3600.0
"""Seconds, since the system refuses longer ones."""

_PROBE_INTERVAL = 1.0
"""Seconds between two checks whether a caller has gone away, where the poller does not say so."""

_ACCEPT_PAUSE = 0.1
"""Seconds without accepting after accepting failed, as it does while no descriptor is free."""


class Server:
    """Serves the connections of one listener, all in the thread that made it."""

    def __init__(
        self,
        listener: Listener,
        handlers: dict[str, Handler],
        max_payload: int,
        threads: int,
        slow: float = 5.0,
        max_memory: int = 1 << 28,
        async_handlers: dict[str, Handler] | None = None,
    ) -> None:
        self._listener = listener
        self._max_payload = max_payload
        self._memory = Memory(max_memory, max(1 << 24, 4 * max_payload))
        self._poller = Poller()
        self._connections: dict[int, Connection] = {}
        self._turns = Turns()
        self._due = self._turns.due
        self._timers = self._turns.timers
        self._runner = InlineRunner(
            handlers,
            {} if async_handlers is None else async_handlers,
            max_payload,
            slow,
            self._turns,
            self._poller,
            self._flush,
            self._look,
        )
        self._lone = False
        """Whether the last read brought one request at most: its caller waits for the answer."""
        self._staying: socket | None = None
        """The socket that _stay reads from, and no other."""
        self._is_accepting = True
        self._stop_at: float | None = None
        self._stopping = False
        self._waker = Waker()
        self._threads: HandlerThreads | None = None
        if threads:
            from .threads import HandlerThreads

            self._threads = HandlerThreads(threads, max_payload, self._turns, self._waker.wake)

    def serve(self) -> None:
        """Serves until stop() was called, and then until everything is answered or the time is
        over."""
        runner = self._runner
        if self._threads is None:
            running[get_ident()] = runner
        self._poller.register(self._listener.socket.fileno(), IN)
        self._poller.register(self._waker.fileno(), IN)
        poll = self._poller.poll
        while not (self._stopping and self._is_done()):
            timed = self._due or self._timers or self._stopping
            events = poll(self._timeout()) if timed else poll()
            runner.until = monotonic() + SLICE
            runner.at_once = self._threads is None and not self._stopping
            self._handle(events)
            if self._timers:
                self._timers.call_due()
            if self._due:
                if self._threads is None:
                    runner.run_due()
                else:
                    for connection in self._threads.submit_due(self._memory.limit, runner.loop):
                        self._flush(connection)
            if self._lone and len(self._connections) == 1 and self._threads is None:
                self._stay()
        for connection in list(self._connections.values()):
            self._close(connection, "the worker ends")
        if runner.loop is not None:
            runner.loop.close((self._stop_at or 0.0) - monotonic())
        running.pop(get_ident(), None)

    def event_loop(self) -> EventLoop:
        """Returns what runs async handlers. Without this it is made for the first of them."""
        return self._runner.event_loop()

    def stop(self, seconds: float) -> None:
        """Makes serve() return when everything is answered, or after that time. For any thread."""
        self._stop_at = monotonic() + seconds
        self._waker.wake()
        self.interrupt()

    def interrupt(self) -> None:
        """Ends the wait for a lone caller, after a signal. For any thread.

        Python starts a read again that a signal has interrupted, and with it the timeout of the
        read. So while signals keep coming, the read would last until the caller sends.
        """
        sock = self._staying
        if sock is not None:
            try:
                sock.setblocking(False)
            except OSError:
                pass  # it was closed meanwhile

    def abandon(self) -> None:
        """Closes everything in a forked child. Nothing is unregistered: the poller is shared."""
        self._runner.abandon()
        self._poller.close()
        self._waker.close()
        self._listener.socket.close()
        for connection in self._connections.values():
            connection.socket.close()

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

    def _look(self, seconds: float) -> None:
        """Waits for that time at most, and handles what happens."""
        self._handle(self._poller.poll(min(max(seconds, 0.0), _LONGEST_POLL)))

    def _handle(self, events: list[tuple[int, int]]) -> None:
        for descriptor, event in events:
            connection = self._connections.get(descriptor)
            if connection is None:
                if descriptor == self._waker.fileno():
                    self._wake_up()
                elif self._runner.loop is not None and descriptor == self._runner.loop.fileno():
                    self._runner.loop.ready()
                elif not self._stopping:
                    self._accept()
                continue
            if event & OUT:
                self._flush(connection)
            if event != OUT:
                if connection.events & IN:
                    self._receive(connection, MSG_DONTWAIT)
                elif event & HANG_UP:
                    self._close(connection, "its caller hung up while it was not read")
                # Else what was handled before has just decided not to read it.

    def _stay(self) -> None:
        """Serves the only connection while its caller sends one request after the other.

        Waiting for one descriptor takes less time than waiting for all, by a twelfth of a small
        call. Anything else that comes meanwhile, a connection or a signal, waits for SLICE and the
        timeout of a read at most. With many callers it is faster to look at all descriptors, since
        more requests gather meanwhile.
        """
        (connection,) = self._connections.values()
        if connection.socket.gettimeout() is not None:  # see interrupt
            connection.socket.setblocking(True)
        self._staying = connection.socket
        while (
            self._lone
            and connection.events == IN
            and not (self._due or self._timers or self._stopping)
            and monotonic() < self._runner.until
        ):
            self._receive(connection, 0)
        self._staying = None

    def _accept(self) -> None:
        try:
            for sock in self._listener.accept():
                connection = Connection(sock, self._max_payload)
                connection.events = IN
                self._poller.register(sock.fileno(), IN)
                self._connections[sock.fileno()] = connection
            self._is_accepting = True
        except OSError as error:
            if self._is_accepting:  # else it was logged
                log.not_accepting(error)
            self._is_accepting = False
            # The callers stay in the kernel's queue, and this must not spin on them.
            self._poller.modify(self._listener.socket.fileno(), 0)
            self._timers.set(_ACCEPT_PAUSE, self._accept_again, None)

    def _accept_again(self, _: None) -> None:
        if not self._stopping:
            self._poller.modify(self._listener.socket.fileno(), IN)

    def _wake_up(self) -> None:
        self._waker.clear()
        if self._threads is not None:
            for connection in self._threads.settle():
                self._flush(connection)
        if self._stop_at is not None and not self._stopping:
            self._stopping = self._runner.stopping = True
            self._poller.unregister(self._listener.socket.fileno())
            self._listener.close()

    def _is_done(self) -> bool:
        if self._stop_at is not None and monotonic() >= self._stop_at:
            return True
        if (
            self._due
            or self._turns.generators
            or (self._threads is not None and self._threads.pending)
        ):
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
        except OSError as error:
            self._close(connection, f"reading failed: {error.strerror}")
            return
        if data:
            frames = decoder.feed(data)
            if frames:
                self._runner.take(connection, iter(frames))
            self._lone = len(frames) < 2
        else:
            connection.ended = True
            decoder.end()
        if decoder.error is not None:
            connection.broken = f"framing error: {decoder.error}"
        self._flush(connection)

    # Sending and closing

    def _flush(self, connection: Connection) -> None:
        """Sends the answers there are, and waits for the events that the connection needs now."""
        if connection.closed:
            connection.drop_answers()
        else:
            try:
                connection.send()
            except OSError as error:
                self._close(connection, f"sending failed: {error.strerror}")
            else:
                load = connection.held + connection.answers_size
                if connection.decoder.missing:
                    load += connection.decoder.kept()
                is_quiet = not (load or connection.load) and connection.events == IN
                if not is_quiet or connection.ended or connection.broken:
                    if load != connection.load:
                        self._count(connection, load)
                    events = connection.wanted_events(self._memory.limit)
                    if events != connection.events:
                        self._update(connection, events)
        if connection.inbox and connection.answers_size <= self._memory.limit:
            self._turns.make_due(connection)

    def _count(self, connection: Connection, load: int) -> None:
        if self._memory.count(connection, load, len(self._connections)):
            self._timers.set(0.0, self._read_on, None)

    def _read_on(self, _: None) -> None:
        """Looks at all connections again, once they may hold more."""
        for connection in list(self._connections.values()):
            if connection.load:
                self._flush(connection)

    def _update(self, connection: Connection, events: int | None) -> None:
        if events is None:
            reason = connection.broken or "its caller ended it"
            self._close(connection, reason, ordinary=not connection.broken)
            return
        if connection.ended and connection.events & IN and not self._poller.tells_hang_up:
            self._probe(connection)
            if connection.closed:
                return
        connection.events = events
        self._poller.modify(connection.socket.fileno(), events)

    def _probe(self, connection: Connection) -> None:
        """Closes an ended connection when its caller has gone away."""
        if connection.closed:
            return
        if connection.has_gone():
            self._close(connection, "its caller hung up")
        else:
            self._timers.set(_PROBE_INTERVAL, self._probe, connection)

    def _close(self, connection: Connection, reason: str, ordinary: bool = True) -> None:
        """Closes a connection and cancels its requests."""
        if connection.closed:
            return
        connection.closed = True
        connection.events = 0
        descriptor = connection.socket.fileno()
        log.connection_closed(descriptor, reason, len(connection.outstanding), ordinary)
        self._poller.unregister(descriptor)
        del self._connections[descriptor]
        connection.socket.close()
        connection.drop_answers()
        self._count(connection, 0)
        self._turns.cancel_all(connection)
