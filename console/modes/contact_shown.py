"""What contacts say, in words with their tone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from console import words
from console.theme import BAD, OK, PLAIN, WARN
from gate.core.rows.lists import ContactChange
from gate.operations.contacts.pages import ContactsNow
from gate.showing import clean

_CHANGES: Final[Mapping[str, words.Shown]] = {
    "newly_blocked": ("newly blocked", BAD),
    "newly_allowed": ("newly allowed", OK),
    "first_blocked": ("came blocked", WARN),
}


def change(row: ContactChange) -> words.Shown:
    """What became of a contact."""
    return _CHANGES.get(row.change, words.NOTHING)


def standing(now: ContactsNow, since: datetime) -> list[words.Shown]:
    """Counts by verdict and reason, what they rest on, what has changed, and how old the oldest screening is."""
    others = [
        (f"On behalf of {clean(name)}: {words.many(count, 'contact')}", PLAIN)
        for name, count in now.others.items()
        if name
    ]
    if not now.contacts:
        own = "of the firm's own " if others else ""
        return [(f"No contacts {own}are kept: i imports the CRM's list.", WARN), *others]
    came = f"from {words.text(now.source_name)[0]}, {words.moment(now.imported_at)[0]}"
    counted = f"allow {now.verdicts.get('allow', 0):,}, block {now.verdicts.get('block', 0):,}"
    lines = [(f"{words.many(now.contacts, 'contact')}: {counted} · {came}", PLAIN), (_reasons(now.reasons), PLAIN)]
    registers = "".join(f", {clean(each.name).upper()} of {words.day(each.as_of)[0][:6]}" for each in now.registers)
    screened = f"oldest screening {words.moment(now.screened_at)[0]}{registers or ', no register'}"
    if now.up_to_date is False:
        lines.append((f"BEHIND, a register has changed: {screened}", WARN))
    else:
        lines.append((f"Up to date: {screened}", OK))
    day = words.short_day(since.date())
    changed = f"Since {day}: {now.newly_blocked or 0:,} newly blocked, {now.newly_allowed or 0:,} newly allowed"
    changed += f", {now.first_blocked or 0:,} came blocked · {words.many(now.bad_rows, 'bad row')}"
    lines.append((changed, WARN if now.newly_blocked or now.bad_rows else PLAIN))
    return lines + others


def _reasons(reasons: Mapping[str, int]) -> str:
    counted = sorted(reasons.items(), key=lambda each: -each[1])
    return " · ".join(f"{words.reason(name)[0]} {count:,}" for name, count in counted)
