"""A command in tmux, as a person has it: keys go in, the screen is read. Its server is of its own and ends with it."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.waiting import PATIENCE

TMUX = shutil.which("tmux")
SETTLED = 0.15
"""Seconds: what is painted is seen a moment before it takes keys, on a machine that is busy."""
_NUMBERS = itertools.count()
_SETTINGS = """
set -g status off
set -g remain-on-exit on
set -g default-terminal tmux-256color
set -sg escape-time 0
"""


def need_tmux() -> str:
    """The program, or skip (in CI: fail) with the reason."""
    if TMUX is None:
        if os.environ.get("CI"):
            pytest.fail("tmux is missing")
        pytest.skip("tmux is missing")
    return TMUX


class Tmux:
    """``with Tmux(command) as screen: screen.wait("Live"); screen.press("4")``"""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        cwd: Path | None = None,
        **environment: str,
    ) -> None:
        self._program = need_tmux()
        self._folder = Path(tempfile.mkdtemp(prefix="tmux-"))
        self._server = f"dialgate-{os.getpid()}-{next(_NUMBERS)}"
        settings = self._folder / "tmux.conf"
        settings.write_text(_SETTINGS)
        self._environment = {**os.environ, "TMUX_TMPDIR": str(self._folder), **environment}
        width, height = map(str, size)
        line = shlex.join(command)
        self._tmux(
            "-f",
            str(settings),
            "new-session",
            "-d",
            "-s",
            "test",
            "-x",
            width,
            "-y",
            height,
            "-c",
            str(cwd or Path.cwd()),
            line,
        )

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._program, "-L", self._server, *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            env=self._environment,
            check=True,
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: ``Enter``, ``Escape``, ``C-p``, or what they write."""
        self._tmux("send-keys", "-t", "test", *keys)

    def write(self, text: str, *then: str) -> None:
        """Write a text, letter by letter; then press keys."""
        self._tmux("send-keys", "-t", "test", "-l", "--", text)
        if then:
            self.press(*then)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p", "-t", "test")

    def wait(self, *texts: str, gone: str = "", seconds: float = PATIENCE) -> str:
        """Until all of these are on the screen, and ``gone`` is not; returns the screen."""
        end = time.monotonic() + seconds
        while True:
            shown = self.text
            if all(text in shown for text in texts) and not (gone and gone in shown):
                time.sleep(SETTLED)
                return shown
            assert time.monotonic() < end, (
                f"not within {seconds} s: {texts}{f', without {gone!r}' if gone else ''}\n{shown}"
            )
            time.sleep(0.1)

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait for the command's end; its exit code."""
        end = time.monotonic() + seconds
        while True:
            dead, code = self._tmux("display-message", "-p", "-t", "test", "#{pane_dead}=#{pane_dead_status}").split(
                "="
            )
            if dead == "1":
                return int(code)
            assert time.monotonic() < end, f"it does not end\n{self.text}"
            time.sleep(0.1)

    def __enter__(self) -> Tmux:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tmux("kill-server")
        shutil.rmtree(self._folder, ignore_errors=True)
