"""The state machine of ``call_machine`` can fail: each step of the call's rules is taken out once, and it is missed.

A step is a command that a handler gives, a condition or a part of one, or a field that it changes. A mutant is the
module's own source with one step less.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from gate.core import calls
from tests.core.call_machine import walk

pytestmark = pytest.mark.deep

SOURCE = ast.parse(Path(calls.__file__).read_text())
CALLS = 1500
"""As many as reach every edge of the table."""
SAME = {
    # Nothing reads it of a call that is over.
    "recording_done: without recorder_open=False",
}
"""Mutants that change nothing that can be seen from outside."""
NO_STEPS = {"_table", "handle", "why_not_hung_up", "why_not_paused", "code_typed", "pause_asked"}
"""The table itself; and pauses and questions, which tests/core/test_calls.py has one by one."""


class Mutant(NamedTuple):
    name: str
    function: int
    """Which statement of the module it is in."""
    node: int
    """Which node of that, in the order in which ``ast.walk`` comes to it."""
    change: Callable[[Any], Any]

    def build(self) -> ModuleType:
        """The module with this step less."""
        tree = ast.Module(list(SOURCE.body), type_ignores=[])
        tree.body[self.function] = function = copy.deepcopy(SOURCE.body[self.function])
        self.change(list(ast.walk(function))[self.node])
        module = ModuleType("gate.core.calls_mutant")
        sys.modules[module.__name__] = module  # dataclasses look their module up
        exec(compile(ast.fix_missing_locations(tree), "calls_mutant", "exec"), module.__dict__)  # noqa: S102
        return module


def mutants() -> Iterator[Mutant]:
    for at, function in enumerate(SOURCE.body):
        if isinstance(function, ast.FunctionDef) and function.name not in NO_STEPS:
            for number, node in enumerate(ast.walk(function)):
                for name, change in changes(node):
                    yield Mutant(f"{function.name}: {name}", at, number, change)


def changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """What can be taken out of a node: its name, and what takes it out of a copy of the node."""
    if isinstance(node, ast.List):
        for i, element in enumerate(node.elts):
            yield f"without {ast.unparse(element)}", lambda copied, i=i: copied.elts.pop(i)
    elif isinstance(node, (ast.If, ast.IfExp)):
        for value in (True, False):

            def force(copied, value=value):
                copied.test = ast.Constant(value)

            yield f"{ast.unparse(node.test)} is {'always' if value else 'never'} so", force
    elif isinstance(node, ast.BoolOp):
        for i, operand in enumerate(node.values):

            def ignore(copied, i=i):
                copied.values[i] = ast.Constant(isinstance(copied.op, ast.And))

            yield f"without the condition {ast.unparse(operand)}", ignore
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "replace":
        for i, keyword in enumerate(node.keywords):
            yield f"without {ast.unparse(keyword)}", lambda copied, i=i: copied.keywords.pop(i)


MUTANTS = list(mutants())


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_step_that_is_missing_is_missed(mutant: Mutant) -> None:
    if mutant.name in SAME:
        walk(CALLS // 5, mutant.build())
        return
    with pytest.raises((AssertionError, calls.UnexpectedEvent)):
        walk(CALLS, mutant.build())
