"""How the modules of ``gate`` and ``console`` import each other: in no circle, and at the top of the file."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for room in ("gate", "console") for path in (ROOT / room).rglob("*.py"))
LATE = re.compile(r'"((?:console|gate)(?:\.\w+)+:\w+)"')
STATEMENTS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a node has statements; an import is nowhere else."""
INSIDE = 36
"""Imports inside functions, at most: each for start-up time or an optional extra. Lower it with each that goes."""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in SOURCES}


@cache
def imports(path: Path) -> list[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    """Each import, whether it is inside a function, and whether it is for the type checker alone."""

    def walk(node: ast.AST, inside: bool, typed: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
        for child in chain.from_iterable(getattr(node, part, ()) for part in STATEMENTS):
            if isinstance(child, ast.Import | ast.ImportFrom):
                yield child, inside, typed
            else:
                checked = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                yield from walk(child, inside or function, typed or checked)

    return list(walk(ast.parse(path.read_text(encoding="utf-8")), False, False))


def imported(statement: ast.Import | ast.ImportFrom) -> set[str]:
    """The modules of ours that it names."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names} & MODULES.keys()
    named = {f"{statement.module}.{alias.name}" for alias in statement.names} & MODULES.keys()
    whole = len(named) == len(statement.names)  # ``from package import module`` alone: the package is not meant
    return named | (set() if whole else {str(statement.module)} & MODULES.keys())


def graph(*, typed: bool = False) -> dict[str, set[str]]:
    """Module -> the modules that it imports, wherever in it; those for the type checker alone where ``typed``."""
    found = {}
    for name, path in MODULES.items():
        named = (imported(statement) for statement, _, checked in imports(path) if typed or not checked)
        found[name] = set().union(*named) - {name}
    return found


def subject(name: str) -> str:
    """What a module is about: its package in ``gate`` or in ``gate.operations``; the console is one subject."""
    package = name.rpartition(".")[0] if MODULES[name].name != "__init__.py" else name
    parts = package.split(".")
    return ".".join(parts[: 1 if parts[0] == "console" else 3 if parts[1:2] == ["operations"] else 2])


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, each circle once (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            circle = [stack.pop()]
            while circle[-1] != node:
                circle.append(stack.pop())
            if len(circle) > 1:
                found.append(sorted(circle))

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 4 * len(edges)))
    for node in sorted(edges):
        if node not in order:
            visit(node)
    return found


@pytest.mark.deep
def test_no_module_imports_itself_through_others() -> None:
    assert circles(graph()) == []


def test_what_types_need_makes_no_circle_of_two_subjects() -> None:
    """Modules of one subject may name each other's types."""
    across = [circle for circle in circles(graph(typed=True)) if len(set(map(subject, circle))) > 1]
    assert across == []


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_circles_are_found(edges: dict[str, set[str]], expected: list[list[str]]) -> None:
    assert circles(edges) == expected


def test_what_is_loaded_late_is_there() -> None:
    """``module:name``, which no type checker reads."""
    named = {name for path in SOURCES for name in LATE.findall(path.read_text())}
    assert len(named) > 20
    for module, _, member in (name.partition(":") for name in sorted(named)):
        assert hasattr(importlib.import_module(module), member), f"{module}:{member}"


def test_imports_stand_at_the_top() -> None:
    inside = [
        f"{name}:{statement.lineno}"
        for name, path in MODULES.items()
        for statement, within, checked in imports(path)
        if within and not checked
    ]
    assert len(inside) <= INSIDE, f"{len(inside)} imports inside functions:\n" + "\n".join(inside)
