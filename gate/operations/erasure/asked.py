"""The erasure that a granted request asks for: what would go, and carrying it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from gate.converting import convert
from gate.operations.erasure.eraser import Eraser
from gate.operations.erasure.plan import Carried
from gate.operations.operation import (
    KEEPERS,
    Caller,
    Line,
    Note,
    Proposed,
    Request,
    SecondPerson,
    about,
    operation,
)
from gate.showing import many
from gate.store.handed_out import open_copies

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class CarryOut(Request[Carried], frozen=True):
    """Erase what a granted request asks for; without ``execute`` only say what would go, also before it is granted."""

    request: Annotated[Line, about("The request: its reference (DSR-2026-0007) or its id.", eg=("DSR-2026-0007",))]
    execute: Annotated[bool, about("Erase; else only say what would go.")] = False
    digest: Annotated[Line, about("That of a dry run: what it showed goes, or nothing does (plan_changed).")] = ""
    reason: Annotated[Note, about("Why; kept until the request forgets the person.", "Why")] = ""


def _erasure_waits(folder: DataFolder, asked: CarryOut, caller: Caller) -> Proposed[CarryOut] | None:
    """Bound to what would go now. One that was begun goes on without being asked for again."""
    eraser = folder.one(Eraser)
    if eraser.begun(asked.request):
        return None
    plan = eraser.plan_to_carry_out(asked.request, asked.digest)
    bound = CarryOut(request=plan.reference, execute=True, digest=plan.digest, reason=asked.reason.strip())
    takes = f"{many(len(plan.going), 'call')}, {many(len(plan.standing), 'recording')}"
    return Proposed(bound, plan.request_id, takes, plan.shown([]))


@operation(
    CarryOut,
    "request_carry_out",
    roles=KEEPERS,
    streams=True,
    second_person=SecondPerson(
        lambda asked: f"the erasure {asked.request}", _erasure_waits, needed=lambda asked: asked.execute
    ),
)
def request_carry_out(folder: DataFolder, asked: CarryOut, caller: Caller) -> Carried:
    """Erase what a granted request asks for, and keep the receipt.

    Without ``execute`` it says what would go, also before it is granted. With ``digest``, that of such an answer, only
    what was shown goes. One that was begun goes on.
    """
    eraser = folder.one(Eraser)
    if not asked.execute:
        return eraser.plan(asked.request)
    receipt = eraser.carry_out(asked.request, caller.actor, caller.progress, digest=asked.digest, reason=asked.reason)
    left = receipt.copies or ()
    copies = folder.store.call(lambda tx: [each for each in open_copies(tx) if each.id in left])
    return convert(receipt.values() | {"dry_run": False, "copies": copies}, Carried)
