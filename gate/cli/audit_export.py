"""``dialgate audit export``: a bundle for an auditor, made beside the gate so that private keys never go there."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal

import click

from gate.cli import passphrase as asked
from gate.cli.command import FILE, NEW_FILE, make
from gate.cli.files import must_be_new, output_file
from gate.cli.output import View, say, today
from gate.cli.reach import Gate, pages, reach
from gate.cli.recordings import hand_out
from gate.cli.values import Moment
from gate.core.days import day_of
from gate.core.showing import LONDON
from gate.errors import GateError, UsageError
from gate.exports.bundle import many
from gate.exports.bundle_write import assemble, waiting_room
from gate.operations.audit.bundle_contents import Wrapped, rewrapped
from gate.operations.audit.exported_parts import AuditExportPart
from gate.operations.audit.exporting import AuditExport, AuditExportMake, AuditExportTake, BundleMade, ExportBegun
from gate.operations.keys.recipients import Recipient
from gate.vault.keyfile import load_private
from gate.vault.publickey import parse_recipient

MAX_NOTE = 8000
CHECKPOINTS = click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A checkpoint kept elsewhere; may be repeated.",
)


class Until(Moment):
    """A time, itself not included; a date stands for the end of that day."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        for read in (lambda text: day_of(text, today()), date.fromisoformat):
            with suppress(AttributeError, TypeError, ValueError):
                return datetime.combine(read(value) + timedelta(days=1), time(), LONDON)
        return super().convert(value, param, ctx)


def checkpoint_notes(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """(path, signed note) of files with checkpoints. Raises ``UsageError`` for what is none by its looks."""
    notes = []
    for path in paths:
        with path.open("rb") as file:
            data = file.read(MAX_NOTE + 1)
        with suppress(UnicodeDecodeError):
            if len(data) <= MAX_NOTE:
                notes.append((str(path)[-200:], data.decode()))
                continue
        raise UsageError(f"{path} is not a checkpoint", hint="give a file as dialgate audit checkpoint -o writes it")
    return notes


@make(
    "export",
    example='dialgate audit export --from 2026-03-01 --to 2026-03-31 --recipient "ICO" --purpose "case 17/2026" '
    "-o march.bundle\n"
    "dialgate audit export --from 2026-03-01 --to 2026-03-31 --recipient auditor.recipient --key ann.key "
    '--purpose "annual audit" --checkpoint 2025.checkpoint -o march.bundle',
)
@click.option("--from", "since", required=True, type=Moment(), metavar="TIME", help="The period's beginning.")
@click.option(
    "--to", "until", required=True, type=Until(), metavar="TIME",
    help="Its end: a day is included, a time is not.",
)  # fmt: skip
@click.option(
    "--recipient", required=True, metavar="NAME|FILE", help="Whom it is for: on the register, with a purpose."
)
@click.option("-k", "--key", "keys", multiple=True, type=FILE, metavar="FILE",
              help="A private key that opens recordings not sealed to the recipient; may be repeated.")  # fmt: skip
@click.option("--purpose", required=True, help="Why it goes out; kept in the log before the first byte.")
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
    checkpoints: tuple[Path, ...],
    output: Path,
    **what: Any,
) -> None:
    """One file for an auditor. Calls, decisions, sealed recordings, and the proof of all of it.

    It is sealed to the recipient, who opens it with dialgate audit open on any machine, or by the description inside.
    Exports go to recipients on the register with a purpose only (dialgate key add --purpose); others are refused, exit
    code 3. Private keys are used here and do not go to the gate. Run it as the gate's account.
    """
    _absent(output)
    privates = _privates(keys, passphrase_files)
    notes = checkpoint_notes(checkpoints)
    named = _named(recipient)
    with reach(view.config) as gate, view.progress("Exporting") as bar:
        who, result = make_bundle(
            gate, recipient=named, privates=privates, notes=notes, output=output, progress=bar, **what
        )
    for recording_id in result["damaged"]:
        say(f"Recording {recording_id} is not the file whose digest is in the log. It went out as it is.")
    counts = result["counts"]
    calls, included, recordings = (counts.get(name, 0) for name in ("calls", "included", "recordings"))
    summary = f"{many(calls, 'call')}, {included:,} of {recordings:,} recordings"
    say(f"Wrote {output} for {who.name} ({who.purpose}): {summary}.")
    say(f"Give the verifier key by another way: {result['vkey']}")
    view.data(result)


def make_bundle(
    gate: Gate,
    *,
    since: datetime,
    until: datetime,
    recipient: str,
    privates: Sequence[Any],
    purpose: str,
    output: Path,
    notes: Sequence[tuple[str, str]] = (),
    progress: Callable[[float, str], None] | None = None,
) -> tuple[Recipient, dict[str, Any]]:
    """Write a bundle to a file that must not exist; its recipient, and what ``--json`` tells of it.

    ``recipient`` is an id, a name or a fingerprint on the register; ``privates`` open what is not sealed to it. Raises
    ``GateError``; then there is no file.
    """
    _absent(output)
    with output_file(output) as file:
        begun = gate.ask(
            AuditExport(
                since=since,
                until=until,
                recipient=recipient,
                purpose=purpose,
                openers=[private.id for private in privates],
            ),
            progress=progress,
        )
        made = _write(gate, begun, privates, notes, file, output, progress)
    result = {
        "file": str(output),
        "bundle": begun.bundle,
        "recipient": begun.recipient.id,
        "counts": made.counts,
        "from": begun.since,
        "to": begun.until,
        "checkpoint": made.checkpoint,
        "vkey": made.vkey,
        "damaged": made.damaged,
    }
    return begun.recipient, result


def _absent(output: Path) -> None:
    must_be_new(output)
    if not output.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {output.absolute().parent}", hint="make it, or name another file")


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
    say(f"{path} is the key of {found.name}: {found.fingerprint}")
    return found.fingerprint


def _write(
    gate: Gate,
    begun: ExportBegun,
    privates: Sequence[Any],
    notes: Sequence[tuple[str, str]],
    file: Any,
    output: Path,
    bar: Callable[[float, str], None] | None,
) -> BundleMade:
    """The recordings and their keys, put into what the gate makes and signs."""
    target = parse_recipient(b"".join(_pieces(gate, begun.bundle, "recipient")))
    with waiting_room(output) as name:
        room = Path(name)
        wrapped = Wrapped(room / "wraps")
        try:
            _take(gate, begun.bundle, wrapped, privates, target, bar)
        finally:
            wrapped.close()
        made = gate.ask(AuditExportMake(bundle=begun.bundle, checkpoints=[*notes]), progress=bar)
        parts, total = Path(made.folder), max(len(wrapped.recordings), 1)
        try:
            with _part(gate, begun.bundle, parts / "head") as head, _part(gate, begun.bundle, parts / "tail") as tail:
                assemble(
                    file, head, tail, _within_reach(gate, wrapped.recordings, room), wrapped.lines(),
                    (lambda done: bar(done / total, f"{done:,} of {total:,} recordings")) if bar else lambda done: None,
                )  # fmt: skip
        except FileNotFoundError as error:
            raise GateError(
                f"{error.filename} went away while the bundle was made", hint="if it was erased just now, export again"
            ) from error
        finally:
            shutil.rmtree(parts, ignore_errors=True)
    return made


def _pieces(gate: Gate, bundle: str, part: Literal["recipient", "head", "tail"]) -> Iterator[bytes]:
    offset = 0
    while piece := base64.b64decode(gate.ask(AuditExportPart(bundle=bundle, part=part, offset=offset)).data):
        offset += len(piece)
        yield piece


def _part(gate: Gate, bundle: str, path: Path) -> BinaryIO:
    """A part where it lies; for an account that may not read the gate's folder a copy, gone when it is closed."""
    if os.access(path, os.R_OK):
        return path.open("rb")
    copy: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asks closes it
    copy.writelines(_pieces(gate, bundle, "tail" if path.name == "tail" else "head"))
    copy.seek(0)
    return copy


def _within_reach(gate: Gate, recordings: Iterable[tuple[str, Path]], room: Path) -> Iterator[tuple[str, Path]]:
    """Sealed files where they lie; for an account that may not read the gate's folder copies, one at a time."""
    for recording_id, path in recordings:
        if os.access(path, os.R_OK):
            yield recording_id, path
            continue
        copy = room / path.name
        hand_out(gate, recording_id, copy)
        yield recording_id, copy
        copy.unlink()


def _take(
    gate: Gate,
    bundle: str,
    wrapped: Any,
    privates: Sequence[Any],
    target: Any,
    bar: Callable[[float, str], None] | None,
) -> None:
    """Every page is taken; the keys of the recordings that go out are wrapped to the recipient, here."""
    taken = 0
    for page in pages(gate, AuditExportTake(bundle=bundle)):
        for row in page.items:
            taken += 1
            if row.status == "included":
                wraps = [(each.recipient, base64.b64decode(each.wrap)) for each in row.wraps]
                ids = {"recording_id": row.recording_id, "key_id": row.key_id or ""}
                wrapped.add(Path(row.path), rewrapped(wraps, privates, target, **ids), target.id, **ids)
        if bar:
            bar(0.0, f"{taken:,} recordings' keys")
