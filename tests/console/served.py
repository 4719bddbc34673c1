"""The recorded day behind a real control socket: real store, real desk, real server, and a clock that stands."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import itertools
import json
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, tzinfo
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry

from gate.calls.live import LiveView
from gate.config import load, reminders
from gate.control.messages import CarryOut, carry_out
from gate.control.server import serve
from gate.converting import convert
from gate.core.call_words import HangUpAsked, PauseAsked
from gate.core.rows.calls import CallInHand
from gate.daemon.opening import open_folder
from gate.operations.contacts.rescreening import Contacts
from gate.operations.data_folder import RunningGate
from gate.operations.operation import Caller, Request, operation_of
from gate.ports import Fact
from gate.registers.importer import import_file
from gate.store.store import EvidenceStore
from gate.vault import signing
from gate.vault.signing import CheckpointKey
from tests.console.day import FILE
from tests.support.settings import VALID
from tests.support.settings import write as write_config
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
PEPPER = b"p" * 32


class SetClock:
    """Stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        """The time that it was set to."""
        return self.time


class Served:
    """A gate that tells of the recorded day. ``stop`` and ``start`` make it go away and come back."""

    _salts: Callable[[], bytes] | None = None
    """The same on every run, where leaves are in pictures; None: as a gate makes them."""

    def __init__(self, folder: Path, more: Sequence[dict[str, Any]] = (), *, data: Path | None = None) -> None:
        """``more``: facts behind those of the day; ``data``: the data folder of a stopped one, to be copied."""
        day = json.loads(FILE.read_text(encoding="utf-8"))
        self.clock = SetClock(datetime.fromisoformat(day["now"]))
        self.calls: list[dict[str, Any]] = day["live"]
        self.folder = folder
        self.config = load(write_config(folder, VALID), secrets=False)
        self.slow: Callable[[str], None] = lambda op: None
        """Called with each operation's name before it is carried out: a test may wait in it."""
        self.pause: Callable[[str, PauseAsked], str] = lambda call_id, asked: "no call is real"
        """What is made of a wish to pause a recording."""
        self.hang_up: Callable[[str, HangUpAsked], str] = lambda call_id, asked: "no call is real"
        """What is made of a wish to end a call."""
        self.not_ready: Sequence[str] = ()
        """Why marketing calls are refused."""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        if data is None:
            self._prepare([*day["facts"], *more])
        else:
            shutil.copytree(data, self.config.data, dirs_exist_ok=True)
        self._stack = ExitStack()
        self._thread: threading.Thread | None = None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.config.control_socket

    def _prepare(self, facts: list[dict[str, Any]]) -> None:
        made, leaves = _data_folder(json.dumps(facts), self.clock.time.tzinfo)
        shutil.copytree(made, self.config.data, dirs_exist_ok=True)
        self._salts = _salts(leaves)

    # --- there and away -------------------------------------------------------------------------------------------

    def start(self) -> Served:
        """Answer."""
        running = RunningGate(
            calls=self._live,
            pause=self._pause,
            hang_up=self._hang_up,
        )
        data = open_folder(self.config, self._stack, self.clock, running)
        if self._salts is not None:
            data.store._salts = self._salts
        data.one(Contacts).background = True
        self._contacts = data.one(Contacts)
        view = LiveView(
            calls=self._live,
            reader=data.reader,
            registers=data.registers,
            clock=self.clock,
            watch_levels=lambda on: view.take_levels(levels if on else {}),
            up=lambda: (True, True, []),
            warnings=lambda: reminders(self.config, data.today()),
            not_ready=lambda: self.not_ready,
        )
        levels = {call["call_id"]: tuple(call["levels"]) for call in self.calls}
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(partial(carry_out, data), view, ready), daemon=True)
        self._thread.start()
        assert ready.wait(PATIENCE), "the server did not start"
        return self

    def follow(self) -> None:
        """The contacts follow the log, which a running gate has them do every other second. A look at them does not, so
        that no screening is refused because somebody looks."""
        self._contacts.follow()

    def stop(self) -> None:
        """Go away."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(PATIENCE)
            self._thread = None
            self._stack.close()

    def _run(self, really: CarryOut, view: LiveView, ready: threading.Event) -> None:
        def told(request: Request[Any], caller: Caller) -> Any:
            name = operation_of(request).name
            self.slow(name)
            fields = {**msgspec.structs.asdict(request), "actor": caller.actor}
            fields.pop("masked", None)
            self.asked.append((name, fields))
            return really(request, caller)

        async def main() -> None:
            self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
            await serve(told, self.config, CollectorRegistry(), self._over, ready.set, live=view)

        asyncio.run(main())

    def _live(self) -> list[CallInHand]:
        return [convert(call, CallInHand) for call in self.calls]

    def _pause(self, call_id: str, asked: PauseAsked) -> str:
        return self.pause(call_id, asked)

    def _hang_up(self, call_id: str, asked: HangUpAsked) -> str:
        return self.hang_up(call_id, asked)

    def rows(self, op: str, **wanted: Any) -> list[Mapping[str, Any]]:
        """What an operation was asked with; where values are named, by the questions that have them: two questions
        that are on the way together come in any order."""
        asked = [fields for name, fields in self.asked if name == op]
        return [fields for fields in asked if all(fields[name] == value for name, value in wanted.items())]

    def facts(self, kind: str = "") -> list[dict[str, Any]]:
        """What the log holds, in its order; of one kind where named."""
        connection = sqlite3.connect(f"file:{self.config.data / 'gate.db'}?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT kind, subject, at, actor, body FROM facts ORDER BY leaf_index").fetchall()
        finally:
            connection.close()
        made = [dict(zip(("kind", "subject", "at", "actor", "body"), row, strict=True)) for row in rows]
        return [fact | {"body": json.loads(fact["body"] or "{}")} for fact in made if kind in ("", fact["kind"])]


def _salts(first: int) -> Callable[[], bytes]:
    """The same leaves on every run: their root is in pictures."""
    counter = itertools.count(first)
    return lambda: hashlib.sha256(next(counter).to_bytes(8)).digest()


@cache
def _data_folder(facts: str, zone: tzinfo) -> tuple[Path, int]:
    """A data folder with these facts, as a process makes it once, and how many they are."""
    data = Path(tempfile.mkdtemp(prefix="dialgate-day-"))
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    for name in ("registers", "recordings", "recipients", "checkpoints"):
        (data / name).mkdir(mode=0o700)
    (data / "number.key").write_bytes(PEPPER)
    with pytest.MonkeyPatch.context() as patch:  # the same key on every run: it is in pictures
        patch.setattr(signing, "Ed25519PrivateKey", _Seeded)
        CheckpointKey.create(data / "gate.key", "dialgate.example")
    shutil.copytree(_registers(zone), data / "registers", dirs_exist_ok=True)
    made = [Fact(**{**fact, "at": datetime.fromisoformat(fact["at"])}) for fact in json.loads(facts)]
    store = EvidenceStore(data / "gate.db", pepper=PEPPER, salts=_salts(0))
    store.call(lambda tx: [tx.append(fact) for fact in made])
    store.close()
    return data, len(made)


@cache
def _registers(zone: tzinfo) -> Path:
    """Both registers, as a process imports them once."""
    folder = Path(tempfile.mkdtemp(prefix="dialgate-registers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o700)
    for name, day in (("tps", 14), ("ctps", 13)):
        import_file(
            folder,
            name,
            ROOT / "sample_lists" / f"{name}_ns.txt",
            as_of=datetime(2026, 7, day).date(),
            now=datetime(2026, 7, day, 5, 31, tzinfo=zone),
        )
    return folder


class _Seeded:
    """Makes always the same key."""

    @staticmethod
    def generate() -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"the recorded day").digest())
