"""``dialgate calls``: every attempt, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from gate.cli.command import both_ways, make, sorted_by
from gate.cli.ids import Id
from gate.cli.output import View
from gate.cli.reach import ask
from gate.cli.values import Moment, Since
from gate.clock import today
from gate.core.finding import sought
from gate.core.terms import Reason
from gate.operations.calls.calls import CallsList, CallsReasons, CallsShow
from gate.operations.calls.pausing import CallsPause, CallsResume

REASONS = click.Choice([each.value for each in Reason])


@click.group("calls")
def command() -> None:
    """Every attempt to call, allowed or refused, with the decision and what followed."""


@make(
    "list",
    group=command,
    numbers=True,
    example="dialgate calls list --reason listed_tps\ndialgate calls list --number 02079460123 --json\n"
    "dialgate calls list 25/11 14:00-14:30 alice listed\n"
    "dialgate calls list --since yesterday --agent alice --sort -seconds",
)
@click.argument("words", nargs=-1)
@click.option("--number", help="Only those to this number.")
@click.option("--reason", type=REASONS, metavar="CODE", help="Only those decided for this reason, e.g. listed_tps.")
@click.option("--agent", metavar="NAME", help="Only those that an account or PBX asked for, e.g. alice.")
@click.option("--since", type=Since(), help="Asked for at this time or later, e.g. yesterday, 25/11, '25/11 14:00'.")
@click.option("--until", type=Moment(), help="Asked for before this time, or before this day began.")
@click.option("--text", help="What fits: a number or its beginning, a word of a reason, who called, an id.")
@sorted_by("at", "agent", "reason", "seconds")
@both_ways
def list_(
    view: View,
    words: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    text: str | None,
    **which: Any,
) -> None:
    """The attempts, newest first or sorted.

    WORDS find as the console does: a day or days (25/11, 25/11-27/11, yesterday), a time or a span of it (14:30,
    14:00-14:30; London), and numbers, agents, words of a reason. All of them must fit.
    """
    line = sought(" ".join(words), today())
    asked = CallsList(
        since=since or line.since,
        until=until or line.until,
        text=" ".join(filter(None, (line.text, text))) or None,
        **which,
    )
    page = ask(view, asked)
    columns = [
        ("call_id", "Call"),
        ("at", "At"),
        ("number", "Number"),
        ("verdict", "Verdict"),
        ("reason", "Reason"),
        ("state", "State"),
        ("seconds", "Seconds"),
        ("kept", "Kept"),
        ("silent", "Silent"),
        ("recording_id", "Recording"),
    ]
    none = f"No call fits: {line.said}." if words else "There is no call."
    view.rows(page, "items", columns, none=none)


@make("show", group=command, numbers=True, example="dialgate calls show 6f2c9e…")
@click.argument("call_id", type=Id("call"))
def show(view: View, call_id: str) -> None:
    """One attempt with every fact that the log holds of it."""
    view.data(ask(view, CallsShow(call_id=call_id)))


@make(
    "reasons",
    group=command,
    example="dialgate calls reasons --since today\ndialgate calls reasons --since 2026-03-02 --by account:alice --json",
)
@click.option("--since", type=Since(), required=True, help="From this time on, e.g. today.")
@click.option("--until", type=Moment(), help="Before this time, or before this day began (default: now).")
@click.option("--by", "claimed_by", metavar="CALLER", help="Only of one account or PBX, e.g. account:alice.")
def reasons(view: View, since: datetime, until: datetime | None, claimed_by: str | None) -> None:
    """How many attempts were allowed and refused, by caller and reason. No number is shown."""
    counts = ask(view, CallsReasons(since=since, until=until, claimed_by=claimed_by))
    columns = [("claimed_by", "Caller"), ("verdict", "Verdict"), ("reason", "Reason"), ("attempts", "Attempts")]
    view.rows(counts, "items", columns, none="There was no attempt.")


_WHY = click.option("--reason", "why", required=True, help="Why; kept in the log.")


@make("pause", group=command, example='dialgate calls pause 6f2c9e… --reason "the customer gives a bank card"')
@click.argument("call_id", type=Id("call"))
@_WHY
def pause(view: View, call_id: str, why: str) -> None:
    """Keep nothing of a call that goes on: silence in the recording, until `resume` or the end of the call.

    It can be paused once the announcement is over and it is recorded. The agent's resume code ends the pause, too.
    """
    view.data(ask(view, CallsPause(call_id=call_id, why=why)))


@make("resume", group=command, example='dialgate calls resume 6f2c9e… --reason "the card is paid"')
@click.argument("call_id", type=Id("call"))
@_WHY
def resume(view: View, call_id: str, why: str) -> None:
    """Record again what `pause` has paused. What the agent has paused by keys, the agent alone resumes."""
    view.data(ask(view, CallsResume(call_id=call_id, why=why)))
