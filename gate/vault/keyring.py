"""Recipients and the keys that are wrapped to them: rows in, rows out."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gate.core.rows import keys
from gate.errors import ConfigError, NoRecipients, NoSuchRecipient, OtherHalf, VaultError
from gate.vault.keystore import KeyStoreDb
from gate.vault.publickey import HALVES, Recipient
from gate.vault.recipients import (
    change_recipient,
    load_recipients,
    load_retired,
    put_recipient,
    read_recipient,
    retirable,
    retire_recipient,
    terms_changed,
)
from gate.vault.sealer import Admitted
from gate.vault.wrap import CHALLENGE_BYTES, challenge_to, halves_filled, holds

_CHALLENGES: Final = secrets.token_bytes(CHALLENGE_BYTES)
"""Random bytes of this process: each recipient gets the same challenge until it ends, and nobody else's."""


class Keyring:
    """Every method raises ``VaultError`` for what cannot be."""

    def __init__(self, folder: Path, keys: KeyStoreDb, *, two_person: bool) -> None:
        """``folder`` is the register of recipients; ``two_person``: new recordings take one of each half to open."""
        self._folder = folder
        self._keys = keys
        self._two_person = two_person

    # --- the register

    def recipients(self) -> list[keys.Recipient]:
        """Those in force."""
        return [each.row() for each in load_recipients(self._folder)]

    def retired(self) -> list[keys.Recipient]:
        """Those retired and not in force again."""
        in_force = {each.id for each in load_recipients(self._folder)}
        return [each.row() for each in load_retired(self._folder) if each.id not in in_force]

    def ever(self) -> dict[str, keys.Recipient]:
        """Those in force and retired, by id."""
        return {each.id: each for each in (*self.retired(), *self.recipients())}

    def read(self, text: str, **terms: Any) -> keys.Recipient:
        """The row that ``add`` would put in force."""
        return self._read(text, **terms).row()

    def add(self, text: str, **terms: Any) -> keys.Recipient:
        """Put a recipient in force, on terms as ``read_recipient`` has them."""
        return put_recipient(self._folder, self._read(text, **terms)).row()

    def terms(self, recipient_id: str, **terms: Any) -> tuple[keys.Recipient, keys.Recipient]:
        """A recipient as it is, and as ``change`` would leave it."""
        before, after = terms_changed(self._folder, recipient_id, **terms)
        self._still_sealable(recipient_id, after)
        return before.row(), after.row()

    def change(self, recipient_id: str, **terms: Any) -> None:
        """Put a recipient on other terms, as ``change_recipient`` has them."""
        change_recipient(self._folder, recipient_id, **terms)

    def retirable(self, recipient_id: str) -> keys.Recipient:
        """The row of a recipient that may be retired, as far as new recordings are concerned."""
        found = retirable(self._folder, recipient_id)
        self._still_sealable(recipient_id, None)
        return found.row()

    def retire(self, recipient_id: str) -> None:
        """Nothing is sealed to it any more, and no export goes to it; its wraps stay."""
        retire_recipient(self._folder, recipient_id)

    def warnings(self) -> list[str]:
        """A sentence for each key whose loss alone would lose every new recording."""
        return warnings(load_recipients(self._folder), two_person=self._two_person)

    def _read(self, text: str, **terms: Any) -> Recipient:
        recipient = read_recipient(self._folder, text, **terms)
        if self._two_person and recipient.seals and not recipient.half:
            raise OtherHalf(
                f"recordings take two people, and {recipient.name!r} is of no half",
                hint="Say which: --half first|second, or --exports-only.",
            )
        return recipient

    def _still_sealable(self, recipient_id: str, after: Recipient | None) -> None:
        """Raise where a change would end what two people need; what was not so before may be mended in any order."""
        now = [each for each in load_recipients(self._folder) if each.seals]
        then = [each for each in now if each.id != recipient_id]
        if after is not None and after.seals:
            then.append(after)
        if self._two_person and _sealable(now):
            halves_filled(then)

    # --- wraps

    def worth(self, recipient_id: str) -> keys.Worth:
        """What its private key is worth."""
        others = [each.id for each in load_recipients(self._folder) if each.id != recipient_id]
        return self._keys.tally(recipient_id, others)

    def holds(self, proof: bytes, known: Mapping[str, str], wrapped: bytes, recipient_id: str) -> bool:
        """Whether ``proof`` shows that what the commitments name was closed into this wrap."""
        return holds("closed", proof, known, wrapped, recipient_id)

    def challenge(self, recipient_id: str) -> bytes:
        """What only the private key of a recipient, in force or retired, can answer."""
        return challenge_to(self._known(recipient_id), self._secret(recipient_id))

    def prove(
        self, recipient_id: str, proofs: Mapping[str, bytes], known: Mapping[str, Mapping[str, str]]
    ) -> tuple[dict[str, bytes], list[str]]:
        """The wraps (recording id -> wrap) that these proofs (recording id -> proof) show to open for the recipient,
        and the ids of the other recordings. ``known``: the commitments of each recording. Nothing is kept."""
        good, bad, secret = {}, [], self._secret(recipient_id)
        for recording_id, proof in proofs.items():
            wrapped = dict(self._keys.wraps(recording_id)).get(recipient_id, b"")
            if holds("opened", proof, known.get(recording_id, {}), wrapped, recipient_id, secret):
                good[recording_id] = wrapped
            else:
                bad.append(recording_id)
        return good, bad

    def _known(self, recipient_id: str) -> Recipient:
        for each in [*load_recipients(self._folder), *load_retired(self._folder)]:
            if each.id == recipient_id:
                return each
        raise NoSuchRecipient(f"there is no recipient {recipient_id}", hint="See: dialgate key list")

    def _secret(self, recipient_id: str) -> bytes:
        return hmac.digest(_CHALLENGES, recipient_id.encode(), "sha256")


def sealable(folder: Path, *, two_person: bool, admitted: Admitted = tuple) -> list[Recipient]:
    """Those that recordings can be sealed to, of those ``admitted``. Raises ``ConfigError`` where a recording could not
    be sealed."""
    recipients = list(admitted(tuple(each for each in load_recipients(folder) if each.seals)))
    if not recipients:
        raise ConfigError(
            "calls are to be recorded, but there is no key to seal recordings to",
            hint="make one: dialgate key new, then dialgate key add; or set recording.enabled = false",
        )
    if two_person:
        try:
            halves_filled(recipients)
        except VaultError as error:
            raise ConfigError(f"recording.two_person is set: {error}", hint=error.hint) from error
    return recipients


def warnings(recipients: Sequence[Recipient], *, two_person: bool) -> list[str]:
    """A sentence for each key whose loss alone would lose every new recording."""
    sealed = [each for each in recipients if each.seals]
    groups = [[each for each in sealed if each.half == half] for half in HALVES] if two_person else [sealed]
    what = "a share of every recording" if two_person else "recordings"
    return [
        f"{what} can be opened with the key of {group[0].name} ({group[0].id}) alone: "
        "if that key is lost, the recordings are lost (dialgate key add)"
        for group in groups
        if len(group) == 1
    ]


def _sealable(recipients: Sequence[Recipient]) -> bool:
    try:
        halves_filled(recipients)
    except (NoRecipients, OtherHalf):
        return False
    return True
