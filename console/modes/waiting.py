"""What waits for a second person: shown, confirmed, withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console import words
from console.modes.request_doing import choose
from console.widgets.danger import ahead
from console.widgets.pick import Pick
from console.widgets.rows import Column
from console.widgets.working import Working
from gate.errors import GateError
from gate.operations.operation import Response
from gate.operations.proposals import Proposal, ProposalConfirm, ProposalList, ProposalWithdraw
from gate.showing import clean

if TYPE_CHECKING:
    from console.modes.base import GateScreen
    from gate.types import Progress

CONFIRM, WITHDRAW = "confirm", "withdraw"


async def settle(screen: GateScreen) -> bool:
    """Show what waits; confirm or withdraw what is picked. True where something was settled. Call it in a worker."""
    answer = await screen.ask(ProposalList())
    if answer is None:
        return False
    columns: Sequence[Column[Proposal]] = (
        Column("What", 30, lambda row: words.text(row.what), grows=True),
        Column("Takes", 14, lambda row: words.text(row.takes)),
        Column("Asked by", 18, lambda row: words.text(row.asked_by)),
        Column("Until", words.WHEN, lambda row: words.moment(row.until)),
    )
    row = await screen.app.push_screen_wait(
        Pick(
            "What waits for a second person",
            columns,
            answer.items,
            key_of="id",
            said="One person has asked for it; another one confirms within a day, or it is not done.",
            none="Nothing waits.",
        )
    )
    if row is None:
        return False
    why = clean(str(row.arguments.get("reason") or ""))
    said = (
        f"{words.text(row.what)[0]}: takes {words.text(row.takes)[0]} (plan {row.plan}), or nothing where that"
        f" has changed; asked for by {words.text(row.asked_by)[0]}." + (why and f" {why}")
    )
    options = [(CONFIRM, "it is done, as it was asked for"), (WITHDRAW, "it is not done")]
    try:
        found = (await ahead(screen.feed, [ProposalConfirm(proposal_id=row.id)]))[:1]
        said += "".join(f"\n{what}: {shown[0]}" for each in found for what, shown in each.pairs)
    except GateError as error:
        options = options[1:]
        said += f"\nIt would be refused now: {clean(error.message)}."
    act = await choose(screen, "Confirm this?", "Act", options, said=said)
    if act is None:
        return False
    proposal_id = row.id

    async def done(progress: Progress) -> Response:
        if act == CONFIRM:
            return await screen.feed.ask(ProposalConfirm(proposal_id=proposal_id), progress=progress)
        return await screen.feed.ask(ProposalWithdraw(proposal_id=proposal_id))

    result = await screen.app.push_screen_wait(Working("Confirming" if act == CONFIRM else "Withdrawing", done))
    if isinstance(result, GateError):
        screen.complain(result)
        return False
    if result is not None:
        screen.app.done(f"{'Confirmed' if act == CONFIRM else 'Withdrawn'}: {words.text(row.what)[0]}")
    return True
