"""Whether a phone system obeys a refusal: a call from it that is always refused, and its second trunk watched.

Whether the call came, and what it was answered, the gate sees in its own log. Whether the second trunk rang is the word
of the command that listens in its place (``dialgate trunk-test``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

from gate.core.evidence import stamp
from gate.core.facts import gate as facts
from gate.core.rows import Row
from gate.core.terms import Reason
from gate.errors import UsageError
from gate.operations.operation import ADMINS, READERS, Caller, Line, Moment, Request, Response, about, operation
from gate.showing import local

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

DAYS: Final = 180
"""After so long it is tested anew: phone systems are changed and brought up to date."""
LONGEST: Final = timedelta(hours=1)
"""A test is over by then."""
_LAST: Final = (
    "SELECT at, body FROM facts INDEXED BY facts_kind WHERE kind = ? AND body IS NOT NULL"
    " ORDER BY at DESC, leaf_index DESC LIMIT 1000"
)
_CALLS: Final = (
    "SELECT call_id, claimed_by, reason FROM calls INDEXED BY calls_number WHERE number = ? AND at >= ?"
    " AND verdict = 'block' ORDER BY at DESC LIMIT 100"
)


class Outcome(StrEnum):
    """How a test ended."""

    OBEYED = "obeyed"
    NOT_OBEYED = "not_obeyed"
    NOT_KNOWN = "not_known"
    """It came to the gate from nobody that the gate knows: a wrong password, another address."""
    NEVER_ASKED = "never_asked"
    """No call came, neither to the gate nor to the second trunk."""


class TrunkTested(Response, frozen=True, kw_only=True):
    """The last test of a phone system."""

    claimed_by: str
    """``trunk:office``, ``account:office``."""
    outcome: Outcome | None
    """None: it was never tested."""
    at: str | None


class TrunkTests(Response, frozen=True, kw_only=True):
    """The last test of each phone system, and what is dialled for a test."""

    number: str
    """E.164: it is refused whoever dials it."""
    systems: list[TrunkTested]


class TrunkTestList(Request[TrunkTests], frozen=True):
    """The phone systems, each with its last test."""


class TrunkTest(Request[TrunkTested], frozen=True, kw_only=True):
    """A test that is over."""

    claimed_by: Annotated[Line, about("The phone system that was tested, as a call names it.", eg=("pbx:office",))]
    since: Annotated[Moment, about("When the test began.")]
    rung: Annotated[bool, about("Its second trunk was dialled.")]
    listened_at: Annotated[Line, about("Where the test stood in for the second trunk.", eg=("192.0.2.4:5070",))]


@operation(TrunkTestList, "trunk_test_list", roles=READERS)
def trunk_test_list(folder: DataFolder, asked: TrunkTestList, caller: Caller) -> TrunkTests:
    """The phone systems of the configuration, with how their last test of a refusal ended, and when."""
    return TrunkTests(number=folder.config.calling.test_number, systems=tested(folder))


@operation(TrunkTest, "trunk_test", roles=ADMINS)
def trunk_test(folder: DataFolder, asked: TrunkTest, caller: Caller) -> TrunkTested:
    """Keep how a test of a phone system ended. Whether its call came, and from whom, is read from the log."""
    if asked.claimed_by not in _systems(folder):
        known = ", ".join(_systems(folder)) or "none"
        raise UsageError(f"there is no phone system {asked.claimed_by}", hint=f"known: {known}")
    now = folder.clock.now()
    if not now - LONGEST <= asked.since <= now:
        raise UsageError("a test begins within the hour before its end", hint="see the clock of this machine")
    values = [folder.config.calling.test_number, stamp(asked.since)]
    calls = folder.read(lambda tx: tx.rows(_Attempt, _CALLS, values))
    own = [each for each in calls if each.claimed_by == asked.claimed_by]
    outcome = _outcome(own, calls, rung=asked.rung)
    fact = facts.TrunkTested(
        claimed_by=asked.claimed_by,
        outcome=outcome.value,
        rung=asked.rung,
        listened_at=asked.listened_at,
        calls=[each.call_id for each in own],
    )
    folder.keep(fact, "gate", caller.actor)
    return TrunkTested(claimed_by=asked.claimed_by, outcome=outcome, at=now.isoformat())


class _Attempt(Row, frozen=True):
    """A call to the number of the test."""

    call_id: str
    claimed_by: str | None
    reason: str | None


def _outcome(own: list[_Attempt], calls: list[_Attempt], *, rung: bool) -> Outcome:
    if rung:
        return Outcome.NOT_OBEYED
    if own:
        return Outcome.OBEYED
    strangers = any(each.reason == Reason.NOT_AUTHENTICATED for each in calls)
    return Outcome.NOT_KNOWN if strangers else Outcome.NEVER_ASKED


def tested(folder: DataFolder) -> list[TrunkTested]:
    """The last test of each phone system."""
    last: dict[str, tuple[str, str]] = {}
    rows = folder.read(lambda tx: tx.values(tuple[str, dict[str, Any]], _LAST, [facts.TrunkTested.kind]))
    for at, body in rows:
        last.setdefault(body["claimed_by"], (at, body["outcome"]))
    return [
        TrunkTested(claimed_by=name, outcome=Outcome(last[name][1]), at=last[name][0])
        if name in last
        else TrunkTested(claimed_by=name, outcome=None, at=None)
        for name in _systems(folder)
    ]


def warnings(folder: DataFolder) -> Iterator[str]:
    """A sentence for each phone system that did not obey; on a live gate also for each of which nobody knows."""
    live, oldest = folder.config.calling.live, folder.clock.now() - timedelta(days=DAYS)
    for each in tested(folder):
        name, test = each.claimed_by, f"dialgate trunk-test {each.claimed_by.partition(':')[2]}"
        if each.at is None and live:
            yield f"{name}: that it obeys a refusal, and dials no second trunk, was never tested: {test}"
        elif each.at and each.outcome is not Outcome.OBEYED:
            yield f"{name}: {_FAILED[each.outcome]} (test call of {local(each.at)}): see to it, and {test}"
        elif each.at and live and datetime.fromisoformat(each.at) < oldest:
            yield f"{name}: that it obeys a refusal was last tested on {local(each.at)}, over {DAYS} days ago: {test}"


_FAILED: Final[Mapping[Outcome | None, str]] = {
    Outcome.NOT_OBEYED: "IT DOES NOT OBEY A REFUSAL: its second trunk rang",
    Outcome.NOT_KNOWN: "its call came as a stranger's, by a wrong password or from an address that is not its own",
    Outcome.NEVER_ASKED: "its call did not come to the gate",
}


def _systems(folder: DataFolder) -> list[str]:
    config = folder.config
    pbxs = [f"trunk:{each.name}" for each in config.pbx]
    return [*pbxs, *(f"account:{each.username}" for each in config.account if each.phone_system)]
