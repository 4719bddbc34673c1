"""``dialgate key``: who can open recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

import click

from gate.cli import passphrase as asked
from gate.cli.command import command as make
from gate.cli.output import View, say
from gate.cli.reach import reach
from gate.clock import SystemClock
from gate.errors import UsageError

ROLES = ("compliance", "auditor", "escrow")
PURPOSES = ("regulator", "court", "internal_audit", "data_subject")
HALVES = ("first", "second")
COLUMNS = [
    ("id", "Id"),
    ("name", "Name"),
    ("role", "Role"),
    ("seals", "Sealed to"),
    ("purpose", "Exports for"),
    ("half", "Half"),
    ("created", "Made"),
    ("fingerprint", "Fingerprint"),
]


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


@make(
    "add",
    group=command,
    example="dialgate key add ann.recipient\n"
    "dialgate key add ico.recipient --role auditor --purpose regulator --exports-only",
)
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--role", type=click.Choice(ROLES), help="In place of the role that the file names.")
@click.option("--purpose", type=click.Choice(PURPOSES), help="What exports may go to them for; without it none may.")
@click.option("--half", type=click.Choice(HALVES), help="Their share of a two-person key (recording.two_person).")
@click.option("--exports-only", is_flag=True, help="New recordings are not sealed to them.")
def add(view: View, file: TextIO, role: str | None, purpose: str | None, half: str | None, exports_only: bool) -> None:
    """Put a public key on the register of recipients: every recording from now on is sealed to it too.

    What was sealed before stays closed to them. With --purpose exports may go to them as well, with --exports-only
    nothing but exports.
    """
    text = file.read(20_001)
    if '"private key"' in text:  # sealed by its passphrase, but it has no business on the way to the gate
        raise UsageError(
            f"{file.name} is a private key: it stays where it is",
            hint="give the recipient that dialgate key new wrote to standard output",
        )
    with reach(view.config) as gate:
        terms: dict[str, Any] = {"role": role or "", "purpose": purpose or "", "half": half or ""}
        view.data(gate.call("key_add", text=text, exports_only=exports_only, **terms))


@make("list", group=command, example="dialgate key list --json")
def list_(view: View) -> None:
    """The register of recipients: whom recordings are sealed to, and to whom exports may go."""
    with reach(view.config) as gate:
        answer = gate.call("key_list")
    view.rows(answer, "recipients", COLUMNS, none="There is no recipient: dialgate key new, then dialgate key add")
