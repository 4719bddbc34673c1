"""A data-subject request as the console shows it: days left as a word, who asks hidden in part, its course in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from console import words
from console.theme import BAD, DIM, LOUD, OK, PLAIN, WARN
from console.widgets.report import Section
from gate.core.deadlines import Clock
from gate.core.facts.requests import Refused, SaidAt, Searched
from gate.core.request_words import State, claimed_day, step_words
from gate.operations.requests.listing import CourseFact
from gate.operations.requests.standing import Pack, Receipt, Standing
from gate.showing import clean

PLACES: Final[Sequence[tuple[str, frozenset[str]]]] = (
    ("Received", frozenset({State.RECEIVED, State.IDENTITY_ASKED})),
    ("In hand", frozenset({State.IN_HAND, State.CLARIFYING})),
    ("Granted", frozenset({State.GRANTED, State.PARTLY_DONE})),
    ("Refused", frozenset({State.REFUSED})),
    ("Over", frozenset({State.DONE, State.CLOSED})),
)
"""Columns of the board, and the states in each."""
_TONES: Final[Mapping[str, str]] = {
    State.RECEIVED: LOUD,
    State.IDENTITY_ASKED: WARN,
    State.IN_HAND: PLAIN,
    State.CLARIFYING: WARN,
    State.GRANTED: OK,
    State.PARTLY_DONE: WARN,
    State.REFUSED: BAD,
    State.DONE: DIM,
    State.CLOSED: DIM,
}


def state(row: Standing) -> words.Shown:
    """``identity asked``."""
    word = clean(row.state)
    return word.replace("_", " "), _TONES.get(word, PLAIN)


def left(row: Standing) -> words.Shown:
    """``due in 25 d``, ``soon: 4 d``, ``OVERDUE 2 d``, ``paused, 12 d``."""
    if row.state in (State.DONE, State.CLOSED):
        return state(row)
    days, warning = row.days_left, row.warning
    if days is None and row.carried_out:
        return ("hold ended", BAD) if row.freed else ("waits for hold", DIM)
    if days is None:
        return "waits for proof", WARN if row.stuck else DIM
    if days < 0:
        return f"OVERDUE {-days} d", BAD
    if row.late and not row.acknowledge_by:
        return f"LATE, {days} d", BAD
    if row.paused_on:
        return f"paused, {days} d", LOUD
    if warning == "overdue":  # its acknowledgement is
        return "ack. OVERDUE", BAD
    return (f"soon: {days} d", WARN) if warning else (f"due in {days} d", OK)


def asks(row: Standing) -> words.Shown:
    """``erasure``."""
    return words.text(row.asks)


def in_part(text: Any) -> str:
    """``A** E******``: who asks, for eyes that have not asked."""
    return re.sub(r"(?<=\w)\w", "*", str(text or ""))


def name(row: Standing, *, full: bool = False) -> words.Shown:
    """Who asks."""
    if row.name is None:
        return "forgotten", DIM
    return _person(row.name, full)


def _person(value: Any, full: bool) -> words.Shown:
    if not value:
        return words.NOTHING
    text = ", ".join(part.strip() for part in str(value).splitlines())
    return (clean(text), LOUD) if full else (clean(in_part(text)), PLAIN)


# --- sections -----------------------------------------------------------------------------------------------------


def sections(row: Standing, *, full: bool = False) -> list[Section]:
    """A request's sections, from the answer to ``request_show``; ``full``: who asks was asked for."""
    return [_who(row, full), Section("How it stands", [*_clock(row), *_became(row)])]


def _who(row: Standing, full: bool) -> Section:
    lines = row.lines or ()
    numbers = ", ".join(words.number(words.InFull(line) if full else line)[0] for line in lines)
    by = row.channel.replace("_", " ")
    came = f"{asks(row)[0]}, came {words.day(row.received)[0]} by {by}{'' if row.written else ', spoken'}"
    pairs: list[tuple[str, words.Shown]] = [
        ("Asks for", words.text(came)),
        ("From", name(row, full=full)),
        ("Contact", _person(row.contact, full)),
        ("Numbers", (numbers or "-", LOUD if full else PLAIN)),
    ]
    if row.about:
        pairs.append(("About", words.text(row.about)))
    if row.since or row.until:
        pairs.append(("Call of", words.text(f"{words.minute(row.since)} to {words.minute(row.until)}")))
    return Section("", pairs)


def _clock(row: Standing) -> list[tuple[str, words.Shown]]:
    pairs: list[tuple[str, words.Shown]] = []
    if row.due:
        pairs = [
            ("Due", (f"{words.day(row.due)[0]} ({left(row)[0]})", left(row)[1])),
            (
                "Regulator",
                words.text(f"{words.day(row.ico_due)[0]}; by policy {words.day(row.policy_due)[0]}"),
            ),
            ("Warnings", words.text(_warnings(row))),
        ]
        if row.paused_on:
            pairs.append(("Paused", (f"since {words.day(row.paused_on)[0]}: the clock stands still", LOUD)))
        if row.extended:
            pairs.append(("Extended", ("three months in total", WARN)))
    elif row.state == State.IDENTITY_ASKED:
        by = words.day(row.policy_due)[0]
        pairs.append(("Due", (f"30 days after the proof of identity arrives; by policy {by}", DIM)))
    if row.acknowledge_by:
        pairs.append(("Acknowledge", (f"by {words.day(row.acknowledge_by)[0]}", WARN)))
    if row.marketing_waits:
        pairs.append(("Marketing", (f"waits {row.marketing_waits}", WARN)))
    if row.late and not row.warning:
        pairs.append(("Late", ("a last day had passed before it was over", BAD)))
    return [("State", state(row)), *pairs]


def _warnings(row: Standing) -> str:
    days = [words.short_day(day) for day in clock_of(row).warnings]
    came = row.warning
    return " and ".join(days) + (f"; now: {came}" if came else "")


def clock_of(row: Standing) -> Clock:
    """The clock of a request that has one, as the row has it."""
    assert row.started is not None  # noqa: S101 - it has one
    assert row.due is not None  # noqa: S101
    fresh = Clock(row.started, 0, row.extended)
    return Clock(row.started, (row.due - fresh.due).days, row.extended)


def _became(row: Standing) -> list[tuple[str, words.Shown]]:
    pairs: list[tuple[str, words.Shown]] = []
    if row.checked:
        pairs.append(("Identity", words.text(f"proven: {row.checked}", OK)))
    if row.found is not None:
        outside = f"; {row.outside} more outside what was searched for" if row.outside else ""
        renewed = "" if row.searched else ", to be renewed"
        pairs.append(("Found", words.text(f"{words.many(row.found, 'call')}{outside}{renewed}")))
    if missing := row.missing:
        pairs.append(("Ask for", words.text(f"{', '.join(missing)} of the call (London)", WARN)))
    if row.ground:
        pairs.append(("Refused", (row.ground.replace("_", " "), BAD)))
        pairs.append(("Told", words.text(", ".join(row.told or ()) or "nobody yet")))
    elif row.told:
        pairs.append(("Told", words.text(", ".join(row.told))))
    if row.untold:
        pairs.append(("Not told", words.text(f"recipients {', '.join(row.untold)}", WARN)))
    if pack := row.pack:
        made = f"{_amount(pack)}, SHA-256 {pack.sha256[:12]}…"
        pairs.append(("Pack", words.text(made, OK)))
    if done := row.carried_out:
        until = words.day(done.backups_until)[0]
        gone = f"{_amount(done)}; backups until {until}"
        pairs.append(("Erased", (gone, OK)))
        ended = row.freed or ()
        pairs += [
            ("Hold ended", words.text(f"{each}: erase the rest", BAD))
            if each in ended
            else ("Held, stays", words.text(each, WARN))
            for each in done.held_by
        ]
        if done.open_requests:
            pairs.append(("Kept by", words.text(f"open requests {', '.join(done.open_requests)}", WARN)))
        for each in done.mentions or ():
            whose = "" if each.startswith("entry ") else "somebody else's "
            pairs.append(("Mentioned in", words.text(f"{whose}{each}", WARN)))
    return pairs


def _amount(row: Pack | Receipt) -> str:
    return f"{words.many(row.calls, 'call')}, {words.many(row.recordings, 'recording')}"


def course(facts: Sequence[CourseFact]) -> Section:
    """Every step with who took it, newest last."""
    lines = []
    for fact in facts:
        who = words.text(fact.actor)[0]
        step = f"{step_words(str(fact.kind))}{_more(fact)}"
        claimed = f" (claimed: {day})" if (day := claimed_day(fact.body, fact.at)) else ""
        lines.append((f"{words.moment(fact.at)[0]}  {step}{claimed}, {who}", PLAIN))
    return Section("Steps", lines=lines)


def _more(fact: CourseFact) -> str:
    body: Mapping[str, Any] | None = fact.body
    if not body:
        return " (erased)" if body is None else ""
    kind = fact.kind
    if kind == SaidAt.kind:
        return clean(f": {body['step']}: {words.text(body['text'])[0]}")
    if kind.startswith("letter_"):
        return clean(f": {body['kind']}")
    if kind == Searched.kind:
        return f": {words.many(body['found'], 'call')}"
    if kind == Refused.kind:
        return clean(f": {str(body['ground']).replace('_', ' ')}")
    if body.get("how"):
        return clean(f": {body['recipient']}, {str(body['how']).replace('_', ' ')}{_proof(body)}")
    return clean(_proof(body))


def _proof(body: Mapping[str, Any]) -> str:
    if body.get("evidence"):
        digest = f", SHA-256 {str(body['evidence_sha256'])[:12]}…" if body.get("evidence_sha256") else ""
        return f": {body['evidence_kind']} {body['evidence']}{digest}"
    return ""
