"""``dialgate report`` as its user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import dialgate
from tests.support.example import make_example


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report") / "gate"
    make_example(folder)
    return str(folder / "config.toml")


def this_month(config: str) -> str:
    record = dialgate("report", "--article-30", "--json", "-c", config).json
    return str(record["made_at"][:7])


def test_a_month_is_a_page_and_its_figures_the_same_as_json(config: str, tmp_path: Path) -> None:
    month, page = this_month(config), tmp_path / "month.html"
    for number in ("020 7946 0123", "020 7946 0101"):
        assert dialgate("check", number, "-c", config).code in (0, 3)
    done = dialgate("report", "--month", month, "-o", str(page), "-c", config)
    assert (done.code, done.out) == (0, "")
    assert f"Wrote {page}" in done.err
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "There was no attempt." in text  # a check is no attempt
    assert page.stat().st_mode & 0o777 == 0o600
    figures = dialgate("report", "--month", month, "--json", "-c", config).json
    assert (figures["month"], figures["whole"], figures["attempts"]["total"]) == (month, False, 0)
    assert figures["own_lists"]["objections"] > 0


def test_the_record_is_a_page_too_and_may_go_to_standard_output(config: str, tmp_path: Path) -> None:
    done = dialgate("report", "--article-30", "-o", "-", "-c", config)
    assert "Record of processing activities" in done.out
    assert dialgate("report", "--article-30", "-o", str(tmp_path / "r.html"), "--json", "-c", config).json["transfers"]
    assert (tmp_path / "r.html").read_text() != ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--month YYYY-MM or --article-30"),
        (["--month", "2026-01", "--article-30", "-o", "x.html"], "--month YYYY-MM or --article-30"),
        (["--month", "2026-01"], "-o FILE.html"),
        (["--month", "2026-99", "-o", "x.html"], '"2026-99" is not a month'),
        (["--month", "2099-01", "-o", "x.html"], "2099-01 has not begun"),
    ],
)
def test_what_is_asked_wrongly_is_told_and_leaves_no_file(
    arguments: list[str], said: str, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = dialgate("report", *arguments, "-c", config)
    assert done.code == 2
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_no_page_names_anybody(config: str) -> None:
    month = this_month(config)
    figures = dialgate("report", "--month", month, "--json", "-c", config).out
    assert "+44" not in figures
    assert "user:" not in figures
    assert json.loads(figures)["firm"] in dialgate("report", "--month", month, "-o", "-", "-c", config).out
