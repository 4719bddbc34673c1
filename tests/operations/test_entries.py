"""One line of an own list: what is read, and what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gate.operations.lists.entries import read_row

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CONSENT = {
    "number": "01632 960202",
    "given_at": "2026-03-01T10:00:00Z",
    "how": "web form",
    "wording": "Yes",
    "who": "Gareth",
    "evidence": "form 1",
}


def test_a_whole_line_is_read() -> None:
    entry, faults = read_row("consents", CONSENT, NOW)
    assert faults == []
    assert entry.given_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert entry.withdrawn_at is None


@pytest.mark.parametrize("column", ["given_at", "how", "wording", "who", "evidence"])
def test_a_consent_in_bulk_has_its_own_date_and_evidence(column: str) -> None:
    assert read_row("consents", CONSENT | {column: " "}, NOW)[1] == [f"{column} is empty"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2025-07-01T10:00", datetime(2025, 7, 1, 9, tzinfo=UTC)),
        ("2025-07-01T10:00:00+02:00", datetime(2025, 7, 1, 8, tzinfo=UTC)),
        ("2025-07-01", datetime(2025, 7, 1, 22, 59, 59, 999999, tzinfo=UTC)),
        ("2026-03-02", NOW),
        ("01/07/2025", datetime(2025, 7, 1, 22, 59, 59, 999999, tzinfo=UTC)),
        ("1/7/2025 10:00", datetime(2025, 7, 1, 9, tzinfo=UTC)),
        ("01/07/2025 10:00:30", datetime(2025, 7, 1, 9, 0, 30, tzinfo=UTC)),
        ("02/03/2026", NOW),
    ],
)
def test_times_are_londons_and_a_day_is_its_end_for_an_objection(text: str, at: datetime) -> None:
    entry, faults = read_row("objections", {"number": "07700900123", "made_at": text}, NOW)
    assert (entry.made_at, entry.source, faults) == (at, "import", [])


def test_a_consent_of_a_day_counts_from_its_beginning() -> None:
    entry, _ = read_row("consents", CONSENT | {"given_at": "2025-07-01"}, NOW)
    assert entry.given_at == datetime(2025, 6, 30, 23, tzinfo=UTC)


def test_every_fault_of_a_line_is_named() -> None:
    row = CONSENT | {"number": "12", "who": "", "given_at": "2027-01-01", "how": "x" * 201}
    faults = read_row("consents", row, NOW)[1]
    assert len(faults) == 4
    assert {"who is empty", "how is longer than 200 characters", "given_at is in the future"} < set(faults)


def test_what_is_no_time_is_quoted_and_a_withdrawal_follows_its_consent() -> None:
    assert '"yesterday" is not a time' in read_row("objections", {"number": "1", "made_at": "yesterday"}, NOW)[1][0]
    early = CONSENT | {"withdrawn_at": "2026-02-01"}
    assert read_row("consents", early, NOW)[1] == ["withdrawn_at is before given_at"]
