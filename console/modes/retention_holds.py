"""Holds: listed, shown, and put on from a dialog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from console import words
from console.modes.detail import DetailScreen
from console.modes.request_forms import filled
from console.modes.retention_shown import in_force, kind, target_of
from console.modes.taking_back import release_again
from console.theme import PLAIN
from console.widgets.ask import Field
from console.widgets.report import Section
from console.widgets.rows import Column
from gate.core.retention import HoldGround
from gate.core.rows.retention import HoldRow
from gate.errors import RefusedError
from gate.operations.retention.holds import HoldAdd, HoldAdded

if TYPE_CHECKING:
    from console.modes.base import GateScreen

TARGETS = {"number": "number", "call": "call_id", "recording": "recording_id"}
"""What a hold can be put on -> the field of ``hold_add`` that names it."""


UNSAID = "not said"
WHAT: Sequence[Column[HoldRow]] = (
    Column("Kind", 11, kind),
    Column("On", 9, lambda row: words.text(row.target)),
    Column("Which", 17, target_of),
    Column("Reference", 16, lambda row: words.text(row.reference)),
    Column("Ground", 16, lambda row: words.text((row.ground or "").replace("_", " ")), rank=2),
)
WHY: Sequence[Column[HoldRow]] = (
    Column("Reason", 16, lambda row: words.text(row.reason), grows=True, rank=1),
    Column("By", 16, lambda row: words.text(row.actor), rank=3),
)
REASONS = tuple(Field.from_request(HoldAdd, name) for name in ("reason", "reference"))
MADE: Column[HoldRow] = Column("Made", words.WHEN, lambda row: words.moment(row.made_at), rank=2)


RESTRICTION = "restriction"
GROUNDS = {
    "claim": HoldGround.CLAIM,
    "law": HoldGround.LEGAL_OBLIGATION,
    "investigation": HoldGround.INVESTIGATION,
    "none": HoldGround.NONE,
}
GROUND = (
    Field.from_request(HoldAdd, "ground", UNSAID, choices=(UNSAID, *GROUNDS, RESTRICTION)),
    Field.from_request(HoldAdd, "law"),
)
"""A restriction is its own ground: nobody may open what it is on either. With none a hold stops no erasure that a
person asks for."""


def grounded(told: Mapping[str, str]) -> dict[str, Any]:
    """These two as fields of ``hold_add``."""
    ground = told["ground"]
    if ground in (UNSAID, RESTRICTION):
        return {"restriction": ground == RESTRICTION, "law": told["law"].strip()}
    return {"ground": GROUNDS[ground], "law": told["law"].strip()}


async def ask_for_hold(screen: GateScreen, recording_id: str = "") -> bool:
    """Ask what is to be held and why, and put the hold on; True where it was. Call it in a worker."""
    which = (
        ()
        if recording_id
        else (
            Field("on", "On", "number", choices=tuple(TARGETS)),
            Field("which", "Which: the number in any spelling, or the id"),
        )
    )

    async def send(told: Mapping[str, str]) -> tuple[HoldAdded, str]:
        field = TARGETS["recording" if recording_id else told["on"]]
        hold: dict[str, Any] = {field: recording_id or told["which"].strip()}
        asked = HoldAdd(**hold, reason=told["reason"], reference=told["reference"], **grounded(told))
        return await screen.feed.ask(asked), told["reference"]

    done = await filled(
        screen,
        "Hold this recording" if recording_id else "Hold recordings",
        (
            *which,
            *REASONS,
            *GROUND,
        ),
        send,
        said="What is held is not erased until the hold is released. On a number it holds what is to come too.",
        act="Hold",
    )
    if done is None:
        return False
    answer, reference = done
    late = f"; too late for {answer.gone:,} that were erased" if answer.gone else ""
    screen.app.done(
        f"Held: {reference}, {words.many(answer.kept, 'recording')} as things stand{late}",
        back=lambda: release_again(screen.feed, answer.id),
    )
    return True


async def hold_each(screen: GateScreen, field: str, ids: Sequence[str]) -> bool:
    """Ask why, and put a hold on each of these calls (``call_id``) or recordings (``recording_id``); True where one
    was. Call it in a worker."""
    counted = words.many(len(ids), "call" if field == "call_id" else "recording")

    async def send(told: Mapping[str, str]) -> tuple[list[HoldAdded], int, str]:
        added: list[HoldAdded] = []
        late = 0
        for each in ids:
            which: dict[str, Any] = {field: each}
            hold = HoldAdd(**which, reason=told["reason"], reference=told["reference"], **grounded(told))
            try:
                added.append(await screen.feed.ask(hold))
            except RefusedError as error:
                if error.reason != "erased":
                    raise
                late += 1
        return added, late, told["reference"]

    done = await filled(
        screen,
        f"Hold {counted}?",
        (*REASONS, *GROUND),
        send,
        said="A hold on each. What is held is not erased until its hold is released.",
        act=f"Hold {len(ids):,}",
    )
    if done is None:
        return False
    added, late, reference = done
    gone = late + sum(each.gone for each in added)
    kept = words.many(sum(each.kept for each in added), "recording")
    too_late = f"; too late for {gone:,} that were erased" if gone else ""

    async def back() -> None:
        for each in added:
            await release_again(screen.feed, each.id)

    screen.app.done(f"Held: {reference}, {counted}, {kept} as things stand{too_late}", back=back if added else None)
    return bool(added)


class HoldDetail(DetailScreen):
    """One hold."""

    HELP_TEXT = "One hold, with its reason. Releasing it is in the list: d."

    def __init__(self, row: HoldRow) -> None:
        super().__init__("retention", f"{kind(row)[0].capitalize()} {words.text(row.reference)[0]}")
        self._row = row

    def copied(self) -> str:
        """Its id."""
        return self._row.id

    async def sections(self) -> Sequence[Section]:
        """What it is on, and what came of it."""
        row = self._row
        restricts = row.kind == "restriction"
        pairs = [
            ("State", in_force(row)),
            ("Kind", kind(row)),
            ("That is", ("neither erased nor opened" if restricts else "not erased; it may be opened", PLAIN)),
            ("On", words.text(row.target)),
            ("Number", words.number(row.number) if row.target == "number" else words.NOTHING),
            ("Recording", words.text(row.recording_id)),
            ("Call", words.text(row.call_id)),
            ("Reference", words.text(row.reference)),
            ("Reason", words.text(row.reason)),
            ("Made", words.moment(row.made_at)),
            ("By", words.text(row.actor)),
            ("Id", words.text(row.id)),
        ]
        if row.released_at:
            pairs += [
                ("Released", words.moment(row.released_at)),
                ("Why", words.text(row.released_why)),
            ]
        return [Section("", pairs)]
