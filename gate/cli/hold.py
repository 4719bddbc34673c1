"""``dialgate hold``: what may not be erased."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from gate.cli.command import make, paged
from gate.cli.ids import Id
from gate.cli.output import View, say
from gate.cli.proposals import say_waits
from gate.cli.reach import ask
from gate.cli.values import Day
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease


@click.group("hold")
def command() -> None:
    """Reasons not to erase: a claim, an investigation, a regulator's request.

    What is held is erased neither when its time comes nor when it is asked for. A restriction stops playback and
    export too.
    """


@make(
    "add",
    group=command,
    numbers=True,
    example=(
        'dialgate hold add --recording 5b0d9f… --reason "claim of a customer" --reference "case 17/2026"\n'
        'dialgate hold add --number 02079460123 --restriction --reason "accuracy contested" --reference "request 4"'
    ),
)
@click.option("--recording", "recording_id", type=Id("recording"), metavar="ID", help="Hold this recording.")
@click.option("--call", "call_id", type=Id("call"), metavar="ID", help="Hold what belongs to this call.")
@click.option("--number", help="Hold every recording of calls to this number, those to come too.")
@click.option("--reason", required=True, help="Why; kept in the log.")
@click.option("--reference", required=True, help="Where the matter is kept: a case, a claim, a request.")
@click.option("--restriction", is_flag=True, help="They may not be played or exported either.")
def add(view: View, **hold: Any) -> None:
    """Keep recordings from being erased until the hold is released."""
    added = ask(view, HoldAdd(**hold))
    view.data(added)
    if added.gone:
        say(f"It comes too late for {added.gone} recordings, which are erased.")


@make("release", group=command, example='dialgate hold release 6f2c9e… --reason "settled on 3 March"')
@click.argument("hold_id", type=Id("hold"))
@click.option("--reason", required=True, help="Why it ends; kept in the log.")
@click.option(
    "--told", "told_on", type=Day(), metavar="DATE", help="When the person was told who asked for the restriction."
)
def release(view: View, hold_id: str, reason: str, told_on: date | None) -> None:
    """End a hold or a restriction. What is due goes with the next sweep. It may take two people: dialgate proposal.

    Whoever asked for a restriction is told before it ends (Article 18(3) of the UK GDPR): --told says when.
    """
    released = ask(view, HoldRelease(hold_id=hold_id, reason=reason, told_on=told_on))
    view.data(released)
    say_waits(released.waits)


@make("list", group=command, numbers=True, example="dialgate hold list\ndialgate hold list --released --json")
@click.option("--number", help="Only those on this number.")
@click.option("--released", is_flag=True, help="Those that are over too.")
@paged
def list_(view: View, **which: Any) -> None:
    """The holds and restrictions in force, newest first."""
    page = ask(view, HoldList(**which))
    columns = [
        ("id", "Id"),
        ("kind", "Kind"),
        ("reference", "Reference"),
        ("target", "On"),
        ("recording_id", "Recording"),
        ("call_id", "Call"),
        ("number", "Number"),
        ("made_at", "Since"),
        ("reason", "Reason"),
        ("released_at", "Released"),
    ]
    view.rows(page, "items", columns, none="Nothing is held.")
