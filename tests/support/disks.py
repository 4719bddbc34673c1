"""A small disk of a test's own, and what fills it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of ``size`` bytes at ``folder``; skips (in CI: fails) where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "dialgate-test", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        problem = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        problem = str(error)
    if problem:
        reason = f"a small disk cannot be mounted here (root is needed): {problem}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    try:
        yield folder
    finally:
        if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The kernel refuses to let a file grow beyond this: a full disk for this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


class Ballast:
    """A file that takes the room away."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "ballast"

    def leave(self, free: int) -> None:
        """So many bytes stay free."""
        with self._path.open("ab") as file:
            room = os.statvfs(self._path.parent)
            os.posix_fallocate(file.fileno(), file.tell(), max(1, room.f_bavail * room.f_frsize - free))

    def leave_nothing(self) -> None:
        """Until not one byte more can be written."""
        with self._path.open("ab") as file, suppress(OSError):
            while True:
                os.write(file.fileno(), b"\0" * 65536)
        with self._path.open("ab") as file, suppress(OSError):
            while True:
                os.write(file.fileno(), b"\0")

    def take_away(self) -> None:
        """Room again."""
        self._path.unlink()


class FreezableDisk:
    """A small disk that can stop answering: whoever writes to it waits, and cannot even be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._guard: threading.Timer | None = None

    def freeze(self) -> None:
        """From now on; ``PATIENCE`` at most, whatever becomes of the test."""
        subprocess.run(["fsfreeze", "--freeze", str(self.folder)], check=True, timeout=PATIENCE)
        self._guard = threading.Timer(PATIENCE, self.thaw)
        self._guard.start()

    def thaw(self) -> None:
        """It answers again; harmless twice."""
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None
            subprocess.run(["fsfreeze", "--unfreeze", str(self.folder)], check=False, capture_output=True)


@contextmanager
def freezable_disk(folder: Path, size: int = 1 << 30) -> Iterator[FreezableDisk]:
    """A file system in a file of ``size`` bytes, at ``folder``; skips (in CI: fails) where none can be mounted."""
    folder.mkdir()
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(size)
    problem = ""
    for command in (["mkfs.ext4", "-q", "-F", str(image)], ["mount", "-o", "loop", str(image), str(folder)]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            problem = problem or (done.stderr.strip() if done.returncode else "")
        except OSError as error:
            problem = problem or str(error)
    if problem:
        reason = f"a disk that freezes cannot be mounted here (root, loop devices and ext4 are needed): {problem}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    disk = FreezableDisk(folder)
    try:
        yield disk
    finally:
        disk.thaw()
        if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
