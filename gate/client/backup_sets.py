"""A set of files with the list of their digests: made new, verified whole, proven, and put back.

The list is ``backup.json`` in the set: what it is, when it was made, and SHA-256 and size of each file. A set is made
beside its place and gets its name when all of it is on the disk. Names in a list are names below the set
(``gate.within``): nothing outside of it is read, and nothing outside of where it is put is written.

Whoever can write a set can write its list. So the gate's log has a leaf ``backup_made`` that commits to the digests of
both lists, and ``backup.proof`` beside them has that leaf with its way up to a signed head of the log: whoever knows
the gate's verifier key from elsewhere sees that the gate has said so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from gate.converting import decode
from gate.core.evidence import EvidenceError, commitment, leaf_hash, parse_checkpoint, verify_inclusion
from gate.core.facts import audit as facts
from gate.durable import sync_folder, whole_file
from gate.errors import StoreError, UsageError
from gate.operations.backup.backup import BackupMade
from gate.vault.errors import NoteInvalid
from gate.vault.signing import verify_note
from gate.within import new_below, parts_of, read_below

LIST: Final = "backup.json"
PROOF: Final = "backup.proof"
VERSION: Final = 2
"""1: ``gate.key`` and ``number.key`` lie in it as they are, and nothing proves it."""
_PIECE: Final = 1 << 20
_LARGEST: Final = 1 << 30
"""Bytes of a list: some million files."""


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
        with read_below(self.folder, name) as file:
            os.fsync(file.fileno())
            digest, size = _digest(file)
        self.files[name] = {"sha256": digest, "size": size}

    def copy(self, source: Path, name: str) -> None:
        """Copy a file into the set; one that is gone meanwhile is left out."""
        try:
            handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with os.fdopen(handle, "rb") as file, new_below(self.folder, name) as made:
            shutil.copyfileobj(file, made, _PIECE)
        self.note(name)

    def copy_all(self, source: Path, name: str) -> None:
        """Copy the files of a folder, and of those in it."""
        for folder, _, names in os.walk(source):
            for each in sorted(names):
                path = Path(folder) / each
                if path.is_file() and not path.is_symlink():
                    self.copy(path, f"{name}/{path.relative_to(source).as_posix()}")

    def under(self, name: str) -> list[str]:
        """Names below a name of the set, as they are below it."""
        return [each.removeprefix(f"{name}/") for each in self.files if each.startswith(f"{name}/")]


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
        with new_below(part, LIST) as file:
            file.write(text)
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


def keep_proof(sets: tuple[Set, ...], proof: BackupMade) -> None:
    """Put the proof of a backup into its sets. Raises ``StoreError``."""
    for each in sets:
        try:
            with whole_file(each.folder / PROOF) as file:
                file.write(msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n")
        except OSError as error:
            raise StoreError(
                f"{error.filename} could not be written: {error.strerror}", hint="without it nothing proves the set"
            ) from error


def verified(place: Path, kind: str, tell: Callable[[float, str], None] | None = None) -> Set:
    """A set whose every file is what its list says. Raises ``StoreError`` that names the first that is not."""
    try:
        with read_below(place, LIST) as file:
            text = file.read(_LARGEST)
        read: Any = json.loads(text)
        files = {str(name): dict(about) for name, about in read["files"].items()}
        if read["version"] not in (1, VERSION) or read["kind"] != kind:
            raise StoreError(f"{place} is no set of {kind} that this version of Dialgate knows")
        for count, (name, about) in enumerate(files.items()):
            with read_below(place, name) as file:
                found = _digest(file)
            if found != (about["sha256"], about["size"]):
                raise StoreError(f"{place / name} is not the file that was backed up", hint="take another backup")
            if tell is not None:
                tell(count / len(files), "verifying")
    except UsageError as error:
        raise StoreError(f"{place}: {error.message}", hint="somebody has changed the list of this set") from error
    except OSError as error:
        raise StoreError(f"{place}: {error.filename} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{place / LIST} is not the list of a backup: {error}") from error
    said = {name: value for name, value in read.items() if name != "files"}
    return Set(place, files, said, hashlib.sha256(text).hexdigest())


def prove(data: Set, wrapped: Set, vkey: str) -> None:
    """See that the log of the gate with this verifier key says of both sets what they are. Raises ``StoreError``."""
    where = data.folder / PROOF
    try:
        with read_below(data.folder, PROOF) as file:
            proof = decode(file.read(_PIECE), BackupMade)
        head = parse_checkpoint(verify_note(proof.checkpoint, vkey))
        leaf, body = json.loads(proof.leaf), json.loads(proof.body)
        path = [base64.b64decode(each, validate=True) for each in proof.proof]
        held = (
            (leaf["kind"], leaf["subject"]) == (facts.BackupMade.kind, data.said.get("id"))
            and leaf["commit"] == commitment(bytes.fromhex(proof.salt), proof.body.encode()).hex()
            and verify_inclusion(leaf_hash(proof.leaf.encode()), proof.index, head.size, path, head.root)
        )
        same = (body["data_sha256"], body["keys_sha256"]) == (data.sha256, wrapped.sha256)
    except FileNotFoundError:
        raise StoreError(f"{where} is missing: nothing proves this set", hint="take another backup") from None
    except NoteInvalid as error:
        raise StoreError(f"{where} is not signed with that verifier key: {error}", hint="is it this gate's?") from error
    except OSError as error:
        raise StoreError(f"{where} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, EvidenceError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{where} is no proof of a backup: {error}") from error
    if not held:
        raise StoreError(f"{where} does not hold: its leaf is not the one that was signed")
    if not same:
        raise StoreError(
            f"the log says that another backup was made than {data.folder} and {wrapped.folder}",
            hint="a list was changed, or they are not of one backup: take another one",
        )


def put(found: Set, under: str, target: Path) -> int:
    """Copy the files of a verified set that lie under a name into a folder, each checked once more; how many."""
    names = found.under(under)
    for name in names:
        put_one(found, f"{under}/{name}", target, name)
    return len(names)


def put_one(found: Set, name: str, target: Path, under: str) -> None:
    """Copy a file of a verified set below a folder, where nothing is yet. Raises ``StoreError``, ``OSError``."""
    parts_of(name)
    with read_below(found.folder, name) as file, new_below(target, under) as made:
        shutil.copyfileobj(file, made, _PIECE)
        made.seek(0)
        digest, _ = _digest(made)
    if digest != found.files[name]["sha256"]:
        raise StoreError(f"{target / under} is not what was backed up", hint="is the disk sound?")


def _digest(file: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := file.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def sync(folder: Path) -> None:
    """All names in a folder, durable."""
    for each, _, _ in os.walk(folder):
        sync_folder(Path(each))
