"""The bound on the memory that all connections hold together."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .connection import Connection


class Memory:
    """Counts what connections hold, and says how much one of them may hold and still be read.

    Up to the bound that is the same for each. From there on it is a share of half the bound, so
    that callers who read their answers are served while others fill the memory and do not.
    """

    def __init__(self, bound: int, most: int) -> None:
        self._bound = bound
        self._most = min(most, bound)
        """Bytes for each connection while there is room."""
        self._used = 0
        self.limit = self._most
        """Bytes that a connection may hold and still be read."""

    def count(self, connection: Connection, load: int, connections: int) -> bool:
        """Counts what one of so many connections holds now. Returns whether the limit has risen, so
        that some which were not read may be read again."""
        self._used += load - connection.load
        connection.load = load
        before = self.limit
        if self._used >= self._bound:
            self.limit = min(self._most, max(1, self._bound // (2 * max(connections, 8))))
        elif self._used < self._bound // 8 * 7:  # not at each message to and fro
            self.limit = self._most
        return self.limit > before
