from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import HalfMissing, KeyShredded, NoRecipients, NoWrapForKey, OtherHalf, WrapDamaged
from gate.vault import wrap as wrap_module
from gate.vault.publickey import Recipient
from gate.vault.wrap import WRAP_BYTES, Wraps, close_all, data_key, half_of, rewrapped, split, wrap
from tests.support.examples import examples
from tests.support.vault import opened, private_key

ADA, BOB = private_key(), private_key("Bob (auditor)", "auditor")
IDS = {"recording_id": "rec-1", "key_id": "key-1"}
DATA_KEY = secrets.token_bytes(32)
WRAPPED = wrap(DATA_KEY, ADA.recipient, **IDS)


def test_a_key_comes_back_from_its_wrap() -> None:
    assert len(WRAPPED) == WRAP_BYTES == 1169
    assert opened(ADA, WRAPPED, **IDS) == DATA_KEY
    assert wrap(DATA_KEY, ADA.recipient, **IDS) != WRAPPED


def test_another_key_another_recording_another_key_id_do_not_open_it() -> None:
    for private, ids in (
        (BOB, IDS),
        (ADA, IDS | {"recording_id": "rec-2"}),
        (ADA, IDS | {"key_id": "key-2"}),
        (ADA, {"recording_id": "rec-1key-1", "key_id": ""}),
        (ADA, {"recording_id": "", "key_id": "rec-1key-1"}),
    ):
        with pytest.raises(WrapDamaged):
            opened(private, WRAPPED, **ids)


@settings(max_examples=examples(200), deadline=None)
@given(place=st.integers(0, WRAP_BYTES - 1), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(place: int, bit: int) -> None:
    changed = bytearray(WRAPPED)
    changed[place] ^= 1 << bit
    with pytest.raises(WrapDamaged):
        opened(ADA, bytes(changed), **IDS)


@settings(max_examples=examples(50), deadline=None)
@given(st.binary(max_size=WRAP_BYTES + 1))
def test_what_is_no_wrap_is_one_error(data: bytes) -> None:
    with pytest.raises(WrapDamaged):
        opened(ADA, data, **IDS)


def test_a_data_key_of_another_length_is_not_wrapped() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        wrap(bytes(16), ADA.recipient, **IDS)


def test_access_is_given_by_a_new_wrap() -> None:
    for private in (BOB, ADA):
        wrapped, _ = rewrapped(ADA, WRAPPED, private.recipient, **IDS)
        assert opened(private, wrapped, **IDS) == DATA_KEY
    with pytest.raises(WrapDamaged):
        rewrapped(BOB, WRAPPED, BOB.recipient, **IDS)


# --- two people ---------------------------------------------------------------------------------------------------

EVE = private_key("Eve (escrow)", "escrow")
FIRST = [ADA.recipient.on_terms(half="first"), EVE.recipient.on_terms(half="first")]
SECOND = BOB.recipient.on_terms(half="second")


def shares(recipients: list[Recipient]) -> Wraps:
    return close_all(split(DATA_KEY, two_person=True), recipients, **IDS)


SHARES = shares([*FIRST, SECOND])


def test_any_one_of_each_half_opens_it_and_no_number_of_one_half_does() -> None:
    assert {who: half_of(wrapped) for who, wrapped in SHARES} == {ADA.id: "first", EVE.id: "first", BOB.id: "second"}
    for keys in ([ADA, BOB], [BOB, EVE], [EVE, ADA, BOB]):
        assert data_key(SHARES, keys, **IDS) == DATA_KEY
    for keys, others in (([ADA], BOB.id), ([ADA, EVE], BOB.id), ([BOB], ADA.id)):
        with pytest.raises(HalfMissing, match="takes two people") as caught:
            data_key(SHARES, keys, **IDS)
        assert others in caught.value.hint
    with pytest.raises(NoWrapForKey, match="not sealed to"):
        data_key(SHARES, [private_key("Mallory")], **IDS)
    with pytest.raises(HalfMissing):
        opened(ADA, dict(SHARES)[ADA.id], **IDS)


def test_a_share_tells_nothing_of_the_key_and_comes_once() -> None:
    def share(private, wraps):
        return wrap_module.open_wrap(private, dict(wraps)[private.id], **IDS)

    again = shares([*FIRST, SECOND])
    found = {share(private, wraps) for private in (ADA, BOB) for wraps in (SHARES, again)}
    assert len(found) == 4
    assert DATA_KEY not in found
    assert share(ADA, SHARES) == share(EVE, SHARES)


def test_a_share_is_no_whole_key_and_no_other_share() -> None:
    mine = dict(SHARES)
    for code in (b"\1", b"\3"):
        with pytest.raises(WrapDamaged):
            data_key([(ADA.id, code + mine[ADA.id][1:])], [ADA], **IDS)
    with pytest.raises(WrapDamaged):
        half_of(b"\4" + mine[ADA.id][1:])
    with pytest.raises(WrapDamaged):
        data_key([(ADA.id, b"\2" + WRAPPED[1:])], [ADA], **IDS)


def test_a_key_that_was_closed_whole_still_takes_one_person() -> None:
    wraps = close_all({"": DATA_KEY}, [*FIRST, SECOND], **IDS)
    for private in (ADA, BOB, EVE):
        assert data_key(wraps, [private], **IDS) == DATA_KEY
    with pytest.raises(KeyShredded):
        data_key([], [ADA], **IDS)


def test_nobody_is_left_out_unseen() -> None:
    for recipients, error in (
        ([], NoRecipients),
        (FIRST, NoRecipients),
        ([SECOND], NoRecipients),
        ([*FIRST, SECOND, private_key("Mallory").recipient], OtherHalf),
    ):
        with pytest.raises(error):
            shares(recipients)
    with pytest.raises(NoRecipients):
        close_all({"": DATA_KEY}, [], **IDS)


def test_a_share_is_wrapped_anew_within_its_half() -> None:
    new = private_key("Mallory")
    wrapped = dict(SHARES)[ADA.id]
    for half in ("", "second"):
        with pytest.raises(OtherHalf, match="first half"):
            rewrapped(ADA, wrapped, new.recipient.on_terms(half=half), **IDS)
    added, _ = rewrapped(ADA, wrapped, new.recipient.on_terms(half="first"), **IDS)
    assert half_of(added) == "first"
    assert data_key([*SHARES, (new.id, added)], [new, BOB], **IDS) == DATA_KEY
    with pytest.raises(HalfMissing):
        data_key([*SHARES, (new.id, added)], [new, ADA], **IDS)
