"""The gates that share a database: which there are, what each uses of the firm's limits, and who takes new calls.

Each writes its own row of the table ``nodes`` every ``BEAT_SECONDS``, and reads those of the others in the same
transaction. One whose row is older than ``LASTS`` is lost: its calls hold no place of anybody's limit any longer. No
evidence: what somebody asks of a gate is a fact besides, in the log of the gate that was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gate.core.allowances import Used
from gate.core.evidence import stamp
from gate.core.facts import Body
from gate.core.facts.gate import NodeDrained, NodeLeft, NodeResumed
from gate.errors import StoreError, UsageError
from gate.operations.operation import ADMINS, READERS, Caller, Request, Response, about, operation
from gate.showing import local, many
from gate.store.transaction import NODE_LASTS, StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

BEAT_SECONDS: Final = 2.0
OPEN, DRAINED, LEAVING, STOPPED, LEFT, LOST = "open", "drained", "leaving", "stopped", "left", "lost"
_AWAY: Final = frozenset({STOPPED, LEFT, LOST})


class Node(Response, frozen=True, kw_only=True):
    """A gate."""

    log: int
    """The number of its log: what it is named by."""
    address: str
    """Where it takes calls."""
    version: str
    state: str
    """``open``: it takes calls; ``drained``: no new ones; ``leaving``: likewise, and it stops after the last;
    ``stopped``; ``left``; ``lost``: it has not been heard of."""
    calls: int
    """In hand."""
    seen_at: datetime
    here: bool
    """It is the gate that was asked."""


class Nodes(Response, frozen=True):
    """The gates of the database."""

    nodes: list[Node]


_ROWS: Final = "SELECT gate, address, version, state, calls, seen_at FROM nodes ORDER BY gate"
_OTHERS: Final = "SELECT state, seen_at, used FROM nodes WHERE gate <> ?"
_WRITE: Final = (
    "INSERT INTO nodes (gate, address, version, state, wanted, calls, used, seen_at) VALUES (?, ?, ?, ?, '', ?, ?, ?)"
    " ON CONFLICT (gate) DO UPDATE SET address = excluded.address, version = excluded.version, state = excluded.state,"
    " wanted = CASE WHEN nodes.wanted = ? THEN '' ELSE nodes.wanted END,"
    " calls = excluded.calls, used = excluded.used, seen_at = excluded.seen_at"
)


class Held(msgspec.Struct, array_like=True, frozen=True):
    """What one account, PBX or token uses at one gate (``core.allowances.Used``)."""

    last_minute: int
    at_once: int
    seconds: float
    calls: int
    service: int
    listed: int


class _Day(msgspec.Struct, frozen=True):
    day: str
    held: dict[str, Held]


def beat(
    folder: DataFolder, tx: StoreTransaction, state: str, calls: int, day: str, used: Mapping[str, Used], *, first: bool
) -> tuple[str, dict[str, Used]]:
    """Write this gate's row; what was asked of it since the last time, and what the others use. ``first``: whatever was
    asked before it started is forgotten. Raises ``StoreError``."""
    log, now = folder.config.store.log, folder.clock.now()
    wanted = next(iter(tx.values(str, "SELECT wanted FROM nodes WHERE gate = ?", [log])), "")
    held = {
        name: Held(
            each.calls_last_minute,
            each.calls_at_once,
            each.seconds_today,
            each.calls_today,
            each.service_today,
            each.listed_today,
        )
        for name, each in used.items()
    }
    text = msgspec.json.encode(_Day(day, held)).decode()
    address = folder.config.edge.gate or folder.config.sip.listen
    tx.write(_WRITE, [log, address, version("dialgate"), state, calls, text, stamp(now), wanted])
    return "" if first else wanted, _elsewhere(tx.values(tuple[str, datetime, str], _OTHERS, [log]), day, now)


def _elsewhere(rows: Sequence[tuple[str, datetime, str]], day: str, now: datetime) -> dict[str, Used]:
    """What is used at these gates in all. Calls of the minute and calls in hand are those of gates that run."""
    found: dict[str, Used] = {}
    for state, seen_at, text in rows:
        row = msgspec.json.decode(text, type=_Day)
        runs = _state(state, seen_at, now) not in _AWAY
        for name, held in row.held.items():
            used = Used(held.last_minute, held.at_once) if runs else Used()
            if row.day == day:
                used = replace(
                    used,
                    seconds_today=held.seconds,
                    calls_today=held.calls,
                    service_today=held.service,
                    listed_today=held.listed,
                )
            found[name] = found.get(name, Used()).beside(used)
    return found


def _state(state: str, seen_at: datetime, now: datetime) -> str:
    return LOST if state not in _AWAY and now - seen_at > NODE_LASTS else state


def nodes_of(folder: DataFolder) -> list[Node]:
    """The gates of the database; of SQLite the one that runs. Raises ``StoreError``."""
    now, here = folder.clock.now(), folder.config.store.log
    if not folder.store.shared:
        calls, drained = len(folder.gate.calls()), folder.gate.drained()
        row = (0, folder.config.sip.listen, version("dialgate"), DRAINED if drained else OPEN, calls, now)
        rows = [row] if folder.gate.keep is not None else []
    else:
        rows = folder.read(lambda tx: tx.values(tuple[int, str, str, str, int, datetime], _ROWS))
    return [
        Node(
            log=log,
            address=address,
            version=made,
            state=_state(state, seen_at, now),
            calls=0 if _state(state, seen_at, now) in _AWAY else calls,
            seen_at=seen_at,
            here=log == here,
        )
        for log, address, made, state, calls, seen_at in rows
    ]


def node_warnings(folder: DataFolder) -> list[str]:
    """The gates that were lost, and that none takes calls. Raises ``StoreError``."""
    found = nodes_of(folder) if folder.store.shared else []
    lost = [
        f"Gate {each.log} ({each.address}) is lost, last heard of {local(each.seen_at.isoformat())}: start it again"
        for each in found
        if each.state == LOST
    ]
    waiting = [each for each in found if each.state in (DRAINED, LEAVING)]
    if waiting and not any(each.state == OPEN for each in found):
        lost.append(f"No gate takes new calls: {many(len(waiting), 'gate')} drained. dialgate nodes resume")
    return lost


# --- the operations ------------------------------------------------------------------------------------------------


Which = Annotated[
    int | None,
    about("A gate, by the number of its log (`dialgate nodes list`).", absent="the one that is asked", metavar="LOG"),
]


class NodeList(Request[Nodes], frozen=True):
    """The gates."""


class NodeDrain(Request[Nodes], frozen=True, kw_only=True):
    """Take no new calls."""

    log: Which = None


class NodeResume(Request[Nodes], frozen=True, kw_only=True):
    """Take them again."""

    log: Which = None


class NodeLeave(Request[Nodes], frozen=True, kw_only=True):
    """Stop after the last call."""

    log: Which = None


@operation(NodeList, "node_list", roles=READERS, polled=True)
def node_list(folder: DataFolder, asked: NodeList, caller: Caller) -> Nodes:
    """List the gates that share the database: where each takes calls, whether it does, and how many it has in hand."""
    return Nodes(nodes_of(folder))


@operation(NodeDrain, "node_drain", roles=ADMINS)
def node_drain(folder: DataFolder, asked: NodeDrain, caller: Caller) -> Nodes:
    """Let a gate take no new calls: the edge sends them to others. Calls in hand go on to their end, and emergency
    calls are taken."""
    return _ask(folder, asked.log, "drain", NodeDrained, caller)


@operation(NodeResume, "node_resume", roles=ADMINS)
def node_resume(folder: DataFolder, asked: NodeResume, caller: Caller) -> Nodes:
    """Let a drained gate take new calls again."""
    return _ask(folder, asked.log, "resume", NodeResumed, caller)


@operation(NodeLeave, "node_leave", roles=ADMINS)
def node_leave(folder: DataFolder, asked: NodeLeave, caller: Caller) -> Nodes:
    """Drain a gate, and stop it after its last call, its log signed to the end: the others know that it has left."""
    if not folder.store.shared:
        raise UsageError("this gate shares its store with no other", hint="stop it: dialgate manual deployment")
    return _ask(folder, asked.log, "leave", NodeLeft, caller)


def _ask(
    folder: DataFolder, log: int | None, what: str, kind: type[NodeDrained | NodeResumed | NodeLeft], caller: Caller
) -> Nodes:
    """Here at once; at another gate with its next beat."""
    here = folder.config.store.log
    log = here if log is None else log
    found = {each.log: each for each in nodes_of(folder)}
    if log not in found or (folder.gate.keep is None if log == here else found[log].state in _AWAY):
        known = ", ".join(str(each.log) for each in found.values() if not each.here and each.state not in _AWAY)
        raise UsageError(f"no gate {log} runs", hint=f"others that run: {known or 'none'}")
    body: Body = kind(node=log)
    fact = folder.fact(body, "gate", caller.actor)

    def keep(tx: StoreTransaction) -> None:
        tx.append(fact)
        if log != here and tx.write("UPDATE nodes SET wanted = ? WHERE gate = ?", [what, log]) != 1:
            raise StoreError(f"the row of gate {log} is gone", hint="dialgate nodes list")

    folder.store.call(keep)
    if log == here:
        carry_out(folder, what)
        state = {"drain": DRAINED, "resume": OPEN, "leave": LEAVING}[what]
    else:
        state = ""
    return Nodes([msgspec.structs.replace(each, state=state or each.state) if each.log == log else each
                  for each in found.values()])  # fmt: skip


def carry_out(folder: DataFolder, wanted: str) -> None:
    """Do what was asked of this gate."""
    gate = folder.gate
    {"drain": gate.drain, "resume": gate.resume, "leave": gate.leave}[wanted]()
