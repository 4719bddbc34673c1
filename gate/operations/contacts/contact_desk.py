"""The CRM's contacts as they are asked for: import, what is known of them, what has changed, forgetting a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import msgspec

from gate.core.screening import Topic
from gate.core.showing import LONDON
from gate.errors import UsageError
from gate.handed_over_file import HandedOverFile
from gate.operations.calls.screening import Check, check
from gate.operations.contacts.contact_room import Wish
from gate.operations.desk_base import DeskBase
from gate.operations.operation import Caller
from gate.operations.parsing import number_of
from gate.types import Progress, Row


class ContactDesk(DeskBase):
    """The CRM's numbers. What is kept of them is for reports: no call is decided by it."""

    def contacts_import(
        self,
        *,
        file: HandedOverFile,
        columns: Sequence[str] = (),
        reference: str = "",
        delimiter: str = "",
        header: bool = True,
        add: bool = False,
        topic: str = "general",
        accept_shrink: bool = False,
        dry_run: bool = False,
        only: str = "",
        actor: str,
        progress: Progress | None = None,
    ) -> Row:
        """Keep and screen the CRM's list, which was handed over: in place of the one before, or merged where ``add``.

        ``dry_run``: only say what would come of it, and whether it ``shrinks``; with its ``sha256`` in ``only`` no
        other file is taken. Raises ``RefusedError`` (``contacts_shrink``, ``plan_changed``, ``contacts_busy``).
        """
        wish = Wish(
            file=file,
            columns=columns,
            reference=reference,
            delimiter=delimiter,
            header=header,
            add=add,
            topic=str(topic),
            accept_shrink=accept_shrink,
            actor=actor,
            dry_run=dry_run,
            only=only,
        )
        return self._offers.contacts.load(wish, progress)

    def contacts_rescreen(self, *, actor: str, progress: Progress | None = None) -> Row:
        """Screen all of them now, whatever has changed: what came of it."""
        found = self._offers.contacts.rescreen(actor, progress)
        if found is None:
            raise UsageError("there are no contacts", hint="first: dialgate contacts import FILE")
        return found

    def contacts_status(self, *, since: datetime | None = None, actor: str) -> Row:
        """Counts by verdict and reason, the registers they rest on, and what has changed since a time (yesterday)."""
        if since is None:
            day = self._clock.now().astimezone(LONDON).date() - timedelta(days=1)
            since = datetime.combine(day, time(), LONDON)
        self._up_to_date()
        return self._offers.contacts.status(since.astimezone(LONDON))

    def contacts_list(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        number: str | None = None,
        reference: str | None = None,
        verdict: str | None = None,
        reason: str | None = None,
        text: str | None = None,
        actor: str,
    ) -> Row:
        """A page of the contacts with what the last screening said of them; ``text``: those that fit what was typed."""
        self._up_to_date()
        key = int(number_of(number)[1:]) if number else None
        where = {"number": key, "reference": reference, "verdict": verdict, "reason": reason}
        return self._offers.contacts.page(after, limit, where, text=text)

    def contacts_show(self, *, id: str, actor: str) -> Row:
        """One contact: what the last screening said of it (``contact``), and what a check says now (``now``)."""
        self._up_to_date()
        found = self._offers.contacts.named(id)
        if found is None:
            raise UsageError(f"there is no contact {id}", hint="it may have gone with the last list: look again")
        now = check(self.folder, Check(number=found["number"], topic=Topic(found["topic"])), Caller(actor))
        return {"contact": found, "now": msgspec.to_builtins(now)}

    def contacts_cancel(self, *, actor: str) -> Row:
        """End an import that is under way; the contacts stay as they were."""
        if not self._offers.contacts.cancel(actor):
            raise UsageError("no import of contacts is under way", hint="See: dialgate contacts status")
        return {}

    def contacts_faults(self, *, after: str | None = None, limit: int = 100, actor: str) -> Row:
        """A page of what in the CRM's file was no contact: line, column, reference, what is wrong."""
        return self._offers.contacts.faults(after, limit)

    def contacts_changes(
        self, *, since: datetime, after: str | None = None, limit: int = 100, export: bool = False, actor: str
    ) -> Row:
        """A page of the contacts whose verdict has changed since a time; ``change`` is newly_blocked, newly_allowed, or
        first_blocked where it is blocked from its first day on.

        With ``export`` the list is taken out: the first page leaves a leaf that says by whom.
        """
        if after is None:
            self._up_to_date()
            if export:
                body = {"list": "contacts", "since": since.isoformat()}
                self._keep("list_exported", actor, body, subject=self._new_id())
        return self._offers.contacts.page(after, limit, {}, changed_since=since)

    def contacts_forget(
        self,
        *,
        number: str | None = None,
        id: str | None = None,
        dry_run: bool = False,
        execute: str | None = None,
        reason: str = "",
        actor: str,
    ) -> Row:
        """Delete what is kept of a number's contacts: of the number given, or of the contact with ``id``. Objections
        and consents are not touched.

        ``dry_run``: only say how many there are, and their ``digest``; with that in ``execute`` just these go, or
        none. Raises ``RefusedError`` (``plan_changed``).
        """
        e164 = self._whose(number, id)
        if dry_run:
            plan = self._offers.contacts.would_forget(e164)
            return {"number": e164, "dry_run": True} | plan
        gone = self._offers.contacts.forget(e164, actor, digest=execute, reason=reason.strip())
        if not gone:
            raise UsageError(f"{number} is no contact's number", hint="See: dialgate contacts list")
        return {"number": e164, "forgotten": gone}

    def _whose(self, number: str | None, ident: str | None) -> str:
        if (number is None) == (ident is None):
            raise UsageError("a number is forgotten, or a contact's number", hint="give one of number and id")
        if number is not None:
            return number_of(number)
        found = self._offers.contacts.named(str(ident))
        if found is None:
            raise UsageError(f"there is no contact {ident}", hint="it may have gone with the last list: look again")
        return str(found["number"])

    def _up_to_date(self) -> None:
        """Without a gate that does it in the background, what may have changed is screened again now."""
        if not self._offers.contacts.background:
            self._offers.contacts.follow()
