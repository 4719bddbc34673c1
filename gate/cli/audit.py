"""``dialgate audit``: the evidence log, and what goes out of it to auditors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import click

from gate.audit.checkpoints import write_tiles
from gate.cli.asking import ask, asks, only_asks, option, reach
from gate.cli.command import FILE, NEW_FILE, Group, make
from gate.cli.output import View, columns, json_values, narrate, pairs
from gate.client.files import must_be_new, read_vkey
from gate.core.rows.audit import CheckpointRow, Leaf, LogVerified
from gate.durable import whole_file
from gate.errors import GateError, StoreError, UsageError
from gate.operations.audit.checkpoints import (
    AuditCancel,
    AuditCheckpoint,
    AuditClock,
    AuditKey,
    AuditRestore,
    AuditVerify,
    CheckpointsList,
)
from gate.operations.audit.leaves import AuditLeaf, AuditLeaves, AuditStatus, MomentShow, moment_in_words
from gate.operations.audit.witnesses import AuditWitnesses, WitnessRow
from gate.showing import many
from gate.store.reader import Reader, place_of

MAX_NOTE = 8000
CHECKPOINTS = click.option(
    "--checkpoint",
    "kept",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A checkpoint kept elsewhere; may be repeated.",
)
VKEY = option(AuditVerify, "vkey")


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


@click.group("audit", cls=Group, later={"gate.cli.audit_bundles": ("export", "open")})
def command() -> None:
    """The log of everything that the gate did: append-only, and provably so (RFC 9162)."""


@make(
    "verify",
    group=command,
    example="dialgate audit verify --json\n"
    "dialgate audit verify --vkey gate.vkey --checkpoint 2026-01.checkpoint --checkpoint 2026-02.checkpoint",
)
@VKEY
@CHECKPOINTS
def verify(view: View, vkey: str | None, kept: tuple[Path, ...]) -> None:
    """Compute the log anew from its rows and compare. Exit code 1 where it does not hold.

    It reports what it has proven and what it has not.

    Without --vkey the key that lies on the gate is trusted, and without --checkpoint what lies there too: only what
    was kept elsewhere shows that somebody has rewritten all of it. The log must have grown from each checkpoint.
    """
    trusted = read_vkey(vkey) if vkey else ""
    notes = checkpoint_notes(kept)
    with reach(view.config) as gate, view.progress("Verifying the log") as progress:
        try:
            report = gate.ask(AuditVerify(vkey=trusted, checkpoints=notes), progress=progress)
        except KeyboardInterrupt:
            with suppress(GateError):  # a gate that runs would go on for nobody
                gate.ask(AuditCancel())
            raise
    view.data(report, text=_lines, prose=True)
    if report.first_fault is not None:
        narrate(f"The log does not hold: {report.first_fault.message}")
    if not report.ok:
        sys.exit(1)


def _lines(report: LogVerified) -> Iterator[str]:
    values = json_values(report)
    yield from pairs({name: value for name, value in values.items() if name not in ("proven", "not_proven")})
    yield from (f"proven: {sentence}" for sentence in report.proven)
    yield from (f"not proven: {sentence}" for sentence in report.not_proven)


@make("checkpoint", group=command, example="dialgate audit checkpoint -o 2026-03-02.checkpoint")
@click.option("-o", "--output", type=NEW_FILE, metavar="FILE", help="Write the note to a new file.")
def checkpoint(view: View, output: Path | None) -> None:
    """Sign the log as it is now. Keep the note somewhere else: whoever holds it can tell if the log was changed."""
    signed = ask(view, AuditCheckpoint())
    if output:
        must_be_new(output)
        with whole_file(output, mode=0o644) as file:
            file.write(signed.note.encode())
        narrate(f"Wrote {output}: the log of {many(signed.size, 'entry')}, signed.")
    if view.json or not output:
        view.data(signed, text=lambda shown: shown.note.splitlines())


@make("tiles", group=command, example="dialgate audit tiles --to /srv/log")
@click.option(
    "--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Where."
)
def tiles(view: View, folder: Path) -> None:
    """Write the signed log as files that any reader of C2SP tlog-tiles verifies.

    Again into the same folder, it adds what is new. Entries hold no number: they say what happened, when and by which
    account. Run it as the gate's account.
    """
    with Reader(place_of(view.config)) as reader:
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            view.data(write_tiles(reader.connection, folder))
        except OSError as error:
            raise StoreError(f"cannot write to {error.filename or folder}: {error.strerror}") from error


@make("witnesses", group=command, example="dialgate audit witnesses --json")
def witnesses(view: View) -> None:
    """What each witness ([[witness]]) has seen of the log and signed, and why one does not sign."""
    now = ask(view, AuditWitnesses())
    view.rows(now, "witnesses", columns(WitnessRow, "name", "size", "at", "fault"), none="There is no [[witness]].")


only_asks(
    "restore",
    AuditRestore,
    group=command,
    help="""Accept an older gate.db. Only where marketing is refused as evidence_rolled_back.

    What was signed after it is given up: objections and consents of that time are lost with it, so add them again
    first (dialgate objection add). The log keeps who did it, and verify reports it from then on. It needs the role
    admin.
    """,
    example="dialgate audit restore --reason 'disk lost on 2 March, backup of 1 March'",
)
only_asks(
    "clock",
    AuditClock,
    group=command,
    help="""Confirm that the machine's clock is right. Only where marketing is refused as clock_behind.

    That happens where the clock was set back: set it right. Where it was ahead before, and is right now, the log has
    entries that are dated later than now: this command puts that into the log, with who did it. It needs the role
    admin.
    """,
    example="dialgate audit clock --reason 'the clock was a year ahead until 09:10 today'",
)


@make("key", group=command, example="dialgate audit key > gate.vkey\ndialgate audit key --pem > gate.pem")
@click.option("--pem", is_flag=True, help="As PEM, for OpenSSL.")
def key(view: View, pem: bool) -> None:
    """The verifier key. Hand it to auditors separately from bundles: all that the gate signs is checked with it."""
    verifier = ask(view, AuditKey())
    view.data(verifier, text=lambda shown: shown.pem.splitlines() if pem else [shown.vkey])


@make("status", group=command, example="dialgate audit status --json")
def status(view: View) -> None:
    """How long the log is, when it was signed and verified last, and whether it held."""
    view.data(ask(view, AuditStatus()))


@make(
    "leaves",
    group=command,
    example="dialgate audit leaves --kind number_shown\ndialgate audit leaves --before end --json",
)
@asks(AuditLeaves)
def leaves(view: View, asked: AuditLeaves) -> None:
    """The entries of the log, newest first. What happened, to what, by whom, and the hash of its leaf."""
    page = ask(view, asked)
    shown = columns(Leaf, "index", "at", "said", "kind", "subject", "hash")
    view.rows(page, "items", shown, none="There is no entry.")


@make(
    "leaf",
    group=command,
    numbers=True,
    example="dialgate audit leaf 4211\ndialgate audit leaf 4211 --show-numbers --json",
)
@asks(AuditLeaf, "index")
def leaf(view: View, asked: AuditLeaf) -> None:
    """One entry with what its leaf commits to. The fact, the leaf and its hash, the first checkpoint over it."""
    view.data(ask(view, asked))


@make(
    "moment",
    group=command,
    example='dialgate audit moment "25/11 14:00"\ndialgate audit moment 2026-11-25T14:00+00:00 --json',
)
@asks(MomentShow, "moment")
def moment(view: View, asked: MomentShow) -> None:
    """A moment of the log. How long it was, the checkpoint that proves it, and what was erased or entered since.

    With --as-of the lists show the gate as it stood at a moment.
    """
    shown = ask(view, asked)
    if view.json:
        view.data(shown)
        return
    for line in moment_in_words(shown):
        click.echo(line)


@make("checkpoints", group=command, example="dialgate audit checkpoints --limit 5")
@asks(CheckpointsList)
def checkpoints(view: View, asked: CheckpointsList) -> None:
    """The signed heads of the log, newest first."""
    signed = ask(view, asked)
    shown = columns(CheckpointRow, "size", "at", "root", "copies")
    view.rows(signed, "items", shown, none="There is none yet.")
