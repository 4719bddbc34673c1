"""Questions in a dialog. A passphrase is typed unseen, handed on and cleared; nothing of it stays in a widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Label, Static

from console import keys
from console.widgets.dialog import DIALOG_CSS, Dialog


@dataclass(frozen=True)
class Field:
    """One thing to fill in."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    secret: bool = False
    needed: bool = True


class Ask(Dialog[Mapping[str, str] | None]):
    """Fill in some fields; None where it was left. Enter goes on to the next field, at the last it answers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.DIALOG,
        # Before any field sees them: what is typed next is never put into the field before, a passphrase least of all.
        Binding("enter", "enter", show=False, priority=True),
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    DEFAULT_CSS = f"""
    Ask {{ {DIALOG_CSS} }}
    Ask > Vertical {{ width: 72; max-width: 96%; height: auto; max-height: 94%; background: $surface;
        border: round $primary; padding: 0 1; }}
    Ask VerticalScroll {{ height: auto; max-height: 14; }}
    Ask .dialog-title {{ text-style: bold; color: $primary; }}
    Ask Input {{ padding: 0 1; background: $panel; }}
    Ask Input:focus {{ background: $primary 25%; }}
    Ask .dialog-fault {{ color: $error; height: auto; }}
    Ask Horizontal {{ height: 1; align-horizontal: right; }}
    Ask Button {{ margin-left: 2; }}
    """

    def __init__(self, title: str, fields: Sequence[Field], *, said: str = "", act: str = "OK") -> None:
        super().__init__()
        self._title = title
        self._fields = tuple(fields)
        self._said = said
        self._act = act

    def compose(self) -> ComposeResult:
        """Title, what is said, the fields, the buttons."""
        with Vertical():
            yield Static(self._title, classes="dialog-title", markup=False)
            if self._said:
                yield Static(self._said, markup=False)
            with VerticalScroll(can_focus=False):
                for field in self._fields:
                    yield Label(field.label, markup=False)
                    yield Input(
                        field.value,
                        placeholder=field.hint,
                        password=field.secret,
                        id=field.name,
                        select_on_focus=False,
                        compact=True,
                    )
            yield Static("", classes="dialog-fault", markup=False)
            with Horizontal():
                yield Button("Cancel", id="dialog-cancel", compact=True)
                yield Button(self._act, id="dialog-ok", variant="primary", compact=True)

    def on_mount(self) -> None:
        """The first field that is empty."""
        inputs = list(self.query(Input))
        if inputs:
            self.set_focus(next((each for each in inputs if not each.value), inputs[0]))

    def action_enter(self) -> None:
        """On to the next field; at the last one done, when the letters that it was sent are in it."""
        inputs = list(self.query(Input))
        if isinstance(self.focused, Button):
            self.focused.press()
        elif self.focused in inputs[:-1]:
            self.set_focus(inputs[inputs.index(self.focused) + 1])
        elif self.focused is not None:
            self.focused.call_later(self._answer)

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

    def _answer(self) -> None:
        if self.answered:  # by an Enter before: the fields are gone
            return
        values = {field.name: self.query_one(f"#{field.name}", Input).value for field in self._fields}
        missing = [field for field in self._fields if field.needed and not values[field.name].strip()]
        if missing:
            self.query_one(".dialog-fault", Static).update(f"{missing[0].label}: is needed.")
            self.query_one(f"#{missing[0].name}", Input).focus()
            return
        self._clear_secrets()
        self.dismiss(values)

    def _clear_secrets(self) -> None:
        for field in self._fields:
            if field.secret:
                self.query_one(f"#{field.name}", Input).value = ""
