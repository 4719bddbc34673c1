"""The gate at a glance, and what somebody must see to of the answers to ``status`` and ``audit_status``: a sentence
each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gate.config import authority_due, in_clear, reminders, undecided
from gate.config.call_rules import forgeable
from gate.core.allowances import jumps
from gate.core.rows.audit import LogNow
from gate.core.rows.calls import CallInHand, TrunkHealth, UsageRow
from gate.core.rows.lists import RegisterInForce
from gate.core.rows.month import CampaignRate
from gate.errors import GateError
from gate.exports.letters import LetterError, outdated
from gate.operations.breaches import breach_warnings
from gate.operations.calls.calls import lookup_warnings, not_ready
from gate.operations.calls.campaigns import campaign_warnings, rates_of_day
from gate.operations.calls.warnings import Spikes, acknowledged, alarms, one_sided_warnings
from gate.operations.erasure.terms import TermSweep
from gate.operations.keys import recipients
from gate.operations.lists.objections import held_warnings
from gate.operations.memory.place import SecondPlace
from gate.operations.nodes import node_warnings
from gate.operations.operation import EVERYBODY, Caller, Masked, Request, Response, operation
from gate.operations.registers.in_force import RegisterStatus, register_status, register_warnings
from gate.operations.requests.complaints import complaint_warnings
from gate.operations.requests.standing import OpenRequests, counted, open_standings, waits_for
from gate.operations.retention.copies import copy_warnings
from gate.operations.retention.holds import hold_warnings
from gate.operations.status import trunk_tests
from gate.operations.status.trunk_tests import TrunkTested
from gate.showing import local, many
from gate.store import queries
from gate.store import requests as book
from gate.store.queries import Source
from gate.store.requests import nameless

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class Standby(Response, frozen=True):
    """A standby server of the store's database."""

    name: str
    synchronous: bool
    """An answer waits until it has what is answered for."""
    behind_bytes: int | None
    """What it has not got yet; None where it does not say, or the gate may not see it."""


class Evidence(Response, frozen=True):
    """Where the evidence is, and whether it can be relied on."""

    rolled_back: str
    """Why the store is taken to be older than what was signed; empty where it is not."""
    unsigned_seconds: int
    """Age of the oldest entry over which no checkpoint is signed."""
    store: str
    """The file, or the database."""
    standbys: list[Standby]
    """Of a database."""


_STANDBYS: Final = """SELECT coalesce(application_name, ''), coalesce(sync_state, '') IN ('sync', 'quorum'),
    pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) FROM pg_stat_replication ORDER BY 1"""


def evidence_of(folder: DataFolder) -> Evidence:
    """Find where the evidence is, and how it stands. Raises ``StoreError``."""
    standbys = []
    if not isinstance(folder.place, Path):
        rows = folder.read(lambda tx: tx.values(tuple[str, bool, int | None], _STANDBYS))
        standbys = [Standby(*row) for row in rows]
    return Evidence(folder.trust.why_behind, round(folder.trust.unsigned_seconds), str(folder.place), standbys)


def store_warnings(folder: DataFolder) -> list[str]:
    """Warn of what is wrong with a database: its standbys, what was erased, the gates that share it."""
    if isinstance(folder.place, Path):
        return []
    return [*_standby_warnings(folder), *_left_warnings(folder), *_erasure_warnings(folder), *node_warnings(folder)]


def _erasure_warnings(folder: DataFolder) -> list[str]:
    """Warn of erasures that are open because another gate has not done its part."""

    def waiting(tx: Source) -> list[str]:
        rows = [row for each in book.unfinished(tx) if (row := book.find(tx, each))]
        found = [(row.reference, waits_for(tx, row, book.course(tx, row.id))) for row in rows]
        return [f"{reference} is open: {why}" for reference, why in found if why]

    return folder.read(waiting)


def _left_warnings(folder: DataFolder) -> list[str]:
    if not (large := folder.store.unscrubbed()):
        return []
    return [
        f"What was erased still stands in the free room of {' and '.join(large)}, and erasures wait: dialgate store"
        " rewrite, at a quiet hour"
    ]


def _standby_warnings(folder: DataFolder) -> list[str]:
    standbys = evidence_of(folder).standbys
    if not standbys and folder.config.calling.live:
        return ["The evidence is on one server alone: no standby follows it. dialgate manual postgresql"]
    far = [each.name for each in standbys if (each.behind_bytes or 0) > MOST_BEHIND]
    return [f"The standby {each} is more than 64 MiB behind: dialgate status --json" for each in far]


MOST_BEHIND: Final = 64 << 20
"""Bytes."""


class Redirect(Response, frozen=True):
    """A PBX that keeps its media, and what the firm says of its calls."""

    name: str
    announced_by: str
    recorded_by: str


class GateStatus(Response, frozen=True, kw_only=True):
    """The gate at a glance."""

    ok: bool
    """Marketing calls are taken: nothing is ``not_ready``."""
    not_ready: tuple[str, ...] = ()
    """Why marketing calls are refused, whoever makes them: reason codes."""
    at: str
    calls: list[CallInHand]
    last_hour: dict[str, int]
    """Attempts by reason."""
    registers: list[RegisterInForce]
    requests: OpenRequests
    evidence: Evidence
    alarms: list[str]
    """What comes before everything else: calls that were made against a refusal."""
    acknowledged: list[str]
    """The alarms among these that somebody has acknowledged."""
    warnings: list[str]
    """What somebody must see to, a sentence each."""
    line: dict[str, int]
    """What a running gate has passed over or refused since its start, by kind."""
    campaigns: list[CampaignRate]
    """Abandoned and live calls of today."""
    usage: list[UsageRow]
    """The usage of a running gate."""
    trunks: list[TrunkHealth]
    """The trunks of a running gate."""
    trunk_tests: list[TrunkTested]
    """Whether each phone system obeys a refusal."""
    redirects: list[Redirect]
    """PBXs whose calls the gate neither announces nor records."""
    recording_sessions: int
    """Calls that other systems are having recorded now (SIPREC), of a running gate."""


class Status(Request[GateStatus], frozen=True):
    """How the gate is."""

    masked: Masked = False


@operation(Status, "status", roles=EVERYBODY, polled=True)
def status(folder: DataFolder, asked: Status, caller: Caller) -> GateStatus:
    """Show calls in hand, attempts of the last hour, registers, requests, and what needs attention."""
    with suppress(GateError):  # that it could not be compared is among the warnings
        folder.trust.look_once()
    now = folder.clock.now()
    registers = register_status(folder, RegisterStatus(), caller).registers
    hour_ago = datetime.fromtimestamp(now.timestamp() - 3600, UTC)
    counts = folder.gate.counts()
    refusing = not_ready(folder, registers)
    return GateStatus(
        ok=not refusing,
        not_ready=refusing,
        at=now.isoformat(),
        calls=folder.gate.calls(),
        last_hour=folder.read(lambda tx: queries.counts_by_reason(tx, hour_ago)),
        registers=registers,
        requests=folder.read(lambda tx: counted(open_standings(tx, folder.today()))),
        evidence=evidence_of(folder),
        alarms=alarms(folder),
        acknowledged=acknowledged(folder),
        warnings=warnings(folder),
        line=counts.line,
        campaigns=rates_of_day(folder, folder.today()),
        usage=counts.usage,
        trunks=counts.trunks,
        trunk_tests=trunk_tests.tested(folder),
        redirects=[
            Redirect(each.name, each.announced_by, each.recorded_by)
            for each in folder.config.pbx
            if each.mode == "redirect"
        ],
        recording_sessions=counts.recording_sessions,
    )


def _lost_by_restore(folder: DataFolder) -> list[str]:
    lost = folder.read(nameless)
    return [f"A restore lost who asked, find that out: {', '.join(lost)}. dialgate request list"] if lost else []


def warnings(folder: DataFolder) -> list[str]:
    """What somebody must see to, a sentence each."""
    waits = folder.retention.waits()
    return [
        *folder.trust.warnings(),
        *store_warnings(folder),
        *folder.one(SecondPlace).warnings(),
        *([_NO_MEMORY] if folder.config.calling.live and not folder.one(SecondPlace).configured else []),
        *([f"The daily sweep of terms waits: {terms}"] if (terms := folder.one(TermSweep).waits()) else []),
        *breach_warnings(folder),
        *register_warnings(folder),
        *hold_warnings(folder),
        *copy_warnings(folder),
        *recipients.warnings(folder),
        *([f"The daily sweep waits: {waits}"] if waits else []),
        *_lost_by_restore(folder),
        *_letters_due(folder),
        *(f"Policy: {each}" for each in reminders(folder.config, folder.today())),
        *(f"Set-up: {each}" for each in (*undecided(folder.config), *in_clear(folder.config))),
        *trunk_tests.warnings(folder),
        *forgeable(folder.config.pbx),
        *folder.proposals.warnings(),
        *lookup_warnings(folder),
        *held_warnings(folder),
        *folder.one(Spikes).warnings(),
        *one_sided_warnings(folder),
        *campaign_warnings(folder),
        *complaint_warnings(folder),
        *folder.gate.warnings(),
    ]


_NO_MEMORY: Final = (
    "There is no second place (storage.memory): after a restore nobody would know who has objected since the backup, "
    "and what was erased would come back"
)


def _letters_due(folder: DataFolder) -> list[str]:
    config, found = folder.config, []
    if config.calling.live and (due := authority_due(config, folder.today())):
        found.append(due)
    name, since = config.letters.templates, "worded before the shipped sentences changed. dialgate letters check"
    with suppress(LetterError):  # what cannot be read is told when a letter is made
        if name and (old := outdated(config.path(name))):
            found.append(f"{', '.join(old)} of yours: {since}")
    return [f"Letters: {each}" for each in found]


SOON_DAYS: Final = 5
"""A register that supports calls for no longer needs a new file."""


def attention(answer: GateStatus, log: LogNow) -> Iterator[str]:
    """A sentence for each thing that somebody must see to."""
    yield from answer.alarms
    for code in answer.not_ready:
        if not code.startswith("register_"):  # these have more to say
            yield f"Marketing calls are refused: {code}. dialgate manual reason-codes"
    for each in answer.registers:
        name, left = each.name.upper(), each.days_left
        if each.state != "ok" or left is None or left < 0:
            why = each.problem or ("its days are over" if each.state == "ok" else each.state)
            yield f"{name} supports no calls: {why}. Import a file: dialgate register import"
        elif left <= SOON_DAYS:
            yield f"{name} supports calls for {many(left, 'day')} more. Import a newer file: dialgate register import"
    if log.verified and log.verified.ok is not True:
        yield f"The log did not hold on {local(log.verified.at)}: dialgate audit verify"
    if overdue := answer.requests.overdue:
        yield f"Requests overdue: {overdue}. dialgate request list"
    if stuck := answer.requests.stuck:
        what = "a proof of identity, or that a refusal is told"
        yield f"Requests that wait too long for {what}: {stuck}. dialgate request list"
    for trunk in answer.trunks:
        if trunk.up is False:
            yield f"The trunk {trunk.name} is down: it does not answer OPTIONS, or says {trunk.code}"
        if trunk.registered is False:
            yield f"The trunk {trunk.name} does not take the gate's registration"
    for used in answer.usage:
        if used.refused:
            yield f"{used.claimed_by} is refused more calls: {used.refused}. dialgate calls list"
        if used.many_service_calls:
            yield (
                f"{used.claimed_by}: {used.service_percent_today} % of today's calls were claimed as service: "
                "dialgate calls list --reason service_call"
            )
    yield from jumps(answer.usage)
    yield from answer.warnings
