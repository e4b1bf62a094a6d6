"""What the Python processes of the benchmarks share: where to listen, and when to end."""

import os
import sys
import threading

socket_path = sys.argv[1]


def ready(note: str = "") -> None:
    """Says that this process listens on socket_path, and whatever the other side has to know."""
    os.write(1, f"ready {note}".strip().encode() + b"\n")


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


threading.Thread(target=_end_with_parent, daemon=True).start()
