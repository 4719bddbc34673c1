"""The recorder process, as the call path uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class RecordingOpened:
    """The recorder is ready for a call: its tap ports and the wrapped key, not yet one byte of audio."""

    recording_id: str
    caller_port: int
    callee_port: int
    key_id: str
    """Random id of the data key; the wraps are kept under it."""
    wraps: tuple[tuple[str, bytes], ...]
    """(recipient id, HPKE ciphertext) for every recipient."""
    path: str
    """The sealed file, relative to the recordings folder."""
    commitments: Mapping[str, str] = field(default_factory=dict)
    """To the key, or its shares: what proves later that a wrap opens (``gate.vault.proof``)."""


@dataclass(frozen=True, slots=True)
class RecordingClosed:
    """A finished recording."""

    recording_id: str
    sha256: str
    """Of the whole sealed file."""
    size: int
    seconds: float
    chunks: int
    packets: Mapping[str, int]
    """caller, callee -> packets sealed."""
    gaps: tuple[tuple[float, float], ...]
    """(start, end) in seconds from the start: pauses."""
    interrupted: bool
    """True where it ended without being closed by the gate."""
    cause: str = ""
    lost: tuple[tuple[float, float], ...] = ()
    """(start, end) in seconds from the start: what one side or both said then arrived and was not kept."""


class RecorderEvents(Protocol):
    """What the recorder tells; every call comes on the recorder client's thread: post it on."""

    def recorder_digit(self, call_id: str, side: str, digit: str) -> None:
        """A key pressed on this side, told by RFC 4733 events in its RTP."""
        ...

    def recorder_failed(self, call_id: str, message: str) -> None:
        """This recording cannot go on (disk full and the like); what was sealed stays."""
        ...

    def recorder_away(self) -> None:
        """The recorder process is gone; it is being started again."""
        ...

    def recorder_silent(self) -> None:
        """The recorder has said nothing for seconds: nothing new can be recorded."""
        ...

    def not_kept(self, call_id: str) -> None:
        """For seconds nothing has said that what is heard in this call is being kept."""
        ...

    def key_waits(self, call_id: str, side: str, digit: str) -> None:
        """A key that the recorder, which does not answer, has not looked at; ``recorder_digit`` may tell it again."""
        ...


class Recorder(Protocol):
    """The client of the recorder process. Callable from any thread; ``done(result, error)`` on the client's thread."""

    def available(self) -> bool:
        """True where a recording could be opened now (process up, disk not full)."""
        ...

    def open(
        self,
        call_id: str,
        recording_id: str,
        header: Mapping[str, Any],
        done: Callable[[RecordingOpened | None, Exception | None], None],
        *,
        keep: bool = True,
    ) -> None:
        """Make the key, wrap it, bind the taps and listen for digits. No audio is kept until ``start``.

        ``keep`` false: listen only. There is no key and no wrap, and ``start`` must not come.
        """
        ...

    def listen(self, call_id: str, caller_from: int, callee_from: int) -> None:
        """The ports of loopback that the copies come from: from these alone the taps take packets, and from nobody
        before. 0: as before."""
        ...

    def start(
        self, call_id: str, payloads: Mapping[str, Mapping[int, str]], events: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Keep audio from now on. ``payloads`` as in ``LineEvents.media_changed``; ``events`` (the announcement: id,
        version, started, ended, completed) go into the sealed file."""
        ...

    def media_changed(self, call_id: str, payloads: Mapping[str, Mapping[int, str]]) -> None:
        """The codec map changed in the middle of the call."""
        ...

    def pause(self, call_id: str) -> None:
        """Keep nothing, keypad digits included, until ``resume``; the gap is marked."""
        ...

    def resume(self, call_id: str) -> None:
        """Keep audio again."""
        ...

    def close(self, call_id: str, done: Callable[[RecordingClosed | None, Exception | None], None]) -> None:
        """Seal the last chunk. Where ``start`` never came there is no file, and the result is None without an error."""
        ...
