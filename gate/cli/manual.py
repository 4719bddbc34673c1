"""``dialgate manual``: the pages of the manual, in a terminal, as Markdown, or for man(1).

Pages for man(1) are made of what ``--help`` prints: one for the program, one for each of its commands.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import cast

import click
from rich.console import Console
from rich.markdown import Markdown

from gate import manual
from gate.cli.command import FOLDER, arguments_of, make
from gate.cli.output import View, narrate
from gate.client.files import output_file
from gate.errors import UsageError


def write(program: click.Group, folder: Path) -> list[Path]:
    """Write ``dialgate.1`` and ``dialgate-COMMAND.1`` into a folder, which is made; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {folder / f"{name}.1": "\n".join(lines) + "\n" for name, lines in _pages(program)}
    for path, text in pages.items():
        with output_file(path, 0o644) as file:
            file.write(text.encode())
    return list(pages)


def _pages(program: click.Group) -> Iterator[tuple[str, list[str]]]:
    top = click.Context(program, info_name="dialgate", **program.context_settings)
    names = program.list_commands(top)
    commands = {name: found for name in names if (found := program.get_command(top, name)) is not None}
    yield "dialgate", list(_page("dialgate", program, top, commands))
    for name, command in commands.items():
        context = click.Context(command, info_name=name, parent=top)
        yield f"dialgate-{name}", list(_page(f"dialgate-{name}", command, context, {}))


def _page(
    title: str, command: click.Command, context: click.Context, pages: Mapping[str, click.Command]
) -> Iterator[str]:
    yield f'.TH {title.upper()} 1 "" "Dialgate {version("dialgate")}" "Dialgate"'
    yield ".SH NAME"
    yield f"{title} \\- {_plain(command.get_short_help_str(200).rstrip('.'))}"
    yield from _command("SH", command, context)
    for name, inner, place in _inner(command, context) if not pages else ():
        yield f'.SH "{name.upper()}"'
        yield from _command("SS", inner, place)
    if pages:
        yield ".SH COMMANDS"
    for name, page in pages.items():
        yield ".TP"
        yield f".BR dialgate\\-{_plain(name)} (1)"
        yield _plain(page.get_short_help_str(200))
    yield ".SH SEE ALSO"
    yield _plain("dialgate(1). The manual: dialgate manual.")


def _inner(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command below this one that does something by itself."""
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        inner = command.get_command(context, name)  # type: ignore[attr-defined]
        if inner is not None:
            place = click.Context(inner, info_name=name, parent=context)
            yield place.command_path, inner, place
            yield from _inner(inner, place)


def _command(level: str, command: click.Command, context: click.Context) -> Iterator[str]:
    yield f".{level} SYNOPSIS"
    yield f".B {_plain(context.command_path)}"
    yield _plain(" ".join(command.collect_usage_pieces(context)))
    yield f".{level} DESCRIPTION"
    for paragraph in re.split(r"\n\s*\n", (command.help or command.short_help or "").strip()):
        yield ".PP"
        yield _plain(" ".join(paragraph.split()))
    records = arguments_of(command, context) + [
        record for each in command.get_params(context) if (record := each.get_help_record(context)) and record[1]
    ]
    if records:
        yield f".{level} OPTIONS"
    for option, text in records:
        yield ".TP"
        yield f".B {_plain(option)}"
        yield _plain(" ".join(text.split()))
    if example := getattr(command, "example", ""):
        yield f".{level} EXAMPLES"
        yield ".nf"
        yield from (_plain(line) for line in example.strip().splitlines())
        yield ".fi"


def _plain(text: str) -> str:
    """Escape it for roff: no sign of it is a command."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


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
    help="Write pages for man(1) into FOLDER, one for each command: the text of its --help.",
)
def command(view: View, page: str | None, man: Path | None) -> None:
    """List the pages of the manual, or show PAGE: in a terminal through $PAGER, elsewhere as Markdown.

    grafana.json (a dashboard), alerts.yml (rules for Prometheus), http.json and openapi.json (references) are written
    as they are.
    """
    if man is not None:
        written = write(cast(click.Group, click.get_current_context().find_root().command), man)
        view.data({"written": [str(path) for path in written]}, text=lambda told: told["written"])
        return
    listed = manual.pages()
    if page is None:
        rows = [each._asdict() for each in listed]
        view.rows({"pages": rows}, "pages", [("name", "PAGE"), ("about", "ABOUT")], none="There are no pages.")
        if not view.json:
            narrate("Read one: dialgate manual PAGE. In the console: ? and then m.")
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
    counts = {name: manual.read(name).lower().count(words) for name in names} if words else {}
    best = max(counts, key=lambda name: counts[name], default="")
    return best if counts.get(best) else ""


def _show(text: str) -> None:
    console = Console()
    os.environ.setdefault("LESS", "-FRX")  # less: colours as they are, and no waiting where all of it fits
    with console.pager(styles=True):
        console.print(Markdown(manual.for_terminal(text), hyperlinks=False), width=min(console.width, 100))
