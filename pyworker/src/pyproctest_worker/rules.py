"""What a message asks a worker for, by the rules of the protocol.

A plain request does not come here: the server handles it where it reads it, see InlineRunner.take.
"""

from __future__ import annotations

from .framing import MAX_REQUEST_ID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REQUEST = "request"
CANCELLATION = "cancellation"
REFUSAL = "refusal"
VIOLATION = "violation"
NOTHING = "nothing"


class Demand:
    """What a message asks for: `kind` is one of the five above.

    A REQUEST has a `method` and a `body`, a CANCELLATION has the `id` of its request, a REFUSAL has
    the `reason` and the `id` to answer under, a VIOLATION has a `reason`.
    """

    __slots__ = ("kind", "id", "enveloped", "reason", "method", "body")

    def __init__(self, kind: str, request_id: int = 0, enveloped: bool = False) -> None:
        self.kind = kind
        self.id = request_id
        self.enveloped = enveloped
        """Whether the message came in an envelope, so that its answer does too [MSG-2]."""
        self.reason = ""
        self.method = ""
        self.body: Any = None


def demand_of(message: Any, header_id: int, enhanced: bool) -> Demand:
    """Returns what a message asks for. The ID of its header counts in the enhanced framing only."""
    kind, enveloped = "request", False
    if type(message) is dict and "payload" in message and type(message.get("type")) is str:
        kind, enveloped = message["type"], True  # [MSG-3]
        message = message["payload"]
    request_id = message.get("id") if type(message) is dict else None
    # A bool is an int to Python; 1.0 and 1e0 are not [MSG-10].
    if type(request_id) is not int or not 0 <= request_id <= MAX_REQUEST_ID:
        request_id = None
    elif request_id != header_id and enhanced:  # [MSG-13]
        return _because(
            Demand(VIOLATION), f"the ID is {request_id} in a message and {header_id} in its header"
        )
    answer_id = header_id if request_id is None else request_id
    if kind == "cancellation":
        if request_id is None:  # [CAN-6]
            return Demand(NOTHING)
        return Demand(CANCELLATION, request_id)
    if kind == "response":
        return Demand(NOTHING)
    refusal = Demand(REFUSAL, answer_id, enveloped)
    if kind != "request":  # [MSG-12]
        return _because(refusal, f"unknown envelope type {kind!r:.80}")
    if request_id is None:  # [MSG-11]
        return _because(refusal, "not an object with a readable id")
    method = message.get("method")
    if type(method) is not str:  # [MSG-11]
        return _because(refusal, "the method is not a string")
    demand = Demand(REQUEST, request_id, enveloped)
    demand.method = method
    demand.body = message.get("body")  # [MSG-6]
    return demand


def _because(demand: Demand, reason: str) -> Demand:
    demand.reason = reason
    return demand
