"""Keys: put on the register of recipients, on other terms, retired; and a private key's passphrase, changed here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from console import words
from console.feed import on_thread
from console.modes.request_forms import filled
from console.widgets.ask import NO, YES, Field
from gate.core.rows.keys import Recipient
from gate.errors import UsageError
from gate.operations.keys.recipients import Half, KeyAdd, KeyChange, KeyRetire, Purpose, Role
from gate.showing import clean

if TYPE_CHECKING:
    from console.modes.base import GateScreen

NONE: Final = "none"
AS_FILE: Final = "as_the_file_says"
LARGEST: Final = 20_000
"""Bytes of a public key's file."""


def _terms(role: tuple[str, ...], row: Recipient | None = None) -> tuple[Field, ...]:
    """What a recipient is on the register for; None: it is new."""
    return (
        Field.from_request(KeyChange, "role", (row and row.role) or role[0], choices=role),
        Field.from_request(KeyChange, "purpose", (row and row.purpose) or NONE, choices=_or_none(Purpose)),
        Field.from_request(KeyChange, "half", (row and row.half) or NONE, choices=_or_none(Half)),
        Field.from_request(KeyChange, "seals", YES if row is None or row.seals else NO),
    )


def _or_none(values: object) -> tuple[str, ...]:
    return (NONE, *filter(None, get_args(values)))


def _asked(told: Mapping[str, str]) -> dict[str, Any]:
    return {name: "" if told[name] in (NONE, AS_FILE) else told[name] for name in ("role", "purpose", "half")}


async def add(screen: GateScreen) -> bool:
    """Put somebody's public key on the register. Call it in a worker."""
    files = screen.app.setup.files
    if files is None:
        screen.notify("No file is read here: dialgate key add FILE", timeout=6)
        return False

    async def send(told: Mapping[str, str]) -> Recipient:
        path = Path(told["file"].strip())
        text = await on_thread(partial(files.text, path, LARGEST))
        if '"private key"' in text:  # sealed by its passphrase, but it has no business on the way to the gate
            hint = "give the recipient that dialgate key new wrote to standard output"
            raise UsageError(f"{path} is a private key: it stays where it is", hint=hint)
        return await screen.feed.ask(KeyAdd(text=text, exports_only=told["seals"] != YES, **_asked(told)))

    roles = (AS_FILE, *filter(None, get_args(Role)))
    said = "Recordings from now on are sealed to it, unless you say no. What was sealed before stays closed to them."
    fields = (Field("file", "File of their public key", hint="ann.recipient"), *_terms(roles))
    added = await filled(screen, "Put a key on the register", fields, send, said=said, act="Add")
    if added is not None:
        screen.app.done(f"On the register: {clean(added.name)}, {added.role}. Compare: {added.fingerprint}")
    return added is not None


async def change(screen: GateScreen, row: Recipient) -> bool:
    """Put a recipient on other terms. Call it in a worker."""

    async def send(told: Mapping[str, str]) -> Recipient:
        return await screen.feed.ask(KeyChange(recipient_id=row.id, seals=told["seals"] == YES, **_asked(told)))

    said = "It holds for new recordings and exports; what they can open they still can."
    title = f"Other terms for {clean(row.name)}"
    changed = await filled(screen, title, _terms(get_args(Role)[1:], row), send, said=said, act="Change")
    if changed is not None:
        screen.app.done(f"Changed: {clean(changed.name)}")
    return changed is not None


async def retire(screen: GateScreen, row: Recipient) -> bool:
    """Seal nothing more to a recipient, after what that means was shown. Call it in a worker."""
    would = await screen.ask(KeyRetire(recipient_id=row.id, dry_run=True))
    if would is None:
        return False

    async def send(_told: Mapping[str, str]) -> Any:
        return await screen.feed.ask(KeyRetire(recipient_id=row.id))

    opens = words.many(would.recordings, "recording")
    said = f"Nothing more is sealed to them. Their key still opens {opens}"
    said += f", {would.alone:,} of them alone: give those to another key first." if would.alone else "."
    done = await filled(screen, f"Retire the key of {clean(would.name)}?", (), send, said=said, act="Retire")
    if done is not None:
        screen.app.done(f"Retired: {clean(would.name)}")
    return done is not None


async def change_passphrase(screen: GateScreen) -> None:
    """Close a private key with another passphrase: here, in its file. Call it in a worker."""
    opener = screen.app.setup.opener
    if opener is None:
        screen.notify("No key can be opened in this console: dialgate key passphrase FILE", timeout=6)
        return
    known = await on_thread(opener.keys)

    async def send(told: Mapping[str, str]) -> str:
        if told["new"] != told["again"]:
            raise UsageError("the new passphrases are not the same", hint="type all of them again")
        return await on_thread(partial(opener.change_passphrase, Path(told["key"].strip()), told["old"], told["new"]))

    holder = await filled(
        screen,
        "Another passphrase for a private key",
        (
            Field("key", "Key file", str(known[0]) if known else ""),
            Field("old", "Passphrase that it has", secret=True),
            Field("new", "New passphrase", secret=True),
            Field("again", "New passphrase, again", secret=True),
        ),
        send,
        said="The file is replaced as a whole. Copies of it, in backups too, still open with the old passphrase.",
        act="Change",
    )
    if holder is not None:
        screen.app.done(f"The key of {clean(holder)} opens with the new passphrase only. Its copies do not.")
