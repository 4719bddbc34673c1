"""What a backup has of secrets, sealed to the recipients that recordings are sealed to.

``sealed/secrets.dgr`` in the set of data is a sealed file (``gate.vault.layout``) whose one chunk is JSON: names to
base64, of the data folder (``gate.key``, ``number.key``) and of the files with passwords and keys that the
configuration names. Its wraps stand in the list of the set. Only a recipient's private key opens it: two, one of each
half, where recordings take two people.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gate.client.backup_sets import Set
from gate.clock import SystemClock
from gate.config import Config
from gate.errors import StoreError, UsageError
from gate.operations.keys.recipients import admit
from gate.store.reader import Reader
from gate.store.recipients import logged
from gate.vault.keyfile import PrivateKey
from gate.vault.reader import open_recording
from gate.vault.recipients import load_recipients
from gate.vault.sealer import Seal
from gate.within import new_below, parts_of

NAME: Final = "sealed/secrets.dgr"
KEYS: Final = ("gate.key", "number.key")
_SECRET: Final = frozenset({"password_file", "token_file", "tls_key", "key"})
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
    for key, value in sorted(set(_named(msgspec.to_builtins(config)))):
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


def _named(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _named(each, name)
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
    with Reader(config.data / "gate.db") as reader:
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
