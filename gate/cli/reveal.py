"""``dialgate reveal``: a number in full, for a reason."""

from __future__ import annotations

import click

from gate.cli.command import make
from gate.cli.ids import Id
from gate.cli.output import View
from gate.cli.reach import ask
from gate.operations.calls.calls import Kind, Reveal

KINDS = click.Choice([each.value for each in Kind])


@make("reveal", example='dialgate reveal call 6f2c9e… --why "asked to be called back"')
@click.argument("kind", type=KINDS)
@click.argument("id_", metavar="ID")
@click.option(
    "--why", "--reason", "why", required=True, help="The reason; it is kept in the log before the number is shown."
)
def command(view: View, kind: str, id_: str, why: str) -> None:
    """The telephone number of a call, an objection, … in full. Who asked, and why, is logged first.

    A contact is named by the CRM's own id.
    """
    if kind not in (Kind.CONTACT, Kind.REQUEST):
        id_ = Id(kind).whole(view, id_)
    view.data(ask(view, Reveal(kind=Kind(kind), id=id_, why=why)), text=lambda shown: [shown["number"]])
