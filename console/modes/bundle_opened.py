"""A bundle that was exported, opened for its recipient: asked for in a form, what holds on a page, its rows beside it.

All of it is read by ``gate.client.bundles``, as at the command line, and kept in memory alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console import keys, words
from console.feed import on_thread
from console.modes.detail import DetailScreen
from console.modes.request_forms import filled
from console.modes.row import RowDetail
from console.theme import BAD, OK, PLAIN, WARN
from console.widgets.ask import Field
from console.widgets.report import ReportScroll, Section
from console.widgets.rows import Column, LocalTable, RowsTable
from console.widgets.working import worked
from gate.showing import clean

if TYPE_CHECKING:
    from console.modes.base import GateScreen
    from gate.client.bundles import BundleShown
    from gate.types import Progress

CALLS: Final[Sequence[Column[Any]]] = (
    Column("At", words.WHEN, lambda row: words.moment(row.at)),
    Column("Number", 16, lambda row: words.called(row.number, row.raw)),
    Column("Verdict", 8, lambda row: words.verdict(row.verdict)),
    Column("Reason", 20, lambda row: words.reason(row.reason), grows=True),
    Column("Call", 12, lambda row: words.text(row.call_id), rank=1),
    Column("By", 14, lambda row: words.caller(row.claimed_by), rank=2),
)
LOG: Final[Sequence[Column[Any]]] = (
    Column("Leaf", 10, lambda row: words.text(row.leaf), right=True),
    Column("At", words.WHEN, lambda row: words.moment(row.at)),
    Column("Kind", 22, lambda row: words.text(row.kind.replace("_", " ")), grows=True),
    Column("Who", 16, lambda row: words.text(row.actor)),
    Column("Id of its subject", 17, lambda row: words.text(row.subject), rank=1),
)
REPORT, OF_CALLS, OF_LOG = range(3)
BELIEVE = "Believe nothing that rests on what does not hold. Keep the file as it is, and ask whoever sent it."


async def show(screen: GateScreen) -> None:
    """Ask which bundle, with which keys; then what it is, and what of it holds. Call it in a worker."""
    opener = screen.app.setup.opener
    if opener is None:
        return
    known = await on_thread(opener.keys)

    async def send(told: Mapping[str, str]) -> BundleShown:
        stop, key = threading.Event(), told["key"].strip()
        vkeys = [each.strip() for each in told["vkeys"].split(",") if each.strip()]

        async def act(progress: Progress) -> Any:
            heed = partial(screen.app.call_from_thread, progress)
            path, private = Path(told["file"].strip()), Path(key) if key else None
            return await on_thread(partial(opener.open_bundle, path, vkeys, private, told["passphrase"], stop, heed))

        async def end() -> None:
            stop.set()

        opened: BundleShown = await worked(screen.app, "Opening the bundle", act, end)
        return opened

    fields = (
        Field("file", "Bundle", hint="march.bundle"),
        Field(
            "vkeys",
            "The gate's verifier key, from elsewhere: a file, or as it is",
            hint="empty: the bundle's own, on first sight",
            needed=False,
            join=", ",
        ),
        Field(
            "key", "Key file", str(known[0]) if known else "", hint="empty: what is in clear is checked", needed=False
        ),
        Field("passphrase", "Passphrase of the key: kept nowhere", secret=True, needed=False),
    )
    said = "It is read here. Nothing of it is written to a disk in clear, and nothing of it goes to the gate."
    opened: BundleShown | None = await filled(screen, "Open a bundle", fields, send, said=said, act="Open")
    if opened is not None:
        screen.app.push_screen(BundleScreen(opened))


class BundleScreen(DetailScreen):
    """What a bundle is and what of it holds; its calls, its log."""

    BINDINGS: ClassVar[list[BindingType]] = keys.BUNDLE
    PAGE = "audit"
    HELP_TEXT = (
        "A bundle, opened with its recipient's key in this console. First what it is and what of it holds; c shows its "
        "calls, l its log, Enter one row, a call with its number in full. Esc goes back, and all of it is forgotten."
    )

    def __init__(self, opened: BundleShown) -> None:
        super().__init__("audit", "Bundle")
        self._opened = opened
        self.at = REPORT

    def above(self) -> ComposeResult:
        """The rows, until they are asked for out of sight."""
        for ident, columns, key, rows in self._tables():
            table = LocalTable(columns, key_of=key, none="The bundle has none.", id=ident)
            table.display = False
            table.set_rows(rows)
            yield table

    def _tables(self) -> Sequence[tuple[str, Sequence[Column[Any]], str, Sequence[Any]]]:
        opened = self._opened
        return ("bundle-calls", CALLS, "call_id", opened.calls), ("bundle-log", LOG, "leaf", opened.log)

    async def sections(self) -> Sequence[Section]:
        """Of what was read."""
        return sections(self._opened)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Rows are shown where they were opened to their end."""
        return (self._opened.result.get("opened") is True or None) if action == "show" else True

    def why_not(self, binding: Binding) -> str:
        """No key, or no end."""
        if "bundle" in self._opened.result:
            return "No key was given: its calls and its log are sealed."
        return "It could not be read to its end: nothing in it is shown."

    def action_show(self, which: int) -> None:
        """The calls, or the log."""
        self.at = which
        tables = list(self.query(LocalTable))
        for place, table in enumerate(tables, OF_CALLS):
            table.display = place == which
        self.query_one(ReportScroll).display = which == REPORT
        self.set_focus(tables[which - 1] if which else self.query_one(ReportScroll))

    def action_view(self, by: int) -> None:
        """The next of the three."""
        if self._opened.result.get("opened") is True:
            self.action_show((self.at + by) % 3)

    def action_back(self) -> None:
        """From rows to the page, from the page to the log of the gate."""
        if self.at == REPORT:
            self.leave()
        else:
            self.action_show(REPORT)

    @on(RowsTable.Opened)
    def _row_opened(self, message: RowsTable.Opened) -> None:
        row = message.table.row
        if row is None:
            return
        if self.at == OF_CALLS:
            numbers = {name: words.InFull(value) for name in ("number", "raw") if (value := getattr(row, name))}
            self.app.push_screen(RowDetail(self._mode, "Call of the bundle", replace(row, **numbers)))
        else:
            self.app.push_screen(RowDetail(self._mode, f"Leaf {row.leaf} of the bundle", row))

    def copied(self) -> str:
        """Its id, or that of the row."""
        if self.at == REPORT:
            return str(self._opened.result.get("bundle") or "")
        row = list(self.query(LocalTable))[self.at - 1].row
        return "" if row is None else str(row.call_id if self.at == OF_CALLS else row.subject)


def sections(opened: BundleShown) -> list[Section]:
    """What does not hold first; then whose it is, what was found to hold, how much is in it."""
    result = opened.result
    faults = [(clean(each["text"]), BAD) for each in result["checks"] if not each["holds"]]
    held = [(clean(each["text"]), _tone(each, result)) for each in result["checks"] if each["holds"]]
    whole = "bundle" in result
    if faults:
        head = "The bundle does NOT hold." if whole else "The bundle does NOT hold, and was not read to its end."
        first = [Section(head, lines=[*faults, (BELIEVE, WARN)])]
    elif result["opened"]:
        first = [Section("", lines=[("The bundle holds.", OK)])]
    else:
        said = "What can be checked without its recipient's key holds. Logs and recordings were not opened."
        first = [Section("", lines=[(said, WARN)])]
    title = "What was found to hold" if faults else "Checked, and found to hold"
    return [*first, *([_what(opened)] if whole else []), Section(title, lines=held), *_more(opened)]


def _tone(check: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """A key that was trusted on first sight proves little."""
    first_sight = check["check"] == "key" and result.get("vkey_from", "elsewhere") != "elsewhere"
    return WARN if first_sight else OK


def _what(opened: BundleShown) -> Section:
    """Whose, of which period, for whom; made when, and by whom."""
    result, export = opened.result, opened.export
    by = words.text(export.actor) if export is not None else ("not known: its log names them", PLAIN)
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in result["counts"].items())
    return Section(
        "The bundle",
        [
            ("Of", words.text(result["firm"])),
            ("Log", words.text(result["log"])),
            ("From", words.moment(result["from"])),
            ("Until", words.moment(result["to"])),
            ("For", words.text(result["recipient"])),
            ("Exported", words.moment(result["made"])),
            ("By", by),
            ("Has", (clean(counts), PLAIN)),
            ("Signed over", (words.many(result["checkpoint"], "leaf"), PLAIN)),
            ("Id", words.ident(result["bundle"])),
        ],
    )


def _more(opened: BundleShown) -> list[Section]:
    """What is too much for this console."""
    left = ", ".join(f"{count:,} more of the {name}" for name, count in opened.more.items() if count)
    said = f"Not shown here: {left}. All rows go into files: dialgate audit open FILE --key FILE -o FOLDER"
    return [Section("", lines=[(said, WARN)])] if left else []
