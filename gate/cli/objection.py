"""``dialgate objection``: the firm's own do-not-call list."""

from __future__ import annotations

from pathlib import Path

import click

from gate.cli.asking import asks, only_asks
from gate.cli.command import make
from gate.cli.ids import Id
from gate.cli.output import View
from gate.cli.own_lists import exports, imports, kept, run_export, run_import
from gate.cli.proposals import say_waits
from gate.cli.reach import ask
from gate.cli.values import Said, Since
from gate.operations.lists.objections import ObjectionAdd, ObjectionList, ObjectionRemove, ObjectionUndo


@click.group("objection")
def command() -> None:
    """People and companies who told this firm not to call them again (PECR reg 21(1)(a)).

    An objection holds from the next call, whatever the registers say and whatever was agreed to before.
    """


@make("add", group=command, numbers=True, example='dialgate objection add "020 7946 0123" --note "asked on the phone"')
@asks(ObjectionAdd, "number", types={"made_at": Said()})
def add(view: View, asked: ObjectionAdd) -> None:
    """Never again call NUMBER for marketing, or at all."""
    view.data(ask(view, asked), text=kept)


only_asks(
    "remove",
    ObjectionRemove,
    "target",
    group=command,
    numbers=True,
    types={"target": Id("objection", or_number=True)},
    help="Take back an objection by its id, or every one of a number. The log keeps it, with the reason.",
    example='dialgate objection remove 02079460123 --reason "typed in wrongly"',
)


@make(
    "undo",
    group=command,
    example='dialgate objection undo --trunk main --since "2026-03-02 14:00" --reason "forged caller IDs"',
)
@asks(ObjectionUndo, types={"since": Since(), "until": Said()}, without=("digest",))
def undo(view: View, asked: ObjectionUndo) -> None:
    """Take back what callers made by key on the call-back line. It may take two people: dialgate proposal.

    A caller ID can be forged, and somebody who forges many fills the list. Numbers that the firm had called before
    their objection stay on it.
    """
    undone = ask(view, asked)
    view.data(undone)
    say_waits(undone.waits)


@make(
    "list",
    group=command,
    numbers=True,
    example="dialgate objection list --limit 20\ndialgate objection list --number 02079460123",
)
@asks(ObjectionList, without=["text"])
def list_(view: View, asked: ObjectionList) -> None:
    """The objections in force, newest first."""
    columns = [
        ("id", "Id"),
        ("number", "Number"),
        ("made_at", "Made"),
        ("scope", "Stops"),
        ("source", "Source"),
        ("note", "Note"),
    ]
    view.rows(ask(view, asked), "items", columns, none="There is no objection.")


@make(
    "import",
    group=command,
    example="dialgate objection import objections.csv\ndialgate objection import old-list.csv --skip-bad --json",
)
@imports
def import_(view: View, file: Path, skip_bad: bool) -> None:
    """Keep the objections of a CSV FILE. Its columns: number, made_at, source, note, scope; only number is needed.

    Every line is checked first: where one is wrong, nothing is imported. What is held already is not kept twice, so an
    import that was cut off may be run again. An objection keeps its own date; without one it counts from now.
    """
    run_import(view, "objections", file, skip_bad=skip_bad)


@make("export", group=command, example="dialgate objection export -o objections.csv")
@exports
def export(view: View, output: Path) -> None:
    """Write the objections in force as CSV, numbers in full. Who took the list out is logged."""
    run_export(view, "objections", output)
