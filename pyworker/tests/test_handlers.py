"""What authors of handlers meet before a worker runs."""

from __future__ import annotations

import unittest
from typing import Any

from pyproctest_worker import current_request, expose, inflight
from pyproctest_worker.handlers import exposed


class Expose(unittest.TestCase):
    def setUp(self) -> None:
        self.addCleanup(exposed.update, dict(exposed))
        self.addCleanup(exposed.clear)

    def test_all_its_forms(self) -> None:
        @expose
        def bare(body: Any) -> Any:
            return body

        @expose()
        def called(body: Any) -> Any:
            return body

        @expose("a name")
        def positional(body: Any) -> Any:
            return body

        @expose(name="another name")
        def keyword(body: Any) -> Any:
            return body

        self.assertIs(exposed["bare"], bare)
        self.assertIs(exposed["called"], called)
        self.assertIs(exposed["a name"], positional)
        self.assertIs(exposed["another name"], keyword)
        self.assertEqual(bare(1), 1)

    def test_name_that_is_taken_is_refused(self) -> None:
        expose("taken")(len)
        for name in ("taken", "health"):  # WRK-20
            with self.assertRaisesRegex(ValueError, name):
                expose(name)(len)

    def test_async_functions_are_refused(self) -> None:
        async def coroutine(body: Any) -> None:
            pass

        async def generator(body: Any) -> Any:
            yield

        for function in (coroutine, generator):
            with self.assertRaisesRegex(TypeError, "async"):
                expose(function)


class OutsideHandlers(unittest.TestCase):
    def test_there_is_no_request(self) -> None:
        for ask in (current_request, inflight):
            with self.assertRaisesRegex(RuntimeError, "no handler runs"):
                ask()


if __name__ == "__main__":
    unittest.main()
