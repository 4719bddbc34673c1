"""The list of recordings, and what is done with those that are marked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from console import keys, words
from console.feed import on_thread
from console.modes.base import GateScreen
from console.modes.listing import ListMode, View, looked_for
from console.modes.private_key import opened_for
from console.modes.request_forms import filled
from console.modes.retention_holds import hold_each
from console.theme import BAD, PLAIN, WARN
from console.widgets.ask import Field
from console.widgets.rows import Column
from console.widgets.working import worked
from gate.core.rows.calls import ListedRecording
from gate.errors import RefusedError, StoppedError
from gate.operations.calls.recordings import RecordingList

AGAINST = "called_against_refusal"


def pauses(row: ListedRecording) -> words.Shown:
    """How often it was paused; what is worse comes first."""
    if row.lost:
        return "lost", BAD
    if row.silent:
        return "1 side", WARN
    return (f"{len(row.gaps)}", PLAIN) if row.gaps else words.NOTHING


def _state(row: ListedRecording) -> words.Shown:
    """Its own, or that of a call that the gate had refused."""
    return words.state(AGAINST if row.call_state == AGAINST else row.state)


COLUMNS: Sequence[Column[ListedRecording]] = (
    Column("Recorded", words.WHEN, lambda row: words.moment(row.opened_at)),
    Column("From", 8, lambda row: words.caller(row.claimed_by), grows=True, rank=1),
    Column("To", 16, lambda row: words.called(row.number)),
    Column("State", 11, _state),
    Column("Length", 7, lambda row: words.length(row.seconds), right=True),
    Column("Pauses", 6, pauses, right=True, rank=3),
    Column("Size", 8, lambda row: words.size(row.size), right=True, rank=4),
    Column("Recording", 12, lambda row: words.ident(row.recording_id), rank=2),
    Column("Call", 12, lambda row: words.ident(row.call_id), rank=5),
)


def shut(screen: GateScreen, state: str) -> str | None:
    """Why no recording of this state is opened here, empty where the account may not; None where it may be."""
    if state == "open":
        return "It is still being recorded: it can be opened when its call is over."
    if state in ("erased", "erasing"):
        return f"It is {state}: there is nothing to open."
    if screen.app.setup.opener is None:
        return "No key can be opened in this console: dialgate console -k FILE"
    return None if screen.feed.session.may("recording_take") else ""


class RecordingsMode(ListMode):
    """Every recording."""

    MODE = "recordings"
    PAGE = "recordings-and-keys"
    BINDINGS: ClassVar[list[BindingType]] = keys.RECORDINGS
    HELP_TEXT = (
        "Recordings, sealed while they arrived. Enter shows one: there o opens it with your private key and draws the "
        "waveform of both sides, p plays it, e exports it as a WAV, h holds it against erasure. The key stays in this "
        "console; who takes which recording, and for what, is in the log before the first byte. c leads to its call. "
        "In the list o and p do so at once; h holds, and e exports, all that are marked with the space bar. S sorts, P "
        "holds the display still."
    )
    VIEWS = (
        View(
            "recordings",
            RecordingList,
            COLUMNS,
            "recording_id",
            "There is no recording yet.",
            filters=looked_for,
            found="recordings",
            finds="day, time, number, agent, state or id, combined: yesterday 14:00-15:00 alice",
            sorts={"Recorded": "-at", "Length": "-seconds"},
            marks=True,
        ),
    )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may, and this console."""
        if action == "hold":
            return self.feed.session.may("hold_add") or None
        if action == "export":
            return shut(self, "") is None or None
        if action == "do":
            return shut(self, self._state) is None or None
        return super().check_action(action, parameters)

    def why_not(self, binding: Binding) -> str:
        """Its state, or this console, may be in the way."""
        state = "" if binding.action == "export" else self._state
        opens = binding.action == "export" or binding.action.startswith("do(")
        return (shut(self, state) if opens else None) or super().why_not(binding)

    @property
    def _state(self) -> str:
        """That of the recording under the cursor; empty where there is none, or not yet."""
        return self.table.row.state if self.VIEWS and self.table.row is not None else ""

    def on_rows_table_moved(self) -> None:
        """Another recording may be opened, or not."""
        self.refresh_bindings()

    @work
    async def action_hold(self) -> None:
        """Hold what is marked."""
        ids = [row.recording_id for row in self.chosen]
        if ids and await hold_each(self, "recording_id", ids):
            self.unmark()

    @work
    async def action_export(self) -> None:
        """Write what is marked as WAVs, a file each, in a folder: opened for one purpose, each with its leaf."""
        ids = [row.recording_id for row in self.chosen]
        if not ids:
            return
        count = words.many(len(ids), "recording")
        field = Field("folder", "Folder", str(self.app.setup.exports))
        said = "The files are in clear: you answer for them. Each is named by its recording, and none is overwritten."

        async def send(told: Mapping[str, str]) -> tuple[list[Path], list[str]]:
            purpose = await opened_for(self)
            if purpose is None:
                raise StoppedError("Nothing was exported", hint="The key and the purpose were not given.")
            stop = threading.Event()
            work = partial(self._exported, ids, purpose, Path(told["folder"].strip()), stop)

            async def end() -> None:
                stop.set()

            written: tuple[list[Path], list[str]] = await worked(self.app, f"Exporting {count}", work, end)
            return written

        answer = await filled(self, f"Export {count} as WAVs?", (field,), send, said=said, act="Export")
        if answer is not None:
            self._show_written(answer, len(ids))

    async def _exported(
        self,
        ids: Sequence[str],
        purpose: str,
        folder: Path,
        stop: threading.Event,
        progress: Callable[[float, str], None],
    ) -> tuple[list[Path], list[str]]:
        """The files, and why others were not written."""
        opener, files, refused = self.app.setup.opener, list[Path](), list[str]()
        for place, each in enumerate(ids):
            if opener is None or stop.is_set():
                break
            progress(place / len(ids), f"{place + 1:,} of {len(ids):,}")
            path = folder / f"{each[:12]}.wav"
            try:
                await on_thread(partial(opener.export, each, purpose, path, lambda *_: None))
            except RefusedError as error:
                refused.append(error.message)
                continue
            files.append(path)
            await self.app.saved(path)
        return files, refused

    def _show_written(self, answer: tuple[list[Path], list[str]], asked: int) -> None:
        files, refused = answer
        said = f"Written: {words.many(len(files), 'recording')} of {asked:,}"
        self.app.done(f"{said}, in {files[0].parent}" if files else said)
        for why in refused[:3]:
            self.notify(why, severity="warning", timeout=8, markup=False)
        if len(files) == asked:
            self.unmark()
