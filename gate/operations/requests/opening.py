"""A request comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from gate.core import request_words as events
from gate.core.facts.requests import AskedBy, Opened
from gate.core.request_words import Asks
from gate.core.terms import Scope
from gate.errors import UsageError
from gate.operations.operation import KEEPERS, Caller, Line, Moment, Note, Request, about, operation
from gate.operations.requests.standing import Standing
from gate.operations.requests.steps import day_of, load, numbers_of, shown, take
from gate.store import requests as book
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

Channel = Literal["phone", "email", "post", "in_person", "web"]
Numbers = Annotated[tuple[Line, ...], msgspec.Meta(max_length=50)]
_WRITTEN: Final = ("email", "post", "web")
_MOST_NUMBERS: Final = 50


class Open(Request[Standing], frozen=True):
    """A person asks for something. An objection holds from the next call."""

    asks: Annotated[Asks, about("What is asked for.", metavar="KIND")]
    channel: Annotated[Channel, about("How it came.")]
    name: Annotated[Line, about("Who asks.", "Who asks")] = ""
    contact: Annotated[Note, about("E-mail or postal address for the answer.", "E-mail or postal address")] = ""
    numbers: Annotated[
        Numbers,
        about(
            "A number of theirs, in any spelling; repeat for more.",
            "Numbers of theirs, in any spelling",
            metavar="NUMBER",
        ),
    ] = ()
    about: Annotated[Note, about("What it is about, in their words.", "What it is about, in their words")] = ""
    since: Annotated[Moment | None, about("The call that it is about was made at this time or later.")] = None
    until: Annotated[Moment | None, about("The call that it is about was made before this time.")] = None
    received: Annotated[date | None, about("The day it came.", "The day it came", absent="today")] = None
    written: Annotated[bool | None, about("Whether it is in writing.", absent="by how it came")] = None
    scope: Annotated[
        Scope | None,
        about("Of an objection: 'all' where they want no calls at all, service calls included.", absent="marketing"),
    ] = None


@operation(Open, "request_open", roles=KEEPERS)
def request_open(folder: DataFolder, asked: Open, caller: Caller) -> Standing:
    """Note a request that came. An objection to marketing holds from the next call: it is granted at once (Art 21(3)).

    Nothing is searched and nothing is shown.
    """
    asks, lines = Asks(asked.asks), numbers_of(asked.numbers)
    day = day_of(folder, asked.received)
    _complete(asks, asked.name, lines, asked.since, asked.until)
    if asked.scope and asks is not Asks.OBJECTION:
        raise UsageError(f"{asks} has no scope", hint="--scope says which calls an objection is to.")
    written = asked.channel in _WRITTEN if asked.written is None else asked.written
    request_id = folder.new_id()
    person = AskedBy(
        name=asked.name.strip(),
        contact=asked.contact.strip(),
        lines=lines,
        about=asked.about.strip(),
        since=asked.since.isoformat() if asked.since else None,
        until=asked.until.isoformat() if asked.until else None,
    )

    def work(tx: StoreTransaction) -> Standing:
        reference = book.next_reference(tx, day.year)
        came = Opened(
            reference=reference,
            asks=asks.value,
            channel=asked.channel,
            received=day.isoformat(),
            written=written,
            scope=asked.scope.value if asked.scope is Scope.ALL else msgspec.UNSET,
        )
        tx.append(folder.fact(came, request_id, caller.actor))
        tx.append(folder.fact(person, request_id, caller.actor))
        if asks is Asks.OBJECTION:
            row, _, request = load(tx, request_id)
            take(folder, tx, row, request, events.Granted(folder.today()), caller.actor)
        return shown(folder, tx, request_id)

    return folder.store.call(work)


def _complete(asks: Asks, name: str, lines: Sequence[str], since: datetime | None, until: datetime | None) -> None:
    if not name.strip() and not lines:
        raise UsageError("a request comes from somebody", hint="Give a name (--name), a number (--number), or both.")
    if asks is Asks.OBJECTION and not lines:
        raise UsageError(
            "an objection is kept by number", hint="Ask for the number that is not to be called: --number."
        )
    if len(lines) > _MOST_NUMBERS:
        raise UsageError(f"{len(lines)} numbers are not one person's", hint=f"at most {_MOST_NUMBERS}")
    if since and until and until <= since:
        raise UsageError("the span ends before it begins", hint="check the times")
