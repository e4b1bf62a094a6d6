"""Whose turn it is: requests that are due for a step, and those that wait for a time."""

from __future__ import annotations

from collections import deque

from .timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .connection import Connection, OutstandingRequest
    from .request import Request

SLICE = 0.002
"""Seconds of handlers after which the connections are looked at again."""


class Turns:
    """Connections take turns, and the requests of each are in line. For the worker's own thread."""

    def __init__(self) -> None:
        self.due: deque[Connection] = deque()
        """Connections with something in the inbox, in the order of their turns."""
        self.timers = Timers()
        self.generators: set[Request] = set()
        """Requests whose handlers are generators or async, and have begun and not ended."""

    def add(self, request: OutstandingRequest) -> None:
        """Takes a new request, which is outstanding from now on."""
        request.connection.outstanding[request.id] = request
        self._hold(request)
        self._line_up(request)

    def make_due(self, connection: Connection) -> None:
        """Gives a connection a turn, unless it waits for one already."""
        if not connection.is_due:
            connection.is_due = True
            self.due.append(connection)

    def next(self) -> Connection:
        """Returns the connection whose turn it is. There must be one."""
        connection = self.due.popleft()
        connection.is_due = False
        return connection

    def settle(self, request: OutstandingRequest, outcome: bytes | float | None) -> None:
        """Continues after a step: takes the answer, or sets the time of the next step, unless the
        request has none, being async."""
        connection = request.connection
        if isinstance(outcome, bytes):
            self.generators.discard(request)
            connection.held -= request.held
            connection.add_answer(request.id, outcome)
            return
        if outcome is None:
            return
        self._hold(request)
        if request.is_cancelled and not request.was_told:
            self._line_up(request)
        else:
            request.timer = self.timers.set(outcome, self._end_wait, request)

    def cancel(self, request: OutstandingRequest) -> None:
        """Lets the handler of a request know that it is cancelled [CAN-5]."""
        if request.is_cancelled:
            return
        request.is_cancelled = True
        if request.event is not None:
            request.event.set()
        if request.timer is not None:
            self.timers.drop(request.timer)
            self._end_wait(request)
        if request.task is not None:
            request.task.cancel()

    def cancel_all(self, connection: Connection) -> None:
        """Cancels the requests of a connection that is closed [CAN-8]."""
        for request in connection.outstanding.values():
            if request is not None:
                self.cancel(request)
        connection.outstanding.clear()
        if connection.inbox:
            self.make_due(connection)  # so that its generators end

    def _line_up(self, request: OutstandingRequest) -> None:
        request.connection.inbox.append(request)
        self.make_due(request.connection)

    def _end_wait(self, request: OutstandingRequest) -> None:
        request.timer = None
        self._line_up(request)

    def _hold(self, request: OutstandingRequest) -> None:
        """Counts a request in what its connection holds."""
        if not request.held:
            request.held = request.size + request.overhead
            request.connection.held += request.held
