"""What the tables of the registers and own lists show of a row."""

from __future__ import annotations

from console import words
from console.theme import BAD, OK, PLAIN, WARN
from console.widgets.report import Section
from gate.core.rows.lists import ConsentRow, RegisterImportRow, RegisterInForce
from gate.core.rules import MAX_AGE_DAYS
from gate.operations.registers.importing import RegisterImported
from gate.showing import clean


def left(row: RegisterInForce) -> words.Shown:
    """Days that it still supports calls for (PECR reg 21(3): 27 days after its date)."""
    days = row.days_left
    if days is None:
        return words.NOTHING
    return f"{days} d", BAD if days < 0 else WARN if days <= 5 else OK


def age(row: RegisterInForce) -> words.Shown:
    """Days since the day it speaks of."""
    days = row.days_left
    return (f"{MAX_AGE_DAYS - days} d", PLAIN) if isinstance(days, int) else words.NOTHING


def changed(row: RegisterImportRow | RegisterImported) -> words.Shown:
    """What an import added and removed."""
    added, removed = row.added, row.removed
    return (f"+{added:,} -{removed:,}", PLAIN) if added is not None and removed is not None else words.NOTHING


def consent_state(row: ConsentRow) -> words.Shown:
    """Live, over by its term or its own words, or withdrawn."""
    over = str(row.ends or "9999") < words.today().isoformat()
    return words.state("withdrawn" if row.withdrawn_at else "expired" if over else "live")


def more(row: RegisterInForce) -> Section:
    """What a line of the table has no room for: until when it may be used, where it came from, what was refused."""
    pairs = [
        ("Supports calls", words.until(row.as_of, row.days_left)),
        ("Imported", words.moment(row.imported_at)),
        ("From", words.text(row.source_name)),
    ]
    if row.problem:
        pairs.append(("Trouble", words.text(row.problem, BAD)))
    if row.implausible:
        taken = f" Taken because: {row.accepted}" if row.accepted else ""
        pairs.append(("Doubtful", words.text(f"{row.implausible}.{taken}", WARN)))
    if row.uncovered:
        pairs.append(("Not covered", words.text(f"{', '.join(row.uncovered)}: it holds no number there", WARN)))
    if refused := row.refused:
        at, name = words.moment(refused.at)[0], words.text(refused.source_name)[0]
        pairs.append(("Refused since", words.text(f"{name}, {at}: {refused.why}", WARN)))
    return Section(clean(row.name).upper(), pairs)
