"""One accepted connection: the requests on it, and the answers that leave it."""

from __future__ import annotations

from collections import deque
from socket import MSG_DONTWAIT

from .framing import Decoder, encode_basic
from .poller import IN, OUT
from .request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from asyncio import Task
    from typing import Any, Callable

    from .request import Handler, Runner
    from .timers import Timer


class OutstandingRequest(Request):
    """A request together with the connection that it came on and that its answer leaves by."""

    __slots__ = ("connection", "size", "held", "timer", "task")

    overhead = 512
    """Bytes that it takes in addition to its payload, about."""

    def __init__(
        self,
        runner: Runner,
        connection: Connection,
        request_id: int,
        enveloped: bool,
        size: int,
        method: str = "",
        handler: Handler | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(runner, request_id, enveloped, method, handler, body)
        self.connection = connection
        self.size = size
        """Bytes in its payload."""
        self.held = 0
        """Bytes it is counted with in what its connection holds."""
        self.timer: Timer | None = None
        """What ends the wait of its generator."""
        self.task: Task[None] | None = None
        """What runs its async handler."""


class AsyncRequest(OutstandingRequest):
    """A request whose handler is async. Its one step makes it a task of the event loop."""

    __slots__ = ()

    overhead = 4096

    def step(self, max_payload: int) -> bytes | None:
        """Begins, and returns None; or an answer if it cannot."""
        if self.is_cancelled:
            return self.error("cancelled before it ran", max_payload)
        try:
            self.runner.begin(self)
        except Exception as error:  # no descriptor is free for an event loop, for example
            return self.failed(error, max_payload)
        return None


class Connection:
    """What a server knows of one connection. The server decides, this keeps and sends."""

    __slots__ = (
        "socket",
        "decoder",
        "encode",
        "inbox",
        "outstanding",
        "held",
        "load",
        "answers",
        "answers_size",
        "unsent",
        "unsent_starts",
        "events",
        "ended",
        "broken",
        "closed",
        "is_due",
    )

    def __init__(self, sock: socket.socket, max_payload: int) -> None:
        self.socket = sock
        self.decoder = Decoder(None, max_payload)
        self.encode: Callable[[int, bytes], bytes] = encode_basic
        """Makes frames in the framing of the connection, once that is known [STR-7]."""
        self.inbox: deque[OutstandingRequest] = deque()
        """Requests whose handlers are due for a step."""
        self.outstanding: dict[int, OutstandingRequest | None] = {}
        """Requests by ID that wait or run, except one that runs and did not ask for its Request.
        None stands for one whose answer is in unsent and has not begun to leave."""
        self.held = 0
        """Bytes, about, of the requests that wait or run."""
        self.load = 0
        """Bytes, about, that it held when the server looked last."""
        self.answers: dict[int, bytes] = {}
        """Frames that are sent together, by the IDs of their requests, which are outstanding too
        [MSG-14]. Answers to what is not a request have negative keys."""
        self.answers_size = 0
        """Bytes in answers and in unsent."""
        self.unsent: memoryview | None = None
        """The rest of a send of which the kernel took only a part."""
        self.unsent_starts: deque[tuple[int, int]] = deque()
        """For each answer in unsent that has not begun to leave: how many bytes of unsent are left
        when it does, and its request ID."""
        self.events = 0
        """The events that the server waits for."""
        self.ended = False
        """The caller has closed its sending half [WRK-22]."""
        self.broken = ""
        """The framing error or violation for which it is to be closed [WRK-15]."""
        self.closed = False
        self.is_due = False
        """Whether it is in the queue of connections with something in the inbox."""

    def add_answer(self, request_id: int, payload: bytes) -> None:
        """Takes the answer to a request, for the next send."""
        self.outstanding.pop(request_id, None)
        self._add(request_id, self.encode(request_id, payload))

    def add_refusal(self, answer_id: int, payload: bytes) -> None:
        """Takes an answer to what is not a request, under an ID that may be another request's."""
        self._add(-1 - len(self.answers), self.encode(answer_id, payload))

    def _add(self, key: int, frame: bytes) -> None:
        self.answers[key] = frame
        self.answers_size += len(frame)

    def is_outstanding(self, request_id: int) -> bool:
        """Whether an answer under this ID could be taken for another request's [MSG-14]."""
        return request_id in self.outstanding or request_id in self.answers

    def wanted_events(self, limit: int) -> int | None:
        """Returns the events to wait for, or None when the connection is to be closed.

        A caller that does not read its answers, or that sends faster than handlers run, is not read
        while the connection holds that many bytes, until it holds half of them.
        """
        events = OUT if self.unsent is not None else 0
        if self.broken:  # [WRK-15]
            return None if events or not self.inbox else 0
        if self.ended:  # [WRK-22]
            return events if events or self.outstanding else None
        load = self.held + self.answers_size  # a frame that has begun is read to its end
        if load < (limit if self.events & IN else limit // 2):
            return events | IN
        return events

    def drop_answers(self) -> None:
        """Discards what was to be sent, when the connection is closed."""
        self.answers.clear()
        self.answers_size = 0
        self.unsent = None
        self.unsent_starts.clear()

    def send(self) -> None:
        """Sends as much as the kernel takes. Raises OSError when the caller has gone away."""
        if self.unsent is not None:
            try:
                self._sent(self.socket.send(self.unsent, MSG_DONTWAIT))
            except BlockingIOError:
                return
            if self.unsent is not None:
                return
        answers = self.answers
        if not answers:
            return
        data = b"".join(answers.values())
        try:
            sent = self.socket.send(data, MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            self.answers_size = 0
        else:
            left = len(data)
            for request_id, frame in answers.items():
                if request_id >= 0:
                    self.outstanding[request_id] = None
                    self.unsent_starts.append((left, request_id))
                left -= len(frame)
            self.unsent = memoryview(data)
            self._sent(sent)
        answers.clear()

    def has_gone(self) -> bool:
        """Whether its caller has gone away, and not only ended sending."""
        try:
            self.socket.send(b"", MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False

    def _sent(self, count: int) -> None:
        assert self.unsent is not None
        self.answers_size -= count
        rest = self.unsent[count:]
        starts = self.unsent_starts
        while starts and starts[0][0] > len(rest):
            self.outstanding.pop(starts.popleft()[1], None)
        self.unsent = rest if rest else None
