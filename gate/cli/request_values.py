"""What the commands about requests share: how a span of time is typed, and how a request is shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, time, timedelta
from typing import Any

import click

from gate.cli.output import View, say
from gate.cli.values import Day
from gate.core import spans
from gate.core.days import time_of_day
from gate.core.facts.keys import ProposalClosed
from gate.core.facts.requests import LetterMade, LetterSent, RecipientTold
from gate.core.request_words import step_words
from gate.core.showing import local
from gate.exports.bundle import many
from gate.operations.requests.standing import Standing

Body = Callable[..., Any]


class Clock(click.ParamType[time]):
    """A time of day: ``14:30``, ``2pm``."""

    name = "time of day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        """The time; raises ``click.BadParameter``."""
        if isinstance(value, time):
            return value
        with suppress(ValueError):
            return time_of_day(value)
        try:
            return time.fromisoformat(value)
        except ValueError:
            self.fail(f'"{value}" is not a time of day; write 14:30 or 2.30pm', param, ctx)


class Length(click.ParamType[timedelta]):
    """A length of time: ``45m``, ``2h``, ``1h30m``."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length; raises ``click.BadParameter``."""
        if isinstance(value, timedelta):
            return value
        try:
            return spans.length_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def spanned(body: Body) -> Body:
    """The options that say when a call was: ``--on``, ``--around``, ``--within``, ``--from``, ``--to``.

    The command gets ``since`` and ``until`` of them, aware, or ``None`` where nothing was said.
    """

    @functools.wraps(body)
    def run(
        *values: Any,
        day: date | None,
        around: time | None,
        within: timedelta,
        first: date | None,
        last: date | None,
        **named: Any,
    ) -> Any:
        try:
            since, until = spans.span(day, around, within, first, last)
        except ValueError as error:
            raise click.UsageError(f"{error}: --on DATE [--around HH:MM], or --from and --to") from None
        return body(*values, since=since, until=until, **named)

    spanned: Body = run
    for option in (
        click.option("--to", "last", type=Day(), metavar="DATE", help="Calls up to this day."),
        click.option("--from", "first", type=Day(), metavar="DATE", help="Calls from this day on."),
        click.option(
            "--within", type=Length(), default="1h", show_default=True, metavar="LENGTH", help="Before and after that."
        ),
        click.option("--around", type=Clock(), metavar="HH:MM", help="About when on that day (London)."),
        click.option("--on", "day", type=Day(), metavar="DATE", help="The day of the call."),
    ):
        spanned = option(spanned)
    return spanned


def show(view: View, standing: Standing) -> None:
    """A request as it stands; what can be done now, as narration."""
    view.data(standing, text=lines, prose=True)
    if standing.missing:
        say(f"Ask them for: {', '.join(standing.missing)} of the call (London). The acknowledgement does.")
    for kind in standing.letters:
        say(f"Letter: dialgate request letter {standing.reference} {kind} -o FILE, or --send")
    for step in standing.next:
        say(f"Next: {step}")


def lines(standing: dict[str, Any]) -> Iterator[str]:
    """What is known of a request, a line each."""
    yield f"{standing['reference']}: {standing['asks']}, {words(standing['state'])}"
    given = {
        "came": f"{standing['received']} by {words(standing.get('channel') or '-')}",
        "from": standing["name"] or ("(forgotten)" if standing["name"] is None else "-"),
        "contact": (standing.get("contact") or "").replace("\n", ", "),
        "numbers": ", ".join(standing["lines"]),
        "about": standing.get("about"),
        "identity": standing.get("checked"),
        "found": _found(standing),
        "refused": words(standing.get("ground") or ""),
        "told": ", ".join(standing.get("told") or []),
        "recipients to be told": ", ".join(standing.get("untold") or []),
    }
    for name, value in given.items():
        if value:
            yield f"  {name}: {value}"
    yield from _clock(standing)
    if standing.get("carried_out"):
        done = standing["carried_out"]

        what = f"{many(done['calls'], 'call')}, {many(done['recordings'], 'recording')}"
        yield f"  erased: {what}; backups until {done['backups_until']}"
        for name in done["held_by"]:
            yield f"  held: {name}{' (ended: the rest can be erased)' if name in standing.get('freed', ()) else ''}"
        for name in done.get("mentions") or []:
            whose = "" if name.startswith("entry ") else "somebody else's "
            yield f"  still mentioned in {whose}{name}: look whether it has to be"


def _found(standing: dict[str, Any]) -> str:
    if standing.get("found") is None:
        return ""
    outside = f"; {standing['outside']} of the same numbers outside what was searched for"
    return f"{standing['found']} calls{outside if standing.get('outside') else ''}"


def _clock(standing: dict[str, Any]) -> Iterator[str]:
    if standing["due"]:
        paused = f"; the clock stands still since {standing['paused_on']}" if standing.get("paused_on") else ""
        days = standing["days_left"]
        left = f"{days} days left" if days >= 0 else f"{-days} days ago"
        policy = f"; by policy {standing['policy_due']}" if standing["policy_due"] != standing["due"] else ""
        yield f"  due: {standing['due']} ({left}; the regulator counts to {standing['ico_due']}{policy}){paused}"
    elif standing["state"] == "identity_asked":
        yield f"  due: 30 days after the proof of identity arrives (by policy {standing['policy_due']})"
    if standing.get("acknowledge_by"):
        yield f"  acknowledge by: {standing['acknowledge_by']}"
    if standing["warning"]:
        yield f"  WARNING: {standing['warning']}"
    elif standing["late"]:
        yield "  late: a last day had passed before it was over"


def step(fact: dict[str, Any]) -> str:
    """A fact of a request's course, on one line."""
    kind, body = fact["kind"], fact["body"] or {}
    note = {
        LetterMade.kind: body.get("kind"),
        LetterSent.kind: body.get("kind"),
        ProposalClosed.kind: words(body.get("how") or ""),
        RecipientTold.kind: f"{body.get('recipient')}: {words(body.get('how') or '-')}",
    }.get(kind)
    shown = "".join(f" ({each})" for each in (note, _proof(body)) if body and each)
    return f"  {local(fact['at'])}  {step_words(kind)}{shown}, {fact['actor']}"


def _proof(body: dict[str, Any]) -> str:
    """What a fact keeps as its proof; empty where it keeps none."""
    if not body.get("evidence"):
        return ""
    digest = f", SHA-256 {body['evidence_sha256']}" if body.get("evidence_sha256") else ""
    return f"{words(body.get('evidence_kind') or '')} {body['evidence']}{digest}".strip()


def words(code: str) -> str:
    """A code as words."""
    return code.replace("_", " ")


def call_line(call: dict[str, Any]) -> str:
    """A call that was found, on one line."""
    recording = f"; recording {call['recording_id']} ({call['recording']})" if call["recording_id"] else ""
    return f"{local(call['at'])}  {call['number'] or '(erased)'}  {call['outcome']}, {call['reason']}{recording}"
