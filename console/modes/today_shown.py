"""The day in rows of three bands: what needs somebody now, the day beside the days before, what comes tomorrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from console import words
from console.attention import CALLED, Attention, Place
from console.late import late
from console.theme import BAD, DIM, LOUD, OK, PLAIN, WARN
from gate.core.days import LONDON
from gate.core.rows.lists import RegisterState
from gate.core.terms import ALLOWING

if TYPE_CHECKING:
    from gate.core.rows.calls import ReasonCount
    from gate.core.rows.retention import RetentionNow
    from gate.operations.proposals import Proposal
    from gate.operations.requests.standing import Standing

SOON_DAYS: Final = 7
"""A request that is due within so many days is of today."""
DAYS_BEFORE: Final = 7
JUMP: Final = 2
"""Refusals are told of where there were so many times as many as on a day of the week before,"""
LEAST: Final = 5
"""and so many more."""
JUMPS: Final = 2
"""How many reasons, and how many agents, are named."""
MOSTLY: Final = 0.9
"""A day on which a larger part is refused is an alarm: a register has run out, or a list is wrong."""
_ALLOWING: Final = frozenset(reason.value for reason in ALLOWING)
ALARM: Final = "alarm"
"""Kind of what comes before everything else, for everybody."""
ORDER: Final[Mapping[str, Sequence[str]]] = {
    "admin": ("attention", "register", "request", "waits", "sweep", "calls", "jump"),
    "compliance": ("request", "waits", "attention", "sweep", "register", "jump", "calls"),
    "auditor": ("attention", "waits", "request", "jump", "calls", "register", "sweep"),
    "manager": ("attention", "calls", "jump", "register", "sweep", "request", "waits"),
    "viewer": ("attention", "calls", "register", "sweep", "request", "waits", "jump"),
}
"""What comes first, by role, behind what is overdue or wrong: that comes first for everybody."""


NOW, TODAY, TOMORROW = "NOW", "TODAY", "TOMORROW"
BANDS: Final = (NOW, TODAY, TOMORROW)
_OF_TODAY: Final = frozenset({"calls", "jump"})
_URGENT: Final = frozenset({ALARM, "attention", "waits"})
_DUE: Final = frozenset({"request", "register"})


@dataclass(frozen=True)
class Item:
    """One row of the day."""

    ident: str
    kind: str
    """One of ``ORDER``, or ``ALARM``."""
    label: words.Shown
    text: words.Shown
    place: Place
    find: str = ""
    """What is looked for there."""
    more: Standing | None = None
    """The thing itself, where Enter opens it."""
    today: bool = False
    """It is still to come today."""
    first: bool = False
    """It is the first of its band: the band's name stands before it."""

    @property
    def band(self) -> str:
        """Which of ``BANDS`` it is in: what is wrong or due is of now, whatever it is."""
        tone = self.label[1]
        if self.kind in _URGENT or tone == BAD or (tone == WARN and self.kind in _DUE):
            return NOW
        return TODAY if self.kind in _OF_TODAY or self.today else TOMORROW


def attentions(found: Iterable[Attention]) -> list[Item]:
    """What ``dialgate status`` tells; requests and acts that wait have rows of their own, with more in them."""
    return [
        Item(
            f"attention {each.text}",
            ALARM if each.word == CALLED else "attention",
            (each.word, BAD),
            (each.text, PLAIN),
            each.place,
        )
        for each in found
        if each.word not in ("OVERDUE", "requests wait", "2nd person", "sweep waits")
    ]


def due(rows: Sequence[Standing]) -> list[Item]:
    """Requests that are overdue, warned of, or due within days; how many are open besides."""
    left_of, state_of = (late(f"console.modes.request_shown:{name}") for name in ("left", "state"))
    items = []
    for row in rows:
        left = left_of(row)
        days = row.days_left
        if left[1] not in (BAD, WARN) and (days is None or days > SOON_DAYS):
            continue
        what = row.warning if row.stuck else f"due {words.day(row.due)[0]}"
        said = f"{row.reference}, {row.asks}, {state_of(row)[0]}: {what}"
        items.append(Item(f"request {row.id}", "request", left, (said, PLAIN), Place("requests", 1), more=row))
    rest = len(rows) - len(items)
    if rows and rest:
        what = words.many(rest, "other request" if items else "request")
        said = f"{what} open, {'not' if rest == 1 else 'none of them'} due within {SOON_DAYS} days"
        items.append(Item("requests", "request", ("open", DIM), (said, DIM), Place("requests", 0)))
    elif not rows:
        items.append(Item("requests", "request", ("none", DIM), ("No request is open.", DIM), Place("requests", 0)))
    return items


def waiting(found: Sequence[Proposal]) -> list[Item]:
    """What one person has asked for, and another confirms."""
    return [
        Item(
            f"waits {each.id}",
            "waits",
            ("2nd person", LOUD),
            (f"{words.text(each.what)[0]}, {words.text(each.takes)[0]}: asked for by {words.text(each.asked_by)[0]}, "
             f"until {words.minute(each.until)}", PLAIN),
            Place("retention", 0, "waiting"),
        )
        for each in found
    ]  # fmt: skip


def sweep(now: RetentionNow, at: datetime) -> list[Item]:
    """What the sweep will take, and when; ``at``: the time."""
    place = Place("retention", 0)
    if now.waits:
        return [Item("sweep", "sweep", ("SWEEP WAITS", BAD), (words.text(now.waits)[0], PLAIN), place)]
    when, goes = "today", "nothing"
    if now.due:
        swept = now.last is not None and now.last.complete and now.last.day >= now.day
        missed = not swept and f"{at.astimezone(LONDON):%H:%M}" >= now.sweep_at
        when = "tomorrow" if swept else "now" if missed else "today"
        time = f", for the sweep of {now.sweep_at} was missed" if missed else f" at {now.sweep_at}"
        goes = words.many(now.due, "recording") + time
    held = f"; {now.held:,} held, which {'stays' if now.held == 1 else 'stay'}" if now.held else ""
    tone = WARN if now.due else DIM
    said = (f"Goes {when}: {goes}{held}", PLAIN if now.due else DIM)
    return [Item("sweep", "sweep", ("sweep", tone), said, place, today=when != "tomorrow")]


def registers(rows: Iterable[RegisterState]) -> list[Item]:
    """Days left of each register."""
    return [
        Item(f"register {row.name}", "register", words.register_line(row, short=True),
             (f"List of {words.day(row.as_of)[0]}: {words.until(row.as_of, row.days_left)[0]}", PLAIN),
             Place("registers", 0))
        for row in rows
    ]  # fmt: skip


def so_far(day: date, counts: Sequence[ReasonCount], before: Sequence[ReasonCount]) -> list[Item]:
    """Attempts of today beside those of the same day a week ago until the same time, and refusals that jump."""
    total, was = sum(each.attempts for each in counts), sum(each.attempts for each in before)
    said = (
        f"{words.many(total, 'attempt')} so far, {_refused(counts):,} refused; a week ago by this time: {was:,}, "
        f"{_refused(before):,} refused"
    )
    found = f"{day:%d/%m/%Y}"
    share = _refused(counts) / total if total >= LEAST else 0.0
    tone = BAD if share > MOSTLY else OK if total else DIM
    item = Item(
        "so far", "calls", ("MOSTLY REFUSED" if tone == BAD else "today", tone), (said, PLAIN), Place("calls"), found
    )
    return [item, *_jumps("today", found, counts, _by_each(before, 1))]


def yesterday(day: date, counts: Sequence[ReasonCount], before: Sequence[ReasonCount]) -> list[Item]:
    """Attempts of yesterday beside a day of the week before, then refusals that jumped, by reason and by agent."""
    total, refused = sum(each.attempts for each in counts), _refused(counts)
    each_day = round(sum(each.attempts for each in before) / DAYS_BEFORE)
    refused_before = round(_refused(before) / DAYS_BEFORE)
    said = (
        f"{words.many(total, 'attempt')}, {refused:,} refused; a day of the week before: {each_day:,}, "
        f"{refused_before:,} refused"
    )
    found = f"{day:%d/%m/%Y}"
    item = Item("yesterday", "calls", ("yesterday", PLAIN), (said, PLAIN), Place("calls"), found)
    return [item, *_jumps("yesterday", found, counts, _by_each(before, DAYS_BEFORE))]


Usual = Mapping[str, Mapping[str, float]]
"""What is counted (``reason``, ``agent``) -> name -> refusals of a usual day."""


def _by_each(before: Iterable[ReasonCount], days: int) -> Usual:
    rows = list(before)
    return {what: {name: count / days for name, count in _by(rows, key).items()} for what, key in _COUNTED.items()}


def _jumps(when: str, found: str, counts: Sequence[ReasonCount], usual: Usual) -> Iterator[Item]:
    """Refusals by reason and by agent that are many more than usual."""
    for what, key in _COUNTED.items():
        now, before = _by(counts, key), usual[what]
        high = [name for name in now if now[name] >= max(JUMP * before.get(name, 0), before.get(name, 0) + LEAST)]
        for name in sorted(high, key=lambda name: -now[name])[:JUMPS]:
            was = before.get(name, 0)
            shown = name.replace("_", " ") if what == "reason" else words.caller(name)[0]
            told = f"{now[name]:,} refused {when}{' of' if what == 'agent' else ' as'} {shown}, usually {was:.0f}"
            yield Item(
                f"jump {when} {what} {name}", "jump", ("jumps" if when == "today" else "jumped", WARN), (told, PLAIN),
                Place("calls"), f"{found} {shown if what == 'reason' else name}",
            )  # fmt: skip


def _refused(counts: Iterable[ReasonCount]) -> int:
    return sum(each.attempts for each in counts if each.reason not in _ALLOWING)


def _reason(row: ReasonCount) -> str:
    return row.reason


def _agent(row: ReasonCount) -> str:
    return row.claimed_by or "erased"


_COUNTED: Final[Mapping[str, Callable[[ReasonCount], str]]] = {"reason": _reason, "agent": _agent}


def _by(counts: Iterable[ReasonCount], key: Any) -> dict[str, int]:
    sums: dict[str, int] = {}
    for each in counts:
        if each.reason not in _ALLOWING:
            sums[key(each)] = sums.get(key(each), 0) + each.attempts
    return sums


def hour(counts: Mapping[str, int]) -> list[Item]:
    """The last hour, for whoever may not see the days before."""
    total = sum(counts.values())
    refused = sum(count for name, count in counts.items() if name not in _ALLOWING)
    said = f"{words.many(total, 'attempt')} in the last hour, {refused:,} refused"
    return [Item("hour", "calls", ("last hour", OK if total else DIM), (said, PLAIN), Place("live"))]


def tomorrow(day: date, rows: Iterable[RegisterState], requests: Sequence[Standing]) -> list[Item]:
    """What comes on the next day: requests that are due, the last day of a register; who may be called is asked for."""
    due = sum(row.days_left == 1 and not row.stuck for row in requests)
    ends = [words.register_line(row)[0].partition(" ")[0] for row in rows if row.days_left == 0]
    said = [f"{words.many(due, 'request')} due"] * bool(due) + [f"{each} supports calls no more" for each in ends]
    due_then = Item("tomorrow", "request", ("due", PLAIN), ("; ".join(said), PLAIN), Place("requests", 1))
    told = f"Who may be called on {day:%A}: Enter looks at all contacts"
    asked = Item("forecast", "forecast", ("forecast", DIM), (told, DIM), Place("today", 0, "forecast"))
    return [*([due_then] if said else ()), asked]


def ordered(items: Iterable[Item], role: str) -> list[Item]:
    """By band: first what was called all the same, what is overdue or wrong, then as the role has its day."""
    order = (ALARM, *ORDER.get(role, ORDER["admin"]), "forecast")
    found = sorted(
        items,
        key=lambda item: (
            BANDS.index(item.band), item.kind != ALARM, item.label[1] != BAD, order.index(item.kind)
        ),
    )  # fmt: skip
    if not any(item.band == NOW for item in found):
        nothing = Item("nothing", "attention", ("nothing", OK), ("Nothing needs somebody now.", DIM), Place("today"))
        found.insert(0, nothing)
    begins = {item.band: item for item in reversed(found)}
    return [replace(item, first=begins[item.band] is item) for item in found]
