"""What is typed to find calls, recordings, contacts or requests, as one line: ``25/11 14:00-14:30 alice not listed``.
Pure.

``sought`` takes days and times out of the line, and makes a period of them. ``meant`` reads the words that are left: a
word that the rows show (a verdict, a state, a reason, a purpose) means just that; what else it may be is a caller, a
number or an id. ``not`` denies what follows, ``or`` joins two. A word that means nothing is *unknown*: it finds
nothing, and whoever typed it learns which one it was.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
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
            same = self.since.date() == self.until.date()
            return f"{self.since:{_DAY} %H:%M} to {self.until:{'' if same else _DAY + ' '}%H:%M}"
        if self.since:
            return f"from {self.since:{_DAY} %H:%M}"
        return f"before {self.until:{_DAY} %H:%M}" if self.until else ""

    @property
    def in_words(self) -> str:
        """How the line was understood: ``Wed 25 Nov 2026 14:00 to 14:30, alice listed``."""
        return ", ".join(filter(None, (self.period, self.text)))


_DAY: Final = "%a %d %b %Y"
_SINCE: Final = frozenset({"since", "from", "after", "between"})
_UNTIL: Final = frozenset({"until", "till", "before", "to", "and"})
_PARTS: Final = {"morning": (time(), time(12)), "afternoon": (time(12), time(18)), "evening": (time(18), time(23, 59))}
_LONGEST: Final = 4
"""Words of a day at most: ``10th of November 2026``."""

Days = tuple[date | None, date | None]
Times = tuple[time | None, time | None]


def sought(line: str, today: date) -> Sought:
    """Read a line. What is no day and no time is left as it was typed. Never raises."""
    words = line.split()
    days: Days | None = None
    times: Times | None = None
    rest: list[str] = []
    at = 0
    while at < len(words):
        word = words[at].casefold()
        begins = at + (word in _SINCE | _UNTIL or word == "on")
        found, length = _days_at(words, begins, today)
        between, more = (None, 0) if found else _times_at(words, begins)
        if found and days is None:
            days = _from(word, found)
        elif found and days and word in _UNTIL and (joined := _joined(word, days, found)):
            days = joined
        elif between and times is None:
            times = _at(word, between)
        elif between and times and word in _UNTIL and between[0] and times[0]:
            times = (_exact(words[begins - 2], times[0]), _exact(words[begins], between[0]))
        else:
            rest.append(words[at])
            at += 1
            continue
        at = begins + length + more
    return _period(days, times, " ".join(rest), today)


def _period(days: Days | None, times: Times | None, text: str, today: date) -> Sought:
    if days is None and times is None:
        return Sought(None, None, text)
    first, last = days or (today, today)
    begins, ends = times or (None, None)
    since = datetime.combine(first, begins or time(), LONDON) if first else None
    until = None
    if last and ends:
        until = datetime.combine(last, ends, LONDON)
        if since and until <= since:  # over midnight
            until += timedelta(days=1)
    elif last:
        until = datetime.combine(last + timedelta(days=1), time(), LONDON)
    return Sought(since, until, text)


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


def _at(word: str, between: Times) -> Times:
    """A time after a word such as ``since``, ``before``."""
    if between[0] is None or word not in _SINCE | _UNTIL:
        return between
    middle = _middle(between)
    return (middle, None) if word in _SINCE else (None, middle)


def _middle(between: Times) -> time | None:
    first, last = between
    if first is None or last is None:
        return first or last
    minutes = (first.hour * 60 + first.minute + last.hour * 60 + last.minute) // 2
    return time(minutes // 60, minutes % 60)


def _exact(word: str, otherwise: time) -> time:
    try:
        return time_of_day(word)
    except ValueError:
        return otherwise


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
    try:
        first = day_of(f"1 {name} {year}" if year else f"1 {name}", today)
    except ValueError:
        return None
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _day(typed: str, today: date) -> date | None:
    """Words of a reason or an agent are not: three letters of a weekday alone are left as they are."""
    if typed.isalpha() and len(typed) <= 3:
        return None
    try:
        return day_of(re.sub(r"^([a-z]{3,9}) (\d{1,2})(?= |$)", r"\2 \1", typed), today)
    except ValueError:
        return None


def _times_at(words: Sequence[str], at: int) -> tuple[Times | None, int]:
    """``14:00-14:30``, ``this morning``; ``14:30`` is a quarter of an hour before and after."""
    if at >= len(words):
        return None, 0
    word = words[at].casefold()
    if word == "this" and at + 1 < len(words) and words[at + 1].casefold() in _PARTS:
        return _PARTS[words[at + 1].casefold()], 2
    if word in _PARTS:
        return _PARTS[word], 1
    begins, dash, ends = word.partition("-")
    try:
        since = time_of_day(begins)
        if dash:
            return (since, time_of_day(ends)), 1
    except ValueError:
        return None, 0
    minutes = since.hour * 60 + since.minute
    first, last = max(0, minutes - ABOUT), min(23 * 60 + 59, minutes + ABOUT)
    return (time(first // 60, first % 60), time(last // 60, last % 60)), 1


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
                bare = len(piece) == 1 and (len(piece[0]) < 3 or piece[0] in _FILLERS | NOT | {"too"})
                if not denied and not bare:
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
REQUESTS: Final[Vocabulary] = _values("asks", Asks) | _values("state", State)
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
        if not conditions and word == _OR and found and at < len(words):
            joined, pending = True, ""
            continue
        if not conditions and word in _FILLERS:
            continue
        if joined and (found[-1].denied or not denied):  # "not alice or bob" denies both
            last = found.pop()
            conditions = (*last.conditions, *conditions) if last.known and conditions else ()
            typed, denied = f"{last.typed} or {typed}", last.denied
        found.append(Term(f"{pending}{typed}".strip(), conditions, denied))
        denied, joined, pending = False, False, ""
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
    for length in range(len(folded), 0, -1):
        phrase = " ".join(folded[:length])
        named = tuple(Condition("caller", name) for name in callers if phrase in (name.casefold(), _name(name)))
        if phrase in vocabulary or named:
            return (*vocabulary.get(phrase, ()), *named), length
    word = folded[0]
    if word in NOT or word == _OR:
        return (), 1
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
    if word in _FILLERS:
        return (), 1
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
    while at + length < len(words) and _DIGITS(words[at + length]):
        length += 1
    return length


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
