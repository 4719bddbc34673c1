"""Proof that somebody was told: a reference, or a file of which name and SHA-256 are kept; nothing personal in it. And
whether a text, or another name, is about who asks."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from gate.errors import UsageError
from gate.types import Row

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TITLES: Final = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr"})
_KINDS: Final = frozenset({"bill", "card", "in", "letter", "licence", "passport", "person", "seen", "signed"})
"""Words that say the kind of a proof, whatever somebody is called."""
_HINT: Final = "Give one of --reference (the authority's, a consignment, a message id) and --file."


@dataclass(frozen=True, slots=True)
class Proof:
    """As it was given."""

    evidence: str = ""
    """A reference, or the name of a file."""
    sha256: str = ""
    """Of the file."""


def checked_proof(proof: Proof, row: Row) -> Row:
    """A proof as it goes into the fact of a request, ``row``. Raises ``UsageError`` where it is none, or where it says
    who asks: the fact stays when the request forgets them."""
    evidence = " ".join(proof.evidence.split())
    if not evidence:
        raise UsageError("that the authority was told needs a proof: a reference, or a file", hint=_HINT)
    if proof.sha256 and not _DIGEST.fullmatch(proof.sha256):
        raise UsageError(f"{proof.sha256!r} is no SHA-256", hint="64 digits, 0 to 9 and a to f")
    if not proof.sha256 and not any(sign.isdigit() for sign in evidence):
        raise UsageError(f"{evidence!r} is a word and no reference: there is no number in it", hint=_HINT)
    digits = re.sub(r"[^0-9]", "", evidence)
    if not nameless(evidence, row["name"] or "") or any(each[-9:] in digits for each in row["numbers"] or ()):
        raise UsageError(
            "the proof is kept, also when the person is forgotten: their name or number is in it",
            hint="Give another reference, or name the file otherwise.",
        )
    kept = {"evidence": evidence, "evidence_kind": "file" if proof.sha256 else "reference"}
    return kept | ({"evidence_sha256": proof.sha256} if proof.sha256 else {})


def nameless(text: str, name: str) -> bool:
    """Whether a text, which stays when the request forgets who asked, does not name them."""
    return not (_words(name) & _words(text)) - _TITLES - _KINDS


def same_name(one: str, other: str) -> bool:
    """Whether two names may be one person's: all words of the shorter stand in the longer. True where one has none."""
    words = sorted((_words(one) - _TITLES, _words(other) - _TITLES), key=len)
    return words[0] <= words[1]


def _words(text: str) -> set[str]:
    """Its words, without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    return set(re.findall(r"[^\W\d_]{2,}", letters))
