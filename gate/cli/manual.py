"""``dialgate manual``: the pages of the manual, in a terminal or as Markdown."""

from __future__ import annotations

import difflib
import os
import re
import sys
from pathlib import Path
from typing import cast

import click
from rich.console import Console
from rich.markdown import Markdown

from gate import manual
from gate.cli import man_pages
from gate.cli.command import FOLDER, make
from gate.cli.output import View, say
from gate.errors import UsageError


@make(
    "manual",
    config=False,
    example="dialgate manual\ndialgate manual retention\ndialgate manual reason-codes > reason-codes.md\n"
    "dialgate manual grafana.json > dialgate.json\ndialgate manual --man /usr/local/share/man/man1",
)
@click.argument(
    "page",
    required=False,
    metavar="[PAGE]",
    shell_complete=lambda _context, _parameter, typed: [
        each.name for each in manual.pages() if each.name.startswith(typed)
    ],
)
@click.option(
    "--man",
    type=FOLDER,
    metavar="FOLDER",
    help="Write pages for man(1) into FOLDER, one for each command: what --help says.",
)
def command(view: View, page: str | None, man: Path | None) -> None:
    """List the pages of the manual, or show PAGE: in a terminal through $PAGER, elsewhere as Markdown.

    grafana.json (a dashboard) and alerts.yml (rules for Prometheus) are written as they are.
    """
    if man is not None:
        written = man_pages.write(cast(click.Group, click.get_current_context().find_root().command), man)
        view.data({"written": [str(path) for path in written]}, text=lambda told: told["written"])
        return
    listed = manual.pages()
    if page is None:
        rows = [each._asdict() for each in listed]
        view.rows({"pages": rows}, "pages", [("name", "PAGE"), ("about", "ABOUT")], none="There are no pages.")
        if not view.json:
            say("Read one: dialgate manual PAGE. In the console: ? and then m.")
        return
    if page in manual.FILES:
        text = manual.read_file(page)
        if view.json:
            view.data({"page": page, "text": text})
        else:
            click.echo(text, nl=False)
        return
    text = manual.read(_known(page, [each.name for each in listed]))
    if view.json:
        view.data({"page": page, "text": text})
    elif sys.stdout.isatty():
        _show(text)
    else:
        click.echo(text, nl=False)


def _known(page: str, names: list[str]) -> str:
    """``page`` where it is one, by its name or file name; raises ``UsageError`` with the nearest."""
    wanted = page.removesuffix(".md")
    if wanted in (manual.INDEX, *names):
        return wanted
    near = _nearest(re.sub(r"[\s_]+", "-", wanted.lower()), names)
    hint = f"dialgate manual {near}" if near else "dialgate manual lists the pages"
    raise UsageError(f"the manual has no page {page!r}", hint=hint)


def _nearest(asked: str, names: list[str]) -> str:
    """The page with a name like it, else the one that speaks of it most often; empty for none."""
    if close := difflib.get_close_matches(asked, names, n=1):
        return close[0]
    words = asked.replace("-", " ").strip()
    said = {name: manual.read(name).lower().count(words) for name in names} if words else {}
    best = max(said, key=lambda name: said[name], default="")
    return best if said.get(best) else ""


def _show(text: str) -> None:
    console = Console()
    os.environ.setdefault("LESS", "-FRX")  # less: colours as they are, and no waiting where all of it fits
    with console.pager(styles=True):
        console.print(Markdown(manual.for_terminal(text), hyperlinks=False), width=min(console.width, 100))
