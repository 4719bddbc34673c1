"""Rows of calls, of their recordings, and of the facts that speak of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from gate.core.rows import Heading, Row
from gate.core.rows.audit import Erasure
from gate.core.rows.lists import RegisterState


class CallRow(Row, frozen=True, kw_only=True):
    """An attempt to call, and what became of it."""

    leaf_index: int
    call_id: str
    at: str
    number: str | None
    raw: str | None
    """As it was dialled."""
    presentation: str | None
    purpose: str | None
    topic: str | None
    on_behalf_of: str | None = None
    """The firm for which it was made; None: the firm itself."""
    claimed_by: str | None
    source: str | None
    verdict: str | None
    reason: str | None
    consent_id: str | None
    objection_id: str | None
    answered_at: str | None
    codec: str | None
    announced: bool | None
    """To its end."""
    connected_at: str | None
    recording_id: str | None
    recorded: bool | None
    unrecorded_why: str | None
    objected: bool | None
    """The callee pressed the opt-out digit, or objected to this call later."""
    ended_at: str | None
    ended_by: str | None
    cause: str | None
    code: int | None
    seconds: float | None
    kept: float | None = None
    """Seconds of the talk whose audio is kept; pauses are not. None while it is recorded, and of calls that are not."""
    silent: str | None = None
    """``caller`` or ``callee``, where no audio came from that side in the whole talk; ``both``."""
    bridged: bool | None
    """False: the parties never heard each other."""
    question: str | None = None
    """The decision that a phone system had asked for by HTTP before it dialled: both are one attempt."""
    against_at: str | None = None
    """When it was learnt that a refused call was made all the same."""
    state: str
    """``refused``, ``called_against_refusal``, ``asked``, ``dialling``, ``answered``, ``talking``, ``ended``."""


class RecordingRow(Row, frozen=True, kw_only=True):
    """A sealed recording."""

    leaf_index: int
    recording_id: str
    call_id: str | None
    opened_at: Annotated[str, Heading("Recorded")]
    path: str | None
    """Relative to the folder of recordings."""
    key_id: str | None
    recipients: list[str] | None
    purpose: str | None
    closed_at: str | None
    sha256: str | None
    size: Annotated[int | None, Heading("Bytes")]
    seconds: float | None
    talked: float | None = None
    """Seconds for which the parties heard each other until it ended; None where that is not known."""
    kept: float | None = None
    """Seconds whose audio it has; pauses and what was lost have none."""
    lost: list[tuple[float, float]] | None = None
    """From and to, in seconds from its beginning: what was said then is not in it."""
    silent: str | None = None
    """``caller`` or ``callee``, where no audio came from that side in the whole talk; ``both``."""
    chunks: int | None
    bound_by: str | None = None
    """How the call of one from elsewhere was found; None: the gate recorded it."""
    packets: dict[str, int] | None
    gaps: list[tuple[float, float]] | None
    """Pauses, from and to, in seconds from its beginning."""
    interrupted: bool | None
    cause: str | None
    erased_at: str | None
    erasing_at: str | None
    erasing_basis: str | None
    stored_at: str | None = None
    """When its sealed file was found whole in a bucket; None: it lies in the folder of recordings."""
    stored_in: str | None = None
    state: str
    """``open``, ``closed``, ``interrupted``, ``erasing``, ``erased``."""


class ListedRecording(RecordingRow, frozen=True, kw_only=True):
    """A recording, and whom its call was with."""

    number: str | None
    """None where it was erased, or there is no call."""
    claimed_by: Annotated[str | None, Heading("By")]
    call_state: str | None
    """State of its call: ``called_against_refusal`` where the gate had refused it."""


class FactRow(Row, frozen=True, kw_only=True):
    """A fact of the log."""

    leaf_index: int
    kind: str
    subject: str
    at: str
    actor: str | None
    body: dict[str, Any] | None
    """Each kind has fields of its own (``gate.core.facts``); None where it was erased."""


class CallShown(Row, frozen=True, kw_only=True):
    """A call with all that the log has of it."""

    call: CallRow
    facts: list[FactRow]
    """In the order of the log."""
    recordings: list[RecordingRow]
    erased: tuple[Erasure, ...] = ()
    """The acts that have emptied facts of it, as of now."""


class ReasonCount(Row, frozen=True, kw_only=True):
    """Attempts of one caller that were decided for one reason."""

    claimed_by: Annotated[str | None, Heading("Caller")]
    """``account:alice``, ``trunk:office``; None where it was erased."""
    verdict: str
    reason: str
    attempts: int


class TrendHour(Row, frozen=True, kw_only=True):
    """Attempts in an hour of UTC that have one thing in common."""

    hour: str
    """``2026-03-02T10``."""
    name: Annotated[str | None, Heading("Of")]
    """Who asked (``account:alice``), or a reason code; None where it was erased."""
    attempts: int
    refused: int


class AgentRow(Row, frozen=True, kw_only=True):
    """An account or a PBX today."""

    claimed_by: Annotated[str, Heading("Agent")]
    """``account:alice``, ``trunk:office``."""
    attempts: int = 0
    refused: int = 0
    streak: Annotated[int, Heading("In a row")] = 0
    """Refusals since the last attempt that was let through."""
    reason: Annotated[str | None, Heading("Why")] = None
    """The reason of the last refusal."""
    at: Annotated[str | None, Heading("Last")] = None
    """When it asked last."""
    seconds: Annotated[float, Heading("Talk")] = 0.0
    """Seconds of talk, in calls that are over."""
    calls_now: Annotated[int, Heading("In hand")] = 0
    next: Annotated[str | None, Heading("Next")] = None
    """Why its next marketing call would be refused whoever is called; None: it may dial."""


class CallInHand(Row, frozen=True, kw_only=True):
    """A call that goes on."""

    call_id: str
    number: str
    at: str
    claimed_by: str
    purpose: str
    topic: str
    announcement: str
    """Empty before it, ``playing``, ``played`` to its end, or ``cut``."""
    state: str
    recording: bool
    paused: bool
    paused_by: str
    """``agent``, or the account that asked for the pause; empty where it is not paused."""
    pause_seconds: int = 0
    """How long the pause lasts at most; 0: it has no bound."""
    pause_left: int = 0
    """Seconds until it is recorded again."""
    seconds: float
    """Since it was asked for."""


class Levels(Row, frozen=True, kw_only=True):
    """How loud both sides of a call are: 0 to 127, 16 steps are 6 dB."""

    caller: int = 0
    callee: int = 0


class CallWatched(Row, frozen=True, kw_only=True):
    """A call in hand as it is shown to those who watch."""

    call_id: str
    at: str
    claimed_by: str = msgspec.field(name="from")
    number: str = msgspec.field(name="to")
    """Hidden in part."""
    purpose: str
    topic: str
    state: str
    announcement: str
    """As of a ``CallInHand``."""
    recorded: bool
    paused: bool
    paused_by: str
    pause_seconds: int = 0
    pause_left: int = 0
    levels: Levels
    seconds: float


class ReceiptRow(Row, frozen=True, kw_only=True):
    """A callee's receipt."""

    leaf_index: int
    id: str
    number: str | None
    """Its code; None where it is no longer kept."""
    decision: int | None
    """The leaf of the decision."""
    told_how: str | None
    """``spoken`` or ``sent``; None where neither was tried."""
    told: bool | None
    """To its end."""
    why: str | None
    """Why not."""


class AgainstKnown(Row, frozen=True, kw_only=True):
    """A call that was made although the gate had refused it, and whether somebody has acknowledged that."""

    call_id: str
    reason: str | None
    claimed_by: str | None
    against_at: str
    """When that was learnt."""
    seen_by: str | None
    seen_at: str | None


class OneSidedTalk(Row, frozen=True, kw_only=True):
    """A talk in which nothing came from one side at first."""

    subject: str
    at: str
    side: str | None
    """``caller``, ``callee`` or ``both``; None where it was erased."""


class UsageRow(Row, frozen=True, kw_only=True):
    """What an account or a PBX uses of what it may."""

    claimed_by: str
    calls_last_minute: int
    calls_a_minute: int
    calls_now: int
    calls_at_once: int
    seconds_today: int
    seconds_a_day: int
    calls_today: int
    service_percent_today: int
    service_percent: int
    refused: str | None
    """Reason for which its next call is refused."""
    many_service_calls: bool
    listed_service_today: int
    """Service calls to numbers that are on a register or have objected to marketing."""
    listed_percent_today: int
    """The share of its calls that were let through."""
    listed_percent_before: int
    """The same of the 28 days before."""
    many_listed_service_calls: bool
    """That share has jumped."""


class TrunkHealth(Row, frozen=True):
    """The state of a carrier."""

    name: str
    up: bool | None = None
    """It answers OPTIONS; None: it is not asked, or has not answered yet."""
    registered: bool | None = None
    """It has accepted the gate's REGISTER; None: it is not asked to, or has not answered yet."""
    code: int = 0
    """Its last answer to OPTIONS."""


class RunningNow(Row, frozen=True):
    """What a running gate counts."""

    line: dict[str, int] = msgspec.field(default_factory=dict)
    """What it has passed over or refused since its start, by kind."""
    usage: list[UsageRow] = msgspec.field(default_factory=list)
    trunks: list[TrunkHealth] = msgspec.field(default_factory=list)
    recording_sessions: int = 0
    """Calls that other systems are having recorded now (SIPREC)."""


class MinuteCount(Row, frozen=True):
    """Attempts of a minute."""

    at: str
    allow: int
    block: int


class LogBrief(Row, frozen=True):
    """The log in short; None where never."""

    size: int
    verified_at: str | None
    verified_ok: bool | None
    checkpoint_at: str | None


class LiveNow(Row, frozen=True, kw_only=True):
    """A snapshot: the gate as it is at a moment, for those who watch."""

    at: str
    calls: list[CallWatched]
    """In hand."""
    counts: dict[str, int]
    """Attempts of the last sixty minutes by reason."""
    minutes: list[MinuteCount]
    """These sixty, oldest first."""
    registers: list[RegisterState]
    log: LogBrief
    warnings: list[str]
    """What somebody must see to, a sentence each."""
    not_ready: list[str]
    """Why marketing calls are refused now, whoever makes them: reason codes, as ``/readyz`` has them."""
    trunk_up: bool | None
    """Whether any trunk is up; None where nobody knows."""
    recorder_up: bool | None
    trunks: list[TrunkHealth]
