"""Waking a thread that waits for descriptors, from any other thread."""

from __future__ import annotations

import os


class Waker:
    """A pipe. Its fileno() becomes readable when wake() is called, until clear() is."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)

    def fileno(self) -> int:
        return self._read_end

    def wake(self) -> None:
        """For any thread."""
        try:
            os.write(self._write_end, b"\0")
        except BlockingIOError:
            pass  # the pipe is full, so it is readable

    def close(self) -> None:
        os.close(self._read_end)
        os.close(self._write_end)

    def clear(self) -> None:
        """To be called before looking for what the wake-up was about, so that none is missed."""
        try:
            os.read(self._read_end, 4096)
        except BlockingIOError:
            pass
