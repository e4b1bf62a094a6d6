"""One connection to a worker, with many requests outstanding: requests out, answers in."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any, Callable, NamedTuple, NoReturn

from framing import Decoder, FrameError, encode
from options import Options, PoolError


class Call:
    """A request and the future of its answer."""

    def __init__(self, request_id: int, method: str, body: Any) -> None:
        self.id = request_id
        message = {"id": request_id, "method": method, "body": body}
        self.payload = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.connection: Connection | None = None

    def fail(self, error: Exception) -> None:
        if not self.answer.done():  # it is done where the task that awaits it was cancelled
            self.answer.set_exception(error)


class Lost(NamedTuple):
    error: Exception
    sent: list[Call]
    unsent: list[Call]


class Connection(asyncio.Protocol):
    """Connects at once. What is sent before it is connected waits.

    Calls freed when the load falls, and lost when the connection has ended: with the calls of which
    a byte may have left, and with those that were still to be written.
    """

    def __init__(
        self, path: str, options: Options, freed: Callable[[], None], lost: Callable[[Lost], None]
    ) -> None:
        self._framing = options.framing
        self._freed, self._lost = freed, lost
        self._decoder = Decoder(options.framing, options.max_payload)
        self._transport: asyncio.Transport | None = None
        self._calls: dict[int, Call] = {}  # those neither answered nor given up
        self._requests: dict[int, bytes] = {}  # the frames of those that wait to be written
        self._cancellations: deque[bytes] = deque()  # go ahead of requests: their own has left
        self._cancelling = False  # the frame that leaves now is the first of those
        self._blocked = True  # the frame before has not left, or the connection is not there yet
        self.ended = False
        self.connected = False  # and stays true when it has ended
        self.opening = asyncio.create_task(self._open(path))

    async def _open(self, path: str) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, path)
        except OSError as error:
            self.close(error)

    @property
    def load(self) -> int:
        """How many requests count as at the worker: also those whose cancellation has not left."""
        return 0 if self.ended else len(self._calls) + len(self._cancellations)

    def send(self, call: Call) -> None:
        call.connection = self
        self._calls[call.id] = call
        self._requests[call.id] = encode(self._framing, call.id, call.payload)
        self._write()

    def cancel(self, call: Call) -> None:
        """Take the request back, or let a cancellation follow it [CAN-2]."""
        if self._calls.pop(call.id, None) is None:
            return
        if self._requests.pop(call.id, None) is not None:
            self._freed()
            return
        payload = {"id": call.id, "reason": "the caller was cancelled"}
        message = json.dumps({"type": "cancellation", "payload": payload}).encode()
        self._cancellations.append(encode(self._framing, call.id, message))
        self._write()

    def close(self, error: Exception) -> None:
        if self.ended:
            return
        self.ended = True
        if self._transport is not None:
            self._transport.abort()
        calls = list(self._calls.values())
        self._calls.clear()
        sent = [call for call in calls if call.id not in self._requests]
        unsent = [call for call in calls if call.id in self._requests]
        self._lost(Lost(error, sent, unsent))

    # One frame at a time, so that a request that has not begun to leave can be taken back.
    def _write(self) -> None:
        while self._transport and not self._blocked and not self.ended:
            self._cancelling = bool(self._cancellations)
            if self._cancelling:
                frame = self._cancellations[0]
            elif self._requests:
                frame = self._requests.pop(next(iter(self._requests)))
            else:
                return
            self._transport.write(frame)  # blocks unless all of it has left
            if not self._blocked:
                self._left()

    def _left(self) -> None:
        if self._cancelling:
            self._cancellations.popleft()
            self._freed()

    def _received(self, header_id: int, payload: bytes) -> None:
        request_id, body, error = read_answer(payload)
        if self._framing == "enhanced" and request_id != header_id:
            refuse(f"it bears the ID {request_id}, its header {header_id}")  # [MSG-13]
        call = self._calls.pop(request_id, None)
        if call is None:
            return  # late, repeated or unknown [RID-5, CAN-3]
        if error is not None:
            call.fail(PoolError("error_answer", error))
        elif not call.answer.done():
            call.answer.set_result(body)
        self._freed()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self.ended:
            transport.abort()
            return
        self.connected = True
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # so that it blocks until a frame has left
        self._blocked = False
        self._write()

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._left()
        self._write()

    def data_received(self, data: bytes) -> None:
        try:
            for request_id, payload in self._decoder.frames(data):
                if self.ended:
                    return
                self._received(request_id, payload)
        except (FrameError, UnreadableAnswer) as error:
            self.close(error)  # [RID-7]

    def connection_lost(self, error: Exception | None) -> None:
        self.close(error or ConnectionError("the worker closed the connection"))


class UnreadableAnswer(Exception):
    """What came is no answer that can be read."""


def refuse(text: str) -> NoReturn:
    raise UnreadableAnswer(f"an answer that cannot be read: {text}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def read_answer(payload: bytes) -> tuple[int, Any, str | None]:
    """Return the ID, the body, and the error of an error answer."""
    try:
        answer = json.loads(payload.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        refuse(str(error))
    if isinstance(answer, dict) and isinstance(answer.get("type"), str) and "payload" in answer:
        if answer["type"] != "response":
            refuse(f"an envelope of type {answer['type']}")
        answer = answer["payload"]  # [MSG-15]
    request_id = answer.get("id") if isinstance(answer, dict) else None
    if type(request_id) is not int or not 0 <= request_id < 1 << 64:
        refuse("it has no readable ID")  # [MSG-10]
    if answer.get("ok") is True:
        return request_id, answer.get("body"), None
    text = answer.get("error")
    if answer.get("ok") is not False or not isinstance(text, str):
        refuse("it is neither ok nor an error")
    return request_id, None, text
