"""``dialgate audit``: the evidence log, and what goes out of it to auditors."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from gate.cli import audit_export, audit_log, audit_open
from gate.cli import passphrase as asked
from gate.cli.command import command as make
from gate.cli.output import View, pairs, say
from gate.cli.reach import reach
from gate.cli.values import Moment
from gate.errors import GateError, UsageError
from gate.operations.audit.checkpoints import AuditCheckpoint, AuditKey, AuditRestore
from gate.operations.audit.verifying import AuditCancel, AuditVerify

_CHECKPOINTS = click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=audit_export.FILE,
    metavar="FILE",
    help="A checkpoint kept elsewhere; may be repeated.",
)
_VKEY = click.option("--vkey", metavar="KEY|FILE", help="The gate's verifier key, as it is known from elsewhere.")


@click.group(
    "audit", short_help="The log: verify, restore, status, leaves, leaf, checkpoint, checkpoints, key, export, open."
)
def command() -> None:
    """The log of everything that the gate did: append-only, and provably so (RFC 9162)."""


audit_log.add_to(command)


@make(
    "verify",
    group=command,
    example="dialgate audit verify --json\n"
    "dialgate audit verify --vkey gate.vkey --checkpoint 2026-01.checkpoint --checkpoint 2026-02.checkpoint",
)
@_VKEY
@_CHECKPOINTS
def verify(view: View, vkey: str | None, checkpoints: tuple[Path, ...]) -> None:
    """Compute the log anew from its rows and compare. Exit code 1 where it does not hold.

    It says what was proven by it and what was not.

    Without --vkey the key that lies on the gate is trusted, and without --checkpoint what lies there too: whoever could
    rewrite all of it is found out only with what was kept elsewhere. The log must have grown from each checkpoint.
    """
    trusted = audit_open.read_vkey(vkey) if vkey else ""
    notes = audit_export.checkpoint_notes(checkpoints)
    with reach(view.config) as gate, view.progress("Verifying the log") as progress:
        try:
            report = gate.ask(AuditVerify(vkey=trusted, checkpoints=notes), progress=progress)
        except KeyboardInterrupt:
            with suppress(GateError):  # a gate that runs would go on for nobody
                gate.ask(AuditCancel())
            raise
    view.data(report, text=_lines)
    if report.first_fault is not None:
        say(f"The log does not hold: {report.first_fault.message}")
    if not report.ok:
        sys.exit(1)


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield from pairs({name: value for name, value in answer.items() if name not in ("proven", "not_proven")})
    for name in ("proven", "not_proven"):
        yield from (f"{name.replace('_', ' ')}: {sentence}" for sentence in answer.get(name, ()))


@make("checkpoint", group=command, example="dialgate audit checkpoint -o 2026-03-02.checkpoint")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the note to a new file.",
)
def checkpoint(view: View, output: Path | None) -> None:
    """Sign the log as it is now. Keep the note somewhere else: whoever holds it can tell if the log was changed."""
    with reach(view.config) as gate:
        signed = gate.ask(AuditCheckpoint())
    if output:
        try:
            new_file(output, signed.note.encode())
        except FileExistsError:
            raise UsageError(f"{output} exists", hint="name a new file") from None
        say(f"Wrote {output}: the log's first {signed.size} entries, signed.")
    if view.json or not output:
        view.data(signed, text=lambda shown: shown["note"].splitlines())


@make("restore", group=command, example="dialgate audit restore --reason 'disk lost on 2 March, backup of 1 March'")
@click.option("--reason", required=True, help="Why; kept in the log.")
def restore(view: View, reason: str) -> None:
    """Go on with an older gate.db, knowingly. Only where marketing is refused as evidence_rolled_back.

    What was signed after it is given up: objections and consents of that time are lost with it, so add them again first
    (dialgate objection add). The log keeps who did it, and verify tells it ever after. It needs the role admin.
    """
    with reach(view.config) as gate:
        view.data(gate.ask(AuditRestore(reason=reason)))


@make("key", group=command, example="dialgate audit key > gate.vkey\ndialgate audit key --pem > gate.pem")
@click.option("--pem", is_flag=True, help="As PEM, for OpenSSL.")
def key(view: View, pem: bool) -> None:
    """The verifier key. Hand it to auditors by another way than bundles: all that the gate signs is checked with it."""
    with reach(view.config) as gate:
        verifier = gate.ask(AuditKey())
    view.data(verifier, text=lambda shown: shown["pem"].splitlines() if pem else [shown["vkey"]])


@make(
    "export",
    group=command,
    example='dialgate audit export --from 2026-03-01 --to 2026-03-31 --recipient "ICO" --purpose "case 17/2026" '
    "-o march.bundle\n"
    "dialgate audit export --from 2026-03-01 --to 2026-03-31 --recipient auditor.recipient --key ann.key "
    '--purpose "annual audit" --checkpoint 2025.checkpoint -o march.bundle',
)
@click.option("--from", "since", required=True, type=Moment(), metavar="TIME", help="The period's beginning.")
@click.option(
    "--to", "until", required=True, type=audit_export.Until(), metavar="TIME",
    help="Its end: a day is included, a time is not.",
)  # fmt: skip
@click.option(
    "--recipient", required=True, metavar="NAME|FILE", help="Whom it is for: on the register, with a purpose."
)
@click.option("-k", "--key", "keys", multiple=True, type=audit_export.FILE, metavar="FILE",
              help="A private key that opens recordings not sealed to the recipient; may be repeated.")  # fmt: skip
@click.option("--purpose", required=True, help="Why it goes out; kept in the log before the first byte.")
@_CHECKPOINTS
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The bundle; must not exist.")  # fmt: skip
@click.option("--passphrase-file", "passphrase_files", multiple=True, type=click.Path(dir_okay=False, path_type=Path),
              envvar=asked.VARIABLE, metavar="FILE",
              help=f"File with the passphrase of each --key, in their order (else ${asked.VARIABLE}).")  # fmt: skip
def export(
    view: View,
    since: datetime,
    until: datetime,
    recipient: str,
    keys: tuple[Path, ...],
    purpose: str,
    checkpoints: tuple[Path, ...],
    output: Path,
    passphrase_files: tuple[Path, ...],
) -> None:
    """One file for an auditor. Calls, decisions, sealed recordings, and the proof of all of it.

    It is sealed to the recipient, who opens it with dialgate audit open on any machine, or by the description inside.
    Exports go to recipients on the register with a purpose only (dialgate key add --purpose); others are refused, exit
    code 3. Private keys are used here and do not go to the gate. Run it as the gate's account.
    """
    audit_export.run(
        view, since=since, until=until, recipient=recipient, keys=keys, passphrase_files=passphrase_files,
        purpose=purpose, checkpoints=checkpoints, output=output,
    )  # fmt: skip


@make(
    "open",
    group=command,
    config=False,
    numbers=False,
    example="dialgate audit open march.bundle --key auditor.key --vkey gate.vkey -o march\n"
    "dialgate audit open march.bundle --key auditor.key -o march --database\n"
    "dialgate audit open march.bundle --checkpoint february.checkpoint --json",
)
@click.argument("file", type=audit_export.FILE)
@click.option("-k", "--key", type=audit_export.FILE, metavar="FILE", help="The recipient's private key.")
@_VKEY
@_CHECKPOINTS
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where logs and WAV files go; must not exist.")  # fmt: skip
@click.option("--database", is_flag=True, help="With -o: the logs as an SQLite database too, log.db, a table for each.")
@asked.option
def open_(
    view: View,
    file: Path,
    key: Path | None,
    vkey: str | None,
    checkpoints: tuple[Path, ...],
    output: Path | None,
    database: bool,
    passphrase_file: Path | None,
) -> None:
    """Check a bundle and open it: no gate, no configuration, no network. Exit code 1 where anything does not hold.

    Without --vkey the key in the bundle is trusted on first sight, and that is said. Without --key the part in clear is
    checked. With -o the logs (CSV and JSON lines) and the recordings (WAV) go into a new folder.
    """
    audit_open.run(
        view, file=file, key=key, passphrase_file=passphrase_file, vkey=vkey, checkpoints=checkpoints, output=output,
        database=database,
    )  # fmt: skip


def new_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """A new file, whole or not at all; raises ``FileExistsError`` where there is one."""
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(part)
    finally:
        part.unlink()
