"""Recordings taken from a key that another one is proven to open.

Nothing is dropped that its new holder has not proven to open, nor what is held. ``keys_dropped`` in the log says from
whom which recordings were taken (older logs say it in ``keys_rewrapped``). At the start of the gate that is carried out
again where the key store has it otherwise, because a copy of it from before was put back. Nothing goes then either that
is not proven or is held: a copy from before the proof leaves everybody what they had, and it is asked for again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from gate.batched import batched
from gate.core.facts import keys as facts
from gate.core.retention import asked as sorted_by_holds
from gate.log import Logger
from gate.operations.erasure.recordings import hold_of, recording_of
from gate.operations.keys.wraps import in_force
from gate.operations.operation import (
    ADMINS,
    Caller,
    Line,
    MayWait,
    Proposed,
    Request,
    SecondPerson,
    about,
    operation,
    plan_changed,
    plan_digest,
)
from gate.showing import many
from gate.store import kept
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.vault.keystore import KeyStoreDb

log = Logger()

PAGE: Final = 200
"""Recordings of one transaction and one shredding: what a call's decision may have to wait for."""
_KINDS = f"kind IN ('{facts.KeysRewrapped.kind}', '{facts.KeysDropped.kind}')"
_SOURCES = f"""
SELECT DISTINCT json_extract(body, '$.from') AS source FROM facts
WHERE {_KINDS} AND body IS NOT NULL
"""  # noqa: S608 - names of the code
_MOVED = f"""
SELECT leaf_index, kind, subject, body FROM facts
WHERE {_KINDS} AND body IS NOT NULL AND leaf_index > ? ORDER BY leaf_index LIMIT ?
"""  # noqa: S608 - names of the code


class KeysDropped(MayWait, frozen=True):
    """What was taken, or would be, and what stays."""

    dry_run: bool
    recordings: int
    """What ``source`` opened."""
    dropped: int
    held: int
    """Stays, because a hold keeps it."""
    unproven: int
    """Stays, because ``target`` has not shown that it opens it."""


class KeyDrop(Request[KeysDropped], frozen=True):
    """Take from ``source`` what ``target`` is proven to open and nothing holds."""

    source: Annotated[Line, about("Id of the recipient whose key opens them no more.", metavar="ID")]
    target: Annotated[Line, about("Whose key opens them from now on.", metavar="ID")]
    dry_run: Annotated[bool, about("Say what would be taken and what stays, and do nothing.")] = False
    digest: Annotated[Line, about("Of what would be dropped: that goes, or nothing does (plan_changed).")] = ""


def _drop_waits(folder: DataFolder, asked: KeyDrop, caller: Caller) -> Proposed[KeyDrop]:
    """Bound to the recordings that would be dropped now."""
    plan, counts = _plan(folder, asked)
    bound = msgspec.structs.replace(asked, digest=plan_digest(plan))
    return Proposed(bound, asked.source, many(len(plan), "recording"), KeysDropped(dry_run=False, dropped=0, **counts))


@operation(
    KeyDrop,
    "key_drop",
    roles=ADMINS,
    second_person=SecondPerson(
        lambda asked: f"taking from key {asked.source} what key {asked.target} opens",
        _drop_waits,
        needed=lambda asked: not asked.dry_run,
    ),
)
def key_drop(folder: DataFolder, asked: KeyDrop, caller: Caller) -> KeysDropped:
    """Take from one key every recording that another one is proven to open and that nothing holds."""
    plan, counts = _plan(folder, asked)
    if asked.dry_run:
        return KeysDropped(dry_run=True, dropped=len(plan), **counts)
    dropped = 0
    for part in batched(plan, PAGE):

        def decide(tx: StoreTransaction, ids: Sequence[str] = part) -> list[str]:
            free = unheld(tx, ids)
            if free:
                tx.append(
                    folder.fact(facts.KeysDropped(source=asked.source, recordings=free), asked.target, caller.actor)
                )
            return free

        free = folder.store.call(decide)
        counts["held"] += len(part) - len(free)
        dropped += folder.keys.drop(asked.source, asked.target, free)
    return KeysDropped(dry_run=False, dropped=dropped, **counts)


def _plan(folder: DataFolder, asked: KeyDrop) -> tuple[list[str], dict[str, Any]]:
    """The recordings that would be dropped now, by id, and how many there are and stay. Raises ``UsageError``;
    ``RefusedError`` where the request is bound to another plan."""
    in_force(folder, asked.source, asked.target)
    after = ""
    plan: list[str] = []
    counts: dict[str, Any] = dict.fromkeys(("recordings", "held", "unproven"), 0)
    while page := folder.keys.held(asked.source, asked.target, after, PAGE):
        after = page[-1].recording_id
        proven = [each.recording_id for each in page if each.proven]
        free = folder.store.call(partial(unheld, recording_ids=proven)) if proven else []
        plan += free
        counts["recordings"] += len(page)
        counts["held"] += len(proven) - len(free)
        counts["unproven"] += len(page) - len(proven)
    plan_changed(f"taking from key {asked.source}", asked.digest, plan_digest(plan))
    return plan, counts


def unheld(tx: StoreTransaction, recording_ids: Sequence[str]) -> list[str]:
    """Those of these recordings that the log knows, that are not being erased, and that nothing holds."""
    rows = [row for row in kept.these(tx, recording_ids) if not row["erasing_at"]]
    holds = [hold_of(row) for row in kept.holds_on(tx, [row["recording_id"] for row in rows])]
    return sorted(each.id for each in sorted_by_holds(map(recording_of, rows), holds).due)


def drop_again(store: EvidenceStore, keys: KeyStoreDb) -> int:
    """Take from keys what the log says was taken from them and not given back; how many wraps that were.

    Costs a look where there is nothing to do. Raises ``StoreError``, ``VaultError``.
    """
    sources = {row["source"] for row in store.call(lambda tx: tx.query(_SOURCES))}
    back = {source for source in sources if source and keys.held(source, "", limit=1)}
    if not back:
        return 0
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for kind, target, body in _facts(store):
        given, gone = (
            (body["recordings"], body.get("dropped", ()))
            if kind == facts.KeysRewrapped.kind
            else ((), body["recordings"])
        )
        for recording in given:
            taken[target].pop(recording, None)  # given to somebody from whom it had been taken
        if body["from"] in back:
            taken[body["from"]] |= dict.fromkeys(gone, target)
    dropped = 0
    for source, recordings in taken.items():
        for target in set(recordings.values()):
            names = [recording for recording, to in recordings.items() if to == target]
            for part in batched(names, PAGE):
                free = store.call(partial(unheld, recording_ids=part))
                dropped += keys.drop(source, target, free)
    if dropped:
        log.warning("dropped_keys_came_back", wraps=dropped)
    return dropped


def _facts(store: EvidenceStore) -> Iterator[tuple[str, str, dict[str, Any]]]:
    after = -1
    while rows := store.call(partial(_page, after=after)):
        yield from ((row["kind"], row["subject"], json.loads(row["body"])) for row in rows)
        after = rows[-1]["leaf_index"]


def _page(tx: StoreTransaction, after: int) -> list[dict[str, Any]]:
    return tx.query(_MOVED, [after, 500])
