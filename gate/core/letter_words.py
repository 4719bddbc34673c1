"""What a letter about a data-subject request is, and what it has to say; how it is worded is the templates' affair."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gate.core.authority import Authority
from gate.core.request_words import Asks, Ground, LetterKind


@dataclass(frozen=True, slots=True)
class LetterFirm:
    """Who writes, and makes packs: the controller (Art 4(7))."""

    legal_name: str
    trading_name: str
    address: str
    """Postal, one line or several."""
    authority: Authority
    email: str = ""
    """Where answers to the letter go; also its sender unless ``[mail] from`` says otherwise."""
    freephone: str = ""
    signed: str = "Data compliance"
    """Who signs: a person or a desk."""
    dpo: str = ""
    """The data protection officer, and how to reach them."""


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
    entered: date | None = None
    """The day on which the request was entered: from then on an objection holds."""
    extended: bool = False
    """The time was extended to three months."""
    decided: date | None = None
    """The day of the decision; None where there is none yet."""
    name: str = ""
    """Who asks."""
    contact: str = ""
    """E-mail or postal address of who asks; lines separated by newlines."""
    numbers: tuple[str, ...] = ()
    """The lines that the request is about, as they are written for people (``020 7946 0123``)."""
    ground: Ground | None = None
    held_on: tuple[str, ...] = ()
    """Of an erasure in part: the grounds of the holds that keep the rest (``HoldGround``), or ``restriction``."""
    reasons: str = ""
    """Free text: the reasons of a refusal or an extension, the question of a clarification, what would prove the
    identity."""
    answer: str = ""
    """Free text: what a complaint led to, or a remark on a response or confirmation."""
    missing: tuple[str, ...] = ()
    """What the person is asked for, so that their calls can be found: ``number``, ``date and time``."""
    searched: date | None = None
    """The day of the search that an answer is about."""
    narrowed: bool = False
    """It was for some calls of the numbers, not for all that is held."""
    outside: int = 0
    """Calls of the same numbers that were not searched for."""
    nothing: bool = False
    """The search found nothing, and the store holds nothing now."""
    found_calls: int = 0
    found_recordings: int = 0
    pack: str = ""
    """Name of the encrypted file that goes with a response; empty where there is none."""
    erased_recordings: int = 0
    backups_until: date | None = None
    """Until when a backup may hold ciphertext, and a copy of the key store its key (LAW 5.5)."""
    erased_again: bool = True
    """What was erased is erased again where a backup is put back: there is a memory journal (LAW 5.4)."""
    recipients: tuple[str, ...] = ()
    """Who got the data that was erased, a line each (Art 19)."""
    recipient: str = ""
    """Who was given what is erased, where the letter goes to them."""
    given: tuple[str, ...] = ()
    """What they were given and is erased, a line each: ids and days, nothing else."""
    statements: tuple[str, ...] = ()
    """Free texts: what was put right."""
    beside: tuple[str, ...] = ()
    """What they stand beside: ``call 6f2c9e``."""
    proof: str = ""
    """Name of the page of proofs that goes with it."""
    log_key: str = ""
    """The key that signs the log, as the page has it."""
    completed: bool = False
    """What a hold had kept of an erasure went too."""
    partly: bool = False
    """An erasure that a hold stops in part: ``held_back`` says what stays, ``ground`` why."""
    held_back: str = ""
    """What could not be erased or shown, and why."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, ready to be printed, sent or kept."""

    kind: LetterKind
    subject: str
    to: str
    """The e-mail address it goes to; empty where only a postal address is known."""
    text: str
    html: str
    eml: bytes
    """A whole message (RFC 5322, CRLF) with both forms in it."""
