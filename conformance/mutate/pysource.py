"""Lists the mutants of a Python file as JSON: reads the source on standard input, uses its own ast alone."""

from __future__ import annotations

import ast
import json
import sys
from typing import Any

COMPARISONS: dict[type[ast.cmpop], tuple[str, list[str]]] = {
    ast.Lt: ("<", ["<=", ">="]),
    ast.LtE: ("<=", ["<", ">"]),
    ast.Gt: (">", [">=", "<="]),
    ast.GtE: (">=", [">", "<"]),
    ast.Eq: ("==", ["!="]),
    ast.NotEq: ("!=", ["=="]),
    ast.Is: ("is", ["is not"]),
    ast.IsNot: ("is not", ["is"]),
    ast.In: ("in", ["not in"]),
    ast.NotIn: ("not in", ["in"]),
}
OPERATORS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Div: ("/", "*"),
    ast.Mod: ("%", "//"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
PLAIN = (ast.Assign, ast.AugAssign, ast.Expr, ast.Break, ast.Continue, ast.Raise, ast.Delete)


class Finder(ast.NodeVisitor):
    def __init__(self, source: bytes) -> None:
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.names: list[str] = []
        self.mutants: list[dict[str, Any]] = []

    def begin(self, node: Any) -> int:
        return int(self.starts[node.lineno - 1] + node.col_offset)

    def end(self, node: Any) -> int:
        return int(self.starts[node.end_lineno - 1] + node.end_col_offset)

    def text(self, node: Any) -> str:
        return self.source[self.begin(node) : self.end(node)].decode()

    def add(self, kind: str, start: int, end: int, text: str) -> None:
        self.mutants.append({"Func": ".".join(self.names), "Kind": kind, "Start": start, "End": end, "Text": text})

    def between(self, left: Any, right: Any, old: str, new: str) -> None:
        """Replaces the operator that stands between two operands."""
        start, end = self.end(left), self.begin(right)
        gap = self.source[start:end].decode()
        at = gap.find(old)
        if at >= 0 and "#" not in gap:
            self.add("operator", start + at, start + at + len(old.encode()), new)

    def named(self, node: Any) -> None:
        self.names.append(node.name)
        for child in [*node.body, *getattr(node, "decorator_list", [])]:
            self.visit(child)
        self.statements(node.body)
        self.names.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = named

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:  # an annotation means nothing at run time
            self.visit(node.value)

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators):
            old, others = COMPARISONS[type(op)]
            for new in others:
                self.between(left, right, old, new)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in OPERATORS:
            self.between(node.left, node.right, *OPERATORS[type(node.op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:]):
            self.between(left, right, old, new)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self.add("negation", self.begin(node), self.begin(node.operand), "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        start, end, value = self.begin(node), self.end(node), node.value
        if isinstance(value, bool):
            self.add("constant", start, end, str(not value))
        elif isinstance(value, int):
            for other in {value + 1, value - 1, 0} - {value}:
                self.add("constant", start, end, f"({other})" if other < 0 else str(other))
        elif isinstance(value, float):
            self.add("constant", start, end, str(value + 1))
            self.add("constant", start, end, "0.0")
        elif isinstance(value, str) and value[:1] in (">", "!") and len(value) > 1 and self.text(node)[1:2] == value[:1]:
            self.add("byte order", start + 1, start + 2, "<")
        elif value == "big":
            self.add("byte order", start, end, '"little"')

    def condition(self, node: Any) -> None:
        test = self.text(node.test)
        self.add("condition", self.begin(node.test), self.end(node.test), f"(False and ({test}))")
        if not isinstance(node, ast.While):
            self.add("condition", self.begin(node.test), self.end(node.test), f"(True or ({test}))")
        self.generic_visit(node)

    visit_If = visit_While = visit_IfExp = condition

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if type(node.op) in OPERATORS:
            old, new = OPERATORS[type(node.op)]
            self.between(node.target, node.value, old + "=", new + "=")
            self.between(node.target, node.value, old + "=", "=")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        for a, b in zip(node.args, node.args[1:]):
            gap = self.source[self.end(a) : self.begin(b)].decode()
            self.add("order of arguments", self.begin(a), self.end(b), self.text(b) + gap + self.text(a))
        self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                self.statements(body)
        super().generic_visit(node)

    def statements(self, body: list[Any]) -> None:
        """Drops each statement, and swaps those that follow one another."""
        for i, node in enumerate(body):
            if not self.plain(node):
                continue
            self.add("dropped statement", self.begin(node), self.end(node), "pass")
            if i > 0 and self.plain(body[i - 1]):
                before = body[i - 1]
                gap = self.source[self.end(before) : self.begin(node)].decode()
                if gap.strip() == "":
                    text = self.text(node) + gap + self.text(before)
                    self.add("order of statements", self.begin(before), self.end(node), text)

    @staticmethod
    def plain(node: Any) -> bool:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return False  # a docstring
        return isinstance(node, PLAIN) or (isinstance(node, ast.Return) and node.value is None)


def main() -> None:
    source = sys.stdin.buffer.read()
    finder = Finder(source)
    finder.visit(ast.parse(source))
    json.dump(finder.mutants, sys.stdout)


main()
