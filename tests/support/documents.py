"""README and the pages of the manual, as the tests of documentation read them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gate import manual
from tests.support.commands import ROOT

README = ROOT / "README.md"
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced code block."""

    language: str
    text: str


class Document(NamedTuple):
    """A Markdown file."""

    path: Path
    text: str

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return FENCED.sub("", self.text)

    @property
    def blocks(self) -> list[Block]:
        """Every code block."""
        return [Block(match[2], match[3]) for match in FENCED.finditer(self.text)]

    @property
    def spans(self) -> list[str]:
        """Every piece of code inside the prose."""
        return [" ".join(match[1].split()) for match in SPAN.finditer(self.prose)]

    @property
    def links(self) -> list[str]:
        """Where links and pictures lead."""
        return LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What a link may name behind ``#``, as GitHub and Textual make it of headings."""
        plain = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for _, title in HEADING.findall(self.prose)]
        return set(plain)


@cache
def document(path: Path) -> Document:
    """One of them."""
    return Document(path, path.read_text(encoding="utf-8"))


def page(name: str) -> Document:
    """A page of the manual."""
    return document(manual.FOLDER / f"{name}.md")


def documents() -> list[Document]:
    """README, every file of the manual, and what is for those who work on the code."""
    folders = (manual.FOLDER, ROOT / ".github")
    return [document(README), *(document(path) for folder in folders for path in sorted(folder.glob("*.md")))]
