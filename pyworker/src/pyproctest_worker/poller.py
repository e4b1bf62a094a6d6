"""Waiting for descriptors."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

IN, OUT = select.POLLIN, select.POLLOUT


class Poller:
    """epoll where there is one, else poll. Their events have the same values, and a hang-up, which
    selectors hide, tells a caller that is gone from one that has only ended its requests."""

    def __init__(self) -> None:
        self.tells_hang_up = hasattr(select, "epoll")
        """Whether a hang-up is told without waiting for anything else."""
        poll: Any
        if self.tells_hang_up:
            poll = select.epoll()
            self.poll: Callable[..., list[tuple[int, int]]] = poll.poll
        else:
            poll = select.poll()
            self.poll = lambda seconds=None: poll.poll(
                None if seconds is None else int(seconds * 1000 + 0.999)
            )
        self.register: Callable[[int, int], object] = poll.register
        self.modify: Callable[[int, int], object] = poll.modify
        self.unregister: Callable[[int], object] = poll.unregister
