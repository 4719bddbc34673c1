"""A drop folder: the licensee's daily file is taken when it has landed.

SFTP is the usual way in: a file grows, and then it is complete; or it grows under another name and is renamed. Nothing
tells which, so a file is taken when nobody has written to it for ``settle`` seconds, and at once where it was renamed
into place. An upload that only paused goes on in the file that was taken: that is seen, and it is taken again, whole.
The folder is looked at again and again: file systems of other machines do not notify. What was taken goes
to ``taken/``, what was refused to ``refused/``, with the reason beside it in ``NAME.why``. What is passed over (a
packed file, a folder, a link, a name of no register) is told once, with the reason. Both are copies of a
register, personal data under licence: they are deleted like old snapshots.

    tps_ns.txt  ──settled──▶  import  ──▶  taken/tps_ns.txt
                                     └──▶  refused/tps_ns.txt, refused/tps_ns.txt.why

Of what has landed at once, files that are about as large as the last one that was taken come first: small ones that are
none of the licensee's hold up no list.

Whoever fills the folder must not say what the gate reads: a file is opened in the folder itself, no link is followed,
and it is the one that was looked at.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import msgspec

from gate.core.terms import many
from gate.errors import GateError, RegisterError, RegisterFailed, UsageError
from gate.handed_over_file import LARGEST, HandedOverFile, kind_of, open_within
from gate.registers.snapshot_store import KEPT_DAYS, KEPT_SNAPSHOTS

TAKEN: Final = "taken"
REFUSED: Final = "refused"
PASSED: Final = "passed"
WHY: Final = ".why"
UNFINISHED: Final = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".swp", "~", WHY)
"""Ends of names that say that a file is not complete, or not to be taken; names with a dot in front are not either."""
READ_PACKED: Final = (".gz", ".zip")
"""Ends of names of packed files that are read."""
PACKED: Final = (".bz2", ".xz", ".7z", ".zst", ".rar", ".tgz", ".tar", ".z", ".gpg", ".pgp")
ALIKE: Final = 0.5
"""A file with so many times the bytes of the one in force is about as large."""
MOST: Final = 32
"""Files taken, and files reported as passed over, in one look, at most."""
AGAIN_SECONDS: Final = 60.0
"""How long after a failure that is not the file's it is tried again."""
_RENAMED_NS: Final = 1_000_000
"""An inode changed so long after the last byte was written was renamed since, or closed with another time."""

_MOVED: Final = re.compile(r"^\d{8}T\d{12}-")

Stamp = tuple[int, int, int]
"""Inode, size, time of the last byte in nanoseconds: the same as long as nobody writes."""
Take = Callable[[str, HandedOverFile], msgspec.Struct]
"""(register, open file) -> report of its import; raises ``GateError``."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of a file."""

    name: str
    """Name of the register."""
    file: Path
    """Where it is now."""
    state: str
    """``taken``, ``refused``; ``waits`` where it is tried again; ``stuck`` where it was imported or refused and cannot
    be moved; ``passed`` where it is left alone (then ``name`` may be empty)."""
    why: str = ""
    report: msgspec.Struct | None = None


class DropFolder:
    """One folder, looked at from one thread."""

    def __init__(self, folder: Path, names: Mapping[str, Sequence[str]], settle: float, take: Take) -> None:
        """``names``: register -> patterns of its files' names, in which case does not count. ``settle``: seconds."""
        self.folder = folder
        self._patterns = {name: tuple(each.casefold() for each in patterns) for name, patterns in names.items()}
        self._settle = settle
        self._take = take
        self._since: dict[str, tuple[Stamp, float]] = {}
        """File -> how it looked, and since when."""
        self._unfinished: set[int] = set()
        """Inodes met under a name that says that they are not complete."""
        self._later: dict[str, tuple[Stamp, float]] = {}
        """File that is not to be touched before a time, as long as it looks so."""
        self._last: dict[str, tuple[Path, str, Stamp]] = {}
        """Register -> the file that was taken last, its name before, and how it looked."""
        self._passed: dict[str, tuple[int, str]] = {}
        """What was passed over -> its inode, and why."""

    def look(self, tick: float, now: datetime) -> list[FileOutcome]:
        """Take every file that has landed; ``tick`` is ``time.monotonic()``. Raises ``RegisterError`` where the folder
        cannot be read."""
        outcomes = self._grown()
        landed, passed = self._landed(tick, now.timestamp())
        outcomes += passed
        for path, name, seen in landed:
            outcome = self._one(path, name, seen, tick, now)
            if outcome is not None:
                outcomes.append(outcome)
        self._delete_old(now)
        return outcomes

    def _grown(self) -> list[FileOutcome]:
        """Files that somebody has written to since they were taken: their upload had only paused, and numbers of the
        rest would be called. They are put back, to be taken as a whole."""
        outcomes = []
        for register, (path, name, seen) in list(self._last.items()):
            back = self.folder / name
            try:
                if _stamp(path.lstat()) == seen:
                    continue
                if not back.exists():  # else a newer one has come
                    path.rename(back)
                    why = "it was written to after it was taken: it is taken again"
                    outcomes.append(FileOutcome(register, back, "waits", why))
            except FileNotFoundError:
                pass
            except OSError as error:
                why = f"it was written to after it was taken, and cannot be put back: {error.strerror}"
                outcomes.append(FileOutcome(register, path, "stuck", why))
            del self._last[register]
        return outcomes

    # --- what has landed

    def _landed(self, tick: float, now: float) -> tuple[list[tuple[Path, str, Stamp]], list[FileOutcome]]:
        try:
            with os.scandir(self.folder) as entries:
                found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            raise RegisterError(
                f"the drop folder {self.folder} cannot be read: {error.strerror}", hint="is its disk or share mounted?"
            ) from None
        landed: list[tuple[Path, str, Stamp]] = []
        passed: list[FileOutcome] = []
        before = self._sizes()
        for name, seen in sorted(found, key=lambda each: (each[1].st_mtime_ns, each[0])):
            if _unfinished(name):
                if stat.S_ISREG(seen.st_mode):
                    self._unfinished.add(seen.st_ino)
                continue
            register = self.register_of(name)
            if why := self._why_passed(name, seen, register):
                if self._passed.get(name) != (seen.st_ino, why) and len(passed) < MOST:
                    self._passed[name] = (seen.st_ino, why)
                    passed.append(FileOutcome(register or "", self.folder / name, PASSED, why))
            elif register is not None and self._settled(name, seen, tick, now):
                landed.append((self.folder / name, register, _stamp(seen)))
        there, inodes = {name for name, _ in found}, {seen.st_ino for _, seen in found}
        self._unfinished &= inodes
        for known in (self._since, self._later, self._passed):
            for name in known.keys() - there:
                del known[name]
        landed.sort(key=lambda each: each[2][1] < ALIKE * before.get(each[1], 0))
        return landed[:MOST], passed

    def _sizes(self) -> dict[str, int]:
        """Size of the file that was last taken for each register."""
        taken: dict[str, tuple[int, int]] = {}
        with suppress(OSError):
            for path in (self.folder / TAKEN).iterdir():
                seen, register = path.lstat(), self.register_of(_MOVED.sub("", path.name))
                if register is not None and stat.S_ISREG(seen.st_mode):
                    taken[register] = max(taken.get(register, (0, 0)), (seen.st_ctime_ns, seen.st_size))
        return {register: size for register, (_, size) in taken.items()}

    def _why_passed(self, name: str, seen: os.stat_result, register: str | None) -> str:
        """Why it is left alone; empty where it is not, and for the folders that are ours."""
        if name in (TAKEN, REFUSED):
            return ""
        if not stat.S_ISREG(seen.st_mode):
            return f"it is {kind_of(seen)}, and no file"
        if name.casefold().endswith(PACKED):
            return "it is packed: unpack it before it is put here"
        if register is None:
            wanted = "; ".join(f"{each}: {', '.join(patterns)}" for each, patterns in self._patterns.items())
            return f"no register's files are called so ({wanted})"
        if seen.st_nlink > 1:
            return "it has a name elsewhere too (a hard link): copy it here"
        return ""

    def register_of(self, name: str) -> str | None:
        """Which register a file of this name is; None where it is not one, or not complete."""
        if _unfinished(name):
            return None
        folded = name.casefold()
        if end := next((end for end in READ_PACKED if folded.endswith(end)), ""):
            inner = folded.removesuffix(end)
            folded = inner if inner.endswith(".txt") else inner + ".txt"
        for register, patterns in self._patterns.items():
            if any(fnmatchcase(folded, pattern) for pattern in patterns):
                return register
        return None

    def _settled(self, name: str, seen: os.stat_result, tick: float, now: float) -> bool:
        stamp = _stamp(seen)
        later = self._later.get(name)
        if later and later[0] == stamp and tick < later[1]:
            return False
        before = self._since.get(name)
        renamed = seen.st_ctime_ns - seen.st_mtime_ns > _RENAMED_NS
        if before is None or before[0] != stamp:
            self._since[name] = (stamp, tick)
            # Not written to for so long by its own time, or complete before it had this name. The inode alone does not
            # say so: that of a file that was deleted may be a new one's, which grows.
            return 0 < seen.st_mtime <= now - self._settle or (renamed and seen.st_ino in self._unfinished)
        return renamed or tick - before[1] >= self._settle

    # --- what becomes of it

    def _one(self, path: Path, name: str, seen: Stamp, tick: float, now: datetime) -> FileOutcome | None:
        try:
            with self._open(path) as given:
                if _stamp(given.seen) != seen:
                    return None  # another one by now: it is looked at anew
                report = self._take(name, given)
        except GateError as error:
            if not path.exists():
                return None  # somebody else has taken it
            if not isinstance(error, RegisterError) or isinstance(error, RegisterFailed):
                self._later[path.name] = (seen, tick + AGAIN_SECONDS)
                return FileOutcome(name, path, "waits", error.message)
            return self._move(path, name, REFUSED, seen, now, why=error)
        with suppress(OSError):
            if _stamp(path.lstat()) != seen:  # what was imported was not all of it
                return FileOutcome(name, path, "waits", "it was written to while it was imported: it is taken again")
        outcome = self._move(path, name, TAKEN, seen, now, report=report)
        if outcome.state == TAKEN:
            self._last[name] = (outcome.file, path.name, seen)
        return outcome

    def _open(self, path: Path) -> HandedOverFile:
        """The file, in the folder itself. Raises ``RegisterError`` where it is too large, and ``UsageError``."""
        try:
            folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(f"{self.folder} cannot be read: {error.strerror}") from None
        try:
            given = open_within(folder, path.name, str(path), sys.maxsize)
        finally:
            os.close(folder)
        if given.size > LARGEST:
            given.close()
            raise RegisterError(f"{path} is too large: {many(given.size, 'byte')}, and {LARGEST:,} are read at most")
        return given

    def _move(
        self,
        path: Path,
        name: str,
        to: str,
        seen: Stamp,
        now: datetime,
        *,
        why: GateError | None = None,
        report: msgspec.Struct | None = None,
    ) -> FileOutcome:
        text = why.message if why else ""
        try:
            target = self._place(to, path.name, now)
            if why:
                lines = [f"{now.isoformat(timespec='seconds')} {why.message}", *([why.hint] if why.hint else [])]
                _write(target.with_name(target.name + WHY), "\n".join(lines) + "\n")
            path.rename(target)
        except OSError as error:
            # It stays where it is, and is left alone until somebody writes to it.
            self._later[path.name] = (seen, float("inf"))
            return FileOutcome(
                name, path, "stuck", f"{text + '; ' if text else ''}it cannot be moved: {error.strerror}"
            )
        return FileOutcome(name, target, to, text, report)

    def _place(self, to: str, name: str, now: datetime) -> Path:
        folder = self.folder / to
        folder.mkdir(mode=0o700, exist_ok=True)
        seen = folder.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
            # An account that may write to the drop folder must not choose where our files are written.
            raise PermissionError(errno.EPERM, f"{folder} is no folder of the gate's own account")
        target = folder / name
        if target.exists():
            target = folder / f"{now:%Y%m%dT%H%M%S%f}-{name}"  # as in ``_MOVED``
        return target

    def _delete_old(self, now: datetime) -> None:
        """Keep the newest ``KEPT_SNAPSHOTS`` files of each register; delete older ones, and all after ``KEPT_DAYS``."""
        kept: dict[str, int] = {}
        for to in (TAKEN, REFUSED):
            with suppress(OSError):
                files = [(path.lstat(), path) for path in (self.folder / to).iterdir()]
                for seen, path in sorted(files, key=lambda each: -each[0].st_ctime_ns):
                    name = self.register_of(_MOVED.sub("", path.name)) or ""
                    kept[name] = kept.get(name, 0) + 1
                    old = now.timestamp() - seen.st_ctime > KEPT_DAYS * 86_400
                    if stat.S_ISREG(seen.st_mode) and (old or (to == TAKEN and kept[name] > KEPT_SNAPSHOTS)):
                        path.unlink(missing_ok=True)


def _unfinished(name: str) -> bool:
    return name.startswith(".") or name.casefold().endswith(UNFINISHED)


def _stamp(seen: os.stat_result) -> Stamp:
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
