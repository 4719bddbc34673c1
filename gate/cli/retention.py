"""``dialgate retention``: what is erased when."""

from __future__ import annotations

import sys
from datetime import date

import click

from gate.cli.asking import asks, option
from gate.cli.command import make
from gate.cli.output import View, say
from gate.cli.reach import ask, reach
from gate.cli.values import Day
from gate.errors import UsageError
from gate.operations.erasure.terms import RetentionTermsShow, RetentionTermsSweep
from gate.operations.retention.schedule import RetentionDay, RetentionForecast, RetentionStatus, RetentionSweep


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
@asks(RetentionSweep)
def sweep(view: View, asked: RetentionSweep, dry_run: bool) -> None:
    """Show what is due, or erase it for good: keys, files, and a receipt for each.

    Exit code 3 where something else is due than was shown; 1 where a file would not go.
    """
    if dry_run and asked.execute:
        raise UsageError("--dry-run and --execute together", hint="Look first, then give the digest that was shown.")
    with view.progress("erasing") as progress:
        done = ask(view, asked, progress=progress)
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
@asks(RetentionForecast)
@option(RetentionDay, "day", "--on", type=Day(ahead=True), needed=False)
@option(RetentionDay, "after")
@option(RetentionDay, "limit")
def forecast(view: View, asked: RetentionForecast, day: date | None, after: str | None, limit: int) -> None:
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
        going = gate.ask(asked)
        others = gate.ask(RetentionTermsShow(days=asked.days))
    columns = [("day", "Day"), ("due", "To erase"), ("held", "Held")]
    view.rows(going, "days", columns, none="Nothing goes in these days.")
    for each in others.terms:
        say(f"Until then {each.soon:,} {each.what} are past their term of {each.months} months.")


_EMPTY = "Empty what is past its term now; a running gate does it once a day."


@make("terms", group=command, example="dialgate retention terms\ndialgate retention terms --execute")
@click.option(
    "--execute", "now_", is_flag=True, help="Empty what is past its term now; a running gate does it once a day."
)
def terms(view: View, swept: bool) -> None:
    """Call records, refused attempts, requests that are over, idle contacts: their terms, and what is past them.

    What is personal in them goes, and the log's leaves stay. What is held, still has its recording, or is of somebody
    with an open request stays.
    """
    now = ask(view, RetentionTermsSweep() if swept else RetentionTermsShow())
    past = "Emptied" if swept else "Past it"
    columns = [("what", "What"), ("months", "Months"), ("due", past), ("soon", "Within 30 days")]
    view.rows(now, "terms", columns, none="There are no terms.")
    if now.held:
        say(f"{now.held} calls stay: they are held, still have a recording, or somebody has asked about them.")
    if now.waits:
        say(f"The daily sweep of terms does not run: {now.waits}.")
