"""Registers: TPS and CTPS with their age; what imports changed; the firm's own objections and consents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, time
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType

from console import keys, words
from console.modes import objecting
from console.modes.base import hiding
from console.modes.listing import ListMode, View
from console.modes.register_rows import age, changed, consent_state, left, more
from console.modes.request_forms import day, filled, proven
from console.modes.row import RowDetail
from console.modes.taking_back import objection_again, whole
from console.modes.verdict import Verdict
from console.theme import PLAIN
from console.widgets.ask import YES, Ask, Field
from console.widgets.pages import PagedTable
from console.widgets.report import Report
from console.widgets.rows import Column, Row, RowsTable, field_of
from console.widgets.working import worked
from gate.clock import SystemClock
from gate.core.days import HOW, LONDON, day_of
from gate.core.rows.lists import ConsentRow, ObjectionRow
from gate.core.terms import Purpose
from gate.errors import GateError, UsageError
from gate.operations.calls.screening import Check, Checked
from gate.operations.lists.consents import ConsentAdd, ConsentList, ConsentWithdraw
from gate.operations.lists.entries import time_of
from gate.operations.lists.objections import (
    ObjectionAdd,
    ObjectionList,
    ObjectionRemove,
    ObjectionsUndone,
    ObjectionUndo,
)
from gate.operations.operation import Request
from gate.operations.registers.importing import RegisterCancel, RegisterImport, RegisterImports
from gate.operations.registers.in_force import RegisterStatus
from gate.showing import clean, many

REGISTERS, IMPORTS, OBJECTIONS, CONSENTS = range(4)


def by_text(text: str) -> Mapping[str, Any]:
    """What was typed, as fields of the own lists' operations."""
    return {"text": text}


VIEWS = (
    View(
        "registers",
        RegisterStatus,
        (
            Column("Register", 8, lambda row: (clean(row.name or "").upper(), PLAIN)),
            Column("State", 8, lambda row: words.state(row.state)),
            Column("List of", 12, lambda row: words.day(row.as_of)),
            Column("Age", 5, age, right=True),
            Column("Left", 5, left, right=True),
            Column("Numbers", 12, lambda row: words.count(row.count), right=True),
            Column("Coverage", 9, lambda row: words.coverage(row.coverage), grows=True),
            Column("SHA-256", 12, lambda row: words.ident(row.sha256[:12]), rank=1),
        ),
        "name",
        "No register is asked for.",
        items="registers",
    ),
    View(
        "imports",
        RegisterImports,
        (
            Column("At", words.WHEN, lambda row: words.moment(row.at)),
            Column("Register", 8, lambda row: (clean(row.name or "").upper(), PLAIN)),
            Column("List of", 12, lambda row: words.day(row.as_of)),
            Column("Numbers", 12, lambda row: words.count(row.count), right=True),
            Column("Changed", 18, changed),
            Column("By", 10, lambda row: words.text(row.actor), grows=True, rank=1),
            Column("File", 12, lambda row: words.text(row.source_name), rank=2),
        ),
        "import_id",
        "Nothing was imported.",
    ),
    View(
        "objections",
        ObjectionList,
        (
            Column("Made", words.WHEN, lambda row: words.moment(row.made_at)),
            Column("Number", 16, lambda row: words.number(row.number)),
            Column("Told by", 9, lambda row: words.text(row.source)),
            Column("Stops", 9, lambda row: words.text(row.scope or "marketing"), rank=2),
            Column("Note", 14, lambda row: words.text(row.note), grows=True),
            Column("Noted by", 16, lambda row: words.text(row.actor), rank=1),
        ),
        "id",
        "Nobody has objected.",
        filters=by_text,
        finds="a number or its beginning, or a word of the row",
        kind="objection",
    ),
    View(
        "consents",
        ConsentList,
        (
            Column("Given", words.WHEN, lambda row: words.moment(row.given_at)),
            Column("Number", 16, lambda row: words.number(row.number)),
            Column("State", 9, consent_state),
            Column("How", 9, lambda row: words.text(row.how)),
            Column("By", 12, lambda row: words.text(row.who), grows=True),
            Column("For", 9, lambda row: words.text(row.topics or "general"), rank=2),
            Column("Evidence", 14, lambda row: words.text(row.evidence), rank=1),
        ),
        "id",
        "Nobody has consented.",
        filters=by_text,
        finds="a number or its beginning, or a word of the row",
        kind="consent",
    ),
)


class Mode(ListMode):
    """The registers and the own lists."""

    MODE = "registers"
    PAGE = "registers-and-lists"
    VIEWS = VIEWS
    BINDINGS: ClassVar[list[BindingType]] = keys.REGISTERS
    HELP_TEXT = (
        "TPS and CTPS: the day each list speaks of, and how many days it still supports marketing calls (27 after its "
        "date). Tab goes on to the imports, with what each changed, and to the firm's own objections and consents. "
        "i imports a licensee's file; n asks whether a number may be dialled, without dialling it; a and d add to and "
        "take from the own list that is shown; X takes back what callers of a trunk made by key. z takes back what was "
        "done to objections; not to consents, for one that is withdrawn blocks its number until a later one."
    )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Each list has its own acts."""
        may = self.feed.session.may
        if action == "look_up":
            return may("check") or None
        if action == "import":
            return self.at in (REGISTERS, IMPORTS) and (may("register_import") or None)
        if action == "add":
            return self.at in (OBJECTIONS, CONSENTS) and (may(("objection_add", "consent_add")[self.at - 2]) or None)
        if action == "remove":
            return self.at in (OBJECTIONS, CONSENTS) and (
                may(("objection_remove", "consent_withdraw")[self.at - 2]) or None
            )
        if action == "undo_many":
            return self.at == OBJECTIONS and (may("objection_undo") or None)
        return super().check_action(action, parameters)

    def below(self) -> ComposeResult:
        """More of the register under the cursor."""
        yield Report(id="more")

    def show_view(self, number: int) -> None:
        """Another list; only registers have more to say below."""
        super().show_view(number)
        self._show_more()

    @on(RowsTable.Moved)
    @on(PagedTable.Loaded)
    def _show_more(self) -> None:
        report = self.query_one("#more", Report)
        row = self.table.row
        report.display = self.at == REGISTERS and row is not None
        if row is not None and report.display:
            report.show([more(row)])

    def open_row(self, row: Row) -> None:
        """Everything about it."""
        kind = ("Register", "Import", "Objection", "Consent")[self.at]
        self.app.push_screen(RowDetail(self.MODE, f"{kind} {words.text(field_of(row, self.view.key))[0]}", row))

    # --- import ---------------------------------------------------------------------------------------------------

    @work
    async def action_import(self) -> None:
        """Ask for a file, then import it: it is opened here, with this account's rights."""
        name = str(field_of(self.table.row, "name") or "tps")
        answer = await filled(
            self,
            "Import a register",
            (
                Field.from_request(RegisterImport, "name", name),
                Field.from_request(RegisterImport, "path"),
                Field.from_request(RegisterImport, "as_of"),
                replace(Field.from_request(RegisterImport, "coverage"), join=","),
                Field.from_request(RegisterImport, "accept_narrower"),
                Field.from_request(RegisterImport, "accept_shrink"),
            ),
            self._import,
            said="A file that is refused leaves the register in force as it is.",
            act="Import",
        )
        if answer is not None:
            name = str(answer.name).upper()
            counts = f"{words.many(answer.count, 'number')}, {changed(answer)[0]}"
            again = "; the same bytes came before, and keep their day" if answer.first_seen else ""
            self.app.done(f"{name} of {words.day(answer.as_of)[0]} is in force: {counts}{again}")
        self.returned()

    async def _import(self, told: Mapping[str, str]) -> Any:
        """Import what was typed. Raises ``GateError``."""
        asked = import_request(told)
        return await worked(
            self.app,
            f"Importing {asked.name.upper()} from {Path(asked.path).name}",
            lambda progress: self.feed.ask(asked, progress=progress),
            lambda: self.feed.ask(RegisterCancel(name=asked.name)),
        )

    # --- a number -------------------------------------------------------------------------------------------------

    @work
    async def action_look_up(self) -> None:
        """May this number be dialled?"""

        async def send(told: Mapping[str, str]) -> tuple[Check, Checked]:
            asked = Check(number=told["number"].strip(), purpose=Purpose(told["purpose"]))
            return asked, await self.feed.ask(hiding(asked))

        found = await filled(
            self,
            "May a number be dialled?",
            (
                Field.from_request(Check, "number"),
                Field.from_request(Check, "purpose"),
            ),
            send,
            said="Nothing is dialled, and no decision is logged.",
            act="Look up",
        )
        if found is not None:
            asked, checked = found
            self.app.push_screen(Verdict(self.MODE, asked, checked, self.app.setup.now()))

    # --- own lists ------------------------------------------------------------------------------------------------

    @work
    async def action_add(self) -> None:
        """An objection or a consent, by what is shown."""
        objection = self.at == OBJECTIONS
        title, fields, said = _OBJECTION if objection else _CONSENT

        async def send(told: Mapping[str, str]) -> Any:
            typed: dict[str, Any] = {name: value.strip() for name, value in told.items()}
            if objection:
                return await objecting.add(self.feed, typed["number"], typed)
            return await self.feed.ask(ConsentAdd(**await self._consent(typed)))

        added = await filled(self, title, fields, send, said=said, act="Add")
        if added is None:
            return
        if objection:
            self.app.done(added.notice or objecting.ADDED, back=objecting.back(self.feed, added))
        else:
            self.app.done(added.notice or f"Consent added: it holds from the next call. {_NO_WAY_BACK}")
        self.returned()

    async def _consent(self, typed: dict[str, Any]) -> dict[str, Any]:
        """What was typed of a consent, days read and a file that is named told by its SHA-256. Raises ``GateError``."""
        given, until = day(typed["given_at"]), day(typed["holds_until"], ahead=True)
        read = await proven(self, typed)
        if typed["evidence_sha256"]:
            read["evidence_kind"] = "file"
        midnight = datetime.combine(given, time(), LONDON) if given else None
        days = {"given_at": midnight, "holds_until": until, "after_objection": typed["after_objection"] == YES}
        return read | days

    @work
    async def action_remove(self) -> None:
        """Take an objection back, or withdraw a consent."""
        row, objection = self.table.row, self.at == OBJECTIONS
        if row is None:
            return
        what = "Remove this objection?" if objection else "Withdraw this consent?"
        said = (
            "The number may be called again unless something else forbids it. The entry stays in the log."
            if objection
            else "From the next call the number is not called by this consent. Only a new consent brings it back."
        )
        told = await self.app.push_screen_wait(
            Ask(
                what,
                (Field.from_request(ObjectionRemove, "reason"),),
                said=f"{_entry_label(row)}\n{said}",
                act="Remove",
            )
        )
        if told is None:
            return
        back = await self._way_back(row) if objection else None
        target, reason = row.id, told["reason"]
        asked: Request[Any] = (
            ObjectionRemove(target=target, reason=reason)
            if objection
            else ConsentWithdraw(target=target, reason=reason)
        )
        if await self.ask(asked) is not None:
            self.app.done("Objection removed" if objection else "Consent withdrawn", back=back)
            self.table.reload()

    @work
    async def action_undo_many(self) -> None:
        """Take back what callers of a trunk have made by key, where their caller IDs were forged."""

        async def send(told: Mapping[str, str]) -> ObjectionsUndone:
            now, until = SystemClock().now(), told["until"].strip()
            try:
                since = time_of(told["since"].strip(), now, end=False)
                last = time_of(until, now, end=True) if until else None
            except ValueError:
                raise UsageError("this is no time", hint="Write for example 2026-03-02 14:00.") from None
            asked = ObjectionUndo(trunk=told["trunk"].strip(), since=since, until=last, reason=told["reason"])
            return await self.feed.ask(asked)

        undone = await filled(self, "Take back objections by key?", _UNDO, send, said=_SPARED, act="Take back")
        if undone is None:
            return
        told = words.waits(undone) or f"{many(undone.undone or 0, 'objection')} taken back; {undone.spared} stand"
        self.app.done(told)
        self.returned()

    async def _way_back(self, row: ObjectionRow) -> Callable[[], Awaitable[None]] | None:
        """How this objection is put back, found out while its list still has it; None where its texts are not had."""
        try:
            kept = await whole(self.feed, row, lambda ident: ObjectionList(text=ident, limit=1000))
        except GateError:
            return None
        return partial(objection_again, self.feed, kept)


_NO_WAY_BACK = "It cannot be undone: withdrawn, it would block the number until a later consent."
_UNDO = tuple(Field.from_request(ObjectionUndo, name) for name in ("trunk", "since", "until", "reason"))
_SPARED = "Numbers that the firm had called before their objection stay on the list. The entries stay in the log."
_OBJECTION = ("Somebody does not want calls", (Field.from_request(ObjectionAdd, "number"), *objecting.FIELDS), "")
_CONSENT = (
    "A subscriber agrees to calls of this firm",
    (
        *(Field.from_request(ConsentAdd, name) for name in ("number", "who", "how", "wording")),
        Field.from_request(ConsentAdd, "evidence", needed=False),
        Field.from_request(ConsentAdd, "evidence_kind", choices=("reference", "recording")),
        *(
            Field.from_request(ConsentAdd, name)
            for name in ("evidence_sha256", "purpose", "topics", "caller", "given_at")
        ),
        Field.from_request(ConsentAdd, "holds_until", hint="25/11/2027; empty: by our term"),
        Field.from_request(ConsentAdd, "after_objection"),
    ),
    _NO_WAY_BACK,
)


def import_request(told: Mapping[str, str]) -> RegisterImport:
    """What was typed, as a request. Raises ``UsageError``."""
    as_of = told["as_of"].strip()
    try:
        day = day_of(as_of, words.today()) if as_of else None
    except ValueError:
        raise UsageError(f"{as_of!r} is not a day", hint=HOW) from None
    return RegisterImport(
        name="ctps" if told["name"] == "ctps" else "tps",
        path=told["path"].strip(),
        coverage=told["coverage"].strip(),
        accept_narrower=told["accept_narrower"] == YES,
        accept_shrink=told["accept_shrink"] == YES,
        as_of=day,
    )


def _entry_label(row: ObjectionRow | ConsentRow) -> str:
    made = row.made_at if isinstance(row, ObjectionRow) else row.given_at
    return f"{words.number(row.number)[0]}, of {words.moment(made)[0]}"
