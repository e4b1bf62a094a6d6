"""Workers of the PyProc protocol: Python processes that a pool calls over Unix sockets.

from pyproctest_worker import expose, run_worker

@expose
def add(body):
    return body["a"] + body["b"]

run_worker()
"""

from .handlers import current_request, expose, inflight
from .request import Cancelled, Request
from .worker import run_worker

__all__ = ["Cancelled", "Request", "current_request", "expose", "inflight", "run_worker"]
