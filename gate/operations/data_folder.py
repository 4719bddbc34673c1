"""What every way into the data folder shares: lock, evidence, keys, registers, and what is built on them. Also what
a running gate's line knows before the store does, and the screening rules that the configuration sets;
and work that somebody may cancel while it runs.
"""

from __future__ import annotations

import math
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from gate.calls.screener import Screener
from gate.calls.trust import Trust
from gate.clock import Clock, StoppedClock, SystemClock
from gate.config import Config
from gate.config.schema import ATTEMPTS
from gate.core.call_words import HangUpAsked, PauseAsked
from gate.core.days import LONDON
from gate.core.facts import Body
from gate.core.hours import Hours
from gate.core.retention import Terms
from gate.core.rows.calls import CallInHand, RunningNow
from gate.core.rules import AbandonedLimits, AttemptLimits, Rules
from gate.core.terms import REGISTER_TITLES, TOPICS, Decision, Reason
from gate.errors import ConfigError, GateError, StoreError
from gate.operations.accounts import two_people
from gate.operations.audit.signed_log import SignedLog
from gate.operations.proposals import Proposals
from gate.operations.retention.sweeper import Retention
from gate.ports import Fact
from gate.registers.library import RegisterLibrary
from gate.store.past import Past, PastReader, find
from gate.store.projections import number_hash
from gate.store.reader import DataLock, Place, Reader, place_of
from gate.store.store import store_at
from gate.types import Progress
from gate.vault.keystore import KeyStoreDb
from gate.vault.sealed_files import SealedFiles, bucket_of

if TYPE_CHECKING:
    from gate.operations.audit.bundles import Bundles
    from gate.operations.operation import Operation
    from gate.store.store import EvidenceStore
    from gate.vault.keyring import Keyring


def rules_of(config: Config) -> Rules:
    """The screening rules that a configuration sets."""
    calling = config.calling
    try:
        return Rules(
            own_numbers=frozenset(config.firm.numbers),
            hours=Hours.parse(
                calling.weekdays,
                calling.saturday,
                calling.sunday,
                calling.closed_dates,
                always=calling.hours == "always",
            ),
            timezone=LONDON,
            registers=calling.registers,
            consent_months=config.consent.months,
            authorised=frozenset(row.topic for row in TOPICS if row.key and getattr(config.firm, row.key).strip()),
            instigators={each.name: each.legal_name for each in config.instigator},
            redial=timedelta(hours=calling.redial_hours),
            attempts=AttemptLimits(*(getattr(calling, name) for name in ATTEMPTS)),
            abandoned=AbandonedLimits(
                calling.abandoned_alarm_percent,
                calling.abandoned_stop_percent,
                calling.abandoned_least,
                calling.abandoned_brief_seconds,
            ),
            dedicated_agents=frozenset(calling.dedicated_agents),
            agent_claims=frozenset(calling.agent_claims),
            test_number=calling.test_number,
            live=calling.live,
            emergency_numbers=frozenset(config.emergency.numbers if config.emergency.trunk else ()),
            block=frozenset(calling.block),
            objection_stops_service=calling.objection_stops_service,
        )
    except ValueError as error:
        raise ConfigError(str(error), hint="see the sections [firm] and [calling]") from error


def _no_obstacle(_number: str = "") -> None:
    return None


def _no_call(_call_id: str, _asked: PauseAsked | HangUpAsked) -> str:
    return "no gate runs"


def _nothing(_asked_by: str, _decision: Decision) -> None:
    return None


def _no_limit(_asked_by: str) -> tuple[None, bool]:
    return None, True


@dataclass(frozen=True, slots=True)
class RunningGate:
    """The running gate as a data folder sees it. This one stands for none: a command has opened the folder."""

    obstacle: Callable[[str], Reason | None] = _no_obstacle
    """What forbids a call to this number now (E.164; empty: every call): the gate stops, or an objection of it may be
    on its way to the store."""
    keep: Callable[[Fact, str], None] | None = None
    """Keeps what must not be lost of a question of ``http:NAME``, as ``CallManager.keep``."""
    calls: Callable[[], list[CallInHand]] = list
    """The calls in hand."""
    counts: Callable[[], RunningNow] = RunningNow
    """What it counts, for ``status``."""
    warnings: Callable[[], list[str]] = list
    """What somebody must see to on the line and in the watched folder, a sentence each."""
    pause: Callable[[str, PauseAsked], str] = _no_call
    """Pauses or resumes the recording of a call in hand; says why it cannot be, nothing where it is done."""
    hang_up: Callable[[str, HangUpAsked], str] = _no_call
    """Ends a call in hand; says why it cannot be ended, nothing where it is done."""
    question: Callable[[str], tuple[Reason | None, bool]] = _no_limit
    """Why ``http:NAME`` may ask no more in this minute, and whether that refusal has a leaf; asked once
    for each question, for it counts them."""
    unready: Callable[[], list[str]] = list
    """What forbids every call, or lets nobody be recorded: reason codes."""
    unkept: Callable[[], None] = lambda: None
    """A question was refused, and the refusal could not be kept: it is counted."""
    drain: Callable[[], None] = lambda: None
    """It takes no new calls from now on, as ``CallManager.leave_to_others``."""
    resume: Callable[[], None] = lambda: None
    """It takes them again."""
    drained: Callable[[], bool] = lambda: False
    """It takes no new calls."""
    leave: Callable[[], None] = lambda: None
    """It stops once its last call is over."""
    answered: Callable[[str, Decision], None] = _nothing
    """What ``http:NAME`` was told: it counts among that token's calls."""


NO_GATE: Final = RunningGate()


T = TypeVar("T")
PATIENCE: Final = 3.0
"""Seconds for which a gate that starts waits until a command that has the folder has ended: a status from a timer."""
_NOT_COMPARED: Final = "it was not compared with the log yet"


def new_id() -> str:
    """A random id of 128 bits: names nobody."""
    return secrets.token_hex(16)


class DataFolder:
    """What every way into the data folder shares: lock, evidence, keys, registers, and what is built on them."""

    rehearses = False
    """Nothing is done for real on it (``gate.operations.rehearsal``)."""

    def __init__(
        self,
        config: Config,
        stack: ExitStack,
        clock: Clock | None = None,
        gate: RunningGate = NO_GATE,
        *,
        operations: Callable[[], Mapping[str, Operation[Any, Any]]],
    ) -> None:
        """Open the data folder; what is opened closes with ``stack``. ``clock``: None for the machine's; ``gate``: the
        one that runs on it; ``operations``: all of them, by name. Raises ``GateError``.

        ``gate.daemon.opening.open_folder`` also compares it with the memory journal: until then marketing is refused.
        """
        data = config.data
        if not data.is_dir():
            raise ConfigError(f"the data folder {data} does not exist", hint="make it with: dialgate init")
        known = "number.key" if config.store.dsn else "gate.db"
        if not (data / "gate.key").exists() and not (data / known).exists():
            raise ConfigError(
                f"the data folder {data} holds no evidence and no key",
                hint="is its disk mounted? dialgate init makes one",
            )
        stack.enter_context(DataLock(data, PATIENCE if gate is not NO_GATE else 0.0))
        self.config = config
        self.clock = clock or SystemClock()
        self.place = place_of(config)
        self.pepper = _pepper(data, self.place)
        self.store = store_at(self.place, self.pepper)
        stack.callback(self.store.close)
        self.keys = KeyStoreDb(data / "keys.db")
        stack.callback(self.keys.close)
        self.registers = RegisterLibrary(data / "registers", tuple(REGISTER_TITLES), live=config.calling.live)
        self.log = SignedLog(config, self.clock, self.store, self.pepper)
        self.trust = Trust(
            self.log.standing, self.log.unsigned_since, self._now, lambda: _NOT_COMPARED, self.log.newest_entry
        )
        self.screener = Screener(self.registers, rules_of(config), self.trust)
        self.gate = gate
        self.operations = operations
        self.past: Past | None = None
        """The moment as of which it is read; None: now."""
        self.proposals = Proposals(self, operations)
        self._parts: dict[Callable[[DataFolder], Any], Any] = {}
        self._making = threading.RLock()

    def one(self, part: Callable[[DataFolder], T]) -> T:
        """The one of its kind that works on this folder, as ``one(Contacts)``: made by the first who asks for it."""
        if part not in self._parts:
            with self._making:
                if part not in self._parts:
                    self._parts[part] = part(self)
        found: T = self._parts[part]
        return found

    def hash_of(self, number: str) -> str:
        """The keyed hash of an E.164 number, in hexadecimal."""
        return number_hash(self.pepper, number).hex()

    def _now(self) -> datetime:
        return self.clock.now()

    def today(self) -> date:
        """The day in London."""
        return self.london(self.clock.now())

    def new_id(self) -> str:
        """A random id of 128 bits: names nobody."""
        return new_id()

    def london(self, moment: datetime) -> date:
        """The day of a moment in London."""
        return moment.astimezone(LONDON).date()

    def fact(self, body: Body, subject: str, actor: str) -> Fact:
        """A fact of this moment."""
        return body.fact(subject, self.clock.now(), actor)

    def keep(self, body: Body, subject: str, actor: str) -> None:
        """Append a fact of this moment to the log, in a transaction of its own."""
        fact = self.fact(body, subject, actor)
        self.store.call(lambda tx: tx.append(fact))

    @cached_property
    def files(self) -> SealedFiles:
        """The sealed recordings, in the folder and in the bucket."""
        return SealedFiles(self.config.data / "recordings", bucket_of(self.config))

    @cached_property
    def retention(self) -> Retention:
        """The sweep, and the plan of what is due."""
        config = self.config.retention
        return Retention(
            store=self.store,
            read=self.read,
            keys=self.keys,
            files=self.files,
            terms=Terms(LONDON, config.months, config.years),
            backup_days=config.backup_days,
            sweep_at=time.fromisoformat(config.sweep_at),
            clock=self.clock,
        )

    def read(self, query: Callable[[Reader], T]) -> T:
        """What ``query`` finds in the store as it is now, on a connection of its own: no writer waits for it.

        Raises ``StoreError``.
        """
        with self.reader() as reader:
            return query(reader)

    def reader(self) -> Reader:
        """The store as it is now, for whoever reads more than once. Raises ``StoreError``."""
        return Reader(self.place) if self.past is None else PastReader(self.place, self.past)

    def as_of(self, moment: datetime) -> DataFolder:
        """This folder as it stood at a moment, to be read alone: its store, its clock, and no gate that runs. Keys,
        registers' files and configuration are those of today. Raises ``UsageError`` as ``past.find``."""
        now = self.clock.now()
        then = copy(self)
        then.past = self.read(lambda reader: find(reader, moment, now))
        then.clock, then.gate, then._parts = StoppedClock(moment), NO_GATE, {}
        then.store = cast("EvidenceStore", _PastStore(then))
        then.proposals = Proposals(then, self.operations)
        then.__dict__.pop("retention", None)
        return then

    @cached_property
    def bundles(self) -> Bundles:
        """Bundles for auditors, made and signed."""
        from gate.operations.audit.bundles import Bundles  # with cryptography

        return Bundles(self.config.data, self.place, own_process=self.gate is not NO_GATE)

    def keyring(self) -> Keyring:
        """The register of recipients and the wrapped keys."""
        from gate.vault.keyring import Keyring  # with cryptography

        return Keyring(self.config.data / "recipients", self.keys, two_person=self.config.recording.two_person)

    def two_people(self) -> bool:
        """Whether what destroys or frees evidence takes two people (``roles.dual_control``)."""
        return two_people(self.config)


class _PastStore:
    """The store of a folder as of a moment: it has no way to write."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def call(self, work: Callable[[Reader], T]) -> T:
        """What this work finds."""
        return self._folder.read(work)


def _pepper(data: Path, place: Place) -> bytes:
    """The key of the number hashes: made with the data folder, never replaced."""
    path = data / "number.key"
    with suppress(FileNotFoundError):
        return path.read_bytes()
    if _begun(place):
        raise StoreError(
            f"{path} is missing", hint="restore it: without it nobody can tell who objected, so no call is allowed"
        )
    pepper = secrets.token_bytes(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pepper)
        file.flush()
        os.fsync(file.fileno())
    return pepper


def _begun(place: Place) -> bool:
    """Whether a gate has opened the store before."""
    if isinstance(place, Path):
        return place.exists()
    with closing(place.open_writer()) as connection:
        return connection.execute("SELECT 1 FROM number_key").fetchone() is not None


AT_ONCE: Final = 2
"""Work of one name: one runs, one waits for it. Each takes a thread of the control interface, and a file on a share
that does not answer could hold it for long."""


class Cancellations:
    """Which work is to end, by its name. Thread-safe."""

    def __init__(self, busy: Callable[[str], GateError]) -> None:
        """``busy``: name -> what is raised where ``AT_ONCE`` of that name run already."""
        self._busy = busy
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._cancelled: dict[str, str] = {}

    def cancel(self, name: str, actor: str) -> bool:
        """Cancel the work of this name; False where none runs."""
        with self._lock:
            if not self._running.get(name):
                return False
            self._cancelled[name] = actor
            return True

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """While work of this name runs. Raises ``busy`` where ``AT_ONCE`` run already."""
        with self._lock:
            if self._running.get(name, 0) >= AT_ONCE:
                raise self._busy(name)
            self._running[name] = self._running.get(name, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[name] -= 1
                if not self._running[name]:
                    self._cancelled.pop(name, None)

    def checked(
        self, name: str, progress: Progress, error: Callable[[str], GateError], *, until: float = math.inf
    ) -> Progress:
        """``progress`` that raises once the work was cancelled, unless the part ``until`` of it is done.

        ``error``: the actor who cancelled -> what is raised.
        """

        def tell(fraction: float, text: str) -> None:
            actor = self._cancelled.get(name)
            if actor is not None and fraction < until:
                raise error(actor)
            progress(fraction, text)

        return tell
