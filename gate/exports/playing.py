"""An opened recording played through a pipe: the samples go to a player's standard input, and to no disk.

What plays is a program of this machine: ``aplay`` (ALSA), ``play`` (SoX), ``pw-play`` or ``paplay``, ``ffplay``; or the
command that is configured, in which ``{rate}`` stands for the samples a second (16 bit, little-endian, two channels).
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gate.errors import ExportError
from gate.exports.audio import ExportReport, rendered
from gate.exports.rtp_timeline import Samples

PLAYERS: Final = (
    "aplay -q -t raw -f S16_LE -c 2 -r {rate} -",
    "pw-play --format=s16 --channels=2 --rate={rate} -",
    "paplay --raw --format=s16le --channels=2 --rate={rate}",
    "play -q -t raw -e signed-integer -b 16 -L -c 2 -r {rate} -",
    "ffplay -loglevel error -nodisp -autoexit -f s16le -ch_layout stereo -sample_rate {rate} -i -",
)
_AT_ONCE = 4096
"""Bytes that a pipe takes whole or not at all."""
_LISTEN_SECONDS = 0.1
"""How soon a stop is heard while the player takes nothing."""


class PlayStopped(ExportError):
    """Whoever listened has had enough."""


def player(command: str = "") -> str:
    """The command that plays: the one given, else the first of ``PLAYERS`` that is here. Raises ``ExportError``."""
    for each in (command,) if command else PLAYERS:
        program = shlex.split(each)[:1]
        if program and shutil.which(program[0]):
            return each
    names = command or ", ".join(each.split()[0] for each in PLAYERS)
    raise ExportError(
        f"nothing here can play: {names} is not installed",
        hint="install alsa-utils or sox, or set console.player; by ssh export it, and play the WAV where you sit",
    )


def play(
    chunks: Iterable[bytes],
    *,
    stop: threading.Event,
    announcement: Samples | None = None,
    command: str = "",
    begun: Callable[[], None] = lambda: None,
    start: float = 0.0,
    speed: float = 1.0,
) -> ExportReport:
    """Play the clear chunks of one recording until their end.

    ``start``: so many seconds of what would be heard, the announcement first, are passed over. ``speed``: so many times
    as fast, and as high. ``begun`` is called when the first samples go out. Raises ``PlayStopped`` where ``stop`` was
    set, ``ExportError`` where the player ended before, and whatever reading ``chunks`` raises.
    """
    line = player(command)
    return rendered(chunks, lambda rate: _Pipe(line, rate, stop, begun, start, speed), announcement=announcement)


class _Pipe:
    """``gate.exports.audio.Writer`` into a player's standard input."""

    def __init__(
        self,
        line: str,
        rate: int,
        stop: threading.Event,
        begun: Callable[[], None],
        start: float = 0.0,
        speed: float = 1.0,
    ) -> None:
        self.path = Path(shlex.split(line)[0])
        self.rate = rate
        self.frames = 0
        self._passed_over = round(start * rate)
        """Frames that are still to be passed over."""
        self._command: Sequence[str] = shlex.split(line.replace("{rate}", str(round(rate * speed))))
        self._stop = stop
        self._begun = begun
        self._player: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._player = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, bufsize=0, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise ExportError(f"{self.path} cannot be started: {error.strerror}") from error
        if self._player.stdin is not None:
            os.set_blocking(self._player.stdin.fileno(), False)  # a player that takes nothing must not hold up a stop
        return self

    def write(self, samples: Samples) -> None:
        """Hand over frames; waits for the player to take them."""
        if self._player is None or self._player.stdin is None:
            raise ExportError(f"{self.path} does not run")
        if self._passed_over:
            over = min(self._passed_over, len(samples))
            self._passed_over -= over
            samples = samples[over:]
            if self._stop.is_set():
                raise PlayStopped("stopped")
        rest = memoryview(samples.astype("<i2", copy=False).tobytes())
        if not self.frames and rest:
            self._begun()
        while rest:
            if self._stop.is_set():
                raise PlayStopped("stopped")
            _, ready, _ = select.select([], [self._player.stdin], [], _LISTEN_SECONDS)
            try:
                rest = rest[os.write(ready[0].fileno(), rest[:_AT_ONCE]) if ready else 0 :]
            except BrokenPipeError:
                raise ExportError(
                    f"{self.path} ended before the recording did", hint="can it play here? try it with another sound"
                ) from None
        self.frames += len(samples)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        player = self._player
        if player is None:
            return
        if player.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                player.stdin.close()
        if kind is not None:
            player.kill()
        while player.poll() is None:
            if self._stop.wait(0.05):
                player.kill()
                break
        code = player.wait()
        if kind is None and self._stop.is_set():
            raise PlayStopped("stopped")
        if kind is None and code != 0:
            raise ExportError(f"{self.path} failed (exit code {code})", hint="can it play here? try another sound")
