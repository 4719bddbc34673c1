"""What is drawn on a terminal, and nowhere else: a bar of progress, a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from gate.core.showing import clean


@contextmanager
def bar(title: str) -> Iterator[Callable[[float, str], None]]:
    """A bar on standard error; yields what tells it the part done (0.0 to 1.0) and what is being done."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=1.0)
        yield lambda done, text: shown.update(task, completed=done, description=clean(text) or title)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of cells that hold no control characters, on standard output."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        drawn.add_column(Text(heading), overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)
