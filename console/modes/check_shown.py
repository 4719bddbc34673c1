"""What a check of a number says, in words with their tone."""

from __future__ import annotations

from console import words
from console.theme import BAD, OK
from gate.operations.calls.screening import Checked, RegisterFinding
from gate.showing import clean, many


def check_pairs(checked: Checked) -> list[tuple[str, words.Shown]]:
    """The verdict, why, and what it rests on of the firm's own lists."""
    return [
        ("Verdict", words.verdict(checked.verdict)),
        ("Reason", words.reason(checked.reason)),
        ("That is", words.text(checked.explanation)),
        ("Consent", words.ident(checked.consent_id)),
        ("Objection", words.ident(checked.objection_id)),
        *_subscriber(checked),
    ]


def _subscriber(checked: Checked) -> list[tuple[str, words.Shown]]:
    since = f", theirs since {words.day(checked.subscriber_since)[0]}" if checked.subscriber_since else ""
    known = checked.subscriber or since
    return [("Line of", words.text(f"{checked.subscriber or 'unknown'}{since}"))] if known else []


def register_lines(checked: Checked) -> list[words.Shown]:
    """A line of each register that was asked."""
    return [
        (
            f"{clean(each.name).upper():<5} {clean(each.state)}, list of {words.day(each.as_of)[0]}, {_left(each)}",
            OK if each.state == "ok" and (each.days_left or 0) >= 0 else BAD,
        )
        for each in checked.registers
    ]


def _left(register: RegisterFinding) -> str:
    if register.days_left is None:
        return "of a later day"
    return f"{many(register.days_left, 'day')} left" if register.days_left >= 0 else "too old"
