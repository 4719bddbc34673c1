"""``dialgate key``: who can open recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

import click
from msgspec.structs import asdict, replace

from gate.cli import passphrase as asked
from gate.cli.asking import ask, asks, narrate_rehearsal, option, reach
from gate.cli.command import FILE, NEW_FILE, make
from gate.cli.output import View, narrate
from gate.cli.proposals import narrate_waits
from gate.client import rotation
from gate.clock import SystemClock
from gate.core.rows.keys import Recipient
from gate.errors import GateError, UsageError, VaultError
from gate.operations.keys.recipients import KeyAdd, KeyChange, KeyList, KeyRetire
from gate.operations.keys.wraps import KeyDrop
from gate.showing import many
from gate.vault import keyfile
from gate.vault.keyfile import change_passphrase, load_private
from gate.vault.publickey import HALVES, HINT, PURPOSES, parse_recipient

COLUMNS = [
    ("id", "Id"),
    ("name", "Name"),
    ("role", "Role"),
    ("given", "Is given"),
    ("recordings", "Opens"),
    ("alone", "Alone"),
    ("fingerprint", "Fingerprint"),
]


@click.group("key")
def command() -> None:
    """Public keys that recordings are sealed to, and private keys that open them.

    A private key is a file that a passphrase protects. It is kept off the gate, and so is at least one copy of it: what
    is sealed to a lost key is lost, unless it is sealed to another one too.
    """


@make(
    "new",
    group=command,
    config=False,
    example='dialgate key new "Ann Lee" -o ann.key > ann.recipient\n'
    'dialgate key new "Auditor" --role auditor -o auditor.key > auditor.recipient',
)
@click.argument("name")
@option(KeyChange, "role", default="compliance")
@click.option("-o", "--output", required=True, type=NEW_FILE, metavar="FILE", help="Where the private key goes.")
@asked.option
def new(view: View, name: str, role: str, output: Path, passphrase_file: Path | None) -> None:
    """Make a key for NAME. The private key goes into a new file, the public one (the recipient) to standard output.

    Run it where the key is to stay, not on the gate. Give the recipient to the gate with dialgate key add.
    """
    words = asked.passphrase(passphrase_file, f"Passphrase for {name}", new=True)
    private, recipient = keyfile.generate(name, role, words, SystemClock().now())
    keyfile.save_private(output, private)
    narrate(f"Wrote the private key to {output}. Keep a copy somewhere safe, and the passphrase apart from both.")
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
@asks(KeyAdd, without=["text"])
def add(view: View, asked: KeyAdd, file: TextIO) -> None:
    """Put a public key on the register of recipients. Every recording from now on is sealed to it too.

    What was sealed before stays closed to them until dialgate key rotate. With --purpose exports may go to them as
    well, with --exports-only nothing but exports.
    """
    view.data(ask(view, replace(asked, text=_recipient_text(file))))


def _recipient_text(file: TextIO) -> str:
    try:
        text = file.read(20_001)
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name} is no recipient: it is no text", hint=HINT) from error
    if '"private key"' in text:  # sealed by its passphrase, but it has no business on the way to the gate
        raise UsageError(
            f"{file.name} is a private key: it stays where it is",
            hint="give the recipient that dialgate key new wrote to standard output",
        )
    if not text.strip():
        raise UsageError(
            f"{file.name} is empty", hint="dialgate key new writes the recipient to standard output: did it fail?"
        )
    try:
        parse_recipient(text)
    except GateError as error:
        raise UsageError(f"{file.name} is no recipient: {error.message}", hint=error.hint or HINT) from error
    return text


@make("list", group=command, example="dialgate key list --json")
def list_(view: View) -> None:
    """The register of recipients. Whom recordings are sealed to, and to whom exports may go.

    "Alone" counts the recordings that would be lost with that key: no other recipient in force opens them.
    """
    answer = ask(view, KeyList())
    recipients = [asdict(each) | {"given": _given(each)} for each in answer.recipients]
    view.rows(
        asdict(answer) | {"recipients": recipients},
        "recipients",
        COLUMNS,
        none="There is no recipient: dialgate key new, then dialgate key add",
    )
    for each in answer.retired:
        narrate(f"Retired, and still opens {many(each.recordings, 'recording')}: {each.name} ({each.id})")
    for warning in answer.warnings:
        narrate(f"Warning: {warning}.")
    for each in answer.recipients:
        if each.alone:
            lost = many(each.alone, "recording")
            narrate(f"Warning: {lost} would be lost with the key of {each.name}: dialgate key rotate")


def _given(recipient: Recipient) -> str:
    """What a recipient is on the register for, in words."""
    half = f" ({recipient.half} half)" if recipient.half else ""
    parts = [f"recordings{half}"] if recipient.seals else []
    return ", ".join([*parts, *([f"exports: {recipient.purpose}"] if recipient.purpose else [])])


@make(
    "change",
    group=command,
    example="dialgate key change 0123456789abcdef --purpose internal_audit\n"
    "dialgate key change 0123456789abcdef --half first",
)
@asks(
    KeyChange,
    "recipient_id",
    names={"seals": "--seal|--exports-only"},
    types={"purpose": click.Choice((*PURPOSES, "none")), "half": click.Choice((*HALVES, "none"))},
)
def change(view: View, asked: KeyChange) -> None:
    """Put a recipient on other terms. The terms hold for new recordings and exports; the recipient can still open
    what was sealed to them before."""
    if asked == KeyChange(recipient_id=asked.recipient_id):
        raise UsageError("there is nothing to change", hint="give --role, --purpose, --half, --seal or --exports-only")
    none: dict[str, Any] = {name: "" for name in ("purpose", "half") if getattr(asked, name) == "none"}
    view.data(ask(view, replace(asked, **none)))


@make("retire", group=command, example="dialgate key retire 0123456789abcdef --dry-run")
@asks(KeyRetire, "recipient_id")
def retire(view: View, asked: KeyRetire) -> None:
    """Seal nothing more to a recipient. The recipient can still open what was sealed to them before, until dialgate
    key drop.

    Refused while there are recordings that no other recipient in force opens: give them to somebody first.
    """
    answer = ask(view, asked)
    view.data(answer)
    if answer.alone:
        alone = many(answer.alone, "recording")
        narrate(f"{alone} could then be opened by nobody else: dialgate key rotate KEY --to FILE")
    elif not asked.dry_run and answer.recordings:
        narrate(f"This key still opens {many(answer.recordings, 'recording')}; to end that: dialgate key drop")
    if asked.dry_run and not view.json:
        narrate_rehearsal(view, replace(asked, dry_run=False))


@make(
    "rotate",
    group=command,
    example="dialgate key rotate ann.key --to bob.recipient",
)
@click.argument("key", type=FILE)
@click.option("--to", "file", required=True, type=click.File("r", encoding="utf-8"), help="Whose key is added.")
@asked.option
def rotate(view: View, key: Path, file: TextIO, passphrase_file: Path | None) -> None:
    """Let another recipient open whatever the private key in KEY opens. No recording is encrypted anew.

    The other one is named by the recipient file that dialgate key new wrote, and is on the register (dialgate key
    add). Run it where KEY is: it is not given to the gate, which keeps a new wrap only with the proof that whoever
    made it had the recording's key. KEY still opens them, until dialgate key drop. If it is interrupted, run it
    again.
    """
    recipient = parse_recipient(_recipient_text(file))
    private = load_private(key, asked.passphrase(passphrase_file, f"Passphrase of {key}"))
    with reach(view.config) as gate, view.progress("Recordings") as progress:
        done = rotation.rotate(gate, private, recipient, progress=progress)
    view.data({"from": private.id, "to": recipient.id} | done)
    if done["other_half"]:
        narrate(
            f"{done['other_half']} recordings take two people, and {recipient.name} is not of the half of this key:"
            " they stay as they were."
        )


@make("prove", group=command, example="dialgate key prove bob.key")
@click.argument("key", type=FILE)
@asked.option
def prove(view: View, key: Path, passphrase_file: Path | None) -> None:
    """Show the gate that the private key in KEY opens what is wrapped to it. Each wrap is opened here, once.

    dialgate key drop takes from another key only what has been proven so. Run it where KEY is: neither it nor a
    recording's key is given to the gate. What a version without commitments has sealed cannot be proven.
    """
    private = load_private(key, asked.passphrase(passphrase_file, f"Passphrase of {key}"))
    with reach(view.config) as gate, view.progress("Recordings") as progress:
        done = rotation.prove(gate, private, progress=progress)
    view.data({"recipient": private.id} | done)
    if done["without"]:
        narrate(f"{done['without']} recordings of an older version cannot be proven: no key is ever taken from them.")
    if done["failed"]:
        raise VaultError(
            f"{done['failed']} wraps do not open with this key: {', '.join(done['failed_ids'][:3])}",
            hint="Give them again from a key that opens them; until then nothing is taken from that one.",
        )


@make(
    "drop",
    group=command,
    example="dialgate key drop 0123456789abcdef --to fedcba9876543210 --dry-run\n"
    "dialgate key drop 0123456789abcdef --to fedcba9876543210",
)
@asks(KeyDrop, "source", names={"target": "--to"}, without=["digest"])
def drop(view: View, asked: KeyDrop) -> None:
    """Stop a recipient's key from opening the recordings that another key is proven to open.

    What is held stays, and so does what the other one has not proven (dialgate key prove). Where two people are needed
    it waits for the second one: dialgate proposal list.
    """
    answer = ask(view, asked)
    view.data(answer)
    if asked.dry_run and not view.json:
        narrate_rehearsal(view, replace(asked, dry_run=False))
    if answer.held:
        narrate(f"{many(answer.held, 'recording', 'stays')} because of a hold.")
    if answer.unproven:
        stay, them = many(answer.unproven, "recording", "stays"), "it" if answer.unproven == 1 else "them"
        narrate(f"{stay}: {asked.target} has not proven to open {them}. dialgate key prove KEY")
    narrate_waits(answer.waits)


@make(
    "passphrase",
    group=command,
    config=False,
    example="dialgate key passphrase ann.key\n"
    "dialgate key passphrase ann.key --passphrase-file old --new-passphrase-file new",
)
@click.argument("file", type=FILE)
@asked.option
@click.option(
    "--new-passphrase-file",
    type=NEW_FILE,
    metavar="FILE",
    help="File with the new passphrase on its first line (else it is asked for, twice).",
)
def passphrase(view: View, file: Path, passphrase_file: Path | None, new_passphrase_file: Path | None) -> None:
    """Change the passphrase of a private key. FILE is replaced as a whole or stays as it was.

    Copies of it, backups too, still open with the old one: rotate a key that others may have seen (dialgate key
    rotate).
    """
    old = asked.passphrase(passphrase_file, f"Old passphrase of {file}")
    load_private(file, old)  # before a new one is asked for
    words = asked.passphrase(new_passphrase_file, f"New passphrase of {file}", new=True)
    changed = change_passphrase(file.resolve(), old, words)
    view.data({"id": changed.id, "file": str(file), "changed": True}, text=lambda _: ())
    narrate(f"{file} now opens with the new passphrase only. Copies of it still open with the old one.")
