"""A bundle checked and opened, on any machine: no gate, no configuration, no database."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import soundfile
from sqlite_utils import Database

from gate.errors import GateError, UsageError
from gate.exports.audio import export_wav
from gate.exports.bundle_check import Workplace, check_contents
from gate.exports.bundle_read import Findings, open_bundle
from gate.types import Progress
from gate.vault.keyfile import PrivateKey


def open_into(
    path: Path,
    private: PrivateKey | None,
    vkey: str,
    notes: Sequence[tuple[str, str]],
    output: Path | None,
    progress: Callable[[str], AbstractContextManager[Progress | None]],
    *,
    database: bool,
) -> dict[str, Any]:
    """Check a bundle, and open it with the key where one is given.

    ``vkey``: the gate's verifier key, empty: the bundle's own. ``notes``: (name, signed note) of checkpoints kept
    elsewhere. ``output``: the folder for logs and recordings, None: they are only checked. ``progress`` makes a bar of
    a title. Returns what ``dialgate audit open --json`` writes; where the bundle does not hold, ``ok`` is false, there
    is no folder, and nothing beyond ``checks`` where it could not be read to its end. Raises ``UsageError``.
    """
    findings = Findings()
    summary: dict[str, Any] = {}
    try:
        summary = _opened(path, private, vkey, notes, output, findings, progress, database=database)
    except GateError as error:
        if error.exit_code != 1:
            raise
        findings.fails("bundle", error.message + (f" ({error.hint})" if error.hint else ""))
    return {"ok": findings.ok, "checks": [check.as_json() for check in findings.checks], **summary}


def _opened(
    path: Path,
    private: PrivateKey | None,
    vkey: str,
    notes: Sequence[tuple[str, str]],
    output: Path | None,
    findings: Findings,
    progress: Callable[[str], AbstractContextManager[Progress | None]],
    *,
    database: bool,
) -> dict[str, Any]:
    with path.open("rb") as file:
        with progress("Checking the files") as bar:
            bundle = open_bundle(file, findings, vkey=vkey, older=notes, progress=bar)
        manifest = bundle.manifest
        summary: dict[str, Any] = {
            "bundle": manifest.bundle,
            "made": manifest.made,
            "firm": manifest.firm,
            "log": manifest.log,
            "vkey": manifest.vkey,
            "vkey_from": "elsewhere" if vkey else "the bundle itself",
            "from": manifest.period.since,
            "to": manifest.period.until,
            "recipient": f"{manifest.recipient.name} ({manifest.recipient.id}), {manifest.recipient.purpose}",
            "checkpoint": manifest.checkpoint.size,
            "counts": {name: count for name, count in manifest.counts.items() if count},
            "folder": str(output) if output else None,
        }
        if private is None:
            summary["opened"] = False
            return summary
        if private.id != manifest.recipient.id:
            raise UsageError(
                f"the bundle is for {manifest.recipient.name} (key {manifest.recipient.id}), not for key {private.id}",
                hint="give that key with --key",
            )
        with _folder(output) as target, tempfile.TemporaryDirectory(prefix="dialgate-") as sealed:
            wav = None if target is None else _to_wav(target)
            place = Workplace(Path(sealed), None if target is None else target / "log", wav)
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
    for name in ("README.txt", "gate.vkey", "checkpoint.txt", "manifest.json"):
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
