"""The examples of README.md that are whole programs run, and do what the text says."""

from __future__ import annotations

import os
import re
import socket
import threading

from . import TREE
from .harness import Caller
from .test_process import Case

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def programs() -> dict[str, str]:
    """Returns the examples that call run_worker, by the first method that each exposes."""
    with open(os.path.join(TREE, "README.md")) as file:
        blocks = BLOCK.findall(file.read())
    found = {}
    for block in blocks:
        if "    run_worker(" in block:
            method = re.search(r"@expose.*\n(?:async )?def (\w+)", block)
            assert method is not None, block
            found[method[1]] = block
    return found


class Programs(Case):
    def caller(self, method: str) -> Caller:
        script = os.path.join(self.folder(), "w.py")
        with open(script, "w") as file:
            file.write(programs()[method])
        return self.worker(script=script).connect()

    def test_each_is_run_here(self) -> None:
        self.assertEqual(set(programs()), {"add", "fetch", "mirror", "ask"})

    def test_a_worker(self) -> None:
        caller = self.caller("add")
        self.assertEqual(caller.call(1, "add", {"a": 1, "b": 2}), 3)
        self.assertEqual(caller.call(2, "text.upper", "loud"), "LOUD")

    def test_async_handlers(self) -> None:
        path = os.path.join(self.folder(), "echo")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()

            def echo() -> None:
                accepted, _ = listener.accept()
                with accepted:
                    accepted.sendall(accepted.recv(100))

            server = threading.Thread(target=echo)
            server.start()
            caller = self.caller("fetch")
            self.assertEqual(caller.call(1, "fetch", {"path": path, "line": "hi"}), "hi\n")
            server.join()
            # Nobody accepts this connection.
            caller.send(caller.request(2, "fetch", {"path": path, "line": "hi"}))
            caller.send(caller.cancellation(2))
            self.assertIs(caller.receive()["ok"], False)

    def test_bodies_and_results_of_types(self) -> None:
        caller = self.caller("mirror")
        self.assertEqual(caller.call(1, "mirror", {"x": 1, "y": 2}), {"x": -1, "y": -2})
        error = caller.call_error(2, "mirror", {"x": 1, "z": 2})
        self.assertTrue(error.startswith("the body is refused: TypeError: "), error)

    def test_before_the_first_call(self) -> None:
        self.assertEqual(self.caller("ask").call(1, "ask", "answer"), 42)
