"""The register of recipients: whom recordings are sealed to, to whom exports may go, and who decided it.

A change is in the log before it is in force. Private keys never come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec.structs import asdict

from gate.converting import convert
from gate.core.facts import keys as facts
from gate.core.rows.keys import Recipient, RecipientWorth
from gate.errors import NoRecipients, RefusedError, VaultError
from gate.log import Logger
from gate.operations.operation import ADMINS, EVERYBODY, Caller, Line, Request, Response, about, operation
from gate.showing import many
from gate.store.recipients import Terms, in_the_log, logged
from gate.vault.publickey import Recipient as Sealed
from gate.vault.sealer import Admitted

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

log = Logger()

SOLE: Final = "sole_recipient"
EXPORTS_ONLY: Final = "exports_only"
NOT_LOGGED: Final = "recipient_not_in_the_log"
_HINT: Final = "nothing is sealed to them: dialgate key retire ID; dialgate key add FILE for those you know"
_told: Final[set[str]] = set()
"""Fingerprints of those that were left out."""

Role = Literal["", "compliance", "auditor", "escrow"]
Purpose = Literal["", "regulator", "court", "internal_audit", "data_subject"]
Half = Literal["", "first", "second"]


# --- the list ------------------------------------------------------------------------------------------------------


class Recipients(Response, frozen=True):
    """The register."""

    recipients: list[RecipientWorth]
    retired: list[RecipientWorth]
    """Those no longer in force whose keys still open something."""
    warnings: list[str]


class KeyList(Request[Recipients], frozen=True):
    """The register of recipients."""


@operation(KeyList, "key_list", roles=EVERYBODY)
def key_list(folder: DataFolder, asked: KeyList, caller: Caller) -> Recipients:
    """Whom new recordings are sealed to, to whom exports may go, and what each key is worth."""
    keyring = folder.keyring()

    def worth(rows: Sequence[Recipient]) -> list[RecipientWorth]:
        return [RecipientWorth(**asdict(row), **asdict(keyring.worth(row.id))) for row in rows]

    return Recipients(
        recipients=worth(keyring.recipients()),
        retired=[each for each in worth(keyring.retired()) if each.recordings],
        warnings=keyring.warnings() + unlogged(folder),
    )


def warnings(folder: DataFolder) -> list[str]:
    """The lines of ``status`` about keys."""
    if not folder.config.recording.enabled:
        return []
    try:
        keyring = folder.keyring()
        return keyring.warnings() + unlogged(folder)
    except VaultError as error:  # the register itself is damaged: that is told, and the rest of the status too
        return [str(error)]


def unlogged(folder: DataFolder) -> list[str]:
    """Where register and log differ: a sentence for each recipient. Somebody has written into the folder of the
    register past the gate. Raises ``VaultError``."""
    recipients = folder.keyring().recipients()
    terms = folder.read(lambda tx: logged(tx, folder.clock.now()))
    there = {row.id for row in recipients}
    found = [
        f"{row.name} ({row.id}) is on the register on terms that are not in the log: nobody is known to have"
        " put them there, and nothing is sealed to them. Look, then: dialgate key retire"
        for row in recipients
        if not in_the_log(row, terms)
    ]
    return found + [
        f"{bodies[0].get('name', key)} ({key}) is in the log, and its file is not on the register: nothing is sealed"
        " to them. Put it back, or: dialgate key add FILE"
        for key, bodies in terms.items()
        if key not in there
    ]


def admit(recipients: tuple[Sealed, ...], terms: Terms) -> tuple[Sealed, ...]:
    """Those that something may be sealed to; who is left out is logged, once in this process. Raises ``NoRecipients``
    where nobody is left."""
    found = tuple(each for each in recipients if in_the_log(each.row(), terms))
    for each in recipients:
        if each not in found and each.fingerprint not in _told:
            _told.add(each.fingerprint)
            log.error(NOT_LOGGED, recipient=each.id, name=each.name, hint=_HINT)
    if recipients and not found:
        raise NoRecipients("no recipient is in the log on the terms that its file has", hint=_HINT)
    return found


def admitted(folder: DataFolder) -> Admitted:
    """``admit`` by the log of an open data folder, as it is each time."""
    return lambda recipients: admit(recipients, folder.read(lambda tx: logged(tx, folder.clock.now())))


def must_be_logged(folder: DataFolder, row: Recipient) -> None:
    """Raise ``RefusedError`` for a recipient that is not in the log on the terms that its file has: it is given
    nothing."""
    if not in_the_log(row, folder.read(lambda tx: logged(tx, folder.clock.now()))):
        raise RefusedError(
            f"{row.name} ({row.id}) is on the register on terms that are not in the log: nobody is known to have"
            " put them there",
            reason=NOT_LOGGED,
            hint="Look, then: dialgate key retire",
        )


# --- putting one on it, other terms --------------------------------------------------------------------------------


class KeyAdd(Request[Recipient], frozen=True):
    """Put a public key on the register of recipients."""

    text: Annotated[str, msgspec.Meta(max_length=20_000), about("The recipient that dialgate key new wrote.")]
    role: Annotated[Role, about("What the key is for, in place of the role in its file.", "What the key is for")] = ""
    purpose: Annotated[
        Purpose, about("What exports may go to them for; without it none may.", "Exports may go to them for")
    ] = ""
    half: Annotated[
        Half, about("Their share of a two-person key (recording.two_person).", "Their share of a two-person key")
    ] = ""
    exports_only: Annotated[bool, about("New recordings are not sealed to them.")] = False


@operation(KeyAdd, "key_add", roles=ADMINS)
def key_add(folder: DataFolder, asked: KeyAdd, caller: Caller) -> Recipient:
    """Let the owner of a public key open what is recorded from now on, or be given exports for a purpose, or both."""
    keyring = folder.keyring()
    terms = {name: getattr(asked, name) for name in ("role", "purpose", "half", "exports_only")}
    row = keyring.read(asked.text, **terms)
    folder.keep(facts.RecipientAdded(**asdict(_terms(row))), row.id, caller.actor)
    return keyring.add(asked.text, **terms)


class KeyChange(Request[Recipient], frozen=True):
    """Put a recipient on other terms; what is not given stays, an empty text takes away."""

    recipient_id: Annotated[Line, about("Id of the recipient.", metavar="ID")]
    role: Annotated[Role, about("What the key is for.", "What the key is for")] = ""
    purpose: Annotated[Purpose | None, about("What exports may go to them for.", "Exports may go to them for")] = None
    half: Annotated[Half | None, about("Their share of a two-person key.", "Their share of a two-person key")] = None
    seals: Annotated[
        bool | None, about("Whether new recordings are sealed to them.", "New recordings are sealed to them")
    ] = None


@operation(KeyChange, "key_change", roles=ADMINS)
def key_change(folder: DataFolder, asked: KeyChange, caller: Caller) -> Recipient:
    """Put a recipient on other terms; what it can open it still can."""
    keyring = folder.keyring()
    terms = {name: getattr(asked, name) for name in ("role", "purpose", "half", "seals")}
    before, after = keyring.terms(asked.recipient_id, **terms)
    if after != before:
        body = facts.RecipientChanged(**asdict(_terms(after)), before=asdict(_terms(before)))
        folder.keep(body, asked.recipient_id, caller.actor)
        keyring.change(asked.recipient_id, **terms)
    return after


# --- retiring one --------------------------------------------------------------------------------------------------


class KeyRetired(RecipientWorth, frozen=True):
    """A recipient that is retired, or would be, and what its key still opens."""

    retired: bool


class KeyRetire(Request[KeyRetired], frozen=True):
    """Seal nothing more to a recipient; refused where only its key opens a recording."""

    recipient_id: Annotated[Line, about("Id of the recipient.", metavar="ID")]
    dry_run: Annotated[bool, about("Show what nobody else could then open, and do nothing.")] = False


@operation(KeyRetire, "key_retire", roles=ADMINS, final=True)
def key_retire(folder: DataFolder, asked: KeyRetire, caller: Caller) -> KeyRetired:
    """Seal nothing more to a recipient.

    Raises ``RefusedError`` (``sole_recipient``) where recordings would be left that only this key opens.
    """
    keyring = folder.keyring()
    row = keyring.retirable(asked.recipient_id)
    worth = keyring.worth(asked.recipient_id)
    if worth.alone and not asked.dry_run:
        raise RefusedError(
            f"{worth.alone:,} of the {many(worth.recordings, 'recording')} that {row.name} opens could then be"
            " opened by nobody else",
            reason=SOLE,
            hint="Give them to another recipient first: dialgate key rotate KEY --to RECIPIENT",
        )
    if not asked.dry_run:
        folder.keep(facts.RecipientRetired(**asdict(_terms(row))), asked.recipient_id, caller.actor)
        keyring.retire(asked.recipient_id)
    return KeyRetired(**asdict(row), **asdict(worth), retired=not asked.dry_run)


def _terms(row: Recipient) -> facts.RecipientTerms:
    return convert(asdict(row), facts.RecipientTerms)
