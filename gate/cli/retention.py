"""``dialgate retention``, ``dialgate hold`` and ``dialgate copies``: what is erased when, what may not be, and what
erasing does not reach."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import click

from gate.cli.asking import DRY_RUN, PROOF_FILE, Day, ask, asks, narrate_rehearsal, option, proven, reach, rehearsed
from gate.cli.command import make
from gate.cli.output import View, columns, narrate
from gate.cli.proposals import narrate_waits
from gate.core.days import short_day, spoken_day
from gate.core.rows.audit import CopyRow
from gate.errors import UsageError
from gate.operations.erasure.terms import RetentionTermsShow, RetentionTermsSweep
from gate.operations.rehearsal import in_lines
from gate.operations.retention.copies import CopiesAdd, CopiesDestroyed, CopiesList, CopyEntered
from gate.operations.retention.holds import HoldAdd, HoldGroundSet, HoldList, HoldRelease
from gate.operations.retention.schedule import RetentionDay, RetentionForecast, RetentionStatus, RetentionSweep
from gate.showing import many


@click.group("retention")
def command() -> None:
    """Recordings are erased for good when their term ends: 12 calendar months from the call, unless configured longer.

    A running gate sweeps once a day by itself (retention.sweep_at).
    """


@make("status", group=command, example="dialgate retention status\ndialgate retention status --json")
@asks(RetentionStatus)
def status(view: View, asked: RetentionStatus) -> None:
    """Terms, what is due and what is held, and the last sweep."""
    now = ask(view, asked)
    view.data(now)
    if now.waits:
        narrate(f"The daily sweep does not run: {now.waits}.")
    if now.unfinished:
        left = many(now.unfinished, "erasure", "is")
        narrate(f"{left} not finished; the next sweep or start of the gate goes on.")


@make(
    "sweep",
    group=command,
    example="dialgate retention sweep --dry-run\ndialgate retention sweep --execute 5b0d9f…",
)
@click.option("--dry-run", is_flag=True, help="Show what would be erased, and the digest of it (the default).")
@asks(RetentionSweep, dry_run=False)
def sweep(view: View, asked: RetentionSweep, dry_run: bool) -> None:
    """Show what is due, or erase it for good: keys, files, and a receipt for each.

    Exit code 3 where something else is due than was shown; 1 where a file could not be removed.
    """
    if dry_run and asked.execute:
        raise UsageError("--dry-run and --execute together", hint="Look first, then give the digest that was shown.")
    with view.progress("erasing") as progress:
        done = ask(view, asked, progress=progress)
    view.data(done)
    if done.dry_run:
        if dry_run and not view.json:
            narrate_rehearsal(view, RetentionSweep(execute=done.digest, reason=asked.reason))
        what = "To erase these for good" if done.due else "Nothing is due. Where the daily sweep waits for you"
        narrate(f"{what}: dialgate retention sweep --execute {done.digest}")
        return
    for fault in done.fault_list or ():
        narrate(f"Recording {fault.recording_id}: {fault.fault} ({fault.code}).")
    if not done.ok:
        sys.exit(1)


@make(
    "forecast",
    group=command,
    example="dialgate retention forecast --days 90\ndialgate retention forecast --on 2027-03-02",
)
@asks(RetentionForecast)
@option(RetentionDay, "day", "--on", type=Day(ahead=True), needed=False)
@option(RetentionDay, "after")
@option(RetentionDay, "limit")
def forecast(view: View, asked: RetentionForecast, day: date | None, after: str | None, limit: int) -> None:
    """What is erased on which day. What is overdue counts as today's."""
    with reach(view.config) as gate:
        if day is not None:
            page = gate.ask(RetentionDay(day=day, after=after, limit=limit, as_of=asked.as_of))
            columns = [
                ("opened_at", "Recorded"),
                ("recording_id", "Recording"),
                ("purpose", "Purpose"),
                ("held", "Held by"),
            ]
            view.rows(page, "items", columns, none=f"Nothing goes on {short_day(day)}.")
            return
        going = gate.ask(asked)
        others = gate.ask(RetentionTermsShow(days=asked.days)).terms if asked.as_of is None else []
    columns = [("day", "Day"), ("due", "To erase"), ("held", "Held")]
    view.rows(going, "days", columns, none="Nothing goes in these days.")
    for each in others:
        if each.soon:
            narrate(f"Past a term of {many(each.months, 'month')} by then: {each.what} ({each.soon:,}).")


_EMPTY = "Empty what is past its term now; a running gate does it once a day."


@make("terms", group=command, example="dialgate retention terms\ndialgate retention terms --execute")
@click.option(
    "--execute", "swept", is_flag=True, help="Empty what is past its term now; a running gate does it once a day."
)
@click.option("--dry-run", is_flag=True, help=DRY_RUN)
def terms(view: View, swept: bool, dry_run: bool) -> None:
    """Call records, refused attempts, requests that are over, idle contacts: their terms, and what is past them.

    Their personal content is erased, and the log's leaves stay. Nothing is erased that is held, that still has its
    recording, or that concerns somebody with an open request.
    """
    if dry_run:
        view.data(rehearsed(view, RetentionTermsSweep()), text=in_lines)
        return
    now = ask(view, RetentionTermsSweep() if swept else RetentionTermsShow())
    past = "Emptied" if swept else "Past it"
    columns = [("what", "What"), ("months", "Months"), ("due", past), ("soon", "Within 30 days")]
    view.rows(now, "terms", columns, none="There are no terms.")
    if now.held:
        stay, they = many(now.held, "call", "stays"), "it is" if now.held == 1 else "they are"
        narrate(
            f"{stay}: {they} held, still recorded, or somebody has asked about {'it' if now.held == 1 else 'them'}."
        )
    if now.waits:
        narrate(f"The daily sweep of terms does not run: {now.waits}.")


_ON = {"recording_id": "--recording", "call_id": "--call", "review_on": "--review"}
_AHEAD = {"review_on": Day(ahead=True)}


@click.group("hold")
def hold() -> None:
    """Reasons not to erase: a claim, an investigation, a regulator's request.

    What is held is erased neither at the end of its term nor on request. A restriction stops playback and export too.
    """


@make(
    "add",
    group=hold,
    numbers=True,
    example=(
        'dialgate hold add --recording 5b0d9f… --ground claim --reason "a customer claims" --reference "case 17/2026"\n'
        'dialgate hold add --number 02079460123 --restriction --reason "accuracy contested" --reference "request 4"'
    ),
)
@asks(HoldAdd, names=_ON, types=_AHEAD)
def add(view: View, asked: HoldAdd) -> None:
    """Keep recordings from being erased until the hold is released.

    The ground is the reason that a person gets when the hold stops their erasure (Article 17(3) of the UK GDPR). With
    the ground none it keeps recordings from the daily sweep, and stops no erasure that a person asks for. A
    restriction takes no ground: it is its own.
    """
    added = ask(view, asked)
    view.data(added)
    if added.notice:
        narrate(added.notice)
    if added.gone:
        narrate(f"It comes too late for {many(added.gone, 'recording')}, erased already.")


@make(
    "ground",
    group=hold,
    example='dialgate hold ground 6f2c9e… --ground legal_obligation --law "FCA SYSC 10A.1.6R" --review 2027-03-01',
)
@asks(HoldGroundSet, "hold_id", names={"review_on": "--review"}, types=_AHEAD)
def ground(view: View, asked: HoldGroundSet) -> None:
    """Set the ground of a hold, after a review or where it has none yet."""
    answer = ask(view, asked)
    view.data(answer)
    if answer.notice:
        narrate(answer.notice)


@make("release", group=hold, example='dialgate hold release 6f2c9e… --reason "settled on 3 March"')
@asks(
    HoldRelease,
    "hold_id",
    names={"told_on": "--told", "evidence": "--reference"},
    without=["digest", "evidence_sha256"],
)
@PROOF_FILE
def release(view: View, asked: HoldRelease, file: Path | None) -> None:
    """End a hold or a restriction. What is due goes with the next sweep. It may take two people: dialgate proposal.

    The person who asked for a restriction must hear of it before it ends (Article 18(3) of the UK GDPR): --told is the
    day. A day before today needs a proof: --reference or --file.
    """
    released = ask(view, proven(asked, file))
    view.data(released)
    narrate_waits(released.waits)


@make("list", group=hold, numbers=True, example="dialgate hold list\ndialgate hold list --released --json")
@asks(HoldList, without=["text"])
def list_(view: View, asked: HoldList) -> None:
    """The holds and restrictions in force, newest first."""
    columns = [
        ("id", "Id"),
        ("kind", "Kind"),
        ("ground", "Ground"),
        ("review_on", "Review"),
        ("reference", "Reference"),
        ("target", "On"),
        ("recording_id", "Recording"),
        ("call_id", "Call"),
        ("number", "Number"),
        ("made_at", "Since"),
        ("reason", "Reason"),
        ("released_at", "Released"),
    ]
    view.rows(ask(view, asked), "items", columns, none="Nothing is held.")


# --- copies in clear ----------------------------------------------------------------------------------------------


@click.group("copies")
def copies() -> None:
    """Copies in clear: what left the gate's seal, who has it, why and until when, and what shows that it is destroyed.

    The gate enters each WAV, pack and list that it writes. Enter by hand what it did not write.
    """


def narrate_copy(entered: CopyEntered) -> None:
    """What somebody has to do about a copy that they made."""
    narrate(
        f"It is a copy in clear: destroy it by {spoken_day(entered.until)}, then: dialgate copies destroyed "
        f"{entered.id[:8]} --how …"
    )


@make("list", group=copies, example="dialgate copies list\ndialgate copies list --destroyed --json")
@asks(CopiesList)
def list_copies(view: View, asked: CopiesList) -> None:
    """Copies that are not destroyed, newest first. status warns of those past their day."""
    page = ask(view, asked)
    shown = columns(
        CopyRow, "id", "what", "of", "made_at", "actor", "place", "why", "until", "written_at", "destroyed_at"
    )
    view.rows(page, "items", shown, none="Our ledger has no copy in clear that is not destroyed.")


@make(
    "add",
    group=copies,
    example='dialgate copies add bundle --of 5b0d9f… --place /srv/case17 --why "the ICO asks" --until 2027-03-31',
)
@asks(CopiesAdd, "what", names={"recordings": "--recording"})
def add_copy(view: View, asked: CopiesAdd) -> None:
    """Enter a copy that the gate did not write: a bundle that was opened, a transcript, a file by another program."""
    entered = ask(view, asked)
    view.data(entered)
    narrate_copy(entered)


@make(
    "destroyed",
    group=copies,
    example='dialgate copies destroyed 5b0d9f… --how "shred -u on the training room\'s disk, ticket 4711"',
)
@asks(CopiesDestroyed, "copy_id", without=["evidence", "evidence_sha256"])
@PROOF_FILE
def destroyed(view: View, asked: CopiesDestroyed, file: Path | None) -> None:
    """Enter that a copy is destroyed, how, and what shows it."""
    view.data(ask(view, proven(asked, file)))
