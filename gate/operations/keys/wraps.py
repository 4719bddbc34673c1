"""Wrapped keys on their way to another recipient, and the proof that they open.

Nothing is opened here: wraps are given out to whoever holds the private key, and come back closed to somebody else,
with proof (``gate.vault.wrap``). Three steps are apart, because they are three people's: ``key_rewrap`` adds (whoever
holds the old key), ``key_prove`` shows that a wrap opens (whoever holds the new one), ``key_drop`` takes away (an
admin).

``key_drop`` takes recordings from a key that another one is proven to open. Nothing is dropped that its new holder has
not proven to open, nor what is held. ``keys_dropped`` in the log says from whom which recordings were taken (older logs
say it in ``keys_rewrapped``). At the start of the gate that is carried out again where the key store has it otherwise,
because a copy of it from before was put back. Nothing goes then either that is not proven or is held: a copy from
before the proof leaves everybody what they had, and it is asked for again."""

from __future__ import annotations

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from gate.core.facts import keys as facts
from gate.core.facts.keys import KeysGivenOut, KeysProven, KeysRewrapped
from gate.core.facts.recordings import RecordingOpened
from gate.core.retention import asked as sorted_by_holds
from gate.core.rows.calls import FactRow
from gate.core.rows.keys import Recipient, Worth
from gate.errors import RefusedError, UsageError
from gate.log import Logger
from gate.operations.erasure.recordings import hold_of, recording_of
from gate.operations.keys.recipients import EXPORTS_ONLY, must_be_logged
from gate.operations.operation import (
    ADMINS,
    KEEPERS,
    READERS,
    Caller,
    Line,
    MayWait,
    Proposed,
    Request,
    Response,
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
from gate.types import batched

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.vault.keystore import KeyStoreDb


UNPROVEN: Final = "wrap_not_proven"
BATCH: Final = 64
"""Wrapped keys in one message: its size is bounded (``gate.control.work.LARGEST_BODY``)."""
Batch = Annotated[int, msgspec.Meta(ge=1, le=BATCH)]
Proofs = Annotated[dict[Line, Annotated[str, msgspec.Meta(max_length=128)]], msgspec.Meta(max_length=BATCH)]
"""Recording id -> base64 of 64 bytes (``gate.vault.wrap``)."""
_COMMITTED: Final = """
SELECT subject, json_extract(body, '$.commitments') AS known FROM facts
WHERE kind = ? AND (call_id IS NULL OR call_id <> subject) AND body IS NOT NULL
    AND subject IN (SELECT value FROM json_each(?))
"""


class WrappedKey(Response, frozen=True):
    """The wrapped key of a recording."""

    recording_id: str
    key_id: str
    wrap: str | None
    """Base64; None where it is not needed."""


# --- given to another recipient ------------------------------------------------------------------------------------


class WrapsOf(Response, frozen=True):
    """A page of wrapped keys."""

    items: list[WrappedKey]
    """``wrap`` is None where the target has it already."""
    next: str | None
    target: Recipient | UnsetType = UNSET
    """The target as the register has it; on the first page."""
    worth: Worth | UnsetType = UNSET
    """What the source opens; on the first page."""


class KeyWraps(Request[WrapsOf], frozen=True):
    """A page of the wrapped keys that ``source`` opens, to be closed to ``target``; logged before the answer."""

    source: Annotated[Line, about("Id of the recipient whose wrapped keys are asked for.")]
    target: Annotated[Line, about("Id of the recipient to whom they are to be given.")]
    after: Annotated[Line, about("Go on after a page: the `next` that it gave.")] = ""
    limit: Annotated[Batch, about("Wrapped keys of a page.")] = BATCH


@operation(KeyWraps, "key_wraps", roles=KEEPERS)
def key_wraps(folder: DataFolder, asked: KeyWraps, caller: Caller) -> WrapsOf:
    """Give out what a recipient can open, for whoever holds its private key to close it to another one.

    A wrap that is given out is in the log before.
    """
    keyring = folder.keyring()
    to = in_force(folder, asked.source, asked.target)
    page = folder.keys.held(asked.source, asked.target, asked.after, asked.limit)
    given = [each.recording_id for each in page if not each.there]
    if given:
        folder.keep(KeysGivenOut(to=asked.target, recordings=given), asked.source, caller.actor)
    items = [
        WrappedKey(recording_id=each.recording_id, key_id=each.key_id, wrap=None if each.there else _text(each.wrap))
        for each in page
    ]
    following = page[-1].recording_id if len(page) == asked.limit else None
    if asked.after:
        return WrapsOf(items=items, next=following)
    return WrapsOf(items=items, next=following, target=to, worth=keyring.worth(asked.source))


class Rewrapped(Response, frozen=True):
    """How many were not there before."""

    added: int


class KeyRewrap(Request[Rewrapped], frozen=True):
    """Wrapped keys of ``source``, closed to ``target``, each with the proof that what is in it is what was sealed."""

    source: Annotated[Line, about("Id of the recipient whose key unwrapped them.")]
    target: Annotated[Line, about("Id of the recipient to whom they are wrapped.")]
    wraps: Annotated[
        dict[Line, Annotated[str, msgspec.Meta(max_length=4096)]],
        msgspec.Meta(max_length=BATCH),
        about("By recording id: the key wrapped anew, base64."),
    ]
    proofs: Annotated[
        Proofs,
        about(
            "By recording id: the proof that whoever wrapped it had the key, base64. Those sealed before "
            "there were commitments need none."
        ),
    ] = msgspec.field(default_factory=dict)


@operation(KeyRewrap, "key_rewrap", roles=KEEPERS)
def key_rewrap(folder: DataFolder, asked: KeyRewrap, caller: Caller) -> Rewrapped:
    """Keep what ``key_wraps`` gave out, closed to another recipient, each with its proof.

    Raises ``RefusedError`` (``wrap_not_proven``) where one does not hold: then none is kept. A recording that was
    sealed before there were commitments needs none, and nobody's wrap of it can be dropped.
    """
    keyring = folder.keyring()
    in_force(folder, asked.source, asked.target)
    wraps, proofs = _decoded("a wrap", asked.wraps), _decoded("a proof", asked.proofs)
    known = _commitments(folder, list(wraps))
    for recording_id, wrap in wraps.items():
        if commitments := known.get(recording_id):
            proof = proofs.get(recording_id, b"")
            if not keyring.holds(proof, commitments, wrap, asked.target):
                raise RefusedError(
                    f"the wrap for recording {recording_id} is not proven: what it is said to hold was not known"
                    " to whoever made it",
                    reason=UNPROVEN,
                    hint="Make it with the private key: dialgate key rotate KEY --to RECIPIENT",
                )
    folder.keep(KeysRewrapped(source=asked.source, recordings=sorted(wraps)), asked.target, caller.actor)
    return Rewrapped(added=folder.keys.give(asked.source, asked.target, wraps))


# --- proven to open ------------------------------------------------------------------------------------------------


class UnprovenWraps(Response, frozen=True):
    """A page of wrapped keys."""

    items: list[WrappedKey]
    """``wrap`` is None where there is no commitment to prove it by."""
    next: str | None
    challenge: str
    """Base64: what only the recipient's private key can answer."""


class KeyUnproven(Request[UnprovenWraps], frozen=True):
    """A page of a recipient's wraps that have not been shown to open; logged before the answer."""

    recipient_id: Annotated[Line, about("Id of the recipient.", metavar="ID")]
    after: Annotated[Line, about("Go on after a page: the `next` that it gave.")] = ""
    limit: Annotated[Batch, about("Wrapped keys of a page.")] = BATCH


@operation(KeyUnproven, "key_unproven", roles=READERS)
def key_unproven(folder: DataFolder, asked: KeyUnproven, caller: Caller) -> UnprovenWraps:
    """Give out a recipient's wraps that have not been shown to open, with what only its private key can answer.

    Those of recordings without a commitment come with no wrap: there is nothing to prove.
    """
    challenge = folder.keyring().challenge(asked.recipient_id)
    page = folder.keys.unproven(asked.recipient_id, asked.after, asked.limit)
    known = _commitments(folder, [each.recording_id for each in page])
    given = [each.recording_id for each in page if known.get(each.recording_id)]
    if given:
        body = KeysGivenOut(to=asked.recipient_id, recordings=given)
        folder.keep(body, asked.recipient_id, caller.actor)
    items = [
        WrappedKey(
            recording_id=each.recording_id,
            key_id=each.key_id,
            wrap=_text(each.wrap) if known.get(each.recording_id) else None,
        )
        for each in page
    ]
    following = page[-1].recording_id if len(page) == asked.limit else None
    return UnprovenWraps(items=items, next=following, challenge=_text(challenge))


class WrapsProven(Response, frozen=True):
    """How many wraps were shown to open, and for which recordings the proof does not hold."""

    proven: int
    """Wraps that were not known to open before."""
    failed: list[str]
    """Recordings whose proof does not hold."""


class KeyProve(Request[WrapsProven], frozen=True):
    """Proofs that a recipient's wraps open, made with its private key."""

    recipient_id: Annotated[Line, about("Id of the recipient.", metavar="ID")]
    proofs: Annotated[Proofs, about("By recording id: the proof that its wrapped key was opened, base64.")]


@operation(KeyProve, "key_prove", roles=READERS)
def key_prove(folder: DataFolder, asked: KeyProve, caller: Caller) -> WrapsProven:
    """Note which of a recipient's wraps open, by the proofs of whoever has opened them."""
    proofs = _decoded("a proof", asked.proofs)
    good, bad = folder.keyring().prove(asked.recipient_id, proofs, _commitments(folder, list(proofs)))
    if good:
        folder.keep(KeysProven(recordings=sorted(good)), asked.recipient_id, caller.actor)
    return WrapsProven(proven=folder.keys.prove(asked.recipient_id, good), failed=sorted(bad))


# --- shared --------------------------------------------------------------------------------------------------------


def in_force(folder: DataFolder, source: str, target: str) -> Recipient:
    """The recipient to whom recordings of ``source`` may be given. Raises where it is no such one, or not in the
    log."""
    if source == target:
        raise UsageError("a key is rotated to another one, not to itself")
    for row in folder.keyring().recipients():
        if row.id == target and not row.seals:
            raise RefusedError(
                f"{row.name} is on the register for exports only",
                reason=EXPORTS_ONLY,
                hint="Give them an export: dialgate audit export; or first: dialgate key change ID --seal",
            )
        if row.id == target:
            must_be_logged(folder, row)
            return row
    raise UsageError(
        f"there is no recipient {target} in force", hint="Put it on the register first: dialgate key add FILE"
    )


def _commitments(folder: DataFolder, recording_ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """Return the commitments made when these recordings were sealed; a recording without any is left out."""
    kind, values = tuple[str, dict[str, str] | None], [RecordingOpened.kind, json.dumps(recording_ids)]
    rows = folder.store.call(lambda tx: tx.values(kind, _COMMITTED, values))
    return {recording: known for recording, known in rows if known}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(what: str, texts: Mapping[str, str]) -> dict[str, bytes]:
    try:
        return {recording_id: base64.b64decode(text, validate=True) for recording_id, text in texts.items()}
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{what} is base64: {error}") from error


log = Logger()

PAGE: Final = 200
"""Recordings of one transaction and one shredding: what a call's decision may have to wait for."""
_KINDS = f"kind IN ('{facts.KeysRewrapped.kind}', '{facts.KeysDropped.kind}')"
_SOURCES = f"""
SELECT DISTINCT coalesce(json_extract(body, '$.from'), '') FROM facts
WHERE {_KINDS} AND body IS NOT NULL
"""  # noqa: S608 - names of the code
_MOVED = f"""
SELECT * FROM facts
WHERE {_KINDS} AND body IS NOT NULL AND leaf_index > ? ORDER BY leaf_index LIMIT ?
"""  # noqa: S608 - names of the code


class KeysDropped(MayWait, frozen=True):
    """How many recordings a key loses, or would lose, and how many it keeps."""

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

    source: Annotated[Line, about("Id of the recipient whose key no longer opens them.", metavar="ID")]
    target: Annotated[Line, about("Whose key opens them from now on.", metavar="ID")]
    dry_run: Annotated[bool, about("Show what would be taken and what stays, and do nothing.")] = False
    digest: Annotated[
        Line, about("The digest of what would be dropped: that is dropped, or nothing is (plan_changed).")
    ] = ""


def _drop_waits(folder: DataFolder, asked: KeyDrop, caller: Caller) -> Proposed[KeyDrop]:
    """Bound to the recordings that would be dropped now."""
    plan, found = _plan(folder, asked)
    bound = msgspec.structs.replace(asked, digest=plan_digest(plan))
    response = msgspec.structs.replace(found, dry_run=False, dropped=0)
    return Proposed(bound, asked.source, many(len(plan), "recording"), response)


@operation(
    KeyDrop,
    "key_drop",
    roles=ADMINS,
    final=True,
    second_person=SecondPerson(
        lambda asked: f"taking from key {asked.source} what key {asked.target} opens",
        _drop_waits,
        needed=lambda asked: not asked.dry_run,
    ),
)
def key_drop(folder: DataFolder, asked: KeyDrop, caller: Caller) -> KeysDropped:
    """Take from one key every recording that another one is proven to open and that nothing holds."""
    plan, found = _plan(folder, asked)
    if asked.dry_run:
        return found
    dropped, held = 0, found.held
    for part in batched(plan, PAGE):

        def decide(tx: StoreTransaction, ids: Sequence[str] = part) -> list[str]:
            free = unheld(tx, ids)
            if free:
                tx.append(
                    folder.fact(facts.KeysDropped(source=asked.source, recordings=free), asked.target, caller.actor)
                )
            return free

        free = folder.store.call(decide)
        held += len(part) - len(free)
        dropped += folder.keys.drop(asked.source, asked.target, free)
    return msgspec.structs.replace(found, dry_run=False, dropped=dropped, held=held)


def _plan(folder: DataFolder, asked: KeyDrop) -> tuple[list[str], KeysDropped]:
    """The recordings that would be dropped now, by id, and what a dry run says of them. Raises ``UsageError``;
    ``RefusedError`` where the request is bound to another plan."""
    in_force(folder, asked.source, asked.target)
    after = ""
    plan: list[str] = []
    recordings = held = unproven = 0
    while page := folder.keys.held(asked.source, asked.target, after, PAGE):
        after = page[-1].recording_id
        proven = [each.recording_id for each in page if each.proven]
        free = folder.store.call(partial(unheld, recording_ids=proven)) if proven else []
        plan += free
        recordings += len(page)
        held += len(proven) - len(free)
        unproven += len(page) - len(proven)
    plan_changed(f"taking from key {asked.source}", asked.digest, plan_digest(plan))
    return plan, KeysDropped(dry_run=True, recordings=recordings, dropped=len(plan), held=held, unproven=unproven)


def unheld(tx: StoreTransaction, recording_ids: Sequence[str]) -> list[str]:
    """Those of these recordings that the log knows, that are not being erased, and that nothing holds."""
    rows = [row for row in kept.these(tx, recording_ids) if not row.erasing_at]
    holds = [hold_of(row) for row in kept.holds_on(tx, [row.recording_id for row in rows])]
    return sorted(each.id for each in sorted_by_holds(map(recording_of, rows), holds).due)


def drop_again(store: EvidenceStore, keys: KeyStoreDb) -> int:
    """Take from keys what the log says was taken from them and not given back; how many wraps that were.

    Costs a look where there is nothing to do. Raises ``StoreError``, ``VaultError``.
    """
    sources = {*store.call(lambda tx: tx.values(str, _SOURCES))}
    back = {source for source in sources if source and keys.held(source, "", limit=1)}
    if not back:
        return 0
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for target, body in _moved(store):
        gone = body.recordings
        if isinstance(body, facts.KeysRewrapped):
            for recording in body.recordings:
                taken[target].pop(recording, None)  # given to somebody from whom it had been taken
            gone = body.dropped or []
        if body.source in back:
            taken[body.source] |= dict.fromkeys(gone, target)
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


def _moved(store: EvidenceStore) -> Iterator[tuple[str, facts.KeysRewrapped | facts.KeysDropped]]:
    """Read to whom keys were given and from whom they were taken: recipient and fact, oldest first."""
    after = -1
    while rows := store.call(partial(StoreTransaction.rows, kind=FactRow, sql=_MOVED, parameters=[after, 500])):
        for row in rows:
            kind = facts.KeysRewrapped if row.kind == facts.KeysRewrapped.kind else facts.KeysDropped
            yield row.subject, kind.read(row.body or {})
        after = rows[-1].leaf_index
