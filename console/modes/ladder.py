"""A call step by step: phones, gate and carrier as three lines, each step with its leaf; Enter proves one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from console import keys, words
from console.feed import on_thread
from console.modes.audit_detail import TextDetail
from console.modes.base import GateScreen
from console.modes.private_key import opened_for
from console.modes.request_forms import filled
from console.theme import BAD, DIM, LOUD, OK, PLAIN, WARN
from console.widgets.ask import Field
from console.widgets.footer import KeyLine
from console.widgets.report import Section
from console.widgets.rows import Column, LocalTable, RowsTable
from console.widgets.status import StatusLine
from console.widgets.wave import Wave
from gate.core import ladder
from gate.core.evidence import index_of
from gate.core.ladder import Ladder, Rung
from gate.core.rows.calls import CallShown, RecordingRow
from gate.errors import GateError, UsageError
from gate.operations.calls.calls import CallsProve
from gate.showing import clean

if TYPE_CHECKING:
    from gate.client.pages import LeafChecked
    from gate.client.recordings import Stream

_TIME, _LEAF, _GAPS = 12, 9, 6
_WIDEST = 60
"""Cells between two lines at most: a longer arrow says no more."""


class LadderScreen(GateScreen):
    """The ladder of one call."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.DETAIL, *keys.LADDER]
    HELP_TEXT = (
        "A call step by step between phones, gate and carrier, from the evidence log: each arrow is a message or an "
        "act that has a leaf. What no leaf proves, such as ringing, is not drawn. Enter proves a step: this console "
        "checks its leaf, the way to the root and the signature. o opens its recording with a private key: both waves, "
        "packets, losses and jitter. s saves a page that checks itself (.html), or text (.txt)."
    )
    PAGE = "calls"
    DEFAULT_CSS = "LadderScreen #media { height: auto; padding: 0 1; color: $muted; }"

    def __init__(self, mode: str, shown: CallShown) -> None:
        super().__init__()
        self._mode, self._shown = mode, shown
        self._ladder: Ladder | None = None
        self._purpose = ""
        self._busy = False

    def compose(self) -> ComposeResult:
        """Status, title, the ladder, what is known of its audio, the waveforms."""
        yield StatusLine(self._mode)
        yield Static(f"Call {clean(self._shown.call.call_id)}", classes="title", markup=False)
        yield LocalTable(self._columns(), key_of="leaf_index", none="The log has nothing of this call.")
        yield Static("", id="media", markup=False)
        wave = Wave()
        wave.display = False
        yield wave
        yield KeyLine()

    def on_mount(self) -> None:
        """What is known is drawn at once."""
        self.query_one(LocalTable).set_rows(ladder.rungs(self._shown.facts))
        self.query_one(LocalTable).focus()
        self._show_media({})

    def on_resize(self, event: events.Resize) -> None:
        """The lines stand as far apart as there is room."""
        self.query_one(LocalTable).set_columns(self._columns())

    def _columns(self) -> Sequence[Column[Rung]]:
        room = (self.app.size.width - 2 - _TIME - _LEAF - _GAPS - 3) // 2
        room = max(ladder.LEAST, min(_WIDEST, room))
        return (
            Column("Time", _TIME, lambda row: (words.clock(row.at)[0] + row.at[19:23], DIM)),
            Column(ladder.heading(room), 2 * room + 3, lambda row: (clean(ladder.line(row, room)), _tone(row))),
            Column("Leaf", _LEAF, lambda row: words.leaf(row.leaf_index), right=True),
        )

    @property
    def _recording(self) -> RecordingRow | None:
        return next(iter(self._shown.recordings), None)

    def _show_media(self, streams: Mapping[str, Stream]) -> None:
        row = self._recording
        if row is None:
            text = "It was not recorded."
        else:
            packets = row.packets or {}
            sides = []
            for side, name in (("caller", "agent"), ("callee", "customer")):
                stream = streams.get(side)
                count = f"{name} {stream.packets if stream else packets.get(side, 0):,} packets"
                if stream is not None:
                    count += f", {stream.lost:,} lost, jitter {stream.jitter:.1f} ms (at most {stream.peak:.1f})"
                sides.append(count)
            paused = sum(end - start for start, end in row.gaps or ())
            kept = f"{words.length(row.seconds)[0]}, {paused:.1f} s paused"
            text = f"Recording {row.state}: {' · '.join(sides)} · {kept}"
            text += "" if streams or row.state == "erased" else " · o opens it: waveforms, jitter"
        self.query_one("#media", Static).update(clean(text))

    def copied(self) -> str:
        """The call's id."""
        return self._shown.call.call_id

    def action_back(self) -> None:
        """To the call."""
        self.leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may, and this console can."""
        may = self.feed.session.may
        if action == "save":
            return (self.app.setup.files is not None and may("calls_prove")) or None
        if action == "open_key":
            row = self._recording
            shut = row is None or row.state in ("erased", "erasing", "open")
            return None if shut or self.app.setup.opener is None or not may("recording_take") else True
        return True

    def why_not(self, binding: Binding) -> str:
        """Its recording may be in the way."""
        if binding.action == "open_key":
            row = self._recording
            if row is None:
                return "It was not recorded."
            if row.state in ("erased", "erasing", "open"):
                return f"Its recording is {row.state}: there is nothing to open."
            if self.app.setup.opener is None:
                return "No key can be opened in this console: dialgate console -k FILE"
        return super().why_not(binding)

    # --- proven ---------------------------------------------------------------------------------------------------

    def on_rows_table_opened(self, message: RowsTable.Opened) -> None:
        """Prove the step under the cursor."""
        if isinstance(row := message.table.row, Rung):
            self._prove(row)

    @work(exclusive=True, group="proof")
    async def _prove(self, rung: Rung) -> None:
        papers = self.app.setup.papers
        if papers is None:
            self.notify("Nothing is proven in this console: dialgate calls ladder", timeout=6, markup=False)
            return
        if shut := self.shut(CallsProve):
            self.notify(shut, timeout=6, markup=False)
            return
        if self._ladder is None:
            self._ladder = await self.ask(CallsProve(call_id=self._shown.call.call_id))
        if (made := self._ladder) is None:
            return
        place = next(
            (at for at, each in enumerate(made.evidence.leaves) if each.index == index_of(rung.leaf_index)), None
        )
        if place is None:
            self._ladder = None  # it came after that was asked for
            self.notify("This step is newer than the proof: press Enter again.", timeout=4, markup=False)
            return
        try:
            checked = await on_thread(partial(papers.proven, made.evidence, place))
        except (GateError, ValueError) as error:
            self.notify(f"It cannot be checked: {error}", severity="error", timeout=10, markup=False)
            return
        title = f"Leaf {words.leaf(rung.leaf_index)[0]}: {rung.label}"
        self.app.push_screen(TextDetail(self._mode, clean(title), _proof(checked, made), checked.leaf, "the leaf"))

    # --- saved ----------------------------------------------------------------------------------------------------

    @work
    async def action_save(self) -> None:
        """As a page that checks itself, or as text."""
        call_id = self._shown.call.call_id
        fields = (
            Field.from_request(CallsProve, "why"),
            Field("output", "File: .html checks itself, .txt", str(self.app.setup.exports / f"{call_id[:12]}.html")),
        )
        said = "Without a reason no number and nobody's own words are in it."
        path = await filled(self, "Save this ladder", fields, self._save, said=said, act="Save")
        if path is not None:
            self.app.done(f"Written: {path}")
            await self.app.saved(path)

    async def _save(self, told: Mapping[str, str]) -> Path:
        path, papers, files = Path(told["output"].strip()), self.app.setup.papers, self.app.setup.files
        if papers is None or files is None:
            raise UsageError("nothing is saved here", hint="dialgate calls ladder … -o FILE")
        made = await self.feed.ask(CallsProve(call_id=self._shown.call.call_id, why=told["why"]))
        data = await on_thread(partial(papers.ladder, made, path.suffix.removeprefix(".")))
        await on_thread(partial(files.write, path, data))
        return path

    # --- with a key -----------------------------------------------------------------------------------------------

    @work
    async def action_open_key(self) -> None:
        """Both waveforms, and how the packets came."""
        opener, row = self.app.setup.opener, self._recording
        if opener is None or row is None or self._busy:
            return
        self._busy = True
        try:
            purpose = await opened_for(self, self._purpose)
            if purpose is None:
                return
            self._purpose = purpose
            envelope, streams = await on_thread(partial(opener.examined, row.recording_id, purpose))
        except GateError as error:
            self.complain(error)
            return
        finally:
            self._busy = False
        wave = self.query_one(Wave)
        wave.display = True
        wave.show(envelope)
        self._show_media(streams)


def _tone(rung: Rung) -> str:
    if rung.label.startswith("REFUSED") or ladder.WITHHELD in rung.label:
        return BAD
    return LOUD if rung.band else PLAIN if rung.protocol != ladder.ACT else OK


def _proof(checked: LeafChecked, made: Ladder) -> list[Section]:
    value = {True: ("as the leaf commits to it", OK), False: ("NOT what the leaf commits to", BAD)}
    left_out = ("left out: it may name somebody, or is erased", DIM)
    holds = checked.included and not checked.signed and checked.value is not False
    size = f"{words.many(checked.size, 'leaf')}, root {checked.root}"
    return [
        Section(
            "Checked here, from what the gate gave",
            [
                ("Verdict", ("PROVEN: it stands in the signed log", OK) if holds else ("NOT PROVEN", BAD)),
                ("Value", value.get(checked.value, left_out) if checked.value is not None else left_out),
                ("Leaf's hash", words.ident(checked.hash)),
                ("In the tree", ("its path leads to the root", OK) if checked.included else ("IT DOES NOT", BAD)),
                ("Checkpoint", (size, PLAIN)),
                ("Signed", (f"with {clean(made.evidence.vkey)}", OK) if not checked.signed else (checked.signed, BAD)),
            ],
        ),
        Section("", lines=[("The key is the gate's own word: compare it with the one that you were given.", WARN)]),
        Section("The leaf", lines=[(clean(checked.leaf), PLAIN)]),
        Section("Path to the root, the lowest first", lines=[(each, DIM) for each in checked.path]),
    ]
