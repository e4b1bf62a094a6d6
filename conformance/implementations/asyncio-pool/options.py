"""What a pool is made with, and its errors."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """How a pool starts its workers, and its bounds. Times are in seconds."""

    command: Sequence[str]  # a program and its arguments
    env: dict[str, str] = field(default_factory=dict)  # added to the environment of the workers
    socket_dir: str = field(default_factory=tempfile.gettempdir)
    framing: str = "enhanced"
    workers: int = os.cpu_count() or 1
    max_in_flight: int = 16  # calls at one worker
    max_payload: int = 10485760
    queue: int | None = None  # calls that may wait for a slot; None: no bound
    start_timeout: float = 10.0
    health_interval: float = 5.0
    health_timeout: float = 2.0
    restart_backoff: float = 0.1
    restart_backoff_max: float = 30.0
    stop_timeout: float = 5.5  # after SIGTERM: a little more than a worker's own grace period


class PoolError(Exception):
    """An error of a pool.

    kind is start_failed, not_started, busy, too_large, error_answer, closed or worker_died. Beside
    those two, may_have_run tells whether the request may have reached a handler [HLT-5].
    """

    def __init__(self, kind: str, text: str, may_have_run: bool = False) -> None:
        super().__init__(text)
        self.kind, self.may_have_run = kind, may_have_run


def closed(may_have_run: bool = False) -> PoolError:
    return PoolError("closed", "the pool is shut down", may_have_run)


def failed(text: str) -> PoolError:
    return PoolError("start_failed", text)
