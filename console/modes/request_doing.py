"""What cannot be undone of a request: its grant, its erasure, the pack that is handed out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from console import words
from console.feed import on_thread
from console.modes.base import GateScreen
from console.modes.private_key import key_open
from console.modes.request_forms import filled
from console.theme import DIM, PLAIN, WARN
from console.widgets.ask import Field
from console.widgets.danger import Danger, Plan
from console.widgets.dialog import DIALOG_CSS, Dialog
from console.widgets.pick import Pick
from console.widgets.rows import Column
from console.widgets.working import worked
from gate.core.request_words import Asks, Ground
from gate.errors import GateError
from gate.operations.erasure.eraser import CarryOut
from gate.operations.erasure.plan import Carried
from gate.operations.keys.recipients import KeyList
from gate.operations.operation import Request
from gate.operations.requests.course import Decide
from gate.operations.requests.searching import ContentsOf
from gate.showing import clean

if TYPE_CHECKING:
    from gate.types import Progress

T = TypeVar("T")

GRANTED: Final = {
    Asks.ACCESS: "They get all that is held of them: make the pack with f, then the response with l.",
    Asks.ERASURE: "Their numbers become uncallable at once. Nothing is erased before f; a grant cannot be taken back.",
    Asks.OBJECTION: "Their numbers are not called for marketing from the next attempt on.",
    Asks.RESTRICTION: "Recordings with their numbers are closed: nobody plays, exports or erases them.",
    Asks.RECTIFICATION: "What is right is kept beside the record, with f; recordings and the log are never rewritten.",
    Asks.COMPLAINT: "The remark says what the complaint led to: it goes into the response.",
}
GROUNDS: Final = {
    Ground.LEGAL_OBLIGATION: "the law requires us to keep it",
    Ground.LEGAL_CLAIMS: "it is needed for a claim",
    Ground.CONTRACT: "it is needed for a contract with them",
    Ground.PROTECTION_OF_A_PARTY: "it is needed to protect somebody",
    Ground.RIGHTS_OF_OTHERS: "it would harm the rights of others",
    Ground.MANIFESTLY_UNFOUNDED: "it is manifestly unfounded or excessive",
    Ground.ACCURATE: "what is held is right as it is",
    Ground.IDENTITY_NOT_PROVEN: "nobody knows who asks",
    Ground.CANNOT_IDENTIFY: "nothing tells which data is theirs",
    Ground.REPRESENTATIVE: "they ask for somebody else, and have not shown that they may",
    Ground.NOT_LIVING: "the person has died",
    Ground.FEE: "the fee was not paid",
}


async def tried(screen: GateScreen, answer: Awaitable[T]) -> T | None:
    """The answer; None where there was none, which is said."""
    try:
        return await answer
    except GateError as error:
        screen.complain(error)
        return None


class _Option(NamedTuple):
    value: str
    means: str


async def choose(
    screen: GateScreen, title: str, what: str, options: Sequence[tuple[str, str]], *, said: str = ""
) -> str | None:
    """One of the options (value, what it means); None where it was left."""
    columns: Sequence[Column[_Option]] = (
        Column(
            what,
            max(cell_len(value) for value, _ in [*options, (what, "")]),
            lambda row: (row.value.replace("_", " "), PLAIN),
        ),
        Column("", 30, lambda row: (row.means, DIM), grows=True),
    )
    rows = [_Option(*each) for each in options]
    row = await screen.app.push_screen_wait(Pick(title, columns, rows, key_of="value", said=said, none="Nothing."))
    return row.value if row else None


HOWS: Final = {
    "mail": "by mail, with the letter under l",
    "post": "by post",
    "phone": "by telephone",
    "in_person": "in person",
    "impossible": "nobody can: they cannot be found, say",
    "disproportionate": "it would be a disproportionate effort",
}
"""How a recipient was told (``gate.core.request_steps.HOWS``)."""


async def recipient(screen: GateScreen, reference: str, ids: Sequence[str]) -> str | None:
    """One of these recipients of what is erased; None where it was left."""
    if len(ids) < 2:
        return "".join(ids)
    known = await tried(screen, screen.feed.ask(KeyList()))
    names = {each.id: clean(each.name) for each in (*known.recipients, *known.retired)} if known else {}
    options = [(each, names.get(each, "")) for each in ids]
    return await choose(screen, f"{reference}: which recipient?", "Recipient", options)


# --- erasures -----------------------------------------------------------------------------------------------------


async def _plan(
    screen: GateScreen, reference: str, phrase: Callable[[Carried], str], act: Callable[[str], Request[Any]]
) -> Plan:
    """The gate's dry run of an erasure; ``act``: what its digest is bound to. Raises ``GateError``."""
    answer = await screen.feed.ask(CarryOut(request=reference))
    whole = "all that is held of their numbers" if answer.whole else "only the calls that were found"
    counts = [
        ("Calls", (f"{answer.calls:,}, emptied in the log", PLAIN)),
        ("Recordings", (f"{answer.recordings:,}, keys and files destroyed", PLAIN)),
        *([("Shared", (f"{answer.shared:,}: another person is heard in them", WARN))] if answer.shared else []),
        ("That is", (whole, PLAIN)),
        ("Kept", (words.many(answer.held_calls, "call"), WARN if answer.held_calls else DIM)),
        *(("Not reached", (f"a copy in clear: {clean(each.place)}", WARN)) for each in answer.copies),
    ]
    digest = answer.digest or ""
    return Plan(digest, counts, phrase(answer), [clean(each) for each in answer.held_by], acts=[act(digest)])


def granting(screen: GateScreen, reference: str, remark: str) -> Danger:
    """Granting an erasure: what it will come to is shown; nothing is erased yet."""

    async def act(_digest: str, _reason: str, _progress: Progress) -> str:
        answer = await screen.feed.ask(Decide(request=reference, grant=True, reasons=remark.strip()))
        return f"{reference} is {answer.state}: their numbers are uncallable. Now erase, with f."

    return Danger(
        title=f"Grant the erasure {reference}",
        warning="This is what would be erased then. A grant cannot be taken back.",
        button="Grant",
        dry_run=partial(
            _plan,
            screen,
            reference,
            lambda _plan: f"grant {reference}",
            lambda _digest: Decide(request=reference, grant=True, reasons=remark.strip()),
        ),
        act=act,
        reason=False,
    )


def erasing(screen: GateScreen, reference: str) -> Danger:
    """Carrying an erasure out: bound to the dry run that is shown."""

    async def act(digest: str, reason: str, progress: Progress) -> str:
        carry_out = CarryOut(request=reference, execute=True, digest=digest, reason=reason)
        done = await screen.feed.ask(carry_out, progress=progress)
        if said := words.waits(done):
            return said
        held = (
            f"; kept: {words.many(done.held_calls, 'call')}, by {clean(', '.join(done.held_by))}"
            if done.held_by
            else ""
        )
        return f"Erased: {words.many(done.calls, 'call')}, {words.many(done.recordings, 'recording')}{held}"

    return Danger(
        title=f"Erase what {reference} asks for",
        warning="Keys and files are destroyed, and what the log says. Nothing brings it back.",
        button="Erase",
        dry_run=partial(
            _plan,
            screen,
            reference,
            lambda plan: f"erase {words.many(plan.calls, 'call')}",
            lambda digest: CarryOut(request=reference, execute=True, digest=digest),
        ),
        act=act,
    )


# --- the pack -----------------------------------------------------------------------------------------------------


async def pack(screen: GateScreen, reference: str) -> str | None:
    """Make the pack of an access request here, with a private key; its name, None where it was not made."""
    opener = screen.app.setup.opener
    twin = f"dialgate request fulfil {reference} --key FILE -o {reference}.html --letters FOLDER"
    if opener is None:
        screen.notify(f"No key can be opened in this console. On the command line:\n{twin}", timeout=15, markup=False)
        return None
    held = await tried(screen, screen.feed.ask(ContentsOf(request=reference)))
    if held is None:
        return None
    recordings = sum(call.recording in ("closed", "interrupted") for call in held.calls)
    if recordings and not await key_open(screen):
        return None
    held_is = f"{words.many(len(held.calls), 'call')}, {words.many(recordings, 'recording')}, and what the lists hold"
    said = f"{held_is}. One file, which a passphrase opens."
    output = Field("output", "File, a new one", str(screen.app.setup.exports / f"{reference}.html"))

    async def send(told: Mapping[str, str]) -> tuple[Path, Mapping[str, Any]]:
        path = Path(told["output"].strip())

        async def act(progress: Progress) -> Mapping[str, Any]:
            heed = partial(screen.app.call_from_thread, progress)
            return await on_thread(partial(opener.pack, reference, path, heed))

        return path, await worked(screen.app, f"Making {path}", act, local=True)

    made: tuple[Path, Mapping[str, Any]] | None = await filled(
        screen, f"Pack of {reference}", (output,), send, said=said, act="Make it"
    )
    if made is None:
        return None
    path, answer = made
    screen.app.nothing_to_undo()
    await screen.app.saved(path)
    await screen.app.push_screen_wait(Passphrase(path, answer))
    return path.name


class Passphrase(Dialog[None]):
    """What opens a pack, shown once; it is kept nowhere."""

    AUTO_FOCUS = ""
    """No button: an Enter that was meant for what was before would take it away unread."""
    DEFAULT_CSS = f"""
    Passphrase {{ {DIALOG_CSS} }}
    Passphrase > Vertical {{ width: 72; max-width: 96%; height: auto; background: $surface; border: round $primary;
        padding: 0 1; }}
    Passphrase .dialog-title {{ text-style: bold; color: $primary; }}
    Passphrase #passphrase {{ color: $accent; text-style: bold; margin: 1 0; }}
    Passphrase Horizontal {{ height: 1; align-horizontal: right; }}
    """

    def __init__(self, path: Path, made: Mapping[str, Any]) -> None:
        super().__init__()
        self._path = path
        self._made = made

    def compose(self) -> ComposeResult:
        """The file, the passphrase, what to do with it."""
        made = self._made
        left = f", {made['left_out']} left out" if made["left_out"] else ""
        with Vertical():
            yield Static("The pack is written", classes="dialog-title", markup=False)
            amount = f"{words.many(made['calls'], 'call')}, {words.many(made['recordings'], 'recording')}"
            yield Static(f"{self._path}: {amount}{left}", markup=False)
            yield Static(str(made["passphrase"]), id="passphrase", markup=False)
            yield Static(
                "Shown only now. Give it to them separately from the file: on the phone, for example.", markup=False
            )
            yield Static("Tab, then Enter: you have it.", markup=False)
            with Horizontal():
                yield Button("I have it", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Close the dialog."""
        event.stop()
        self.dismiss(None)

    def action_leave(self) -> None:
        """Not by one key: to the button, which says it."""
        self.query_one(Button).focus()
