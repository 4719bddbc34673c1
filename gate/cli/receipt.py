"""``dialgate receipt``: what a callee's receipt says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from gate.cli.asking import asks
from gate.cli.command import make
from gate.cli.output import View
from gate.cli.reach import ask
from gate.core.receipts import GROUNDS
from gate.operations.receipts import ReceiptShow


@make("receipt", example='dialgate receipt "4K7 X2Q 9RMR"\ndialgate receipt 4k7x2q9rmr --json')
@asks(ReceiptShow, "code")
def command(view: View, asked: ReceiptShow) -> None:
    """Show the receipt that a callee was told the code of: that the call was screened, when, against which edition of
    which register, by whom it was made, how to object. The number that was called is not in it."""
    view.data(ask(view, asked), text=_lines, prose=True)


def _lines(receipt: dict[str, Any]) -> Iterator[str]:
    yield f"Receipt {receipt['code']}"
    said = receipt["said"]
    if said is None:
        yield "It is no longer kept: what the firm held of the call was erased."
        return
    by, object_to = said["made_by"], said["object"]
    hour = datetime.fromisoformat(said["hour"])
    yield f"Call: {said['call_id']}"
    yield f"Called by: {by['trading_name']} ({by['legal_name']}), showing {by['number']}"
    yield f"Screened: {hour:%Y-%m-%d}, between {hour.hour}:00 and {hour.hour + 1}:00 (UK time)"
    for edition in said["registers"]:
        yield f"Against: {edition['name'].upper()}, edition of {edition['as_of']} (SHA-256 {edition['sha256']})"
    yield f"Found: {GROUNDS.get(said['reason'], said['reason'])}"
    yield "To object: " + "; ".join(each for each in object_to.values() if each).replace("\n", ", ")
    yield f"Code: {_told(receipt)}"
    proof = receipt["proof"]
    signed = f"in the signed log of {proof['checkpoint'].splitlines()[1]} leaves" if proof else "not signed yet"
    yield f"Leaf: {receipt['leaf_index']}, for the decision of leaf {said['decision']}; {signed}"


def _told(receipt: dict[str, Any]) -> str:
    if receipt["told_how"] is None:
        return "not told"
    return f"{receipt['told_how']}" if receipt["told"] else f"not {receipt['told_how']} to its end: {receipt['why']}"
