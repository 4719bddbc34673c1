"""Letters to look at: every kind with each sort of request that it can answer, about a person who does not exist.

``faults`` renders them all from a firm's templates, so that a mistake is found when it is made and not when a letter
is due.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from gate.core.letter_words import LetterFacts, LetterFirm
from gate.core.request_words import Asks, Ground, LetterKind
from gate.exports.letter_copies import SHIPPED
from gate.exports.letters import LAYOUTS, LetterError, render

NOW: Final = datetime(2026, 3, 20, 10, 0, tzinfo=UTC)
_REASONS: Final = "The call of 3 March is evidence in a claim.\n\nWe keep it until that is settled."
_PART: Final = {
    "partly": True,
    "ground": Ground.LEGAL_CLAIMS,
    "held_back": "What stays: our records of 1 call, and 1 recording. It is needed for a legal claim or an inquiry, "
    "and has to be kept until that has ended.",
}
_K, _A = LetterKind, Asks
_SAMPLES: Final[tuple[tuple[LetterKind, Asks, dict[str, Any]], ...]] = (
    (_K.ACKNOWLEDGEMENT, _A.ACCESS, {}),
    (_K.ACKNOWLEDGEMENT, _A.ERASURE, {"due": None, "ico_due": None}),
    (_K.ACKNOWLEDGEMENT, _A.OBJECTION, {}),
    (_K.ACKNOWLEDGEMENT, _A.RESTRICTION, {"name": "", "numbers": (), "missing": ("number", "date and time")}),
    (_K.ACKNOWLEDGEMENT, _A.RECTIFICATION, {"missing": ("date and time",)}),
    (_K.ACKNOWLEDGEMENT, _A.COMPLAINT, {}),
    (_K.WRITING, _A.ERASURE, {"contact": "1 Example Street\nPortsmouth\nPO1 1AA"}),
    (_K.IDENTITY, _A.ACCESS, {"due": None, "ico_due": None}),
    (_K.IDENTITY, _A.ERASURE, {"due": None, "ico_due": None, "reasons": "A call on the number that it is about."}),
    (_K.IDENTITY, _A.RESTRICTION, {"reasons": "A call on the number that it is about."}),
    (_K.CLARIFICATION, _A.ACCESS, {"reasons": "Which of your two numbers do you mean?"}),
    (_K.CLARIFICATION, _A.ERASURE, {"reasons": "Which of your two numbers do you mean?"}),
    (_K.CLARIFICATION, _A.COMPLAINT, {"reasons": "Which of our calls do you mean?", "due": date(2026, 3, 19)}),
    (_K.EXTENSION, _A.ACCESS, {"reasons": "There are 400 recordings.", "due": date(2026, 6, 3), "ico_due": None}),
    (_K.EXTENSION, _A.COMPLAINT, {"reasons": "We wait for what the carrier says.", "due": date(2026, 6, 3)}),
    (
        _K.RESPONSE,
        _A.ACCESS,
        {
            "found_calls": 12,
            "found_recordings": 3,
            "pack": "R-2026-0017.html",
            "erased_recordings": 2,
            "held_back": "A note about another person (Article 15(4) of the UK GDPR).",
            "answer": "Your call of 2 March was to our office, not from it.",
            "searched": date(2026, 3, 12),
            "narrowed": True,
            "outside": 3,
            "proof": "R-2026-0017-proof.html",
            "log_key": "webeo-log+01234567+AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGh",
        },
    ),
    (_K.RESPONSE, _A.ERASURE, {"nothing": True, "searched": date(2026, 3, 12)}),
    (_K.RESPONSE, _A.COMPLAINT, {"answer": "You were called in error. We are sorry."}),
    (_K.CONFIRMATION, _A.ERASURE, {"erased_recordings": 2, "backups_until": date(2026, 4, 19)}),
    (
        _K.CONFIRMATION,
        _A.ERASURE,
        {
            "erased_recordings": 2,
            "backups_until": date(2026, 4, 19),
            "recipients": ("A. Uditor (yearly audit): a bundle of evidence with recordings, on 5 March 2026",),
        }
        | _PART,
    ),
    (_K.CONFIRMATION, _A.OBJECTION, {"numbers": ("020 7946 0123", "07700 900123")}),
    (
        _K.CONFIRMATION,
        _A.RESTRICTION,
        {
            "held_back": "Calls to other numbers.",
            "recipients": ("A. Uditor (yearly audit): a bundle of evidence with recordings, on 5 March 2026",),
        },
    ),
    (
        _K.CONFIRMATION,
        _A.RECTIFICATION,
        {
            "statements": ("The name is Ann Example, not Anne Exemplar.",),
            "beside": ("call 6f2c9e01", "consent 88a1d2c3"),
            "recipients": ("A. Uditor (yearly audit): a bundle of evidence with records of calls, on 5 March 2026",),
        },
    ),
    (_K.REFUSAL, _A.RECTIFICATION, {"ground": Ground.ACCURATE, "reasons": "The call was on 3 March, as the log says."}),
    (_K.REFUSAL, _A.ERASURE, {"ground": Ground.LEGAL_CLAIMS, "reasons": _REASONS}),
    (_K.REFUSAL, _A.ACCESS, {"ground": Ground.RIGHTS_OF_OTHERS, "held_back": "The recording of 3 March 2026."}),
    (_K.REFUSAL, _A.COMPLAINT, {"ground": Ground.MANIFESTLY_UNFOUNDED, "reasons": "It repeats that of 2 February."}),
    (_K.AUTHORITY, _A.ERASURE, {"ground": Ground.LEGAL_CLAIMS, "reasons": _REASONS, "decided": date(2026, 3, 19)}),
    (_K.AUTHORITY, _A.ERASURE, {"decided": date(2026, 3, 19)} | _PART),
    (
        _K.RECIPIENT,
        _A.ERASURE,
        {
            "decided": date(2026, 3, 19),
            "contact": "auditor@example.invalid",
            "recipient": "A. Uditor",
            "given": (
                "recording 5f0c2a71, in the bundle of evidence 7d31e09b, on 5 March 2026",
                "recording 91bb04de, on 6 March 2026",
            ),
        },
    ),
    (
        _K.RECIPIENT,
        _A.RESTRICTION,
        {
            "contact": "1 Audit Street\nLeeds",
            "recipient": "A. Uditor",
            "given": ("recording 5f0c2a71, in the bundle of evidence 7d31e09b, on 5 March 2026",),
        },
    ),
    (
        _K.RECIPIENT,
        _A.RECTIFICATION,
        {
            "contact": "auditor@example.invalid",
            "recipient": "A. Uditor",
            "given": ("records of call 6f2c9e01, in the bundle of evidence 7d31e09b, on 5 March 2026",),
            "statements": ("The name is Ann Example, not Anne Exemplar.",),
        },
    ),
)


def samples() -> list[LetterFacts]:
    """The facts of every sample, in the order of a request's life."""
    facts = []
    for kind, asks, changes in _SAMPLES:
        values: dict[str, Any] = {
            "due": date(2026, 4, 2),
            "ico_due": date(2026, 4, 7),
            "name": "Ann Example",
            "contact": "ann@example.invalid",
            "numbers": ("020 7946 0123",),
        } | changes
        facts.append(LetterFacts(kind, "R-2026-0017", asks, date(2026, 3, 3), NOW.date(), **values))
    return facts


def faults(firm: LetterFirm, templates: Path | None) -> list[str]:
    """What is wrong with a firm's templates, each fault once: ``FILE:LINE: what``."""
    found = [f"{path}: is no template and is never used; there are {_known()}" for path in _strangers(templates)]
    for facts in samples():
        try:
            render(facts, firm, templates, now=NOW)
        except LetterError as error:
            if error.message not in found:
                found.append(error.message)
    return found


def _strangers(templates: Path | None) -> list[Path]:
    """Files of the folder that no letter uses by name; those that templates include are the firm's own affair."""
    if templates is None or not templates.is_dir():
        return []
    text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in templates.glob("*.txt"))
    known = {path.name for path in SHIPPED.iterdir()}
    return [
        path
        for path in sorted(templates.iterdir())
        if path.suffix in (".txt", ".html") and path.name not in known and path.name not in text
    ]


def _known() -> str:
    return ", ".join([f"{kind.value}.txt" for kind in LetterKind] + ["complain.txt", "late.txt", "proof.txt", *LAYOUTS])
