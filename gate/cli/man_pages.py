"""Pages for man(1), made of what ``--help`` says: one for the program, one for each of its commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import click

from gate.cli.command import arguments_of
from gate.client.files import output_file


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
    """For roff: no sign of it is a command."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
