"""Contacts: the CRM's numbers as they were screened, what has changed of them, and what was no contact."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from datetime import time as day_time
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from console import keys, words
from console.feed import late_on_thread, on_thread
from console.modes.contact import ContactDetail, forget
from console.modes.contact_shown import change, standing
from console.modes.listing import ListMode, View, looked_for
from console.modes.request_forms import filled
from console.modes.row import RowDetail
from console.modes.sure import sure
from console.theme import DIM, WARN
from console.widgets.ask import Field
from console.widgets.report import Report, Section
from console.widgets.rows import Column
from console.widgets.working import Working, worked
from gate.client.gate import copy_of, ended
from gate.core.days import HOW, LONDON, moment_of
from gate.core.rows.audit import CopyKind
from gate.core.rows.calls import LiveNow
from gate.core.rows.lists import ContactFault, ContactRow
from gate.errors import GateError, UsageError
from gate.operations.contacts.pages import (
    ContactsChanges,
    ContactsFaults,
    ContactsList,
    ContactsStatus,
)

CONTACTS, CHANGES, FAULTS = range(3)
LOOK_SECONDS = 10.0
"""How often the counts are asked for at most: the gate goes through all contacts for them."""


def _named(row: ContactRow) -> str:
    """Its reference, and whose list it stands in, where that is not the firm's own."""
    return f"{row.reference} (for {row.on_behalf_of})".strip() if row.on_behalf_of else row.reference


_NUMBER: Column[ContactRow] = Column("Number", 16, lambda row: words.number(row.number))
_REFERENCE: Column[ContactRow] = Column("Reference", 10, lambda row: words.text(_named(row)), grows=True)
_REASON: Column[ContactRow] = Column("Reason", 17, lambda row: words.reason(row.reason))
_SINCE: Column[ContactRow] = Column("Since", words.WHEN, lambda row: words.moment(row.since))
VIEWS = (
    View(
        "contacts",
        ContactsList,
        (_NUMBER, _REFERENCE, Column("Verdict", 8, lambda row: words.verdict(row.verdict)), _REASON, _SINCE),
        "id",
        "There is no contact: i imports the CRM's list.",
        filters=looked_for,
        found="contacts",
        finds="day, number or its beginning, part of a reference, a verdict, a reason: blocked not listed",
        kind="contact",
        sorts={"Reference": "reference", "Verdict": "-verdict", "Reason": "reason", "Since": "-since"},
        marks=True,
    ),
    View(
        "changes",
        ContactsChanges,
        (_SINCE, _NUMBER, _REFERENCE, Column("Change", 13, change), _REASON),
        "id",
        "Nothing has changed since then: d asks for another day.",
        kind="contact",
    ),
    View(
        "bad rows",
        ContactsFaults,
        (
            Column("Line", 8, lambda row: words.count(row.line), right=True),
            Column("Column", 14, lambda row: words.text(row.field)),
            Column("Reference", 14, lambda row: words.text(row.reference)),
            Column("What is wrong", 20, lambda row: words.text(row.fault), grows=True),
        ),
        "line",
        "Every row of the CRM's file was a contact.",
    ),
)


class Mode(ListMode):
    """The contacts."""

    NOT_THEN = "contacts are a copy of the CRM's list, made anew by each import, and not in the log."
    MODE = "contacts"
    PAGE = "contacts"
    VIEWS = VIEWS
    BINDINGS: ClassVar[list[BindingType]] = keys.CONTACTS
    HELP_TEXT = (
        "The CRM's contacts with what the last screening said of each. It is for reports: every call is screened when "
        "it is made. / finds the beginning of a number, part of a reference, a verdict or a reason. Tab goes on to "
        "what is newly blocked or allowed (d: since which day; e writes it as a CSV for the CRM) and to the rows of "
        "the file that were no contact. i imports a list; s screens all of them again; x forgets a number, or "
        "those of all contacts that are marked with the space bar. S sorts by a column."
    )

    def __init__(self) -> None:
        super().__init__()
        self._since: datetime | None = None
        """Changes from then on; None: since yesterday."""
        self._looked = 0.0
        self._known = False

    def above(self) -> ComposeResult:
        """How they stand."""
        yield Report([Section("", lines=[("Asking the gate…", DIM)])], id="standing")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may, and this list can do."""
        may = self.feed.session.may
        if action == "import":
            return may("contacts_import") or None
        if action == "rescreen":
            return may("contacts_rescreen") or None
        if action == "export":
            return self.at == CHANGES and ((may("contacts_changes") and self.app.setup.files is not None) or None)
        if action == "forget":
            return self.at != FAULTS and (may("contacts_forget") or None)
        return super().check_action(action, parameters)

    @property
    def since(self) -> datetime:
        """Changes from then on: by default since yesterday, London time."""
        if self._since is not None:
            return self._since
        day = self.feed.now().astimezone(LONDON).date() - timedelta(days=1)
        return datetime.combine(day, day_time(), LONDON)

    def asked(self, view: View) -> Mapping[str, Any]:
        """Changes since a day."""
        return {"since": self.since} if view.request is ContactsChanges else view.fields

    def show_view(self, number: int) -> None:
        """Another list."""
        super().show_view(number)
        self._look()

    def look_at_link(self) -> None:
        """Where nothing was told yet, nothing is known."""
        super().look_at_link()
        if self.feed.link.up is False and not self._known:
            self.query_one("#standing", Report).show([Section("", lines=[(words.AWAY, WARN)])])

    def returned(self) -> None:
        """All of it again."""
        super().returned()
        self._look()

    def show_live(self, said: LiveNow) -> None:
        """The lists follow the log; so do the counts, more slowly."""
        before = self._leaves
        super().show_live(said)
        if self._leaves != before and not self.paused and time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()

    @work(exclusive=True, group="standing", exit_on_error=False)
    async def _look(self) -> None:
        if not self.feed.session.may("contacts_status"):
            if self.feed.session.role:  # the list says that it is not for this account: nothing is asked
                self.query_one("#standing", Report).show([])
            return
        self._looked = time.monotonic()
        try:
            status = await self.feed.ask(ContactsStatus(since=self.since))
        except GateError as error:
            if self.feed.link.up is not False:
                self.complain(error)
            return
        self._known = True
        self.query_one("#standing", Report).show([Section("", lines=standing(status, self.since))])

    def open_row(self, row: ContactRow | ContactFault) -> None:
        """The contact; of a bad row every field."""
        if isinstance(row, ContactFault):
            self.app.push_screen(RowDetail(self.MODE, f"Line {row.line} of the CRM's file", row))
        else:
            self.app.push_screen(ContactDetail(row.id))

    # --- acts -----------------------------------------------------------------------------------------------------

    @work
    async def action_import(self) -> None:
        """Keep and screen the CRM's list."""
        await (await late_on_thread("console.modes.contact_file:import_list"))(self)
        self.returned()

    @work
    async def action_rescreen(self) -> None:
        """Screen all of them now, after a question: each is a decision that the log keeps."""
        said = "Every contact is screened anew, and what has changed is kept."
        if not await sure(self, "Screen all contacts now?", said, "Screen"):
            return
        rescreen = (await late_on_thread("gate.operations.contacts.rescreening:ContactsRescreen"))()
        answer = await self.app.push_screen_wait(
            Working("Screening the contacts", lambda progress: self.feed.ask(rescreen, progress=progress))
        )
        if isinstance(answer, GateError):
            self.complain(answer)
        elif answer is not None:
            counts = f"{answer.newly_blocked:,} newly blocked, {answer.newly_allowed:,} newly allowed"
            self.app.done(f"{words.many(answer.contacts, 'contact')} screened: {counts}")
            self.returned()

    @work
    async def action_since(self) -> None:
        """Changes since another day."""

        async def send(told: Mapping[str, str]) -> datetime:
            try:
                return moment_of(told["since"], words.today())
            except ValueError:
                raise UsageError(f"{told['since']!r} is not a day", hint=HOW) from None

        fields = (Field.from_request(ContactsChanges, "since", f"{self.since:%d/%m/%Y}"),)
        title = "What has changed since when?"
        since = await filled(self, title, fields, send, said="From 00:00 in London.", act="Show")
        if since is None:
            return
        self._since = since
        if self.at != CHANGES:
            self.show_view(CHANGES)
        self.table.reload()
        self._look()

    @work
    async def action_export(self) -> None:
        """Write what has changed as a CSV, with the numbers in full."""
        files = self.app.setup.files
        if files is None:
            return
        since, written = self.since, await late_on_thread("console.modes.contact_file:changes_file")
        name = self.app.setup.exports / f"changes_since_{since:%Y-%m-%d}.csv"

        async def send(told: Mapping[str, str]) -> str:
            output = Path(told["output"].strip())
            data, count = await worked(
                self.app, f"Exporting to {output}", lambda progress: written(self.feed, since, progress), local=True
            )
            copy = copy_of(CopyKind.LIST, output, "for the CRM to take back", of="contacts")
            entered = await self.feed.ask(copy)
            try:
                await on_thread(partial(files.write, output, data))
            except GateError as error:
                await self.feed.ask(ended(entered, copy, error))
                raise
            await self.feed.ask(await on_thread(partial(ended, entered, copy)))
            await self.app.saved(output)
            return f"Written: {output}, {words.many(count, 'change')}"

        title = f"Export what has changed since {since:%d %b %Y}"
        said = "For the CRM to take back: numbers in full. Who takes it out is in the log."
        done = await filled(self, title, (Field("output", "File", str(name)),), send, said=said, act="Export")
        if done is not None:
            self.app.done(done)

    @work
    async def action_forget(self) -> None:
        """Forget the numbers of what is marked, else the one under the cursor."""
        ids = [row.id for row in self.chosen]
        if ids and await forget(self, *ids):
            self.unmark()
            self.table.reload()
            self._look()
