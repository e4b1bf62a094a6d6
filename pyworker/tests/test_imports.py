"""Which module of the package may import which, imports for type checkers included."""

from __future__ import annotations

import ast
import os
import unittest

from . import TREE

PACKAGE = "pyproctest_worker"
FOLDER = os.path.join(TREE, "src", PACKAGE)

ALLOWED = {
    "__init__": "handlers lifeline request worker",
    "__main__": "command",
    "command": "__init__ framing worker",
    "worker": "codec crc32c fork framing guardian handlers listener log messages server",
    "server": "connection event_loop inline listener log memory poller request threads turns waker",
    "inline": "codec connection depth event_loop fork framing log messages poller request rules"
    " threads turns",
    "threads": "connection event_loop request turns",
    "event_loop": "connection fork log messages poller request timers turns",
    "turns": "connection request timers",
    "connection": "framing poller request timers",
    "memory": "connection",
    "handlers": "request signature",
    "rules": "framing",
    "request": "fork log messages",
    "messages": "codec depth log",
    "codec": "depth log",
    "guardian": "fork lifeline",
    "fork": "log",
    "log": "depth",
    "framing": "crc32c",
    "crc32c": "",
    "depth": "",
    "lifeline": "",
    "listener": "",
    "poller": "",
    "signature": "",
    "timers": "",
    "waker": "",
}
"""Each module and the modules of this package that it may import, from the top down."""


def modules() -> list[str]:
    return sorted(name[:-3] for name in os.listdir(FOLDER) if name.endswith(".py"))


def imports(source: str) -> set[str]:
    """Returns the modules of this package that source imports, in whatever form and place."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            path = node.module or ""
            if node.level == 0:
                if path.split(".")[0] != PACKAGE:
                    continue
                path = path[len(PACKAGE) + 1 :]
            if path:
                names.add(path.split(".")[0])
            else:  # from . import a, b: modules, or names of the package itself
                known = modules()
                names.update(a.name if a.name in known else "__init__" for a in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                first, *rest = alias.name.split(".")
                if first == PACKAGE:
                    names.add(rest[0] if rest else "__init__")
    return names


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Returns the modules of one circle of imports, the first again at the end, or nothing."""
    done: set[str] = set()

    def search(path: list[str]) -> list[str]:
        for target in sorted(arrows.get(path[-1], ())):
            if target in path:
                return [*path[path.index(target) :], target]
            if target not in done:
                found = search([*path, target])
                if found:
                    return found
        done.add(path[-1])
        return []

    for module in sorted(arrows):
        found = search([module])
        if found:
            return found
    return []


class Imports(unittest.TestCase):
    def test_every_import_is_allowed_and_every_allowed_one_is_used(self) -> None:
        self.assertEqual(modules(), sorted(ALLOWED), "the modules and the keys of ALLOWED")
        for module, allowed in ALLOWED.items():
            with open(os.path.join(FOLDER, f"{module}.py")) as file:
                found = imports(file.read())
            for target in sorted(found - set(allowed.split())):
                self.fail(f"{module}.py imports {target}, which ALLOWED does not say")
            for target in sorted(set(allowed.split()) - found):
                self.fail(f"{module}.py does not import {target}, though ALLOWED says so")

    def test_there_is_no_circle(self) -> None:
        arrows = {}
        for module in modules():
            with open(os.path.join(FOLDER, f"{module}.py")) as file:
                arrows[module] = imports(file.read())
        self.assertEqual(" -> ".join(circle(arrows)), "", "a circle of imports")

    def test_the_server_stays_short(self) -> None:
        with open(os.path.join(FOLDER, "server.py")) as file:
            self.assertLess(len(file.readlines()), 350)


class Reading(unittest.TestCase):
    """The functions above see what they are for."""

    def test_imports_of_every_form_are_seen(self) -> None:
        source = (
            "from . import rules\nfrom .framing import BASIC\nimport pyproctest_worker.server\n"
            "from pyproctest_worker.turns import Turns\nfrom pyproctest_worker import expose\n"
            "import os\nif TYPE_CHECKING:\n    from .waker import Waker\n"
            "def later():\n    from .threads import HandlerThreads\n"
        )
        self.assertEqual(
            imports(source),
            {"rules", "framing", "server", "turns", "__init__", "waker", "threads"},
        )

    def test_circles_are_found_and_named(self) -> None:
        self.assertEqual(circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c", "b"])
        self.assertEqual(circle({"a": {"a"}}), ["a", "a"])
        self.assertEqual(circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}), [])


if __name__ == "__main__":
    unittest.main()
