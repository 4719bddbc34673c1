"""One request: its dates and clocks, its steps, what may be done now by the rules' table, and the doing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widgets import Static

from console import keys
from console.modes import request_doing as doing
from console.modes import request_shown as shown
from console.modes.detail import DetailScreen
from console.modes.request_forms import DAY, NUMBERS, SEARCH, filled, searching, step
from console.modes.request_found import FoundScreen
from console.modes.request_letter import LetterScreen
from console.modes.request_rules import Act, acts
from console.modes.revealing import reveal
from console.theme import DIM, OK
from console.widgets.ask import Ask, Field
from console.widgets.danger import danger
from console.widgets.report import Section
from console.words import Shown
from gate.core.letter_words import LetterKind
from gate.core.request_words import Asks, Ground, State
from gate.core.showing import LONDON, clean

_WORDS = {each.action: each for each in keys.REQUEST if isinstance(each, Binding)}


def _title(row: Mapping[str, Any]) -> str:
    state, left = shown.state(row)[0], shown.left(row)[0]
    return state if state == left else f"{state}, {left}"


class RequestDetail(DetailScreen):
    """One request."""

    BINDINGS: ClassVar[list[BindingType]] = keys.REQUEST
    HELP_TEXT = (
        "One request. What may be done now is listed with its key; what may not says why: the rules are one table, and "
        "the gate refuses what it does not have. Nothing is searched for or shown before the identity is proven. "
        "u shows who asks, in full; the log keeps who looked, and why."
    )

    def __init__(self, mode: str, row: Mapping[str, Any]) -> None:
        super().__init__(mode, f"Request {clean(str(row['reference']))}")
        self.reference = str(row["reference"])
        self.request_id = str(row["id"])
        self._standing: Mapping[str, Any] | None = None
        self._full: Mapping[str, Any] | None = None
        """As it stands, numbers in full, for a while after somebody has asked for them."""
        self._pack = ""
        """The name of a pack that was made here."""

    # --- showing --------------------------------------------------------------------------------------------------

    async def sections(self) -> Sequence[Section] | None:
        """How it stands, what may be done, its steps."""
        answer = await self.ask("request_show", request=self.request_id)
        if answer is None:
            return None
        self._standing = answer
        if self._full is not None:
            self._full = {**answer, **{name: self._full[name] for name in ("name", "contact", "lines")}}
        self.refresh_bindings()
        self.query_one(".title", Static).update(f"Request {clean(self.reference)}: {_title(answer)}")
        return self.drawn()

    def drawn(self) -> Sequence[Section] | None:
        """Of the last answer."""
        answer = self._standing
        if answer is None:
            return None
        now, later = self._can(answer)
        return [
            *shown.told(self._full or answer, full=self._full is not None),
            Section("What may be done now", lines=now or [("nothing more", DIM)]),
            shown.course(answer["facts"]),
            Section("What may not be done now, and why", lines=later),
        ]

    def on_screen_resume(self) -> None:
        """Back from a dialog or a letter: it may stand otherwise."""
        if self._standing is not None:
            self.returned()

    def copied(self) -> str:
        """The reference."""
        return self.reference

    def _can(self, row: Mapping[str, Any]) -> tuple[list[Shown], list[Shown]]:
        """What may be done now, each with its key; what may not, and why."""
        now: list[Shown] = []
        later: list[Shown] = []
        for act in self._acts(row):
            key = f"{self.app.get_key_display(_WORDS[act.name]):<3}"
            if act.why_not:
                later.append((clean(f"{key}{act.says.partition(':')[0]}: {act.why_not}"), DIM))
            else:
                due = f"; to be written: {', '.join(row['letters'])}" if act.name == "letter" and row["letters"] else ""
                now.append((clean(f"{key}{act.says}{due}"), OK))
        return now, later

    def _acts(self, row: Mapping[str, Any]) -> list[Act]:
        may = self.feed.session.may
        today = self.app.setup.now().astimezone(LONDON).date()
        no = f"not for an account that is {self.feed.session.role}"
        return [each if may(each.op) else replace(each, why_not=no) for each in acts(row, today)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What the rules and this account allow."""
        if action == "reveal":
            return self.feed.session.may("reveal") or None
        if action not in _WORDS:
            return True
        found = self._acts(self._standing) if self._standing else ()
        return any(each.name == action and not each.why_not for each in found) or None

    @work
    async def action_reveal(self) -> None:
        """Who asks, in full for a while; the gate logs who looked, and why."""
        if await reveal(self, "request", self.request_id) is not None:
            self._full = await self._whole()
            self.revealed()

    def hidden(self) -> None:
        """Who asks."""
        self._full = None

    async def _whole(self) -> Mapping[str, Any] | None:
        """The request with its numbers in full."""
        return await doing.tried(self, self.feed.ask("request_show", request=self.request_id))

    # --- steps ----------------------------------------------------------------------------------------------------

    async def _step(self, op: str, title: str, *fields: Field, said: str = "", act: str = "OK", **more: Any) -> Any:
        """Ask for the fields of a step and have it taken; None where it was left."""

        async def send(told: Mapping[str, str]) -> Any:
            return await self.feed.ask(op, request=self.request_id, **step(told), **more)

        answer = await filled(self, f"{self.reference}: {title}", (*fields, DAY), send, said=said, act=act)
        if answer is not None:
            self._said(answer)
        return answer

    def _said(self, answer: Mapping[str, Any]) -> None:
        letters = f". Letters to write (l): {', '.join(answer['letters'])}" if answer["letters"] else ""
        self.app.done(f"{self.reference} is {shown.state(answer)[0]}{letters}")
        self.returned()

    @work
    async def action_acknowledge(self) -> None:
        """A complaint's acknowledgement was sent."""
        said = "The law gives 30 days for it. The letter is under l."
        await self._step("request_acknowledge", "the acknowledgement was sent", said=said)

    @work
    async def action_ask_identity(self) -> None:
        """There is reasonable doubt."""
        note = Field("note", "What is asked for; it goes into the letter", hint="a bill with the number", needed=False)
        said = "Only where there is reasonable doubt. The clock starts when the proof arrives."
        await self._step("request_ask_identity", "ask who it is", note, said=said)

    @work
    async def action_verify(self) -> None:
        """Who asks is known."""
        checked = Field("checked", "What was checked", hint="passport seen in person")
        said = "Kept is what was checked, never the document: no number of it, no copy."
        await self._step("request_verify_identity", "the identity is proven", checked, NUMBERS, said=said)

    @work
    async def action_clarify(self) -> None:
        """Ask what is meant; or the answer came."""
        if self._standing and self._standing["state"] == State.CLARIFYING:
            answer = Field("answer", "What they said")
            said = "The clock goes on. What is held is searched for again."
            await self._step("request_clarified", "the answer came", answer, NUMBERS, said=said)
            return
        question = Field("question", "What is asked; it goes into the letter", hint="Which of our calls do you mean?")
        said = "The clock stands still until the answer."
        await self._step("request_clarify", "ask what is meant", question, said=said)

    @work
    async def action_extend(self) -> None:
        """Three months."""
        reasons = Field("reasons", "Why; it goes into the letter", hint="forty recordings have to be heard")
        said = "Three months in total, for complex or many requests, told with the reasons within the first."
        await self._step("request_extend", "extend", reasons, said=said)

    @work
    async def action_withdraw(self) -> None:
        """They take it back."""
        reason = Field("reason", "What they said", needed=False)
        await self._step(
            "request_withdraw", "they take it back", reason, said="The request is over then.", act="Close it"
        )

    @work
    async def action_told(self) -> None:
        """The answer went out to the person."""
        row = self._standing or {}
        forgets = row.get("asks") == Asks.ERASURE and row.get("state") == State.GRANTED
        said = "The person has the answer: what was granted is over with it."
        if row.get("state") == State.REFUSED:
            said = "The person has the refusal. It is over when the authority has been told too."
        if forgets:
            said = "The request forgets who asked, for good. Make and send the letter first (l)."
        await self._step("request_told", "the person was told", said=said, act="Told", who="person")

    @work
    async def action_told_authority(self) -> None:
        """The refusal went to the supervisory authority."""
        said = "The supervisory authority has the refusal with its reasons."
        await self._step("request_told", "the authority was told", said=said, act="Told", who="authority")

    @work
    async def action_restrict(self) -> None:
        """Close their recordings to everybody for the time being."""
        fields = (Field("reason", "Reason", hint="accuracy disputed"),)

        async def send(told: Mapping[str, str]) -> int:
            whole = await self.feed.ask("request_show", request=self.request_id)
            for number in whole["lines"]:
                await self.feed.ask(
                    "hold_add", number=number, reason=told["reason"], reference=self.reference, restriction=True
                )
            return len(whole["lines"])

        said = "Nobody can play, export or erase recordings with their numbers until the restriction is released."
        done = await filled(self, f"{self.reference}: restrict", fields, send, said=said, act="Restrict")
        if done is not None:
            self.app.done(f"Restricted: recordings with {done} numbers. Released under Retention, holds.")

    # --- searching ------------------------------------------------------------------------------------------------

    @work
    async def action_search(self) -> None:
        """Find what is held."""

        async def send(told: Mapping[str, str]) -> Any:
            return await self.feed.ask("request_search", request=self.request_id, **searching(told))

        said = "By the request's own numbers, and by those given here; London time."
        found = await filled(self, f"{self.reference}: search", SEARCH, send, said=said, act="Search")
        if found is not None:
            self.app.nothing_to_undo()
            self.app.push_screen(FoundScreen(self._mode, found))

    # --- the decision ---------------------------------------------------------------------------------------------

    @work
    async def action_grant(self) -> None:
        """Do as is asked."""
        row = self._standing or {}
        remark = Field("reasons", "A remark for the letter", needed=False)
        if row.get("asks") != Asks.ERASURE:
            await self._step(
                "request_decide", "grant", remark, said=doing.GRANTED[Asks(row["asks"])], act="Grant", grant=True
            )
            return
        told = await self.app.push_screen_wait(
            Ask(f"{self.reference}: grant the erasure", (remark,), said=doing.GRANTED[Asks.ERASURE], act="Go on")
        )
        if told is not None:
            done = await danger(self, doing.granting(self, self.reference, told["reasons"]))
            if done is not None:
                self.app.done(done)
                self.returned()

    @work
    async def action_refuse(self) -> None:
        """Refuse on a ground; both letters are made."""
        grounds = [(each.value, doing.GROUNDS[each]) for each in Ground]
        ground = await doing.choose(self, f"{self.reference}: refuse on which ground?", "Ground", grounds)
        if ground is None:
            return
        reasons = Field("reasons", "Reasons, in words that the person understands")
        said = (
            f"Ground: {ground.replace('_', ' ')}. The reasons go into both letters: to the person and to the authority."
        )
        done = await self._step(
            "request_decide", "refuse", reasons, said=said, act="Refuse", grant=False, ground=ground
        )
        if done is not None:
            await self._show_letters(LetterKind.REFUSAL, LetterKind.AUTHORITY)

    # --- letters --------------------------------------------------------------------------------------------------

    @work
    async def action_letter(self) -> None:
        """Make a letter and read it."""
        due = [*reversed((self._standing or {}).get("letters") or ())]  # the newest command first
        options = [(each, "to be written") for each in due]
        options += [(each.value, "") for each in LetterKind if each.value not in due]
        said = "That a letter was made is in the log. The gate refuses one that would say what is not so."
        kind = await doing.choose(self, f"{self.reference}: which letter?", "Letter", options, said=said)
        if kind is not None:
            await self._show_letters(LetterKind(kind))

    async def _show_letters(self, *kinds: LetterKind) -> None:
        letters = []
        for kind in kinds:
            pack = self._pack if kind is LetterKind.RESPONSE else ""
            made = await self.ask("request_letter", request=self.request_id, kind=kind.value, pack=pack)
            if made is None:
                return
            self.app.nothing_to_undo()
            letters.append({**made, "pack": pack})
        self.app.push_screen(LetterScreen(self._mode, letters))

    # --- doing what was granted -----------------------------------------------------------------------------------

    @work
    async def action_fulfil(self) -> None:
        """Erase, or make the pack."""
        if (self._standing or {}).get("asks") == Asks.ERASURE:
            done = await danger(self, doing.erasing(self, self.reference))
            if done is not None:
                self.app.done(f"{done}. Now the confirmation (l), then t.")
                self.returned()
            return
        made = await doing.pack(self, self.reference)
        if made is not None:
            self._pack = made
            self.returned()
