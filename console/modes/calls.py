"""Calls: every attempt, newest first; opened, its decision explained, and its leaf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from console import keys, words
from console.late import late, open_detail
from console.modes import receipt
from console.modes.detail import DetailScreen
from console.modes.listing import ListMode, View, looked_for
from console.modes.objecting import never_again
from console.modes.related import go_to
from console.modes.retention_holds import hold_each
from console.modes.revealing import reveal
from console.theme import BAD, DIM, OK, PLAIN, WARN
from console.widgets.report import Section
from console.widgets.rows import Column
from gate.core.evidence import leaf_name
from gate.core.facts.calls import CallIn, Decision
from gate.core.facts.requests import Rectification
from gate.core.rows.audit import Erasure
from gate.core.rows.calls import CallRow, CallShown, FactRow, LiveNow, RecordingRow
from gate.operations.calls.calls import CallsList, CallsShow
from gate.showing import clean, grouped

KEPT_WHOLE = 1.0
"""Seconds of a talk that its recording may lack at its ends and still be whole."""
COLUMNS: Sequence[Column[CallRow]] = (
    Column("Asked", words.WHEN, lambda row: words.moment(row.at)),
    Column("From", 8, lambda row: words.caller(row.claimed_by), grows=True, rank=3),
    Column("To", 16, lambda row: words.called(row.number, row.raw)),
    Column("Purpose", 9, lambda row: words.text(row.purpose), rank=4),
    Column("Verdict", 7, lambda row: words.verdict(row.verdict), rank=2),
    Column("Reason", 15, lambda row: words.reason(row.reason)),
    Column("State", 8, lambda row: words.state(row.state), rank=1),
    Column("Talk", 6, lambda row: words.length(row.seconds), right=True, rank=5),
    Column("Leaf", 9, lambda row: words.leaf(row.leaf_index), right=True, rank=6),
)


class Mode(ListMode):
    """Every attempt."""

    MODE = "calls"
    PAGE = "reason-codes"
    HELP_TEXT = (
        "Every attempt that the gate decided, newest first. / finds by a number or its beginning, by a word of the "
        "reason, by who called, or by the beginning of an id. Enter explains the decision and shows its leaf. "
        "u shows a number in full for half a minute; the log keeps who asked, and why. The space bar marks a call; h "
        "holds the recordings of all that are marked. a notes that the callee wants no more calls. S sorts by a "
        "column. c shows what a callee's receipt says, by its code."
    )
    BINDINGS: ClassVar[list[BindingType]] = keys.CALLS
    VIEWS = (
        View(
            "calls",
            CallsList,
            COLUMNS,
            "call_id",
            "No call was asked for yet.",
            filters=looked_for,
            found="calls",
            finds="day, time, number, agent, reason or id, combined: 25/11 14:00-14:30 alice listed",
            kind="call",
            sorts={"Asked": "-at", "From": "agent", "Reason": "reason", "Talk": "-seconds"},
            marks=True,
        ),
    )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may."""
        if action == "hold":
            return self.feed.session.may("hold_add") or None
        if action == "never_again":
            return self.feed.session.may("objection_add") or None
        return super().check_action(action, parameters)

    @work
    async def action_receipt(self) -> None:
        """What a callee's receipt says."""
        await receipt.show(self)

    @work
    async def action_never_again(self) -> None:
        """No more calls to the number under the cursor."""
        if self.table.row is not None:
            await never_again(self, self.table.row.call_id)

    @work
    async def action_hold(self) -> None:
        """Hold what is marked."""
        ids = [row.call_id for row in self.chosen]
        if ids and await hold_each(self, "call_id", ids):
            self.unmark()

    async def preview(self, row: CallRow) -> Sequence[Section]:
        """The call explained."""
        shown = await self.ask(CallsShow(call_id=row.call_id, masked=True))
        return [Section("", [("Call", words.ident(row.call_id))]), *sections(shown)] if shown is not None else ()

    def open_row(self, row: CallRow) -> None:
        """The call's details."""
        self.app.push_screen(CallDetail(self.MODE, row.call_id))


class CallDetail(DetailScreen):
    """One attempt: the decision and its grounds, what happened, the facts with their leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.CALL, *keys.REVEAL]
    HELP_TEXT = (
        "One attempt: what was decided on which grounds, what happened, and the leaves that prove it. o leads to its "
        "recording, where p plays it; l shows it step by step, each step with its proof; t to whatever belongs to it: "
        "holds, requests, the contact. a notes that the callee wants no more calls."
    )

    def __init__(self, mode: str, call_id: str) -> None:
        super().__init__(mode, f"Call {call_id}")
        self.call_id = call_id
        self._shown: CallShown | None = None
        self._number = ""
        self._over = False
        self._state: object = None

    async def sections(self) -> Sequence[Section] | None:
        """Ask for the call."""
        shown = await self.ask(CallsShow(call_id=self.call_id, masked=True))
        if shown is None:
            return None
        self._shown = shown
        self.refresh_bindings()
        self._over = shown.call.state in ("ended", "refused", "called_against_refusal", "asked")
        return self.drawn()

    def drawn(self) -> Sequence[Section] | None:
        """The call as it was told last."""
        return sections(self._shown, self._number) if self._shown is not None else None

    def show_live(self, said: LiveNow) -> None:
        """A call that goes on is looked at again when it has come to another state."""
        if self._over:
            return
        now = next((call.state for call in said.calls if call.call_id == self.call_id), "over")
        if now != self._state:
            first, self._state = self._state is None, now
            if not first:
                self.returned()

    def copied(self) -> str:
        """The id."""
        return self.call_id

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether this account may ask for numbers."""
        if action == "reveal":
            return self.feed.session.may("reveal") or None
        if action == "never_again":
            return self.feed.session.may("objection_add") or None
        if action == "recording":
            return bool(self._recordings) or None
        if action == "ladder":
            return self._shown is not None or None
        return True

    def why_not(self, binding: Binding) -> str:
        """A call without a recording has none to go to."""
        if binding.action == "ladder":
            return "Not known yet: the call is still asked for."
        if binding.action == "recording":
            return "Not known yet: the call is still asked for." if self._shown is None else "It was not recorded."
        return super().why_not(binding)

    @property
    def _recordings(self) -> Sequence[RecordingRow]:
        return self._shown.recordings if self._shown is not None else ()

    def action_ladder(self) -> None:
        """Step by step."""
        if self._shown is not None:
            self.app.push_screen(late("console.modes.ladder:LadderScreen")(self._mode, self._shown))

    def action_recording(self) -> None:
        """To its recording."""
        if self._recordings:
            first = self._recordings[0]
            open_detail(self, "recording", self._mode, first.recording_id, first)

    @work
    async def action_never_again(self) -> None:
        """No more calls to this number."""
        await never_again(self, self.call_id)

    @work
    async def action_related(self) -> None:
        """To what belongs to it."""
        await go_to(self, self.call_id)

    @work
    async def action_reveal(self) -> None:
        """The number in full for a while; the gate logs who asked, and why."""
        number = await reveal(self, "call", self.call_id)
        if number is not None:
            self._number = words.InFull(number)
            self.revealed()

    def hidden(self) -> None:
        """Its number."""
        self._number = ""


def sections(shown: CallShown, number: str = "") -> list[Section]:
    """A call's sections."""
    call, facts = shown.call, shown.facts
    body: Mapping[str, Any] = next((fact.body or {} for fact in facts if fact.kind in (Decision.kind, CallIn.kind)), {})
    return [
        _decision(call, body, number),
        *_registers(body),
        _happened(call),
        *(_recording(row) for row in shown.recordings),
        *_put_right(facts),
        *_erased(shown.erased),
        _facts(facts),
    ]


def _erased(acts: Sequence[Erasure]) -> list[Section]:
    """Who has erased what of it, and why."""
    said = [
        (words.many(each.facts, "fact"), words.moment(each.at)[0], clean(each.why), clean(each.actor)) for each in acts
    ]
    lines = [(f"{what} on {at}: {why}, by {who}", WARN) for what, at, why, who in said]
    return [Section("Erased", lines=lines)] if lines else []


def _put_right(facts: Sequence[FactRow]) -> list[Section]:
    """What somebody had put right of it (Art 16)."""
    found = [fact.body for fact in facts if fact.kind == Rectification.kind and fact.body]
    return [
        Section(
            "Put right", [("Says", words.text(body.get("statement"))), ("By request", words.ident(body.get("request")))]
        )
        for body in found
    ]


def _decision(call: CallRow, body: Mapping[str, Any], number: str) -> Section:
    pairs: list[tuple[str, words.Shown]] = [
        ("Asked", words.moment(call.at)),
        ("By", words.text(call.claimed_by)),
        ("Number", words.number(number) if number else words.called(call.number, call.raw)),
        ("Verdict", words.verdict(call.verdict)),
        ("Reason", words.reason(call.reason)),
        ("That is", words.text(body.get("explanation"))),
        (
            "Purpose",
            words.text(f"{call.purpose}, topic {words.topic(call.topic)[0]}" if call.purpose else "a call to us"),
        ),
        ("Shows", (clean(grouped(call.presentation or "-")) + _shown_by(body), PLAIN)),
    ]
    if call.on_behalf_of:
        pairs.append(("On behalf of", words.text(call.on_behalf_of)))
    for label, ident in (("Consent", call.consent_id), ("Objection", call.objection_id)):
        if ident:
            pairs.append((label, words.ident(ident)))
    pairs.append(("Leaf", (f"{words.leaf(call.leaf_index)[0]} of the evidence log", PLAIN)))
    return Section("Decision", pairs)


def _shown_by(body: Mapping[str, Any]) -> str:
    """Who is to show a call that the gate does not make itself; empty for its own."""
    who = clean(str(body.get("to_be_shown_by") or ""))
    return f", to be shown by {who}: the gate has not seen what was" if who else ""


def _registers(body: Mapping[str, Any]) -> list[Section]:
    lines = []
    for each in body.get("registers") or ():
        listed = each.get("listed")
        said = "LISTED" if listed else "not listed" if each.get("covered", True) else "outside its coverage"
        tone = BAD if listed else OK if each.get("state") == "ok" else WARN
        as_of = words.day(each.get("as_of"))[0]
        sha = str(each.get("sha256") or "")[:12]
        name = clean(str(each.get("name", "?"))).upper()
        lines.append((f"{name:<5} {said}, list of {as_of} ({each.get('state')}), SHA-256 {sha}…", tone))
    return [Section("Registers as they were", lines=lines)] if lines else []


def _happened(call: CallRow) -> Section:
    ended = f"{call.ended_by or ''} {(call.cause or '').replace('_', ' ')}".strip()
    announced = _whether(call.announced, "to its end", "cut short")
    recorded = _recorded(call)
    against = call.against_at
    return Section(
        "What happened",
        [
            ("State", words.state(call.state)),
            *([("Called", (f"against the refusal: known since {words.moment(against)[0]}", BAD))] if against else []),
            ("Answered", words.clock(call.answered_at)),
            ("Notice", announced),
            ("Connected", words.clock(call.connected_at)),
            ("Recorded", recorded),
            ("Ended", words.text(f"{words.clock(call.ended_at)[0]} by {ended}" if ended else None)),
            ("Talk", words.length(call.seconds)),
        ],
    )


def _whether(value: object, so: str, not_so: str) -> words.Shown:
    if value is None:
        return "-", DIM
    return (so, OK) if value else (not_so, WARN)


def _recorded(call: CallRow) -> words.Shown:
    """Whether, and how much of the talk where that is not all: a pause, or what was lost."""
    kept, seconds = call.kept, call.seconds
    if not call.recorded or kept is None or seconds is None:
        return _whether(call.recorded, "yes", "no")
    if call.silent:
        return f"one-sided: nothing came from the {call.silent}", WARN
    if seconds - kept < KEPT_WHOLE:
        return "yes", OK
    return f"{words.length(kept)[0]} of {words.length(seconds)[0]}", WARN


def _recording(row: RecordingRow) -> Section:
    return Section(
        "Recording",
        [
            ("Id", words.ident(row.recording_id)),
            ("State", words.state(row.state)),
            ("Length", words.length(row.seconds)),
            ("SHA-256", words.ident(row.sha256)),
        ],
    )


def _facts(facts: Sequence[FactRow]) -> Section:
    lines = [
        (
            f"{leaf_name(fact.leaf_index):>9} {words.moment(fact.at)[0]}"
            f" {clean(fact.kind)} by {words.text(fact.actor)[0]}",
            PLAIN,
        )
        for fact in facts
    ]
    return Section("Facts, each with its leaf", lines=lines)
