"""Details as one text: sections of ``label: value``, lines, each with its tone. Nothing in it is markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from console import keys
from console.theme import TONES
from console.words import Shown


@dataclass(frozen=True)
class Section:
    """A heading, ``pairs`` under it, then ``lines``."""

    heading: str
    pairs: Sequence[tuple[str, Shown]] = ()
    lines: Sequence[Shown] = field(default=())


class Report(Widget):
    """The sections, as high as they are."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"report--heading", "report--label", *(f"report--{tone}" for tone in TONES)}
    DEFAULT_CSS = """
    Report { height: auto; padding: 0 1; }
    Report .report--heading { color: $primary; text-style: bold; }
    Report .report--label { color: $muted; }
    Report .report--ok { color: $success; }
    Report .report--bad { color: $error; }
    Report .report--warn { color: $warning; }
    Report .report--dim { color: $muted; }
    Report .report--loud { color: $accent; text-style: bold; }
    """

    def __init__(self, sections: Iterable[Section] = (), **extra: Any) -> None:
        super().__init__(**extra)
        self._sections = tuple(sections)

    def show(self, sections: Iterable[Section]) -> None:
        """Show these."""
        self._sections = tuple(sections)
        self.refresh(layout=True)

    @property
    def plain(self) -> str:
        """The whole as plain text."""
        return self.render().plain

    def render(self) -> Text:
        """All of it; long values go on under themselves, and a label too long for its column stands on its own line."""
        whole = Text()
        width = (self.size.width or 80) - 2
        names = (len(name) for each in self._sections for name, _ in each.pairs)
        label = max((each for each in names if each <= width * 2 // 5), default=0) + 2
        room = max(20, width - label)
        for place, section in enumerate(self._sections):
            whole.append("\n" if place else "")
            if section.heading:
                whole.append(section.heading + "\n", self._part_style("heading"))
            for name, (value, tone) in section.pairs:
                head, shown = name.ljust(label), _hanging(value, room, label)
                if len(name) > label and len(name) + 2 + len(value) <= width:
                    head, shown = f"{name}  ", value
                elif len(name) > label:
                    head = f"{name}\n{' ' * label}"
                whole.append(head, self._part_style("label"))
                whole.append(shown + "\n", self._part_style(tone))
            for value, tone in section.lines:
                whole.append(value + "\n", self._part_style(tone))
        whole.right_crop(1)
        return whole

    def _part_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"report--{name}", partial=True) if name else Style.null()


def _hanging(value: str, room: int, indent: int) -> str:
    lines: list[str] = []
    for word in value.split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += " " + word
        else:
            while len(word) > room:
                lines.append(word[:room])
                word = word[room:]  # noqa: PLW2901 - what is left of it
            lines.append(word)
    return ("\n" + " " * indent).join(lines)


class ReportScroll(VerticalScroll):
    """A report that scrolls with the table's keys."""

    BINDINGS: ClassVar[list[BindingType]] = keys.REPORT
    DEFAULT_CSS = "ReportScroll { height: 1fr; scrollbar-size-vertical: 1; }"
