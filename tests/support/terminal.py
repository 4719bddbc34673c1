"""A command on a terminal of its own, talked to as a person would: read until a prompt, type a line."""

from __future__ import annotations

import os
import pty
import re
import select
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.support import programs
from tests.support.commands import ROOT
from tests.support.waiting import PATIENCE

_PAINT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """``with Terminal("init", "DIR") as terminal: terminal.answer("Legal name", "Webeo Ltd")``"""

    def __init__(self, *arguments: str, seconds: float = PATIENCE, cwd: Path = ROOT) -> None:
        self._mine, theirs = pty.openpty()
        with open(theirs, "r+b", buffering=0) as end:  # noqa: PTH123 - a descriptor
            self._process = programs.start(
                "gate.cli.main", *arguments, stdin=end, stdout=end, stderr=end, cwd=cwd, session=True
            )
        self._until = time.monotonic() + seconds
        self._seen = 0
        self.text = ""
        """All that was shown, without colours."""

    def answer(self, prompt: str, line: str = "") -> None:
        """Wait for the prompt, which comes after all that was answered before, and type a line."""
        self._read(lambda: prompt in self.text[self._seen :], prompt)
        self._seen = len(self.text)
        os.write(self._mine, line.encode() + b"\n")

    def end(self) -> int:
        """Wait for the end; the exit code."""
        self._read(lambda: False, "")
        return self._process.wait(timeout=PATIENCE)

    def _read(self, enough: Callable[[], bool], what: str) -> None:
        while not enough():
            left = self._until - time.monotonic()
            assert left > 0, f"no {what!r} in:\n{self.text}"
            if not select.select([self._mine], [], [], left)[0]:
                continue
            try:
                data = os.read(self._mine, 65536)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                assert not what, f"it ended before {what!r}:\n{self.text}"
                return
            self.text += _PAINT.sub("", data.decode(errors="replace")).replace("\r", "")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=PATIENCE)
        os.close(self._mine)
