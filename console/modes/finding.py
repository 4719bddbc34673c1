"""Find: one line for a day, a time, an agent, a reason, a number, in calls, recordings, contacts or requests.

What somebody looks for again and again is kept with ``^s``, for them alone.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.suggester import Suggester
from textual.widgets import Input, Static

from console import keys
from console.feed import Feed, on_thread
from console.theme import BAD, DIM, OK, PLAIN, WARN
from console.widgets.choice import Choice
from console.widgets.dialog import DIALOG_CSS, Dialog, Line
from console.widgets.filter import DEBOUNCE
from console.widgets.report import Report, Section
from console.widgets.rows import Column, LocalTable, RowsTable
from console.words import Shown, today, trouble
from gate.core.finding import CALLS, RECORDINGS, sought
from gate.errors import GateError
from gate.operations.parsing import Findable, FindMeant, LineMeant
from gate.showing import clean

if TYPE_CHECKING:
    from gate.client.files import KeptSearches

_WORDS: Final = sorted(
    {word for phrase in (*CALLS, *RECORDINGS) for word in phrase.split() if len(word) > 3} | {"today", "yesterday"}
)


class Words(Suggester):
    """The rest of the last word: of a reason, a day, who called, or of a line that was looked for before."""

    def __init__(self, before: Sequence[str], callers: Collection[str] = ()) -> None:
        super().__init__(use_cache=False)
        self.before = tuple(before)
        self._words = sorted({*_WORDS, *callers})

    async def get_suggestion(self, value: str) -> str | None:
        """The whole line with it."""
        for line in self.before:
            if value and line.startswith(value) and line != value:
                return line
        head, _, last = value.rpartition(" ")
        found = next((word for word in self._words if len(last) > 1 and word.startswith(last) and word != last), None)
        return f"{head} {found}".strip() if found else None


class FindDialog(Dialog["tuple[str, str] | None"]):
    """Its answer is the mode in which is looked, and the line; None where it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.FIND,
        Binding("up", "before(1)", show=False, priority=True),
        Binding("down", "before(-1)", show=False, priority=True),
    ]
    DEFAULT_CSS = f"""
    FindDialog {{ {DIALOG_CSS} }}
    FindDialog > Vertical {{ width: 76; max-width: 98%; height: auto; background: $surface; border: round $primary;
        padding: 0 1; }}
    FindDialog .dialog-title {{ text-style: bold; color: $primary; }}
    FindDialog Input {{ padding: 0 1; background: $panel; }}
    FindDialog Input:focus {{ background: $cursor; background-tint: transparent; }}
    FindDialog .find-said {{ color: $muted; }}
    FindDialog Report {{ display: none; height: auto; background: $surface; }}
    FindDialog LocalTable {{ height: auto; max-height: 8; background: $surface; padding: 0; }}
    FindDialog LocalTable .rows--heading {{ background: $surface; }}
    """

    def __init__(
        self, feed: Feed, before: Sequence[str], searches: KeptSearches | None = None, callers: Collection[str] = ()
    ) -> None:
        """``before``: lines that were looked for, the last first. ``callers``: names to suggest."""
        super().__init__()
        self._feed = feed
        self._before = list(before)
        self._at = -1
        self._searches = searches
        self._words = Words(before, callers)
        self._table = LocalTable(_KEPT, key_of="key", none="")

    def compose(self) -> ComposeResult:
        """The line, how it is understood, where is looked."""
        with Vertical():
            yield Static("Find", classes="dialog-title", markup=False)
            yield Line(id="line", placeholder="25/11 14:00-14:30 alice listed", suggester=self._words)
            yield Static(_HOW, classes="find-said", id="how", markup=False)
            yield Report()
            yield Choice(list(Findable), id="where")
            yield self._table
            yield Static(_KEYS, classes="find-said", markup=False)

    def on_mount(self) -> None:
        """Type at once."""
        self._table.display = False
        self.set_focus(self.query_one(Line))
        self._show_kept()

    @work(group="kept")
    async def _show_kept(self, change: Callable[[], None] | None = None) -> None:
        """What is kept, when that was changed."""
        if self._searches is None:
            return
        try:
            if change is not None:
                await on_thread(change)
            kept = await on_thread(self._searches.all)
        except GateError as error:
            self.query_one("#how", Static).update(trouble(error))
            return
        self._words.before = (*self._before, *(line for _, line in kept))
        self._table.display = bool(kept)
        self._table.styles.height = min(8, len(kept) + 1)
        self._table.set_rows([_Kept(f"{where} {line}", where, line) for where, line in kept])
        if not kept and self.focused is self._table:
            self.query_one(Line).focus()

    @on(RowsTable.Opened)
    def _kept_opened(self, _message: RowsTable.Opened) -> None:
        self._look_for_kept()

    def _look_for_kept(self) -> None:
        if (row := self._table.row) is not None:
            self.dismiss((row.where, row.line))

    def action_keep(self) -> None:
        """Keep the line that is typed; of what is kept, the row under the cursor no longer."""
        if self._searches is None:
            return
        row = self._table.row if self.focused is self._table else None
        line = " ".join(self.query_one(Line).value.split())
        if row is not None:
            self._show_kept(partial(self._searches.drop, row.where, row.line))
        elif line:
            self._show_kept(partial(self._searches.keep, self.query_one(Choice).value, line))

    @on(Input.Changed)
    @on(Choice.Changed)
    @work(exclusive=True, group="meant", exit_on_error=False)
    async def _show_meaning(self) -> None:
        """Show how the gate reads the line, and how many rows fit it, once nothing was typed for a moment."""
        report, line = self.query_one(Report), self.query_one(Line).value
        report.display = bool(line.strip())
        self.query_one("#how").display = not report.display
        if not report.display:
            return
        found, where = sought(line, today()), Findable(self.query_one(Choice).value)
        await sleep(DEBOUNCE)
        try:
            asked = FindMeant(where=where, text=found.text, since=found.since, until=found.until, masked=True)
            report.show([Section("", lines=understood(found.period, await self._feed.ask(asked), where))])
        except GateError as error:
            report.show([Section("", lines=[(found.in_words, PLAIN), (trouble(error), BAD)])])

    def key_enter(self, event: events.Key) -> None:
        """Look for it, from the choice too. The key ends here: the list that is below by then would open its row."""
        event.stop()
        if self.focused is self._table:
            self._look_for_kept()
        elif line := " ".join(self.query_one(Line).value.split()):
            self.dismiss((self.query_one(Choice).value, line))

    def action_before(self, by: int) -> None:
        """A line that was looked for before, or after that one."""
        if not isinstance(self.focused, Line) or not self._before:
            return
        self._at = max(-1, min(self._at + by, len(self._before) - 1))
        field = self.query_one(Line)
        field.value = self._before[self._at] if self._at >= 0 else ""
        field.cursor_position = len(field.value)

    def action_leave(self) -> None:
        """Look for nothing."""
        self.dismiss(None)


def understood(period: str, meant: LineMeant, where: Findable) -> list[Shown]:
    """A line for the period and for each word, with what it means and how much fits it, and how much fits all."""
    width = max((len(word.typed) for word in meant.words), default=0)
    lines = [(f"When: {period}", PLAIN)] if period else []
    for word in meant.words[:MOST_WORDS]:
        means = f"{word.means}: {_many(word.count, meant.most)}" if word.means else "not known: it finds nothing"
        lines.append((clean(f"{word.typed:<{width}}  {means}"), PLAIN if word.count else DIM if word.means else BAD))
    if more := len(meant.words) - MOST_WORDS:
        lines += [(f"and {more} words more", DIM)] * (more > 0)
    noun = where.value.removesuffix("s") if meant.count == 1 else where.value
    return [*lines, (f"All of it fits {_many(meant.count, meant.most)} {noun}.", OK if meant.count else WARN)]


def _many(count: int, most: int) -> str:
    return f"more than {most:,}" if count > most else f"{count:,}" if count else "no"


MOST_WORDS: Final = 6
"""Words that are shown at most."""
_HOW: Final = "A day, a time or a span of it, an agent, a reason, a number: all of them must fit."
_KEYS: Final = (
    "Enter finds. Up: what was looked for before. Right: the suggestion.\n"
    "Tab: where is looked, what is kept. ^s keeps it, or keeps it no longer."
)


class _Kept(NamedTuple):
    """A line that was kept."""

    key: str
    where: str
    line: str


_KEPT: Final[Sequence[Column[_Kept]]] = (
    Column("Kept", 12, lambda row: (row.where, DIM)),
    Column("", 40, lambda row: (row.line, PLAIN), grows=True),
)
