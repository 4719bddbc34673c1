"""A table over any number of rows: pages by key from the gate, a window of them held at a time.

Each page names where its neighbours begin. The table keeps those places (a few bytes a page) and the rows of ``WINDOW``
pages around what is seen, so that going back fetches by key too and a million rows cost no more than a thousand. It
begins with the newest page and grows at its end; after ``G`` it begins with the oldest and grows at its head.

Rows of a list that the gate cannot look through are compared here with what was typed, by what they show. Rows are
marked with the space bar, to be acted on together; a mark stays when the list is filtered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import accumulate, count
from typing import Any, ClassVar, NamedTuple

from msgspec.structs import replace
from textual.binding import BindingType
from textual.message import Message

from console import keys
from console.widgets.rows import Column, Row, RowsTable, field_of
from gate.errors import GateError, RefusedError

PAGE = 100
WINDOW = 12
LARGEST = 1000
"""Rows in a page of the gate, at most."""
END = "end"
"""As ``before``: the last page of all."""


class Rows(NamedTuple):
    """A page as the gate answers it."""

    items: Sequence[Row]
    next: str | None
    """``after`` of the older page; None at the end."""
    prev: str | None = None
    """``before`` of the newer page; None at the beginning."""


def _unknown(error: GateError) -> str:
    """What stands where rows are not known."""
    return error.message if isinstance(error, RefusedError) else "Not known: the gate did not answer. r asks again."


Fetch = Callable[[str | None, str | None, int], Awaitable[Rows]]
"""(after, before, rows wanted); neither: the newest page. Raises ``GateError``."""


class _Page:
    """Some rows that follow each other, and how to ask for them again."""

    __slots__ = ("after", "before", "count", "prev", "rows")

    def __init__(self, after: str | None, before: str | None, answer: Rows) -> None:
        self.after = after
        self.before = before
        self.prev = answer.prev
        self.rows: Sequence[Row] | None = answer.items
        """None: let go of, to be fetched again."""
        self.count = len(answer.items)


class PagedTable(RowsTable):
    """``fetch`` brings the pages; it is asked when the table is first shown (``load``)."""

    class Failed(Message):
        """A page could not be had."""

        def __init__(self, table: PagedTable, error: GateError) -> None:
            super().__init__()
            self.table = table
            self.error = error

    class Loaded(Message):
        """A page arrived."""

        def __init__(self, table: PagedTable) -> None:
            super().__init__()
            self.table = table

    def __init__(self, columns: Sequence[Column[Any]], fetch: Fetch, *, both_ways: bool = False, **extra: Any) -> None:
        """``both_ways``: ``fetch`` knows ``before``."""
        super().__init__(columns, **extra)
        self._fetch = fetch
        self._both_ways = both_ways
        self._pages: list[_Page] = []
        self._starts: list[int] = []
        self._older: str | None = None
        self._newer: str | None = None
        self._asked = False
        self._edition = 0
        self._failed = ""
        """Why the last page that was asked for could not be had."""
        self.shut = ""
        """Why this account may not see it: it is not asked for."""
        self.filtered = ""
        """What was typed to find rows."""
        self._unknown: Sequence[str] = ()
        self._on_the_way: set[object] = set()
        self._again = False
        """News were asked for while an answer was on the way, which may be older than they are."""
        self._changes: dict[str, dict[str, Any]] = {}
        self._walks = False
        """On its way to the end, page after page."""

    # --- what there is --------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Rows known of, and one for what lies beyond at either end."""
        known = self._starts[-1] + self._pages[-1].count if self._pages else 0
        return known + (self._older is not None)

    @property
    def complete(self) -> bool:
        """Both ends of the list have been seen."""
        return bool(self._pages) and self._older is None and self._newer is None

    @property
    def saying(self) -> str:
        """Why there is no row: it may not be seen, is not known, does not fit, or there is none."""
        if self.shut:
            return self.shut
        if self._failed:
            return self._failed
        if not self._pages:
            return "Loading…" if self._asked else ""
        if self.filtered and self._unknown:
            unknown = ", ".join(f"“{word}”" for word in self._unknown)
            return f"Nothing is found by {unknown}, which no row shows: Esc shows all."
        return f"Nothing fits “{self.filtered}”: Esc shows all." if self.filtered else self.none

    def not_known(self, words: Sequence[str]) -> None:
        """Words of the filter that mean nothing: they are why there is no row."""
        self._unknown = words
        self.refresh()

    def row_at(self, index: int) -> Row | None:
        """A row that is here, as it came; None for one that is on its way."""
        number = bisect_right(self._starts, index) - 1
        if number < 0:
            return None
        page, place = self._pages[number], index - self._starts[number]
        if page.rows is None or place >= page.count:
            return None
        return page.rows[place]

    def shown_at(self, index: int) -> Row | None:
        """With what was asked for in full: that is for eyes alone, and goes on to no other screen."""
        row = self.row_at(index)
        if row is None:
            return None
        change = self._changes.get(str(field_of(row, self.key_of))) if self._changes else None
        if not change:
            return row
        return replace(row, **change)

    def amend(self, key: str, **values: Any) -> None:
        """Show other values in one row, until ``restore``: a number that was asked for."""
        self._changes[key] = values
        self.refresh()

    def restore(self, key: str) -> None:
        """Show the row as it came."""
        self._changes.pop(key, None)
        self.refresh()

    # --- asking ---------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Fetch the newest page, unless that was done, or may not be."""
        if not self._asked and not self.shut:
            self.reload()

    def reload(self, before: str | None = None) -> None:
        """From the newest page (or the oldest: ``END``); what is shown stays until it is there."""
        if self.shut:
            return
        self._asked = True
        self._edition += 1
        self._on_the_way.clear()
        self._ask("first", None, before, partial(self._begin, before))

    def forget(self) -> None:
        """Let go of every row: another gate is looked at, or the same one as of another moment."""
        self._pages, self._starts, self._older, self._newer = [], [], None, None
        self._asked, self._failed = False, ""
        self._edition += 1
        self._on_the_way.clear()
        self._changes.clear()
        self.refresh()

    def renew(self) -> None:
        """Look for news without losing the place: news above where the top is seen, else what is on the screen."""
        if not self._asked or self.shut:
            return
        if not self._pages:
            self.reload()
            return
        for number in self._seen():
            page = self._pages[number]
            what: object = "first" if number == 0 and self._newer is None else id(page)
            self._again = self._again or what in self._on_the_way
            take = self._merge if what == "first" else partial(self._refill, page)
            self._ask(what, page.after, page.before, take, PAGE if what == "first" else max(1, page.count))

    def action_last(self) -> None:
        """To the last row: of all, where the gate can begin there."""
        if self._older is None:
            super().action_last()
        elif self._both_ways:
            self.reload(END)
        else:
            self.run_worker(self._to_the_end(self._edition), group="end", exclusive=True)

    async def _to_the_end(self, edition: int) -> None:
        """Page after page, in large ones, where the gate cannot begin at the end. News that come meanwhile are taken,
        and nothing is let go of that is on the way there."""
        self._walks = True
        try:
            while (older := self._older) is not None:
                answer = await self._fetch(older, None, LARGEST)
                if edition != self._edition:
                    return
                self._append(older, answer)
                self.changed()
                self.post_message(self.Loaded(self))
        except GateError as error:
            self.post_message(self.Failed(self, error))
            return
        finally:
            self._walks = False
        self.cursor = self.total - 1

    def action_first(self) -> None:
        """To the first row of all."""
        if self._newer is not None:
            self.reload()
        else:
            super().action_first()
            self.renew()

    def _ask(
        self, what: object, after: str | None, before: str | None, take: Callable[[Rows], None], limit: int = PAGE
    ) -> None:
        if what in self._on_the_way:
            return
        self._on_the_way.add(what)
        self.run_worker(self._bring(what, self._edition, after, before, limit, take), group="pages")

    async def _bring(
        self,
        what: object,
        edition: int,
        after: str | None,
        before: str | None,
        limit: int,
        take: Callable[[Rows], None],
    ) -> None:
        try:
            answer = await self._fetch(after, before, limit)
        except GateError as error:
            if edition == self._edition:
                self._on_the_way.discard(what)
                self._failed = _unknown(error)
                self.refresh()
                self.post_message(self.Failed(self, error))
            return
        if edition != self._edition:
            return
        self._on_the_way.discard(what)
        self._failed = ""
        take(answer)
        self.old = False
        self.changed()
        self._look_ahead()
        self.post_message(self.Loaded(self))
        if self._again and not self._on_the_way:
            self._again = False
            self.renew()

    # --- taking ---------------------------------------------------------------------------------------------------

    def _begin(self, before: str | None, answer: Rows) -> None:
        """This page alone; the cursor stays on its row where that is in it."""
        self._edition += 1  # what is still on the way belongs to the pages that go
        self._on_the_way.clear()
        known = field_of(self.row, self.key_of) if self.row and self.cursor and before is None else None
        self._pages = [_Page(None, before, answer)]
        self._older, self._newer = answer.next, answer.prev if before is not None else None
        self._number()
        found = next((place for place, row in enumerate(answer.items) if field_of(row, self.key_of) == known), None)
        at = len(answer.items) - 1 if before is not None else 0
        self.set_reactive(RowsTable.cursor, at if known is None or found is None else found)
        self.call_after_refresh(self._show_cursor)

    def _merge(self, answer: Rows) -> None:
        """The newest page again: news go above, what is known is made new, and the place is kept."""
        first = self._pages[0]
        keys = {field_of(row, self.key_of) for row in answer.items}
        top = field_of(first.rows[0], self.key_of) if first.rows else None
        if top not in keys and self.cursor > 0 and self._read_back():
            return
        if top not in keys or answer.next is None:  # nothing joins them, or all is in this page
            self._begin(None, answer)
            return
        rest = [row for row in first.rows or () if field_of(row, self.key_of) not in keys]
        self._pages[0] = _Page(None, None, answer)
        if rest:
            self._push_down(answer.next, rest)
        grown = len(answer.items) + len(rest) - first.count
        self._number()
        if self.cursor > 0 and grown:
            self._shift(grown)
        self._forget_far(self._pages[0])
        self._drop_tail()

    def _push_down(self, after: str, rest: list[Row]) -> None:
        """What the news took out of the first page: with the rows below in one page, while they are few."""
        below = self._pages[1] if len(self._pages) > 1 else None
        # Another page in any case: what is still on the way for the one below is no answer for both.
        if below is not None and below.rows is not None and len(rest) + below.count <= PAGE:
            self._pages[1] = _Page(after, None, Rows([*rest, *below.rows], None, None))
        else:
            self._pages.insert(1, _Page(after, None, Rows(rest, None, None)))

    def _drop_tail(self) -> None:
        """A list that is left open on its newest rows does not grow: pages far below go, places and all."""
        if len(self._pages) <= 2 * WINDOW or self._walks:
            return
        far = range(WINDOW, len(self._pages))
        cut = next((number for number in far if self._pages[number].after is not None), None)
        if cut is None or max(self.cursor, self.visible_rows().stop) >= self._starts[cut]:
            return
        self._older = self._pages[cut].after
        del self._pages[cut:], self._starts[cut:]

    def _refill(self, page: _Page, answer: Rows) -> None:
        """A page that was let go of, or may have changed; its rows may have become fewer."""
        if page not in self._pages:  # it went while this was on the way
            return
        page.rows, page.count = answer.items, len(answer.items)
        self._number()
        self._forget_far(page)

    def _refill_first(self, answer: Rows) -> None:
        """The first page, read back from the second: there may be news above it by now."""
        self._refill(self._pages[0], answer)
        self._newer = answer.prev

    def _append(self, place: str, answer: Rows) -> None:
        if place != self._older:  # the end is another one by now
            return
        self._pages.append(_Page(place, None, answer))
        self._older = answer.next
        self._number()
        self._forget_far(self._pages[-1])

    def _prepend(self, place: str, answer: Rows) -> None:
        self._pages.insert(0, _Page(None, place, answer))
        self._newer = answer.prev
        self._number()
        self._forget_far(self._pages[0])
        self._shift(len(answer.items))

    def _number(self) -> None:
        self._starts = [0, *accumulate(page.count for page in self._pages)][:-1]

    def _shift(self, by: int) -> None:
        """Rows came in above: cursor and view stay on what they were on."""
        self.set_reactive(RowsTable.cursor, self.cursor + by)
        self.changed()
        self.scroll_to(y=self.scroll_offset.y + by, animate=False, force=True)

    def _forget_far(self, page: _Page) -> None:
        at, seen = self._pages.index(page), self._seen()
        held = [number for number, each in enumerate(self._pages) if each.rows is not None]
        for far in sorted(held, key=lambda number: (number not in seen, abs(number - at)))[WINDOW:]:
            self._pages[far].rows = None

    # --- looking ahead --------------------------------------------------------------------------------------------

    def _seen(self) -> range:
        """Numbers of the pages on the screen."""
        seen = self.visible_rows()
        first = max(0, bisect_right(self._starts, seen.start) - 1)
        return range(first, max(first, bisect_right(self._starts, max(0, seen.stop - 1)) - 1) + 1)

    def _look_ahead(self) -> None:
        """What is on the screen, one page before and one behind."""
        if not self._pages:
            return
        seen = self._seen()
        for number in (*seen, seen.stop, seen.start - 1):
            if number == len(self._pages) and (older := self._older) is not None:
                self._ask("older", older, None, partial(self._append, older))
            elif number == -1 and (newer := self._newer) is not None:
                self._ask("newer", None, newer, partial(self._prepend, newer))
            elif 0 <= number < len(self._pages) and self._pages[number].rows is None:
                self._fetch_again(number)

    def _fetch_again(self, number: int) -> None:
        """A page that was let go of."""
        page = self._pages[number]
        limit = min(LARGEST, max(1, page.count))
        if number > 0 or self._newer is not None or page.before is not None:
            self._ask(id(page), page.after, page.before, partial(self._refill, page), limit)
        elif not self._read_back():
            self._ask("first", None, None, partial(self._begin, None))

    def _read_back(self) -> bool:
        """Ask for the first page by the second, whatever came above it since; False where the gate has no way."""
        if not self._both_ways or len(self._pages) < 2 or self._pages[1].prev is None:
            return False
        self._ask("first again", None, self._pages[1].prev, self._refill_first, max(1, self._pages[0].count))
        return True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch what comes into sight."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._look_ahead()

    def watch_cursor(self, old: int, new: int) -> None:
        """Likewise."""
        super().watch_cursor(old, new)
        self._look_ahead()


PAGES_AT_ONCE = 20
"""Pages that are looked through for one, before what was found is shown."""


async def compared(
    columns: Sequence[Column[Any]],
    text: str,
    fetch: Fetch,
    after: str | None,
    limit: int,
    by: Sequence[tuple[Column[Any], str]] = (),
    *,
    whole: bool = False,
) -> Rows:
    """Rows that show every word of ``text``, and in each column of ``by`` what is looked for there, of a list that the
    gate cannot look through so: from ``after`` on, with ``whole`` to its end."""
    words = text.casefold().split()
    found: list[Row] = []
    for looked in count(1):
        page = await fetch(after, None, LARGEST)
        found += [
            row
            for row in page.items
            if fits(row, columns, words) and all(word in each.show(row)[0].casefold() for each, word in by)
        ]
        after = page.next
        if after is None or (not whole and (len(found) >= limit or looked >= PAGES_AT_ONCE)):
            break
    return Rows(found, after)


def fits(row: Row, columns: Sequence[Column[Any]], words: Sequence[str]) -> bool:
    """The row shows every one of these words, which are in small letters."""
    shown = " ".join(column.show(row)[0] for column in columns).casefold()
    return all(word in shown for word in words)


class MarkedTable(PagedTable):
    """``marked``: the rows that are marked, by their key, in the order in which they were."""

    BINDINGS: ClassVar[list[BindingType]] = keys.MARKS

    class Marked(Message):
        """Others are marked than before."""

    def __init__(self, columns: Sequence[Column[Any]], fetch: Fetch, **extra: Any) -> None:
        super().__init__(columns, fetch, **extra)
        self.marked: dict[str, Row] = {}

    @property
    def chosen(self) -> Sequence[Row]:
        """What is acted on: the marked rows; where none is, the one under the cursor."""
        return list(self.marked.values()) or ([self.row] if self.row else [])

    @property
    def spoken(self) -> str:
        """The row as it is read aloud, and whether it is marked."""
        return f"{'Marked: ' if self.row and self.is_marked(self.row) else ''}{super().spoken}"

    def beside(self, row: Row) -> str:
        """A mark."""
        return "●" if self.is_marked(row) else ""

    def is_marked(self, row: Row) -> bool:
        """It is acted on with the others."""
        return str(field_of(row, self.key_of)) in self.marked

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away; on to the next."""
        row = self.row
        if row is None:
            return
        key = str(field_of(row, self.key_of))
        if self.marked.pop(key, None) is None:
            self.marked[key] = row
        self._changed()
        self.cursor += 1

    def unmark(self) -> None:
        """Take all marks away."""
        if self.marked:
            self.marked.clear()
            self._changed()

    def _changed(self) -> None:
        self.refresh()
        self.post_message(self.Marked())
