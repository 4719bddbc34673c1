"""The list of requests, one of them with its course, and what the log has of it with proofs: for the page by which the
person checks our letter without us.

A leaf travels with its salt and value only where that is the person's own: counts, days, digests and random ids. What
names them (who asked, what was said) does not travel, nor does a receipt that names records of others, but for its
leaf. In a leaf stands the account that did it, which is that of whoever handles requests.
"""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from gate.core.evidence import Node
from gate.core.facts import requests as kinds
from gate.core.facts.recordings import RecordingErased
from gate.core.request_steps import Act, Step
from gate.core.request_words import Asks, State
from gate.core.requests import forbidden, possible
from gate.core.rows.audit import LeafProof, LogProof, ProvenFact
from gate.errors import RefusedError
from gate.exports import page
from gate.operations.erasure.plan import ELSEWHERE
from gate.operations.operation import (
    KEEPERS,
    READERS,
    AsOf,
    Caller,
    Line,
    Masked,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
)
from gate.operations.requests.standing import Standing, freed_of, open_standings, read, standing_of, waits_for
from gate.operations.requests.steps import READY, load
from gate.store import requests as book
from gate.store import slices as kept
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.reader import Reader


class ListOf(Paged[Page[Standing]], frozen=True):
    """Requests that are not over, or of which recipients are to be told, the one due first at the top; or all, or those
    in a state, newest first."""

    text: Annotated[
        Line | None,
        about(
            "Only those that fit: what is asked for, a state, part of a reference, a name or a number. All words "
            "must fit."
        ),
    ] = None
    since: Annotated[date | None, about("Received on this day or later, e.g. 1/11.")] = None
    until: Annotated[date | None, about("Received before this day.")] = None
    state: Annotated[State | None, about("Only those in this state.")] = None
    everything: Annotated[bool, about("Those that are over too, newest first.")] = False
    masked: Masked = False
    as_of: AsOf = None


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
    as_of: AsOf = None


@operation(Show, "request_show", roles=READERS)
def request_show(folder: DataFolder, asked: Show, _caller: Caller) -> Shown:
    """Show how a request stands, every fact of its course, and what may be done about it now."""

    def work(tx: StoreTransaction) -> Shown:
        row, course, request = load(tx, asked.request)
        today = folder.today()
        standing = standing_of(row, course, request, today, freed_of(tx, request, course), waits_for(tx, row, course))
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


# --- with proofs --------------------------------------------------------------------------------------------------

MOST: Final = 500
"""Leaves of one page."""
_SHOWN: Final = (
    *(kinds.Opened, kinds.Searched, kinds.Granted, kinds.Refused, kinds.Rectified),
    *(kinds.PackMade, kinds.Carried, kinds.LetterMade),
)


class RequestProof(Response, frozen=True):
    """What ``Proof.check`` of the page takes, and whose it is."""

    id: str
    reference: str
    asks: Asks
    firm: str
    evidence: LogProof


class Prove(Request[RequestProof], frozen=True):
    """The leaves of a request with their proofs."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]


@operation(Prove, "request_proof", roles=KEEPERS)
def request_proof(folder: DataFolder, asked: Prove, caller: Caller) -> RequestProof:
    """Hand out the leaves of a request's search, letters, pack and erasure with proofs that they are in the signed log.

    The log is signed first. Nothing that names the person, or anybody else, is in it. Raises ``RefusedError`` where
    nothing has been searched for or carried out yet.
    """
    row, _, before = folder.store.call(partial(load, name=asked.request))
    signed = folder.log.checkpoint()

    def read(reader: Reader) -> list[LeafProof]:
        mine = kept.of_subject(reader, row.id, [each.kind for each in _SHOWN], signed.size)
        erased = kept.erased_for(
            reader, RecordingErased.kind, f"request {row.reference}", _calls(reader, row.id), signed.size
        )
        found = [*mine, *erased][:MOST]
        node = kept.nodes(reader)
        return [_leaf(each, signed.size, node) for each in found]

    leaves = folder.read(read)
    if len(leaves) < 2:  # the request alone
        raise RefusedError(
            f"{row.reference}: there is nothing to prove yet: nothing was searched for and no letter was made",
            reason=READY,
            hint=f"See: dialgate request show {row.reference}",
        )
    return RequestProof(
        id=row.id,
        reference=row.reference,
        asks=before.asks,
        firm=folder.config.firm.legal_name,
        evidence=page.evidence(signed.note, folder.bundles.vkey().vkey, leaves),
    )


def _calls(reader: Reader, request_id: str) -> list[str]:
    rows = kept.bodies(reader, request_id, kinds.Carrying.kind)
    return sorted({call for body in rows for call in body.get("calls") or ()})


def _leaf(row: ProvenFact, size: int, node: Node) -> LeafProof:
    own = row.body is not None and _own(row.kind, row.body)
    return page.leaf(
        row.leaf_index,
        size,
        node,
        leaf=row.leaf,
        salt=row.salt if own else None,
        body=row.body if own else None,
    )


def _own(kind: str, body: str) -> bool:
    """Whether the value speaks of nobody else."""
    if kind != kinds.Carried.kind:
        return True
    carried = kinds.Carried.read(json.loads(body))
    return not carried.mentions and not any(ELSEWHERE in name for name in carried.held_by)
