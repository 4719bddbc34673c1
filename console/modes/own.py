"""What somebody has set up for themselves: the columns of each list, kept in their own file, and commands of their own,
as the configuration names them (``console.commands``).

A command is a program with its arguments, and no shell. An argument in braces is a field of the row under the cursor,
as the row was given to this account: a number is hidden in part there. It gets no variable of the environment but a few
that every program needs, and so no secret of the gate's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from textual.binding import Binding

from console.feed import on_thread
from console.modes.audit_detail import TextDetail
from console.theme import BAD, PLAIN
from console.widgets.ask import Ask, Field
from console.widgets.report import Section
from console.widgets.rows import Column, Row, field_of
from gate.errors import GateError, UsageError
from gate.showing import clean

if TYPE_CHECKING:
    from console.modes.listing import ListMode

_FIELD: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
LONGEST: Final = 4096
"""Characters of an argument."""


# --- columns --------------------------------------------------------------------------------------------------------


def arranged(columns: Sequence[Column[Any]], headings: Sequence[str]) -> Sequence[Column[Any]]:
    """Those of the columns that are named, in that order; where none is left, all. A narrow terminal loses the last."""
    by = {each.heading: each for each in columns}
    return [replace(by[name], rank=0) for name in headings if name in by] or columns


def read_headings(columns: Sequence[Column[Any]], typed: str) -> list[str]:
    """Headings as somebody types them, with commas between, by their beginnings. Raises ``UsageError``."""
    found: list[str] = []
    for word in filter(None, (each.strip() for each in typed.split(","))):
        fits = [each.heading for each in columns if each.heading.casefold().startswith(word.casefold())]
        exact = [name for name in fits if name.casefold() == word.casefold()]
        if len(exact or fits) != 1:
            raise UsageError(
                f"{word!r} is no column of this list", hint=f"there are {', '.join(each.heading for each in columns)}"
            )
        found += [name for name in (exact or fits) if name not in found]
    return found


async def choose_columns(screen: ListMode, columns: Sequence[Column[Any]], now: Sequence[str]) -> list[str] | None:
    """Which columns, in which order; empty: as they were; None where it was left. Call it in a worker."""

    async def send(told: Mapping[str, str]) -> list[str]:
        return read_headings(columns, told["columns"])

    said = f"There are {', '.join(each.heading for each in columns)}. Empty: all of them, as at first."
    field = Field("columns", "Columns, in their order, with commas", ", ".join(now), needed=False)
    chosen: list[str] | None = await screen.app.push_screen_wait(
        Ask("Which columns?", (field,), said=said, act="Show", send=send)
    )
    return chosen


def by_column(columns: Sequence[Column[Any]], text: str) -> tuple[list[tuple[Column[Any], str]], str]:
    """``reason:tps alice``: what is looked for in one column (by the beginning of its heading), and the rest."""
    own, rest = [], []
    for word in text.split():
        name, colon, wanted = word.partition(":")
        fits = [each for each in columns if each.heading.casefold().replace(" ", "").startswith(name.casefold())]
        if colon and wanted and name and fits:
            own.append((fits[0], wanted.casefold()))
        else:
            rest.append(word)
    return own, " ".join(rest)


# --- commands -------------------------------------------------------------------------------------------------------


class Command(NamedTuple):
    """A command of somebody's own."""

    key: str
    words: str
    roles: frozenset[str]
    """Empty: everybody."""
    run: tuple[str, ...]


def commands(configured: Mapping[str, Sequence[str]]) -> list[Command]:
    """Those of ``console.commands``: key -> words, roles with commas, program, arguments."""
    return [
        Command(key, given[0], frozenset(filter(None, given[1].replace(" ", "").split(","))), tuple(given[2:]))
        for key, given in configured.items()
    ]


def bind(screen: ListMode, found: Sequence[Command]) -> None:
    """Give each its key in this mode, where that does nothing yet; else say so once."""
    taken = {key for key, _ in screen.app._bindings} | {
        key for node in (screen, screen.table) for key, _ in node._bindings
    }
    for place, each in enumerate(found):
        if each.key in taken:
            said = f"console.commands: {each.key} has a meaning here already, so {each.words} has no key."
            screen.notify(said, severity="warning", timeout=8, markup=False)
        else:
            screen._bindings.bind(each.key, f"own_command({place})", each.words)
            binding = screen._bindings.key_to_bindings[each.key][-1]
            screen._bindings.key_to_bindings[each.key][-1] = Binding(
                binding.key, binding.action, clean(each.words)[:30], show=False, tooltip="a command of your own"
            )


def arguments(run: Sequence[str], row: Row) -> list[str]:
    """The program and its arguments for this row. Raises ``UsageError`` for a field that it has not, and for a value
    that a program would take for an option."""

    def value(found: re.Match[str]) -> str:
        given = field_of(row, found[1])
        if given is None or isinstance(given, list | tuple | dict):
            raise UsageError(f"this row has no {found[1]}", hint="console.commands names the fields of a row")
        return clean(str(given))

    made = [run[0]]
    for each in run[1:]:
        text = _FIELD.sub(value, each)[:LONGEST]
        if text.startswith("-") and not each.startswith("-"):
            raise UsageError("a value of this row begins with -, as an option does", hint="nothing was started")
        made.append(text)
    return made


async def carry_out(screen: ListMode, command: Command, row: Row) -> None:
    """Start it, and show what it wrote. Call it in a worker."""
    files = screen.app.setup.files
    if files is None:
        screen.notify("Nothing is started in this console.", timeout=4)
        return
    try:
        code, text = await on_thread(partial(files.run, arguments(command.run, row)))
    except GateError as error:
        screen.complain(error)
        return
    lines = [(clean(line), PLAIN) for line in text.splitlines()] or [("It wrote nothing.", PLAIN)]
    if code:
        lines.insert(0, (f"It ended with {code}.", BAD))
    if code or text.strip():
        screen.app.push_screen(TextDetail(screen.MODE, clean(command.words), [Section("", lines=lines)], text, "it"))
    else:
        screen.notify(f"Done: {clean(command.words)}", timeout=4, markup=False)
