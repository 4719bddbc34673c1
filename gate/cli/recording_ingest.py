"""``dialgate recording ingest``: recordings that another system made."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path

import click
from msgspec.structs import asdict

from gate.cli.asking import option, reach
from gate.cli.command import make
from gate.cli.output import View, narrate
from gate.cli.recordings import command
from gate.client.gate import Gate
from gate.core.recording_names import CallName
from gate.errors import UsageError
from gate.handed_over_file import HandedOverFile
from gate.operations.ingest.folder import Ask, IngestFolder, NotRemoved, go_on, hand_in, note_of, removable
from gate.operations.ingest.ingesting import RecordingIngest, RecordingIngested
from gate.showing import many


@make(
    "ingest",
    group=command,
    numbers=True,
    example="dialgate recording ingest drop\n"
    'dialgate recording ingest call.wav --call-id "6f2c@pbx"\n'
    'dialgate recording ingest call.wav --number "020 7946 0123" --at "2026-11-29 16:24"',
)
@click.argument("path", type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER")
@option(RecordingIngest, "call_id", default="")
@option(RecordingIngest, "number", default="")
@option(RecordingIngest, "at")
@option(RecordingIngest, "swap")
def ingest(view: View, path: Path, call_id: str, number: str, at: datetime | None, swap: bool | None) -> None:
    """Seal recordings that another system made, and then remove the clear files.

    WAV: 16-bit PCM, A-law or u-law, one or two channels. Each is bound to the decision on its call: by options, by
    its name (ingest.names), or by NAME.json beside it. One that belongs to no decision is refused, unless
    ingest.unbound is "keep". Exit code 1 where a file is left in clear.
    """
    named = CallName(call_id, number, at) if call_id or number else None
    with reach(view.config) as gate:
        rows = _folder(view, path, gate, named) if path.is_dir() else [_file(view, path, gate, named, bool(swap))]
    columns = [("file", "File"), ("recording_id", "Recording"), ("call_id", "Call"), ("bound_by", "Bound by")]
    columns += [("refused", "Refused"), ("why", "Still in clear, because")]
    view.rows({"items": rows}, "items", columns, none="There is no WAV file.")
    for each in rows:
        if each["refused"]:
            narrate(f"{each['file']}: this call was made against the gate's answer ({each['refused']}).")
    if left := [each for each in rows if each["why"]]:
        narrate(f"Of {many(len(rows), 'file')} {len(left):,} {'is' if len(left) == 1 else 'are'} still there in clear.")
        sys.exit(1)


def _asking(gate: Gate) -> Ask:
    def ask(asked: RecordingIngest, file: HandedOverFile) -> RecordingIngested:
        return gate.ask(asked, given=file)

    return ask


def _file(view: View, path: Path, gate: Gate, named: CallName | None, swap: bool) -> dict[str, object]:
    if not removable(path.parent):
        raise UsageError(f"{path} could not be removed afterwards", hint="let this account write in its folder")
    go_on(path.parent)
    call, swapped = (named, view.config.ingest.swap) if named else note_of(path, view.config.ingest)
    try:
        return _row(path.name, hand_in(path, call, swap or swapped, _asking(gate)), "")
    except NotRemoved as error:
        return _row(path.name, None, error.message)


def _folder(view: View, path: Path, gate: Gate, named: CallName | None) -> list[dict[str, object]]:
    if named is not None:
        raise UsageError("a folder has many calls", hint="name one file, or leave these options out")
    folder, rows = IngestFolder(path, view.config.ingest), []
    while found := list(folder.look(time.monotonic(), _asking(gate), settle=0.0)):
        rows += [_row(each.name, each.sealed, each.why) for each in found]
    return rows


def _row(name: str, sealed: RecordingIngested | None, why: str) -> dict[str, object]:
    blank = {"recording_id": "", "call_id": "", "already": False, "bound_by": "", "refused": "", "seconds": 0.0}
    return {"file": name, **(asdict(sealed) if sealed else blank), "why": why}
