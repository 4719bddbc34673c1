"""Finds kinds of facts that are written out as texts where their types of the catalogue should be named.

``python -m tests.kinds`` is part of ``make check``: it names each place. Importing the catalogue fails where a field
that may hold text is not marked.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from gate.core.facts import CATALOGUE
from gate.operations.catalogue import OPERATIONS

ROOT = Path(__file__).parents[1]
_MAY = re.compile(rf"\b(?:kind|Fact|{'|'.join(kind for kind in CATALOGUE if '_' in kind)})\b")
"""What stands in every module in which a place can be: the others need not be read as Python."""
_IN_SQL = re.compile(r"\bkind\s*(?:=|<>|IS|IS NOT|IN|NOT IN)\s*\(?\s*'([a-z_]+)'")
ELSEWHERE = {*OPERATIONS, "call_in", "called_against_refusal", "log_verified", "not_kept"}
"""Names of operations, a section of the configuration, a state and a cause of a call, a check of the demo."""
APART = (
    *("gate/core/facts/", "gate/store/schema.py", "gate/store/transfers.py", "gate/calls/metrics.py"),
    "gate/exports/reader.py",
)
"""The catalogue; migrations, which are never edited; names of metrics; a program that has nothing of the gate."""


def places(source: str) -> Iterator[tuple[int, str]]:
    """Line and kind of each text of a module that stands for a kind: compared with one, asked for in SQL, listed with
    others, or given to a function."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((node.lineno, kind) for kind in _IN_SQL.findall(node.value))
        elif isinstance(node, ast.Compare) and any(map(_is_kind, (node.left, *node.comparators))):
            yield from ((node.lineno, kind) for each in (node.left, *node.comparators) for kind in _texts(each))
        elif isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
            parts = [each for each in (node.keys if isinstance(node, ast.Dict) else node.elts) if each is not None]
            yield from ((node.lineno, kind) for kind in _texts(*parts) if "_" in kind and kind not in ELSEWHERE)
        elif isinstance(node, ast.Call) and not _logs(node):
            made = isinstance(node.func, ast.Name) and node.func.id == "Fact"
            texts = _texts(*node.args, *(each.value for each in node.keywords))
            yield from ((node.lineno, kind) for kind in texts if made or ("_" in kind and kind not in ELSEWHERE))


def _logs(node: ast.Call) -> bool:
    """What the gate's own log says: its words may be those of a kind."""
    return isinstance(node.func, ast.Attribute) and node.func.attr in ("debug", "info", "warning", "error")


def _is_kind(node: ast.AST) -> bool:
    """``fact.kind``, ``row["kind"]``, ``row.get("kind")``, ``kind``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        return "kind" in _texts(*node.args)
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "kind"
    return (isinstance(node, ast.Attribute) and node.attr == "kind") or (
        isinstance(node, ast.Name) and node.id == "kind"
    )


def _texts(*nodes: ast.AST) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            yield from _texts(*node.elts)


def found() -> list[str]:
    """Every place of ``gate`` and ``console`` but for the catalogue: ``gate/x.py:7: objection``."""
    files = [path for room in ("gate", "console") for path in sorted((ROOT / room).rglob("*.py"))]
    sources = ((path, path.read_text()) for path in files if not any(part in str(path) for part in APART))
    return [
        f"{path.relative_to(ROOT)}:{line}: {kind}"
        for path, source in sources
        if _MAY.search(source)
        for line, kind in places(source)
        if kind in CATALOGUE
    ]


if __name__ == "__main__":
    wrong = found()
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
