"""What retention says, in words with their tone."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from console import words
from console.modes.retention_calendar import Going
from console.theme import BAD, LOUD, OK, PLAIN, WARN
from console.widgets.danger import Plan
from gate.core.rows.retention import DueRecording, HoldRow, RetentionNow, Sweep
from gate.showing import clean


def kind(row: HoldRow) -> words.Shown:
    """A hold, or a restriction."""
    word = clean(str(row.kind))
    return word, LOUD if word == "restriction" else PLAIN


def in_force(row: HoldRow) -> words.Shown:
    """In force, or released."""
    return words.state("released" if row.released_at else "in force")


def goes(row: DueRecording) -> words.Shown:
    """Whether it goes, as a word."""
    return ("held", WARN) if row.held else ("goes", BAD)


def target_of(row: HoldRow) -> words.Shown:
    """What a hold is on: a number, hidden in part, or the beginning of an id."""
    if row.target == "number":
        return words.number(row.number)
    return clean((row.call_id if row.target == "call" else row.recording_id) or "-")[:16], PLAIN


def standing(status: RetentionNow) -> list[words.Shown]:
    """Terms, what is due and held, the last sweep, and what keeps the next one waiting."""
    terms = status.terms
    classes = "".join(f"; {name} {years} years" for name, years in terms.years.items())
    lines = [
        (
            clean(f"Kept {terms.months} months{classes}. Swept daily at {status.sweep_at}."),
            PLAIN,
        )
    ]
    now = f"Due now {status.due:,} · held {status.held:,} · begun, not finished {status.unfinished:,}"
    lines.append((now, WARN if status.due or status.unfinished else PLAIN))
    last = status.last
    if last is None:
        lines.append(("Never swept.", WARN))
    else:
        text = f"Last sweep {words.moment(last.at)[0]} by {words.text(last.actor)[0]}: "
        text += f"{last.erased + last.resumed:,} erased, {last.held:,} held, {words.many(last.faults, 'fault')}"
        whole = last.complete
        lines.append((text + ("" if whole else ", NOT COMPLETE"), OK if whole and not last.faults else BAD))
    if status.waits:
        lines.append((clean(f"The daily sweep WAITS: {status.waits}"), BAD))
    if status.terms_wait:
        lines.append((clean(f"The sweep of call records and requests WAITS: {status.terms_wait}"), BAD))
    if status.memory_refused:
        lines.append((clean(f"Marketing is REFUSED for the memory journal: {status.memory_refused}"), BAD))
    elif status.memory_waits:
        lines.append((clean(f"Acts WAIT for the memory journal: {status.memory_waits}"), WARN))
    return lines


def day_line(day: date, today: date, going: Going) -> str:
    """The day under the cursor, in words."""
    when = (
        "today"
        if day == today
        else "tomorrow"
        if day == today + timedelta(days=1)
        else f"in {(day - today).days:,} days"
    )
    if not going.due and not going.held:
        return f"{day:%a %d %b %Y}, {when}: nothing goes"
    held = f"; {going.held:,} more would, but {'is' if going.held == 1 else 'are'} held" if going.held else ""
    return f"{day:%a %d %b %Y}, {when}: {going.due:,} to erase{held}"


def plan_of(shown: Sweep) -> Plan:
    """A dry run of the gate as the dialog shows it."""
    due, held, unfinished = shown.due, shown.held, shown.unfinished or 0
    by_hold = Counter(each.hold for each in shown.held_by)
    names = [f"{clean(name)}: {words.many(count, 'recording')}" for name, count in by_hold.most_common(8)]
    if len(by_hold) > len(names):
        names.append(f"and {len(by_hold) - len(names):,} holds more")
    return Plan(
        digest=shown.digest,
        counts=[
            ("As of", words.day(shown.day.isoformat())),
            ("Erase for good", (words.many(due, "recording"), BAD if due else PLAIN)),
            ("Finish", (f"{words.many(unfinished, 'erasure')} begun before", WARN if unfinished else PLAIN)),
            ("Keep", (f"{held:,} that {'is' if held == 1 else 'are'} due, but held", WARN if held else PLAIN)),
        ],
        phrase=f"erase {due}",
        held=names,
        nothing="" if due or unfinished else "Nothing is due: there is nothing to erase.",
    )
