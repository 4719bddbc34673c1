"""What is typed to find calls, recordings, contacts or requests, as one line: ``25/11 14:00-14:30 alice not listed``.
Pure.

``sought`` takes days and times out of the line, and makes a period of them. ``meant`` reads the words that are left: a
word that the rows show (a verdict, a state, a reason, a purpose) means just that; what else it may be is a caller, a
number or an id. ``not`` denies what follows, ``or`` joins two. A word that means nothing is *unknown*: it finds
nothing, and whoever typed it learns which one it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from gate.core.days import LONDON, day_of, time_of_day
from gate.core.numbers import NumberRefused, beginning_of, parse, shown_as
from gate.core.request_words import Asks, State
from gate.core.terms import Purpose, Reason, Topic, Verdict

ABOUT: Final = 15
"""Minutes: a single time is looked for so long before and after it."""


# --- days and times -------------------------------------------------------------------------------------------------


class Sought(NamedTuple):
    """A period in London, open where None, and what is left of the line."""

    since: datetime | None
    until: datetime | None
    text: str

    @property
    def period(self) -> str:
        """The period in words: ``Wed 25 Nov 2026 14:00 to 14:30``; empty where there is none."""
        if self.since and self.until:
            first, last = self.since.date(), self.until.date() - timedelta(days=1)
            if self.since.time() == self.until.time() == time():
                return f"{first:{_DAY}}" + f" to {last:{_DAY}}" * (last > first)
            day = "" if self.since.date() == self.until.date() else f"{self.until:{_DAY}} "
            return f"{self.since:{_DAY}} {_clock(self.since)} to {day}{_clock(self.until)}"
        if self.since:
            return f"from {self.since:{_DAY}} {_clock(self.since)}"
        return f"before {self.until:{_DAY}} {_clock(self.until)}" if self.until else ""

    @property
    def in_words(self) -> str:
        """How the line was understood: ``Wed 25 Nov 2026 14:00 to 14:30, alice listed``."""
        return ", ".join(filter(None, (self.period, self.text)))


_DAY: Final = "%a %d %b %Y"
_SINCE: Final = frozenset({"since", "from", "after", "between"})
_UNTIL: Final = frozenset({"until", "till", "before", "to", "and"})
_OPEN: Final = (_SINCE | _UNTIL) - {"and"}
_DASH: Final = "-"
_PARTS: Final = {"morning": (time(), time(12)), "afternoon": (time(12), time(18)), "evening": (time(18), None)}
_YEARS: Final = range(1900, 2200)
_LONGEST: Final = 5
"""Words of a day at most: ``Tuesday 10th of November 2026``."""

Days = tuple[date | None, date | None]
Times = tuple[time | None, time | None]


def _clock(moment: datetime) -> str:
    """``14:30``; of an hour that the clocks make twice or leave out ``01:30 BST``."""
    twice = moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()
    return f"{moment:{'%H:%M %Z' if twice else '%H:%M'}}"


class _Item(NamedTuple):
    """A day, a time or a day with its time, where the line names one."""

    word: str
    """The word before it, such as ``since``; ``-`` joins it to what was named before."""
    days: Days | None
    times: Times | None
    exact: time | None
    """The time, where it is a single one."""
    length: int
    """Words, with the one before it."""

    @property
    def moment(self) -> datetime | None:
        """A single day with a single time, of the clock in London."""
        if self.exact is None or self.days is None or self.days[0] is None or self.days[0] != self.days[1]:
            return None
        return datetime.combine(self.days[0], self.exact)


class _Period:
    """What the items of a line make together."""

    def __init__(self) -> None:
        self.days: Days | None = None
        self.times: Times | None = None
        self.exact: time | None = None
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.between = False

    def take(self, item: _Item) -> bool:
        """Take an item in. False where it does not go with what is there: it is not understood."""
        joins = item.word in _UNTIL | {_DASH} and (item.word != "and" or self.between)
        if joins and (begun := self._begun()) and (ends := self._ends(item, begun)):
            self.since, self.until, self.days, self.times = begun, ends, None, None
            return True
        if self.since or self.until:
            return False
        if item.word == _DASH or (item.days and self.days) or (item.times and self.times):
            return joins and self._join(item)
        if (moment := item.moment) and item.word in _OPEN:
            if self.days or self.times:
                return False
            self.since, self.until = (moment, None) if item.word in _SINCE else (None, moment)
        else:
            times = item.times if item.days else _at(item)
            if item.times and times is None:
                return False
            self.days = _from(item.word, item.days) if item.days else self.days
            self.times, self.exact = times or self.times, item.exact or self.exact
        self.between = item.word == "between"
        return True

    def _begun(self) -> datetime | None:
        """The moment from which on another may be named."""
        if self.since or self.until:
            return None if self.until else self.since
        if self.torn or not (self.days and self.days[0] and self.times and self.times[0] and self.exact):
            return None
        return datetime.combine(self.days[0], self.exact)

    def _ends(self, item: _Item, begun: datetime) -> datetime | None:
        """The moment until which an item goes; None where that is none after the other."""
        if item.days is None:
            ends = datetime.combine(begun.date(), item.exact) if item.exact and self.since else None
        elif item.times is not None:
            ends = item.moment
        else:
            last = item.days[0] if item.word == "before" else item.days[1] and item.days[1] + timedelta(days=1)
            ends = datetime.combine(last, time()) if last else None
        return ends if ends and ends > begun else None

    def _join(self, item: _Item) -> bool:
        """``25/11 to 27/11``, ``14:00 to 15:30``, ``25/11 to 27/11 9:00``."""
        if item.days and self.days and self.times is None:
            if item.times is None:
                joined = _joined(item.word, self.days, item.days)
                self.days = joined or self.days
                return joined is not None
            first, ends = self.days[0], item.moment
            if first and ends and ends.date() >= first:
                self.since, self.until, self.days = datetime.combine(first, time()), ends, None
                return True
        if item.days is None and self.times and self.exact and item.exact and self.times[0]:
            self.times, self.exact = (self.exact, item.exact), None
            return True
        return False

    @property
    def torn(self) -> bool:
        """A time of day, of more days than one: no period is just that."""
        return self.times is not None and self.days is not None and (not self.days[0] or self.days[0] != self.days[1])

    def ends(self, today: date) -> tuple[datetime | None, datetime | None]:
        """From and to, in London. An hour that the clocks make twice is both of them."""
        since, until = self.since, self.until
        if self.days is not None or self.times is not None:
            first, last = self.days or (today, today)
            begins, ends = (None, None) if self.torn else self.times or (None, None)
            since = datetime.combine(first, begins or time()) if first else None
            until = datetime.combine(last, ends) if last and ends else None
            if until is None and last:
                until = datetime.combine(last + timedelta(days=1), time())
            elif since and until and until <= since:  # over midnight
                until += timedelta(days=1)
        return _in_london(since, min), _in_london(until, max)


def _in_london(at: datetime | None, which: Callable[..., datetime]) -> datetime | None:
    if at is None:
        return None
    return which((at.replace(tzinfo=LONDON, fold=fold) for fold in (0, 1)), key=datetime.timestamp)


def sought(line: str, today: date) -> Sought:
    """Read a line. What is no day and no time, or does not make one period, is left as it was typed. Never raises."""
    words = re.sub("[–—]", _DASH, line).split()
    period = _Period()
    rest: list[str] = []
    timed: list[str] = []
    at = 0
    while at < len(words):
        item = _item_at(words, at, today)
        ends = at + (item.length if item else 1)
        if item is None or _governed(words, at, ends) or not period.take(item):
            rest += words[at:ends]
        elif item.times:
            timed += words[at:ends]
        at = ends
    if period.torn:
        rest += timed
    return Sought(*period.ends(today), " ".join(rest))


def _governed(words: Sequence[str], at: int, ends: int) -> bool:
    """``not yesterday``, ``alice or yesterday``, ``by today``: what is said of a day is more than a period, or it is no
    day."""
    if ends < len(words) and words[ends].casefold() == _OR:
        return True
    for word in map(str.casefold, reversed(words[:at])):
        if word in NOT or word in (_OR, _BY):
            return True
        if word not in _FILLERS:
            return False
    return False


def _item_at(words: Sequence[str], at: int, today: date) -> _Item | None:
    """The day or time that begins at a place, with the word before it."""
    word = words[at].casefold()
    begins = at + (word in _SINCE | _UNTIL | {"on", "at", _DASH})
    if word == "in" and words[at + 1 : at + 2] == ["the"]:  # "in the last week"; without it "calls in" is a reason
        begins = at + 2
    days, length = _days_at(words, begins, today)
    behind = begins + length
    if days and words[behind : behind + 1] == ["at"]:
        behind += 1
    times, exact, more = _times_at(words, behind)
    if days is None and times is None:
        return None
    return _Item(word, days, times, exact, (behind if times else begins + length) + more - at)


def _from(word: str, days: Days) -> Days:
    """A day after a word such as ``since``, ``before``."""
    first, last = days
    if word in ("since", "from", "between"):
        return first, None
    if word == "after":
        return (last + timedelta(days=1) if last else None), None
    if word == "before":
        return None, (first - timedelta(days=1) if first else None)
    return (None, last) if word in ("until", "till", "to") else days


def _joined(word: str, days: Days, more: Days) -> Days | None:
    """``25/11 to 27/11``; None where the second comes before the first."""
    last = more[0] - timedelta(days=1) if word == "before" and more[0] else more[1]
    return (days[0], last) if days[0] and last and days[0] <= last else None


def _at(item: _Item) -> Times | None:
    """A time after a word such as ``since``, ``before``; None where the day has none such."""
    word, times = item.word, item.times
    if times is None or word not in _OPEN:
        return times
    at = item.exact or times[word in ("after", "until", "till", "to")]
    if at is None:
        return None
    return (at, None) if word in _SINCE else (None, at)


def _days_at(words: Sequence[str], at: int, today: date) -> tuple[Days | None, int]:
    """The days that begin at a place, and of how many words they are."""
    for length in range(min(_LONGEST, len(words) - at), 0, -1):
        piece = [word.casefold().strip(",") for word in words[at : at + length]]
        if (found := _days(" ".join(word for word in piece if word != "of"), today)) is not None:
            return found, length
    return None, 0


_SPAN = re.compile(r"(last|past|this) (?:(\d{1,3}) )?(day|week|month|year)s?").fullmatch
_MONTH = re.compile(r"(?:in )?([a-z]{3,9}) (\d{4})|in ([a-z]{3,9})").fullmatch


def _days(typed: str, today: date) -> Days | None:
    """``25/11``, ``25/11-27/11``, ``25/11-`` (from then on), ``10 Nov``, ``last week``, ``November 2026``."""
    if (found := _SPAN(typed)) is not None:
        return _span(found[1], int(found[2]) if found[2] else None, found[3], today)
    if (found := _MONTH(typed)) is not None and (month := _month(found[1] or found[3], found[2], today)):
        return month
    if (first := _day(typed, today)) is not None:
        return first, first
    for cut in [found.start() for found in re.finditer("-", typed)]:
        since = _day(typed[:cut], today)
        if since is None:
            continue
        if not (ends := typed[cut + 1 :]):
            return since, None
        until = _day(ends, today)
        if until is not None and since <= until:
            return since, until
    return None


def _span(which: str, many: int | None, what: str, today: date) -> Days | None:
    """``last week``, ``this month``, ``last 7 days``; weeks begin on Monday, and this one ends today."""
    if many is not None:
        length = {"day": 1, "week": 7, "month": 30, "year": 365}[what] * many
        return (today - timedelta(days=length - 1), today) if length and which != "this" else None
    if what == "day":
        return None
    this = {"week": today - timedelta(days=today.weekday()), "month": today.replace(day=1)}.get(
        what, today.replace(month=1, day=1)
    )
    if which == "this":
        return this, today
    last = this - timedelta(days=1)
    return {"week": last - timedelta(days=6), "month": last.replace(day=1)}.get(
        what, last.replace(month=1, day=1)
    ), last


def _month(name: str, year: str | None, today: date) -> Days | None:
    """``November 2026``; ``in november`` is the last one that has begun."""
    if (first := _day(f"1 {name} {year}" if year else f"1 {name}", today)) is None:
        return None
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _day(typed: str, today: date) -> date | None:
    """Words of a reason or an agent are not: three letters of a weekday alone are left as they are."""
    if typed.isalpha() and len(typed) <= 3:
        return None
    try:
        day = day_of(typed, today)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _times_at(words: Sequence[str], at: int) -> tuple[Times | None, time | None, int]:
    """``14:00-14:30``, ``this morning``; ``14:30`` is a quarter of an hour before and after, within its day: the times,
    the one that was named, and of how many words they are."""
    word, more = (word.casefold().strip(",") for word in (*words[at : at + 2], "", "")[:2])
    if word == "this" and more in _PARTS:
        return _PARTS[more], None, 2
    if word in _PARTS:
        return _PARTS[word], None, 1
    length = 1
    if more in ("am", "pm"):
        word, length = word + more, 2
    begins, dash, ends = word.partition("-")
    try:
        exact = time_of_day(begins)
        if dash:
            return (exact, time_of_day(ends)), None, length
    except ValueError:
        return None, None, 0
    middle = datetime.combine(date(2000, 1, 2), exact)
    first, last = middle - timedelta(minutes=ABOUT), middle + timedelta(minutes=ABOUT)
    return (
        (
            first.time().replace(second=0) if first.day == middle.day else time(),
            last.time().replace(second=0) if last.day == middle.day else None,
        ),
        exact,
        length,
    )


# --- words ----------------------------------------------------------------------------------------------------------


class Condition(NamedTuple):
    """What a row must be."""

    column: str
    """``verdict``, ``reason``, ``state``, ``purpose``, ``topic``, ``caller``, ``number``, ``id``, or a fact of the row
    (``answered``)."""
    value: str


class Term(NamedTuple):
    """A word of the line, or several that belong together."""

    typed: str
    conditions: tuple[Condition, ...]
    """One of these must hold; none: the word is not known."""
    denied: bool = False

    @property
    def known(self) -> bool:
        """Whether it means anything."""
        return bool(self.conditions)

    @property
    def in_words(self) -> str:
        """What it means: ``verdict allow``, ``not asked for by alice``; empty where it is not known."""
        columns = dict.fromkeys(column for column, _ in self.conditions)
        said = " or ".join(_in_words(column, [v for c, v in self.conditions if c == column]) for column in columns)
        return f"not ({said})" if self.denied and " or " in said else f"not {said}" if self.denied and said else said


_SAYS: Final = {
    "caller": "asked for by",
    "number": "a number that begins with",
    "id": "an id that begins with",
    "reference": "a reference with",
    "name": "a name, number or reference with",
    "answered": "answered by the callee",
    "recorded": "recorded",
    "silent": "one-sided",
    "said_no": "the callee objected",
    "erased": "number erased",
    "asks": "asks for",
}
_SHOWN: Final = 3
"""Values that are named of one word; more are counted."""


def _in_words(column: str, values: Sequence[str]) -> str:
    says = _SAYS.get(column, column)
    if column in _FACTS:
        return says if "yes" in values else f"not {says}"
    if column == "number" and any(shown_as(value) for value in values):
        says = "a number that is shown as"
    names = [value.partition(":")[2] or value if column == "caller" else value.replace("_", " ") for value in values]
    if len(names) > _SHOWN:
        return f"{says} one of {len(names)} ({', '.join(names[:_SHOWN])} …)"
    return f"{says} {' or '.join(names)}"


_FACTS: Final = frozenset({"answered", "recorded", "silent", "said_no", "erased"})
"""Conditions that are so or not."""
Vocabulary = Mapping[str, tuple[Condition, ...]]
"""What the rows of a list show, word by word; of several words too, with one space between."""

NOT: Final = frozenset({"not", "no", "without", "except"})
_OR: Final = "or"
_BY: Final = "by"
_FILLERS: Final = frozenset(
    {
        "a",
        "all",
        "and",
        "are",
        "as",
        "at",
        "but",
        "by",
        "call",
        "calls",
        "contacts",
        "for",
        "from",
        "in",
        "is",
        "of",
        "on",
    }
    | {"recordings", "requests", "that", "the", "to", "was", "were", "which", "who", "with"}
)
"""Words between words."""
_VERDICTS: Final = {
    Verdict.ALLOW: ("allow", "allowed", "permitted"),
    Verdict.BLOCK: ("block", "blocked", "refused", "rejected", "denied"),
}


def _words_of_verdicts() -> dict[str, tuple[Condition, ...]]:
    return {word: (Condition("verdict", verdict),) for verdict, words in _VERDICTS.items() for word in words}


def _words_of_reasons() -> dict[str, tuple[Condition, ...]]:
    """Each code in words, and each piece of one that does not turn its meaning round, as ``listed`` does of
    ``not_listed``."""
    found: dict[str, tuple[Condition, ...]] = {}
    for reason in Reason:
        code = reason.value.split("_")
        for begins in range(len(code)):
            for ends in range(begins + 1, len(code) + 1):
                piece = code[begins:ends]
                denied = begins > 0 and code[begins - 1] == "not"
                bare = len(piece) == 1 and (len(piece[0]) < 3 or piece[0] == "too")
                whole = piece[0] not in _FILLERS and piece[-1] not in _FILLERS | NOT | {"too"}
                if not denied and not bare and whole:
                    phrase = " ".join(piece)
                    found[phrase] = (*found.get(phrase, ()), Condition("reason", reason.value))
    del found["not allowed"]  # of a destination; alone it is what a verdict of block says
    return found | {" ".join(each.value.split("_")): (Condition("reason", each.value),) for each in Reason}


def _spellings(column: str, *words: str, value: str = "yes") -> dict[str, tuple[Condition, ...]]:
    return {word: (Condition(column, value),) for word in words}


def _values(column: str, values: Iterable[str]) -> dict[str, tuple[Condition, ...]]:
    return {value.replace("_", " "): (Condition(column, value),) for value in values}


def _calls() -> dict[str, tuple[Condition, ...]]:
    states = ("dialling", "talking", "ended", "asked", "called_against_refusal")
    objected = (Condition("reason", Reason.OBJECTED), Condition("said_no", "yes"))
    return (
        _words_of_reasons()
        | _values("topic", Topic)
        | _values("purpose", Purpose)
        | _values("state", states)
        | _words_of_verdicts()
        | _spellings("state", "called", "against", value="called_against_refusal")
        | _spellings("answered", "answered")
        | _spellings("answered", "unanswered", value="no")
        | _spellings("recorded", "recorded")
        | _spellings("recorded", "unrecorded", value="no")
        | _spellings("silent", "silent", "one sided")
        | _spellings("erased", "erased")
        | _spellings("reason", "in", "inbound", "incoming", value=Reason.CALL_IN)
        | {"objected": objected}
        | {word: (Condition("reason", Reason.CALL_IN),) for word in ("call in", "calls in")}
    )


CALLS: Final[Vocabulary] = {word: found for word, found in _calls().items() if word != "in"}
RECORDINGS: Final[Vocabulary] = (
    _values("state", ("open", "closed", "interrupted", "erasing", "erased"))
    | _values("call_state", ("talking", "ended"))
    | _spellings("silent", "silent", "one sided")
)
CONTACTS: Final[Vocabulary] = _words_of_reasons() | _words_of_verdicts()
REQUESTS: Final[Vocabulary] = _values("asks", Asks) | _values("state", State) | {"overdue": (), "paused": ()}
"""What the days of today make of a request is nothing that it can be found by, and no name either."""
_PHRASE: Final = 6
"""Words of a phrase at most."""
_CALLERS: Final = 20
"""Callers that one word finds at most."""
_HIDDEN: Final = "*"
"""At the end of a name it stands for what is not shown of it."""
_BEGINNING: Final = 3
"""Letters of a word of the vocabulary that stand for it, where nothing else fits."""
_JOINED = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)+").fullmatch
_DIGITS = re.compile(r"\+?[0-9()./*-]+").fullmatch
_ID = re.compile(r"[0-9a-f]{4,32}").fullmatch


def meant(
    text: str, vocabulary: Vocabulary, callers: Collection[str] = (), *, free: str = "", ids: bool = True
) -> list[Term]:
    """Each word of a text, or several that belong together, as what it means.

    ``callers``: who calls, as the log has them (``account:alice``). ``free``: the column in which is looked for a word
    that means nothing else; empty: such a word is unknown. ``ids``: rows have ids of hex digits. Never raises.
    """
    words = _split(text, callers)
    found: list[Term] = []
    at, denied, joined = 0, False, False
    pending = ""
    while at < len(words):
        conditions, length = _meaning(words, at, vocabulary, callers, free, ids)
        typed = " ".join(words[at : at + length])
        at += length
        word = typed.casefold()
        if not conditions and word in NOT:
            denied, pending = True, f"{pending}{typed} "
            continue
        if not conditions and word == _OR and found and not pending and not joined:
            joined = True
            continue
        if not conditions and word in _FILLERS:
            continue
        if denied and (joined or " " in pending.strip()):  # "alice or not bob", "not not alice" are too much
            conditions = ()
        if joined:  # "not alice or bob" denies both
            last = found.pop()
            conditions = (*last.conditions, *conditions) if last.known and conditions else ()
            typed, denied, pending = f"{last.typed} or {pending}{typed}", last.denied, ""
        found.append(Term(f"{pending}{typed}".strip(), conditions, denied))
        denied, joined, pending = False, False, ""
    if joined:
        pending = f"{_OR} {pending}"
    if pending:
        found.append(Term(pending.strip(), ()))  # it denies nothing
    return found


def _split(text: str, callers: Collection[str]) -> list[str]:
    """The words; ``listed_tps`` and ``one-sided`` are two each, where no caller is called so."""
    names = [name.casefold() for name in callers]
    words: list[str] = []
    for typed in text.split():
        word = typed.strip("\"'“”‘’,;")
        if re.match(r"-\D", word):
            words.append("not")
            word = word.removeprefix("-")
        plain = _JOINED(word) and not any(word.casefold() in name for name in names)
        words += re.split(r"[_-]", word) if plain else [word] if word else []
    return words


def _meaning(
    words: Sequence[str], at: int, vocabulary: Vocabulary, callers: Collection[str], free: str, ids: bool
) -> tuple[tuple[Condition, ...], int]:
    """What begins at a place means, and how many words that takes."""
    folded = [word.casefold() for word in words[at : at + _PHRASE]]
    by = at > 0 and words[at - 1].casefold() == _BY
    for length in range(len(folded), 0, -1):
        phrase = " ".join(folded[:length])
        named = tuple(Condition("caller", name) for name in callers if phrase in (name.casefold(), _name(name)))
        if named and by:
            return named, length
        if phrase in NOT | _FILLERS or phrase == _OR:
            return (), length
        if phrase in vocabulary or named:
            return (*vocabulary.get(phrase, ()), *named), length
    word = folded[0]
    if length := _when(words, at):
        return (), length
    if digits := _number_at(words, at):
        typed = " ".join(words[at : at + digits])
        number = (Condition("number", typed),) if _is_number(typed) else ()
        ident = (Condition("id", typed.casefold()),) if ids and _ID(typed.casefold()) else ()
        rest = (Condition(free, typed),) if free else ()
        return (*number, *ident, *rest), digits
    if parts := [
        name for name in callers if len(word) > 1 and word in (name.casefold() if ":" in word else _name(name))
    ]:
        return tuple(Condition("caller", name) for name in parts[:_CALLERS]), 1
    begun = _begun(word, vocabulary) if len(word) >= _BEGINNING else ()
    ident = (Condition("id", word),) if ids and _ID(word) else ()
    rest = (Condition(free, words[at].rstrip(_HIDDEN)),) if free else ()
    return (*(begun or ident), *rest), 1


def _name(caller: str) -> str:
    return (caller.partition(":")[2] or caller).casefold()


def _begun(word: str, vocabulary: Vocabulary) -> tuple[Condition, ...]:
    """Return the meanings of all words that begin so, each once."""
    found = (each for phrase, means in vocabulary.items() if phrase.startswith(word) for each in means)
    return tuple(dict.fromkeys(found))


def _number_at(words: Sequence[str], at: int) -> int:
    """How many words from here are a number that is written with spaces."""
    length = 0
    while at + length < len(words) and _DIGITS(words[at + length]) and not _when(words, at + length):
        length += 1
    return length


def _when(words: Sequence[str], at: int) -> int:
    """Return how many words from here are a day or a time that made no period: it is nothing else either."""
    _, length = _days_at(words, at, date(2000, 1, 1))
    return length or _times_at(words, at)[2]


def _is_number(typed: str) -> bool:
    try:
        parse(typed)
    except NumberRefused:
        return bool(beginning_of(typed) or shown_as(typed))
    return True


def terms(text: str) -> list[str]:
    """The words of a text, each to be found by itself; a number that is written with spaces is one of them."""
    words, found, at = text.split(), [], 0
    while at < len(words):
        length = _number_at(words, at) or 1
        found.append(" ".join(words[at : at + length]))
        at += length
    return found
