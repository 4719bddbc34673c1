"""What a fleet of gates carries, and what is full first: a queue model (simpy) with measured unit costs.

A gate's Python runs under one lock, so one call at a time; RTPProxy and the recorder beside it do not. The gates of a
machine share its processors with the talks that they relay and record. Each commit goes to the store, and the call goes
on when it is answered. Who has waited for ``PATIENCE`` is sent away, as by the gate.

Costs are those of the manual's *How it was measured*, and of PostgreSQL 17 with a synchronous standby, of 2026-12-01:
two shared processors of Debian 13. Another machine has others: ``make bench``.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from statistics import quantiles
from typing import Any, Final

import simpy

Steps = Generator[simpy.Event, Any, None]

CALL: Final = 0.0287
"""Seconds of processor of an announced and recorded call, at capacity."""
LOCKED: Final = 0.43 + 0.12 + 0.115
"""The share of it under the gate's lock: line, store and control of the relay."""
COMMITS: Final = 4
"""Commits of evidence that a call waits for."""
REFUSAL: Final = 0.00169
"""Seconds of processor of a refusal with its leaf, at capacity: all of it under the lock."""
TALK: Final = 0.0035
"""Processors that a talk keeps busy: relayed, sealed and stored."""
ALONE: Final = (0.00036, 0.00052, 0.0019)
"""A commit of one decision: seconds of processor at the gate, and at the server with its standby; its median delay."""
PATIENCE: Final = 0.25
"""Seconds that a new call waits at most: once all have waited so long, a gate refuses a share of new ones."""
SLICE: Final = 0.05
"""Seconds in which a machine's talks take their share of its processors, again and again."""


@dataclass(frozen=True)
class Fleet:
    """Machines that are alike, and the databases that their gates share."""

    machines: int = 1
    cores: int = 2
    gates: int = 1
    """On each machine."""
    databases: int = 0
    """Servers of PostgreSQL; 0: each gate has SQLite."""
    database_cores: int = 8
    share: float = 1.0
    """Of its processors that a machine's gates have."""


@dataclass(frozen=True)
class Load:
    """What comes, evenly as from SIPp or at random times as from people."""

    a_second: float
    seconds: float = 10.0
    answered: float = 0.0
    talk_seconds: float = 60.0
    refusals: bool = False
    random: bool = True


@dataclass
class Outcome:
    """What became of it."""

    offered: int = 0
    sent_away: int = 0
    delays: list[float] = field(default_factory=list)
    """Seconds from each INVITE that was taken to its last commit."""
    busy: dict[str, float] = field(default_factory=dict)
    """Of locks, processors and databases: the share of their time that was used."""

    @property
    def lost(self) -> float:
        """The share that was sent away."""
        return self.sent_away / self.offered

    @property
    def late(self) -> float:
        """The 99th percentile of the delays, seconds."""
        return quantiles(self.delays, n=100)[98]

    @property
    def first(self) -> str:
        """What is full first."""
        return max(self.busy, key=self.busy.__getitem__)


class _Adds:
    """A resource that adds up for how long it was used while the load came."""

    def __init__(self, env: simpy.Environment, capacity: int, until: float) -> None:
        super().__init__(env, capacity)  # type: ignore[call-arg]  # simpy's, of which this is a part
        self.env, self.until, self.seconds = env, until, 0.0

    def used(self, began: float) -> None:
        """It was used from then to now."""
        self.seconds += max(0.0, min(self.env.now, self.until) - began)


class _Lock(_Adds, simpy.PriorityResource):
    """A gate's: what is begun comes before what is new."""


class _Used(_Adds, simpy.Resource):
    """Processors, or a database: first come, first served."""

    def use(self, seconds: float) -> Steps:
        """Wait for it, and use it for so long."""
        with self.request() as turn:
            yield turn
            began = self.env.now
            yield self.env.timeout(seconds)
            self.used(began)


def simulate(fleet: Fleet, load: Load, seed: int = 1) -> Outcome:
    """Let a fleet have a load, for as long as it comes and then until all is done."""
    env, random, found = simpy.Environment(), Random(seed), Outcome()
    machines = [_Used(env, fleet.cores, load.seconds) for _ in range(fleet.machines)]
    locks = [_Lock(env, 1, load.seconds) for _ in range(fleet.machines * fleet.gates)]
    databases = [_Used(env, fleet.database_cores, load.seconds) for _ in range(fleet.databases)]

    def call(gate: int) -> Steps:
        began, lock, cores = env.now, locks[gate], machines[gate // fleet.gates]
        cost, commits = (REFUSAL, 1) if load.refusals else (CALL * LOCKED, COMMITS)
        for part in range(commits):
            with lock.request(priority=0 if part else 1) as turn:
                yield turn if part else turn | env.timeout(PATIENCE)
                if not turn.triggered:
                    found.sent_away += 1
                    return
                since = env.now
                yield from cores.use(cost / commits / fleet.share)
                lock.used(since)
            if databases:
                yield from databases[gate % len(databases)].use(ALONE[1])
                yield env.timeout(ALONE[2] - ALONE[1])
        found.delays.append(env.now - began)
        if not load.refusals:
            yield from cores.use(CALL * (1 - LOCKED) / fleet.share)

    def talks(cores: _Used) -> None:
        share = load.a_second * load.answered * load.talk_seconds * TALK / fleet.machines
        for _ in range(parts := math.ceil(share)):
            env.process(one(cores, SLICE * share / parts))

    def one(cores: _Used, seconds: float) -> Steps:
        while env.now < load.seconds:
            began = env.now
            yield from cores.use(seconds)
            yield env.timeout(max(0.0, began + SLICE - env.now))

    def arrivals() -> Steps:
        while env.now < load.seconds:
            found.offered += 1
            env.process(call(random.randrange(len(locks))))
            yield env.timeout(random.expovariate(load.a_second) if load.random else 1 / load.a_second)

    for each in machines:
        talks(each)
    env.process(arrivals())
    env.run()
    for name, resources in (("a gate", locks), ("processors", machines), ("the database", databases)):
        if resources:
            used = sum(each.seconds for each in resources)
            found.busy[name] = used / sum(each.capacity for each in resources) / load.seconds
    return found


def writers(count: int, cores: int = 2, seconds: float = 5.0) -> float:
    """Commits a second of writers that each wait for the answer, on processors that they share with the server."""
    env, done = simpy.Environment(), [0]
    shared = _Used(env, cores, seconds)

    def writer() -> Steps:
        while env.now < seconds:
            yield from shared.use(ALONE[0] + ALONE[1])
            yield env.timeout(max(0.0, ALONE[2] - ALONE[0] - ALONE[1]))
            done[0] += 1

    for _ in range(count):
        env.process(writer())
    env.run()
    return done[0] / seconds


PEOPLE: Final = Load(0.0, seconds=2.0, answered=0.3)
"""Three calls in ten are answered, and talked in for a minute."""
STEPS: Final[Sequence[tuple[str, Fleet, float]]] = (
    ("one gate on 2 processors, SQLite", Fleet(), 15),
    ("one machine of 8, 3 gates", Fleet(cores=8, gates=3, databases=1), 75),
    ("5 machines of 8, 15 gates", Fleet(machines=5, cores=8, gates=3, databases=1), 350),
    ("50 machines of 8, 100 gates", Fleet(machines=50, cores=8, gates=2, databases=1), 3500),
    ("100 machines, 200 gates", Fleet(machines=100, cores=8, gates=2, databases=1), 7000),
    ("the same, 4 databases", Fleet(machines=100, cores=8, gates=2, databases=4), 7000),
)


def table() -> list[list[str]]:
    """The table of the manual's *Growing*."""
    rows = []
    for name, fleet, rate in STEPS:
        found = simulate(fleet, replace(PEOPLE, a_second=rate))
        busy = (
            f"{found.busy[each]:.0%}" if each in found.busy else "" for each in ("a gate", "processors", "the database")
        )
        rows.append([name, f"{rate:,}", f"{found.lost:.0%}", f"{found.late * 1000:,.0f} ms", *busy])
    return rows
