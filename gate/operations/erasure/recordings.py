"""Recordings erased: the key first, then the ciphertext, then the receipt.

The order, and what a kill at each point leaves:

1. one transaction looks once more at term and holds and commits ``recording_erasing`` for what may go. From here on the
   erasure is decided: a later hold is refused, and whoever finds the fact without its receipt carries it out;
2. the wraps are shredded: the recording cannot be opened any more (NIST SP 800-88 Rev 2, cryptographic erase);
3. the sealed file is removed, and looked for;
4. one transaction commits the receipt ``recording_erased``, where there is none yet. A file that would not go has no
   receipt: its erasure stays under way, is told as a fault, and is tried again.

Every step may be done twice, so that ``resume`` needs to know nothing of where the last life ended. ``replay`` erases
again what came back from a backup (LAW 5.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.clock import Clock
from gate.core.facts import recordings as facts
from gate.core.retention import Hold, Kind, Recording, Sorted, Target
from gate.core.rows.retention import ErasureFault, HoldRow, KeptRecording, Tombstone
from gate.log import Logger
from gate.store import kept
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction
from gate.types import batched
from gate.vault.files import BucketError
from gate.vault.sealed_files import Lying, SealedFiles

if TYPE_CHECKING:
    from gate.vault.keystore import KeyStoreDb

log = Logger()

BATCH = 128
"""Recordings in one transaction and one shredding: what a call's decision may have to wait for."""
STILL_THERE = "erased_file_still_there"
NOT_LOOKED_AT = "bucket_not_looked_at"


@dataclass(slots=True)
class Outcome:
    """What an erasure came to."""

    erased: int = 0
    held: list[tuple[str, str]] = field(default_factory=list)
    """(recording id, name of the hold)."""
    faults: list[ErasureFault] = field(default_factory=list)
    unknown: int = 0
    """Sealed files of which the log knows nothing: no term ends for them, somebody has to look."""

    def add(self, other: Outcome) -> None:
        """Take in what another part came to."""
        self.erased += other.erased
        self.held += other.held
        self.faults += other.faults
        self.unknown += other.unknown


Rule = Callable[[list[Recording], list[Hold]], Sorted]
"""What may go of these recordings, with the holds that bear on them."""


class RecordingEraser:
    """Blocking; never two at once (the caller sees to it), and not for the line thread."""

    def __init__(
        self,
        store: EvidenceStore,
        keys: KeyStoreDb,
        files: SealedFiles,
        clock: Clock,
        *,
        backups_until: Callable[[], date],
    ) -> None:
        """``files``: the sealed ones. ``backups_until``: until when a backup made now may hold
        ciphertext; part of each receipt (LAW 5.5)."""
        self._store = store
        self._keys = keys
        self._files = files
        self._clock = clock
        self._backups_until = backups_until

    def erase(self, recording_ids: Sequence[str], rule: Rule, *, basis: str, actor: str) -> Outcome:
        """Erase those of these recordings (at most ``BATCH``) that the rule lets go, as it is judged inside the
        transaction that decides. ``basis`` says on what ground: no personal data. Of those of another gate the decision
        alone is kept: that gate carries it out when it resumes.

        Raises ``StoreError`` or ``VaultError``: then what was decided stays under way, for ``resume``.
        """
        rows, held = self._store.call(lambda tx: self._decide(tx, recording_ids, rule, basis, actor))
        outcome = self._carry_out(rows, actor)
        outcome.held = held
        return outcome

    def resume(self, actor: str) -> Outcome:
        """Carry out what was decided and has no receipt. Raises as ``erase``."""
        outcome, after = Outcome(), ""
        while rows := self._store.call(partial(kept.erasing, limit=BATCH, after=after)):
            outcome.add(self._carry_out(rows, actor))
            after = rows[-1].recording_id
        if outcome.erased:
            log.warning("erasures_resumed", erased=outcome.erased)
        return outcome

    def replay(self, actor: str, *, bucket: bool = True) -> Outcome:
        """Erase again what the log says is erased and is there again: restored from a backup (LAW 5.4).

        A fact ``erased_came_back`` says so before it goes. ``bucket``: look there too; one that does not answer is a
        fault of the outcome. Raises as ``erase``.
        """
        outcome = Outcome()
        for ids in _pages_of_keys(self._keys):
            outcome.add(self._erase_again(self._tombstones(ids), actor))
        outcome.add(self._replay(self._files.each_here(), actor))
        if bucket:
            try:
                outcome.add(self._replay(self._files.each_there(), actor))
            except BucketError as error:
                log.error(NOT_LOOKED_AT, fault=error.message, hint=error.hint)
                outcome.faults.append(ErasureFault(recording_id="", code=NOT_LOOKED_AT, fault=error.message))
        if outcome.erased:
            log.warning("erased_came_back", recordings=outcome.erased)
        if outcome.unknown:
            log.error("recordings_not_in_the_log", files=outcome.unknown)
        return outcome

    # --- steps

    def _replay(self, files: Iterator[tuple[str, str]], actor: str) -> Outcome:
        outcome = Outcome()
        for part in batched(files, 500):
            paths = dict(part)
            outcome.add(self._erase_again(self._tombstones(list(paths)), actor, paths))
            outcome.unknown += len(paths) - len(self._store.call(partial(kept.known_among, recording_ids=list(paths))))
        return outcome

    def _decide(
        self, tx: StoreTransaction, recording_ids: Sequence[str], rule: Rule, basis: str, actor: str
    ) -> tuple[list[KeptRecording], list[tuple[str, str]]]:
        rows = {row.recording_id: row for row in kept.these(tx, recording_ids)}
        open_ = [recording_of(row) for row in rows.values() if not row.erasing_at]
        found = rule(open_, [hold_of(row) for row in kept.holds_on(tx, [each.id for each in open_])])
        now = self._clock.now()
        for each in found.due:
            tx.append(facts.RecordingErasing(call_id=each.call_id, basis=basis).fact(each.id, now, actor))
            rows[each.id] = replace(rows[each.id], erasing_basis=basis)
        going = {each.id for each in found.due} | {key for key, row in rows.items() if row.erasing_at}
        going &= kept.here_among(tx, list(going))
        return [rows[key] for key in rows if key in going], [(each.id, hold.name) for each, hold in found.held]

    def _carry_out(self, rows: Sequence[KeptRecording], actor: str) -> Outcome:
        if not rows:
            return Outcome()
        self._keys.shred([row.recording_id for row in rows])
        removals = self._files.remove([Lying(row.path or "", row.stored_in) for row in rows])
        gone = [(row, each.found) for row, each in zip(rows, removals, strict=True) if not each.fault]
        faults = [_fault(row.recording_id, each.fault) for row, each in zip(rows, removals, strict=True) if each.fault]
        self._store.call(lambda tx: self._receipts(tx, gone, actor))
        return Outcome(erased=len(gone), faults=faults)

    def _receipts(self, tx: StoreTransaction, gone: Sequence[tuple[KeptRecording, bool]], actor: str) -> None:
        now, until = self._clock.now(), self._backups_until().isoformat()
        standing = {row.recording_id for row in kept.these(tx, [row.recording_id for row, _ in gone])}
        for row, found in gone:
            if row.recording_id in standing:  # else it has its receipt
                body = facts.RecordingErased(
                    call_id=row.call_id,
                    key_id=row.key_id,
                    basis=row.erasing_basis,
                    file="removed" if found else "not_there",
                    backups_until=until,
                )
                tx.append(body.fact(row.recording_id, now, actor))

    def _tombstones(self, ids: Sequence[str]) -> list[Tombstone]:
        return self._store.call(lambda tx: kept.erased_among(tx, ids))

    def _erase_again(self, again: Sequence[Tombstone], actor: str, paths: Mapping[str, str] | None = None) -> Outcome:
        """``paths``: where their files lie; None where it is their keys that came back."""
        if not again:
            return Outcome()
        now, what = self._clock.now(), "file" if paths else "keys"
        came = [
            facts.ErasedCameBack(call_id=row.call_id, what=what).fact(row.recording_id, now, actor) for row in again
        ]
        self._store.call(lambda tx: [tx.append(fact) for fact in came])
        ids = [row.recording_id for row in again]
        self._keys.shred(ids)
        removals = self._files.remove([Lying(paths[each]) for each in ids]) if paths else []
        faults = [_fault(key, each.fault) for key, each in zip(ids, removals, strict=False) if each.fault]
        return Outcome(erased=len(again) - len(faults), faults=faults)


def recording_of(row: KeptRecording) -> Recording:
    """A recording as the rules know it: the term runs from the call, where that is known."""
    classes = {row.topic and f"topic:{row.topic}", row.purpose and f"purpose:{row.purpose}", row.claimed_by}
    return Recording(
        id=row.recording_id,
        at=datetime.fromisoformat(row.at or row.opened_at),
        call_id=row.call_id or "",
        number=row.number or "",
        joined=frozenset(row.joined),
        classes=frozenset(each for each in classes if each),
    )


def hold_of(row: HoldRow) -> Hold:
    """A hold as the rules know it."""
    target = Target(row.target)
    value = {Target.RECORDING: row.recording_id, Target.CALL: row.call_id, Target.NUMBER: row.number}[target]
    return Hold(
        id=row.id,
        target=target,
        value=value or "",
        kind=Kind(row.kind),
        reason=row.reason or "(erased)",
        reference=row.reference or "",
        by=row.actor or "",
        at=datetime.fromisoformat(row.made_at),
        released_at=datetime.fromisoformat(row.released_at) if row.released_at else None,
        ground=row.ground,
    )


def _fault(recording_id: str, fault: str) -> ErasureFault:
    log.error(STILL_THERE, recording=recording_id, fault=fault)
    return ErasureFault(recording_id=recording_id, code=STILL_THERE, fault=fault)


def _pages_of_keys(keys: KeyStoreDb) -> Iterator[list[str]]:
    after = ""
    while ids := keys.recording_ids(after, 500):
        yield ids
        after = ids[-1]
