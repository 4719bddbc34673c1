"""``dialgate recording``: sealed recordings."""

from __future__ import annotations

import dataclasses
import sys
from datetime import date
from pathlib import Path

import click

from gate.cli import passphrase as asked
from gate.cli.asking import argument, ask, asks, option, reach, rows_found
from gate.cli.command import FILE, NEW_FILE, Group, make
from gate.cli.output import View, columns, narrate
from gate.cli.retention import narrate_copy
from gate.client.files import must_be_new
from gate.core.rows.calls import ListedRecording
from gate.operations.calls.recordings import RecordingList, RecordingTake, RecordingVerified, RecordingVerify
from gate.operations.parsing import Findable
from gate.operations.retention.copies import CopiesAdd
from gate.showing import many


@click.group("recording", cls=Group, later={"gate.cli.recording_ingest": ("ingest",)})
def command() -> None:
    """Recordings of calls, sealed while they arrived: the gate cannot open them, only the holder of a key can."""


@make(
    "list",
    group=command,
    numbers=True,
    example="dialgate recording list --limit 20\ndialgate recording list yesterday alice",
)
@click.argument("words", nargs=-1)
@asks(RecordingList, without=["text", "since", "until"])
def list_(view: View, asked: RecordingList, words: tuple[str, ...]) -> None:
    """The recordings, newest first or sorted.

    WORDS search as in `calls list`: a day, a time or a span of it, numbers, agents, ids, states. All of them must
    fit.
    """
    shown = columns(
        ListedRecording,
        *("recording_id", "call_id", "opened_at", "claimed_by", "number", "state", "call_state", "seconds", "size"),
        *("kept", "gaps", "lost", "silent"),
    )
    rows_found(view, Findable.RECORDINGS, words, asked, shown, "There is no recording.")


@make(
    "export",
    group=command,
    example='dialgate recording export 5b0d9f… -k ann.key -o call.wav --purpose "access request 17"',
)
@argument(RecordingTake, "recording_id")
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
@option(RecordingTake, "purpose")
@option(CopiesAdd, "until")
@asked.many
def export(
    view: View,
    recording_id: str,
    keys: tuple[Path, ...],
    output: Path,
    purpose: str,
    until: date | None,
    passphrase_files: tuple[Path, ...],
) -> None:
    """Open a recording into a stereo WAV. Agent left, customer right, the announcement in its place, gaps marked.

    The WAV is a copy in clear: it stands in the ledger (dialgate copies list) until you enter that it is destroyed.

    The key is opened here: neither it nor its passphrase goes to the gate. A recording that takes two people takes two
    keys: -k FILE -k FILE.
    """
    from gate.client import recordings  # with numpy and soundfile, for this alone

    must_be_new(output)
    privates = asked.private_keys(keys, passphrase_files)  # first: a wrong passphrase takes nothing
    with reach(view.config) as gate:
        report, entered = recordings.export(gate, view.config.data, recording_id, privates, output, purpose, until)
    for note in report.notes:
        narrate(f"Note: {note}.")
    narrate_copy(entered)
    copy = {"copy": entered.id, "until": entered.until.isoformat()}
    view.data({"recording_id": recording_id, "recipient": recordings.who(privates)} | dataclasses.asdict(report) | copy)


@make("verify", group=command, example="dialgate recording verify\ndialgate recording verify 5b0d9f… --json")
@asks(RecordingVerify, "recording_id", optional=["recording_id"])
def verify(view: View, asked: RecordingVerify) -> None:
    """Compare the sealed files with their digests in the log; no key is needed. Exit code 1 where one differs."""
    verified = ask(view, asked)
    bad = [item for item in verified.items if not item.ok]
    shown = columns(RecordingVerified, "recording_id", "ok", "fault")
    view.rows(verified, "items", shown, none="There is no recording.")
    if bad:
        narrate(
            f"Of {many(len(verified.items), 'recording')} {len(bad):,} {'does' if len(bad) == 1 else 'do'} not hold."
        )
        sys.exit(1)
