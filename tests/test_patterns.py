"""Every regular expression in the gate and the console takes time in proportion to its text.

None is left to trust: what is text of our own today is text from outside tomorrow. They are found in the source, and
walked by ``tests.support.steps``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache, reduce
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.steps import FASTER, StepQueue

pytestmark = pytest.mark.deep

ROOT = Path(__file__).parents[1]
CALLS = {"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
USED = re.compile(rf"\bre\.(?:{'|'.join(CALLS)})\(")
ANYWHERE = CALLS - {"compile", "match", "fullmatch"}


class Pattern(NamedTuple):
    where: str
    text: str | bytes
    flags: int
    ways: frozenset[str]


def _flags(nodes: list[ast.expr]) -> int:
    names = [each.attr for node in nodes for each in ast.walk(node) if isinstance(each, ast.Attribute)]
    return reduce(
        int.__or__, (int(getattr(re, name)) for name in names if isinstance(getattr(re, name, 0), re.RegexFlag)), 0
    )


def _ways(tree: ast.Module, call: ast.Call, parents: dict[ast.AST, ast.AST]) -> frozenset[str]:
    """How a pattern is used: the methods called on it, or on the name that it was given."""
    name = call.func.attr  # type: ignore[union-attr]
    if name != "compile":
        return frozenset({name})
    above = parents[call]
    if isinstance(above, ast.Attribute):
        return frozenset({above.attr})
    while not isinstance(above, (ast.Assign, ast.AnnAssign, ast.Module, ast.FunctionDef)):
        above = parents[above]
    targets = (
        above.targets if isinstance(above, ast.Assign) else [above.target] if isinstance(above, ast.AnnAssign) else []
    )
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    used = {
        node.attr for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
    }  # fmt: skip
    return frozenset(used & CALLS) or frozenset({"search"})


def places() -> Iterator[str]:
    """``file:line`` of each, as text: sources are parsed once a test is run, not whenever tests are collected."""
    for path in sorted([*(ROOT / "gate").rglob("*.py"), *(ROOT / "console").rglob("*.py")]):
        text = path.read_text(encoding="utf-8")
        for line in sorted({text.count("\n", 0, found.start()) + 1 for found in USED.finditer(text)}):
            yield f"{path.relative_to(ROOT)}:{line}"


@cache
def patterns(path: str) -> list[Pattern]:
    """Those of a file."""
    found = []
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args):
            continue
        said = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        flags = _flags([*node.args[1:], *(word.value for word in node.keywords)])
        text = said if isinstance(said, (str, bytes)) else ""
        found.append(Pattern(f"{path}:{node.lineno}", text, flags, _ways(tree, node, parents)))
    return found


PLACES = list(places())
MADE_AT_RUN_TIME = {
    "console/widgets/ask.py": "what was typed into a field, letter for letter",
    "gate/config/rules.py": "the names of topics, one or the other; a number of two digits; a text of one line",
    "gate/core/recording_names.py": "a firm's pattern for names of files: 255 characters, three wildcards at most",
    "gate/store/requests.py": "the spellings of one number, digit for digit",
    "gate/softphone/sip_client.py": "a header's name, and what stands behind it on its line",
}
"""Expressions whose text is not in the source, and what they are made of."""


def test_they_are_found():
    found = [each for path in {place.partition(":")[0] for place in PLACES} for each in patterns(path)]
    assert len(found) > 60
    assert {each.where for each in found} == set(PLACES)
    unread = {each.where.partition(":")[0] for each in found if not each.text}
    assert unread == set(MADE_AT_RUN_TIME)


@pytest.mark.parametrize("place", PLACES)
def test_work_grows_with_the_text_and_not_with_its_square(place):
    for pattern in [each for each in patterns(place.partition(":")[0]) if each.where == place and each.text]:
        steps = StepQueue(pattern.text, pattern.flags)
        ways = {"search" if way in ANYWHERE else way for way in pattern.ways}
        growth, shown = max(steps.worst(way) for way in ways)
        assert growth < FASTER, f"{pattern.text!r}: work grows {growth:.1f} times as fast as the text, for {shown}"


@pytest.mark.parametrize(
    ("text", "way", "linear"),
    [
        (r'"(?:\\.|[^"\\])*"', "search", False),
        (r'"[^"\\]*(?:\\.[^"\\]*)*("?)', "search", True),
        (r"([\w-]+)\s*=\s*x", "search", False),
        (r"([\w-]+)\s*=\s*x", "match", True),
        (r"\s*a\s*\s*$", "match", False),
        (r";\s*rport(\s*=\s*\d*)?(?=\s*(;|$))", "search", False),
        (r"(a|b|ab)*c", "fullmatch", False),
        (r"(?>[a-z]+)1", "match", True),
        (r"[^\s;:]+\s*(?::\s*(\d{1,5}))?\s*((?:;.*)?)$", "match", False),
    ],
)
def test_the_count_tells_them_apart(text, way, linear):
    """The measure itself: what is known to be quadratic is seen."""
    assert (StepQueue(text).worst(way)[0] < FASTER) is linear


def test_steps_match_what_re_matches():
    """The walk takes and refuses what ``re`` does: else it would count something else."""
    for text in (
        r'"(?:\\.|[^"\\])*"',
        r"(a|ab)(c|bcd)(d*)",
        r"^\s*x{2,3}?y$",
        r"(?i)\bTag\s*=\s*([^;,\s]+)",
        r"a++b",
        r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2",
    ):
        steps = StepQueue(text)
        for sample in ("", '"a\\"b"', "abcd", "  xxy", " tag = t;", "aab", "2024-11-", "120241122", "xy", '"'):
            found: list[int] = []
            steps._text = sample
            steps._groups.clear()
            took = steps._match(0, lambda end, found=found: found.append(end) or True)
            real = re.match(text, sample)
            assert (took, found[:1]) == (real is not None, [real.end()] if real else []), (text, sample)
