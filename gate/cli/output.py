"""The one place that writes: data on standard output, narration on standard error.

On a terminal rows become a table; elsewhere they are tab-separated lines under a header, for ``cut`` and ``awk``. Texts
from outside (names, notes) are shown without control characters, so that none can move the cursor or paint.
Telephone numbers are hidden in part unless they were asked for in full; on a terminal they are grouped as people write
them, elsewhere they are E.164.
"""

from __future__ import annotations

import functools
import json as json_module
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from gate.clock import today
from gate.converting import convert
from gate.core.rows import heading
from gate.errors import GateError, RefusedError
from gate.showing import brief, grouped_in, local
from gate.showing import clean as clean
from gate.showing import masked as masked

if TYPE_CHECKING:
    from gate.config import Config

T = TypeVar("T")
Column = tuple[str, str]
"""Key of the row, heading."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class View:
    """How one command writes, and where its configuration is."""

    json: bool
    show_numbers: bool
    debug: bool
    path: Path

    @functools.cached_property
    def config(self) -> Config:
        """The configuration, secrets unlooked at; raises ``ConfigError``."""
        from gate.config import load  # not at the top: help and errors need no configuration

        return load(self.path, secrets=False, today=today())

    def data(self, value: T, *, text: Callable[[T], Iterable[str]] | None = None, prose: bool = False) -> None:
        """One result: as JSON, or the lines that ``text`` makes of it (default: ``key: value``). A Struct comes to
        ``text`` as that Struct, with the numbers in it hidden as everywhere.

        On a terminal such pairs, and the lines of a text that is ``prose``, break between words. Others may be copied
        from it: they stay whole.
        """
        shown = json_values(value) if self.show_numbers else masked(json_values(value))
        if self.json:
            _json(shown)
        else:
            typed = convert(shown, type(value)) if isinstance(value, msgspec.Struct) else shown
            for line in text(typed) if text else pairs(shown):
                shown_line = _for_eyes(line).rstrip()
                click.echo(_broken(shown_line) if (prose or not text) and sys.stdout.isatty() else shown_line)

    def rows(self, value: Any, key: str, columns: Sequence[Column], *, none: str) -> None:
        """A list: as JSON the whole ``value``, else the rows under ``key``, and how to go on where there are more."""
        value = json_values(value)
        shown = value if self.show_numbers else masked(value)
        if self.json:
            _json(shown)
            return
        rows = shown[key]
        if not rows:
            narrate(none)
        elif sys.stdout.isatty():
            _table(rows, columns)
        else:
            click.echo("\t".join(name for name, _ in columns))
            for row in rows:
                click.echo("\t".join(clean(plain(row.get(name))) for name, _ in columns))
        if value.get("next"):
            narrate(f"There are more: --after '{value['next']}'")

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[float, str], None] | None]:
        """A bar on standard error where that is a terminal, otherwise nothing."""
        if self.json or not sys.stderr.isatty():
            yield None
            return
        from gate.cli.terminal import bar  # Rich is loaded for a terminal alone

        with bar(title) as tell:
            yield tell


def columns(row: type[msgspec.Struct], *names: str) -> list[Column]:
    """Fields of a row as columns of a table, each under its heading (``gate.core.rows``)."""
    return [(name, heading(row, name)) for name in names]


def json_values(value: Any) -> Any:
    """An operation's response, or parts of one, as JSON values; anything else as it is."""
    if isinstance(value, Mapping):
        return {name: json_values(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [json_values(each) for each in value]
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value


def narrate(text: str) -> None:
    """A line of narration, on standard error."""
    _narrate(clean(text))


def typed(question: str, *, hidden: bool = False) -> str:
    """What is typed at a prompt on standard error; ``hidden``: without showing it.

    After an empty line it says why it asks again. Raises ``click.Abort``.
    """
    while not (answer := click.prompt(question, default="", show_default=False, hide_input=hidden, err=True)):
        narrate("  Nothing was typed, and an answer is needed; Ctrl-C leaves.")
    return str(answer)


def complain(error: GateError, *, json: bool = False) -> None:
    """An error, on standard error: what happened, and what to do. With ``--json`` also as JSON on standard output."""
    first, *rest = error.message.splitlines() or [type(error).__name__]
    reason = f" ({error.reason})" if isinstance(error, RefusedError) and error.reason else ""
    _narrate(f"dialgate: {clean(first)}{reason}")
    for line in rest:
        _narrate(f"          {clean(line)}")
    if error.hint:
        _narrate(f"    hint: {clean(error.hint)}")
    if json:
        more = {"reason": error.reason} if isinstance(error, RefusedError) else {}
        complain_as_json(error.message, error.hint, error.exit_code, **more)


def complain_as_json(message: str, hint: str, exit_code: int, **more: str) -> None:
    """An error as JSON, on standard output, so that whoever reads that is told too."""
    with suppress(OSError):  # standard output may be what failed: a full disk, a reader who has gone
        _json({"error": {"message": message, "hint": hint, "exit_code": exit_code, **more}})
        sys.stdout.flush()


def pairs(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """``key: value`` lines; what is inside an object or a list of objects goes under it."""
    for key, inner in value.items():
        name = f"{indent}{key.replace('_', ' ')}:"
        if isinstance(inner, Mapping) and inner:
            yield name
            yield from pairs(inner, indent + "  ")
        elif isinstance(inner, list) and inner and isinstance(inner[0], Mapping):
            yield name
            for item in inner:
                lines = list(pairs(item, indent + "    "))
                yield f"{indent}  - {lines[0].strip()}" if lines else f"{indent}  -"
                yield from lines[1:]
        else:
            yield f"{name} {plain(inner) or '-'}"


def plain(value: Any) -> str:
    """A value in words; a time is London's."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, list | tuple):
        return (
            ", ".join(plain(inner) if not _is_span(inner) else " to ".join(map(plain, inner)) for inner in value) or "-"
        )
    if isinstance(value, Mapping):
        return json_module.dumps(value, ensure_ascii=False) if value else "-"
    text = str(value)
    return local(text) if _TIME.fullmatch(text) else text


def _is_span(value: Any) -> bool:
    """Whether it is a gap of a recording: two numbers, seconds."""
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(each, float | int) for each in value)


def _narrate(line: str) -> None:
    click.echo(_broken(line) if sys.stderr.isatty() else line, err=True)


def _broken(line: str) -> str:
    """A line in as many as a terminal has room for, broken between words; what goes on is indented by two more."""
    width = shutil.get_terminal_size().columns
    if len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip())] + "  "
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _for_eyes(text: str) -> str:
    """Clean; on a terminal, numbers as people write them."""
    return clean(grouped_in(text) if sys.stdout.isatty() else text)


def _json(value: Any) -> None:
    click.echo(json_module.dumps(value, ensure_ascii=False, indent=2, default=str))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    from gate.cli.terminal import table

    this = today()
    cells = [[_for_eyes(_brief(row.get(name), this)) for name, _ in columns] for row in rows]
    table([heading for _, heading in columns], cells)


def _brief(value: Any, this: date) -> str:
    """A cell: days and times as people write them."""
    if isinstance(value, str) and (_TIME.fullmatch(value) or _DAY.fullmatch(value)):
        with suppress(ValueError):
            return brief(value, this)
    return plain(value)
