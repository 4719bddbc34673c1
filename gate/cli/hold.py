"""``dialgate hold``: what may not be erased."""

from __future__ import annotations

import click

from gate.cli.asking import asks
from gate.cli.command import make
from gate.cli.output import View, say
from gate.cli.proposals import say_waits
from gate.cli.reach import ask
from gate.cli.values import Day
from gate.operations.retention.holds import HoldAdd, HoldGroundSet, HoldList, HoldRelease

_ON = {"recording_id": "--recording", "call_id": "--call", "review_on": "--review"}
_AHEAD = {"review_on": Day(ahead=True)}


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
        'dialgate hold add --recording 5b0d9f… --ground claim --reason "a customer claims" --reference "case 17/2026"\n'
        'dialgate hold add --number 02079460123 --restriction --reason "accuracy contested" --reference "request 4"'
    ),
)
@asks(HoldAdd, names=_ON, types=_AHEAD)
def add(view: View, asked: HoldAdd) -> None:
    """Keep recordings from being erased until the hold is released.

    The ground says what a person is told whose erasure the hold stops (Article 17(3) of the UK GDPR). With the ground
    none it keeps recordings from the daily sweep, and stops no erasure that a person asks for. A restriction has none:
    it is its own ground.
    """
    added = ask(view, asked)
    view.data(added)
    if added.notice:
        say(added.notice)
    if added.gone:
        say(f"It comes too late for {added.gone} recordings, which are erased.")


@make(
    "ground",
    group=command,
    example='dialgate hold ground 6f2c9e… --ground legal_obligation --law "FCA SYSC 10A.1.6R" --review 2027-03-01',
)
@asks(HoldGroundSet, "hold_id", names={"review_on": "--review"}, types=_AHEAD)
def ground(view: View, asked: HoldGroundSet) -> None:
    """Say the ground of a hold again: after a review, or of one that has none yet."""
    said = ask(view, asked)
    view.data(said)
    if said.notice:
        say(said.notice)


@make("release", group=command, example='dialgate hold release 6f2c9e… --reason "settled on 3 March"')
@asks(HoldRelease, "hold_id", names={"told_on": "--told"}, without=["digest"])
def release(view: View, asked: HoldRelease) -> None:
    """End a hold or a restriction. What is due goes with the next sweep. It may take two people: dialgate proposal.

    Whoever asked for a restriction is told before it ends (Article 18(3) of the UK GDPR): --told says when.
    """
    released = ask(view, asked)
    view.data(released)
    say_waits(released.waits)


@make("list", group=command, numbers=True, example="dialgate hold list\ndialgate hold list --released --json")
@asks(HoldList, without=["text"])
def list_(view: View, asked: HoldList) -> None:
    """The holds and restrictions in force, newest first."""
    columns = [
        ("id", "Id"),
        ("kind", "Kind"),
        ("ground", "Ground"),
        ("review_on", "Review"),
        ("reference", "Reference"),
        ("target", "On"),
        ("recording_id", "Recording"),
        ("call_id", "Call"),
        ("number", "Number"),
        ("made_at", "Since"),
        ("reason", "Reason"),
        ("released_at", "Released"),
    ]
    view.rows(ask(view, asked), "items", columns, none="Nothing is held.")
