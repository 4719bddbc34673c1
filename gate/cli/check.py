"""``dialgate check``: may this number be dialled?"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gate.cli.asking import Moment, ask, asks
from gate.cli.command import make
from gate.cli.output import View
from gate.core.terms import Verdict
from gate.operations.calls.screening import Check, Checked, RegisterFinding
from gate.showing import local, many


@make(
    "check",
    example='dialgate check "020 7946 0000"\ndialgate check 07700900123 --at "2026-03-02 10:00" --json',
)
@asks(Check, "number", types={"at": Moment(ahead=True), "times": Moment(ahead=True)})
def command(view: View, asked: Check) -> None:
    """May NUMBER be dialled? Nothing is dialled and nothing is logged.

    Exit code 0: it may. Exit code 3: it may not, for the reason that is shown.
    """
    checked = ask(view, asked)
    view.data(checked, text=_lines, prose=True)
    if checked.verdict != Verdict.ALLOW:
        sys.exit(3)


def _lines(answer: Checked) -> Iterator[str]:
    yield f"{answer.verdict}: {answer.number or 'no number'} ({answer.reason})"
    if answer.explanation:
        yield answer.explanation
    if answer.kind:
        yield f"{answer.kind} number of {answer.jurisdiction}, cost: {answer.cost}".replace("_", " ")
    yield from map(_register, answer.registers)
    for name, found in (("consent", answer.consent_id), ("objection", answer.objection_id)):
        if found:
            yield f"{name}: {found}"
    since = f" since {answer.subscriber_since}" if answer.subscriber_since else ""
    if answer.subscriber or since:
        yield f"subscriber: {answer.subscriber or 'unknown'}{since}"
    for then in answer.then:
        yield f"{local(then.at.isoformat())}: {then.verdict} ({then.reason})"
    for each in answer.warnings:
        yield f"WARNING: {each}"


def _register(register: RegisterFinding) -> str:
    name, days = register.name.upper(), register.days_left
    if register.state != "ok":
        return f"{name}: {register.state}"
    left = "of a later day" if days is None else "too old" if days < 0 else f"{many(days, 'day')} left"
    return f"{name}: as of {register.as_of}, {left}, {register.sha256[:16]}"
