"""The golden vectors of the PyProc protocol, with types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "Frame",
    "FrameVector",
    "MessageVector",
    "Vectors",
    "Version",
    "file",
    "history",
    "load",
    "schema",
]


@dataclass(frozen=True)
class Frame:
    """A frame that a receiver hands out. In the basic framing the ID is 0."""

    id: int
    payload: bytes


@dataclass(frozen=True)
class FrameVector:
    """A stream that ends after its last byte, and what a receiver reads from it."""

    tc_id: str
    comment: str
    clause: str
    flags: tuple[str, ...]
    framing: str  # "enhanced" or "basic"
    max_payload: int
    bytes: bytes
    frames: tuple[Frame, ...]  # what is handed out, before the error if there is one
    error: str | None  # None where the stream ends cleanly
    decided_at: int | None  # the number of bytes after which the error must be known


@dataclass(frozen=True)
class MessageVector:
    """The payload of one frame, and what its receiver must take it for."""

    tc_id: str
    comment: str
    clause: str
    flags: tuple[str, ...]
    receiver: str  # "worker" or "pool"
    framings: tuple[str, ...]
    header_id: int
    bytes: bytes
    text: str | None  # the payload where it is UTF-8
    outcome: str
    envelope: bool | None
    id: int | None
    method: str | None
    ok: bool | None
    body: str | None  # JSON text
    error_text: str | None
    reason: str | None
    answer_ids: dict[str, tuple[int, ...]] | None  # by framing


@dataclass(frozen=True)
class Vectors:
    """All vectors of one version."""

    version: str  # "major.minor"
    enhanced: tuple[FrameVector, ...]
    basic: tuple[FrameVector, ...]
    streams: tuple[FrameVector, ...]
    messages: tuple[MessageVector, ...]

    def frames(self) -> tuple[FrameVector, ...]:
        """Returns the vectors of frames of all three files."""
        return self.enhanced + self.basic + self.streams


@dataclass(frozen=True)
class Version:
    """Which vectors a version brought: their names, by clause."""

    version: str
    added: dict[str, tuple[str, ...]]
    changed: dict[str, tuple[str, ...]]
    removed: dict[str, tuple[str, ...]]


def load() -> Vectors:
    """Reads all vectors of this package."""
    files = {name: _document(name) for name in ("enhanced", "basic", "streams", "messages")}
    return Vectors(
        version=files["enhanced"]["version"],
        enhanced=tuple(map(_frame_vector, files["enhanced"]["tests"])),
        basic=tuple(map(_frame_vector, files["basic"]["tests"])),
        streams=tuple(map(_frame_vector, files["streams"]["tests"])),
        messages=tuple(map(_message_vector, files["messages"]["tests"])),
    )


def history() -> tuple[Version, ...]:
    """Returns every version of the vectors, the newest last."""

    def names(by_clause: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
        return {clause: tuple(list_) for clause, list_ in by_clause.items()}

    return tuple(
        Version(
            version=v["version"],
            added=names(v["added"]),
            changed=names(v.get("changed", {})),
            removed=names(v.get("removed", {})),
        )
        for v in _document("history")["versions"]
    )


def schema() -> dict[str, Any]:
    """Returns the JSON Schema of the files."""
    return _document("schema")


def file(name: str) -> str:
    """Returns the text of a file, such as "enhanced.json"."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file(name + ".json"))
    return document


def _frame_vector(v: dict[str, Any]) -> FrameVector:
    return FrameVector(
        tc_id=v["tcId"],
        comment=v["comment"],
        clause=v["clause"],
        flags=tuple(v["flags"]),
        framing=v["framing"],
        max_payload=v["maxPayload"],
        bytes=bytes.fromhex(v["bytes"]),
        frames=tuple(Frame(int(f["id"]), bytes.fromhex(f["payload"])) for f in v["frames"]),
        error=v.get("error"),
        decided_at=v.get("decidedAt"),
    )


def _message_vector(v: dict[str, Any]) -> MessageVector:
    answer_ids = v.get("answerIds")
    return MessageVector(
        tc_id=v["tcId"],
        comment=v["comment"],
        clause=v["clause"],
        flags=tuple(v["flags"]),
        receiver=v["receiver"],
        framings=tuple(v["framings"]),
        header_id=int(v["headerId"]),
        bytes=bytes.fromhex(v["bytes"]),
        text=v.get("text"),
        outcome=v["outcome"],
        envelope=v.get("envelope"),
        id=int(v["id"]) if "id" in v else None,
        method=v.get("method"),
        ok=v.get("ok"),
        body=v.get("body"),
        error_text=v.get("errorText"),
        reason=v.get("reason"),
        answer_ids=answer_ids and {f: tuple(map(int, ids)) for f, ids in answer_ids.items()},
    )
