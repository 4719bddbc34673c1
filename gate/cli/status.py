"""``dialgate status``: the gate at a glance, for a person, a cron job or a monitoring check."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec.structs import asdict

from gate.cli.asking import reach
from gate.cli.command import make
from gate.cli.output import View
from gate.control.client import ControlClient
from gate.core.allowances import ENDLESS
from gate.core.rows.audit import LastVerification, LogNow
from gate.core.rows.calls import TrunkHealth, UsageRow
from gate.operations.audit.leaves import AuditStatus
from gate.operations.status.glance import GateStatus, Status, attention
from gate.showing import local, many

NOT_RUNNING = "No gate runs here: no call can be made. Start it: systemctl start dialgate, or dialgate serve"


class Glance(GateStatus, frozen=True, kw_only=True):
    """The gate at a glance, with how its log stands."""

    log: LogNow
    running: bool
    attention: list[str]
    """What somebody must see to, a sentence each."""


@make("status", example="dialgate status\ndialgate status --json")
def command(view: View) -> None:
    """Show calls now, the last hour, registers, log and requests. Exit code 1 where something needs attention.

    These need attention: a call that was made against a refusal, a gate that does not run, a register which supports
    calls for five days more or none, a log that did not hold when it was verified last, a trunk that is down, a
    request that is overdue, a key that alone opens recordings, an act that waits for a second person, an account that
    looked up many numbers.
    """
    with reach(view.config) as gate:
        runs = isinstance(gate, ControlClient)
        answer, log = gate.ask(Status()), gate.ask(AuditStatus())
    found = [*([] if runs else [NOT_RUNNING]), *attention(answer, log)]
    view.data(Glance(**asdict(answer), log=log, running=runs, attention=found), text=lines, prose=True)
    if found:
        sys.exit(1)


def lines(answer: Glance) -> Iterator[str]:
    """The lines that a person reads."""
    yield f"gate: {'running' if answer.running else 'NOT RUNNING'}"
    yield f"calls now: {_counted(len(answer.calls), Counter(call.state for call in answer.calls))}"
    if line := {name: count for name, count in answer.line.items() if count}:
        yield "line: " + ", ".join(f"{name} {count:,}" for name, count in line.items())
    if answer.trunks:
        yield "trunks: " + ", ".join(f"{each.name} {_health(each)}" for each in answer.trunks)
    for used in answer.usage:
        yield f"{used.claimed_by}: {', '.join(_used(used))}"
    for test in answer.trunk_tests:
        outcome = f"{test.outcome.replace('_', ' ')}, {local(test.at)}" if test.outcome and test.at else "never"
        yield f"{test.claimed_by}: test that it obeys a refusal: {outcome}"
    for pbx in answer.redirects:
        yield (
            f"calls of {pbx.name} are redirected, not carried: "
            f"announced by {pbx.announced_by}; recorded by {pbx.recorded_by}"
        )
    if count := answer.recording_sessions:
        yield f"calls that other systems are having recorded: {count:,}"
    yield f"last hour: {_counted(sum(answer.last_hour.values()), answer.last_hour)}"
    for row in answer.registers:
        days = (
            f"{many(row.days_left, 'day')} left" if row.days_left is not None and row.days_left >= 0 else "no days left"
        )
        yield f"{row.name.upper()}: {row.state}, {days}, list of {row.as_of or '-'}, {many(row.count, 'number')}"
    head = answer.log.checkpoint
    yield f"log: {many(answer.log.size, 'leaf')}, {_verified(answer.log.verified)}, " + (
        f"signed {local(head.at)}" if head else "not signed"
    )
    yield "requests: " + ", ".join(f"{name} {value}" for name, value in asdict(answer.requests).items())
    yield from answer.acknowledged
    for sentence in answer.attention:
        yield f"ATTENTION: {sentence}"


def _used(row: UsageRow) -> Iterator[str]:
    """What an account or a PBX uses of what it may; whoever only asks, by HTTP, has no calls in hand."""
    if row.calls_at_once < ENDLESS:
        yield f"{row.calls_now:,} of {many(row.calls_at_once, 'call')} at once"
    yield f"{row.calls_last_minute:,} of {row.calls_a_minute:,} in the last minute"
    if row.seconds_a_day < ENDLESS:
        yield f"{row.seconds_today:,} of {many(row.seconds_a_day, 'second')} today"
    yield f"{row.service_percent_today} % of {many(row.calls_today, 'call')} today were service calls"
    yield f"{row.listed_service_today:,} of these to numbers that are listed or have objected"


def _counted(total: int, parts: Mapping[str, int]) -> str:
    each = ", ".join(f"{name} {count}" for name, count in sorted(parts.items(), key=lambda item: (-item[1], item[0])))
    return f"{total:,}" + (f" ({each})" if each else "")


def _health(trunk: TrunkHealth) -> str:
    up = "not asked" if trunk.up is None else "up" if trunk.up else "DOWN"
    return up + {None: "", True: " and registered", False: ", NOT registered"}[trunk.registered]


def _verified(last: LastVerification | None) -> str:
    if not last:
        return "never verified"
    return f"verified {local(last.at)}" + ("" if last.ok else ": it did NOT hold")
