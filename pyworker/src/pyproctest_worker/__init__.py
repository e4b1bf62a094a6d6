"""Workers of the PyProc protocol: Python processes that a pool calls over Unix sockets.

from pyproctest_worker import expose, run_worker

@expose
def add(body):
    return body["a"] + body["b"]

if __name__ == "__main__":
    run_worker()
"""

from .lifeline import lifeline as _lifeline  # noqa: F401  # first: it watches the other imports

# isort: split

from .handlers import current_request, expose, inflight
from .request import Cancelled, Request
from .worker import run_worker

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "Request",
    "__version__",
    "current_request",
    "expose",
    "inflight",
    "run_worker",
]
