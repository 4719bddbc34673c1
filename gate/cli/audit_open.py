"""``dialgate audit open``: a bundle checked and opened, on any machine: no gate, no configuration, no database."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import soundfile
from sqlite_utils import Database

from gate.cli import passphrase as asked
from gate.cli.audit_export import CHECKPOINTS, checkpoint_notes
from gate.cli.command import FILE, make
from gate.cli.output import View, clean, say
from gate.errors import GateError, UsageError
from gate.exports.audio import export_wav
from gate.exports.bundle_check import Workplace, check_contents
from gate.exports.bundle_read import Findings, open_bundle
from gate.vault.keyfile import load_private
from gate.vault.signing import check_vkey

VKEY = click.option("--vkey", metavar="KEY|FILE", help="The gate's verifier key, as it is known from elsewhere.")


def read_vkey(given: str) -> str:
    """A verifier key as it is, or in a file. Raises ``UsageError``."""
    path = Path(given)
    if "+" not in given or path.is_file():
        try:
            with path.open("rb") as file:
                given = file.read(4096).decode("utf-8", "replace").partition("\n")[0]
        except OSError as error:
            raise UsageError(f"{given} is neither a verifier key nor a file with one: {error.strerror}") from None
    return check_vkey(given)


@make(
    "open",
    config=False,
    numbers=False,
    example="dialgate audit open march.bundle --key auditor.key --vkey gate.vkey -o march\n"
    "dialgate audit open march.bundle --key auditor.key -o march --database\n"
    "dialgate audit open march.bundle --checkpoint february.checkpoint --json",
)
@click.argument("file", type=FILE)
@click.option("-k", "--key", type=FILE, metavar="FILE", help="The recipient's private key.")
@VKEY
@CHECKPOINTS
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
    if output is not None and (output.exists() or key is None):
        raise UsageError(*((f"{output} exists",) if output.exists() else ("to open a bundle its key is needed",)),
                         hint="name a new folder with -o" if output.exists() else "give --key FILE")  # fmt: skip
    if database and output is None:
        raise UsageError("--database goes into the folder of -o", hint="name a new folder with -o")
    trusted = read_vkey(vkey) if vkey else ""
    notes = checkpoint_notes(checkpoints)
    private = _private(key, passphrase_file)

    findings = Findings()
    summary: dict[str, Any] = {}
    try:
        summary = _open(view, file, private, trusted, notes, output, findings, database=database)
    except GateError as error:
        if error.exit_code != 1:
            raise
        findings.fails("bundle", error.message + (f" ({error.hint})" if error.hint else ""))
    result = {"ok": findings.ok, "checks": [check.as_json() for check in findings.checks], **summary}
    view.data(result, text=_lines, prose=True)
    if not findings.ok:
        say(
            "The bundle does not hold."
            if summary
            else "Not all of it could be checked, because the bundle does not hold."
        )
        sys.exit(1)


def _private(key: Path | None, passphrase_file: Path | None) -> Any:
    return None if key is None else load_private(key, asked.passphrase(passphrase_file, f"Passphrase of {key}"))


def _open(
    view: View,
    path: Path,
    private: Any,
    vkey: str,
    notes: Sequence[tuple[str, str]],
    output: Path | None,
    findings: Any,
    *,
    database: bool,
) -> dict[str, Any]:
    with path.open("rb") as file:
        with view.progress("Checking the files") as bar:
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
            say("No key was given: logs and recordings were compared with the manifest, and not opened.")
            return summary
        if private.id != manifest.recipient.id:
            raise UsageError(
                f"the bundle is for {manifest.recipient.name} (key {manifest.recipient.id}), not for key {private.id}",
                hint="give that key with --key",
            )
        with _folder(output) as target, tempfile.TemporaryDirectory(prefix="dialgate-") as sealed:
            wav = None if target is None else _to_wav(target)
            place = Workplace(Path(sealed), None if target is None else target / "log", wav)
            with view.progress("Opening") as bar:
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


def _lines(result: dict[str, Any]) -> Iterator[str]:
    for check in result["checks"]:
        yield f"{'holds' if check['holds'] else 'FAILS'}  {clean(check['text'])}"
    for name in ("firm", "from", "to", "recipient", "made", "folder"):
        if result.get(name):
            yield f"{name}: {result[name]}"
