"""Calls that somebody must look at: those made although the gate had refused them, as their recordings show (the worst
that there can be), and talks in which nothing came from one side at first: somebody was not heard, and is not in
the recording. Spikes of refusals, and of one caller's share.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from gate.core.allowances import SPIKE_MINUTES, spikes
from gate.core.evidence import stamp
from gate.core.facts.calls import AgainstRefusalAcknowledged, CalledAgainstRefusal, OneSided
from gate.core.rows.calls import AgainstKnown, OneSidedTalk, ReasonCount
from gate.errors import UsageError
from gate.operations.calls.calls import reason_counts
from gate.operations.operation import KEEPERS, Caller, Line, Note, Request, Response, about, operation
from gate.showing import local, many
from gate.store.queries import came_after

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.transaction import StoreTransaction


DAYS: Final = 7
"""Days for which a warning about such a recording is shown."""
_AGAINST: Final = (
    "SELECT c.call_id, c.reason, c.claimed_by, c.against_at, f.actor AS seen_by, f.at AS seen_at"  # noqa: S608
    " FROM calls AS c INDEXED BY calls_against LEFT JOIN facts AS f ON f.leaf_index ="
    " (SELECT leaf_index FROM facts WHERE call_id = c.call_id AND kind = :seen"
    " ORDER BY at DESC, leaf_index DESC LIMIT 1)"
    f" AND NOT EXISTS (SELECT 1 FROM facts AS k WHERE k.call_id = c.call_id AND k.kind = :known"
    f" AND {came_after('k', 'f')})"
    " WHERE c.against_at > :since ORDER BY c.against_at DESC"
)
"""An acknowledgement counts where it is younger than all that the log knows of that call."""


def count_against_refusal(folder: DataFolder) -> int:
    """How many there were in the last ``DAYS`` days that nobody has acknowledged."""
    return len(_against(folder)[0])


def alarms(folder: DataFolder) -> list[str]:
    """A sentence where there was one in the last ``DAYS`` days that nobody has acknowledged."""
    rows, _ = _against(folder)
    if not rows:
        return []
    last, calls = rows[0], "A call was made against the gate's refusal"
    if len(rows) > 1:
        calls = f"{many(len(rows), 'call', 'was')} made against refusals"
    return [
        f"{calls}, known since {local(last.against_at)} ({last.reason}, {last.claimed_by or 'erased'}): find "
        f"the way past the gate and close it. dialgate calls show {last.call_id}, dialgate trunk-test"
    ]


def acknowledged(folder: DataFolder) -> list[str]:
    """A sentence for each of the last ``DAYS`` days that somebody has acknowledged."""
    return [
        f"a call against the gate's refusal ({row.reason}, {row.claimed_by or 'erased'}): acknowledged by "
        f"{row.seen_by}, {local(row.seen_at or '')}. dialgate calls show {row.call_id}"
        for row in _against(folder)[1]
    ]


def _against(folder: DataFolder) -> tuple[list[AgainstKnown], list[AgainstKnown]]:
    """Those that nobody has acknowledged, and the others; the newest first."""
    since = stamp(folder.clock.now() - timedelta(days=DAYS))
    values = {"since": since, "known": CalledAgainstRefusal.kind, "seen": AgainstRefusalAcknowledged.kind}
    rows = folder.read(lambda tx: tx.rows(AgainstKnown, _AGAINST, values))
    return [row for row in rows if row.seen_at is None], [row for row in rows if row.seen_at is not None]


class Acknowledged(Response, frozen=True, kw_only=True):
    """The acknowledgement, as it is in the log."""

    call_id: str
    at: str


class CallsAcknowledge(Request[Acknowledged], frozen=True, kw_only=True):
    """Say that a call against a refusal has been seen to."""

    call_id: Annotated[Line, about("Id of the call, or its beginning.", ids=("call",))]
    why: Annotated[
        Note, about("What was found and done; kept in the log.", eg=("trunk 2 is removed from the outbound route",))
    ]


@operation(CallsAcknowledge, "calls_acknowledge", roles=KEEPERS)
def calls_acknowledge(folder: DataFolder, asked: CallsAcknowledge, caller: Caller) -> Acknowledged:
    """End the alarm on a call that was made against the gate's refusal: who, when and why is kept. Whatever is learnt
    of it later, and every other such call, is an alarm of its own."""
    why = asked.why.strip()
    if not why:
        raise UsageError("an alarm is acknowledged for a reason only", hint="Say what was found, and what was done.")

    def work(tx: StoreTransaction) -> str:
        sql = "SELECT 1 FROM calls WHERE call_id = ? AND against_at IS NOT NULL"
        if not tx.values(int, sql, [asked.call_id]):
            raise UsageError(
                f"no call {asked.call_id} was made against a refusal", hint="See the first lines of dialgate status."
            )
        fact = folder.fact(AgainstRefusalAcknowledged(why=why), asked.call_id, caller.actor)
        tx.append(fact)
        return fact.at.isoformat()

    return Acknowledged(call_id=asked.call_id, at=folder.store.call(work))


LOOK_SECONDS: Final = 10.0
"""How often the last minutes are looked at, whoever asks."""


class Spikes:
    """Finds what is unusual in the last minutes (``core.allowances.spikes``) when somebody asks, now and then; what is
    usual is counted once an hour."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._looked: datetime | None = None
        self._usual: tuple[datetime, list[ReasonCount]] | None = None
        self._found: list[str] = []

    def warnings(self) -> list[str]:
        """A sentence each."""
        now = self._folder.clock.now()
        if self._looked is None or not timedelta(0) <= now - self._looked < timedelta(seconds=LOOK_SECONDS):
            self._looked = now
            hour, since = now.replace(minute=0, second=0, microsecond=0), now - timedelta(minutes=SPIKE_MINUTES)
            if self._usual is None or self._usual[0] != hour:
                self._usual = hour, reason_counts(self._folder, hour - timedelta(days=1), hour)
            self._found = list(spikes(reason_counts(self._folder, since, now), self._usual[1]))
        return self._found


HOURS: Final = 24
"""Hours for which the warning is shown."""
_ONE_SIDED: Final = (
    "SELECT subject, at, json_extract(body, '$.side') AS side FROM facts WHERE kind = ? AND at > ?"
    " ORDER BY leaf_index DESC"
)


def count_one_sided(folder: DataFolder) -> int:
    """How many there were in the last ``HOURS`` hours."""
    return len(_one_sided(folder))


def one_sided_warnings(folder: DataFolder) -> list[str]:
    """A sentence where there was one in the last ``HOURS`` hours."""
    if not (rows := _one_sided(folder)):
        return []
    last, count = rows[0], len(rows)
    talks = "One-sided talk" if count == 1 else f"One-sided talks: {count:,} in {HOURS} hours"
    lately = sum(row.at > stamp(folder.clock.now() - timedelta(hours=1)) for row in rows)
    talks += f", {lately:,} in the last hour" if count > 1 and lately else ""
    silent = {"both": "either side"}.get(last.side or "", f"the {last.side or 'erased side'}")
    return [f"{talks}: no audio came from {silent} ({local(last.at)}). dialgate calls show {last.subject}"]


def _one_sided(folder: DataFolder) -> list[OneSidedTalk]:
    since = stamp(folder.clock.now() - timedelta(hours=HOURS))
    return folder.read(lambda tx: tx.rows(OneSidedTalk, _ONE_SIDED, [OneSided.kind, since]))
