"""A program in a terminal of its own, and the picture that it has painted so far: what a person would see, and when.

As much of a terminal as Textual uses: it moves the cursor, sets styles and writes. Nothing answers its questions.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from rich.cells import cell_len

from tests.support.waiting import PATIENCE

_TOKEN = re.compile(
    r"\x1b\[(?P<rest>[0-9;?<>=$ ]*)(?P<end>[@-~])"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"
    r"|\x1b[()*+#%].|\x1b[=>78cDEHMNOZ]"
    r"|(?P<move>[\r\n\b])|(?P<text>[^\x00-\x1f\x1b]+)|[\x00-\x1a\x1c-\x1f]",
    re.DOTALL,
)
_BEHIND = re.compile(r"(?:^|;)(48;2;\d+;\d+;\d+|48;5;\d+|4[0-7]|10[0-7])(?=;|$)")


class Picture:
    """Cells with their styles."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._signs = [[" "] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._x = self._y = 0
        self._style = ""
        self._left = ""

    def paint(self, data: str) -> None:
        """What the program wrote."""
        data, at = self._left + data, 0
        while at < len(data) and (token := _TOKEN.match(data, at)):
            at = token.end()
            if text := token["text"]:
                self._write(text)
            elif end := token["end"]:
                self._control(end, token["rest"])
            elif move := token["move"]:
                self._x, self._y = (
                    (0, self._y) if move == "\r" else (self._x - (move == "\b"), self._y + (move == "\n"))
                )
        self._left = data[at:]

    def _write(self, text: str) -> None:
        for sign in text:
            if 0 <= self._y < self.height and 0 <= self._x < self.width:
                self._signs[self._y][self._x] = sign
                self._styles[self._y][self._x] = self._style
            self._x += 1 if sign < "\x80" else cell_len(sign)

    def _control(self, end: str, rest: str) -> None:
        if end == "m":
            self._style = "" if rest in ("", "0") else rest
        elif end in "Hf":
            line, _, column = rest.partition(";")
            self._y, self._x = int(line or 1) - 1, int(column or 1) - 1
        elif end == "J":
            self._signs = [[" "] * self.width for _ in range(self.height)]

    def line(self, y: int) -> str:
        """The text of a line."""
        return "".join(self._signs[y]).rstrip()

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.line(y) for y in range(self.height))

    def marked(self, lines: Sequence[int], x: int = 2) -> int | None:
        """The one line that has another background at ``x`` than the others: where a table's cursor is."""
        behind = {y: found[1] if (found := _BEHIND.search(self._styles[y][x])) else "" for y in lines}
        (usual, _), *_ = Counter(behind.values()).most_common(1)
        other = [y for y in lines if behind[y] != usual]
        return other[0] if len(other) == 1 else None


class Painted:
    """``with Painted([...]) as terminal: terminal.until(lambda: "Live" in terminal.picture.text)``"""

    def __init__(self, command: Sequence[str], *, size: tuple[int, int] = (80, 24), cwd: Path | None = None) -> None:
        self.picture = Picture(*size)
        self._mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment.pop("NO_COLOR", None)
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            list(command), stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environment, start_new_session=True
        )
        os.close(theirs)

    def press(self, keys: str) -> float:
        """Type; returns when."""
        now = time.perf_counter()
        os.write(self._mine, keys.encode())
        return now

    def until(self, true: Callable[[], object], seconds: float = PATIENCE) -> float:
        """Read until something is on the picture; returns when it was. ``AssertionError`` where it does not come."""
        end, now = time.perf_counter() + seconds, time.perf_counter()
        while not true():
            left = end - time.perf_counter()
            assert left > 0 and self._read(left), f"it was not painted within {seconds} s:\n{self.picture.text}"
            now = time.perf_counter()
        return now

    def idle(self, seconds: float) -> None:
        """Read for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0 and self._read(left):
            pass

    def _read(self, seconds: float) -> bool:
        """False where the program has ended."""
        if not select.select([self._mine], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._mine, 1 << 20)
        except OSError:  # the other end is closed
            return False
        self.picture.paint(data.decode(errors="replace"))
        return bool(data)

    def hang_up(self) -> None:
        """The terminal goes; its program is not told."""
        os.close(self._mine)
        self._mine = os.open(os.devnull, os.O_RDONLY)

    def peak_mb(self) -> float:
        """The most memory that the process had."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def end(self, keys: str = "", seconds: float = PATIENCE) -> int:
        """Type something that ends it; the exit code."""
        self.press(keys)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and self._read(0.2) and self.process.poll() is None:
            pass
        return self.process.wait(seconds)

    def __enter__(self) -> Painted:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=PATIENCE)
        os.close(self._mine)
