"""A bundle for an auditor. Made beside the gate, so that private keys never go there; checked and opened on any
machine: no gate, no configuration, no database.
"""

from __future__ import annotations

import base64
import io
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import msgspec
import soundfile
from sqlite_utils import Database

from gate.client.files import must_be_new, output_file
from gate.client.gate import Gate, pages
from gate.client.recordings import hand_out
from gate.core.evidence import leaf_name
from gate.core.facts.audit import BundleExported
from gate.core.rows.keys import Recipient
from gate.core.terms import many
from gate.errors import ExportError, GateError, OtherRecipient, StoppedError, UsageError
from gate.exports.audio import export_wav
from gate.exports.bundle_check import Workplace, check_contents
from gate.exports.bundle_read import Findings, open_bundle
from gate.exports.bundle_rows import CallRow, read_leaf
from gate.exports.bundle_write import assemble, waiting_room
from gate.operations.audit.bundles import Wrapped, rewrapped
from gate.operations.audit.exporting import (
    AuditExport,
    AuditExportMake,
    AuditExportPart,
    AuditExportTake,
    BundleMade,
    ExportBegun,
)
from gate.types import Progress
from gate.vault.keyfile import PrivateKey
from gate.vault.publickey import parse_recipient


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
    evidence_only: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[Recipient, dict[str, Any]]:
    """Write a bundle to a file that must not exist; its recipient, and what ``--json`` tells of it.

    ``recipient`` is an id, a name or a fingerprint on the register; ``privates`` open what is not sealed to it. Raises
    ``GateError``; then there is no file.
    """
    must_be_new(output)
    with output_file(output) as file:
        begun = gate.ask(
            AuditExport(
                since=since,
                until=until,
                recipient=recipient,
                purpose=purpose,
                openers=[private.id for private in privates],
                evidence_only=evidence_only,
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
        **({"others": made.others} if made.others else {}),
        "reader": made.reader,
        "damaged": made.damaged,
        **({"evidence_only": True} if evidence_only else {}),
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
                    (lambda done: bar(done / total, f"{done:,} of {many(total, 'recording')}"))
                    if bar else lambda done: None,
                    made.damaged,
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


def _within_reach(
    gate: Gate, recordings: Iterable[tuple[str, Path, str]], room: Path
) -> Iterator[tuple[str, Path, str]]:
    """Sealed files where they lie; of what lies in the bucket, and for an account that may not read the gate's folder,
    copies, one at a time."""
    for recording_id, path, sha256 in recordings:
        if os.access(path, os.R_OK):
            yield recording_id, path, sha256
            continue
        copy = room / path.name
        hand_out(gate, recording_id, copy)
        yield recording_id, copy, sha256
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
                key = rewrapped(wraps, privates, target, **ids)
                wrapped.add(Path(row.path or ""), row.sha256 or "", key, target.id, **ids)
        if bar:
            bar(0.0, f"keys of {many(taken, 'recording')}")


def open_into(
    path: Path,
    private: PrivateKey | None,
    vkeys: Sequence[str],
    notes: Sequence[tuple[str, str]],
    output: Path | None,
    progress: Callable[[str], AbstractContextManager[Progress | None]],
    *,
    database: bool = False,
    witnesses: Sequence[str] = (),
    line: Callable[[str, bytes], None] = lambda name, line: None,
) -> dict[str, Any]:
    """Check a bundle, and open it with the key where one is given.

    ``vkeys``: the gates' verifier keys, none: the bundle's own. ``notes``: (name, signed note) of checkpoints kept
    elsewhere; ``witnesses``: verifier keys of those who must have seen the log. ``line`` takes the
    clear lines of the logs, each with the name of its log. ``output``: the folder for logs and
    recordings, None: they are only checked. ``progress`` makes a bar of a title. Returns what ``dialgate audit open
    --json`` writes; where the bundle does not hold, ``ok`` is false, there is no folder, and nothing beyond ``checks``
    where it could not be read to its end. Raises ``UsageError``.
    """
    findings = Findings()
    summary: dict[str, Any] = {}
    try:
        summary = _opened(path, private, vkeys, notes, output, findings, progress, database, witnesses, line)
    except StoppedError:
        raise
    except GateError as error:
        if error.exit_code != 1:
            raise
        findings.fails("bundle", error.message + (f" ({error.hint})" if error.hint else ""))
    return {"ok": findings.ok, "checks": [check.as_json() for check in findings.checks], **summary}


def _opened(
    path: Path,
    private: PrivateKey | None,
    vkeys: Sequence[str],
    notes: Sequence[tuple[str, str]],
    output: Path | None,
    findings: Findings,
    progress: Callable[[str], AbstractContextManager[Progress | None]],
    database: bool,
    witnesses: Sequence[str],
    line: Callable[[str, bytes], None],
) -> dict[str, Any]:
    with path.open("rb") as file:
        with progress("Checking the files") as bar:
            bundle = open_bundle(file, findings, vkeys=vkeys, older=notes, witnesses=witnesses, progress=bar)
        manifest = bundle.manifest
        summary: dict[str, Any] = {
            "bundle": manifest.bundle,
            "made": manifest.made,
            "firm": manifest.firm,
            "log": manifest.log,
            "vkey": manifest.vkey,
            "vkey_from": "elsewhere" if vkeys else "the bundle itself",
            "from": manifest.period.since,
            "to": manifest.period.until,
            "recipient": f"{manifest.recipient.name} ({manifest.recipient.id}), {manifest.recipient.purpose}",
            "checkpoint": manifest.checkpoint.size,
            "counts": {name: count for name, count in manifest.counts.items() if count},
            "folder": str(output) if output else None,
        }
        if manifest.evidence_only:
            summary["evidence_only"] = True
        if manifest.others:
            summary["number"] = manifest.number
            summary["others"] = [
                {"number": each.number, "log": each.log, "vkey": each.vkey, "checkpoint": each.checkpoint.size}
                for each in manifest.others
            ]
        if private is None:
            summary["opened"] = False
            return summary
        if private.id != manifest.recipient.id:
            raise OtherRecipient(
                f"the bundle is for {manifest.recipient.name} (key {manifest.recipient.id}), not for key {private.id}",
                hint="give that key with --key",
            )
        with _folder(output) as target, tempfile.TemporaryDirectory(prefix="dialgate-") as sealed:
            wav = None if target is None else _to_wav(target)
            place = Workplace(Path(sealed), None if target is None else target / "log", wav, line)
            with progress("Opening") as bar:
                check_contents(bundle, private, findings, place, bar)
            if target is not None:
                _keep_clear(bundle, target)
                if database:
                    _as_database(target)
                checks = [check.as_json() for check in findings.checks]
                report = json.dumps({"ok": findings.ok, "checks": checks, **summary}, indent=2, ensure_ascii=False)
                (target / "report.json").write_text(report + "\n", encoding="utf-8")
        summary["opened"] = True
        return summary


MOST_ROWS: Final = 50_000
"""Rows of each kind that are kept to be read; a larger bundle is read from the files of ``dialgate audit open -o``."""


class BundleLeaf(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf of a bundle's log."""

    leaf: str
    """As facts name it: its index, and before that the number of its log where that is not 0."""
    at: str
    kind: str
    actor: str
    subject: str


class BundleShown:
    """A bundle that was opened, to be read: kept in memory, and nowhere else."""

    def __init__(self) -> None:
        self.result: dict[str, Any] = {}
        """As ``open_into`` returns it."""
        self.calls: list[CallRow] = []
        self.log: list[BundleLeaf] = []
        self.more: dict[str, int] = {"calls": 0, "log": 0}
        """How many more than ``MOST_ROWS`` there are."""
        self._exports: dict[str, BundleLeaf] = {}

    @property
    def export(self) -> BundleLeaf | None:
        """The leaf of the export that made it: when, and by whom."""
        return self._exports.get(str(self.result.get("bundle")))

    def take(self, name: str, line: bytes) -> None:
        """A clear line of a log."""
        if name == "calls.jsonl":
            told = _object(_object(line).get("call"))
            cells = {column: _cell(told.get(column)) for column in CallRow.__struct_fields__}
            self._keep("calls", self.calls, CallRow(**cells | {"call_id": str(told.get("call_id"))}))
        elif name == "leaves.jsonl":
            value = _object(line)
            leaf = _object(value.get("leaf"))
            texts = {each: str(leaf.get(each, "")) for each in ("at", "kind", "actor", "subject")}
            row = BundleLeaf(leaf=leaf_name(read_leaf(value)), **texts)
            self._keep("log", self.log, row)
            if row.kind == BundleExported.kind:
                self._exports[row.subject] = row

    def _keep(self, name: str, rows: list[Any], row: Any) -> None:
        if len(rows) < MOST_ROWS:
            rows.append(row)
        else:
            self.more[name] += 1


def _object(given: Any) -> dict[str, Any]:
    """A table, or the text of one; empty where it is none."""
    try:
        found = json.loads(given) if isinstance(given, str | bytes) else given
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _cell(value: Any) -> Any:
    """Lists and tables as text: a bundle that is opened may be forged."""
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)


def shown_bundle(
    path: Path,
    private: PrivateKey | None,
    vkeys: Sequence[str],
    progress: Callable[[str], AbstractContextManager[Progress | None]],
) -> BundleShown:
    """Check a bundle and open it as ``open_into``, to be read in memory: nothing in clear goes to a disk.

    Raises ``ExportError`` where nothing of it was found to hold: it is no bundle, is cut off, or is signed with another
    key. Of one that does not hold to its end there are no rows.
    """
    if not path.is_file():
        raise UsageError(f"there is no bundle {path}", hint="give the path of the file: NAME.bundle")
    shown = BundleShown()
    try:
        shown.result = open_into(path, private, vkeys, (), None, progress, line=shown.take)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}", hint="give a file of yours") from error
    if "bundle" not in shown.result:
        checks = shown.result["checks"]
        if not any(check["holds"] for check in checks):
            raise ExportError(
                f"{path}: {checks[-1]['text']}",
                hint="Nothing of it was opened. Give another file or verifier key, or ask for the bundle again.",
            )
        shown.calls.clear()
        shown.log.clear()
    return shown


def _to_wav(target: Path) -> Any:
    def to_wav(chunks: Iterator[bytes], recording_id: str, announcement: bytes | None) -> None:
        place = target / "recordings" / f"{recording_id}.wav"
        export_wav(chunks, place, announcement=_samples(announcement), report=place.with_suffix(".json"))

    return to_wav


def _samples(wav: bytes | None) -> Any:
    """The samples of an announcement; None where its sound is not in the bundle (the report says so)."""
    try:
        return None if wav is None else soundfile.read(io.BytesIO(wav), dtype="int16")[0]
    except soundfile.LibsndfileError:
        return None


def _keep_clear(bundle: Any, target: Path) -> None:
    """What is worth keeping beside what was opened: the checkpoint for the next bundle, and what the logs mean."""
    others = [name for name in bundle.members if name.startswith("logs/") and name.endswith(("vkey", "checkpoint.txt"))]
    for name in ("README.txt", "gate.vkey", "checkpoint.txt", "manifest.json", *others):
        (target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (target / name).open("xb") as file:
            file.writelines(bundle.members[name].blocks())


def _as_database(target: Path) -> None:
    """``log.db``: each log in JSON lines as a table of its name; objects and lists inside a row are JSON text."""
    tables = Database(target / "log.db")
    for path in sorted((target / "log").glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            tables.table(path.stem).insert_all((json.loads(line) for line in file), alter=True)
    tables.close()


@contextmanager
def _folder(output: Path | None) -> Iterator[Path | None]:
    """A folder that takes its name when the block has ended well; what fails leaves nothing."""
    if output is None:
        yield None
        return
    part = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    for folder in (part, part / "log", part / "recordings"):
        folder.mkdir(mode=0o700)
    try:
        yield part
        os.rename(part, output)  # noqa: PTH104 - never onto something that came meanwhile, as Path.replace would
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
