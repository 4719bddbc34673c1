"""Proofs that wraps open: who can make them, and what they hold for."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from gate.errors import OtherHalf, WrapDamaged
from gate.vault.sealer import Seal
from gate.vault.wrap import (
    PROOF_BYTES,
    WRAP_BYTES,
    answer,
    challenge_to,
    commitments,
    data_key,
    holds,
    opened,
    rewrapped,
)
from tests.support.vault import private_key

ADA, BOB, EVE = private_key(), private_key("Bob (auditor)", "auditor"), private_key("Eve (escrow)", "escrow")
SECRET = secrets.token_bytes(32)


def seal(*recipients: Any, **how: Any) -> tuple[Seal, dict[str, str]]:
    made = Seal("rec-1", {}, recipients, **how)
    return made, {"recording_id": "rec-1", "key_id": made.key_id}


def test_a_new_wrap_is_proven_by_whoever_opened_the_old_one_alone() -> None:
    made, ids = seal(ADA.recipient)
    new, proof = rewrapped(ADA, dict(made.wraps)[ADA.id], BOB.recipient, **ids)
    known = made.commitments
    assert data_key([(BOB.id, new)], [BOB], **ids) == data_key(made.wraps, [ADA], **ids)
    assert len(proof) == PROOF_BYTES
    assert holds("closed", proof, known, new, BOB.id)
    garbage = b"\1" + secrets.token_bytes(WRAP_BYTES - 1)
    other, other_ids = seal(ADA.recipient)
    foreign, of_foreign = rewrapped(ADA, dict(other.wraps)[ADA.id], BOB.recipient, **other_ids)
    for what, given, text, wrap, who, to in (
        ("no proof", b"", "closed", new, BOB.id, known),
        ("a proof of nothing", secrets.token_bytes(PROOF_BYTES), "closed", new, BOB.id, known),
        ("for random bytes", proof, "closed", garbage, BOB.id, known),
        ("for somebody else", proof, "closed", new, EVE.id, known),
        ("another statement", proof, "opened", new, BOB.id, known),
        ("another recording", of_foreign, "closed", foreign, BOB.id, known),
        ("passed off as a share", proof, "closed", b"\2" + new[1:], BOB.id, known),
        ("no commitment", proof, "closed", new, BOB.id, {}),
        ("a damaged commitment", proof, "closed", new, BOB.id, {"whole": "zz"}),
        ("no wrap at all", proof, "closed", b"", BOB.id, known),
    ):
        assert not holds(text, given, to, wrap, who), what


def test_only_the_recipients_own_key_shows_that_its_wrap_opens() -> None:
    made, ids = seal(ADA.recipient, BOB.recipient)
    wraps = dict(made.wraps)
    told = answer(BOB, challenge_to(BOB.recipient, SECRET))
    assert told == SECRET
    proof = opened(BOB, wraps[BOB.id], told, **ids)
    assert holds("opened", proof, made.commitments, wraps[BOB.id], BOB.id, SECRET)
    # Ada opens the recording too, and so knows all that Bob signs with; she cannot answer for him.
    with pytest.raises(WrapDamaged):
        answer(ADA, challenge_to(BOB.recipient, SECRET))
    for guess in (b"", secrets.token_bytes(32)):
        assert not holds(
            "opened", opened(BOB, wraps[BOB.id], guess, **ids), made.commitments, wraps[BOB.id], BOB.id, SECRET
        )
    with pytest.raises(WrapDamaged):
        opened(BOB, b"\1" + secrets.token_bytes(WRAP_BYTES - 1), told, **ids)


def test_shares_have_commitments_of_their_own() -> None:
    halves = [ADA.recipient.on_terms(half="first"), BOB.recipient.on_terms(half="second")]
    made, ids = seal(*halves, two_person=True)
    assert sorted(made.commitments) == ["first", "second"]
    assert len(set(made.commitments.values())) == 2
    eve = EVE.recipient.on_terms(half="second")
    new, proof = rewrapped(BOB, dict(made.wraps)[BOB.id], eve, **ids)
    assert holds("closed", proof, made.commitments, new, EVE.id)
    with pytest.raises(OtherHalf):
        rewrapped(ADA, dict(made.wraps)[ADA.id], eve, **ids)
    assert not holds("closed", proof, {"first": made.commitments["second"]}, new, EVE.id)


def test_a_commitment_is_of_one_recording() -> None:
    key = secrets.token_bytes(32)
    first = commitments({"": key}, recording_id="a", key_id="bc")
    assert first == commitments({"": key}, recording_id="a", key_id="bc")
    assert first != commitments({"": key}, recording_id="ab", key_id="c")
    assert key.hex() not in str(first)
