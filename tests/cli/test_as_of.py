"""``--as-of``: a list as the gate stood at a moment, what proves it, and the moments that are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.commands import dialgate
from tests.support.example import make_example


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_example(tmp_path_factory.mktemp("as-of") / "gate")


def test_a_list_as_of_a_moment_and_what_proves_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALGATE_CONFIG", str(folder / "config.toml"))
    moment = datetime.now(UTC).isoformat()
    hers = ("objection", "list", "--number", "07700 900123", "--json")
    added = dialgate("objection", "add", "07700 900123", "--note", "said so", "--json").json
    assert [row["id"] for row in dialgate(*hers).json["items"]] == [added["id"]]
    then = dialgate(*hers, "--as-of", moment)
    assert then.json["items"] == []
    assert then.err.startswith("As of ")
    assert " leaves of the log, proven by the checkpoint over " in then.err
    assert dialgate("audit", "moment", moment).out.startswith("As of ")


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (
            "25/10/2026 01:30",
            "01:30 comes twice on Sunday 25 October 2026: write 2026-10-25T01:30+01:00 for summer",
        ),
        ("2027-03-28 01:30", "01:30 does not come: the clocks go forward on Sunday 28 March 2027"),
        ("2026-10-25T01:30+01:00", "the log knows nothing of 2026-10-25 01:30:00+01:00"),
        ((datetime.now(UTC) + timedelta(days=9)).isoformat(), "is in the future"),
        ("199x", "is not a time"),
    ],
)
def test_a_moment_that_is_none_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str, said: str) -> None:
    monkeypatch.setenv("DIALGATE_CONFIG", str(folder / "config.toml"))
    for command in (("calls", "list", "--as-of", moment), ("audit", "moment", moment)):
        done = dialgate(*command)
        assert (done.code, said in " ".join(done.err.split())) == (2, True), done.err
