"""Letters to look at: every kind with each sort of request that it can answer, about a person who does not exist.

``faults`` renders them all with a firm's wording, so that a mistake is found when it is made and not when a letter is
due.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from gate.core.facts import Body
from gate.core.facts import requests as kinds
from gate.core.facts.lists import Consent, ConsentWithdrawn, Objection
from gate.core.facts.recordings import CopyMade
from gate.core.facts.retention import Hold
from gate.core.letters import Held, Leaf, LetterFacts, LetterFirm
from gate.core.request_words import Asks, Ground, LetterKind
from gate.exports.letters import LetterError, render, wording_faults

NOW: Final = datetime(2026, 3, 20, 10, 0, tzinfo=UTC)
_REASONS: Final = "The call of 3 March is evidence in a claim.\n\nWe keep it until that is settled."
_PART: Final = {
    "partly": True,
    "ground": Ground.LEGAL_CLAIMS,
    "holds": (Held("claim", "case 7/2026"),),
    "held_calls": 1,
    "held_recordings": 1,
    "stopped": date(2026, 3, 10),
}
_K, _A = LetterKind, Asks
_SAMPLES: Final[tuple[tuple[LetterKind, Asks, dict[str, Any]], ...]] = (
    (_K.ACKNOWLEDGEMENT, _A.ACCESS, {}),
    (_K.ACKNOWLEDGEMENT, _A.ERASURE, {"due": None, "ico_due": None, "asked_identity": date(2026, 3, 5)}),
    (_K.ACKNOWLEDGEMENT, _A.OBJECTION, {"stopped": date(2026, 3, 3)}),
    (_K.ACKNOWLEDGEMENT, _A.RESTRICTION, {"name": "", "numbers": (), "missing": ("number", "date and time")}),
    (_K.ACKNOWLEDGEMENT, _A.RECTIFICATION, {"missing": ("date and time",)}),
    (_K.ACKNOWLEDGEMENT, _A.COMPLAINT, {}),
    (_K.WRITING, _A.ERASURE, {"contact": "1 Example Street\nPortsmouth\nPO1 1AA"}),
    (_K.IDENTITY, _A.ACCESS, {"due": None, "ico_due": None, "asked_identity": date(2026, 3, 5)}),
    (_K.IDENTITY, _A.ERASURE, {"due": None, "ico_due": None, "reasons": "A call on the number that it is about."}),
    (_K.IDENTITY, _A.RESTRICTION, {"reasons": "A call on the number that it is about."}),
    (_K.CLARIFICATION, _A.ACCESS, {"paused": date(2026, 3, 20), "reasons": "Which of your two numbers do you mean?"}),
    (_K.CLARIFICATION, _A.ERASURE, {"reasons": "Which of your two numbers do you mean?"}),
    (_K.CLARIFICATION, _A.COMPLAINT, {"reasons": "Which of our calls do you mean?", "due": date(2026, 3, 19)}),
    (_K.EXTENSION, _A.ACCESS, {"reasons": "There are 400 recordings.", "due": date(2026, 6, 3), "ico_due": None}),
    (_K.EXTENSION, _A.COMPLAINT, {"reasons": "We wait for what the carrier says.", "due": date(2026, 6, 3)}),
    (
        _K.RESPONSE,
        _A.ACCESS,
        {
            "found_calls": 12,
            "found_for_others": 2,
            "instigators": ("Acme Windows Ltd",),
            "found_recordings": 3,
            "pack": "R-2026-0017.html",
            "erased_recordings": 2,
            "held_back": "We left out 1 recording. Showing it would harm somebody else (Article 15(4) of the UK GDPR).",
            "found_stopped": 1,
            "found_entries": 2,
            "answer": "Your call of 2 March was to our office, not from it.",
            "searched": date(2026, 3, 12),
            "narrowed": True,
            "outside": 3,
            "proof": "R-2026-0017-proof.html",
            "log_key": "webeo-log+01234567+AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGh",
        },
    ),
    (_K.RESPONSE, _A.ACCESS, {"nothing": True, "searched": date(2026, 3, 12)}),
    (_K.PROGRESS, _A.COMPLAINT, {"reasons": "We have listened to both calls, and asked the agent what happened."}),
    (_K.RESPONSE, _A.COMPLAINT, {"answer": "We called you by mistake. We are sorry.", "stopped": date(2026, 3, 20)}),
    (
        _K.WITHDRAWAL,
        _A.OBJECTION,
        {
            "due": None,
            "ico_due": None,
            "given_on": date(2025, 11, 3),
            "told_on": date(2026, 3, 3),
            "stopped_on": date(2026, 3, 5),
        },
    ),
    (
        _K.CONFIRMATION,
        _A.ERASURE,
        {
            "erased_recordings": 2,
            "backups_until": date(2026, 4, 19),
            "stopped": date(2026, 3, 10),
        },
    ),
    (
        _K.CONFIRMATION,
        _A.ERASURE,
        {
            "erased_recordings": 2,
            "backups_until": date(2026, 4, 19),
            "recipients": ("A. Uditor (yearly audit): a bundle of evidence with recordings, on Thursday 5 March 2026",),
            "copies": ("a recording, opened on Thursday 5 March 2026: we will destroy it by Saturday 4 April 2026",),
        }
        | _PART,
    ),
    (_K.CONFIRMATION, _A.OBJECTION, {"numbers": ("020 7946 0123", "07700 900123"), "stopped": date(2026, 3, 3)}),
    (
        _K.CONFIRMATION,
        _A.RESTRICTION,
        {
            "recipients": ("A. Uditor (yearly audit): a bundle of evidence with recordings, on Thursday 5 March 2026",),
        },
    ),
    (
        _K.CONFIRMATION,
        _A.RECTIFICATION,
        {
            "statements": ("The name is Ann Example, not Anne Exemplar.",),
            "beside": ("call", "consent"),
            "recipients": (
                "A. Uditor (yearly audit): a bundle of evidence with records of calls, on Thursday 5 March 2026",
            ),
        },
    ),
    (_K.REFUSAL, _A.RECTIFICATION, {"ground": Ground.ACCURATE, "reasons": "The call was on 3 March, as the log says."}),
    (_K.REFUSAL, _A.ERASURE, {"ground": Ground.LEGAL_CLAIMS, "reasons": _REASONS}),
    (
        _K.REFUSAL,
        _A.ACCESS,
        {"ground": Ground.RIGHTS_OF_OTHERS, "reasons": "You ask for the recording of your neighbour."},
    ),
    (
        _K.REFUSAL,
        _A.COMPLAINT,
        {"ground": Ground.MANIFESTLY_UNFOUNDED, "reasons": "It repeats that of 2 February.", "resumed": True},
    ),
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
                "recording 5f0c2a71, in the bundle of evidence 7d31e09b, on Thursday 5 March 2026",
                "recording 91bb04de, on Friday 6 March 2026",
            ),
        },
    ),
    (
        _K.RECIPIENT,
        _A.RESTRICTION,
        {
            "contact": "1 Audit Street\nLeeds",
            "recipient": "A. Uditor",
            "given": ("recording 5f0c2a71, in the bundle of evidence 7d31e09b, on Thursday 5 March 2026",),
        },
    ),
    (
        _K.RECIPIENT,
        _A.RECTIFICATION,
        {
            "contact": "auditor@example.invalid",
            "recipient": "A. Uditor",
            "given": ("records of call 6f2c9e01, in the bundle of evidence 7d31e09b, on Thursday 5 March 2026",),
            "statements": ("The name is Ann Example, not Anne Exemplar.",),
        },
    ),
)


_KINDS: Final[tuple[type[Body], ...]] = (
    *(kinds.Opened, kinds.AskedBy, kinds.IdentityAsked, kinds.ClarificationAsked, kinds.Extended, kinds.Searched),
    *(kinds.Granted, kinds.Refused, kinds.Carrying, kinds.Carried, kinds.Rectified, kinds.PackMade, kinds.LetterMade),
    *(Objection, Hold, CopyMade, Consent, ConsentWithdrawn),
)
_STEPS: Final = ("proof", "question", "extension", "progress", "reasons", "remark", "left_out", "statement")
LEAVES: Final = {
    **{kind.kind: (Leaf(index, kind.kind, NOW.isoformat()),) for index, kind in enumerate(_KINDS, 1000)},
    **{
        f"{kinds.SaidAt.kind}:{step}": (Leaf(index, kinds.SaidAt.kind, NOW.isoformat()),)
        for index, step in enumerate(_STEPS, 2000)
    },
}
"""A log that has everything."""


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
            "leaves": LEAVES,
            "went": asks is _A.ERASURE,
        } | changes
        facts.append(LetterFacts(kind, "R-2026-0017", asks, date(2026, 3, 3), NOW.date(), **values))
    return facts


def faults(firm: LetterFirm, templates: Path | None) -> list[str]:
    """What is wrong with a firm's wording, each fault once: ``FILE: sentence: what``."""
    found = wording_faults(templates)
    for facts in samples():
        try:
            render(facts, firm, templates, now=NOW)
        except LetterError as error:
            if error.message not in found:
                found.append(error.message)
    return found
