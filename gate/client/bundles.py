"""A bundle for an auditor, made beside the gate so that private keys never go there."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from gate.client.files import must_be_new, output_file
from gate.client.gate import Gate, pages
from gate.client.recordings import hand_out
from gate.errors import GateError, UsageError
from gate.exports.bundle_write import assemble, waiting_room
from gate.operations.audit.bundle_contents import Wrapped, rewrapped
from gate.operations.audit.exported_parts import AuditExportPart
from gate.operations.audit.exporting import AuditExport, AuditExportMake, AuditExportTake, BundleMade, ExportBegun
from gate.operations.keys.recipients import Recipient
from gate.vault.keyfile import PrivateKey
from gate.vault.publickey import parse_recipient


def must_have_a_place(output: Path) -> None:
    """Raise ``UsageError`` where the file is there already, or its folder is not."""
    must_be_new(output)
    if not output.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {output.absolute().parent}", hint="make it, or name another file")


def make_bundle(
    gate: Gate,
    *,
    since: datetime,
    until: datetime,
    recipient: str,
    privates: Sequence[PrivateKey],
    purpose: str,
    output: Path,
    notes: Sequence[tuple[str, str]] = (),
    progress: Callable[[float, str], None] | None = None,
) -> tuple[Recipient, dict[str, Any]]:
    """Write a bundle to a file that must not exist; its recipient, and what ``--json`` tells of it.

    ``recipient`` is an id, a name or a fingerprint on the register; ``privates`` open what is not sealed to it. Raises
    ``GateError``; then there is no file.
    """
    must_have_a_place(output)
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


def _write(
    gate: Gate,
    begun: ExportBegun,
    privates: Sequence[PrivateKey],
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
    privates: Sequence[PrivateKey],
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
