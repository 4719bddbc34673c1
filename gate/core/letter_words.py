"""What a letter about a data-subject request is, and what it has to say; how it is worded is the templates' affair."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gate.core.request_words import Asks, Ground


class LetterKind(StrEnum):
    """The letters that a request can need (LAW section 4)."""

    ACKNOWLEDGEMENT = "acknowledgement"
    WRITING = "writing"
    """An erasure was asked for by phone: please also in writing (LAW 4.5)."""
    IDENTITY = "identity"
    CLARIFICATION = "clarification"
    EXTENSION = "extension"
    RESPONSE = "response"
    """What was found, with the pack; or that nothing is held (LAW 4.4)."""
    CONFIRMATION = "confirmation"
    """An erasure, objection or restriction was carried out."""
    REFUSAL = "refusal"
    AUTHORITY = "authority"
    """The notification of a refusal to the supervisory authority, with its reasons."""


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """All that a letter may speak of. Dates are days in London; texts come from people and are not trusted."""

    kind: LetterKind
    reference: str
    """The request's id as people see it."""
    asks: Asks
    received: date
    today: date
    due: date | None = None
    """The firm's last day for the answer; None while identity is asked for."""
    ico_due: date | None = None
    name: str = ""
    """Who asks."""
    contact: str = ""
    """E-mail or postal address of who asks; lines separated by newlines."""
    ground: Ground | None = None
    reasons: str = ""
    """Free text: the reasons of a refusal or an extension, the question of a clarification."""
    found_calls: int = 0
    found_recordings: int = 0
    erased_recordings: int = 0
    backups_until: date | None = None
    """Until when backups may hold ciphertext that nobody can read (LAW 5.5)."""
    held_back: str = ""
    """What could not be erased or shown, and why."""
