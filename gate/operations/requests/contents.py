"""All that is held of a person, in full, for the pack of an access request (Article 15 of the UK GDPR).

Besides what the search shows: who was given it, the receipts of calls, and when it was looked at. Who of the firm
looked and why is not told: the one is their own, the other may speak of others (Article 15(4)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gate.converting import convert
from gate.core import receipts
from gate.core import request_words as events
from gate.core import requests as rules
from gate.core.facts import requests as kinds
from gate.core.facts.recordings import Exported
from gate.core.facts.retention import NumberShown
from gate.errors import RefusedError
from gate.operations.operation import KEEPERS, Caller, Line, Note, Request, Response, about, operation
from gate.operations.requests.facts import last
from gate.operations.requests.proofs import same_name
from gate.operations.requests.searching import (
    EarlierRequest,
    HeldCall,
    HeldConsent,
    HeldHold,
    HeldObjection,
    HeldStatement,
    what_is_held,
)
from gate.operations.requests.standing import Standing
from gate.operations.requests.steps import READY, load, shown, take
from gate.operations.requests.telling import who_got
from gate.store import requests as book
from gate.store.handed_out import handed_out, in_bundles, leaves_about
from gate.store.transaction import StoreTransaction
from gate.types import Row

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

_LOOKED: Final = {
    Exported.kind: "a recording of a call with you was taken to be opened",
    NumberShown.kind: "your number was shown in full",
}
"""Kind of fact -> in words."""


class HeldReceipt(Response, frozen=True):
    """A receipt of a call with the person."""

    call_id: str
    at: str
    code: str
    """As people read it."""
    told: int | None
    """1 where it was told them to its end."""


class Looked(Response, frozen=True):
    """When somebody of the firm looked."""

    at: str
    what: str
    """In words."""


class Contents(Response, frozen=True, kw_only=True):
    """All that is held of what the search found, in full."""

    id: str
    reference: str
    name: str | None
    whole: bool
    """All of the person, not only some calls."""
    lines: list[str]
    calls: list[HeldCall]
    objections: list[HeldObjection]
    consents: list[HeldConsent]
    contacts: list[dict[str, object]]
    """Rows of the contact list, as they were imported."""
    holds: list[HeldHold]
    requests: list[EarlierRequest]
    requests_of_others: int
    """Requests about the same numbers that bear another name: they are that person's own (Article 15(4))."""
    statements: list[HeldStatement]
    given: list[str]
    """Who was given recordings or records of the person, what and when, a line each."""
    receipts: list[HeldReceipt]
    looked: list[Looked]


class ContentsOf(Request[Contents], frozen=True):
    """All that is held, for the pack of an access request."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]


@operation(ContentsOf, "request_contents", roles=KEEPERS)
def request_contents(folder: DataFolder, asked: ContentsOf, _caller: Caller) -> Contents:
    """Hand out all that is held of what the search found, for the pack of an access request that is granted.

    Raises ``RefusedError`` where it is not granted, or asks for something else.
    """

    def work(tx: StoreTransaction) -> Contents:
        row, course, before = load(tx, asked.request)
        _for_pack(folder, row, before)
        scope = last(course, kinds.Searched)
        held = what_is_held(tx, row, book.calls(tx, (scope.calls or []) if scope else []))
        others = {each["reference"] for each in book.of_numbers(tx, held["lines"]) if _of_other(row, each)}
        earlier = [each for each in held["requests"] if each["reference"] not in others]
        held |= {"requests": earlier, "requests_of_others": len(held["requests"]) - len(earlier)}
        of = {"id": row["id"], "name": row["name"], "whole": bool(scope and scope.whole)}
        return convert(held | of | _beside(folder, tx, held, others, whole=of["whole"]), Contents)

    return folder.store.call(work)


def _of_other(row: Row, request: Row) -> bool:
    return not same_name(row["name"] or "", request["name"] or "")


def _beside(folder: DataFolder, tx: StoreTransaction, held: Row, others: set[str], *, whole: bool) -> Row:
    """What the search does not show: ``given``, ``receipts``, ``looked``. ``others``: references of requests of other
    people: their packs were not given to this one."""
    lines, calls = held["lines"], [each["call_id"] for each in held["calls"]]
    own = [each["call_id"] for each in held["calls"] if not each["by_transfer"]]
    recordings = [each["recording_id"] for each in held["calls"] if each["recording_id"]]
    entries = [each["id"] for name in ("objections", "consents") for each in held[name]] if whole else []
    leaves = leaves_about(tx, calls, lines, whole=whole)
    handed = handed_out(tx, recordings, lines if whole else [])
    given = [each for each in handed if each["recipient"] not in others] + in_bundles(tx, leaves)
    return {
        "given": who_got(folder, given),
        "receipts": [each | {"code": receipts.shown(each["code"])} for each in book.receipts_of(tx, own)],
        "looked": [
            {"at": each["at"], "what": _LOOKED[each["kind"]]} for each in book.looked_at(tx, calls, [*own, *entries])
        ],
    }


class PackMade(Request[Standing], frozen=True):
    """A pack was made."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]
    sha256: Annotated[Line, about("SHA-256 of the pack.")]
    calls: Annotated[int, msgspec.Meta(ge=0), about("How many calls are in it.")]
    recordings: Annotated[int, msgspec.Meta(ge=0), about("How many recordings are in it.")]
    left_out: Annotated[int, msgspec.Meta(ge=0), about("How many recordings and entries are not in it.")]
    why: Annotated[Note, about("Why they were left out.")] = ""


@operation(PackMade, "request_pack_made", roles=KEEPERS)
def request_pack_made(folder: DataFolder, asked: PackMade, caller: Caller) -> Standing:
    """Note that a pack was made for an access request: its digest, and what is in it."""

    def work(tx: StoreTransaction) -> Standing:
        row, _, before = load(tx, asked.request)
        _for_pack(folder, row, before)
        made: Row = {"sha256": asked.sha256, "calls": asked.calls}
        made |= {"recordings": asked.recordings, "left_out": asked.left_out}
        event, words = events.PackMade(folder.today()), {"left_out": asked.why}
        take(folder, tx, row, before, event, caller.actor, words=words, **made)
        return shown(folder, tx, row["id"])

    return folder.store.call(work)


def _for_pack(folder: DataFolder, row: Row, request: events.Request) -> None:
    if rules.why_not(request, events.PackMade(folder.today())):
        raise RefusedError(
            f"{row['reference']}: a pack is made for an access request that is granted; this one is for "
            f"{request.asks} and {request.state}",
            reason=READY,
            hint=f"See: dialgate request show {row['reference']}",
        )
