"""A backup, made and put back: data, keys, configuration and the files that it names, in the order in which nothing
that is needed can be missed.

``gate.db`` first: what it knows of is in what follows. Evidence in PostgreSQL is backed up with its own tools before
this, and is no file of a set. Then the wrapped keys, in a set of their own: no recording that
the store knows lacks its keys. Then the sealed audio and the rest; what is secret of it is sealed to the recipients.
What is erased meanwhile is missing, as it must be.

Its secrets are sealed to the recipients that recordings are sealed to. ``sealed/secrets.dgr`` in the set of data is a
sealed file (``gate.vault.layout``) whose one chunk is JSON: names to base64, of the data folder (``gate.key``,
``number.key``) and of the files with passwords and keys that the configuration names. Its wraps stand in the list of
the set. Only a recipient's private key opens it: two, one of each half, where recordings take two people.

A set of files has a list of their digests: it is made new, verified whole, proven, and put back. The list is
``backup.json`` in the set: what it is, when it was made, and SHA-256 and size of each file. A set is made beside its
place and gets its name when all of it is on the disk. Names in a list are names below the set (``gate.durable``):
nothing outside of it is read, and nothing outside of where it is put is written.

Whoever can write a set can write its list. So the gate's log has a leaf ``backup_made`` that commits to the digests of
both lists, and ``backup.proof`` beside them has that leaf with its way up to a signed head of the log: whoever knows
the gate's verifier key from elsewhere sees that the gate has said so.

A set is put back whole, and what was erased since is erased again, before a gate starts on it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec

from gate.client.gate import Gate, pages
from gate.clock import SystemClock, today
from gate.config import Config
from gate.converting import decode
from gate.core.evidence import EvidenceError, commitment, leaf_hash, parse_checkpoint, verify_inclusion
from gate.core.facts import audit as facts
from gate.core.facts.audit import BackupRestored, MemoryReplayed
from gate.durable import new_below, parts_of, read_below, read_regular, sync_folder, whole_file
from gate.errors import NoteInvalid, StoreError, UsageError
from gate.operations.accounts import user
from gate.operations.backup import BackupBegin, BackupDone, BackupKeys, BackupMade
from gate.operations.data_folder import DataFolder
from gate.operations.keys.recipients import admit, unlogged
from gate.operations.memory.place import SecondPlace
from gate.store.reader import DataLock, Reader, place_of
from gate.store.recipients import logged
from gate.store.spool import LONGEST
from gate.store.spool import NAME as SPOOL
from gate.types import Progress
from gate.vault.keyfile import PrivateKey
from gate.vault.keystore import SCHEMA
from gate.vault.reader import open_recording
from gate.vault.recipients import load_recipients
from gate.vault.sealer import Seal
from gate.vault.signing import verify_note

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
    """The SHA-256 of the list."""

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
    head = {name: value for name, value in read.items() if name != "files"}
    return Set(place, files, head, hashlib.sha256(text).hexdigest())


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


NAME: Final = "sealed/secrets.dgr"
KEYS: Final = ("gate.key", "number.key")
_SECRET: Final = frozenset({"password_file", "token_file", "secret_file", "tls_key", "key"})
_PLAIN: Final = frozenset({"wav", "goodbye_wav", "ca", "ca_file", "certificate", "tls_certificate"})
_FOLDERS: Final = frozenset({"templates", "sounds"})


class Named(NamedTuple):
    """Files that a configuration names, relative to it, and what of them lies elsewhere and is in no backup."""

    plain: list[str]
    secret: list[str]
    elsewhere: list[str]


def named_files(config: Config) -> Named:
    """The files that a gate of this configuration needs beside its data folder: sounds, letters, certificates, and what
    is secret."""
    base = Path(config.base).resolve()
    found = Named([], [], [])
    for key, value in sorted(set(_named(config))):
        path = config.path(value)
        if not path.exists():
            continue
        if not path.is_relative_to(base):
            found.elsewhere.append(str(path))
            continue
        inside = [each for each in sorted(path.rglob("*")) if each.is_file()] if path.is_dir() else [path]
        (found.secret if key in _SECRET else found.plain).extend(
            each.relative_to(base).as_posix() for each in inside if each.resolve() == each
        )
    return found


def _named(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _named(getattr(value, name), name)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _named(each, key)
    elif isinstance(value, str) and value and key in _SECRET | _PLAIN | _FOLDERS:
        yield key, value


def seal_secrets(config: Config, made: Set, secret: Sequence[str]) -> None:
    """Seal keys and secret files into a set. Raises ``StoreError``, ``VaultError``; ``UsageError`` where there is
    nobody to seal to."""
    recipients = tuple(each for each in load_recipients(config.data / "recipients") if each.seals)
    if not recipients:
        raise UsageError(
            "a backup seals gate.key and number.key to recipients, and there is none",
            hint="make a key: dialgate key new, then dialgate key add",
        )
    with Reader(place_of(config)) as reader:
        recipients = admit(recipients, logged(reader, SystemClock().now()))
    try:
        files = {f"data/{name}": (config.data / name).read_bytes() for name in KEYS}
        files |= {f"config/{name}": (Path(config.base) / name).read_bytes() for name in secret}
    except OSError as error:
        raise StoreError(
            f"{error.filename} cannot be read: {error.strerror}", hint="run as the gate's account"
        ) from error
    seal = Seal(made.said["id"], {"backup": made.said["id"]}, recipients, two_person=config.recording.two_person)
    writer = seal.create(made.folder / NAME)
    writer.write_chunk(json.dumps({name: base64.b64encode(data).decode() for name, data in files.items()}).encode())
    writer.close({})
    made.note(NAME)
    made.said["wraps"] = {who: base64.b64encode(wrap).decode() for who, wrap in seal.wraps}


def sealed_to(found: Set) -> list[str]:
    """Ids of the recipients whose private keys open the secrets of a set; nobody where they lie in it in clear."""
    return sorted(found.said.get("wraps") or ())


def open_secrets(found: Set, privates: Sequence[PrivateKey]) -> dict[str, bytes]:
    """The secret files of a verified set, by name. Raises ``VaultError`` where these keys do not open them,
    ``StoreError`` where they are none."""
    try:
        wraps = [(who, base64.b64decode(wrap, validate=True)) for who, wrap in found.said["wraps"].items()]
        _, chunks = open_recording(found.folder / NAME, wraps, privates, recording_id=str(found.said["id"]))
        (text,) = list(chunks)
        files = {str(name): base64.b64decode(data, validate=True) for name, data in json.loads(text).items()}
        for name in files:
            if parts_of(name)[0] not in ("data", "config"):
                raise ValueError(name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UsageError) as error:
        raise StoreError(f"{found.folder / NAME} has no secrets of a backup: {error}") from error
    if missing := [name for name in KEYS if f"data/{name}" not in files]:
        raise StoreError(f"{found.folder / NAME} has no {' and no '.join(missing)}", hint="take another backup")
    return files


def write_below(folder: Path, name: str, data: bytes) -> None:
    """Write a new file, 0600. Raises ``UsageError`` for the name, ``OSError``."""
    with new_below(folder, name) as file:
        file.write(data)


CONFIG: Final = "config/config.toml"
FOLDERS: Final = ("checkpoints", "recipients", "registers", "prompts", "prompts_in", "recordings")
_ROOM: Final = "See that there is room and that it can be written; nothing is left of this backup."
_ADD: Final = "INSERT INTO wraps (recording_id, recipient_id, key_id, wrap, proven) VALUES (?, ?, ?, ?, ?)"


def back_up(gate: Gate, config: Config, path: Path, folder: Path, keys: Path, progress: Progress) -> dict[str, Any]:
    """Data folder and the configuration at ``path`` into a new ``folder``, wrapped keys into a new folder ``keys``.

    Returns what ``dialgate backup --json`` writes. Raises ``UsageError``, ``StoreError``, and what the gate raises.
    """
    folder, keys = folder.resolve(), keys.resolve()
    if keys.is_relative_to(folder) or folder.is_relative_to(keys):
        raise UsageError("the keys must not lie with the recordings", hint="name another disk, or another folder")
    begun = gate.ask(BackupBegin())
    head = {"id": begun.id, "made_at": begun.made_at, "verifier": _verifier(config.data)}
    with (
        new_set(folder, "data", **head) as data,
        new_set(keys, "keys", **head, until=begun.keys_until) as wrapped,
    ):
        progress(0.0, "the store")
        store = place_of(config)
        if isinstance(store, Path):
            _copy_store(store, data)
        progress(0.2, "keys")
        count = _copy_keys(gate, wrapped)
        progress(0.4, "recordings and the rest")
        for name in FOLDERS:
            data.copy_all(config.data / name, f"data/{name}")
        data.copy(path, CONFIG)
        named = named_files(config)
        for name in named.plain:
            data.copy(Path(config.base) / name, f"config/{name}")
        seal_secrets(config, data, named.secret)
    files = len(data.files)
    done = BackupDone(id=begun.id, files=files, data_sha256=data.sha256, keys_sha256=wrapped.sha256)
    keep_proof((data, wrapped), gate.ask(done))
    return {
        "id": begun.id,
        "data": str(folder),
        "files": files,
        "keys": str(keys),
        "wrapped_keys": count,
        "keys_until": begun.keys_until,
        "sealed_to": sealed_to(data),
        "elsewhere": [*named.elsewhere, *([] if isinstance(store, Path) else [str(store)])],
    }


def _verifier(data: Path) -> str:
    try:
        return (data / "gate.key").read_text().partition("\n")[0]
    except OSError as error:
        raise StoreError(
            f"{error.filename} cannot be read: {error.strerror}", hint="run as the gate's account"
        ) from error


def _copy_store(source: Path, made: Set) -> None:
    """The store as one state, beside a gate that writes."""
    (made.folder / "data").mkdir()
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(made.folder / "data" / "gate.db")) as writing,
        ):
            reading.backup(writing, pages=4096, sleep=0)
    except sqlite3.Error as error:
        raise StoreError(
            f"{source} could not be copied to {made.folder.parent}: {error}",
            hint=_ROOM,
        ) from error
    made.note("data/gate.db")


def _copy_keys(gate: Gate, made: Set) -> int:
    (made.folder / "keys").mkdir()
    try:
        count = _wraps_into(gate, made.folder / "keys" / "keys.db")
    except sqlite3.Error as error:
        raise StoreError(
            f"the wrapped keys could not be copied to {made.folder.parent}: {error}", hint=_ROOM
        ) from error
    made.note("keys/keys.db")
    return count


def _wraps_into(gate: Gate, path: Path) -> int:
    count = 0
    with closing(sqlite3.connect(path)) as writing:
        writing.executescript(SCHEMA)
        for page in pages(gate, BackupKeys()):
            rows = [
                (each.recording_id, each.recipient_id, each.key_id, base64.b64decode(each.wrap), int(each.proven))
                for each in page.items
            ]
            writing.executemany(_ADD, rows)
            count += len(rows)
        writing.commit()
    return count


def check_same_backup(data: Set, wrapped: Set, *, late: bool) -> None:
    """Raise ``UsageError`` where the keys are of another backup, or, unless ``late``, had to be destroyed by now."""
    if data.said.get("id") != wrapped.said.get("id"):
        raise UsageError("these keys were not made with this backup", hint="name the set of the same day")
    try:
        until = date.fromisoformat(str(wrapped.said.get("until")))
    except ValueError:
        raise StoreError(f"{wrapped.folder} does not say until when its keys may be kept") from None
    if today() > until and not late:
        raise UsageError(
            f"the keys in {wrapped.folder} had to be destroyed by the end of {until}",
            hint="receipts of erasures promise it; take a newer backup, or --late where there is none",
        )


def take_configuration(path: Path, data: Set, secrets: Mapping[str, bytes]) -> list[str]:
    """Write the configuration of a set to a path where none is, with the files that it names, where none are; the names
    of those written. Raises ``StoreError``."""
    base, written = path.parent, []
    try:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in data.under("config"):
            if f"config/{name}" != CONFIG and not os.path.lexists(base / name):
                put_one(data, f"config/{name}", base, name)
                written.append(name)
        for name, content in secrets.items():
            inside = name.removeprefix("config/")
            if inside != name and not os.path.lexists(base / inside):
                write_below(base, inside, content)
                written.append(inside)
        put_one(data, CONFIG, base, path.name)
    except (OSError, UsageError) as error:
        why = error.strerror if isinstance(error, OSError) else error.message
        raise StoreError(f"the configuration cannot be put back: {why}", hint="is there room?") from error
    return sorted(written)


def put_back(config: Config, data: Set, wrapped: Set, secrets: Mapping[str, bytes]) -> tuple[Path | None, int]:
    """Build the folder beside its place, then let it take that; where the old one lies now, and how many files.

    ``secrets``: those that were sealed in the set, by name. Raises ``StoreError``.
    """
    target = config.data
    part = target.with_name(f".{target.name}.restoring")
    aside: Path | None = None
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        files = put(data, "data", part) + put(wrapped, "keys", part)
        for name, content in secrets.items():
            if name.startswith("data/"):
                write_below(part, name.removeprefix("data/"), content)
                files += 1
        (part / "recordings").mkdir(exist_ok=True, mode=0o700)
        sync(part)
        if target.exists() and any(target.iterdir()):
            with DataLock(target):  # raises where a gate runs on it
                if not config.storage.memory:
                    _carry_over(target / "checkpoints", part / "checkpoints")
                _carry_spool(target / SPOOL, part / SPOOL)
                stamp = f"{SystemClock().now():%Y%m%dT%H%M%S}"
                aside = target.with_name(f"{target.name}.before-{stamp}")
                target.rename(aside)
        elif target.exists():
            target.rmdir()
        part.rename(target)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if aside is not None and not target.exists():
            aside.rename(target)
        raise StoreError(
            f"{target} could not be put back: {error.strerror}",
            hint="is there room? a folder that is a mount of its own must be emptied and unmounted first",
        ) from error
    except UsageError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StoreError(f"{data.folder}: {error.message}", hint="somebody has changed the list of this set") from error
    except StoreError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return aside, files


def check_signing_key(secrets: Mapping[str, bytes], vkey: str) -> None:
    """Raise ``StoreError`` where the signing key of a set is not that of the gate with this verifier key."""
    found = secrets["data/gate.key"].partition(b"\n")[0].decode("utf-8", "replace")
    if found != vkey:
        raise StoreError(f"the gate.key of this set is another gate's: {found[:200]}", hint="take another backup")


def _carry_spool(waits: Path, restored: Path) -> None:
    """What the store had not taken when the gate ended: no set has it, and no journal in a second place."""
    with suppress(FileNotFoundError):
        content = read_regular(waits, LONGEST)
        with whole_file(restored) as file:
            file.write(content)


def _carry_over(signed: Path, restored: Path) -> None:
    """The checkpoints of the folder that goes: they alone show that the backup is older, where no second place knows
    who has objected since. With them marketing waits until somebody has seen to it (``evidence_rolled_back``)."""
    restored.mkdir(exist_ok=True, mode=0o700)
    there = {path.name for path in restored.iterdir()}
    for path in signed.glob("*.txt"):
        if path.name not in there and path.is_file() and not path.is_symlink():
            with whole_file(restored / path.name) as file:
                file.write(path.read_bytes())


def replayed(folder: DataFolder, data: Set, files: int, *, proven: bool) -> dict[str, Any]:
    """What opening a data folder that was put back replayed of the memory journal, and what is left to see to. The log
    keeps that it was put back."""
    said_then = {"backup": data.said.get("id"), "made_at": data.said.get("made_at")}
    folder.keep(BackupRestored(**said_then, files=files, proven=proven), "backup", user(os.getuid()))
    outcome = folder.retention.at_start()
    sql = "SELECT body FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY at DESC, leaf_index DESC LIMIT 1"
    rows = folder.read(lambda tx: tx.values(str, sql, [MemoryReplayed.kind]))
    folder.trust.look()
    result: dict[str, Any] = json.loads(rows[0]) if rows else {}
    warnings = [*unlogged(folder), *folder.trust.warnings(), *folder.one(SecondPlace).warnings()]
    if not folder.one(SecondPlace).configured:
        warnings.append(
            "No second place is configured (storage.memory): objections and erasures since the backup are not "
            "known here. Add them again first."
        )
    return {"replayed": result, "erased_again": outcome.erased, "warnings": warnings}
