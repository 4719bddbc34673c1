"""A set of files with the list of their digests: made new, verified whole, and put back.

The list is ``backup.json`` in the set: what it is, when it was made, and SHA-256 and size of each file. A set is made
beside its place and gets its name when all of it is on the disk. No link is followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from gate.durable import sync_folder
from gate.errors import StoreError, UsageError

LIST: Final = "backup.json"
VERSION: Final = 1
_PIECE: Final = 1 << 20


@dataclass(slots=True)
class Set:
    """A set that is being made, or was verified."""

    folder: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    """Of the list."""

    def note(self, name: str) -> None:
        """List a file that was made in the set, once it is on the disk."""
        path = self.folder / name
        path.chmod(0o600)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        digest, size = _digest(path)
        self.files[name] = {"sha256": digest, "size": size}

    def copy(self, source: Path, name: str) -> None:
        """Copy a file into the set; one that is gone meanwhile is left out."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with os.fdopen(handle, "rb") as file, target.open("xb") as made:
            shutil.copyfileobj(file, made, _PIECE)
            made.flush()
        self.note(name)

    def copy_all(self, source: Path, name: str) -> None:
        """Copy the files of a folder, and of those in it."""
        for folder, _, names in os.walk(source):
            for each in sorted(names):
                path = Path(folder) / each
                if path.is_file() and not path.is_symlink():
                    self.copy(path, f"{name}/{path.relative_to(source).as_posix()}")


@contextmanager
def new_set(place: Path, kind: str, **said: Any) -> Iterator[Set]:
    """A set that takes its place when the block has ended well; what failed leaves nothing. Raises ``UsageError`` where
    there is something already, ``StoreError``."""
    if place.exists():
        raise UsageError(f"{place} exists", hint="name a new folder for each backup")
    part = place.with_name(f".{place.name}.part")
    if part.exists():
        shutil.rmtree(part)
    try:
        part.mkdir(parents=True, mode=0o700)
        made = Set(part, said={"version": VERSION, "kind": kind, **said})
        yield made
        text = json.dumps({**made.said, "files": made.files}, indent=1, sort_keys=True).encode()
        (part / LIST).write_bytes(text)
        made.sha256 = hashlib.sha256(text).hexdigest()
        sync(part)
        part.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StoreError(f"the set {place} could not be made: {error.strerror}", hint="is there room?") from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    made.folder = place


def verified(place: Path, kind: str, tell: Callable[[float, str], None] | None = None) -> Set:
    """A set whose every file is what its list says. Raises ``StoreError`` that names the first that is not."""
    try:
        text = (place / LIST).read_bytes()
        read: Any = json.loads(text)
        files = {str(name): dict(about) for name, about in read["files"].items()}
        if (read["version"], read["kind"]) != (VERSION, kind):
            raise StoreError(f"{place} is no set of {kind} that this version of Dialgate knows")
        for count, (name, about) in enumerate(files.items()):
            pure = PurePosixPath(name)
            if pure.is_absolute() or ".." in pure.parts:
                raise StoreError(f"{place}: {name} does not lie in the set")
            if _digest(place / name) != (about["sha256"], about["size"]):
                raise StoreError(f"{place / name} is not the file that was backed up", hint="take another backup")
            if tell is not None:
                tell(count / len(files), "verifying")
    except OSError as error:
        raise StoreError(f"{place}: {error.filename} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{place / LIST} is not the list of a backup: {error}") from error
    said = {name: value for name, value in read.items() if name != "files"}
    return Set(place, files, said, hashlib.sha256(text).hexdigest())


def put(found: Set, under: str, target: Path) -> int:
    """Copy the files of a verified set that lie under a name into a folder, each checked once more; how many."""
    count = 0
    for name, about in found.files.items():
        if not name.startswith(f"{under}/"):
            continue
        made = target / name.removeprefix(f"{under}/")
        made.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(found.folder / name, made, follow_symlinks=False)
        made.chmod(0o600)
        if _digest(made)[0] != about["sha256"]:
            raise StoreError(f"{made} is not what was backed up", hint="is the disk sound?")
        count += 1
    return count


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def sync(folder: Path) -> None:
    """All names in a folder, durable."""
    for each, _, _ in os.walk(folder):
        sync_folder(Path(each))
