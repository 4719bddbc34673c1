"""The register of recipients: whom recordings are sealed to, and to whom exports may go.

One file ``recipients/<id>.json`` each (``publickey`` has its text); those retired lie in ``recipients/retired/``. Every
change is a fact in the evidence log, which this folder can be compared with.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from gate.durable import sync_folder
from gate.errors import NoRecipients, NoSuchRecipient, RecipientInvalid, VaultError
from gate.vault.files import read_bounded, trouble, write_whole
from gate.vault.publickey import (
    MAX_TEXT,
    Recipient,
    parse_recipient,
)

_RETIRED: Final = "retired"


def load_recipients(folder: Path) -> list[Recipient]:
    """The recipients in force, sorted by id; empty where the folder is empty or missing. New recordings are sealed to
    those with ``seals``; exports may go to those with a ``purpose``.

    Raises ``RecipientInvalid``, naming the file, for one that does not hold: passing over it would seal recordings that
    somebody with a right to them cannot open.
    """
    try:
        paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    except OSError as error:
        raise trouble(error, f"cannot read {folder}") from error
    return [_load(path) for path in paths]


def load_retired(folder: Path) -> list[Recipient]:
    """Those no longer in force, whose keys may still open older recordings. Raises as ``load_recipients``."""
    return load_recipients(folder / _RETIRED)


def _load(path: Path) -> Recipient:
    try:
        recipient = parse_recipient(read_bounded(path, MAX_TEXT))
    except RecipientInvalid as error:
        raise RecipientInvalid(f"{path}: {error}", hint=error.hint) from error
    if path.name != f"{recipient.id}.json":
        raise RecipientInvalid(f"{path} holds recipient {recipient.id}", hint=f"Name it {recipient.id}.json.")
    return recipient


def read_recipient(
    folder: Path, text: str | bytes, role: str = "", *, purpose: str = "", half: str = "", exports_only: bool = False
) -> Recipient:
    """The recipient that a text names, on the terms that are given in place of its own; nothing is done.

    Raises ``RecipientInvalid``; ``VaultError`` where it is in force with another name or on other terms (the same one
    twice is no error).
    """
    recipient = parse_recipient(text)
    recipient = recipient.on_terms(
        role=role, purpose=purpose or None, half=half or None, seals=False if exports_only else None
    )
    path = folder / f"{recipient.id}.json"
    if path.exists() and (there := _load(path)) != recipient:
        raise VaultError(
            f"recipient {recipient.id} is there already, as {there.name!r} ({there.role}), or on other terms",
            hint="Change its terms with dialgate key change, or retire it first: dialgate key retire",
        )
    return recipient


def put_recipient(folder: Path, recipient: Recipient) -> Recipient:
    """Put in force what ``read_recipient`` gave. Raises ``VaultError`` where it cannot be written."""
    path = folder / f"{recipient.id}.json"
    if not path.exists():
        write_whole(path, recipient.to_text().encode())
    return recipient


def terms_changed(
    folder: Path,
    recipient_id: str,
    *,
    role: str = "",
    purpose: str | None = None,
    half: str | None = None,
    seals: bool | None = None,
) -> tuple[Recipient, Recipient]:
    """A recipient as it is, and as ``change_recipient`` would leave it. What is not given stays; ``""`` takes away.

    Raises ``VaultError`` where it is not there; ``NoRecipients`` where nobody would be left to seal to;
    ``RecipientInvalid``.
    """
    recipients = load_recipients(folder)
    before = _find(recipients, recipient_id)
    after = before.on_terms(role=role, purpose=purpose, half=half, seals=seals)
    if before.seals and not after.seals:
        _leave_one(recipients, recipient_id)
    return before, after


def change_recipient(folder: Path, recipient_id: str, **terms: Any) -> tuple[Recipient, Recipient]:
    """Put a recipient on other terms: as it was, and as it is now. Raises as ``terms_changed``, which has the terms;
    ``VaultError`` where it cannot be written."""
    before, after = terms_changed(folder, recipient_id, **terms)
    if after != before:
        write_whole(folder / f"{after.id}.json", after.to_text().encode(), replace=True)
    return before, after


def retirable(folder: Path, recipient_id: str) -> Recipient:
    """The recipient that ``retire_recipient`` would retire, nothing done. Raises ``VaultError`` where it is not there;
    ``NoRecipients`` where nobody would be left to seal to."""
    recipients = load_recipients(folder)
    found = _find(recipients, recipient_id)
    if found.seals:
        _leave_one(recipients, recipient_id)
    return found


def retire_recipient(folder: Path, recipient_id: str) -> Recipient:
    """Seal nothing more to this recipient: its file moves to ``retired/``, its wraps stay. Raises as ``retirable``, and
    ``VaultError`` where it cannot be written."""
    found = retirable(folder, recipient_id)
    write_whole(folder / _RETIRED / f"{found.id}.json", found.to_text().encode(), replace=True)
    try:
        (folder / f"{found.id}.json").unlink()
        sync_folder(folder)
    except OSError as error:
        raise trouble(error, f"cannot retire {recipient_id}") from error
    return found


def _find(recipients: Iterable[Recipient], recipient_id: str) -> Recipient:
    found = next((one for one in recipients if one.id == recipient_id), None)
    if found is None:
        raise NoSuchRecipient(f"there is no recipient {recipient_id}", hint="See: dialgate key list")
    return found


def _leave_one(recipients: Iterable[Recipient], without: str) -> None:
    if not any(one.seals for one in recipients if one.id != without):
        raise NoRecipients(
            f"{without} is the only recipient that recordings are sealed to",
            hint="Add another one first: dialgate key add",
        )


def recipient_source(folder: Path) -> Callable[[], tuple[Recipient, ...]]:
    """A function that tells to whom a new recording is sealed, reading the folder again only when it has changed.

    It raises ``NoRecipients`` where there is nobody, and what ``load_recipients`` raises. For one thread.
    """
    seen: frozenset[tuple[str, int, int]] | None = None
    known: tuple[Recipient, ...] = ()

    def recipients() -> tuple[Recipient, ...]:
        nonlocal seen, known
        found = _files(folder)
        while found != seen:
            try:
                known = tuple(one for one in load_recipients(folder) if one.seals)
                seen = found
            except VaultError:
                before, found = found, _files(folder)
                if found == before:  # else somebody was retired between two looks
                    raise
        if not known:
            raise NoRecipients(f"there is no recipient in {folder}", hint="Add a public key: dialgate key add FILE")
        return known

    return recipients


def _files(folder: Path) -> frozenset[tuple[str, int, int]]:
    """What tells one state of the register from another: each change of a recipient is another file under its name."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.name.endswith(".json") and not entry.name.startswith("."):
                        found.append((entry.name, entry.inode(), entry.stat().st_mtime_ns))
    except OSError as error:
        raise trouble(error, f"cannot read {folder}") from error
    return frozenset(found)
