"""One accepted connection: the requests on it, and the answers that leave it."""

from __future__ import annotations

from collections import deque
from socket import MSG_DONTWAIT

from .framing import Decoder, encode_basic

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Callable

    from .request import Request
    from .server import Server


class Connection:
    """What a server knows of one connection. The server decides, this keeps and sends."""

    __slots__ = (
        "server",
        "socket",
        "decoder",
        "encode",
        "inbox",
        "outstanding",
        "held",
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

    def __init__(self, server: Server, sock: socket.socket, max_payload: int) -> None:
        self.server = server
        self.socket = sock
        self.decoder = Decoder(None, max_payload)
        self.encode: Callable[[int, bytes], bytes] = encode_basic
        """Makes frames in the framing of the connection, once that is known [STR-7]."""
        self.inbox: deque[Request] = deque()
        """Requests whose handlers are due for a step."""
        self.outstanding: dict[int, Request | None] = {}
        """Requests by ID that wait or run, but for one that runs and did not ask for its Request.
        None stands for one whose answer is in unsent and has not begun to leave."""
        self.held = 0
        """Bytes, about, that requests take which wait or run elsewhere."""
        self.answers: dict[int, bytes] = {}
        """Frames to be sent in one piece, by the IDs of their requests. These too are outstanding
        [MSG-14]. The keys of answers to what was no request are negative."""
        self.answers_size = 0
        """Bytes in answers and in unsent."""
        self.unsent: memoryview | None = None
        """What the kernel has not yet taken of answers handed to it."""
        self.unsent_starts: deque[tuple[int, int]] = deque()
        """Of the answers in unsent that have not begun to leave: how much of unsent is left when
        they do, and their request IDs."""
        self.events = 0
        """The events that the server waits for."""
        self.ended = False
        """The caller has closed its sending half [WRK-22]."""
        self.broken = False
        """There was a framing error or a violation: to be closed [WRK-15]."""
        self.closed = False
        self.is_due = False
        """In the server's queue of connections with something in the inbox."""

    def add_answer(self, request_id: int, payload: bytes) -> None:
        """Takes the answer to a request, for the next send."""
        self.outstanding.pop(request_id, None)
        self._add(request_id, self.encode(request_id, payload))

    def add_refusal(self, answer_id: int, payload: bytes) -> None:
        """Takes an answer to what was no request, under an ID that may be another request's."""
        self._add(-1 - len(self.answers), self.encode(answer_id, payload))

    def _add(self, key: int, frame: bytes) -> None:
        self.answers[key] = frame
        self.answers_size += len(frame)

    def is_outstanding(self, request_id: int) -> bool:
        """Whether an answer under this ID could be taken for another request's [MSG-14]."""
        return request_id in self.outstanding or request_id in self.answers

    def drop_answers(self) -> None:
        """Gives up what was to be sent: the connection is closed."""
        self.answers.clear()
        self.answers_size = 0
        self.unsent = None
        self.unsent_starts.clear()

    def send(self) -> None:
        """Sends as much as the kernel takes. Raises OSError when the caller is gone."""
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

    def _sent(self, count: int) -> None:
        assert self.unsent is not None
        self.answers_size -= count
        rest = self.unsent[count:]
        starts = self.unsent_starts
        while starts and starts[0][0] > len(rest):
            self.outstanding.pop(starts.popleft()[1], None)
        self.unsent = rest if rest else None
