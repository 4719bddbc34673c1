"""``dialgate key``: who can open recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from gate.cli import passphrase as asked
from gate.cli.command import command as make
from gate.cli.output import View, say
from gate.cli.reach import reach
from gate.clock import SystemClock
from gate.errors import UsageError

ROLES = ("compliance", "auditor", "escrow")


@click.group("key", short_help="Who can open recordings: new, list, add.")
def command() -> None:
    """Public keys that recordings are sealed to, and private keys that open them.

    A private key is a file that a passphrase protects. It is kept off the gate, and so is at least one copy of it: what
    is sealed to a lost key is lost.
    """


@make(
    "new",
    group=command,
    config=False,
    example='dialgate key new "Ann Lee" -o ann.key > ann.recipient\n'
    'dialgate key new "Auditor" --role auditor -o auditor.key > auditor.recipient',
)
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="compliance", show_default=True, help="What the key is for.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the private key goes.",
)
@asked.option
def new(view: View, name: str, role: str, output: Path, passphrase_file: Path | None) -> None:
    """Make a key for NAME. The private key goes into a new file, the public one (the recipient) to standard output.

    Run it where the key is to stay, not on the gate. Give the recipient to the gate with dialgate key add.
    """
    from gate.vault import keyfile

    words = asked.passphrase(passphrase_file, f"Passphrase for {name}", new=True)
    private, recipient = keyfile.generate(name, role, words, SystemClock().now())
    keyfile.save_private(output, private)
    say(f"Wrote the private key to {output}. Keep a copy somewhere safe, and the passphrase apart from both.")
    text = recipient.to_text()
    row = {"id": recipient.id, "name": recipient.name, "role": recipient.role, "fingerprint": recipient.fingerprint}
    view.data(row | {"recipient": text, "file": str(output)}, text=lambda _: text.splitlines())


@make("add", group=command, example="dialgate key add ann.recipient\ndialgate key add - < ann.recipient")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--role", type=click.Choice(ROLES), help="In place of the role that the file names.")
def add(view: View, file: TextIO, role: str | None) -> None:
    """Seal every recording from now on to one more recipient. What was sealed before stays closed to them."""
    text = file.read(20_001)
    if '"private key"' in text:  # sealed by its passphrase, but it has no business on the way to the gate
        raise UsageError(
            f"{file.name} is a private key: it stays where it is",
            hint="give the recipient that dialgate key new wrote to standard output",
        )
    with reach(view.config) as gate:
        view.data(gate.call("key_add", text=text, role=role or ""))


@make("list", group=command, example="dialgate key list --json")
def list_(view: View) -> None:
    """The recipients that recordings are sealed to."""
    with reach(view.config) as gate:
        answer = gate.call("key_list")
    columns = [("id", "Id"), ("name", "Name"), ("role", "Role"), ("created", "Made"), ("fingerprint", "Fingerprint")]
    view.rows(answer, "recipients", columns, none="There is no recipient: dialgate key new, then dialgate key add")
