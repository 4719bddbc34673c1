"""``dialgate request told``: who has been told, and what proves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gate.cli.command import command as make
from gate.cli.output import View
from gate.cli.reach import ask
from gate.cli.request_group import command
from gate.cli.request_values import dated, proof_of, proven, show
from gate.core.request_steps import HOWS
from gate.operations.requests.course import Told


@make(
    "told",
    group=command,
    numbers=True,
    example=(
        "dialgate request told DSR-2026-0007 person --dated 2026-03-20\n"
        "dialgate request told DSR-2026-0007 authority --reference IC-301234-X9Y8\n"
        "dialgate request told DSR-2026-0007 authority --file proof-of-posting.pdf\n"
        "dialgate request told DSR-2026-0007 recipient --how mail"
    ),
)
@click.argument("request")
@click.argument("who", type=click.Choice(["person", "authority", "recipient"]), default="person")
@click.option("--recipient", default="", metavar="ID", help="Who was given what is erased (default: the only one).")
@click.option("--how", type=click.Choice(HOWS), help="How the recipient was told, or why nobody told them.")
@proven
@dated
def told(view: View, how: Any, reference: str, file: Path | None, **whom: Any) -> None:
    """The answer went out: to the person, or a refusal to the authority; or a recipient knows of an erasure.

    That the authority was told needs a proof: its reference, that of a consignment or a message, or a file.

    With the person told, what was granted is over. A request for erasure then forgets who asked: make the letter first.
    """
    evidence, digest = proof_of(reference, file)
    show(view, ask(view, Told(how=how or "", evidence=evidence, evidence_sha256=digest, **whom)))
