"""``dialgate proposal``: what one person has asked for and another one confirms."""

from __future__ import annotations

import click

from gate.cli.asking import ask, asks, only_asks
from gate.cli.command import make
from gate.cli.output import View, narrate
from gate.operations.operation import Waits
from gate.operations.proposals import ProposalConfirm, ProposalList, ProposalWithdraw
from gate.showing import local

COLUMNS = [
    *(("id", "Id"), ("what", "What"), ("takes", "Takes"), ("plan", "Plan")),
    *(("asked_by", "Asked by"), ("at", "At"), ("until", "Until")),
]


@click.group("proposal")
def command() -> None:
    """Acts that take two people (roles.dual_control): one asks, another one confirms within a day.

    These are taking recordings from a key, releasing a hold, an erasure outside the sweep, and an undo of objections.
    """


@make("list", group=command, example="dialgate proposal list")
@asks(ProposalList)
def list_(view: View, asked: ProposalList) -> None:
    """The proposals that wait for a second person, the oldest first."""
    waiting = ask(view, asked)
    view.rows(waiting, "items", COLUMNS, none="Nothing waits for a second person.")


@make("confirm", group=command, example="dialgate proposal confirm 6f2c9e…")
@asks(ProposalConfirm, "proposal_id")
def confirm(view: View, asked: ProposalConfirm) -> None:
    """Do what another person has asked for, exactly as it was asked. Look at it first: dialgate proposal list --json

    It does what was shown when it was asked for. Where that has changed, nothing is done and the proposal is over.
    """
    with view.progress("Confirmed") as progress:
        view.data(ask(view, asked, progress=progress))


only_asks(
    "withdraw",
    ProposalWithdraw,
    "proposal_id",
    group=command,
    help="Withdraw a proposal: it is not done. The one who asked may, and so may the one who was to confirm.",
    example="dialgate proposal withdraw 6f2c9e…",
)


def narrate_waits(waits: Waits | None) -> None:
    """Say where nothing was done yet, and who goes on."""
    if waits is not None:
        narrate(
            f"Nothing is done yet: it would take {waits.takes} (plan {waits.plan}), and another person confirms it"
            f" until {local(waits.until)}."
            f" dialgate proposal confirm {waits.id}"
        )
