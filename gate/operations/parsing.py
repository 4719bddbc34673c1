"""What people type, read for what it means: numbers, words, and ids by their first signs, so that whoever types one
need not type all of it.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Protocol

from gate.core import numbers
from gate.core.days import LONDON
from gate.core.numbers import NumberRefused
from gate.errors import NOT_PERMITTED, RefusedError, UsageError
from gate.operations.operation import (
    EVERYBODY,
    READERS,
    AsOf,
    Caller,
    Line,
    Masked,
    Moment,
    Request,
    Response,
    about,
    operation,
)
from gate.store import contacts, requests, search
from gate.store.paging import MOST_COUNTED, Counts

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.queries import Source


class Spanned(Protocol):
    """What asks for a period."""

    @property
    def since(self) -> datetime | None:
        """The first time that counts."""

    @property
    def until(self) -> datetime | None:
        """Before this time."""


def number_of(raw: str) -> str:
    """The E.164 value of a number in any spelling; raises ``UsageError``."""
    try:
        return numbers.parse(raw).e164
    except NumberRefused as refused:
        raise UsageError(
            f"{raw!r} is not a number the gate can keep: {refused.explanation}", hint="Example: 020 7946 0000"
        ) from refused


def number_or_id(target: str, entry: str) -> str:
    """The E.164 value of what is no id of an ``entry`` (``objection``, ``consent``).

    Raises ``UsageError`` where it is no number either.
    """
    try:
        return number_of(target)
    except UsageError as error:
        raise UsageError(
            f"{target!r} is neither the id of {'an' if entry == 'objection' else 'a'} {entry} in force nor a number",
            hint=f"See the ids: dialgate {entry} list",
        ) from error


def must_have(what: str, **given: str) -> None:
    """Raise ``UsageError`` where one of these texts is empty; ``what`` needs them."""
    missing = [name for name, value in given.items() if not value.strip()]
    if missing:
        raise UsageError(f"{what} needs {' and '.join(missing)}", hint="Say why, and where the matter is kept.")


_BEGINNING: Final = re.compile(r"[0-9a-f]{4,32}")
MOST: Final = 5
"""Ids that are told at most: whoever gets more than one must say which."""


class Identified(StrEnum):
    """What has an id."""

    CALL = "call"
    RECORDING = "recording"
    HOLD = "hold"
    OBJECTION = "objection"
    CONSENT = "consent"
    PROPOSAL = "proposal"


_WHERE: Final = {
    Identified.CALL: ("call_id", "calls"),
    Identified.RECORDING: ("recording_id", "recordings"),
    Identified.HOLD: ("id", "holds"),
    Identified.OBJECTION: ("id", "objections"),
    Identified.CONSENT: ("id", "consents"),
}


class IdsFound(Response, frozen=True):
    """The ids that begin so."""

    ids: list[str]
    """In their order; five at most."""


class IdFind(Request[IdsFound], frozen=True):
    """Which ids begin with this?"""

    kind: Annotated[Identified, about("The kind of thing that the id is of.")]
    beginning: Annotated[Line, about("Four of the signs of an id or more: 0 to 9, a to f.", eg=("5b0d",))]


@operation(IdFind, "id_find", roles=EVERYBODY, polled=True)
def id_find(folder: DataFolder, asked: IdFind, caller: Caller) -> IdsFound:
    """Tell the ids of a kind that begin with four signs or more."""
    if not _BEGINNING.fullmatch(asked.beginning):
        return IdsFound([])
    if asked.kind is Identified.PROPOSAL:
        ids = [row.id for row in folder.proposals.waiting() if row.id.startswith(asked.beginning)]
        return IdsFound(ids[:MOST])
    column, table = _WHERE[asked.kind]
    sql = f"SELECT {column} FROM {table} WHERE {column} >= ? AND {column} < ? LIMIT ?"  # noqa: S608 - names of ours
    span = (asked.beginning, asked.beginning + "g", MOST)  # g follows the last of the signs
    return IdsFound(folder.read(lambda tx: tx.values(str, sql, span)))


# --- a line that finds ---------------------------------------------------------------------------------------------


class Findable(StrEnum):
    """What is looked for."""

    CALLS = "calls"
    RECORDINGS = "recordings"
    CONTACTS = "contacts"
    REQUESTS = "requests"


class WordMeant(Response, frozen=True, kw_only=True):
    """A word of the line, or several that belong together."""

    typed: str
    means: str
    """Empty: it is not known, and finds nothing."""
    count: int
    """Rows of the period that fit it; more than ``MOST_COUNTED`` are not counted."""


class LineMeant(Response, frozen=True, kw_only=True):
    """How a line is understood."""

    words: list[WordMeant]
    count: int
    """Rows that fit all of it."""
    most: int = MOST_COUNTED
    """Rows that are counted at most."""


class FindMeant(Request[LineMeant], frozen=True, kw_only=True):
    """What does each word of a line mean that finds calls, recordings, contacts or requests, and how many fit it?"""

    where: Annotated[Findable, about("What is looked for.")]
    text: Annotated[Line, about("The words, without days and times.", eg=("refused not alice",))] = ""
    since: Annotated[Moment | None, about("From this time on.")] = None
    until: Annotated[Moment | None, about("Before this time.")] = None
    masked: Masked = False
    as_of: AsOf = None


@operation(FindMeant, "find_meant", roles=EVERYBODY, polled=True)
def find_meant(folder: DataFolder, asked: FindMeant, caller: Caller) -> LineMeant:
    """Tell what each word means, and count the rows that fit it. The list that is found by the same line agrees."""
    barred = bool(caller.roles) and caller.roles.isdisjoint(READERS)  # none: the folder is opened here
    if asked.where in (Findable.CONTACTS, Findable.REQUESTS) and barred:
        raise RefusedError(f"{caller.actor} may not look for {asked.where}", reason=NOT_PERMITTED)

    def read(tx: Source) -> Counts:
        if asked.where is Findable.CALLS:
            return search.calls_counted(tx, asked.text, asked.since, asked.until)
        if asked.where is Findable.RECORDINGS:
            return search.recordings_counted(tx, asked.text, asked.since, asked.until)
        if asked.where is Findable.REQUESTS:
            return requests.requests_counted(tx, asked.text, (day_from(asked.since), day_before(asked.until)))
        return contacts.contacts_counted(tx, asked.text, *seconds_of(asked))

    *words, (_, count) = folder.read(read)
    return LineMeant(
        words=[WordMeant(typed=each.typed, means=each.in_words, count=many) for each, many in words if each],
        count=count,
    )


def seconds_of(asked: Spanned) -> tuple[int | None, int | None]:
    """A period in whole seconds of POSIX time."""
    since, until = asked.since, asked.until
    return (int(since.timestamp()) if since else None), (math.ceil(until.timestamp()) if until else None)


def day_from(since: datetime | None) -> date | None:
    """The day of London on which a time falls."""
    return since.astimezone(LONDON).date() if since else None


def day_before(until: datetime | None) -> date | None:
    """The first day of London that begins at a time or later."""
    if until is None:
        return None
    at = until.astimezone(LONDON)
    return at.date() + timedelta(days=at.time() != time())
