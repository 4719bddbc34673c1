"""The state machine of ``call_machine`` can fail: each step of the call's rules is taken out once, and it is missed.

A step is a command that a handler gives, a condition or a part of one, or a field that it changes. A mutant is the
module's own source with one step less.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gate.core import calls
from tests.core.call_machine import walk

SOURCE = ast.parse(Path(calls.__file__).read_text())
CALLS = 1500
"""As many as reach every edge of the table."""
SAME = {
    # Whatever ends a call a second time is told to a state that notes no cause.
    "_end: call.ended_by is never so",
    # Nothing reads it of a call that is over.
    "_recording_done: without recorder_open=False",
}
"""Mutants that change nothing that can be seen from outside."""


def mutants() -> Iterator[tuple[str, ast.Module]]:
    """Every mutant with its name."""
    for at, function in enumerate(SOURCE.body):
        if isinstance(function, ast.FunctionDef) and function.name.startswith("_") and function.name != "_table":
            for number, node in enumerate(ast.walk(function)):
                for name, change in changes(node):
                    tree = copy.deepcopy(SOURCE)
                    change(list(ast.walk(tree.body[at]))[number])
                    yield f"{function.name}: {name}", ast.fix_missing_locations(tree)


def changes(node: ast.AST):
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


def built(tree: ast.Module) -> ModuleType:
    """The module of a mutant."""
    module = ModuleType("gate.core.calls_mutant")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(tree, "calls_mutant", "exec"), module.__dict__)  # noqa: S102 - our own source, one step less
    return module


MUTANTS = list(mutants())


@pytest.mark.parametrize(("name", "tree"), MUTANTS, ids=[name for name, _ in MUTANTS])
def test_a_step_that_is_missing_is_missed(name: str, tree: ast.Module) -> None:
    mutant = built(tree)
    if name in SAME:
        walk(CALLS // 5, mutant)
        return
    with pytest.raises((AssertionError, calls.UnexpectedEvent)):
        walk(CALLS, mutant)
