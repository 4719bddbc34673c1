"""Taking a step: find a request, let the rules decide, keep the fact, carry out what they command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from gate.core.facts.requests import AskedBy, SaidAt
from gate.core.request_words import ACTS, NEEDS_IDENTITY, Do, Event, Request, Searched, State
from gate.core.requests import UnexpectedEvent, handle, misdated, possible
from gate.errors import RefusedError, UsageError
from gate.log import Logger
from gate.operations.parsing import number_of
from gate.operations.requests.executor import carry_out
from gate.operations.requests.facts import body_of, last, replay
from gate.operations.requests.standing import Standing, command_lines, read
from gate.store import requests as book
from gate.store.transaction import StoreTransaction
from gate.types import Row

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

log = Logger()

READY: Final = "request_not_ready"


def load(tx: StoreTransaction, name: str) -> tuple[Row, list[Row], Request]:
    """Row, course and state of a request; raises ``UsageError`` where there is none."""
    row = book.find(tx, name)
    if row is None:
        raise UsageError(f"there is no request {name}", hint="See: dialgate request list --all")
    course = book.course(tx, row["id"])
    return row, course, replay(course)


def shown(folder: DataFolder, tx: StoreTransaction, name: str) -> Standing:
    """A request as it stands now; raises as ``load``."""
    return read(tx, load(tx, name)[0], folder.today())


def day_of(folder: DataFolder, on: date | None, request: Request | None = None) -> date:
    """The day of a step: not in the future, and not before the request came. Raises ``UsageError``."""
    today = folder.today()
    if on is None:
        return today
    if on > today:
        raise UsageError(f"{on} is in the future", hint="give the day on which it happened")
    if request is not None and on < request.received:
        raise UsageError(f"{on} is before the request came ({request.received})", hint="check the date")
    return on


def take(
    folder: DataFolder,
    tx: StoreTransaction,
    row: Row,
    request: Request,
    event: Event,
    actor: str,
    *,
    words: Mapping[str, str] | None = None,
    **more: Any,
) -> bool:
    """Take a step where the rules allow it: keep its fact, what was said (``words``: by step), and carry out what is
    commanded. ``more`` goes into the fact, nothing personal.

    True where something was erased (``executor.carry_out``). Raises ``RefusedError`` where the step cannot be taken
    now, and ``UsageError`` where not on that day.
    """
    after, commands = allowed(row, request, event, folder.today())
    if why := misdated(request, event):
        raise UsageError(f"{row['reference']}: {why}", hint="check the date")
    tx.append(folder.fact(body_of(event, **more), row["id"], actor))
    for step, text in (words or {}).items():
        if text.strip():  # a fact of its own, which can be erased
            tx.append(folder.fact(SaidAt(step=step, text=text.strip()), row["id"], actor))
    return carry_out(folder, tx, row, after, commands, actor)


def step(
    folder: DataFolder,
    name: str,
    on: date | None,
    actor: str,
    make: Callable[[date, Request], Event],
    *,
    words: Mapping[str, str] | None = None,
    more: Callable[[Row], Mapping[str, Any]] | None = None,
) -> Standing:
    """A step that does no more than be taken; ``make``: its event on a day, ``more``: what goes into its fact besides,
    from the request's row. Raises as ``take``."""

    def work(tx: StoreTransaction) -> tuple[Standing, bool]:
        row, _, request = load(tx, name)
        event = make(day_of(folder, on, request), request)
        fields = more(row) if more is not None else {}
        erased = take(folder, tx, row, request, event, actor, words=words, **fields)
        return shown(folder, tx, row["id"]), erased

    standing, erased = folder.store.call(work)
    if erased and not folder.store.scrub():  # no older page of it stays, at the latest when nobody reads one any more
        log.warning("request_still_in_log", hint="somebody reads the database; the log is cut when they are done")
    found: Standing = standing
    return found


def allowed(row: Row, request: Request, event: Event, today: date) -> tuple[Request, list[Do]]:
    """What ``gate.core.requests.handle`` says. Raises ``RefusedError`` where the step cannot be taken now."""
    try:
        return handle(request, event, today)
    except UnexpectedEvent as error:
        unproven = request.asks in NEEDS_IDENTITY and not request.identified
        state = request.state.value.replace("_", " ")
        why = f": {error.why}" if error.why else f" while it is {state}"
        proof = ": the identity is not proven" if unproven and isinstance(event, Searched) else ""
        raise RefusedError(
            f"{row['reference']}: {ACTS[type(event).__name__]}{why}{proof}",
            reason="identity_not_proven" if unproven and request.state is not State.CLOSED else READY,
            hint=f"Now: {'; '.join(command_lines(row['reference'], possible(request, event.on))) or 'it is over'}.",
        ) from None


# --- whose it is --------------------------------------------------------------------------------------------------


def numbers_of(numbers: Sequence[str]) -> list[str]:
    """E.164 values of numbers in any spelling, each once; raises ``UsageError``."""
    return list(dict.fromkeys(number_of(number) for number in numbers))


def told_of(row: Row, course: list[Row]) -> list[str]:
    """The person's numbers, without those of calls that the last search chose: somebody may have chosen wrongly."""
    chosen = chosen_of(course)
    return [each for each in row["numbers"] if each not in chosen]


def chosen_of(course: list[Row]) -> list[str]:
    """Numbers of calls that the last search chose."""
    asked_by = last(course, AskedBy)
    return (asked_by.chosen or []) if asked_by else []


def amend(
    folder: DataFolder,
    tx: StoreTransaction,
    row: Row,
    course: list[Row],
    actor: str,
    numbers: Sequence[str],
    chosen: Sequence[str] = (),
) -> None:
    """Add numbers to what is known of the person; ``chosen``: those of calls that a search chose."""
    told = list(dict.fromkeys([*told_of(row, course), *numbers]))
    found = [each for each in dict.fromkeys(chosen) if each not in told]
    lines = [*told, *found]
    if lines != row["numbers"] or found != chosen_of(course):
        known = {name: row[name] for name in ("name", "contact", "about", "since", "until")}
        tx.append(folder.fact(AskedBy(**known, lines=lines, chosen=found), row["id"], actor))
        row["numbers"] = lines
