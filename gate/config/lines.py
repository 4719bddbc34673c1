"""Which line of a TOML file a key stands on, for error messages.

``tomllib`` keeps no positions. This reads only as much of TOML as is needed to say "line 12" of a file that ``tomllib``
has accepted: table headers, keys, and strings or arrays that go over several lines. A key that it does not find has no
line, never a wrong value: the values always come from ``tomllib``.
"""

from __future__ import annotations

import re

Key = tuple[str | int, ...]
"""A place in the file: ``("account", 0, "username")``."""

_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]#]+)\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$"""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def lines(text: str) -> dict[Key, int]:
    """Line numbers, from 1, of every table and key in ``text``."""
    found: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    pending = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if pending:
            pending = _still_open(pending, line)
            continue
        if header := _HEADER.match(line):
            names = _parts(header[2])
            if header[1] == "[[":
                index = counts.get(names, 0)
                counts[names] = index + 1
                table = (*names, index)
            else:
                table = names
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_parts(key[1])), number)
            pending = _still_open("", key[2])
    return found


def line_of(found: dict[Key, int], key: Key) -> int | None:
    """The line of ``key``, else of the nearest place that holds it (an element's array, a missing key's table)."""
    while key:
        if key in found:
            return found[key]
        key = key[:-1]
    return None


def _parts(dotted: str) -> Key:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _still_open(pending: str, line: str) -> str:
    """What is open at the end of ``line``: the quotes of a multi-line string, a ``[`` per array, or nothing."""
    index = 0
    while index < len(line):
        rest = line[index:]
        if pending.endswith(('"""', "'''")):
            quote = pending[-3:]
            if quote == '"""' and rest[0] == "\\":
                index += 2
                continue
            if rest.startswith(quote):
                pending = pending[:-3]
                index += 3
                continue
        elif rest.startswith(('"""', "'''")):
            pending += rest[:3]
            index += 3
            continue
        elif rest[0] in "\"'":
            index += _string_length(rest)
            continue
        elif rest[0] == "#":
            break
        elif rest[0] == "[":
            pending += "["
        elif rest[0] == "]":
            pending = pending.removesuffix("[")
        index += 1
    return pending


def _string_length(rest: str) -> int:
    quote = rest[0]
    index = 1
    while index < len(rest) and rest[index] != quote:
        index += 2 if quote == '"' and rest[index] == "\\" else 1
    return index + 1
