"""What people do about a request, and what they fill in for it; when each may be done is in ``requests.possible``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gate.core.request_words import Ground, LetterKind


class Act(StrEnum):
    """The steps of a request, in the order in which they are offered."""

    VERIFY_IDENTITY = "verify_identity"
    ASK_IDENTITY = "ask_identity"
    SEARCH = "search"
    GRANT = "grant"
    REFUSE = "refuse"
    CLARIFY = "clarify"
    """Ask what is meant."""
    CLARIFIED = "clarified"
    """The answer came."""
    EXTEND = "extend"
    MAKE_PACK = "make_pack"
    ERASE = "erase"
    RECTIFY = "rectify"
    """Keep a statement of what is right."""
    TELL_PERSON = "tell_person"
    TELL_AUTHORITY = "tell_authority"
    TELL_RECIPIENT = "tell_recipient"
    """Somebody who was given what is erased."""
    ACKNOWLEDGE = "acknowledge"
    """The acknowledgement of a complaint was sent."""
    LETTER = "letter"
    WITHDRAW = "withdraw"


class FieldKind(StrEnum):
    """How a field is filled in."""

    TEXT = "text"
    DAY = "day"
    IDS = "ids"
    """Ids of records."""
    NUMBERS = "numbers"
    """Telephone numbers in any spelling."""
    SPAN = "span"
    """When a call was: ``since`` and ``until`` of the operation."""
    FLAG = "flag"
    CHOICE = "choice"
    FILE = "file"
    """A file of which name and SHA-256 are kept, in place of the text before it."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form: one of the operation's request."""

    name: str
    kind: FieldKind = FieldKind.TEXT
    needed: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Something that may be done now."""

    act: Act
    fields: tuple[FormField, ...]
    letter: LetterKind | None = None
    """Which, where a letter may be made."""
    suggested: bool = False
    """It brings the request forward; the others may be done besides. Of a letter: it is due."""


HOWS: Final = ("mail", "post", "phone", "in_person", "impossible", "disproportionate")
"""How a recipient was told; the last two: why nobody told them (Art 19)."""
ON: Final = FormField("on", FieldKind.DAY)
"""The day on which it happened, today where it is left empty; an earlier one with its proof."""
CALLS: Final = FormField("calls", FieldKind.FLAG)
"""Whether marketing to the number of a complaint stops or resumes."""
_PROOF: Final = (FormField("evidence"), FormField("evidence_sha256", FieldKind.FILE))
_NUMBERS: Final = FormField("numbers", FieldKind.NUMBERS)

FIELDS: Final[dict[Act, tuple[FormField, ...]]] = {
    Act.VERIFY_IDENTITY: (FormField("checked", needed=True), _NUMBERS, ON),
    Act.ASK_IDENTITY: (FormField("note"), ON),
    Act.SEARCH: (
        _NUMBERS,
        FormField("call", FieldKind.SPAN),
        FormField("everything", FieldKind.FLAG),
        FormField("line_since", FieldKind.DAY),
        FormField("line_until", FieldKind.DAY),
    ),
    Act.GRANT: (FormField("reasons"), CALLS, ON),
    Act.REFUSE: (
        FormField("ground", FieldKind.CHOICE, needed=True, choices=tuple(Ground)),
        FormField("reasons", needed=True),
        CALLS,
        ON,
    ),
    Act.CLARIFY: (FormField("question", needed=True), ON),
    Act.CLARIFIED: (FormField("answer", needed=True), _NUMBERS, ON),
    Act.EXTEND: (FormField("reasons", needed=True), ON),
    Act.MAKE_PACK: (),
    Act.ERASE: (FormField("reason"),),
    Act.RECTIFY: (FormField("statement", needed=True), FormField("records", FieldKind.IDS), ON),
    Act.TELL_PERSON: (ON,),
    Act.TELL_AUTHORITY: (*_PROOF, ON),
    Act.TELL_RECIPIENT: (
        FormField("recipient", FieldKind.CHOICE, needed=True),
        FormField("how", FieldKind.CHOICE, needed=True, choices=HOWS),
        *_PROOF,
        ON,
    ),
    Act.ACKNOWLEDGE: (ON,),
    Act.LETTER: (),
    Act.WITHDRAW: (FormField("reason"), ON),
}
"""What is filled in."""
