"""``dialgate request rectify``: what is right is kept beside what is wrong."""

from __future__ import annotations

from typing import Any

import click

from gate.cli.command import command as make
from gate.cli.output import View
from gate.cli.reach import ask
from gate.cli.request_group import command
from gate.cli.request_values import dated, show
from gate.operations.requests.rectifying import Rectify


@make(
    "rectify",
    group=command,
    numbers=True,
    example='dialgate request rectify DSR-2026-0007 --record 6f2c9e… --statement "The name is Ann Lee."',
)
@click.argument("request")
@click.option("--statement", required=True, help="What was wrong and what is right; it goes into the letters.")
@click.option(
    "--record", "records", multiple=True, metavar="ID", help="A call, recording, consent or objection; repeat for more."
)
@dated
def rectify(view: View, **what: Any) -> None:
    """Put right what a granted request for rectification names.

    Recordings and the log are never rewritten: the statement is kept beside each record, goes where the record goes
    (packs, bundles of evidence), and is erased with it. A contact is put right in the CRM, and its list imported again.
    """
    show(view, ask(view, Rectify(**what)))
