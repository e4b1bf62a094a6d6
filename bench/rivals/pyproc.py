"""The public pyproc-worker package, as its documentation shows it."""

import os
import threading
import time
from typing import Any

from pyproc_worker import expose, run_worker

from peer import ready, socket_path


@expose
def echo(body: Any) -> Any:
    return body


def _ready_once_bound() -> None:
    while not os.path.exists(socket_path):
        time.sleep(0.001)  # it does not tell when it listens
    ready()


threading.Thread(target=_ready_once_bound, daemon=True).start()
run_worker(socket_path)
