"""One request: its dates and clocks, its steps, what may be done now by the rules' table, and the doing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec
from textual import work
from textual.binding import Binding, BindingType
from textual.widgets import Static

from console import keys, words
from console.modes import request_doing as doing
from console.modes import request_shown as shown
from console.modes.detail import DetailScreen
from console.modes.request_forms import REQUESTS, filled, form, proven, searching, values
from console.modes.request_found import FoundScreen
from console.modes.request_letter import LetterScreen
from console.modes.request_rules import Offer, offers
from console.modes.revealing import reveal
from console.theme import DIM, OK
from console.widgets.ask import Ask, Field
from console.widgets.danger import danger
from console.widgets.report import Section
from console.words import Shown
from gate.core.request_steps import Act
from gate.core.request_words import Asks, Ground, LetterKind, State
from gate.operations.requests.letters import Rendered, WriteLetter
from gate.operations.requests.listing import Show
from gate.operations.requests.listing import Shown as ShownRequest
from gate.operations.requests.searching import Search
from gate.operations.requests.standing import Standing
from gate.operations.retention.holds import HoldAdd
from gate.showing import clean

_WORDS = {each.action: each for each in keys.REQUEST if isinstance(each, Binding)}


def _title(row: Standing) -> str:
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

    def __init__(self, mode: str, row: Standing) -> None:
        super().__init__(mode, f"Request {clean(row.reference)}")
        self.reference = row.reference
        self.request_id = row.id
        self._standing: ShownRequest | None = None
        self._full: ShownRequest | None = None
        """As it stands, numbers in full, for a while after somebody has asked for them."""
        self._pack = ""
        """The name of a pack that was made here."""

    # --- showing --------------------------------------------------------------------------------------------------

    async def sections(self) -> Sequence[Section] | None:
        """How it stands, what may be done, its steps."""
        answer = await self.ask(Show(request=self.request_id))
        if answer is None:
            return None
        self._standing = answer
        if self._full is not None:
            full = self._full
            self._full = msgspec.structs.replace(answer, name=full.name, contact=full.contact, lines=full.lines)
        self.refresh_bindings()
        title = _title(answer)
        self.query_one(".title", Static).update(f"Request {clean(self.reference)}: {title}")
        return self.drawn()

    def drawn(self) -> Sequence[Section] | None:
        """The sections of the last answer."""
        answer = self._standing
        if answer is None:
            return None
        now, later = self._can(answer)
        return [
            *shown.sections(self._full or answer, full=self._full is not None),
            Section("What may be done now", lines=now or [("nothing more", DIM)]),
            shown.course(answer.facts),
            Section("What may not be done now, and why", lines=later),
        ]

    def copied(self) -> str:
        """The reference of the request."""
        return self.reference

    def _can(self, request: ShownRequest) -> tuple[list[Shown], list[Shown]]:
        """What may be done now, each with its key; what may not, and why."""
        now: list[Shown] = []
        later: list[Shown] = []
        for each in self._offers(request):
            key = f"{self.app.get_key_display(_WORDS[each.name]):<3}"
            if each.why_not:
                later.append((clean(f"{key}{each.says.partition(':')[0]}: {each.why_not}"), DIM))
            else:
                write = request.letters if each.name == "letter" else ()
                due = f"; to be written: {', '.join(write)}" if write else ""
                now.append((clean(f"{key}{each.says}{due}"), OK))
        return now, later

    def _offers(self, request: ShownRequest) -> list[Offer]:
        may = self.feed.session.may
        no = f"not for an account that is {self.feed.session.role}"
        return [each if may(each.op) else replace(each, why_not=no) for each in offers(request)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What the rules and this account allow."""
        if action == "reveal":
            return self.feed.session.may("reveal") or None
        if action not in _WORDS:
            return True
        found = self._offers(self._standing) if self._standing else ()
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

    async def _whole(self) -> ShownRequest | None:
        """The request with its numbers in full."""
        return await doing.tried(self, self.feed.ask(Show(request=self.request_id)))

    # --- steps ----------------------------------------------------------------------------------------------------

    def _fields(self, act: Act) -> list[Field]:
        """The fields of the form of a step that may be taken now."""
        steps = self._standing.steps if self._standing else ()
        return next((form(each) for each in steps if each.act is act), [])

    async def _step(self, act: Act, title: str, *, said: str = "", button: str = "OK", **more: Any) -> Standing | None:
        """Ask for the fields of a step and have it taken; None where it was left."""

        async def send(told: Mapping[str, str]) -> Standing:
            fields = await proven(self, values(told))
            return await self.feed.ask(REQUESTS[act](request=self.request_id, **fields, **more))

        title = f"{self.reference}: {title}"
        answer: Standing | None = await filled(self, title, self._fields(act), send, said=said, act=button)
        if answer is not None:
            self._show_answer(answer)
        return answer

    def _show_answer(self, answer: Standing) -> None:
        letters = f". Letters to write (l): {', '.join(answer.letters)}" if answer.letters else ""
        self.app.done(f"{self.reference} is {answer.state.replace('_', ' ')}{letters}")
        self.returned()

    @work
    async def action_acknowledge(self) -> None:
        """A complaint's acknowledgement was sent."""
        said = "The law gives 30 days, the day of receipt among them. The letter is under l."
        await self._step(Act.ACKNOWLEDGE, "the acknowledgement was sent", said=said)

    @work
    async def action_ask_identity(self) -> None:
        """Ask who it is."""
        said = "Only where there is reasonable doubt. Asked for in time, the clock starts when the proof arrives."
        await self._step(Act.ASK_IDENTITY, "ask who it is", said=said)

    @work
    async def action_verify(self) -> None:
        """Note that the identity is proven."""
        said = "Kept is what was checked, never the document: no number of it, no copy."
        await self._step(Act.VERIFY_IDENTITY, "the identity is proven", said=said)

    @work
    async def action_clarify(self) -> None:
        """Ask what is meant; or the answer came."""
        if self._standing and self._standing.state is State.CLARIFYING:
            said = "The clock goes on. What is held is searched for again."
            await self._step(Act.CLARIFIED, "the answer came", said=said)
            return
        access = self._standing is not None and self._standing.asks is Asks.ACCESS
        said = "The clock stands still until the answer." if access else "The clock goes on: only access waits."
        await self._step(Act.CLARIFY, "ask what is meant", said=said)

    @work
    async def action_extend(self) -> None:
        """Extend the request to three months."""
        said = "Three months in total, for complex or many requests, told with the reasons within the first."
        await self._step(Act.EXTEND, "extend", said=said)

    @work
    async def action_withdraw(self) -> None:
        """Note that the request is withdrawn."""
        await self._step(Act.WITHDRAW, "they take it back", said="The request is over then.", button="Close it")

    @work
    async def action_told(self) -> None:
        """The answer went out to the person."""
        request = self._standing
        if request is None:
            return
        said = "The person has the answer: what was granted is over with it."
        if request.state is State.REFUSED:
            said = "The person has the refusal. It is over when the authority has been told too."
        elif request.state is State.PARTLY_DONE:
            said = "The person knows what stays, and why. It stays open until the hold has ended."
        elif request.asks is Asks.ERASURE:
            said = "The request forgets who asked, for good. Make and send the letter first (l)."
        await self._step(Act.TELL_PERSON, "the person was told", said=said, button="Told", who="person")

    @work
    async def action_told_authority(self) -> None:
        """The refusal went to the supervisory authority."""
        said = "The supervisory authority has the refusal with its reasons. It needs a proof: a reference, or a file."
        await self._step(Act.TELL_AUTHORITY, "the authority was told", said=said, button="Told", who="authority")

    @work
    async def action_told_recipient(self) -> None:
        """A recipient of what is erased was told of it."""
        named = await doing.recipient(self, self.reference, self._standing.untold if self._standing else ())
        if named is None:
            return
        how = await doing.choose(self, f"{self.reference}: how were they told?", "How", list(doing.HOWS.items()))
        if how is not None:
            said = f"{how.replace('_', ' ').capitalize()}. The log keeps who, how and when (Article 19)."
            of = {"who": "recipient", "recipient": named, "how": how}
            await self._step(Act.TELL_RECIPIENT, "a recipient was told", said=said, button="Told", **of)

    @work
    async def action_restrict(self) -> None:
        """Close their recordings to everybody for the time being."""
        fields = (Field.from_request(HoldAdd, "reason", hint="accuracy disputed"),)

        async def send(told: Mapping[str, str]) -> int:
            whole = await self.feed.ask(Show(request=self.request_id))
            for number in whole.lines:
                await self.feed.ask(
                    HoldAdd(number=number, reason=told["reason"], reference=self.reference, restriction=True)
                )
            return len(whole.lines)

        said = "Nobody can play, export or erase recordings with their numbers until the restriction is released."
        done = await filled(self, f"{self.reference}: restrict", fields, send, said=said, act="Restrict")
        if done is not None:
            self.app.done(f"Restricted: recordings with {words.many(done, 'number')}. Released under Retention, holds.")

    # --- searching ------------------------------------------------------------------------------------------------

    @work
    async def action_search(self) -> None:
        """Find what is held."""

        async def send(told: Mapping[str, str]) -> Any:
            return await self.feed.ask(Search(request=self.request_id, **searching(told)))

        said = "By the request's own numbers, and by those given here; London time."
        found = await filled(self, f"{self.reference}: search", self._fields(Act.SEARCH), send, said=said, act="Search")
        if found is not None:
            self.app.nothing_to_undo()
            self.app.push_screen(FoundScreen(self._mode, found))

    # --- the decision ---------------------------------------------------------------------------------------------

    @work
    async def action_grant(self) -> None:
        """Grant the request."""
        request = self._standing
        if request is None:
            return
        said = doing.GRANTED[request.asks]
        if request.asks is not Asks.ERASURE:
            await self._step(Act.GRANT, "grant", said=said, button="Grant", grant=True)
            return
        fields = [each for each in self._fields(Act.GRANT) if each.name == "reasons"]
        told = await self.app.push_screen_wait(
            Ask(f"{self.reference}: grant the erasure", fields, said=said, act="Go on")
        )
        if told is not None:
            done = await danger(self, doing.granting(self, self.reference, told["reasons"]))
            if done is not None:
                self.app.done(done)
                self.returned()

    @work
    async def action_refuse(self) -> None:
        """Refuse on a ground; both letters are made."""
        request = self._standing
        if request is None:
            return
        allowed = [each.choices for step in request.steps if step.act is Act.REFUSE for each in step.fields]
        grounds = [(each, doing.GROUNDS[Ground(each)]) for choices in allowed for each in choices]
        ground = await doing.choose(self, f"{self.reference}: refuse on which ground?", "Ground", grounds)
        if ground is None:
            return
        said = (
            f"Ground: {ground.replace('_', ' ')}. The reasons go into both letters: to the person and to the authority."
        )
        done = await self._step(Act.REFUSE, "refuse", said=said, button="Refuse", grant=False, ground=ground)
        if done is not None:
            await self._show_letters(LetterKind.REFUSAL, LetterKind.AUTHORITY)

    # --- letters --------------------------------------------------------------------------------------------------

    @work
    async def action_letter(self) -> None:
        """Make a letter and read it."""
        steps = self._standing.steps if self._standing else ()
        due = [each.letter for each in steps if each.letter and each.suggested]
        options = [(each.value, "to be written") for each in reversed(due)]  # the newest command first
        options += [(each.letter.value, "") for each in steps if each.letter and not each.suggested]
        said = "That a letter was made is in the log. The gate refuses one that would say what is not so."
        kind = await doing.choose(self, f"{self.reference}: which letter?", "Letter", options, said=said)
        if kind == LetterKind.RECIPIENT:
            await self._letter_to_recipient()
        elif kind is not None:
            await self._show_letters(LetterKind(kind))

    async def _letter_to_recipient(self) -> None:
        named = await doing.recipient(self, self.reference, self._standing.untold if self._standing else ())
        if named is None:
            return
        field = Field.from_request(WriteLetter, "to")
        told = await self.app.push_screen_wait(Ask(f"{self.reference}: letter to a recipient", (field,), act="Go on"))
        if told is not None:
            await self._show_letters(LetterKind.RECIPIENT, recipient=named, to=told["to"].strip())

    async def _show_letters(self, *kinds: LetterKind, recipient: str = "", to: str = "") -> None:
        letters: list[tuple[Rendered, WriteLetter]] = []
        for kind in kinds:
            pack = self._pack if kind is LetterKind.RESPONSE else ""
            asked = WriteLetter(request=self.request_id, kind=kind, pack=pack, recipient=recipient, to=to)
            made = await self.ask(asked)
            if made is None:
                return
            self.app.nothing_to_undo()
            letters.append((made, asked))
        self.app.push_screen(LetterScreen(self._mode, letters))

    # --- doing what was granted -----------------------------------------------------------------------------------

    @work
    async def action_fulfil(self) -> None:
        """Erase, make the pack, or keep what is right."""
        if self._standing is not None and self._standing.asks is Asks.RECTIFICATION:
            said = "It goes into the letters. Recordings and the log stay as they are: this is kept beside them."
            await self._step(Act.RECTIFY, "put it right", said=said, button="Keep it")
            return
        if self._standing is not None and self._standing.asks is Asks.ERASURE:
            done = await danger(self, doing.erasing(self, self.reference))
            if done is not None:
                self.app.done(f"{done}. Now the confirmation (l), then t.")
                self.returned()
            return
        made = await doing.pack(self, self.reference)
        if made is not None:
            self._pack = made
            self.returned()
