"""The two lines at the top: the modes, and what is true of the gate at this moment, each as a word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from console import words
from console.feed import Link, Session
from console.keys import MODES
from console.theme import BAD, DIM, OK, PLAIN, TONES, WARN

FRESH_SECONDS = 5
"""What the gate said is called fresh for so long."""


def pieces(
    link: Link, session: Session, snapshot: Mapping[str, Any], heard_at: datetime | None, now: datetime, *, short: bool
) -> list[tuple[str, str]]:
    """What the status line says, in its order, each with its tone; ``short`` to fit into 80 columns."""
    since = words.age(now - link.since)
    if link.up is None:
        said = [("asking the gate", WARN)]
    elif link.up:
        said = [("gate up", OK)]
    else:
        said = [(f"gate AWAY {since}", BAD)]
    if heard_at is None:
        said.append(("no data yet", WARN))
    else:
        old = now - heard_at
        said.append(
            (f"data {words.age(old)}{'' if short else ' old'}", PLAIN if old.total_seconds() <= FRESH_SECONDS else WARN)
        )
    said += [words.register_line(row, short=short) for row in snapshot.get("registers") or ()]
    said.append((session.role or "role not told", PLAIN if session.role else DIM))
    said.append(_log(snapshot.get("log") or {}, now))
    return said


def _log(log: Mapping[str, Any], now: datetime) -> tuple[str, str]:
    at = log.get("verified_at")
    if not at:
        return "log never verified", WARN
    if log.get("verified_ok") is False:
        return f"LOG DID NOT HOLD {_when(at, now)}", BAD
    return f"log verified {_when(at, now)}", PLAIN


def _when(stamp: str, now: datetime) -> str:
    shown = words.moment(stamp)[0]
    today = words.moment(now.isoformat())[0][:6]
    return shown[7:12] if shown[:6] == today else shown[:6]


class StatusLine(Widget):
    """Reads the feed of its app; drawn anew once a second and when something is told."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status--mode",
        "status--here",
        "status--bar",
        *(f"status--{tone}" for tone in TONES),
    }
    DEFAULT_CSS = """
    StatusLine { height: 2; padding: 0 1; background: $panel; }
    StatusLine .status--mode { color: $muted; }
    StatusLine .status--here { color: $accent; text-style: bold reverse; }
    StatusLine .status--bar { color: $foreground; }
    StatusLine .status--ok { color: $success; }
    StatusLine .status--bad { color: $error; text-style: bold; }
    StatusLine .status--warn { color: $warning; }
    StatusLine .status--dim { color: $muted; }
    StatusLine .status--loud { color: $accent; }
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.said = ""
        """The lower line as plain text."""

    def on_mount(self) -> None:
        """The ages in it grow by themselves."""
        self.set_interval(1.0, self.refresh)

    def render(self) -> Text:
        """Both lines."""
        feed = self.app.feed  # type: ignore[attr-defined]
        width = self.content_size.width
        told = pieces(feed.link, feed.session, feed.snapshot, feed.heard_at, feed.now(), short=width < 100)
        lower = Text(no_wrap=True, overflow="ellipsis")
        for place, (text, tone) in enumerate(told):
            piece = f"{' · ' if place else ''}{text}"
            if lower.cell_len + len(piece) > width and place > 1:
                lower.append(" …", self._style(DIM))
                break
            lower.append(" · " if place else "", self._style(DIM))
            lower.append(text, self._style(tone))
        self.said = lower.plain
        return Text("\n", no_wrap=True).join([self._modes(width), lower])

    def _modes(self, width: int) -> Text:
        line = Text(no_wrap=True, overflow="crop")
        for _, name, label in _labels(width):
            style = self.get_component_rich_style("status--here" if name == self.mode else "status--mode", partial=True)
            line.append(" " if line else "")
            line.append(label, style)
        return line

    def _style(self, tone: str) -> Style:
        return self.get_component_rich_style(f"status--{tone}" if tone else "status--bar", partial=True)

    def on_click(self, event: Any) -> None:
        """A mode's name goes there."""
        if event.y != 0:
            return
        at = 1
        for _, name, label in _labels(self.content_size.width):
            if at <= event.x < at + len(label):
                self.app.run_worker(self.app.run_action(f"mode('{name}')"))
                return
            at += len(label) + 1


def _labels(width: int) -> list[tuple[int, str, str]]:
    """Place, name and label of each mode: as much of it as fits."""
    for between, length in ((" ", 99), ("", 99), ("", 4), ("", 0)):
        labels = [
            (place, name, f"{place}{between}{name.capitalize()[:length]}") for place, name in enumerate(MODES, start=1)
        ]
        if sum(len(label) + 1 for _, _, label in labels) - 1 <= width:
            break
    return labels
