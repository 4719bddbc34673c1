"""To whom recordings, packs and bundles went, and what the log says of whoever got them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from gate.core.evidence import keys_of, leaf_named, log_of
from gate.core.facts.audit import BundleExported, BundleSigned
from gate.core.facts.derived import OF_RECIPIENT, record
from gate.core.facts.recordings import Exported
from gate.core.facts.requests import PackMade, Rectification
from gate.core.facts.retention import FactsErased
from gate.core.rows import Page, Row
from gate.core.rows.audit import CopyRow
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import Handed, HeldStatement, Taken
from gate.store import erasure, requests
from gate.store.queries import Source, facts_of, marks, rows_page, slices
from gate.store.transaction import StoreTransaction
from gate.store.transfers import of_others


def handed_out(tx: StoreTransaction, recording_ids: Collection[str], numbers: Sequence[str]) -> list[Handed]:
    """Find to whom these recordings, and packs about these numbers, were handed out; each once."""
    found: dict[tuple[str, str], str] = {}
    given: dict[tuple[str, str], dict[str, Taken]] = {}
    for recording in recording_ids:
        for fact in facts_of(tx, recording):
            if fact.kind == Exported.kind and fact.body:
                bundle = fact.body.get("bundle")
                place = "bundle" if bundle else "recording", str(fact.body.get("recipient") or "")
                found[place] = fact.at[:10]
                taken = given.setdefault(place, {})
                before = taken[recording].bundles if recording in taken else []
                taken[recording] = Taken(on=found[place], bundles=[*before, *([bundle] if bundle else [])])
    for request in requests.requests_of_numbers(tx, numbers) if numbers else []:
        for fact in facts_of(tx, request.id):
            if fact.kind == PackMade.kind:
                found["pack", request.reference] = fact.at[:10]
    return [
        Handed(what=what, recipient=to, on=on, recordings=given.get((what, to), {}))
        for (what, to), on in sorted(found.items())
    ]


_BUNDLES: Final = (
    "SELECT made.subject AS bundle, made.leaf_index AS leaf, substr(made.at, 1, 10) AS day, begun.body AS begun,"  # noqa: S608
    " made.body AS made"
    f" FROM facts AS made JOIN facts AS begun ON begun.subject = made.subject AND begun.kind = '{BundleExported.kind}'"
    " AND (begun.call_id IS NULL OR begun.call_id <> begun.subject)"
    f" WHERE made.kind = '{BundleSigned.kind}' AND made.body IS NOT NULL AND begun.body IS NOT NULL"
    " ORDER BY made.leaf_index"
)
_LEAVES: Final = (
    "SELECT f.leaf_index, f.kind, f.subject, f.at, f.call_id, c.at AS called, c.leaf_index AS decided"
    " FROM facts AS f LEFT JOIN calls AS c ON c.call_id = f.call_id WHERE f.leaf_index IN ({}) ORDER BY f.leaf_index"
)


class _Bundle(NamedTuple):
    bundle: str
    leaf: int
    day: str
    begun: dict[str, Any]
    """The body of the fact that began it."""
    made: dict[str, Any]
    """The body of the one that signed it."""


class FactInBundle(Row, frozen=True):
    """A fact, and when the call that it speaks of was decided."""

    leaf_index: int
    kind: str
    subject: str
    at: str
    call_id: str | None
    called: str | None
    """When; None where it speaks of no call."""
    decided: int | None
    """The leaf of that decision."""


def in_bundles(tx: StoreTransaction, leaves: Collection[int]) -> list[Handed]:
    """Find in which bundles of evidence the facts of these leaves went out, and to whom.

    A bundle has every fact of the calls of its period, and every other one of the period itself, up to the checkpoint
    that it was made with (``gate.store.slices``): also of calls that were refused, or not recorded.
    """
    facts: list[FactInBundle] = []
    for part in slices(sorted(set(leaves))):
        facts += tx.rows(FactInBundle, _LEAVES.format(marks(part)), part)
    found = []
    for bundle, leaf, day, begun, made in tx.values(_Bundle, _BUNDLES) if facts else []:
        logs = [keys_of(log_of(leaf))[: made["checkpoint"]]]
        logs += [keys_of(int(log))[:size] for log, size in made.get("others", {}).items()]
        inside = [fact for fact in facts if _goes_with(fact, begun["from"], begun["to"], logs)]
        calls = dict.fromkeys(fact.call_id for fact in inside if fact.call_id and fact.called)
        entries = dict.fromkeys(f"{record(each.kind) or 'entry'} {each.subject}" for each in inside if not each.called)
        if inside:
            handed = Handed(what="bundle", bundle=bundle, recipient=begun["recipient"], on=day)
            found.append(replace(handed, calls=[*calls], entries=[*entries]))
    return found


def statements_beside(tx: StoreTransaction, calls: Collection[str], entries: Collection[str]) -> list[HeldStatement]:
    """What was put right of these calls and entries of the lists, oldest first. What somebody put right who was
    transferred to a call (``talk``: from which) is beside theirs, and not beside the call of whoever was called."""
    rows = tx.values(
        tuple[str, str, str | None, dict[str, str]],
        "SELECT at, subject, call_id, body FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY leaf_index",
        [Rectification.kind],
    )
    return [
        HeldStatement(at=at, record=body["record"], id=subject, request=body["request"], statement=body["statement"])
        for at, subject, call_id, body in rows
        if (body.get("talk") or call_id) in calls or subject in entries
    ]


def emptied(course: Sequence[FactRow]) -> list[int]:
    """The leaves that were emptied for a request, from its course."""
    return [
        leaf_named(leaf, log_of(fact.leaf_index))
        for fact in course
        if fact.kind == FactsErased.kind
        for name in ("leaves", "elsewhere")
        for leaf in (fact.body or {}).get(name, ())
    ]


def leaves_about(
    tx: StoreTransaction,
    call_ids: Collection[str],
    numbers: Sequence[str],
    *,
    whole: bool,
    but: Collection[str] = (),
) -> list[int]:
    """The leaves of all that is held of these calls; ``whole``: of all that is held of these numbers too, but for the
    entries and requests with these ids."""
    leaves = erasure.call_leaves(tx, [*call_ids], numbers, of_others(tx, call_ids, numbers))
    if whole and numbers:
        ids = [each.id for each in requests.objections_of(tx, numbers)]
        ids += [each.id for each in requests.consents_of(tx, numbers)]
        ids += [each.id for each in requests.holds_of(tx, numbers, ())]
        leaves += erasure.leaves_of(tx, [each for each in ids if each not in but])
        asked = [row.id for row in requests.requests_of_numbers(tx, numbers) if row.id not in but]
        leaves += [leaf for request in asked for leaf in erasure.personal_leaves(tx, request)]
    return leaves


def _goes_with(fact: FactInBundle, since: str, until: str, logs: Sequence[range]) -> bool:
    of_call = fact.called is not None and since <= fact.called < until and any(fact.decided in log for log in logs)
    return any(fact.leaf_index in log for log in logs) and (of_call or since <= fact.at < until)


# --- copies in clear ----------------------------------------------------------------------------------------------


def open_copies(tx: Source) -> list[CopyRow]:
    """Copies in clear that are not destroyed, the one that is to go first at the top."""
    return tx.rows(CopyRow, "SELECT * FROM copies WHERE destroyed_at IS NULL ORDER BY until, id")


def copies_page(tx: Source, after: str | None, limit: int, *, destroyed: bool) -> Page[CopyRow]:
    """Copies in clear, newest first; with ``destroyed`` all that there ever were."""
    where = {"coalesce(destroyed_at, '') = ?": None if destroyed else ""}
    return rows_page(tx, CopyRow, "copies", "made_at", "id", where, after, limit)


def copies_about(
    tx: StoreTransaction, calls: Collection[str], numbers: Sequence[str], leaves: Collection[int]
) -> list[CopyRow]:
    """Copies in clear that are not destroyed and hold something of these calls, numbers or leaves."""
    found = open_copies(tx)
    if not found:
        return []
    bundles = {each.bundle for each in in_bundles(tx, leaves)}
    packs = {each.reference for each in requests.requests_of_numbers(tx, numbers)} if numbers else set()
    listed = {
        "objections": requests.objections_of(tx, numbers),
        "consents": requests.consents_of(tx, numbers),
        "contacts": requests.contacts_of(tx, numbers),
    }
    return [
        each
        for each in found
        if not set(calls).isdisjoint(each.calls) or each.of in bundles | packs or listed.get(each.of)
    ]


def purposes_of(tx: StoreTransaction, recipients: Collection[str]) -> dict[str, str]:
    """For what exports may go to keys, as the log had it last; nothing of a key that it does not know."""
    found: dict[str, str] = {}
    for each in recipients:
        for fact in facts_of(tx, each):
            if fact.kind in OF_RECIPIENT and fact.body:
                found[each] = str(fact.body.get("purpose") or "")
    return found
