"""Questions in a dialog. A passphrase is typed unseen, handed on and cleared; nothing of it stays in a widget.

What was filled in is sent from here where the dialog is told how: whatever goes wrong is said in the dialog, which
keeps what was typed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from textwrap import shorten
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Label, Static

from console import keys
from console.widgets.choice import Choice
from console.widgets.dialog import DIALOG_CSS, Dialog, Line
from console.words import trouble
from gate.errors import GateError, KeyFileDamaged, OtherRecipient, StoppedError, UnansweredError, WrongPassphrase
from gate.operations.fields import Kind, RequestField, fields_of
from gate.operations.operation import Request

if TYPE_CHECKING:
    from console.app import ConsoleApp

YES, NO = "yes", "no"
NO_YES: Final = (NO, YES)

_LONGEST: Final = 330
"""Signs of a fault that are shown: with them what to do, and the buttons, are on a screen of 24 lines."""
_KEY_REFUSED: Final = (WrongPassphrase, OtherRecipient, KeyFileDamaged)
"""After these a passphrase may be typed at once: never into a field that shows it."""
_OPTION: Final = re.compile(r"--([a-z][a-z-]*)")
_PLACE: Final = re.compile(r"`\$\.(\w+)")
"""Where a request's value is wrong, in the words of msgspec."""
PATHS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("output", "folder"), True),
    **dict.fromkeys(("key", "file", "path", "checkpoints", "vkeys", "evidence_sha256"), False),
}
"""Names of the fields that take paths -> whether Tab completes folders alone, as what is written is new."""
_MOST_NAMES: Final = 10_000
"""Names of a folder that are looked at for a completion."""


@dataclass(frozen=True)
class Field:
    """One thing to fill in."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    secret: bool = False
    needed: bool = True
    choices: Sequence[str] = ()
    """The words that it takes; ``value`` is the one that holds at first. Empty: any text."""
    join: str = " "
    """What stands between lines that are pasted."""

    @classmethod
    def from_request(
        cls,
        request: type[Request[Any]],
        name: str,
        value: str = "",
        *,
        hint: str = "",
        needed: bool | None = None,
        choices: Sequence[str] = (),
    ) -> Field:
        """A field of a request: its label, its examples as a hint, its choices and default; others where they are
        given."""
        field = fields_of(request)[name]
        default = str(field.default or "") if field.kind in (Kind.TEXT, Kind.CHOICE) and not field.many else ""
        return cls(
            name,
            field.label,
            value or default,
            hint=hint or _hint(field),
            needed=field.needed or bool(default) if needed is None else needed,
            choices=choices or (NO_YES if field.kind is Kind.FLAG else field.choices),
            join=", " if field.many else " ",
        )


def _hint(field: RequestField) -> str:
    shown = ", ".join(field.examples) or ("with commas between" if field.many else "")
    if field.kind in (Kind.DAY, Kind.MOMENT):
        shown = "25/11, 25 Nov, yesterday"
    return "; ".join(filter(None, (shown, field.absent and f"empty: {field.absent}")))


def expanded(field: Field, text: str) -> str:
    """What was typed, with ``~`` and ``~name`` at the beginning of a path as the folder that they stand for."""
    if field.name not in PATHS:
        return text
    parts = text.split(",") if field.join == ", " else [text]
    return ", ".join(os.path.expanduser(each.strip()) for each in parts)  # noqa: PTH111 - which raises for a stranger


def completed(text: str, *, folders: bool = False) -> str:
    """A path that was begun, as far as all that is there and fits agrees; as it is where it is whole or nothing fits.

    ``folders``: only folders fit.
    """
    path = os.path.expanduser(text)  # noqa: PTH111
    folder, slash, begun = path.rpartition("/")
    if not begun or os.path.lexists(path):
        return text
    try:
        with os.scandir(folder + slash or ".") as found:
            fit = [
                each.name + ("/" if each.is_dir() else "")
                for each in islice(found, _MOST_NAMES)
                if each.name.startswith(begun) and each.name.isprintable() and (each.is_dir() or not folders)
            ]
    except OSError:
        return text
    if not fit:
        return text
    agreed = takewhile(lambda signs: signs[0] == signs[1], zip(min(fit), max(fit), strict=False))
    return text + "".join(sign for sign, _ in agreed)[len(begun) :]


Entered = Mapping[str, str]


def _short(field: Field) -> str:
    return field.label.partition(":")[0]


def _is_marked(field: Field) -> bool:
    """It can be left empty, and must not be."""
    return field.needed and not field.choices


class Ask(Dialog[Any]):
    """Fill in some fields; None where it was left. Enter goes on to the next field, at the last it answers.

    With ``send`` the answer is what that returned; where it raises a ``GateError`` the dialog says so and stays.
    """

    app: ConsoleApp
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.DIALOG,
        # Before any field sees them: what is typed next is never put into the field before, a passphrase least of all.
        Binding("enter", "enter", show=False, priority=True),
        Binding("tab", "next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    DEFAULT_CSS = f"""
    Ask {{ {DIALOG_CSS} }}
    Ask > Vertical {{ width: 72; max-width: 96%; height: auto; max-height: 94%; background: $surface;
        border: round $primary; padding: 0 1; }}
    Ask VerticalScroll {{ height: auto; max-height: 14; }}
    Ask.-high VerticalScroll {{ max-height: 24; }}
    Ask.-faulty.-low VerticalScroll {{ max-height: 8; }}
    Ask .dialog-title {{ text-style: bold; color: $primary; }}
    Ask Label {{ color: $muted; }}
    Ask Input, Ask Choice {{ width: 1fr; margin-left: 2; padding: 0 1; background: $panel; }}
    Ask Input:focus {{ background: $cursor; background-tint: transparent; }}
    Ask .dialog-fault {{ color: $error; height: auto; }}
    Ask Horizontal {{ height: 1; align-horizontal: right; }}
    Ask Horizontal Label {{ width: 1fr; }}
    Ask Button {{ margin-left: 2; }}
    """

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        *,
        said: str = "",
        act: str = "OK",
        send: Callable[[Entered], Awaitable[Any]] | None = None,
        ready: bool = False,
    ) -> None:
        """``ready``: where nothing is to be filled in, Enter does it; otherwise Cancel has the keys."""
        super().__init__()
        self._ready = ready
        self._title = title
        self._fields = tuple(fields)
        self._said = said
        self._act = act
        self._send = send
        self._sending = False
        self.takes_typed = bool(self._fields)

    def compose(self) -> ComposeResult:
        """Title, what is said, the fields, the buttons."""
        with Vertical():
            yield Static(self._title, classes="dialog-title", markup=False)
            if self._said:
                yield Static(self._said, markup=False)
            with VerticalScroll(can_focus=False):
                for field in self._fields:
                    yield Label(f"{field.label} *" if _is_marked(field) else field.label, markup=False)
                    if field.choices:
                        yield Choice(field.choices, field.value, id=field.name)
                        continue
                    yield Line(
                        field.value, join=field.join, placeholder=field.hint, password=field.secret, id=field.name
                    )
            yield Static("", classes="dialog-fault", markup=False)
            with Horizontal():
                yield Label("* needed" if any(map(_is_marked, self._fields)) else "")
                yield Button("Cancel", id="dialog-cancel", compact=True)
                yield Button(self._act, id="dialog-ok", variant="primary", compact=True)

    def _widgets(self) -> list[Line | Choice]:
        """What is filled in, in its order."""
        return [each for each in self.query("Line, Choice") if isinstance(each, Line | Choice)]

    def on_mount(self) -> None:
        """The first field that is empty."""
        asked = self._widgets()
        if asked:
            first = next((each for each in asked if not each.value), asked[0])
            self.set_focus(first, scroll_visible=first is not asked[0])  # whose label would be scrolled out of sight
        else:
            self.set_focus(self.query_one("#dialog-ok" if self._ready else "#dialog-cancel", Button))

    def action_enter(self) -> None:
        """On to the next field; at the last one done, when the letters that it was sent are in it."""
        asked = self._widgets()
        if isinstance(self.focused, Button):
            self.focused.press()
        elif self.focused in asked[:-1]:
            self.set_focus(asked[asked.index(self.focused) + 1])
        elif self.focused is not None:
            self.focused.call_later(self._answer)

    def action_next(self) -> None:
        """Complete the path that was begun; where there is nothing to add, or more was typed ahead, on to the next."""
        line = self.focused
        folders = PATHS.get(line.id or "") if line is not None else None
        if isinstance(line, Line) and folders is not None and not line.message_queue_size:
            many = any(field.name == line.id and field.join == ", " for field in self._fields)
            before, comma, last = line.value.rpartition(", ") if many else ("", "", line.value)
            whole = before + comma + completed(last, folders=folders)
            if whole != line.value:
                line.value = whole
                line.cursor_position = len(whole)
                return
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Either."""
        event.stop()
        if event.button.id == "dialog-ok":
            self._answer()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Answer nothing."""
        if self.answered:
            return
        self._clear_secrets()
        self.dismiss(None)

    def _values(self) -> dict[str, str]:
        """What was filled in, by the names of the fields."""
        typed = {each.id: each.value for each in self._widgets()}
        return {field.name: expanded(field, typed[field.name]) for field in self._fields}

    def _answer(self) -> None:
        if self.answered or self._sending:  # by an Enter before: the fields are gone
            return
        values = self._values()
        missing = [field for field in self._fields if field.needed and not values[field.name].strip()]
        if missing:
            self._show_fault(f"{missing[0].label}: is needed.", missing[0].name)
            return
        self._clear_secrets()
        if self._send is None:
            self.dismiss(values)
            return
        self._sending = True
        self._try(self._send, values)

    @work(group="send")
    async def _try(self, send: Callable[[Entered], Awaitable[Any]], values: Entered) -> None:
        self._show_fault("One moment…")
        feed = self.app.feed
        size = feed.leaves
        try:
            answer = await send(values)
        except UnansweredError as error:
            self._show_fault(f"Not known: {error.message}. It may have been taken: looking in the log…")
            self._show_fault(await feed.what_became(size))
            self._sending = False
            return
        except GateError as error:
            self._sending = False
            shown = shorten(error.message, _LONGEST, placeholder=" …")
            said = self._in_words(trouble(error).replace(error.message, shown, 1))
            what = "Stopped" if isinstance(error, StoppedError) else "Not taken"
            at_fault = "" if isinstance(error, _KEY_REFUSED) else self._at_fault(said)
            self._show_fault(f"{what}: {said}", at_fault or self._next_to_fill())
            return
        self.dismiss(answer)

    def _in_words(self, said: str) -> str:
        """A hint speaks of options as the command line has them: here they are fields. A command stays as it is."""
        if "dialgate " in said:
            return said
        labels = {field.name: _short(field) for field in self._fields}

        def label(option: re.Match[str]) -> str:
            name = option[1].replace("-", "_")
            return f"“{labels[name]}”" if name in labels else option[0]

        return _OPTION.sub(label, said)

    def _at_fault(self, said: str) -> str:
        """The field that a fault is about: by its place in the request, its text (of a path the folder too), the
        longest first, or its label."""
        place, names = _PLACE.search(said), [field.name for field in self._fields]
        if place and place[1] in names:
            return place[1]
        typed = [(text, field.name) for field in self._fields if not field.secret for text in self._texts(field)]
        for text, name in sorted(typed, key=lambda each: -len(each[0])):
            if repr(text) in said or (len(text) > 3 and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", said)):
                return name
        return next((field.name for field in self._fields if f"“{_short(field)}”" in said), "")

    def _texts(self, field: Field) -> list[str]:
        """How a fault may name what was typed into a field."""
        if field.choices:
            return []
        text = self._values()[field.name].strip()
        texts = [text, self.query_one(f"#{field.name}", Line).value.strip()]
        if field.name in PATHS and text:
            texts.append(os.path.dirname(os.path.abspath(text)))  # noqa: PTH100, PTH120 - no more than its text
        return [each for each in texts if each]

    def _next_to_fill(self) -> str:
        """The passphrase, which is to be typed again; else the first field that is empty, else the first."""
        secret = [field.name for field in self._fields if field.secret]
        empty = [each.id or "" for each in self._widgets() if not each.value]
        return next(iter([*secret, *empty, *(field.name for field in self._fields)]), "")

    def _show_fault(self, text: str, to: str = "") -> None:
        """Show what is wrong, and move the focus to the field with this id."""
        self.add_class("-faulty")
        for line in self.query(".dialog-fault").results(Static):  # none where the dialog was left meanwhile
            line.update(text)
        if to:
            for each in self.query(f"#{to}"):
                each.focus()

    def _clear_secrets(self) -> None:
        for field in self._fields:
            if field.secret:
                self.query_one(f"#{field.name}", Line).value = ""
