"""Waiting for descriptors."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

IN, OUT = select.POLLIN, select.POLLOUT
HANG_UP = select.POLLHUP | select.POLLERR


class Poller:
    """epoll if there is one, else poll. Their events have the same values. They report a hang-up,
    which the selectors module hides: it tells a caller that has gone away from one that has only
    ended its requests."""

    def __init__(self) -> None:
        self.tells_hang_up = hasattr(select, "epoll")
        """Whether a hang-up is reported though no other event is waited for."""
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
        self.close: Callable[[], None] = getattr(poll, "close", lambda: None)
