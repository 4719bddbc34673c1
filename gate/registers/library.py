"""The registers as the gate asks them.

An answer never fails: what is wrong with a register is a state of its view, and calls that need it are refused on it.
A snapshot that another process puts in force is seen within a second, and so is a change of the file in force: the
times of the pointer and the snapshot are looked at every ``LOOK_EVERY`` seconds, on the next question.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from gate.core.numbers import begins_with
from gate.core.rows.lists import RegisterState
from gate.core.rules import MAX_AGE_DAYS, days_left
from gate.core.terms import RegisterView
from gate.errors import RegisterError
from gate.registers import snapshot_store
from gate.registers.coverage import Coverage, too_few, without_numbers
from gate.registers.snapshot import Snapshot

LOOK_EVERY = 0.5
"""Seconds between looks at whether another snapshot is in force."""

RETRY_EVERY = 10.0
"""Seconds after which a damaged register is opened again: what failed may have been the machine and not the file."""

_Stamp = tuple[snapshot_store.Seal | None, snapshot_store.Seal | None]
"""Seals of the pointer and of the snapshot: the same as long as neither file changed."""


@dataclass(frozen=True, slots=True)
class _Edition:
    """What is known of a register at one time. Replaced as a whole: a reader sees the old one or the new one."""

    name: str
    stamp: _Stamp
    state: str
    """``ok``, ``missing`` or ``damaged``."""
    problem: str = ""
    snapshot: Snapshot | None = None
    sha256: str = ""
    loaded: float = 0.0
    """``time.monotonic()`` when it was read from disk."""
    covered: tuple[str, ...] = field(init=False)
    """What of its coverage it holds numbers of (LAW 2.4)."""
    uncovered: tuple[str, ...] = field(init=False)
    coverage: Coverage = field(init=False)
    """``covered``, parsed."""
    answers: tuple[RegisterView, ...] = field(init=False)
    """Made beforehand, as making one takes longer than a look-up: index 1 for covered, 2 for listed, 3 for both."""

    def __post_init__(self) -> None:
        held = self.snapshot
        said = held.metadata.coverage if held else ()
        asked = {number for each in held.metadata.asked for number in each.numbers} if held else set()
        judges = held and self.state == "ok" and not asked
        none = without_numbers(said, held.holds_within) if held and judges else ()
        object.__setattr__(self, "uncovered", none)
        object.__setattr__(self, "covered", tuple(code for code in said if code not in none))
        object.__setattr__(self, "coverage", Coverage(self.covered, asked))
        known = (self.name, self.state, held.metadata.as_of if held else None, held.count if held else 0, self.sha256)
        answers = [RegisterView(*known, covered=bool(n & 1), listed=bool(n & 2)) for n in range(4)]
        object.__setattr__(self, "answers", tuple(answers))


class _Register:
    """One register and its present edition. ``view`` may run beside everything else; the rest runs under a lock."""

    def __init__(self, folder: Path, name: str, *, live: bool) -> None:
        self._folder = folder
        self._live = live
        self._name = name
        self._verified: Snapshot | None = None
        """The snapshot that was read as a whole and found good."""
        self.edition = self._load()

    def view(self, number: str, keys: Sequence[int]) -> RegisterView:
        """Look up a number in this register, given as E.164 and as the integers of the digits that reach it."""
        edition = self.edition
        if edition.state != "ok" or edition.snapshot is None:
            return edition.answers[0]
        try:
            held = edition.snapshot
            listed = any(key in held for key in keys)
        except Exception as error:  # noqa: BLE001 - whatever fails in here must refuse the call and not end the thread
            self.damage(edition, str(error))
            return self.edition.answers[0]
        return edition.answers[(number in edition.coverage) + 2 * listed]

    def damage(self, edition: _Edition, problem: str) -> None:
        """This edition is not to be trusted from now on. What it was stays known."""
        if self.edition is edition:
            self.edition = _Edition(
                self._name, edition.stamp, "damaged", problem, edition.snapshot, edition.sha256, time.monotonic()
            )

    def refresh(self) -> None:
        """See whether another snapshot is in force, or the one in force was changed."""
        edition = self.edition
        path = edition.snapshot.path if edition.snapshot else None
        stamp = (_seal(snapshot_store.pointer_path(self._folder, self._name)), _seal(path) if path else None)
        retry = edition.state == "damaged" and time.monotonic() - edition.loaded >= RETRY_EVERY
        if stamp != edition.stamp or retry:
            # What was damaged is read as a whole, so that it cannot come back by looking good from afar.
            self.edition = self._load(whole=edition.state == "damaged")

    def verify(self) -> None:
        """Read the whole snapshot once after it was opened."""
        edition = self.edition
        if edition.state != "ok" or edition.snapshot is None or edition.snapshot is self._verified:
            return
        try:
            edition.snapshot.verify(edition.sha256)
            self._verified = edition.snapshot
        except RegisterError as error:
            self.damage(edition, str(error))

    def _load(self, *, whole: bool = False) -> _Edition:
        """The edition in force on disk. Once more where it was replaced, and deleted, under our hands."""
        for _ in range(3):
            pointer_seal = _seal(snapshot_store.pointer_path(self._folder, self._name))
            edition = self._open(pointer_seal, whole=whole)
            if edition.state == "ok" or _seal(snapshot_store.pointer_path(self._folder, self._name)) == pointer_seal:
                break
        return edition

    def _open(self, pointer_seal: snapshot_store.Seal | None, *, whole: bool) -> _Edition:
        now = time.monotonic()
        try:
            found = snapshot_store.open_in_force(self._folder, self._name)
            if found is None:
                return _Edition(self._name, (pointer_seal, None), "missing", "no list of it is in force", loaded=now)
            pointer, snapshot, seal = found
            if whole:
                snapshot.verify(pointer.sha256)
                self._verified = snapshot
            if problem := self._implausible(snapshot):
                stamp = (pointer_seal, seal)
                return _Edition(self._name, stamp, "damaged", problem, snapshot, pointer.sha256, loaded=now)
            return _Edition(self._name, (pointer_seal, seal), "ok", "", snapshot, pointer.sha256, now)
        except Exception as error:  # noqa: BLE001 - a register that cannot be opened, for whatever reason, is damaged
            return _Edition(self._name, (pointer_seal, None), "damaged", str(error), loaded=now)

    def _implausible(self, snapshot: Snapshot) -> str:
        """Why a live gate does not rest on it: it came in force before the gate was live, and was not judged then."""
        if snapshot.metadata.asked:
            return ""  # what it says of each number was said of that one
        held = snapshot.metadata.coverage, snapshot.count, snapshot.count_within
        few = too_few(self._name, *held) if self._live else ""
        return f"a live gate does not rest on it: {few}" if few and not snapshot.metadata.accepted else ""


class RegisterLibrary:
    """The required registers of a folder.

    ``view`` is meant for one thread that asks all the time (a few microseconds a question), ``status`` may be called
    from others beside it.
    """

    def __init__(self, folder: Path, names: Sequence[str] = ("tps", "ctps"), *, live: bool = False) -> None:
        """``live``: calls reach real people, so a register that cannot be the whole one is damaged."""
        self._registers = tuple(_Register(folder, name, live=live) for name in names)
        self._lock = threading.Lock()
        self._look_at = time.monotonic() + LOOK_EVERY

    def view(self, number: str) -> tuple[RegisterView, ...]:
        """Look up an E.164 number (``+442079460000``), and the shorter one that it begins with, in each register.
        What is no such number is covered by none."""
        if time.monotonic() >= self._look_at and self._lock.acquire(blocking=False):
            try:
                self._refresh()
            finally:
                self._lock.release()
        try:
            keys = [int(each[1:]) for each in (number, begins_with(number)) if each]
        except ValueError:
            keys = []
        return tuple([register.view(number, keys) for register in self._registers])

    def editions(self) -> tuple[_Edition, ...]:
        """Each register as it is at this moment, for ``gate.registers.fixed``."""
        return tuple(register.edition for register in self._registers)

    def status(self, today: date) -> list[RegisterState]:
        """How each register stands on this day. Reads each snapshot as a whole the first time, so that damage anywhere
        in it shows."""
        with self._lock:
            self._refresh()
            for register in self._registers:
                register.verify()
        return [_status(register.edition, today) for register in self._registers]

    def _refresh(self) -> None:
        for register in self._registers:
            register.refresh()
        self._look_at = time.monotonic() + LOOK_EVERY


def _status(edition: _Edition, today: date) -> RegisterState:
    metadata = edition.snapshot.metadata if edition.snapshot else None
    left = days_left(metadata.as_of, today) if metadata else None
    stale = edition.state == "ok" and left is not None and left < 0
    return RegisterState(
        name=edition.name,
        state="stale" if stale else edition.state,
        problem=f"it is older than {MAX_AGE_DAYS} days" if stale else edition.problem,
        count=edition.snapshot.count if edition.snapshot else 0,
        as_of=metadata.as_of if metadata else None,
        days_left=left,
        coverage=list(metadata.coverage) if metadata else [],
        uncovered=edition.uncovered,
        sha256=edition.sha256,
        imported_at=metadata.created.isoformat() if metadata else None,
        source_name=metadata.source_name if metadata else "",
        source_sha256=metadata.source_sha256 if metadata else "",
        implausible=metadata.implausible if metadata else "",
        accepted=metadata.accepted if metadata else "",
    )


def _seal(path: Path) -> snapshot_store.Seal | None:
    """The seal, or None where the file is not there or not to be seen."""
    try:
        return snapshot_store.seal_of(path)
    except OSError:
        return None
