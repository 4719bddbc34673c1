"""The few marks of a letter's body, and what becomes of them in text and HTML: one wording, two forms.

Blank lines stand between blocks. A block is

- a heading: one line that begins with ``# ``
- a list: lines that begin with ``- ``, each with what follows it up to the next
- lines that stay as they are (an address): each begins with ``| ``
- a quotation, what a person wrote: each line begins with ``> ``
- else a paragraph, whose lines are joined and broken anew

``**words**`` in paragraphs and lists are strong. What people wrote comes into a body through ``one_line`` and
``quoted`` alone, so that no text of theirs can be taken for a mark that changes what the letter says.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 72
_STRONG: Final = re.compile(r"\*\*((?:[^*\n]|\*(?!\*))+)\*\*")
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Block:
    """One block: ``kind`` is heading, list, lines, quote or paragraph."""

    kind: str
    text: str = ""
    """Of a heading or a paragraph, on one line."""
    lines: tuple[str, ...] = ()
    """Of lines and quotations; the items of a list, each on one line."""


def one_line(text: str) -> str:
    """What a person wrote, on one line: no control or direction characters, nothing that would be strong."""
    return re.sub(r"\*{2,}", "*", " ".join(_visible(text).split()))


def quoted(text: str) -> str:
    """What a person wrote, as a quotation; empty where there is nothing."""
    return "\n".join(f"> {line}".rstrip() for line in plain_lines(text))


def plain_lines(text: str) -> list[str]:
    """The lines of what a person wrote, without blank ones at either end and with at most one between."""
    lines: list[str] = []
    for line in re.split(r"\r\n|[\n\r\v\f\x85\u2028\u2029]", text):
        clean = " ".join(_visible(line).split())
        if clean or (lines and lines[-1]):
            lines.append(clean)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _visible(text: str) -> str:
    """Without control, direction and surrogate characters."""
    kept = (" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text if sign not in _BIDI)
    return "".join(kept).encode("utf-8", "replace").decode()


def blocks(body: str) -> list[Block]:
    """The blocks of a rendered body."""
    found: list[Block] = []
    for part in re.split(r"\n[ \t]*\n", body.strip()):
        block = _block(part.split("\n"))
        if block.kind == "list" and found and found[-1].kind == "list":  # a template's statements stood between them
            found[-1] = Block("list", lines=found[-1].lines + block.lines)
        elif block.text or block.lines:
            found.append(block)
    return found


def _block(lines: list[str]) -> Block:
    lines = [line.strip() for line in lines if line.strip()]
    if not lines:
        return Block("paragraph")
    if len(lines) == 1 and lines[0].startswith("# "):
        return Block("heading", _joined([lines[0][2:]]))
    for mark, kind in (("|", "lines"), (">", "quote")):
        if all(line == mark or line.startswith(f"{mark} ") for line in lines):
            return Block(kind, lines=tuple(line[2:].strip() for line in lines))
    if lines[0].startswith("- "):
        items: list[list[str]] = []
        for line in lines:
            if line.startswith("- "):
                items.append([line[2:]])
            else:
                items[-1].append(line)
        return Block("list", lines=tuple(_joined(item) for item in items))
    return Block("paragraph", _joined(lines))


def _joined(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())


def as_text(parts: Iterable[Block]) -> str:
    """The body of a letter in plain text, 72 characters wide."""
    return "\n\n".join(_text(part) for part in parts)


def _text(block: Block) -> str:
    if block.kind == "heading":
        return f"{block.text}\n{'-' * min(len(block.text), WIDTH)}"
    if block.kind == "list":
        return "\n".join(_wrapped(_weak(item), "- ", "  ") for item in block.lines)
    if block.kind in ("lines", "quote"):
        return "\n".join(_wrapped(line, "    ", "    ") if line else "" for line in block.lines)
    return _wrapped(_weak(block.text), "", "")


def _weak(text: str) -> str:
    return _STRONG.sub(r"\1", text)


def _wrapped(text: str, first: str, following: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )


def strong_html(text: str) -> str:
    """Escaped text with its strong words marked."""
    return Markup(_STRONG.sub(r"<strong>\1</strong>", str(escape(text))))  # noqa: S704 - escaped one call before
