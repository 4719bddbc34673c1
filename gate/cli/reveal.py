"""``dialgate reveal``: a number in full, for a reason."""

from __future__ import annotations

from msgspec.structs import replace

from gate.cli.asking import asks
from gate.cli.command import make
from gate.cli.ids import Id
from gate.cli.output import View
from gate.cli.reach import ask
from gate.operations.calls.calls import Kind, Reveal


@make("reveal", example='dialgate reveal call 6f2c9e… --why "asked to be called back"')
@asks(Reveal, "kind", "id", names={"why": "--why/--reason"})
def command(view: View, asked: Reveal) -> None:
    """The telephone number of a call, an objection, … in full. Who asked, and why, is logged first.

    A contact is named by the CRM's own id.
    """
    if asked.kind not in (Kind.CONTACT, Kind.REQUEST):
        asked = replace(asked, id=Id(asked.kind).whole(view, asked.id))
    view.data(ask(view, asked), text=lambda shown: [shown["number"]])
