"""What a search found: every call with that person, recorded or not, every entry of a list; or calls to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from console import keys, words
from console.modes.base import GateScreen
from console.modes.calls import CallDetail
from console.theme import DIM, LOUD, OK, PLAIN, WARN
from console.widgets.footer import KeyLine
from console.widgets.report import Report, Section
from console.widgets.rows import Column, LocalTable, RowsTable
from console.widgets.status import StatusLine
from gate.core.rows.requests import HeldCall
from gate.operations.requests.searching import Found, Search
from gate.showing import clean


def _recording(row: HeldCall) -> words.Shown:
    return words.state(row.recording) if row.recording else ("not recorded", DIM)


COLUMNS: Sequence[Column[HeldCall]] = (
    Column("Called", words.WHEN, lambda row: words.moment(row.at)),
    Column("Number", 16, lambda row: words.called(row.number)),
    Column("Outcome", 15, lambda row: words.text(row.outcome), grows=True),
    Column("Reason", 13, lambda row: words.reason(row.reason), rank=1),
    Column("Recording", 12, _recording),
    Column("Call", 12, lambda row: words.text(row.call_id), rank=2),
)


class FoundScreen(GateScreen):
    """The answer to a search; where only a time was known, calls to mark as theirs."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.FOUND, *keys.DETAIL]
    HELP_TEXT = (
        "What is held: calls answered or not, refused attempts, those without a recording; objections, consents, "
        "contacts, holds, earlier requests. A decision is about what was found last. Where only a time was known, mark "
        "with m the calls that were with this person, then s: the request is about these. Enter shows a call."
    )

    def __init__(self, mode: str, found: Found) -> None:
        super().__init__()
        self._mode = mode
        self._found = found
        self._theirs: set[str] = set()
        """Ids of the calls that are marked."""

    @property
    def candidates(self) -> bool:
        """These are calls to choose from."""
        return self._found.candidates

    def compose(self) -> ComposeResult:
        """Status, what this is, the calls, the entries, footer."""
        yield StatusLine(self._mode)
        yield Static(self._summary(), classes="title", markup=False)
        columns = (Column("", 6, self._marked), *COLUMNS) if self.candidates else COLUMNS
        yield LocalTable(columns, key_of="call_id", none="No call was found.")
        yield Report(_entries(self._found))
        yield KeyLine()

    def on_mount(self) -> None:
        """Fill in the rows."""
        table = self.query_one(LocalTable)
        table.set_rows(self._found.calls)
        table.focus()

    def _marked(self, row: HeldCall) -> words.Shown:
        return ("theirs", LOUD) if row.call_id in self._theirs else ("", PLAIN)

    def _summary(self) -> str:
        reference, count = self._found.reference, len(self._found.calls)
        if self.candidates:
            more = ", and there are more: narrow the time" if self._found.more else ""
            return f"{reference}: whose calls? {count} of that time{more}. m marks, s takes them."
        scope = "all that is held" if self._found.whole else "these calls alone"
        others = self._found.others or ()
        names = ", ".join(clean(each.name) or "somebody else" for each in others)
        left = f"; left out, as it is of {names}: {sum(each.entries for each in others)}" if others else ""
        return f"{reference}: found {words.many(count, 'call')}; a decision is about {scope}{left}"

    @on(RowsTable.Opened)
    def _opened(self) -> None:
        row = self.query_one(LocalTable).row
        if row is not None:
            self.app.push_screen(CallDetail(self._mode, row.call_id))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Marking is for calls to choose from."""
        if action == "mark":
            return self.candidates
        if action == "take":
            return self.candidates and (bool(self._theirs) or None)
        return True

    def action_mark(self) -> None:
        """This call was with them, or was not."""
        table = self.query_one(LocalTable)
        if table.row is not None:
            self._theirs ^= {table.row.call_id}
            table.set_rows(self._found.calls)
            self.refresh_bindings()

    def action_take(self) -> None:
        """The request is about the marked calls."""
        self.run_worker(self._take(), exclusive=True, group="take")

    async def _take(self) -> None:
        calls = tuple(each.call_id for each in self._found.calls if each.call_id in self._theirs)
        answer = await self.ask(Search(request=self._found.reference, calls=calls))
        if answer is not None:
            self.app.nothing_to_undo()
            self.app.switch_screen(FoundScreen(self._mode, answer))

    def copied(self) -> str:
        """The call's id."""
        row = self.query_one(LocalTable).row
        return str(row.call_id) if row else ""

    def action_back(self) -> None:
        """Back to the request."""
        self.leave()


def _entries(found: Found) -> list[Section]:
    """A line for each list, with what matters of its entries."""
    if found.candidates:
        return [Section("", lines=[("Nothing is found yet: nobody's number is known.", WARN)])]
    pairs = []
    if outside := found.outside:
        days = ", ".join(words.moment(each.at)[0] for each in outside[:4])
        more = f"; and {len(outside) - 4} more" if len(outside) > 4 else ""
        pairs.append(
            (
                "Outside",
                (
                    clean(f"{words.many(len(outside), 'call')} of the same numbers, not searched for: {days}{more}"),
                    WARN,
                ),
            )
        )
    lists: dict[str, list[list[words.Shown]]] = {
        "objections": [[words.day(each.made_at), words.text(each.source)] for each in found.objections or ()],
        "consents": [[words.day(each.given_at), words.text(each.how)] for each in found.consents or ()],
        "subscribers": [[words.text(each.kind), words.day(each.since)] for each in found.subscribers or ()],
        "contacts": [[words.text(each.reference), words.text(each.verdict)] for each in found.contacts or ()],
        "holds": [[words.text(each.name)] for each in found.holds or ()],
        "requests": [
            [words.text(each.reference), words.text(each.asks), words.text(each.state)] for each in found.requests or ()
        ],
    }
    for name, entries in lists.items():
        said = "; ".join(filter(None, (" ".join(text for text, _ in each if text != "-") for each in entries[:4])))
        more = f"; and {len(entries) - 4} more" if len(entries) > 4 else ""
        tone = (WARN if name == "holds" else OK) if entries else DIM
        pairs.append((name.capitalize(), (clean(f"{len(entries)}" + (f": {said}{more}" if said else "")), tone)))
    return [Section("", pairs)]
