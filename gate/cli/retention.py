"""``dialgate retention``: what is erased when."""

from __future__ import annotations

import sys
from datetime import date

import click

from gate.cli.command import make, paged
from gate.cli.output import View, say
from gate.cli.reach import ask, reach
from gate.cli.values import Day
from gate.errors import UsageError
from gate.operations.retention.schedule import RetentionDay, RetentionForecast, RetentionStatus, RetentionSweep
from gate.operations.retention.terms import RetentionTermsShow, RetentionTermsSweep


@click.group("retention")
def command() -> None:
    """Recordings are erased for good when their term ends: 12 calendar months from the call, unless configured longer.

    A running gate sweeps once a day by itself (retention.sweep_at).
    """


@make("status", group=command, example="dialgate retention status\ndialgate retention status --json")
def status(view: View) -> None:
    """Terms, what is due and what is held, and the last sweep."""
    now = ask(view, RetentionStatus())
    view.data(now)
    if now.waits:
        say(f"The daily sweep does not run: {now.waits}.")
    if now.unfinished:
        say(f"{now.unfinished} erasures are not finished; the next sweep or start of the gate goes on with them.")


@make(
    "sweep",
    group=command,
    example="dialgate retention sweep --dry-run\ndialgate retention sweep --execute 5b0d9f…",
)
@click.option("--dry-run", is_flag=True, help="Show what would be erased, and the digest of it (the default).")
@click.option("--execute", metavar="DIGEST", help="Erase what the dry run of this digest showed, and nothing else.")
@click.option("--reason", metavar="TEXT", default="", help="With --execute: why it is done by hand; kept in the log.")
def sweep(view: View, dry_run: bool, execute: str | None, reason: str) -> None:
    """Show what is due, or erase it for good: keys, files, and a receipt for each.

    Exit code 3 where something else is due than was shown; 1 where a file would not go.
    """
    if dry_run and execute:
        raise UsageError("--dry-run and --execute together", hint="Look first, then give the digest that was shown.")
    with view.progress("erasing") as progress:
        done = ask(view, RetentionSweep(execute=execute, reason=reason), progress=progress)
    view.data(done)
    if done.dry_run:
        what = "To erase these for good" if done.due else "Nothing is due. Where the daily sweep waits for you"
        say(f"{what}: dialgate retention sweep --execute {done.digest}")
        return
    for fault in done.fault_list or ():
        say(f"Recording {fault.recording_id}: {fault.fault} ({fault.code}).")
    if not done.ok:
        sys.exit(1)


@make(
    "forecast",
    group=command,
    example="dialgate retention forecast --days 90\ndialgate retention forecast --on 2027-03-02",
)
@click.option("--days", type=click.IntRange(0, 3660), default=30, show_default=True, help="How far to look.")
@click.option("--on", "day", type=Day(ahead=True), metavar="DATE", help="In place of counts: what goes on this day.")
@paged
def forecast(view: View, days: int, day: date | None, after: str | None, limit: int) -> None:
    """What goes on which day. What should have gone before today counts on today."""
    with reach(view.config) as gate:
        if day is not None:
            page = gate.ask(RetentionDay(day=day, after=after, limit=limit))
            columns = [
                ("opened_at", "Opened"),
                ("recording_id", "Recording"),
                ("purpose", "Purpose"),
                ("held", "Held by"),
            ]
            view.rows(page, "items", columns, none=f"Nothing goes on {day:%d %b %Y}.")
            return
        going = gate.ask(RetentionForecast(days=days))
        others = gate.ask(RetentionTermsShow(days=days))
    columns = [("day", "Day"), ("due", "To erase"), ("held", "Held")]
    view.rows(going, "days", columns, none="Nothing goes in these days.")
    for each in others.terms:
        say(f"Until then {each.soon:,} {each.what} are past their term of {each.months} months.")


@make("terms", group=command, example="dialgate retention terms\ndialgate retention terms --execute")
@click.option("--execute", is_flag=True, help="Empty what is past its term now; a running gate does it once a day.")
def terms(view: View, execute: bool) -> None:
    """Call records, refused attempts, requests that are over, idle contacts: their terms, and what is past them.

    What is personal in them goes, and the log's leaves stay. What is held, still has its recording, or is of somebody
    with an open request stays.
    """
    now = ask(view, RetentionTermsSweep() if execute else RetentionTermsShow())
    past = "Emptied" if execute else "Past it"
    columns = [("what", "What"), ("months", "Months"), ("due", past), ("soon", "Within 30 days")]
    view.rows(now, "terms", columns, none="There are no terms.")
    if now.held:
        say(f"{now.held} calls stay: they are held, still have a recording, or somebody has asked about them.")
    if now.waits:
        say(f"The daily sweep of terms does not run: {now.waits}.")
