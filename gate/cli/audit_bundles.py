"""``dialgate audit export`` and ``open``: bundles for auditors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from gate.cli import passphrase as asked
from gate.cli.asking import Moment, option, reach
from gate.cli.audit import CHECKPOINTS, checkpoint_notes, command
from gate.cli.command import FILE, NEW_FILE, make
from gate.cli.output import View, clean, narrate
from gate.client.bundles import make_bundle, open_into
from gate.client.files import must_be_new, read_vkey
from gate.clock import today
from gate.core.days import LONDON, day_of
from gate.errors import UsageError
from gate.exports.bundle import ALONE, many
from gate.operations.audit.exporting import AuditExport
from gate.vault.keyfile import load_private
from gate.vault.publickey import parse_recipient


class Until(Moment):
    """A time, itself not included; a date stands for the end of that day."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        for read in (lambda text: day_of(text, today()), date.fromisoformat):
            with suppress(AttributeError, TypeError, ValueError):
                return datetime.combine(read(value) + timedelta(days=1), time(), LONDON)
        return super().convert(value, param, ctx)


@make(
    "export",
    group=command,
    example='dialgate audit export --from 2026-03-01 --to 2026-03-31 --recipient "ICO" --purpose "case 17/2026" '
    "-o march.bundle\n"
    "dialgate audit export --from 2026-03-01 --to 2026-03-31 --recipient auditor.recipient --key ann.key "
    '--purpose "annual audit" --checkpoint 2025.checkpoint -o march.bundle',
)
@option(AuditExport, "since", "--from")
@option(AuditExport, "until", "--to", type=Until())
@option(AuditExport, "recipient")
@click.option("-k", "--key", "keys", multiple=True, type=FILE, metavar="FILE",
              help="A private key that opens recordings not sealed to the recipient; may be repeated.")  # fmt: skip
@option(AuditExport, "purpose")
@option(AuditExport, "evidence_only")
@CHECKPOINTS
@click.option("-o", "--output", required=True, type=NEW_FILE, metavar="FILE",
              help="The bundle; must not exist.")  # fmt: skip
@click.option("--passphrase-file", "passphrase_files", multiple=True, type=NEW_FILE,
              envvar=asked.VARIABLE, metavar="FILE",
              help=f"File with the passphrase of each --key, in their order (else ${asked.VARIABLE}).")  # fmt: skip
def export(
    view: View,
    recipient: str,
    keys: tuple[Path, ...],
    passphrase_files: tuple[Path, ...],
    kept: tuple[Path, ...],
    output: Path,
    evidence_only: bool | None,
    **what: Any,
) -> None:
    """One file for an auditor. Calls, decisions, sealed recordings, and the proof of all of it.

    It is sealed to the recipient, who opens it with dialgate audit open on any machine, or by the description inside.
    Exports go to recipients on the register with a purpose only (dialgate key add --purpose); others are refused, exit
    code 3. Private keys are used here and do not go to the gate. Run it as the gate's account.
    """
    must_be_new(output)
    privates = _privates(keys, passphrase_files)
    notes = checkpoint_notes(kept)
    named = _named(recipient)
    with reach(view.config) as gate, view.progress("Exporting") as bar:
        who, result = make_bundle(
            gate,
            recipient=named,
            privates=privates,
            notes=notes,
            output=output,
            evidence_only=bool(evidence_only),
            progress=bar,
            **what,
        )
    for recording_id in result["damaged"]:
        narrate(f"Recording {recording_id} is not the file whose digest is in the log. It went out as it is.")
    counts = result["counts"]
    calls, included, recordings = (counts.get(name, 0) for name in ("calls", "included", "recordings"))
    summary = f"{many(calls, 'call')}, {included:,} of {many(recordings, 'recording')}"
    narrate(f"Wrote {output} for {who.name} ({who.purpose}): {summary}.")
    if result.get("evidence_only"):
        narrate(ALONE)
    keys_of_logs = [result["vkey"], *result.get("others", {}).values()]
    for vkey in keys_of_logs:
        narrate(f"Give the verifier key separately, by other means: {vkey}")
    narrate(f"And the SHA-256 of reader.py in it, which opens it with Python alone: {result['reader']}")
    view.data(result)


def _privates(keys: Sequence[Path], passphrase_files: Sequence[Path]) -> list[Any]:
    """The keys, opened here: a wrong passphrase begins nothing."""
    if len(passphrase_files) not in (0, 1, len(keys)):
        raise UsageError("give --passphrase-file once, or once for each --key, in their order")
    files: list[Path | None] = [*passphrase_files] or [None]
    each = files * len(keys) if len(files) == 1 else files
    return [
        load_private(key, asked.passphrase(file, f"Passphrase of {key}")) for key, file in zip(keys, each, strict=True)
    ]


def _named(recipient: str) -> str:
    """Who is meant: a file with a recipient stands for the key in it."""
    path = Path(recipient)
    if not path.is_file():
        return recipient

    with path.open("rb") as file:
        text = file.read(20_001)
    if b'"private key"' in text:
        raise UsageError(f"{path} is a private key", hint="give the recipient, or the name on the register")
    found = parse_recipient(text)
    narrate(f"{path} is the key of {found.name}: {found.fingerprint}")
    return found.fingerprint


@make(
    "open",
    group=command,
    config=False,
    numbers=False,
    example="dialgate audit open march.bundle --key auditor.key --vkey gate.vkey -o march\n"
    "dialgate audit open march.bundle --key auditor.key -o march --database\n"
    "dialgate audit open march.bundle --checkpoint february.checkpoint --witness witness.vkey --json",
)
@click.argument("file", type=FILE)
@click.option("-k", "--key", type=FILE, metavar="FILE", help="The recipient's private key.")
@click.option("--vkey", "vkeys", multiple=True, metavar="KEY|FILE",
              help="The gate's verifier key, as you know it from elsewhere; of several gates once each.")  # fmt: skip
@CHECKPOINTS
@click.option("--witness", "witnesses", multiple=True, metavar="KEY|FILE",
              help="The verifier key of a witness that must have signed the checkpoint; may be repeated.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where logs and WAV files go; must not exist.")  # fmt: skip
@click.option("--database", is_flag=True, help="With -o: the logs as an SQLite database too, log.db, a table for each.")
@asked.option
def open_(
    view: View,
    file: Path,
    key: Path | None,
    vkeys: tuple[str, ...],
    kept: tuple[Path, ...],
    witnesses: tuple[str, ...],
    output: Path | None,
    database: bool,
    passphrase_file: Path | None,
) -> None:
    """Check a bundle and open it: no gate, no configuration, no network. Exit code 1 where anything does not hold.

    Without --vkey the key in the bundle is trusted on first sight, with a warning. Without --key the part in
    clear is checked. With -o the logs (CSV and JSON lines) and the recordings (WAV) go into a new folder.
    """
    if output is not None and (output.exists() or key is None):
        raise UsageError(*((f"{output} exists",) if output.exists() else ("to open a bundle its key is needed",)),
                         hint="name a new folder with -o" if output.exists() else "give --key FILE")  # fmt: skip
    if database and output is None:
        raise UsageError("--database goes into the folder of -o", hint="name a new folder with -o")
    trusted = [read_vkey(each) for each in vkeys]
    seen_by = [read_vkey(each, witness=True) for each in witnesses]
    notes = checkpoint_notes(kept)
    private = None if key is None else load_private(key, asked.passphrase(passphrase_file, f"Passphrase of {key}"))

    result = open_into(file, private, trusted, notes, output, view.progress, database=database, witnesses=seen_by)
    if result.get("opened") is False:
        narrate("No key was given: logs and recordings were compared with the manifest, and not opened.")
    if output is not None:
        narrate(
            f"{output} is a copy in clear. At the firm enter it: dialgate copies add bundle --of … --place {output}"
        )
    view.data(result, text=_lines, prose=True)
    if not result["ok"]:
        narrate(
            "The bundle does not hold."
            if "bundle" in result
            else "Not all of it could be checked, because the bundle does not hold."
        )
        sys.exit(1)


def _lines(result: dict[str, Any]) -> Iterator[str]:
    for check in result["checks"]:
        yield f"{'holds' if check['holds'] else 'FAILS'}  {clean(check['text'])}"
    for name in ("firm", "from", "to", "recipient", "made", "folder"):
        if result.get(name):
            yield f"{name}: {result[name]}"
