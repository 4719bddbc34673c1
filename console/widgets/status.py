"""The two lines at the top: the modes, and what is true of the gate at this moment, each as a word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from console import words
from console.feed import Link, Session
from console.keys import MODES
from console.theme import BAD, DIM, OK, PLAIN, TONES, WARN
from gate.core.rows.calls import LiveNow, LogBrief

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.attention import Attention
    from gate.operations.audit.leaves import MomentShown

FRESH_SECONDS = 5
"""What the gate said is called fresh for so long."""


def pieces(
    link: Link,
    session: Session,
    snapshot: LiveNow | None,
    heard_at: datetime | None,
    now: datetime,
    attention: Sequence[Attention] = (),
    *,
    short: bool,
) -> list[tuple[str, str]]:
    """What the status line says, in its order, each with its tone; ``short`` to fit into 80 columns."""
    since = words.age(now - link.since)
    if link.up is None:
        said = [("asking the gate", WARN)]
    elif link.up and snapshot and (refusing := snapshot.not_ready):
        more = f" +{len(refusing) - 1}" * (len(refusing) > 1)
        said = [(f"gate REFUSES: {words.reason(refusing[0])[0]}{more}", BAD)]
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
    if attention:
        said.append((_attention(attention, 20 if short else 60), BAD))
    said += [words.register_line(row, short=short) for row in (snapshot.registers if snapshot else ())]
    said.append((session.role or "role not told", PLAIN if session.role else DIM))
    said.append(_log(snapshot.log) if snapshot else ("log not known", DIM))
    return said


def key_held(left: float) -> list[tuple[str, str]]:
    """How long a private key stays open here; nothing where none is."""
    return [(f"key open {words.length(left)[0]}", WARN)] if left else []


def pieces_then(moment: MomentShown, *, short: bool) -> list[tuple[str, str]]:
    """What it says of a moment: that all is as of then, the checkpoint that proves it, what was erased since."""
    head = moment.checkpoint
    said = [(f"AS OF {words.moment(moment.at)[0]}", BAD), ("read only", WARN)]
    if head is None:
        said.append(("no checkpoint over it yet", WARN))
    else:
        said.append((f"{'checkpoint' if short else 'proven by the checkpoint over'} {head.size:,}", OK))
    if moment.twice:
        said.append(("the clock passed it twice", WARN))
    if moment.erased:
        said.append((words.many(len(moment.erased), "erasure") + " since", WARN))
    if moment.late:
        said.append((f"{len(moment.late)} entered late", WARN))
    return [*said, ("@", PLAIN)]


def _attention(found: Sequence[Attention], room: int) -> str:
    """``! OVERDUE, keys, sweep waits``; what has no room is counted."""
    names = list(dict.fromkeys(each.word for each in found))
    for shown in range(len(names), 0, -1):
        more = len(names) - shown
        text = "! " + ", ".join(names[:shown]) + (f" +{more}" if more else "")
        if len(text) <= room:
            return text
    return f"! {len(names)} things"


def _log(log: LogBrief) -> tuple[str, str]:
    if not log.verified_at:
        return "log never verified", WARN
    if log.verified_ok is False:
        return f"LOG DID NOT HOLD {words.lately(log.verified_at)}", BAD
    return f"log verified {words.lately(log.verified_at)}", PLAIN


class StatusLine(Widget):
    """Reads the feed of its app, once a second and when something is told; drawn anew where it says something else."""

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

    app: ConsoleApp

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.said = ""
        """The lower line as plain text."""
        self._drawn: list[tuple[str, str]] = []

    def on_mount(self) -> None:
        """The ages in it grow by themselves."""
        self.set_interval(1.0, self.look)

    def look(self) -> None:
        """Draw what has changed. Behind a dialog the whole screen is drawn with it: nothing is for nothing."""
        if self._pieces() != self._drawn:
            self.refresh()

    def _pieces(self) -> list[tuple[str, str]]:
        feed, now, short = self.app.feed, self.app.feed.now(), self.content_size.width < 100
        words.it_is(now)
        opener = self.app.setup.opener
        here = [("TRAINING, made up", BAD)] if self.app.setup.training else []
        here += key_held(opener.left() if opener is not None else 0.0)
        if feed.moment is not None:
            return here + pieces_then(feed.moment, short=short)
        return here + pieces(
            feed.link, feed.session, feed.snapshot, feed.heard_at, now, self.app.attention, short=short
        )

    def render(self) -> Text:
        """Both lines."""
        width = self.content_size.width
        told = self._drawn = self._pieces()
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
        """A mode's name goes there; what must be seen to is listed."""
        if event.y == 1 and self.app.attention:
            at = 1
            for text, _ in self._drawn:
                if at <= event.x < at + cell_len(text) and text.startswith("! "):
                    self.app.action_attention()
                at += cell_len(text) + 3
        if event.y != 0:
            return
        at = 1
        for _, name, label in _labels(self.content_size.width):
            if at <= event.x < at + len(label):
                self.app.run_worker(self.app.run_action(f"mode('{name}')"))
                return
            at += len(label) + 1


_SHORT = {"recordings": "Recorded"}
"""So that all of them fit into 80 columns."""


def _labels(width: int) -> list[tuple[int, str, str]]:
    """Place, name and label of each mode: as much of it as fits."""
    for between, names, length in ((" ", {}, 99), ("", {}, 99), ("", _SHORT, 99), ("", _SHORT, 4), ("", _SHORT, 0)):
        labels = [
            (place, name, f"{place}{between}{names.get(name, name.capitalize())[:length]}")
            for place, name in enumerate(MODES)
        ]
        if sum(len(label) + 1 for _, _, label in labels) - 1 <= width:
            break
    return labels
