"""The list of requests, and one of them with its course."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

from gate.core.request_steps import Act, Step
from gate.core.request_words import State
from gate.core.requests import forbidden, possible
from gate.operations.operation import READERS, Caller, Line, Masked, Page, Paged, Request, Response, about, operation
from gate.operations.requests.standing import Standing, freed_of, open_standings, read, standing_of
from gate.operations.requests.steps import load
from gate.store import requests as book
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class ListOf(Paged[Page[Standing]], frozen=True):
    """Requests that are not over, or of which recipients are to be told, the one due first at the top; or all, or those
    in a state, newest first."""

    text: Annotated[
        Line | None,
        about("What fits: what is asked for, a state, part of a reference, a name or a number. Each word must fit."),
    ] = None
    since: Annotated[date | None, about("Received on this day or later, e.g. 1/11.")] = None
    until: Annotated[date | None, about("Received before this day.")] = None
    state: Annotated[State | None, about("Only those in this state.")] = None
    everything: Annotated[bool, about("Those that are over too, newest first.")] = False
    masked: Masked = False


@operation(ListOf, "request_list", roles=READERS)
def request_list(folder: DataFolder, asked: ListOf, _caller: Caller) -> Page[Standing]:
    """List the requests that are not over, the one due first at the top; or all of them, or those in a state.

    One that is over for the person stays among them while recipients of what was erased or locked are to be told.
    """
    today, words, between = folder.today(), asked.text or "", (asked.since, asked.until)

    def work(tx: StoreTransaction) -> Page[Standing]:
        if asked.everything or asked.state is not None:
            found = book.page(tx, asked.after, asked.limit, asked.state, words, between)
            return Page(items=[read(tx, row, today) for row in found.items], next=found.next)
        return Page(items=open_standings(tx, today, words, between))

    return folder.store.call(work)


class CourseFact(Response, frozen=True):
    """A fact of a request's course."""

    leaf_index: int
    kind: str
    at: str
    actor: str
    body: dict[str, object] | None
    """None where it was erased."""


class Shown(Standing, frozen=True):
    """A request as it stands, with its course and what may be done."""

    facts: list[CourseFact]
    steps: list[Step]
    """All that may be done now."""
    forbidden: dict[str, str]
    """What may not, by ``Act``: why not."""


class Show(Request[Shown], frozen=True):
    """One request with every fact of its course."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]
    masked: Masked = False


@operation(Show, "request_show", roles=READERS)
def request_show(folder: DataFolder, asked: Show, _caller: Caller) -> Shown:
    """Show how a request stands, every fact of its course, and what may be done about it now."""

    def work(tx: StoreTransaction) -> Shown:
        row, course, request = load(tx, asked.request)
        today = folder.today()
        standing = standing_of(row, course, request, today, freed_of(tx, request, course))
        reasons = {act.value: forbidden(request, act, today) for act in Act}
        return Shown(
            **{name: getattr(standing, name) for name in standing.__struct_fields__},
            facts=[
                CourseFact(
                    leaf_index=each.leaf_index, kind=each.kind, at=each.at, actor=each.actor or "", body=each.body
                )
                for each in course
            ],
            steps=list(possible(request, today)),
            forbidden={act: why for act, why in reasons.items() if why},
        )

    return folder.store.call(work)
