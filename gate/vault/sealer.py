"""What the recorder is given: for each recording a fresh key, wrapped to every recipient, and its sealed file.

The wraps are made before the file: a recording that could not be opened is never begun.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gate.errors import VaultError
from gate.vault.layout import KEY_BYTES
from gate.vault.proof import commitments
from gate.vault.publickey import Recipient
from gate.vault.recipients import recipient_source
from gate.vault.wrap import close_all, split
from gate.vault.writer import SealedWriter


class Seal:
    """One recording's key, already wrapped. ``create`` makes the file, once; the key is forgotten with that."""

    def __init__(
        self,
        recording_id: str,
        header: Mapping[str, Any],
        recipients: tuple[Recipient, ...],
        *,
        two_person: bool = False,
    ) -> None:
        # From the system's generator: used for this one file, so that its nonces may simply count (see ``layout``).
        self._data_key: bytes | None = secrets.token_bytes(KEY_BYTES)
        self.key_id = secrets.token_hex(16)
        """Random; names the key, tells nothing about it."""
        ids = {"recording_id": recording_id, "key_id": self.key_id}
        inner = split(self._data_key, two_person=two_person)
        self.wraps: tuple[tuple[str, bytes], ...] = close_all(inner, recipients, **ids)
        """(recipient id, wrap) for every recipient in force."""
        self.commitments: dict[str, str] = commitments(inner, **ids)
        """What proves later that a wrap of this key opens (see ``proof``); no secret."""
        self._header = {**header, **ids, "commitments": self.commitments}

    def create(self, path: Path) -> SealedWriter:
        """The file, ready for chunks; ``path`` must not exist. Raises what ``SealedWriter`` raises.

        A second call raises ``VaultError``: one key, one file.
        """
        data_key, self._data_key = self._data_key, None
        if data_key is None:
            raise VaultError("this key has sealed a file already")
        return SealedWriter(path, self._header, data_key)


SealFactory = Callable[[str, Mapping[str, Any]], Seal]
"""``(recording_id, header) -> Seal``: makes the key and its wraps. ``header`` is JSON without personal data."""


Admitted = Callable[[tuple[Recipient, ...]], tuple[Recipient, ...]]
"""Those of these recipients that the log has: nothing is sealed to anybody else, whatever lies in the register."""


def sealer(recipients_folder: Path, *, two_person: bool = False, admitted: Admitted = tuple) -> SealFactory:
    """``(recording_id, header) -> Seal`` for the recipients in force at that moment; for one thread.

    ``two_person``: it takes one of each half to open what is sealed. ``header`` stands in clear: no personal data.
    Raises ``NoRecipients``, ``OtherHalf``, ``RecipientInvalid``, ``VaultError``: then there is no key, and the rule for
    a recorder that cannot start decides.
    """
    recipients = recipient_source(recipients_folder)

    def seal(recording_id: str, header: Mapping[str, Any]) -> Seal:
        return Seal(recording_id, header, admitted(recipients()), two_person=two_person)

    return seal
