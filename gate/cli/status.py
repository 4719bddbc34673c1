"""``dialgate status``: the gate at a glance, for a person, a cron job or a monitoring check."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import asdict

from gate.cli.asking import reach
from gate.cli.command import make
from gate.cli.output import View
from gate.control.client import ControlClient
from gate.core.allowances import ENDLESS
from gate.operations.audit.leaves import AuditStatus
from gate.operations.status.glance import Status, attention
from gate.showing import local, many

Row = Mapping[str, Any]
NOT_RUNNING = "No gate runs here: no call can be made. Start it: systemctl start dialgate, or dialgate serve"


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
    view.data(asdict(answer) | {"log": log, "running": runs, "attention": found}, text=lines, prose=True)
    if found:
        sys.exit(1)


def lines(answer: Row) -> Iterator[str]:
    """The lines that a person reads."""
    yield f"gate: {'running' if answer['running'] else 'NOT RUNNING'}"
    states = Counter(str(call["state"]) for call in answer["calls"])
    yield f"calls now: {_counted(len(answer['calls']), states)}"
    if told := {name: count for name, count in answer.get("line", {}).items() if count}:
        yield "line: " + ", ".join(f"{name} {count:,}" for name, count in told.items())
    if trunks := answer.get("trunks", ()):
        yield "trunks: " + ", ".join(f"{each['name']} {_health(each)}" for each in trunks)
    for each in answer.get("usage", ()):
        yield f"{each['claimed_by']}: {', '.join(_used(each))}"
    for each in answer.get("trunk_tests", ()):
        tested = f"{each['outcome'].replace('_', ' ')}, {local(each['at'])}" if each["at"] else "never"
        yield f"{each['claimed_by']}: test that it obeys a refusal: {tested}"
    for each in answer.get("redirects", ()):
        yield (
            f"calls of {each['name']} are redirected, not carried: "
            f"announced by {each['announced_by']}; recorded by {each['recorded_by']}"
        )
    if count := answer.get("recording_sessions"):
        yield f"calls that other systems are having recorded: {count:,}"
    hour = answer["last_hour"]
    yield f"last hour: {_counted(sum(hour.values()), hour)}"
    for row in answer["registers"]:
        left = row.get("days_left")
        days = f"{left} days left" if left is not None and left >= 0 else "no days left"
        count = f"{row['count']:,} numbers" if row.get("count") is not None else "no numbers"
        yield f"{str(row['name']).upper()}: {row['state']}, {days}, list of {row.get('as_of') or '-'}, {count}"
    log = answer["log"]
    head = log["checkpoint"]
    yield f"log: {log['size']:,} leaves, {_verified(log['verified'])}, " + (
        f"signed {local(head['at'])}" if head else "not signed"
    )
    told = {name: value for name, value in answer["requests"].items() if isinstance(value, int)}
    yield "requests: " + (", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items()) or "none")
    yield from answer.get("acknowledged", ())
    for each in answer["attention"]:
        yield f"ATTENTION: {each}"


def _used(row: Row) -> Iterator[str]:
    """What an account or a PBX uses of what it may; whoever only asks, by HTTP, has no calls in hand."""
    if row["calls_at_once"] < ENDLESS:
        yield f"{row['calls_now']:,} of {row['calls_at_once']:,} calls at once"
    yield f"{row['calls_last_minute']:,} of {row['calls_a_minute']:,} in the last minute"
    if row["seconds_a_day"] < ENDLESS:
        yield f"{row['seconds_today']:,} of {row['seconds_a_day']:,} seconds today"
    yield f"{row['service_percent_today']} % of {many(row['calls_today'], 'call')} today were service calls"
    yield f"{row['listed_service_today']:,} of these to numbers that are listed or have objected"


def _counted(total: int, parts: Mapping[str, int]) -> str:
    each = ", ".join(f"{name} {count}" for name, count in sorted(parts.items(), key=lambda item: (-item[1], item[0])))
    return f"{total:,}" + (f" ({each})" if each else "")


def _health(trunk: Row) -> str:
    up = "not asked" if trunk["up"] is None else "up" if trunk["up"] else "DOWN"
    return up + {None: "", True: " and registered", False: ", NOT registered"}[trunk["registered"]]


def _verified(last: Row | None) -> str:
    if not last:
        return "never verified"
    return f"verified {local(last['at'])}" + ("" if last.get("ok") else ": it did NOT hold")
