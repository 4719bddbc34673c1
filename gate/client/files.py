"""Files of whoever asks. Output: success arrives by rename, and what failed leaves nothing.

Searches that somebody keeps, and their columns, are files in their own configuration folder, readable by them alone.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import msgspec

from gate.durable import whole_file
from gate.errors import UsageError
from gate.handed_over_file import open_file

LARGEST: Final = 256 << 20
"""Bytes of a file that is read whole, at most: some million consents with their evidence."""
RUN_SECONDS: Final = 60.0
"""How long a command of somebody's own may take."""
MOST_WRITTEN: Final = 1 << 16
"""Bytes that it may write; then it is ended."""
MOST_SEARCHES: Final = 50
"""Searches that one person keeps."""
OWN_SIZE: Final = 1 << 16
"""Bytes of a file of somebody's own; a larger one was not written here."""


def must_be_new(path: Path) -> None:
    """Raise ``UsageError`` where there is something already, or where no file can be written: what has no place is not
    taken out."""
    if path.exists():
        raise UsageError(f"{path} exists", hint="name a new file")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}", hint="make it, or name another file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", hint="name another file") from error


@contextmanager
def output_file(path: Path, new: int = 0o600) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` when the block has ended well; ``-`` is standard output.

    It is readable by its owner only, as it may hold telephone numbers, unless ``new`` says otherwise; a file that is
    replaced keeps its own rights.
    """
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists() and not path.is_file():  # a pipe or a device is written to, never replaced
        with path.open("wb") as other:
            yield other
        return
    with whole_file(path, mode=path.stat().st_mode & 0o777 if path.exists() else new) as file:
        yield file


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises ``UsageError`` for what is no regular file, or larger than ``LARGEST``."""
    with open_file(path, LARGEST) as given, given.reader() as source:
        return source.read()


def read_vkey(given: str, *, witness: bool = False) -> str:
    """A verifier key of a log, or of a witness, as it is or in a file. Raises ``UsageError``."""
    path = Path(given)
    if "+" not in given or path.is_file():
        try:
            with path.open("rb") as file:
                given = file.read(4096).decode("utf-8", "replace").partition("\n")[0]
        except OSError as error:
            raise UsageError(f"{given} is neither a verifier key nor a file with one: {error.strerror}") from None
    from gate.vault.signing import check_vkey  # with cryptography: where a key is given

    return check_vkey(given, witness=witness)


class OutputFiles:
    """Files that the console writes, and looks into. Called on a worker's thread."""

    def write(self, path: Path, data: bytes) -> None:
        """There when it is whole, readable by its owner only."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            must_be_new(path)
            with output_file(path) as file:
                file.write(data)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}", hint="name another file") from None

    def open(self, path: Path) -> BinaryIO:
        """A regular file of this account's, and what no link leads to."""
        try:
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
            found = os.fstat(file.fileno())
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read: {error.strerror or error}", hint="It stays where it is."
            ) from None
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
            return file
        file.close()
        raise UsageError(f"{path} is no file of yours", hint="It stays where it is.")

    def text(self, path: Path, most: int) -> str:
        """As it is; what is larger, or no text, is refused."""
        with open_file(path, most) as given, given.reader() as source:
            try:
                return source.read().decode()
            except UnicodeDecodeError:
                raise UsageError(f"{path} is no text", hint="name another file") from None

    def run(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Run a program, with no shell and an environment without secrets; its exit code, and what it wrote. At
        ``MOST_WRITTEN`` bytes it is ended, with all that it started. Raises ``UsageError`` where it cannot be started,
        or is not done in ``RUN_SECONDS``."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TERM", "DISPLAY") if name in os.environ}
        try:
            program = subprocess.Popen(
                list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=kept, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise UsageError(f"{arguments[0]} cannot be started: {error}", hint="see console.commands") from None

        def end() -> None:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)

        atexit.register(end)  # whoever leaves the console leaves nothing at work
        with program:
            assert program.stdout is not None  # noqa: S101 - it is a pipe
            written, done = _read(program.pid, program.stdout.fileno(), time.monotonic() + RUN_SECONDS)
            atexit.unregister(end)
            if not done:
                end()
            code = program.wait()
        if not done and len(written) < MOST_WRITTEN:
            raise UsageError(f"{arguments[0]} is not done in {RUN_SECONDS:.0f} s", hint="it was ended")
        return code, written.decode(errors="replace") + ("" if done else "\n… it wrote more, and was ended\n")

    def digest(self, path: Path) -> str:
        """The digest of a regular file, as this account may read it."""
        with open_file(path, LARGEST) as given, given.reader() as source:
            digest = hashlib.sha256()
            while piece := source.read(1 << 20):
                digest.update(piece)
        return digest.hexdigest()


# --- searches --------------------------------------------------------------------------------------------------------


def _read(program: int, pipe: int, until: float) -> tuple[bytes, bool]:
    """What a program writes, and whether it is done: it has ended, and what it left running is not waited for.
    Not done: it wrote ``MOST_WRITTEN`` bytes and more, or the time is over. It is not reaped here, so that its id stays
    that of its group until the group was ended."""
    written, pipes = b"", [pipe]
    while time.monotonic() < until:
        ended = os.waitid(os.P_PID, program, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        if select.select(pipes, [], [], 0 if ended else 0.1)[0]:
            more = os.read(pipe, MOST_WRITTEN + 1 - len(written))
            written += more
            if len(written) > MOST_WRITTEN:
                return written[:MOST_WRITTEN], False
            if not more:
                pipes = []  # closed; it may still be at work
        elif ended:
            return written, True
    return written, False


class _Kept(msgspec.Struct, frozen=True):
    where: str
    find: str


class _OwnFile:
    """A file in somebody's own configuration folder, ``~/.config/dialgate`` (``XDG_CONFIG_HOME`` counts)."""

    NAME = ""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(click.get_app_dir("dialgate")) / self.NAME

    def _read(self, kind: Any) -> Any:
        """Its value, None where there is no file. Raises ``UsageError`` for one that was not written here."""
        try:
            with self.path.open("rb") as file:
                data = file.read(OWN_SIZE + 1)
            if len(data) > OWN_SIZE:
                raise ValueError("it is too large")
            return msgspec.json.decode(data, type=kind)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path} cannot be read: {error}", hint="mend it or take it away") from None

    def _write(self, value: Any) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with output_file(self.path) as file:
                file.write(msgspec.json.format(msgspec.json.encode(value)))
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror or error}") from None


class KeptSearches(_OwnFile):
    """Searches that somebody keeps."""

    NAME = "searches.json"

    def all(self) -> Sequence[tuple[str, str]]:
        """(where, what), the last kept first; none where there is no file."""
        return [(each.where, each.find) for each in self._read(list[_Kept]) or []][:MOST_SEARCHES]

    def keep(self, where: str, find: str) -> None:
        """Put one first; beyond ``MOST_SEARCHES`` the oldest goes."""
        self._keep([(where, find), *(each for each in self.all() if each != (where, find))])

    def drop(self, where: str, find: str) -> None:
        """Keep it no longer."""
        self._keep([each for each in self.all() if each != (where, find)])

    def _keep(self, kept: Sequence[tuple[str, str]]) -> None:
        self._write([_Kept(*each) for each in kept[:MOST_SEARCHES]])


class _Settings(msgspec.Struct, frozen=True):
    columns: dict[str, list[str]] = {}


class OwnSettings(_OwnFile):
    """How somebody has arranged the console."""

    NAME = "console.json"

    def columns(self) -> dict[str, list[str]]:
        """``calls.calls`` -> the headings of that list, in their order."""
        found: _Settings = self._read(_Settings) or _Settings()
        return found.columns

    def arrange(self, view: str, headings: Sequence[str]) -> None:
        """Keep the columns of a list; none: they are as at first."""
        kept = {name: each for name, each in self.columns().items() if name != view}
        self._write(_Settings(kept | ({view: list(headings)} if headings else {})))
