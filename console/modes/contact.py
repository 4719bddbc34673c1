"""One contact: its verdict explained, since when, and what a check says now; and forgetting its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from console import keys, words
from console.messages import LinkChanged
from console.modes.check_shown import check_pairs, register_lines
from console.modes.detail import DetailScreen
from console.modes.revealing import reveal
from console.theme import BAD, DIM, WARN
from console.widgets.danger import Danger, Plan, danger
from console.widgets.report import Section
from gate.operations.contacts.forgetting import ContactsForget
from gate.operations.contacts.pages import ContactShown, ContactsShow
from gate.types import Progress

if TYPE_CHECKING:
    from console.modes.base import GateScreen


class ContactDetail(DetailScreen):
    """One contact."""

    BINDINGS: ClassVar[list[BindingType]] = keys.CONTACT
    HELP_TEXT = (
        "A contact as it was screened last, and what a check says of its number now: nothing is dialled, nothing is "
        "logged. n looks it up again; u shows the number in full, which is logged; x forgets the number."
    )

    def __init__(self, ident: str) -> None:
        super().__init__("contacts", "Contact")
        self._contact_id = ident
        self._in_full = ""
        self._answer: ContactShown | None = None

    def copied(self) -> str:
        """Its id: not its number."""
        return self._contact_id

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may."""
        if action == "reveal":
            return self.feed.session.may("reveal") or None
        if action == "forget":
            return self.feed.session.may("contacts_forget") or None
        return True

    async def sections(self) -> Sequence[Section] | None:
        """Ask for it, as it was screened and as a check says now."""
        answer = await self.ask(ContactsShow(id=self._contact_id))
        if answer is None:
            return None
        self._answer = answer
        return self.drawn()

    def drawn(self) -> Sequence[Section] | None:
        """The screening, then the check."""
        answer = self._answer
        if answer is None:
            return None
        contact, now = answer.contact, answer.now
        others = contact.same_number - 1
        number = words.number(words.InFull(self._in_full) if self._in_full else contact.number)
        screened = [
            ("Number", number),
            ("Reference", words.text(contact.reference)),
            ("Verdict", words.verdict({"verdict": contact.verdict})),
            ("Reason", words.reason(contact.reason)),
            ("Since", words.moment(contact.since)),
            ("Calls about", words.text(contact.topic)),
            ("Same number", (f"{words.many(others, 'contact')} more", WARN) if others else ("no other contact", DIM)),
        ]
        return [
            Section("As it was screened", screened),
            Section("A check now", check_pairs(now), lines=register_lines(now)),
            Section("", lines=[("Every call is screened when it is made: by the check, not by this list.", DIM)]),
        ]

    @work
    async def action_reveal(self) -> None:
        """The number in full for a while; the gate logs who asked, and why."""
        answer = await reveal(self, "contact", self._contact_id)
        if answer is not None:
            self._in_full = answer
            self.revealed()

    def hidden(self) -> None:
        """Its number."""
        self._in_full = ""

    @work
    async def action_forget(self) -> None:
        """Forget its number."""
        if await forget(self, self._contact_id):
            self.leave()
            self.app.screen.post_message(LinkChanged())  # the list looks again


async def forget(screen: GateScreen, ident: str) -> bool:
    """Forget the number of a contact, after a dry run; True where it was done. Call it in a worker."""

    async def dry_run() -> Plan:
        would = await screen.feed.ask(ContactsForget(id=ident, dry_run=True, masked=True))
        count = would.forgotten
        return Plan(
            digest=would.digest or "",
            counts=[("Number", words.number(would.number)), ("Delete", (words.many(count, "contact"), BAD))],
            phrase=f"forget {count}",
        )

    async def act(digest: str, reason: str, _progress: Progress) -> str:
        done = await screen.feed.ask(ContactsForget(id=ident, execute=digest, reason=reason, masked=True))
        return f"{words.many(done.forgotten, 'contact')} forgotten. Take the number out of the CRM too."

    what = Danger(
        "Forget a number",
        "What is kept of its contacts is deleted, and does not come back by itself; but the CRM's next list brings it "
        "back where it is still there. Objections and consents stay.",
        "Forget",
        dry_run,
        act,
    )
    done = await danger(screen, what)
    if done is not None:
        screen.app.done(done)
    return done is not None
