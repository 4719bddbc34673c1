"""``dialgate recording``: sealed recordings."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import soundfile

from gate.cli import passphrase as asked
from gate.cli.command import FILE, NEW_FILE, both_ways, make, sorted_by
from gate.cli.files import must_be_new
from gate.cli.ids import Id
from gate.cli.output import View, say, today
from gate.cli.reach import Gate, ask, reach
from gate.cli.recording_ingest import ingest
from gate.core.finding import sought
from gate.errors import AuditError
from gate.exports.audio import export_wav
from gate.operations.calls.recordings import (
    RecordingList,
    RecordingPiece,
    RecordingTake,
    RecordingTaken,
    RecordingVerify,
)
from gate.operations.calls.rows import FactRow
from gate.vault.opening import open_recording


@click.group("recording")
def command() -> None:
    """Recordings of calls, sealed while they arrived: the gate cannot open them, only the holder of a key can."""


@make(
    "list",
    group=command,
    numbers=True,
    example="dialgate recording list --limit 20\ndialgate recording list yesterday alice",
)
@click.argument("words", nargs=-1)
@sorted_by("at", "seconds")
@both_ways
def list_(view: View, words: tuple[str, ...], **page: Any) -> None:
    """The recordings, newest first or sorted.

    WORDS find as in `calls list`: a day, a time or a span of it, numbers, agents, ids, states. All of them must fit.
    """
    line = sought(" ".join(words), today())
    found = ask(view, RecordingList(text=line.text or None, since=line.since, until=line.until, **page))
    columns = [
        ("recording_id", "Recording"),
        ("call_id", "Call"),
        ("opened_at", "Opened"),
        ("claimed_by", "By"),
        ("number", "Number"),
        ("state", "State"),
        ("seconds", "Seconds"),
        ("size", "Bytes"),
        ("gaps", "Gaps"),
    ]
    none = f"No recording fits: {line.said}." if words else "There is no recording."
    view.rows(found, "items", columns, none=none)


@make(
    "export",
    group=command,
    example='dialgate recording export 5b0d9f… -k ann.key -o call.wav --purpose "access request 17"',
)
@click.argument("recording_id", type=Id("recording"))
@click.option(
    "-k",
    "--key",
    "keys",
    required=True,
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="The private key; twice where the recording takes two people.",
)
@click.option("-o", "--output", required=True, type=NEW_FILE, metavar="FILE", help="The WAV to write; must not exist.")
@click.option("--purpose", required=True, help="Why it is opened; kept in the log before the first byte.")
@asked.many
def export(
    view: View,
    recording_id: str,
    keys: tuple[Path, ...],
    output: Path,
    purpose: str,
    passphrase_files: tuple[Path, ...],
) -> None:
    """Open a recording into a stereo WAV. Agent left, customer right, the announcement in its place, gaps marked.

    The key is opened here: neither it nor its passphrase goes to the gate. A recording that takes two people takes two
    keys: -k FILE -k FILE.
    """
    view.data(open_to_wav(view, recording_id, keys, output, purpose, passphrase_files))


@make("verify", group=command, example="dialgate recording verify\ndialgate recording verify 5b0d9f… --json")
@click.argument("recording_id", type=Id("recording"), required=False)
def verify(view: View, recording_id: str | None) -> None:
    """Compare the sealed files with their digests in the log; no key is needed. Exit code 1 where one differs."""
    verified = ask(view, RecordingVerify(recording_id=recording_id))
    bad = [item for item in verified.items if not item.ok]
    columns = [("recording_id", "Recording"), ("ok", "Holds"), ("fault", "Fault")]
    view.rows(verified, "items", columns, none="There is no recording.")
    if bad:
        say(f"{len(bad)} of {len(verified.items)} recordings do not hold.")
        sys.exit(1)


command.add_command(ingest)


def open_to_wav(
    view: View,
    recording_id: str,
    keys: Sequence[Path],
    output: Path,
    purpose: str,
    passphrase_files: Sequence[Path] = (),
) -> dict[str, Any]:
    """Take the recording (logged by the gate), open it with the private keys and write the WAV; returns the report.

    The keys are opened first: a wrong passphrase takes nothing. A file that ends early opens only where the log says
    that its recording was interrupted. Raises ``UsageError`` where ``output`` exists, and what the vault and the export
    raise.
    """
    must_be_new(output)
    privates = asked.private_keys(keys, passphrase_files)
    taken = ask(view, RecordingTake(recording_id=recording_id, purpose=purpose, recipient=who(privates)))
    chunks, announcement = open_taken(view, recording_id, taken, privates)
    report = export_wav(chunks, output, announcement=announcement)
    for note in report.notes:
        say(f"Note: {note}.")
    return {"recording_id": recording_id, "recipient": who(privates)} | dataclasses.asdict(report)


def open_taken(
    view: View, recording_id: str, taken: RecordingTaken, privates: Sequence[Any]
) -> tuple[Iterable[bytes], Any]:
    """What the gate gave for a recording, opened here: the clear chunks, and the samples of the announcement (None
    where its sound is not here). Raises what the vault raises, and ``AuditError``."""
    wraps = [(each.recipient, base64.b64decode(each.wrap)) for each in taken.wraps]
    with sealed_file(view, recording_id, Path(taken.path)) as path:
        _, chunks = open_recording(
            path,
            wraps,
            privates,
            recording_id=recording_id,
            allow_interrupted=taken.header.state == "interrupted",
        )
        _as_logged(path, taken.header.sha256, chunks)
    return chunks, _announcement(view, taken.facts)


@contextmanager
def sealed_file(view: View, recording_id: str, path: Path) -> Iterator[Path]:
    """The sealed file of a recording that was taken: where it lies, or for an account that may not read the gate's
    folder a copy that the gate hands out, still sealed; it is gone at the end (who has opened it may go on reading)."""
    if os.access(path, os.R_OK):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="dialgate-") as folder:
        copy = Path(folder) / path.name
        with reach(view.config) as gate:
            hand_out(gate, recording_id, copy)
        yield copy


def hand_out(gate: Gate, recording_id: str, to: Path) -> None:
    """A sealed file that was taken, piece by piece through the gate."""
    with to.open("wb") as file:
        while piece := base64.b64decode(gate.ask(RecordingPiece(recording_id=recording_id, offset=file.tell())).data):
            file.write(piece)


def who(privates: Sequence[Any]) -> str:
    """The recipients who open a recording, as the log names them."""
    return " ".join(private.id for private in privates)


def _as_logged(path: Path, digest: str | None, chunks: Iterable[bytes]) -> None:
    """Raise where the file is not the one in the log: what its chunks show to be wrong, else ``AuditError``.

    Whoever can write to the gate's folders can seal another sound under the same id, and the key would open it.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if digest and found != digest:
        for _ in chunks:
            pass
        raise AuditError(
            f"{path.name} opens, but is not the file whose digest is in the log",
            hint="it was replaced after the call; see: dialgate audit verify",
        )


def _announcement(view: View, facts: Sequence[FactRow]) -> Any:
    """The samples of the announcement that was played in this call; ``None`` where its sound is not here."""
    played = next((fact.body for fact in facts if fact.kind == "announced" and fact.body), None)
    if played is None:
        return None
    name = f"{played['announcement']}@{played['version']}"
    path = view.config.data / "prompts" / name / "announcement.wav"
    try:
        samples, _ = soundfile.read(path, dtype="int16")
    except (OSError, soundfile.LibsndfileError):
        return None  # the report says so
    return samples
