"""The console command: pyproctest-worker MODULE_OR_FILE [options]."""

from __future__ import annotations

import os
import sys

from . import __version__
from .framing import DEFAULT_MAX_PAYLOAD
from .worker import DEFAULT_GRACE, DEFAULT_SLOW, check_options, run_worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def main(arguments: list[str] | None = None) -> None:
    """Imports the module or file that exposes the handlers, and serves them."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="pyproctest-worker",
        description="Serve the handlers that a Python module or file exposes.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("module_or_file", help="what exposes the handlers: a.b or path/to/file.py")
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="run handlers in N threads"
    )
    parser.add_argument(
        "--max-payload",
        type=int,
        default=DEFAULT_MAX_PAYLOAD,
        metavar="N",
        help="most bytes in the payload of a frame (default %(default)s)",
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=DEFAULT_GRACE,
        metavar="S",
        help="seconds that running handlers have after SIGTERM (default %(default)s)",
    )
    parser.add_argument(
        "--slow",
        type=float,
        default=DEFAULT_SLOW,
        metavar="S",
        help="log handlers that hold their thread for longer (default %(default)s seconds)",
    )
    parser.add_argument(
        "--max-memory",
        type=int,
        metavar="N",
        help="most bytes of requests and answers that wait, in all connections together"
        " (default 256 MiB, or 8 times max-payload)",
    )
    parser.add_argument(
        "--default",
        metavar="NAME",
        help="a function of the module: default(value) is written in place of a part of a result"
        " that JSON does not know",
    )
    parser.add_argument(
        "--on-start",
        metavar="NAME",
        help="a function of the module that is called before the worker listens",
    )
    parser.add_argument(
        "--socket", metavar="PATH", help="where to listen (default: PYPROC_SOCKET_PATH)"
    )
    options = parser.parse_args(arguments)
    try:
        check_options(
            options.max_payload,
            options.threads,
            options.grace,
            options.slow,
            options.max_memory,
        )
    except ValueError as error:
        parser.error(str(error))
    module = _load(options.module_or_file)
    functions = []
    for name in (options.default, options.on_start):
        function = None if name is None else getattr(module, name, None)
        if name is not None and not callable(function):
            parser.error(f"{options.module_or_file} has no function {name}")
        functions.append(function)
    run_worker(
        options.socket,
        max_payload=options.max_payload,
        threads=options.threads,
        grace=options.grace,
        slow=options.slow,
        max_memory=options.max_memory,
        default=functions[0],
        on_start=functions[1],
    )


def _load(module_or_file: str) -> ModuleType:
    if not module_or_file.endswith(".py"):
        sys.path.insert(0, os.getcwd())
        __import__(module_or_file)
        return sys.modules[module_or_file]
    from importlib.util import module_from_spec, spec_from_file_location

    # Like python FILE: the file's own folder comes first, and the file is not another's module.
    path = os.path.abspath(module_or_file)
    sys.path.insert(0, os.path.dirname(path))
    spec = spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise SystemExit(f"pyproctest-worker: cannot find the file {module_or_file}")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
