"""Counts the work of a regular expression, in steps and not in seconds: the same on every machine, however busy.

``re`` tells nobody how often it went back. This walks the tree that ``re`` itself parses, tries what its engine tries
in the same order, and counts. Texts that could make an expression slow are made from it: what leads into it, then one
of its own words many times, then something that it cannot take.
"""

from __future__ import annotations

import itertools
import re
import re._constants as sre  # what the tree is made of
import re._parser as parser
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Continue = Callable[[int], bool]
Match = Callable[[int, Continue], bool]
"""What matches from a place on, and what follows it from where that ends."""
NODES = '0aA_ \t\n;,=:"\\<>@/-.!\x01\xe9'
"""Signs tried beside those that an expression names."""
STRANGE = "\x02"
"""What hardly any expression takes."""
TOO_MANY = 400_000
"""Steps for a text of some hundred signs, beyond which nobody counts on."""
LONGEST_WORD = 16
"""Signs of what is repeated."""
MOST_TEXTS = 1500
"""Texts that are made of one expression."""
FASTER = 1.6
"""Growth beyond which work is not in proportion."""


class TooManySteps(Exception):
    """The work grows beyond all measure."""


class StepQueue:
    """One expression, walked."""

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
        self.tree = parser.parse(text, flags)
        self.flags = self.tree.state.flags
        self.count = 0
        self._text = ""
        self._groups: dict[int, tuple[int, int]] = {}
        self._known: dict[Any, bool] = {}
        self._match = self._sequence(self.tree.data)

    # --- what is counted --------------------------------------------------------------------------------------------

    def work(self, text: str, way: str) -> int:
        """Steps of ``fullmatch``, of ``match`` (at the beginning alone), or of ``search`` and what goes on after each
        find: ``sub``, ``split``, ``findall``."""
        self.count, self._text = 0, text
        with _deep():
            if way != "search":
                self._match(0, lambda end: way == "match" or end == len(text))
                return self.count
            at = 0
            while at <= len(text):
                found: list[int] = []
                self._groups.clear()
                if self._match(at, lambda end, found=found: found.append(end) or True):
                    at = max(found[0], at + 1)
                else:
                    at += 1
        return self.count

    def _sequence(self, nodes: list[Any]) -> Match:
        """A walk through them, made once: what stands alone is looked at in a loop, what can be taken back is gone
        into, with the walk through the rest behind it."""
        alone: list[Callable[[int], int]] = []
        inner: Match | None = None
        for index, (kind, value) in enumerate(nodes):
            if kind in (sre.SUBPATTERN, sre.BRANCH, sre.MAX_REPEAT, sre.MIN_REPEAT):
                inner = self._into(kind, value, self._sequence(nodes[index + 1 :]))
                break
            alone.append(self._alone(kind, value))
        numbered, all_of_them = list(enumerate(alone, 1)), len(alone) + (inner is not None)

        def match(at: int, then: Continue) -> bool:
            for number, step in numbered:
                at = step(at)
                if at < 0:
                    self.count += number
                    return False
            self.count += all_of_them
            if self.count > TOO_MANY:
                raise TooManySteps
            return then(at) if inner is None else inner(at, then)

        return match

    def _alone(self, kind: Any, value: Any) -> Callable[[int], int]:
        """Where a node ends that begins at a place; -1 where it does not match. It is not gone back into."""
        if kind in _ONE:
            known: dict[str, bool] = {}

            def one(at: int) -> int:
                text = self._text
                if at >= len(text):
                    return -1
                if (taken := known.get(text[at])) is None:
                    taken = known[text[at]] = self._really_takes(kind, value, text[at])
                return at + 1 if taken else -1

            return one
        if kind is sre.AT:
            return lambda at: at if self._stands(value, at) else -1
        if kind is sre.GROUPREF:
            return lambda at: self._again(value, at)
        if kind in (sre.ASSERT, sre.ASSERT_NOT):
            direction, tree = value
            held, back = self._sequence(tree.data), 0 if direction > 0 else tree.getwidth()[0]
            wanted = kind is sre.ASSERT
            return lambda at: at if (at >= back and held(at - back, lambda _: True)) is wanted else -1
        if kind is sre.ATOMIC_GROUP:
            once = self._sequence(value.data)
        elif kind is sre.POSSESSIVE_REPEAT:
            lowest, highest, tree = value
            once = self._repeat(sre.MAX_REPEAT, int(lowest), int(highest), tree.data)
        else:
            raise NotImplementedError(str(kind))

        def end_of(at: int) -> int:
            ends: list[int] = []
            return ends[0] if once(at, lambda end: ends.append(end) or True) else -1  # type: ignore[func-returns-value]

        return end_of

    def _again(self, group: int, at: int) -> int:
        begin, end = self._groups.get(group, (0, 0))
        self.count += end - begin
        return at + end - begin if self._text.startswith(self._text[begin:end], at) else -1

    def _into(self, kind: Any, value: Any, rest: Match) -> Match:
        if kind is sre.SUBPATTERN:
            number, _, _, tree = value
            inner = self._sequence(tree.data)

            def group(at: int, then: Continue) -> bool:
                def after(end: int) -> bool:
                    if number is not None:
                        self._groups[number] = (at, end)
                    return rest(end, then)

                return inner(at, after)

            return group
        if kind is sre.BRANCH:
            ways = [self._sequence(way.data) for way in value[1]]
            return lambda at, then: any(way(at, lambda end: rest(end, then)) for way in ways)
        lowest, highest, tree = value
        repeat = self._repeat(kind, int(lowest), int(highest), tree.data)
        return lambda at, then: repeat(at, lambda end: rest(end, then))

    def _repeat(self, kind: Any, lowest: int, highest: int, nodes: list[Any]) -> Match:
        if len(nodes) == 1 and nodes[0][0] in _ONE:
            return self._run(kind, lowest, highest, *nodes[0])
        inner = self._sequence(nodes)

        def match(at: int, then: Continue) -> bool:
            def more(done: int, at: int, last: int) -> bool:
                self.count += 1

                def again() -> bool:
                    return done < highest and inner(
                        at, lambda end: (end > at or done < lowest) and more(done + 1, end, at)
                    )

                if done < lowest:
                    return again()
                return (again() or then(at)) if kind is sre.MAX_REPEAT else (then(at) or again())

            return more(0, at, -1)

        return match

    def _run(self, kind: Any, lowest: int, highest: int, one: Any, value: Any) -> Match:
        """A repeated single sign: run through at once, and gone back over sign by sign."""
        known: dict[str, bool] = {}

        def match(at: int, then: Continue) -> bool:
            text, most = self._text, at
            last = min(len(text), at + highest)
            while most < last:
                if (taken := known.get(text[most])) is None:
                    taken = known[text[most]] = self._really_takes(one, value, text[most])
                if not taken:
                    break
                most += 1
            self.count += most - at
            ends = range(at + lowest, most + 1)
            for end in reversed(ends) if kind is sre.MAX_REPEAT else ends:
                self.count += 1
                if self.count > TOO_MANY:
                    raise TooManySteps
                if then(end):
                    return True
            return False

        return match

    # --- signs ------------------------------------------------------------------------------------------------------

    def _takes(self, kind: Any, value: Any, sign: str) -> bool:
        key = (id(value), kind, sign) if kind is sre.IN else (value, kind, sign)
        if (known := self._known.get(key)) is None:
            known = self._known[key] = self._really_takes(kind, value, sign)
        return known

    def _really_takes(self, kind: Any, value: Any, sign: str) -> bool:
        if kind is sre.ANY:
            return sign != "\n" or bool(self.flags & re.DOTALL)
        if kind is sre.NOT_LITERAL:
            return not self._same(value, sign)
        if kind is sre.LITERAL:
            return self._same(value, sign)
        return _in(value, sign) or (bool(self.flags & re.IGNORECASE) and _in(value, sign.swapcase()))

    def _same(self, code: int, sign: str) -> bool:
        return chr(code) == sign or (bool(self.flags & re.IGNORECASE) and chr(code).lower() == sign.lower())

    def _stands(self, where: Any, at: int) -> bool:
        text = self._text
        if where in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            lines = where is sre.AT_BEGINNING and self.flags & re.MULTILINE
            return at == 0 or bool(lines and text[at - 1] == "\n")
        if where in (sre.AT_END, sre.AT_END_STRING):
            lines = where is sre.AT_END and self.flags & re.MULTILINE
            return at == len(text) or (where is sre.AT_END and at == len(text) - 1 and text[at] == "\n") or bool(
                lines and text[at] == "\n"
            )  # fmt: skip
        word = [at_ >= 0 and at_ < len(text) and (text[at_].isalnum() or text[at_] == "_") for at_ in (at - 1, at)]
        return (word[0] != word[1]) is (where is sre.AT_BOUNDARY)

    # --- hostile texts ----------------------------------------------------------------------------------------------

    def hostile(self) -> Iterator[tuple[str, str, str]]:
        """(what leads in, what is repeated, what ends it)."""
        literals = sorted({chr(code) for code in _literals(self.tree)})
        signs = _kinds(self.tree, [*literals, *NODES, STRANGE], self._takes)
        if self.flags & re.MULTILINE and "\n" not in signs:
            signs.append("\n")
        words = [*signs, *("".join(pair) for pair in itertools.product(signs, repeat=2) if pair[0] != pair[1])]
        leads = {""}
        for pieces in _samples(self.tree, self._takes, signs):
            leads.update("".join(pieces[:end]) for end in range(1, len(pieces)))
            words.append("".join(pieces)[:LONGEST_WORD] or STRANGE)
        every = 1 + len(leads) * len(words) // MOST_TEXTS
        for lead, word in itertools.product(sorted(leads)[::every], dict.fromkeys(words)):
            yield lead, word, STRANGE

    def worst(self, way: str) -> tuple[float, str]:
        """How much faster than in proportion the work can grow: about 1 where it is linear, 2 where it is quadratic;
        and the text that showed it."""
        worst, shown = 0.0, ""
        for lead, word, end in self.hostile():
            growth = self._growth(lead, word, end, way, 10)
            if growth > FASTER:  # it may be no more than a repetition with a bound: a longer text tells
                growth = self._growth(lead, word, end, way, max(60, 80 // len(word)))
            if growth > worst:
                worst, shown = growth, f"{lead!r} + {word!r} * n + {end!r}"
            if worst > FASTER:
                break
        return worst, shown

    def _growth(self, lead: str, word: str, end: str, way: str, size: int) -> float:
        try:
            if (four := self.work(lead + word * 4 * size + end, way)) <= 8 * size:
                return 0.0
            one, two = (self.work(lead + word * many + end, way) for many in (size, 2 * size))
        except TooManySteps:
            return float("inf")
        return (four - two) / max(1, two - one) / 2


_ONE = (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN)
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)


def _in(items: Any, sign: str) -> bool:
    wanted = True
    code = ord(sign)
    for kind, value in items:
        if kind is sre.NEGATE:
            wanted = False
        elif kind is sre.LITERAL:
            if code == value:
                return wanted
        elif kind is sre.RANGE:
            if value[0] <= code <= value[1]:
                return wanted
        elif _CATEGORIES[str(value).removeprefix("CATEGORY_")](sign):
            return wanted
    return not wanted


_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdecimal,
    "NOT_DIGIT": lambda sign: not sign.isdecimal(),
    "SPACE": str.isspace,
    "NOT_SPACE": lambda sign: not sign.isspace(),
    "WORD": lambda sign: sign.isalnum() or sign == "_",
    "NOT_WORD": lambda sign: not (sign.isalnum() or sign == "_"),
}


def _inside(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every node of a tree."""
    for kind, value in tree:
        yield kind, value
        parts = [value] if not isinstance(value, (tuple, list)) else value
        for part in parts:
            if isinstance(part, parser.SubPattern):
                yield from _inside(part)
            elif isinstance(part, list) and part and isinstance(part[0], parser.SubPattern):
                for way in part:
                    yield from _inside(way)


def _literals(tree: Any) -> Iterator[int]:
    for kind, value in _inside(tree):
        if kind in (sre.LITERAL, sre.NOT_LITERAL):
            yield value
        elif kind is sre.IN:
            for inner, item in value:
                if inner is sre.LITERAL:
                    yield item
                elif inner is sre.RANGE:
                    yield item[0]


def _kinds(tree: Any, signs: list[str], takes: Callable[[Any, Any, str], bool]) -> list[str]:
    """One sign of every kind that the expression tells apart where it repeats, and where it begins."""
    ones = [(kind, value) for kind, value in _inside(tree) if kind in _ONE and kind is not sre.LITERAL]
    for kind, value in _inside(tree):
        if kind in _REPEATS and value[1] > 1:
            ones.extend((inner, each) for inner, each in _inside(value[2]) if inner is sre.LITERAL)
    ones.extend([node for node in _inside(tree) if node[0] is sre.LITERAL][:1])
    kinds: dict[tuple[bool, ...], str] = {}
    for sign in signs:
        kinds.setdefault(tuple(takes(kind, value, sign) for kind, value in ones), sign)
    return list(kinds.values())


def _samples(tree: Any, takes: Callable[[Any, Any, str], bool], signs: list[str]) -> list[list[str]]:
    """Texts that the expression (nearly) matches, in pieces that end before and behind each repetition: optional parts
    taken, and left out; each branch."""

    def made(nodes: Any, often: int, choice: int) -> str:
        out = []
        for kind, value in nodes:
            if kind is sre.LITERAL:
                out.append(chr(value))
            elif kind in _ONE:
                out.append(next((sign for sign in signs if takes(kind, value, sign)), ""))
            elif kind is sre.SUBPATTERN:
                out.append(made(value[3], often, choice))
            elif kind is sre.BRANCH:
                out.append(made(value[1][choice % len(value[1])], often, choice))
            elif kind in _REPEATS:
                times = max(int(value[0]), min(often, int(value[1])))
                out.extend((_CUT, made(value[2], often, choice) * min(times, 8), _CUT))
            elif kind is sre.ATOMIC_GROUP:
                out.append(made(value, often, choice))
        return "".join(out)

    texts = dict.fromkeys(made(tree, often, choice) for often in (0, 1, 2) for choice in range(4))
    return [text.split(_CUT) for text in texts]


_CUT = "\ue000"


@contextmanager
def _deep() -> Iterator[None]:
    """Room for the walk, which goes a level down for every step that it could take back."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 100_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
