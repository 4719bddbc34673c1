from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.vault.files import from_base64, parse_stamp, stamp, to_base64


@given(st.binary(max_size=80))
def test_bytes_have_one_spelling(data: bytes) -> None:
    text = to_base64(data)
    assert from_base64(text) == data
    for other in (text + "=", text + "\n", " " + text, text.rstrip("=") + "===="):
        with pytest.raises(ValueError, match=r".*"):
            from_base64(other)


def test_stray_bits_are_refused() -> None:
    assert from_base64("AA==") == b"\x00"
    with pytest.raises(ValueError, match="stray"):
        from_base64("AB==")


def test_times_have_one_spelling() -> None:
    noon = datetime(2026, 1, 5, 12, 0, 7, 999, tzinfo=timezone(timedelta(hours=1)))
    assert stamp(noon) == "2026-01-05T11:00:07Z"
    assert parse_stamp("2026-01-05T11:00:07Z") == datetime(2026, 1, 5, 11, 0, 7, tzinfo=UTC)
    for text in ("2026-1-05T11:00:07Z", "2026-01-05T11:00:07", "2026-01-05T11:00:07+00:00", "2026-02-30T11:00:07Z", ""):
        with pytest.raises(ValueError, match=r".*"):
            parse_stamp(text)
