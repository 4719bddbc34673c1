"""The receipts of callees: one by the code that they were told, and the page on which they look it up themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console import words
from console.feed import on_thread
from console.modes.audit_detail import TextDetail
from console.modes.request_forms import filled
from console.theme import DIM, LOUD, PLAIN, WARN
from console.widgets.ask import Field
from console.widgets.report import Section
from gate.core.receipts import GROUNDS
from gate.core.terms import Reason
from gate.errors import GateError
from gate.operations.receipts import ReceiptsCodes, ReceiptShow, ReceiptShown, ReceiptStatement
from gate.showing import clean, grouped, many

if TYPE_CHECKING:
    from console.modes.base import GateScreen


async def show(screen: GateScreen) -> None:
    """Ask for a code, and show what its receipt says. Call it in a worker."""

    async def send(told: Mapping[str, str]) -> ReceiptShown:
        return await screen.feed.ask(ReceiptShow(code=told["code"].strip()))

    field = Field.from_request(ReceiptShow, "code")
    said = "Small letters, spaces and hyphens make no difference."
    found = await filled(screen, "A callee's receipt", (field,), send, said=said, act="Show")
    if found is not None:
        call = found.said.call_id if found.said else ""
        screen.app.push_screen(TextDetail("calls", f"Receipt {found.code}", sections(found), call, "its call"))


def sections(receipt: ReceiptShown) -> list[Section]:
    """What it says, and how it stands in the log."""
    if receipt.said is None:
        return [Section("", lines=[("It is no longer kept: what the firm held of the call was erased.", WARN)])]
    proof, told = receipt.proof, ("not told", DIM)
    if receipt.told_how is not None:
        how = receipt.told_how if receipt.told else f"not {receipt.told_how} to its end: {receipt.why}"
        told = (clean(how), PLAIN if receipt.told else WARN)
    signed = ("not signed yet", DIM)
    if proof is not None:
        signed = (f"in the signed log of {many(int(proof.checkpoint.splitlines()[1]), 'leaf')}", PLAIN)
    return [
        Section("What the callee may show to anybody", _statement_rows(receipt.said)),
        Section(
            "In the log",
            [("Code", told), ("Leaf", words.leaf(receipt.leaf_index)), ("Signed", signed)],
        ),
    ]


def _statement_rows(said: ReceiptStatement) -> list[tuple[str, words.Shown]]:
    by, hour = said.made_by, datetime.fromisoformat(said.hour)
    objects = (said.object.address.replace("\n", ", "), grouped(said.object.freephone), said.object.email)
    screened = "Decided" if said.reason == Reason.SERVICE_CALL else "Screened"
    return [
        ("Call", words.ident(said.call_id)),
        ("Called by", (clean(f"{by.trading_name} ({by.legal_name}), showing {grouped(by.number)}"), PLAIN)),
        *((("On behalf of", words.text(by.on_behalf_of)),) if by.on_behalf_of else ()),
        (screened, (f"{hour:%d %b %Y}, between {hour.hour}:00 and {hour.hour + 1}:00, London", PLAIN)),
        *(("Edition", (clean(f"{each.name.upper()}, list of {words.day(each.as_of)[0]}, SHA-256 {each.sha256}"), PLAIN))
          for each in said.registers),
        *(("Found", (clean(each), LOUD)) for each in said.found or [GROUNDS.get(said.reason, said.reason)]),
        ("To object", (clean("; ".join(filter(None, objects))), PLAIN)),
        ("Decision", (f"leaf {said.decision:,}", PLAIN)),
    ]  # fmt: skip


async def publish(screen: GateScreen) -> None:
    """Write the page into a folder. Call it in a worker."""
    papers = screen.app.setup.papers
    if shut := screen.shut(ReceiptsCodes):
        screen.notify(shut, severity="warning", timeout=6, markup=False)
        return
    if papers is None:
        screen.notify("No page is made here: dialgate receipts publish FOLDER", timeout=6)
        return

    async def send(told: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            return await on_thread(partial(papers.receipts, Path(told["folder"].strip())))
        except OSError as error:
            raise GateError(f"{told['folder'].strip()}: {error.strerror}", hint="name another folder") from error

    field = Field("folder", "Folder, new or that of the day before", str(screen.app.setup.exports / "receipts"))
    said = "No number that was called is in it; without its code no receipt can be read. The log is signed first."
    made = await filled(screen, "The page of receipts", (field,), send, said=said, act="Write it")
    if made is not None:
        pairs = [
            ("Receipts", words.count(made["receipts"])),
            ("Gone", (f"{made['gone']:,} no longer kept", PLAIN)),
            ("SHA-256", words.ident(made["page_sha256"])),
        ]
        done = Section("", pairs, [(clean(str(made["said"])), PLAIN)])
        screen.app.push_screen(TextDetail("audit", "The page of receipts", [done], str(made["page_sha256"]), "SHA-256"))
