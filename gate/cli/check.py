"""``dialgate check``: may this number be dialled?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from gate.cli.asking import Moment, ask, asks
from gate.cli.command import make
from gate.cli.output import View
from gate.core.terms import Verdict
from gate.operations.calls.screening import Check
from gate.showing import local


@make(
    "check",
    example='dialgate check "020 7946 0000"\ndialgate check 07700900123 --at "2026-03-02 10:00" --json',
)
@asks(Check, "number", types={"at": Moment(ahead=True), "times": Moment(ahead=True)})
def command(view: View, asked: Check) -> None:
    """May NUMBER be dialled? Nothing is dialled and nothing is logged.

    Exit code 0: it may. Exit code 3: it may not, and the reason code says why.
    """
    checked = ask(view, asked)
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
    since = f" since {answer['subscriber_since']}" if answer["subscriber_since"] else ""
    if answer["subscriber"] or since:
        yield f"subscriber: {answer['subscriber'] or 'unknown'}{since}"
    for each in answer["then"]:
        yield f"{local(each['at'])}: {each['verdict']} ({each['reason']})"
    for each in answer["warnings"]:
        yield f"WARNING: {each}"


def _register(register: dict[str, Any]) -> str:
    name, days = register["name"].upper(), register.get("days_left")
    if register.get("state") != "ok":
        return f"{name}: {register.get('state')}"
    left = "of a later day" if days is None else "too old" if days < 0 else f"{days} days left"
    return f"{name}: as of {register['as_of']}, {left}, {str(register.get('sha256', ''))[:16]}"
