"""The manual: a Markdown file for each page, read with ``dialgate manual`` and from the console's help.

``index`` lists all of them. Pages link to one another by file name (``[Retention](retention.md)``), so that the links
work in the repository, in the console and, by ``for_terminal``, as the command that shows the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent
INDEX: Final = "index"
FILES: Final = ("grafana.json", "alerts.yml", "openapi.json", "http.json", "dialgate.service")
"""Read as they are: a Grafana dashboard, alert rules for Prometheus, references for programs, the systemd unit."""
_ENTRY: Final = re.compile(r"^- \[([^\[\]\n]+)\]\(([a-z0-9-]+)\.md\): (.+(?:\n  .+)*)", re.MULTILINE)
_LINK: Final = re.compile(r"\[([^\[\]]+)\]\(([a-z0-9-]+)\.md(?:#[\w-]+)?\)")


class ManualPage(NamedTuple):
    """A page as the index names it."""

    name: str
    title: str
    about: str


def pages() -> list[ManualPage]:
    """Every page that the index lists, in its order."""
    text = (FOLDER / f"{INDEX}.md").read_text(encoding="utf-8")
    return [ManualPage(name, title, " ".join(about.split())) for title, name, about in _ENTRY.findall(text)]


def read(name: str) -> str:
    """The Markdown of a page. Raises ``FileNotFoundError``."""
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def read_file(name: str) -> str:
    """One of ``FILES``."""
    return (FOLDER / name).read_text(encoding="utf-8")


def for_terminal(text: str) -> str:
    """Links to pages as what is typed to read them, for a renderer that cannot follow them."""
    return _LINK.sub(r"*\1* (`dialgate manual \2`)", text)
