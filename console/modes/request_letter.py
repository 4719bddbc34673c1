"""The letters of a request: read, saved as files, sent by mail. The gate keeps that each was made, and its digest."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

import msgspec
from textual import work
from textual.binding import Binding, BindingType
from textual.widgets import Static

from console import keys
from console.feed import on_thread
from console.modes.detail import DetailScreen
from console.modes.request_forms import filled
from console.theme import DIM, LOUD, PLAIN, WARN
from console.widgets.ask import Ask, Field
from console.widgets.report import Report, ReportScroll, Section
from gate.core.request_words import Asks, LetterKind
from gate.errors import UsageError
from gate.operations.requests.letters import Rendered, WriteLetter
from gate.operations.requests.listing import Prove
from gate.showing import clean

FORMS: Final = ("txt", "html", "eml")
PROVEN: Final = (LetterKind.RESPONSE, LetterKind.CONFIRMATION)
"""Letters that a page of proofs can go with."""


class LetterScreen(DetailScreen):
    """One letter, or the two of a refusal: Tab goes from one to the other."""

    BINDINGS: ClassVar[list[BindingType]] = keys.LETTER
    HELP_TEXT = (
        "A letter in the firm's words. It is kept nowhere in the gate: s saves it as .txt, .html or .eml, S all three, "
        "p all three with a page that proves them, m sends it by mail where a server is configured. Tab: the other "
        "letter. Sending is not telling: when it has gone out, say so with t (T for the authority, R for a recipient) "
        "on the request."
    )

    def __init__(self, mode: str, letters: Sequence[tuple[Rendered, WriteLetter]]) -> None:
        """``letters``: each with what the gate was asked for it."""
        super().__init__(mode, _title(letters[0][0], 0, len(letters)))
        self.letters = tuple(letter for letter, _ in letters)
        self._asked = tuple(asked for _, asked in letters)
        self.at = 0
        self._sent: set[str] = set()

    @property
    def letter(self) -> Rendered:
        """The letter that is shown."""
        return self.letters[self.at]

    async def sections(self) -> Sequence[Section]:
        """To whom, what about, the text."""
        letter = self.letter
        to = (clean(letter.to), LOUD) if letter.to else ("no e-mail address is known: print it and post it", WARN)
        pairs = [("To", to), ("Subject", (clean(letter.subject), PLAIN))]
        if letter.to and letter.unmailed:
            pairs.append(("Mail", (f"not from here: {clean(letter.unmailed)}", WARN)))
        if letter.kind in self._sent:
            pairs.append(("Sent", (clean(f"to {letter.to}"), LOUD)))
        text = [(clean(line), PLAIN) for line in letter.text.splitlines()]
        return [Section("", pairs), Section("", lines=text or [("empty", DIM)])]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done from here, and with a letter without an address."""
        if action in ("save", "save_all"):
            return self._saves() or None
        if action == "proof":
            return (self.letter.kind in PROVEN and self.letter.asks is not Asks.COMPLAINT and self._saves()) or None
        if action == "send":
            return not self.letter.unmailed or None
        return True

    def why_not(self, binding: Binding) -> str:
        """The gate may have no mail server, the letter no address."""
        why = self.letter.unmailed if binding.action == "send" else ""
        return f"Not by mail: {clean(why)}. Print it and post it." if why else super().why_not(binding)

    def _saves(self) -> bool:
        return self.app.setup.files is not None

    def action_view(self, by: int) -> None:
        """Show the other letter."""
        self.at = (self.at + by) % len(self.letters)
        self.query_one(".title", Static).update(_title(self.letter, self.at, len(self.letters)))
        self.query_one(ReportScroll).scroll_home(animate=False)
        self.returned()
        self.refresh_bindings()

    def copied(self) -> str:
        """The text of the letter."""
        return self.letter.text

    # --- files ----------------------------------------------------------------------------------------------------

    @work
    async def action_save(self) -> None:
        """As a file, in the form that its name says."""
        offered = self.app.setup.exports / f"{_name(self.letter)}.eml"
        field = Field("output", "File: .txt, .html or .eml", str(offered))
        path = await filled(self, "Save this letter", (field,), self._save, said=_KEPT, act="Save")
        if path is not None:
            self.app.done(f"Written: {path}")

    async def _save(self, told: Mapping[str, str]) -> Path:
        path = Path(told["output"].strip())
        if path.suffix.removeprefix(".") not in FORMS:
            raise UsageError(f"{path}: a letter is .txt, .html or .eml", hint="name the file so")
        await self._write(path, data_of(self.letter, path.suffix.removeprefix(".")))
        return path

    @work
    async def action_save_all(self) -> None:
        """Each of these letters in all three forms, in a folder."""
        field = Field("folder", "Folder", str(self.app.setup.exports))
        told = await filled(self, "Save as .txt, .html and .eml", (field,), self._save_all, said=_KEPT, act="Save")
        if told is not None:
            self.app.done(f"Written: {told}")

    async def _save_all(self, told: Mapping[str, str]) -> str:
        folder = Path(told["folder"].strip())
        for letter in self.letters:
            for form in FORMS:
                await self._write(folder / f"{_name(letter)}.{form}", data_of(letter, form))
        return f"{folder / ' and '.join(map(_name, self.letters))}, {', '.join(FORMS)}"

    @work
    async def action_proof(self) -> None:
        """In all three forms, and speaking of the page of proofs that is written beside it."""
        field = Field("folder", "Folder", str(self.app.setup.exports))
        what = "Save it with a page that proves it"
        path = await filled(self, what, (field,), self._save_proof, said=_PROOF, act="Save")
        if path is not None:
            self.app.done(f"Written: {path}, and the letter that speaks of it")

    async def _save_proof(self, told: Mapping[str, str]) -> Path:
        papers, reference = self.app.setup.papers, self.letter.reference
        if papers is None:
            raise UsageError("no page is made here", hint=f"dialgate request proof {reference} -o FILE")
        path = Path(told["folder"].strip()) / f"{reference}-proof.html"
        letter = await self.feed.ask(msgspec.structs.replace(self._asked[self.at], proof=path.name))
        for form in FORMS:
            await self._write(path.with_name(f"{_name(letter)}.{form}"), data_of(letter, form))
        made = await self.feed.ask(Prove(request=reference))
        await self._write(path, (await on_thread(partial(papers.proof, made))).encode())
        return path

    async def _write(self, path: Path, data: bytes) -> None:
        files = self.app.setup.files
        if files is None:
            raise UsageError("nothing is saved here", hint="dialgate request letter … -o FILE")
        await on_thread(partial(files.write, path, data))
        await self.app.saved(path)

    # --- mail -----------------------------------------------------------------------------------------------------

    @work
    async def action_send(self) -> None:
        """Send the letter by mail, after a question."""
        letter = self.letter
        said = f"To {clean(letter.to)}: {clean(letter.subject)}\nIt is sent once, and what the server says is kept."
        if await self.app.push_screen_wait(Ask("Send this letter by mail?", (), said=said, act="Send")) is None:
            return
        answer = await self.ask(msgspec.structs.replace(self._asked[self.at], send=True))
        if answer is not None:
            self._sent.add(letter.kind)
            self.app.done(f"Sent to {answer.to}. When they have it, say so: {_TOLD.get(letter.kind, 't')}")
            self.query_one(Report).show(await self.sections())


_PROOF = "The page shows what the signed log has of the request, and checks it without a network. It names nobody."
_KEPT = "The letter holds personal data, and is kept nowhere in the gate."


def data_of(letter: Rendered, form: str) -> bytes:
    """A letter as the bytes of a file."""
    if form == "eml":
        return base64.b64decode(letter.eml)
    return (letter.html if form == "html" else letter.text).encode()


_TOLD: Final = {LetterKind.AUTHORITY: "T", LetterKind.RECIPIENT: "R"}
"""The key that says so on the request."""


def _name(letter: Rendered) -> str:
    return f"{letter.reference}-{letter.kind}"


def _title(letter: Rendered, at: int, count: int) -> str:
    return f"{letter.reference}: {letter.kind}" + (f" ({at + 1} of {count}, Tab: the other)" if count > 1 else "")
