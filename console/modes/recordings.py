"""Recordings: sealed while they arrived; opened only with a private key, which the gate does not have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console import keys, words
from console.feed import on_thread
from console.late import open_detail
from console.modes.detail import DetailScreen
from console.modes.objecting import never_again
from console.modes.private_key import opened_for
from console.modes.recordings_list import RecordingsMode, shut
from console.modes.related import go_to
from console.modes.request_forms import filled
from console.modes.retention_holds import ask_for_hold
from console.theme import BAD, DIM, OK, WARN
from console.widgets.ask import Field
from console.widgets.report import Section
from console.widgets.status import StatusLine
from console.widgets.wave import Wave
from console.widgets.working import worked
from gate.client.listening import Envelope, Listening
from gate.core.rows.calls import CallRow, ListedRecording, RecordingRow
from gate.errors import GateError
from gate.operations.calls.calls import CallsShow
from gate.operations.retention.holds import HoldList
from gate.showing import clean

if TYPE_CHECKING:
    from gate.client.opening import KeyOpener
    from gate.types import Progress

T = TypeVar("T")
LISTEN_IN = 1.0
"""Seconds before a key from which it is played."""
SPEEDS = (0.75, 1.0, 1.25, 1.5, 2.0)


class Mode(RecordingsMode):
    """Every recording."""

    def open_row(self, row: ListedRecording) -> None:
        """The recording."""
        self.app.push_screen(RecordingDetail(self.MODE, row.recording_id, row.call_id, row))

    async def action_do(self, action: str) -> None:
        """Open the recording, and do this there."""
        row = self.table.row
        if row is not None:
            shown = RecordingDetail(self.MODE, row.recording_id, row.call_id, row)
            await self.app.push_screen(shown)
            await self.app.run_action(action, shown)


class RecordingDetail(DetailScreen):
    """One recording: what is known of it without a key, and what can be done with one."""

    BINDINGS: ClassVar[list[BindingType]] = keys.RECORDING
    HELP_TEXT = (
        "One sealed recording. o opens it with a private key: the waveform comes from an envelope that was sealed with "
        "it. p plays, or stops; e exports a WAV; h holds it; a notes that the callee wants no more calls. Each opening "
        "is in the log with your purpose."
    )

    def __init__(self, mode: str, recording_id: str, call_id: str | None, row: RecordingRow | None = None) -> None:
        """``row``: what is known of it already."""
        self.recording_id = recording_id
        self._call_id = call_id or ""
        super().__init__(mode, f"Recording {clean(self.recording_id)}")
        self._row = row
        self._purpose = ""
        self._playing: Listening | None = None
        self._heard: float | None = None
        """When what plays now was first heard, by the monotonic clock; None: not yet."""
        self._asking = False
        """A key or a purpose is being asked for: once at a time."""

    def above(self) -> ComposeResult:
        """The waveform, once it is opened."""
        wave = Wave()
        wave.display = False
        yield wave

    def copied(self) -> str:
        """The id."""
        return self.recording_id

    async def sections(self) -> Sequence[Section]:
        """The row, the holds on it, its call."""
        shown = await self.ask(CallsShow(call_id=self._call_id, masked=True)) if self._call_id else None
        recordings = shown.recordings if shown is not None else ()
        fresh = next((each for each in recordings if each.recording_id == self.recording_id), self._row)
        holds = await self._holds() if self.feed.session.may("hold_list") else []
        return [
            *([_known(fresh)] if fresh is not None else ()),
            Section("Holds", lines=holds),
            *(_call(shown.call) if shown is not None else ()),
        ]

    @property
    def _state(self) -> str:
        return self._row.state if self._row is not None else ""

    async def _holds(self) -> list[words.Shown]:
        page = await self.ask(HoldList(limit=1000, masked=True))
        found = [
            hold
            for hold in (page.items if page else ())
            if self.recording_id == hold.recording_id or (self._call_id and self._call_id == hold.call_id)
        ]
        shown = [(clean(f"{hold.kind} {hold.reference}: {hold.reason} ({hold.id[:12]})"), WARN) for hold in found]
        return shown or [("none on this recording or its call", DIM)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may, and this state allows."""
        if action in ("open_key", "play", "export"):
            return shut(self, self._state) is None or None
        if action == "hold":
            return self.feed.session.may("hold_add") or None
        if action == "never_again":
            return (bool(self._call_id) and self.feed.session.may("objection_add")) or None
        return True

    def why_not(self, binding: Binding) -> str:
        """Its state, or this console, may be in the way."""
        opens = binding.action in ("open_key", "play", "export")
        return (shut(self, self._state) if opens else None) or super().why_not(binding)

    def action_call(self) -> None:
        """To its call; back to it, where one came from there."""
        if self._call_id and getattr(self.app.screen_stack[-2], "call_id", "") == self._call_id:
            self.action_back()
        elif self._call_id:
            open_detail(self, "call", self._mode, self._call_id, None)

    @work
    async def action_never_again(self) -> None:
        """No more calls to its number."""
        await never_again(self, self._call_id)

    @work
    async def action_related(self) -> None:
        """To what belongs to it."""
        if self._call_id:
            await go_to(self, self._call_id, self.recording_id)

    def on_unmount(self) -> None:
        """However it is left, what plays stops."""
        self._stop()

    # --- with a key -----------------------------------------------------------------------------------------------

    async def _unlocked(self) -> bool:
        """A key is open, and a purpose is said. A passphrase goes from the field to the opener, and nowhere else."""
        opener = self.app.setup.opener
        if opener is None or self._asking:
            return False
        self._asking = True
        try:
            return await self._key_and_purpose()
        finally:
            self._asking = False

    async def _key_and_purpose(self) -> bool:
        if self._purpose and (opener := self.app.setup.opener) is not None and opener.holder():
            return True
        purpose = await opened_for(self, self._purpose)
        self._purpose = purpose or self._purpose
        return purpose is not None

    async def _tried(self, step: Callable[[], T]) -> T | None:
        """What a step gave on its thread; None where it failed, which is said."""
        try:
            return await on_thread(step)
        except GateError as error:
            self.complain(error)
            return None

    @work
    async def action_open_key(self) -> None:
        """Draw the waveform."""
        opener = self.app.setup.opener
        if opener is None or not await self._unlocked():
            return
        self.app.no_question()
        if await self._draw_wave(opener) is not None:
            self.returned()

    async def _draw_wave(self, opener: KeyOpener) -> Envelope | None:
        envelope = await self._tried(partial(opener.envelope, self.recording_id, self._purpose))
        if envelope is not None:
            wave = self.query_one(Wave)
            wave.display = True
            wave.show(envelope)
        return envelope

    @work
    async def action_another_key(self) -> None:
        """One more key: a recording may take two people."""
        opener = self.app.setup.opener
        if opener is None:
            return

        async def send(told: Mapping[str, str]) -> str:
            return await on_thread(partial(opener.unlock, Path(told["key"].strip()), told["passphrase"]))

        fields = (Field("key", "Key file"), Field("passphrase", "Passphrase", secret=True))
        said = f"Open now: {opener.holder() or 'none'}."
        holder = await filled(self, "Open one more private key", fields, send, said=said, act="Open")
        if holder is not None:
            self.notify(f"Open with the keys of {holder}", timeout=4, markup=False)

    def action_lock(self) -> None:
        """Forget the keys."""
        if self.app.setup.opener is not None:
            self.app.setup.opener.lock()
            self.app.look_at_keys()
            self.query_one(StatusLine).look()

    @work
    async def action_export(self) -> None:
        """Write a WAV."""
        opener = self.app.setup.opener
        if opener is None or not await self._unlocked():
            return

        async def send(told: Mapping[str, str]) -> tuple[Path, Mapping[str, Any]]:
            output = Path(told["output"].strip())

            async def act(progress: Progress) -> Mapping[str, Any]:
                heed = partial(self.app.call_from_thread, progress)
                return await on_thread(partial(opener.export, self.recording_id, self._purpose, output, heed))

            return output, await worked(self.app, f"Exporting to {output}", act, local=True)

        field = Field("output", "File", str(self.app.setup.exports / f"{self.recording_id[:12]}.wav"))
        said = "Agent left, customer right, pauses marked. The file is in clear: you answer for it."
        written = await filled(self, "Export as a WAV", (field,), send, said=said, act="Export")
        if written is not None:
            output, answer = written
            self.app.done(f"Written: {output}, {words.length(answer['seconds'])[0]}")
            await self.app.saved(output)

    # --- playing --------------------------------------------------------------------------------------------------

    @work
    async def action_play(self) -> None:
        """Play, or stop."""
        if self._playing is not None:
            self._stop()
            return
        opener = self.app.setup.opener
        if opener is None or not await self._unlocked():
            return
        self.app.no_question()
        wave = self.query_one(Wave)
        if wave.envelope is None and await self._draw_wave(opener) is None:
            return
        stop = self._playing = Listening()
        self._heard = None
        moving = self.set_interval(0.25, self._move)
        try:
            how = await on_thread(partial(opener.play, self.recording_id, self._purpose, stop, self._begun))
            self.notify(how.capitalize(), timeout=3, markup=False)
        except GateError as error:
            self.complain(error)
        finally:
            moving.stop()
            self._playing = None
            for wave in self.query(Wave):
                wave.play_at(None)

    def _begun(self, _part: float, _text: str) -> None:
        """On the playing thread: something is heard."""
        self._heard = time.monotonic()

    @property
    def _at(self) -> float | None:
        """So many seconds of what is heard have been played; None where nothing plays."""
        listening, heard = self._playing, self._heard
        if listening is None or heard is None:
            return None
        return listening.start + (time.monotonic() - heard) * listening.speed

    def _move(self) -> None:
        wave, at = self.query_one(Wave), self._at
        if at is not None and self._playing is not None and wave.envelope is not None:
            wave.keys = self._playing.keys
            wave.play_at(wave.begins + at, self._playing.speed)

    def _play_from(self, start: float, speed: float = 0.0) -> None:
        if self._playing is not None and self._at is not None:
            self._heard = None
            self._playing.again(max(0.0, start), speed or self._playing.speed)

    def action_seek(self, by: int) -> None:
        """On, or back, by seconds."""
        if (at := self._at) is not None:
            self._play_from(at + by)

    def action_speed(self, by: int) -> None:
        """Faster, or slower."""
        if self._playing is not None and (at := self._at) is not None:
            place = SPEEDS.index(self._playing.speed) + by
            self._play_from(at, SPEEDS[max(0, min(place, len(SPEEDS) - 1))])

    def action_mark(self, by: int) -> None:
        """To the next mark, or the one before: the end of the announcement, the end of a pause, a key."""
        wave, at = self.query_one(Wave), self._at
        if at is None or wave.envelope is None:
            return
        places = [0.0, *(end for _, end in wave.envelope.gaps), *(pressed - LISTEN_IN for pressed, _ in wave.keys)]
        marks = sorted({0.0, *(place - wave.begins for place in places if place - wave.begins > 0)})
        near = [mark for mark in marks if (mark > at + 0.5 if by > 0 else mark < at - 2.0)]
        if near:
            self._play_from(near[0] if by > 0 else near[-1])

    def _stop(self) -> None:
        if self._playing is not None:
            self._playing.wanted = False
            self._playing.set()

    # --- holds ----------------------------------------------------------------------------------------------------

    @work
    async def action_hold(self) -> None:
        """Keep it from being erased."""
        if await ask_for_hold(self, self.recording_id):
            self.returned()


def _known(row: RecordingRow) -> Section:
    gaps = [f"{start:.1f} to {end:.1f} s" for start, end in row.gaps or ()]
    packets = row.packets or {}
    recipients = row.recipients or ()
    pairs = [
        ("State", words.state(row.state)),
        ("Recorded", words.moment(row.opened_at)),
        ("Length", words.length(row.seconds)),
        ("Size", words.size(row.size)),
        ("Pauses", words.text(", ".join(gaps))),
        ("Packets", words.text(", ".join(f"{side} {count:,}" for side, count in packets.items()))),
        ("Purpose", words.text(row.purpose)),
        ("Sealed to", words.ident(", ".join(map(str, recipients)))),
        ("SHA-256", words.ident(row.sha256)),
        ("Leaf", words.leaf(row.leaf_index)),
    ]
    if row.kept is not None:
        pairs.insert(3, ("Kept", words.length(row.kept)))
    if lost := [f"{start:.1f} to {end:.1f} s" for start, end in row.lost or ()]:
        pairs.insert(1, ("Lost", words.text(", ".join(lost), BAD)))
    if row.silent:
        pairs.insert(1, ("One-sided", words.text(f"nothing came from the {row.silent}", BAD)))
    if row.interrupted:
        pairs.insert(1, ("Cut off", words.text(row.cause, BAD)))
    pairs += [("From elsewhere", words.text(f"found by {row.bound_by}"))] if row.bound_by else []
    if row.erased_at:
        pairs.insert(1, ("Erased", words.moment(row.erased_at)))
    return Section("", pairs)


def _call(call: CallRow) -> list[Section]:
    cut = ("not to its end" if call.answered_at else "not by the gate", WARN)
    return [
        Section(
            "Call",
            [
                ("Id", words.ident(call.call_id)),
                ("By", words.text(call.claimed_by)),
                ("Number", words.called(call.number, call.raw)),
                ("Reason", words.reason(call.reason)),
                ("Notice", ("to its end", OK) if call.announced else cut),
            ],
        )
    ]
