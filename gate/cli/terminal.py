"""What is drawn on a terminal, and nowhere else: a bar of progress, a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from gate.showing import clean

_ID: Final = re.compile(r"[0-9a-f]{32}")
_SHORT: Final = 8
"""Signs that are shown of an id: every command takes its beginning."""
_LONGEST: Final = 24
"""Signs of a word that is kept in one piece; a digest is not."""


@contextmanager
def bar(title: str) -> Iterator[Callable[[float, str], None]]:
    """A bar on standard error; yields what tells it the part done (0.0 to 1.0) and what is being done."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=1.0)
        yield lambda done, text: shown.update(task, completed=done, description=clean(text) or title)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of cells that hold no control characters, on standard output. Of ids the beginning is shown, and no word is
    broken where there is room for the longest of each column."""
    columns = [(heading, *_shortened(cells)) for heading, cells in zip(headings, zip(*rows, strict=True), strict=True)]
    console = Console()
    gap, widths = _widths(columns, console.width)
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        drawn.add_column(Text(column[0]), overflow="fold", width=width)
    for row in zip(*(column[1:] for column in columns), strict=True):
        drawn.add_row(*map(Text, row))
    console.print(drawn)


def _widths(columns: Sequence[Sequence[str]], room: int) -> tuple[int, list[int | None]]:
    """The gap between columns, and their widths; None where no width keeps every word whole."""
    words = [" ".join(column).split() for column in columns]
    widths = [max((len(word) for word in column if len(word) <= _LONGEST), default=1) for column in words]
    wanted = [max(map(len, column)) for column in columns]
    gap = 2 if sum(wanted) + 2 * len(widths) <= room else 1
    if sum(widths) + gap * len(widths) > room:
        return gap, [None] * len(widths)
    for _ in range(room - sum(widths) - gap * len(widths)):
        at = max(range(len(widths)), key=lambda each: wanted[each] / widths[each])
        widths[at] += wanted[at] > widths[at]
    return gap, list(widths)


def _shortened(cells: Sequence[str]) -> Sequence[str]:
    """The cells of a column; where they are ids, as much of each as no other in it begins with."""
    ids = [cell for cell in cells if cell != "-"]
    if not ids or not all(map(_ID.fullmatch, ids)):
        return cells
    least = next((size for size in range(_SHORT, 32) if len({each[:size] for each in ids}) == len(set(ids))), 32)
    return [cell[:least] for cell in cells]
