"""What contacts say, in words with their tone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from console import words
from console.theme import BAD, OK, PLAIN, WARN
from console.widgets.rows import Row
from gate.core.showing import clean

_CHANGES: Final[Mapping[str, words.Shown]] = {
    "newly_blocked": ("newly blocked", BAD),
    "newly_allowed": ("newly allowed", OK),
    "first_blocked": ("came blocked", WARN),
}


def change(row: Row) -> words.Shown:
    """What became of a contact."""
    return _CHANGES.get(str(row.get("change")), words.NOTHING)


def standing(status: Mapping[str, Any], since: datetime) -> list[words.Shown]:
    """Counts by verdict and reason, what they rest on, what has changed, and how old the oldest screening is."""
    if not status["contacts"]:
        return [("No contacts are kept: i imports the CRM's list.", WARN)]
    verdicts, allow = status["verdicts"], status["verdicts"].get("allow", 0)
    came = f"from {words.text(status.get('source_name'))[0]}, {words.moment(status['imported_at'])[0]}"
    counted = f"allow {allow:,}, block {verdicts.get('block', 0):,}"
    lines = [
        (f"{words.many(status['contacts'], 'contact')}: {counted} · {came}", PLAIN),
        (_reasons(status["reasons"]), PLAIN),
    ]
    registers = "".join(
        f", {clean(str(each['name'])).upper()} of {words.day(each.get('as_of'))[0][:6]}" for each in status["registers"]
    )
    screened = f"oldest screening {words.moment(status.get('screened_at'))[0]}{registers or ', no register'}"
    if status.get("up_to_date") is False:
        lines.append((f"BEHIND, a register has changed: {screened}", WARN))
    else:
        lines.append((f"Up to date: {screened}", OK))
    blocked, allowed = status.get("newly_blocked", 0), status.get("newly_allowed", 0)
    changed = f"Since {since:%d %b}: {blocked:,} newly blocked, {allowed:,} newly allowed"
    changed += f", {status.get('first_blocked', 0):,} came blocked · {words.many(status['bad_rows'], 'bad row')}"
    lines.append((changed, WARN if blocked or status["bad_rows"] else PLAIN))
    return lines


def _reasons(reasons: Mapping[str, int]) -> str:
    counted = sorted(reasons.items(), key=lambda each: -each[1])
    return " · ".join(f"{words.reason(name)[0]} {count:,}" for name, count in counted)
