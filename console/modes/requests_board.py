"""The board of requests: a column for each part of their life, a card for each request, the one due first on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from console import keys
from console.modes import request_shown as shown
from console.theme import DIM, LOUD, PLAIN, TONES
from console.widgets.rows import message_line
from gate.operations.requests.standing import Standing
from gate.showing import clean

NARROWEST = 18
"""Cells of a column, at least."""
CARD = 4
"""Lines of a card, with the empty one under it."""
Place = tuple[int, int]
"""Column and card."""


class Board(Widget, can_focus=True):
    """Columns side by side, as many as fit; one card has the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = keys.BOARD
    COMPONENT_CLASSES: ClassVar[set[str]] = {"board--heading", "board--cursor", *(f"board--{tone}" for tone in TONES)}
    DEFAULT_CSS = """
    Board { height: 1fr; padding: 0 1; background: $background; }
    Board .board--heading { color: $primary; text-style: bold; }
    Board .board--cursor { background: $panel; }
    Board:focus .board--cursor { background: $cursor; text-style: bold; }
    Board .board--ok { color: $success; }
    Board .board--bad { color: $error; text-style: bold; }
    Board .board--warn { color: $warning; }
    Board .board--dim { color: $muted; }
    Board .board--loud { color: $accent; text-style: bold; }
    Board.-old .board--ok, Board.-old .board--bad, Board.-old .board--warn, Board.-old .board--loud {
        color: $muted; text-style: none; }
    """

    at: reactive[Place] = reactive((0, 0))

    class Moved(Message):
        """The cursor is on another card."""

    class Opened(Message):
        """Enter, or a second click."""

    def __init__(self, **extra: Any) -> None:
        super().__init__(**extra)
        self.columns: list[list[Standing]] = [[] for _ in shown.PLACES]
        self.saying = "Loading…"
        """The text where there is no card."""
        self.known = False
        """How many there are was told."""
        self._first = 0
        """The first column that is seen."""
        self._tops = [0] * len(shown.PLACES)
        """The first card that is seen in each."""

    def show(self, rows: Sequence[Standing], none: str, *, told: bool = True) -> None:
        """Show these; the cursor stays on its request, wherever that is now. ``told``: that is all there are."""
        known, self.known = self.row, told
        self.columns = [[row for row in rows if row.state in states] for _, states in shown.PLACES]
        self.saying = none
        places = {row.id: (column, card) for column, cards in enumerate(self.columns) for card, row in enumerate(cards)}
        here = places.get(known.id) if known else None
        self.at = here or self._near(self.at)
        self._follow()
        self.refresh()
        self.post_message(self.Moved())

    @property
    def row(self) -> Standing | None:
        """The request under the cursor."""
        column, card = self.at
        return self.columns[column][card] if card < len(self.columns[column]) else None

    @property
    def spoken(self) -> str:
        """The card under the cursor as it is read aloud; what is said where there is none."""
        row = self.row
        if row is None:
            return self.saying
        return ", ".join([shown.PLACES[self.at[0]][0], *(text for text, _ in _lines(row))])

    # --- moving ---------------------------------------------------------------------------------------------------

    def _near(self, place: Place) -> Place:
        """The nearest card to a place, in the nearest column that has one."""
        column, card = place
        if not self.columns[column]:
            filled = [each for each, cards in enumerate(self.columns) if cards]
            column = min(filled, key=lambda each: abs(each - column), default=column)
        return column, max(0, min(card, len(self.columns[column]) - 1))

    def watch_at(self) -> None:
        """Keep the cursor in sight."""
        self._follow()
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Another number of columns and cards is seen."""
        self._follow()

    def _follow(self) -> None:
        column, card = self.at
        count = len(self.seen)
        self._first = max(min(self._first, column, len(shown.PLACES) - count), column - count + 1, 0)
        high = self._high
        self._tops[column] = max(0, min(self._tops[column], card), card - high + 1)

    @property
    def _columns_fit(self) -> int:
        return max(1, min(len(shown.PLACES), self.content_size.width // (NARROWEST + 1)))

    @property
    def seen(self) -> range:
        """Columns that are seen."""
        return range(self._first, min(len(shown.PLACES), self._first + self._columns_fit))

    @property
    def _high(self) -> int:
        """Cards that are seen below each other."""
        return max(1, (self.content_size.height - 2) // CARD)

    def action_column(self, by: int) -> None:
        """To the next column that has a card."""
        column, card = self.at
        column += by
        while 0 <= column < len(self.columns) and not self.columns[column]:
            column += by
        if 0 <= column < len(self.columns):
            self.at = self._near((column, card))

    def action_card(self, by: int) -> None:
        """Move the cursor by so many cards."""
        column, card = self.at
        self.at = self._near((column, max(0, card + by)))

    def action_screen(self, by: int) -> None:
        """Move the cursor by a screen of cards."""
        self.action_card(by * self._high)

    def action_first(self) -> None:
        """Go to the card that is due first."""
        self.at = self._near((self.at[0], 0))

    def action_last(self) -> None:
        """Go to the card that is due last."""
        self.at = self._near((self.at[0], len(self.columns[self.at[0]])))

    def action_open(self) -> None:
        """Open the card."""
        if self.row is not None:
            self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; a second click opens."""
        x, y = event.x - self.gutter.left, event.y - self.gutter.top
        column = self._first + x // self._width
        if y < 1 or column not in self.seen:
            return
        card = self._tops[column] + (y - 1) // CARD
        if card < len(self.columns[column]) and (y - 1) // CARD < self._high:
            self.at = (column, card)
            if event.chain == 2:
                self.action_open()

    # --- drawing --------------------------------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        """Cells of a column, with the gap behind it."""
        return max(1, self.content_size.width // len(self.seen))

    def render_line(self, y: int) -> Strip:
        """Headings, cards, and what is not seen."""
        height, width = self.content_size.height, self.content_size.width
        if y == 0:
            segments = self._headings()
        elif y == height - 1:
            segments = self._beyond()
        elif not any(self.columns):
            segments = [Segment(message_line(self.saying, y, width), self._style(DIM))]
        else:
            segments = [segment for column in self.seen for segment in self._cell(column, y - 1)]
        return Strip(segments).adjust_cell_length(width, self.rich_style).apply_style(self.rich_style)

    def _headings(self) -> list[Segment]:
        style = self.get_component_rich_style("board--heading", partial=True)
        return [Segment(_fit(f" {self._named(range(column, column + 1))}", self._width), style) for column in self.seen]

    def _beyond(self) -> list[Segment]:
        """What lies outside: columns to the left and right, cards below."""
        before, behind = range(self._first), range(self.seen.stop, len(shown.PLACES))
        below = [
            f"{shown.PLACES[column][0]} {more} ↓"
            for column in self.seen
            if (more := len(self.columns[column]) - self._tops[column] - self._high) > 0
        ]
        pieces = [f"← {self._named(before)}" if before else "", f"more: {', '.join(below)}" if below else ""]
        pieces.append(f"→ {self._named(behind)}" if behind else "")
        return [Segment(" " + "   ".join(piece for piece in pieces if piece), self._style(DIM))]

    def _named(self, columns: range) -> str:
        counts = {each: f" {len(self.columns[each])}" if self.known else "" for each in columns}
        return ", ".join(f"{shown.PLACES[each][0]}{count}" for each, count in counts.items())

    def _cell(self, column: int, y: int) -> list[Segment]:
        width, number = self._width, y // CARD
        card = self._tops[column] + number
        if number >= self._high or card >= len(self.columns[column]) or y % CARD == CARD - 1:
            return [Segment(" " * width)]
        here = (column, card) == self.at
        text, tone = _lines(self.columns[column][card])[y % CARD]
        style = self._style(tone)
        if here:
            cursor = self.get_component_rich_style("board--cursor")
            style = cursor + Style(color=style.color, bold=style.bold)
        return [Segment(_fit(("▌" if here else " ") + text, width - 1), style), Segment(" ")]

    def _style(self, tone: str) -> Style:
        return self.get_component_rich_style(f"board--{tone}", partial=True) if tone else Style.null()


def _lines(row: Standing) -> list[tuple[str, str]]:
    """A card: the reference, what is asked and by whom, how long there is."""
    name = shown.name(row)[0]
    who = "" if name == "-" else f", {name}"
    return [(clean(row.reference), LOUD), (f"{shown.asks(row)[0]}{who}", PLAIN), shown.left(row)]


def _fit(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, max(0, width))
    return set_cell_size(text, max(0, width - 1)) + "…"
