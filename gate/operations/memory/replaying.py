"""What the memory journal holds and the store lacks, kept anew before a call is let through.

A store that was put back knows nothing of what people have asked since. In this order, and each step may be done twice:

1. holds released since are released, and those put on since are put on: nothing that follows takes what is held;
2. numbers are blocked by their keyed hash: who objected, withdrew a consent, asked for an erasure, was erased or has
   a restriction; who has a line since when is noted again;
3. recordings that were erased lose their keys and files again;
4. people who were erased are erased again, but for what is held;
5. requests that are not there are opened again, without who asked, under their reference; the others are marked, and
   a leaf says what was replayed;
6. campaigns that were stopped since are stopped, and the abandoned calls of the last days block and count;
7. breaches have the course again that they had, without what was written.

What the replay keeps names ``gate:memory`` as its actor. An objection or a hold keeps its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, UnsetType, structs

from gate.core.breaches import replayed, restorable, together
from gate.core.facts.audit import MemoryReplayed
from gate.core.facts.calls import Abandoned
from gate.core.facts.fact import Body
from gate.core.facts.gate import AbandonedReplayed, BreachReplayed, CampaignReleased, CampaignStopped
from gate.core.facts.lists import ConsentWithdrawn, Objection, ObjectionRemoved, Subscriber
from gate.core.facts.recordings import RecordingErased
from gate.core.facts.requests import AskedBy, Carried, Opened, RequestReplayed
from gate.core.facts.retention import Hold, HoldReleased
from gate.log import Logger
from gate.operations.breaches import course_of, id_of, next_reference
from gate.operations.erasure.recordings import BATCH
from gate.ports import Fact
from gate.store import kept, queries, requests
from gate.store.memory import REPLAYED_BY, Act, Read
from gate.store.projections import NUMBERS
from gate.store.queries import Source, facts_of, marks
from gate.types import batched

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction

log = Logger()
Acts = dict[str, dict[str, Act]]
"""By kind and id."""

_DONE: Final = (
    (HoldReleased.kind, "holds", "released_at", "hold {} was released"),
    (ConsentWithdrawn.kind, "consents", "withdrawn_at", "consent {} was withdrawn"),
    (RecordingErased.kind, "recordings", "erased_at", "recording {} was erased"),
    (CampaignReleased.kind, "campaign_stops", "released_at", "stop {} of a campaign was released"),
)
"""Acts, and the row and column that say the same."""
_PART: Final = 200
"""Acts in one transaction."""
_WHY: Final = "replayed from the memory journal: the store was put back from before it"
_OVER: Final = (
    "({0}_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM facts WHERE facts.subject = row.id AND facts.kind = '{1}'))"
)
_CONTACTS: Final = "SELECT DISTINCT '+' || number AS number FROM contacts"


def replay(folder: DataFolder, found: Read, *, entries: int) -> None:
    """Keep what the store lacks of a journal, and the leaf that says so. Raises ``GateError``.

    For what the store has known before, people are neither blocked nor erased again: what it says of them since counts.
    """
    of, new = _sorted([*found.known, *found.acts]), _sorted(found.acts)
    known = _Known(folder)
    erased = list(new.get(Carried.kind, {}).values())
    subscribers = _subscribers(folder, list(of.get(Subscriber.kind, {}).values()))
    counts = {
        "holds_released": _release(folder, of.get(HoldReleased.kind, {})),
        "holds": _hold(folder, known, _standing(of, Hold.kind, HoldReleased.kind)),
        "objections": _objections(folder, _standing(of, Objection.kind, ObjectionRemoved.kind)),
        "withdrawals": _withdrawals(folder, list(of.get(ConsentWithdrawn.kind, {}).values())),
        "blocked": _block(folder, _blocking(folder, new)),
        "recordings": _shred(folder, list(of.get(RecordingErased.kind, {}))),
        "facts": sum(_erase_again(folder, known, act) for act in erased),
        "requests": _mark(folder, erased),
    }
    pending = [act for act in of.get("request_pending", {}).values() if act.reference]
    reopened = _reopen(folder, [act for act in pending if not act.over])
    gone = _gone(folder, [act for act in pending if act.over])
    breaches = _breaches(folder, of, new)
    campaigns, abandoned = _campaigns(folder, of)
    if any(counts.values()) or reopened or gone or breaches or campaigns or abandoned or subscribers:
        body = MemoryReplayed(
            entries=entries,
            **counts,
            reopened=reopened or UNSET,
            gone=gone or UNSET,
            breaches=breaches or UNSET,
            subscribers=subscribers or UNSET,
            campaigns=campaigns or UNSET,
            abandoned=abandoned or UNSET,
        )
        folder.keep(body, "memory", REPLAYED_BY)
        log.warning(body.kind, **body.values())


def contradicted(source: Source, acts: Sequence[Act]) -> Iterator[str]:
    """Find where the rows of a store and the acts of its journal disagree: a sentence each. Numbers are not named."""
    of = _sorted(acts)
    objections = _standing(of, Objection.kind, ObjectionRemoved.kind)
    holds = [act.id for act in _standing(of, Hold.kind, HoldReleased.kind) if not act.hash]
    for part in batched(objections, _PART):
        there = _ids(source, "objections", [act.id for act in part])
        yield from (f"objection {act.id} is not in the store" for act in part if act.id not in there)
        for each in sorted(_changed_objections(source, part)):
            yield f"objection {each} is another one in the store, or is removed there, and the log does not say so"
    for ids in batched(sorted(of.get(Subscriber.kind, {})), _PART):
        there = _ids(source, "subscribers", ids)
        yield from (f"the note {each} of who has a line is not in the store" for each in ids if each not in there)
    stops = [act.id for act in _standing(of, CampaignStopped.kind, CampaignReleased.kind)]
    for ids in batched(stops, _PART):
        there = _ids(source, "campaign_stops", ids) - _over(source, "campaign_stops", CampaignReleased.kind, ids)
        yield from (f"stop {each} of a campaign is not in force in the store" for each in ids if each not in there)
    for ids in batched(holds, _PART):
        there = _ids(source, "holds", ids)
        yield from (f"hold {each} is not in the store" for each in ids if each not in there)
        for each in sorted(_changed_holds(source, ids)):
            yield f"hold {each} is released in the store, and the log does not say so"
    for done, table, column, what in _DONE:
        for ids in batched(sorted(of.get(done, {})), _PART):
            name = "recording_id" if table == "recordings" else "id"
            sql = f"SELECT {name} FROM {table} WHERE {name} IN ({marks(ids)}) AND {column} IS NULL"  # noqa: S608
            for each in source.values(str, sql, [*ids]):
                yield f"{what.format(each)}, and the store does not know it"


class _Known:
    """The numbers that the store holds in clear, found by their keyed hash; read once, when they are asked for."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._found: dict[str, str] | None = None

    def number(self, digest: str) -> str | None:
        if self._found is None:
            self._found = {self._folder.hash_of(number): number for number in self._folder.read(_numbers)}
        return self._found.get(digest)


def _sorted(acts: Sequence[Act]) -> Acts:
    """Acts by their kind and id."""
    of: Acts = {}
    for act in acts:
        of.setdefault(act.act, {})[act.id] = act
    return of


def _numbers(source: Source) -> set[str]:
    return {number for sql in (*NUMBERS, _CONTACTS) for number in source.values(str, sql)}


def _standing(of: Acts, kind: str, ended: str) -> list[Act]:
    """Acts of a kind that no later one has taken back."""
    over = of.get(ended, {})
    return [act for key, act in of.get(kind, {}).items() if key not in over]


def _in_parts(folder: DataFolder, work: Callable[..., int], values: Iterable[object]) -> int:
    """The sum of what ``work`` returns for each ``part`` of the values, in transactions of their own."""
    return sum(folder.store.call(partial(work, part=part)) for part in batched(values, _PART))


def _ids(tx: Source, table: str, ids: Collection[str], more: str = "") -> set[str]:
    """Those of these ids that a table has."""
    return {*tx.values(str, f"SELECT id FROM {table} WHERE id IN ({marks(ids)}){more}", [*ids])}  # noqa: S608 - the code's names


# --- holds ---------------------------------------------------------------------------------------------------------


def _release(folder: DataFolder, released: dict[str, Act]) -> int:
    def work(tx: StoreTransaction, part: Sequence[str]) -> int:
        standing = _ids(tx, "holds", part, " AND released_at IS NULL")
        for key in sorted(standing):
            tx.append(folder.fact(HoldReleased(reason=_WHY), key, REPLAYED_BY))
        return len(standing)

    return _in_parts(folder, work, list(released))


def _hold(folder: DataFolder, known: _Known, holds: list[Act]) -> int:
    def work(tx: StoreTransaction, part: Sequence[Act]) -> int:
        ids = [act.id for act in part]
        there, wrong, count = _ids(tx, "holds", ids), _changed_holds(tx, ids), 0
        for act in part:
            if act.id in there and act.id not in wrong:
                continue
            key = _again("hold", act.id) if act.id in there else act.id
            if key != act.id and _ids(tx, "holds", [key]):
                continue
            number = known.number(act.hash) if act.hash else UNSET
            if number is None:
                continue  # the store holds nothing of them that could be taken
            body = Hold(
                sort=act.kind,
                target=act.target,
                recording_id=act.recording_id or UNSET,
                call_id=act.call_id or UNSET,
                ground=act.ground or UNSET,
                number=number,
                reason=_WHY,
                reference="memory journal",
            )
            tx.append(folder.fact(body, key, REPLAYED_BY))
            count += 1
        return count

    if any(act.hash for act in holds):
        known.number("")  # not inside of the store's transaction
    return _in_parts(folder, work, holds)


# --- numbers -------------------------------------------------------------------------------------------------------


def _objections(folder: DataFolder, objections: list[Act]) -> int:
    """One that is not there is kept anew under its id; one whose row says something else than it and the log, under
    another, where nothing else blocks its number."""

    def work(tx: StoreTransaction, part: Sequence[Act]) -> int:
        there, wrong, count = _ids(tx, "objections", [act.id for act in part]), _changed_objections(tx, part), 0
        for act in part:
            if act.id in there and act.id not in wrong:
                continue
            key = _again("objection", act.id) if act.id in there else act.id
            if act.id in there and _blocked(tx, key, act.hash):
                continue
            scope, to = act.scope or UNSET, act.on_behalf_of or UNSET
            tx.append(_objection(folder, key, act.hash, act.at, scope, to))
            count += 1
        return count

    return _in_parts(folder, work, objections)


def _changed_objections(tx: Source, acts: Sequence[Act]) -> set[str]:
    """Ids of objections whose rows name another number than their acts, or are removed and the log does not say so."""
    hashes = {act.id: act.hash for act in acts}
    rows = tx.values(
        tuple[str, bytes, bool],
        f"SELECT id, number_hash, {_OVER.format('removed', ObjectionRemoved.kind)}"  # noqa: S608 - the code's own
        f" FROM objections AS row WHERE id IN ({marks(hashes)})",
        [*hashes],
    )
    return {each for each, digest, over in rows if over or digest.hex() != hashes[each]}


def _changed_holds(tx: Source, ids: Collection[str]) -> set[str]:
    """Ids of holds whose rows are released though the log does not say so."""
    return _over(tx, "holds", HoldReleased.kind, ids)


def _over(tx: Source, table: str, kind: str, ids: Collection[str]) -> set[str]:
    """Ids of rows that are released though the log has no fact of this kind."""
    over = _OVER.format("released", kind)
    return {*tx.values(str, f"SELECT id FROM {table} AS row WHERE id IN ({marks(ids)}) AND {over}", [*ids])}  # noqa: S608 - ours


def _again(what: str, key: str) -> str:
    """The id under which something is kept again whose row was changed."""
    return hashlib.sha256(f"{what} {key} again".encode()).hexdigest()[:32]


def _objection(
    folder: DataFolder, key: str, digest: str, at: str, scope: str | UnsetType = UNSET, to: str | UnsetType = UNSET
) -> Fact:
    body = Objection(number_hash=digest, made_at=at, source="memory", note=_WHY, scope=scope, on_behalf_of=to)
    return folder.fact(body, key, REPLAYED_BY)


def _subscribers(folder: DataFolder, noted: list[Act]) -> int:
    """Who has a line since when, in the order in which it was noted: the newest one of a number counts."""

    def work(tx: StoreTransaction, part: Sequence[Act]) -> int:
        there = _ids(tx, "subscribers", [act.id for act in part])
        lacking = [act for act in part if act.id not in there]
        for act in lacking:
            body = Subscriber(number_hash=act.hash, sort=act.kind, since=act.since, source="memory")
            tx.append(folder.fact(body, act.id, REPLAYED_BY))
        return len(lacking)

    return _in_parts(folder, work, noted)


def _withdrawals(folder: DataFolder, withdrawn: list[Act]) -> int:
    def work(tx: StoreTransaction, part: Sequence[Act]) -> int:
        standing = _ids(tx, "consents", [act.id for act in part], " AND withdrawn_at IS NULL")
        for act in part:
            if act.id in standing:
                tx.append(folder.fact(ConsentWithdrawn(at=act.at, reason=_WHY), act.id, REPLAYED_BY))
        return len(standing)

    return _in_parts(folder, work, withdrawn)


def _blocking(folder: DataFolder, of: Acts) -> dict[str, tuple[str, str]]:
    """Hash -> (id, time) of numbers that must be blocked though no objection of theirs is in the journal: a consent was
    withdrawn, or an erasure or an objection asked for, that the store does not know; the person was erased, or has a
    restriction."""
    found: dict[str, tuple[str, str]] = {}
    restricted = [act for act in _standing(of, Hold.kind, HoldReleased.kind) if act.kind == "restriction"]
    unknown = list(of.get(ConsentWithdrawn.kind, {}).values())
    for part in batched(unknown, _PART):
        there = folder.store.call(partial(_ids, table="consents", ids=[act.id for act in part]))
        unknown = [act for act in unknown if act.id not in there]
    asked = [act for act in of.get("request_pending", {}).values() if not act.over]
    for part in batched(asked, _PART):
        there = folder.store.call(partial(_ids, table="requests", ids=[act.id for act in part]))
        asked = [act for act in asked if act.id not in there]
    for act in (*unknown, *restricted, *asked, *of.get(Carried.kind, {}).values()):
        for digest in (*(act.hashes or ()), *([act.hash] if act.hash else [])):
            key = hashlib.sha256(f"{act.act} {act.id} {digest}".encode()).hexdigest()[:32]
            found.setdefault(digest, (key, act.at))
    return found


def _block(folder: DataFolder, blocking: dict[str, tuple[str, str]]) -> int:
    def work(tx: StoreTransaction, part: Sequence[tuple[str, tuple[str, str]]]) -> int:
        count = 0
        for digest, (key, at) in part:
            if not _blocked(tx, key, digest):
                tx.append(_objection(folder, key, digest, at))
                count += 1
        return count

    return _in_parts(folder, work, sorted(blocking.items()))


def _blocked(tx: Source, key: str, digest: str) -> bool:
    """Whether a number is blocked, or was blocked under this id."""
    sql = "SELECT 1 FROM objections WHERE id = ? OR (number_hash = ? AND removed_at IS NULL)"
    return bool(tx.values(int, sql, [key, bytes.fromhex(digest)]))


# --- recordings and people -----------------------------------------------------------------------------------------


def _shred(folder: DataFolder, recording_ids: list[str]) -> int:
    """Erase again: those that the store knows with a receipt, of the others whatever key there is."""
    count = 0
    for part in batched(recording_ids, BATCH):
        standing = [row.recording_id for row in folder.store.call(partial(kept.these, recording_ids=part))]
        if standing:
            count += folder.retention.erase_asked(standing, basis="memory journal", actor=REPLAYED_BY).erased
        known = folder.store.call(partial(kept.known_among, recording_ids=part))
        if unknown := [each for each in part if each not in known]:
            folder.keys.shred(unknown)
    return count


def _erase_again(folder: DataFolder, known: _Known, act: Act) -> int:
    numbers = [number for digest in act.hashes or () if (number := known.number(digest)) is not None]
    if not numbers and not act.calls:
        return 0
    from gate.operations.erasure.eraser import Eraser  # a check compares the journal too, without it

    theirs = (act.since, act.until, act.left or ())
    return folder.one(Eraser).again(act.id, numbers, act.calls or [], *theirs, whole=bool(act.whole), actor=REPLAYED_BY)


def _reopen(folder: DataFolder, pending: list[Act]) -> list[str]:
    """Open each request that the store lacks again, under its id and reference; returns what each is, to be named. Who
    asked is in no journal: somebody has to find that out."""
    opened: list[str] = []

    def work(tx: StoreTransaction, part: Sequence[Act]) -> int:
        there = _ids(tx, "requests", [act.id for act in part])
        for act in part:
            if act.id in there:
                continue
            taken = tx.values(int, "SELECT 1 FROM requests WHERE reference = ?", [act.reference])
            reference = requests.next_reference(tx, int(act.received[:4])) if taken else act.reference
            came = Opened(reference=reference, asks=act.asks, channel="memory", received=act.received, written=True)
            about = f"{_WHY}, and with it who asked was lost" + (f" ({act.reference})" if taken else "")
            asked = AskedBy(name="", contact="", lines=[], about=about, since=None, until=None)
            tx.append(folder.fact(came, act.id, REPLAYED_BY))
            tx.append(folder.fact(asked, act.id, REPLAYED_BY))
            opened.append(reference)
        return len(part)

    _in_parts(folder, work, pending)
    return opened


def _gone(folder: DataFolder, over: list[Act]) -> list[str]:
    """References of requests that were over, that the store lacks and no leaf has named yet."""

    def read(source: Source) -> list[str]:
        sql = "SELECT value FROM facts, json_each(facts.body, '$.gone') WHERE kind = ?"
        known = {*source.values(str, sql, [MemoryReplayed.kind])}
        there: set[str] = set()
        for part in batched(over, _PART):
            there |= _ids(source, "requests", [act.id for act in part])
        return sorted(act.reference for act in over if act.id not in there and act.reference not in known)

    return folder.read(read)


def _mark(folder: DataFolder, erased: list[Act]) -> int:
    """A leaf on each request whose erasure the store did not know of."""

    def work(tx: StoreTransaction, part: Sequence[Act]) -> int:
        count = 0
        for act in part:
            row = requests.find(tx, act.id)
            done = tx.values(int, "SELECT 1 FROM facts WHERE subject = ? AND kind = ?", [act.id, RequestReplayed.kind])
            if row is not None and row.carried_at is None and not done:
                body = RequestReplayed(carried_at=act.at, whole=bool(act.whole))
                tx.append(folder.fact(body, act.id, REPLAYED_BY))
                count += 1
        return count

    return _in_parts(folder, work, erased)


def _breaches(folder: DataFolder, of: Acts, new: Acts) -> list[str]:
    """Keep the course of each breach that the store lacks, and the steps that it lacks of the others; returns the
    references. One that was given to another meanwhile is not used twice."""
    found: list[str] = []
    unknown = new.get(BreachReplayed.kind, {})

    def work(tx: StoreTransaction, part: Sequence[Act]) -> int:
        for act in part:
            body, facts = BreachReplayed.read(act.said or {}), facts_of(tx, act.id)
            documented = False
            if facts:
                course = course_of(facts)
                store, documented = restorable(course), replayed(course).documented
                body = together(store, body) if act.id in unknown else store
                if body == store:
                    continue
            elif id_of(tx, body.reference) is not None:
                body = structs.replace(body, reference=next_reference(tx, int(body.reference[3:7])))
            if body.closed_at and not documented:
                body = structs.replace(body, open_again=True)
            tx.append(folder.fact(body, act.id, REPLAYED_BY))
            found.append(body.reference)
        return len(part)

    _in_parts(folder, work, [act for act in of.get(BreachReplayed.kind, {}).values() if act.said])
    return found


# --- campaigns -----------------------------------------------------------------------------------------------------


def _campaigns(folder: DataFolder, of: Acts) -> tuple[int, int]:
    """Stops and releases, and abandoned calls of the last days, that the store lacks, in the order in which they were
    kept: a call counts for no stop that came after it. How many of each. A stop whose row was changed is kept under
    another id."""
    since = folder.clock.now() - max(folder.screener.rules.redial, timedelta(days=1)) - timedelta(days=1)
    calls = [act for act in of.get(Abandoned.kind, {}).values() if act.said and _answered(act) > since]
    steps = [act for kind in (CampaignStopped.kind, CampaignReleased.kind) for act in of.get(kind, {}).values()]
    found: list[str] = []

    def work(tx: StoreTransaction, part: Sequence[Act]) -> int:
        for act in part:
            wrong = act.act == CampaignStopped.kind and _over(tx, "campaign_stops", CampaignReleased.kind, [act.id])
            body, key = _campaign_fact(tx, act), _again("stop", act.id) if wrong else act.id
            if tx.values(int, "SELECT 1 FROM facts WHERE subject = ? AND kind IN (?, ?)", [key, act.act, body.kind]):
                continue
            tx.append(folder.fact(body, key, REPLAYED_BY))
            found.append(act.act)
        return len(part)

    acts: list[Act] = sorted([*calls, *steps], key=lambda act: act.at)
    _in_parts(folder, work, acts)
    abandoned = found.count(Abandoned.kind)
    return len(found) - abandoned, abandoned


def _campaign_fact(tx: StoreTransaction, act: Act) -> Body:
    if act.act == Abandoned.kind:
        body = AbandonedReplayed.read({**(act.said or {}), **({"number_hash": act.hash} if act.hash else {})})
        if body.live is UNSET:  # of a journal that did not count them
            return body
        day = queries.values_of_day(body.answered_at, body.claimed_by, body.campaign)
        (there,) = tx.values(int, queries.LIVE_OF_DAY, day)
        return structs.replace(body, live=max(body.live - there, 0))
    return CampaignReleased(why=_WHY) if act.act == CampaignReleased.kind else CampaignStopped.read(act.said or {})


def _answered(act: Act) -> datetime:
    return datetime.fromisoformat(str((act.said or {})["answered_at"]))
