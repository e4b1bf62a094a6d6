"""What authors of handlers meet before a worker runs."""

from __future__ import annotations

import functools
import os
import unittest
from typing import Any

import pyproctest_worker
from pyproctest_worker import current_request, expose, inflight
from pyproctest_worker.handlers import exposed, exposed_async

from . import TREE


class Expose(unittest.TestCase):
    def setUp(self) -> None:
        for methods in (exposed, exposed_async):
            self.addCleanup(methods.update, dict(methods))
            self.addCleanup(methods.clear)
            methods.clear()

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

    def test_async_functions_are_known_as_such(self) -> None:
        async def coroutine(body: Any) -> None:
            pass

        class Methods:
            async def method(self, body: Any) -> None:
                pass

            async def __call__(self, body: Any) -> None:
                pass

        methods = Methods()
        function: Any
        functions = (coroutine, methods.method, methods, functools.partial(coroutine))
        for number, function in enumerate(functions):
            self.assertIs(expose(f"name {number}")(function), function)
            self.assertIs(exposed_async.pop(f"name {number}"), function)
        self.assertEqual(exposed, {})
        expose("name")(coroutine)
        with self.assertRaisesRegex(ValueError, "there is a method 'name' already"):
            expose("name")(len)

    def test_async_generators_are_refused(self) -> None:
        async def generator(body: Any) -> Any:
            yield

        class Methods:
            async def method(self, body: Any) -> Any:
                yield

        for function in (generator, Methods().method, functools.partial(generator)):
            with self.assertRaisesRegex(TypeError, "async generator: .* returns one result"):
                expose("name")(function)

    def test_what_converts_bodies_takes_one_argument_and_is_not_async(self) -> None:
        async def coroutine(body: Any) -> None:
            pass

        wrong: Any
        for wrong, words in (
            (coroutine, "is async: what converts a body is a plain function"),
            (lambda: None, "cannot be called with one argument"),
            (5, "not 5 of type int"),
        ):
            with self.assertRaisesRegex(TypeError, words):
                expose("name", body=wrong)(len)
        self.assertEqual(exposed, {})

    def test_what_cannot_be_called_with_one_argument_is_refused(self) -> None:
        class Methods:
            def none(self) -> None:
                pass

            def two(self, a: Any, b: Any) -> None:
                pass

            def __call__(self) -> None:
                pass

        class TakesTwo:
            def __init__(self, a: Any, b: Any) -> None:
                pass

        def needs_a_keyword(body: Any, *, key: Any) -> None:
            pass

        methods = Methods()
        wrong: tuple[Any, ...] = (
            lambda: None,
            lambda a, b: None,
            lambda **keywords: None,
            needs_a_keyword,
            methods.none,
            methods.two,
            methods,
            TakesTwo,
            functools.partial(lambda a: None, 1),
            divmod,
        )
        for function in wrong:
            with self.assertRaisesRegex(TypeError, "cannot be called with one argument"):
                expose("name")(function)
        self.assertNotIn("name", exposed)

    def test_what_can_be_called_with_one_argument_is_taken(self) -> None:
        class Methods:
            def one(self, body: Any) -> None:
                pass

            @classmethod
            def of_class(cls, body: Any, other: int = 0) -> None:
                pass

            @staticmethod
            def static(body: Any) -> None:
                pass

            def __call__(self, *bodies: Any) -> None:
                pass

        class TakesOne:
            def __init__(self, body: Any) -> None:
                pass

        @functools.wraps(divmod)
        def wrapper(*arguments: Any, **keywords: Any) -> None:
            pass

        methods = Methods()
        fitting: tuple[Any, ...] = (
            lambda body, other=1, *, key=2: None,
            lambda *bodies: None,
            lambda a=1, b=2, /: None,
            methods.one,
            methods.of_class,
            Methods.of_class,
            Methods.static,
            methods,
            TakesOne,
            wrapper,
            functools.partial(divmod, 1),
            functools.partial(lambda a, b: None, b=1),
            len,
            int,
            dict.fromkeys,
        )
        for number, function in enumerate(fitting):
            expose(f"method {number}")(function)

    def test_what_is_no_function_is_refused_with_its_value(self) -> None:
        wrong: Any
        things: tuple[Any, ...] = (5, 1.5, [], b"name", object())
        for wrong in things:
            with self.assertRaisesRegex(TypeError, "expose takes a function"):
                expose(wrong)
        wrong = 5
        with self.assertRaisesRegex(TypeError, "not 5 of type int"):
            expose("name")(wrong)
        for wrong in (5, ""):
            with self.assertRaisesRegex(TypeError, "a name that is a string and not empty"):
                expose(name=wrong)
        with self.assertRaisesRegex(TypeError, "not both 'a' and 'b'"):
            expose("a", name="b")
        with self.assertRaisesRegex(TypeError, "no name of its own"):
            expose(functools.partial(divmod, 1))


class Version(unittest.TestCase):
    def test_is_that_of_the_distribution(self) -> None:
        self.assertRegex(pyproctest_worker.__version__, r"^\d+\.\d+\.\d+$")
        with open(os.path.join(TREE, "pyproject.toml")) as project:
            text = project.read()
        self.assertIn('dynamic = ["version"]', text)
        self.assertIn('path = "src/pyproctest_worker/__init__.py"', text)


class OutsideHandlers(unittest.TestCase):
    def test_there_is_no_request(self) -> None:
        for ask in (current_request, inflight):
            with self.assertRaisesRegex(RuntimeError, "no handler runs"):
                ask()


if __name__ == "__main__":
    unittest.main()
