"""What a pool is made with, and its errors."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from typing import Sequence


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
    """What a pool's own errors have in common."""

    #: The request may have reached a handler [HLT-5].
    may_have_run = False


class StartFailed(PoolError):
    """A worker did not become ready; the text names it [STA-6]."""


class NotStarted(PoolError):
    """The pool is not started, or its start failed [STA-8]."""


class Closed(PoolError):
    """Shutdown has begun [SHD-1]."""

    def __init__(self, may_have_run: bool = False) -> None:
        super().__init__("the pool is shut down")
        self.may_have_run = may_have_run


class Busy(PoolError):
    """As many calls as may wait are waiting already [BPR-6]."""


class TooLarge(PoolError):
    """The request would be over max_payload [MSG-18]."""


class ErrorAnswer(PoolError):
    """The worker answered with this error [MSG-16]."""


class WorkerDied(PoolError):
    """The worker, or the connection to it, was lost with the request on it [HLT-5]."""

    may_have_run = True
