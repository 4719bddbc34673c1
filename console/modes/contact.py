"""One contact: its verdict explained, since when, and what a check says now; and forgetting its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from console import keys, words
from console.modes.check_shown import check_pairs, register_lines
from console.modes.detail import DetailScreen
from console.modes.request_forms import day, filled
from console.modes.revealing import reveal
from console.theme import BAD, DIM, WARN
from console.widgets.ask import Field
from console.widgets.danger import Danger, Plan, danger
from console.widgets.report import Section
from gate.core.terms import SubscriberKind
from gate.errors import UsageError
from gate.operations.contacts.pages import ContactsForget, ContactShown, ContactsShow
from gate.operations.lists.subscribers import SubscriberNoted, SubscriberSet
from gate.types import Progress

if TYPE_CHECKING:
    from console.modes.base import GateScreen


class ContactDetail(DetailScreen):
    """One contact."""

    BINDINGS: ClassVar[list[BindingType]] = keys.CONTACT
    HELP_TEXT = (
        "A contact as it was screened last, and what a check says of its number now: nothing is dialled, nothing is "
        "logged. n looks it up again; u shows the number in full, which is logged; w notes whose line it is, and since "
        "when; x forgets the number."
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
        if action == "subscriber":
            return self.feed.session.may("subscriber_set") or None
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
            ("Verdict", words.verdict(contact.verdict)),
            ("Reason", words.reason(contact.reason)),
            ("Since", words.moment(contact.since)),
            *((("On behalf of", words.text(contact.on_behalf_of)),) if contact.on_behalf_of else ()),
            ("Calls about", words.topic(contact.topic)),
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
    async def action_subscriber(self) -> None:
        """Note whose line it is: a person's or a company's, and since when, where it was another's before."""
        shown = await self.ask(ContactsShow(id=self._contact_id), hidden=False)
        if shown is None:
            return
        number = shown.contact.number

        async def send(told: Mapping[str, str]) -> SubscriberNoted:
            kind, since, source = SubscriberKind(told["kind"]), day(told["since"]), told["source"].strip()
            return await self.feed.ask(SubscriberSet(number=number, kind=kind, since=since, source=source))

        fields = (
            Field.from_request(SubscriberSet, "kind", shown.now.subscriber or SubscriberKind.UNKNOWN.value),
            *(Field.from_request(SubscriberSet, name) for name in ("since", "source")),
        )
        said = "No consent from before that day counts any more; objections stand. What is left empty stays as it was."
        noted = await filled(self, "Whose line is it?", fields, send, said=said, act="Note")
        if noted is not None:
            self.app.done(noted.notice or "Noted: it holds from the next call")
            self.returned()

    @work
    async def action_forget(self) -> None:
        """Forget its number."""
        if await forget(self, self._contact_id):
            self.leave()


async def forget(screen: GateScreen, *idents: str) -> bool:
    """Forget the numbers of contacts, after a dry run; True where it was done. Call it in a worker."""
    plans: dict[str, str] = {}
    """Contact -> digest of what is to go, each number once."""

    async def dry_run() -> Plan:
        plans.clear()
        count, shown = 0, words.NOTHING
        for ident in idents:
            try:
                would = await screen.feed.ask(ContactsForget(id=ident, dry_run=True, masked=True))
            except UsageError:
                if len(idents) == 1:
                    raise
                continue  # it went meanwhile, or with another contact of its number
            if would.digest and would.digest not in plans.values():
                plans[ident] = would.digest
                count, shown = count + would.forgotten, words.number(would.number)
        numbers = ("Number", shown) if len(idents) == 1 else ("Numbers", words.count(len(plans)))
        return Plan(
            digest=" ".join(plans.values()),
            counts=[numbers, ("Delete", (words.many(count, "contact"), BAD))],
            phrase=f"forget {count}",
            nothing="" if plans else "None of them is there any more.",
            acts=[ContactsForget(id=ident, execute=digest, masked=True) for ident, digest in plans.items()],
        )

    async def act(_digest: str, reason: str, progress: Progress) -> str:
        gone = 0
        for place, (ident, digest) in enumerate(plans.items()):
            progress(place / len(plans), f"{place + 1:,} of {len(plans):,}")
            done = await screen.feed.ask(ContactsForget(id=ident, execute=digest, reason=reason, masked=True))
            gone += done.forgotten
        taken = "number" if len(plans) == 1 else "numbers"
        return f"{words.many(gone, 'contact')} forgotten. Take the {taken} out of the CRM too."

    what = Danger(
        "Forget a number" if len(idents) == 1 else f"Forget the numbers of {len(idents):,} contacts",
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
