"""``dialgate calls``: every attempt, and what became of it."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec.structs import replace

from gate.cli.asking import Day, Id, Since, ask, asks, only_asks, rows_found
from gate.cli.command import NEW_FILE, make
from gate.cli.output import View, columns, narrate
from gate.client.files import output_file
from gate.core.days import short_day
from gate.core.ladder import text
from gate.core.rows.calls import AgentRow, CallRow, ReasonCount, TrendHour
from gate.core.rows.month import CampaignRate
from gate.core.terms import Reason
from gate.exports.page import ladder_file
from gate.operations.calls.calls import (
    CallsAgents,
    CallsHangUp,
    CallsList,
    CallsPause,
    CallsProve,
    CallsReasons,
    CallsResume,
    CallsShow,
    CallsTrend,
    Kind,
    Reveal,
)
from gate.operations.calls.campaigns import CampaignsList, CampaignsRelease
from gate.operations.calls.warnings import CallsAcknowledge
from gate.operations.parsing import Findable
from gate.showing import local

_NONE = "There was no attempt."
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
@asks(CallsList, types={"reason": REASONS, "since": Since()})
def list_(view: View, asked: CallsList, words: tuple[str, ...]) -> None:
    """The attempts, newest first or sorted.

    WORDS search as in the console: a day or days (25/11, 25/11-27/11, last tuesday), a time or a span of it (14:30,
    14:00-14:30; London), and what the rows show: a number or its beginning, an agent, a verdict, a state, words of a
    reason. All of them must fit; `not` excludes the next one, `or` joins two.
    """
    shown = columns(
        CallRow,
        *("call_id", "at", "number", "verdict", "reason", "state", "seconds", "kept", "silent", "recording_id"),
    )
    rows_found(view, Findable.CALLS, words, asked, shown, "There is no call.")


only_asks(
    "show",
    CallsShow,
    "call_id",
    group=command,
    numbers=True,
    help="One attempt with every fact that the log holds about it.",
    example="dialgate calls show 6f2c9e…",
)


@make(
    "ladder",
    group=command,
    example="dialgate calls ladder 6f2c9e…\ndialgate calls ladder 6f2c9e… -o call.html\n"
    'dialgate calls ladder 6f2c9e… -o call.html --why "complaint 17 to the Commissioner"',
)
@asks(CallsProve, "call_id", names={"why": "--why/--reason"})
@click.option(
    "-o", "--output", type=NEW_FILE, metavar="FILE", help="A page that checks itself (.html), or text (.txt)."
)
def ladder(view: View, asked: CallsProve, output: Path | None) -> None:
    """A call step by step, between phones, gate and carrier. Each step names its leaf of the evidence log.

    The page holds the leaves, their proofs and the signed checkpoint, and checks them in a browser without a network.
    Text has no values of the log. Nothing is drawn that the log does not prove: no ringing, no ACK.
    """
    made = ask(view, asked)
    if output is None:
        shown = {"call_id": made.call_id, "checkpoint": made.evidence.checkpoint, "rungs": made.rungs}
        view.data(shown, text=lambda _: text(made).splitlines())
        return
    data = ladder_file(made, output.suffix.removeprefix("."))
    with output_file(output) as file:
        file.write(data)
    view.data({"call_id": made.call_id, "file": str(output)})


@make(
    "reasons",
    group=command,
    example="dialgate calls reasons --since today\ndialgate calls reasons --since 2026-03-02 --by account:alice --json",
)
@asks(CallsReasons, names={"claimed_by": "--by"}, types={"since": Since()})
def reasons(view: View, asked: CallsReasons) -> None:
    """How many attempts were allowed and refused, by caller and reason. No number is shown."""
    shown = columns(ReasonCount, "claimed_by", "verdict", "reason", "attempts")
    view.rows(ask(view, asked), "items", shown, none=_NONE)


@make(
    "trend",
    group=command,
    example="dialgate calls trend --since monday\ndialgate calls trend --since today --by reason --json",
)
@asks(CallsTrend, types={"since": Since(), "until": Since()}, defaults={"since": "today"})
def trend(view: View, asked: CallsTrend) -> None:
    """Attempts and refusals by hour (UTC) and agent, or reason: a month at most. No number is shown."""
    view.rows(ask(view, asked), "items", columns(TrendHour, "hour", "name", "attempts", "refused"), none=_NONE)


@make("agents", group=command, example="dialgate calls agents\ndialgate calls agents --json")
@asks(CallsAgents)
def agents(view: View, asked: CallsAgents) -> None:
    """Each agent's day: attempts, refusals, refusals in a row with the reason, and what refuses the next call."""
    names = ("claimed_by", "calls_now", "attempts", "refused", "streak", "reason", "at", "seconds", "next")
    view.rows(ask(view, asked), "items", columns(AgentRow, *names), none="There is no account and no PBX.")


only_asks(
    "pause",
    CallsPause,
    "call_id",
    group=command,
    names={"why": "--reason", "seconds": "--for"},
    help="""Pause the recording of a running call: it keeps silence until `resume`, the end of `--for` or of the call.

    A call can be paused once its announcement is over and it is recorded. The agent's resume code ends the pause,
    too.
    """,
    example='dialgate calls pause 6f2c9e… --reason "the customer gives a bank card"\n'
    'dialgate calls pause 6f2c9e… --reason "a bank card" --for 60',
)
only_asks(
    "resume",
    CallsResume,
    "call_id",
    group=command,
    names={"why": "--reason"},
    help="Resume a recording that `pause` has paused. Only the agent resumes what the agent has paused by keys.",
    example='dialgate calls resume 6f2c9e… --reason "the card is paid"',
)

only_asks(
    "hang-up",
    CallsHangUp,
    "call_id",
    group=command,
    names={"why": "--reason"},
    help="""End a running call for both parties.

    The log keeps who did it, when and why. Only its parties end an emergency call (999, 112).
    """,
    example='dialgate calls hang-up 6f2c9e… --reason "the customer is shouted at"',
)


only_asks(
    "acknowledge",
    CallsAcknowledge,
    "call_id",
    group=command,
    names={"why": "--reason"},
    help="""End the alarm on a call that was made against the gate's refusal.

    The log keeps who did it, when and why. Later findings on this call, and other such calls, raise new alarms.
    """,
    example='dialgate calls acknowledge 6f2c9e… --reason "trunk 2 is removed from the outbound route"',
)


@click.group("campaign")
def campaign() -> None:
    """Abandoned calls of each campaign, and the campaigns that are stopped for too many of them."""


@make("list", group=campaign, example="dialgate campaign list\ndialgate campaign list --day 2026-03-02 --json")
@asks(CampaignsList, types={"day": Day()})
def campaign_list(view: View, asked: CampaignsList) -> None:
    """Abandoned and live calls of each campaign on a day, by Ofcom's formula, and the campaigns that are stopped.

    A caller with several campaigns has a line for all of them, too. No number is shown.
    """
    found = ask(view, asked)
    shown = columns(
        CampaignRate, *("claimed_by", "campaign", "abandoned", "live", "percent", "informed", "left", "unknown")
    )
    view.rows(found, "items", shown, none=f"Nobody has answered a call on {short_day(found.day)}.")
    for each in found.stops:
        which = f"campaign {each.campaign}" if each.campaign else "all campaigns"
        narrate(
            f"{each.claimed_by}, {which}: stopped since {local(each.stopped_at)}. dialgate campaign release {each.id}"
        )


only_asks(
    "release",
    CampaignsRelease,
    "id",
    group=campaign,
    names={"why": "--reason"},
    help="""Let a campaign that was stopped go on.

    The log keeps who did it, when and why. Only later calls count towards another stop.
    """,
    example='dialgate campaign release 6f2c9e… --reason "two more agents sit down"',
)


@make("reveal", example='dialgate reveal call 6f2c9e… --why "asked to be called back"')
@asks(Reveal, "kind", "id", names={"why": "--why/--reason"})
def reveal(view: View, asked: Reveal) -> None:
    """Show the telephone number of a call, an objection, … in full. The log first keeps who asked, and why.

    Name a contact by the CRM's own id.
    """
    if asked.kind not in (Kind.CONTACT, Kind.REQUEST):
        asked = replace(asked, id=Id(asked.kind).whole(view, asked.id))
    view.data(ask(view, asked), text=lambda shown: [shown.number])
