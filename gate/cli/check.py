"""``dialgate check``: may this number be dialled?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from gate.cli.command import make
from gate.cli.output import View
from gate.cli.reach import ask
from gate.cli.values import Moment
from gate.core.terms import Purpose, Topic, Verdict
from gate.operations.calls.screening import Check

PURPOSES = click.Choice([each.value for each in Purpose])
TOPICS = click.Choice([each.value for each in Topic])


@make(
    "check",
    example='dialgate check "020 7946 0000"\ndialgate check 07700900123 --at "2026-03-02 10:00" --json',
)
@click.argument("number")
@click.option("--purpose", type=PURPOSES, default="marketing", help="What the call is for.")
@click.option(
    "--topic",
    type=TOPICS,
    default="general",
    help="What a marketing call is about.",
)
@click.option("--at", type=Moment(ahead=True), metavar="TIME", help="As if it were called then (default: now).")
def command(view: View, number: str, purpose: str, topic: str, at: datetime | None) -> None:
    """May NUMBER be dialled? Nothing is dialled and nothing is logged.

    Exit code 0: it may. Exit code 3: it may not, and the reason code says why.
    """
    checked = ask(view, Check(number=number, purpose=Purpose(purpose), topic=Topic(topic), at=at))
    view.data(checked, text=_lines, prose=True)
    if checked.verdict != Verdict.ALLOW:
        sys.exit(3)


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"{answer['verdict']}: {answer['number'] or 'no number'} ({answer['reason']})"
    if answer["explanation"]:
        yield answer["explanation"]
    if answer.get("kind"):
        yield f"{answer['kind']} number of {answer['jurisdiction']}, cost: {answer['cost']}".replace("_", " ")
    for register in answer["registers"]:
        yield _register(register)
    for name in ("consent", "objection"):
        if found := answer.get(f"{name}_id"):
            yield f"{name}: {found}"


def _register(register: dict[str, Any]) -> str:
    name, days = register["name"].upper(), register.get("days_left")
    if register.get("state") != "ok":
        return f"{name}: {register.get('state')}"
    left = "of a later day" if days is None else "too old" if days < 0 else f"{days} days left"
    return f"{name}: as of {register['as_of']}, {left}, {str(register.get('sha256', ''))[:16]}"
