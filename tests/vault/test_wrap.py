from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.vault.errors import WrapDamaged
from gate.vault.wrap import WRAP_BYTES, rewrap, unwrap, wrap
from tests.support.vault import private_key

ADA, BOB = private_key(), private_key("Bob (auditor)", "auditor")
IDS = {"recording_id": "rec-1", "key_id": "key-1"}
DATA_KEY = secrets.token_bytes(32)
WRAPPED = wrap(DATA_KEY, ADA.recipient, **IDS)


def test_a_key_comes_back_from_its_wrap() -> None:
    assert len(WRAPPED) == WRAP_BYTES == 1169
    assert unwrap(ADA, WRAPPED, **IDS) == DATA_KEY
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
            unwrap(private, WRAPPED, **ids)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, WRAP_BYTES - 1), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(place: int, bit: int) -> None:
    changed = bytearray(WRAPPED)
    changed[place] ^= 1 << bit
    with pytest.raises(WrapDamaged):
        unwrap(ADA, bytes(changed), **IDS)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=WRAP_BYTES + 1))
def test_what_is_no_wrap_is_one_error(data: bytes) -> None:
    with pytest.raises(WrapDamaged):
        unwrap(ADA, data, **IDS)


def test_a_data_key_of_another_length_is_not_wrapped() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        wrap(bytes(16), ADA.recipient, **IDS)


def test_access_is_given_by_a_new_wrap() -> None:
    wraps = dict(rewrap(ADA, WRAPPED, [ADA.recipient, BOB.recipient], **IDS))
    assert unwrap(BOB, wraps[BOB.id], **IDS) == DATA_KEY
    assert unwrap(ADA, wraps[ADA.id], **IDS) == DATA_KEY
    with pytest.raises(WrapDamaged):
        rewrap(BOB, WRAPPED, [BOB.recipient], **IDS)
