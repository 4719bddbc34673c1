"""``dialgate report --papers``: drafts from the configuration, which say what a person must still fill in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gate.vault.signing import CheckpointKey
from tests.support.commands import dialgate
from tests.support.settings import VALID, write

MARK = re.compile(r"\[TO FILL IN: (.+)\]")
DRAFTS = ("impact-assessment.md", "legitimate-interests.md", "privacy-notice.md")


def drafts(folder: Path, more: str = "") -> dict[str, str]:
    config = write(folder, VALID + more)
    (folder / "data").mkdir()
    CheckpointKey.create(folder / "data" / "gate.key", "papers.example")
    done = dialgate("report", "--papers", str(folder / "drafts"), "--json", "-c", str(config))
    assert done.code == 0, done.err
    assert sorted(done.json["files"]) == sorted([*DRAFTS, "record-of-processing.html"])
    return {name: (folder / "drafts" / name).read_text(encoding="utf-8") for name in DRAFTS}


def test_each_draft_lists_what_a_person_must_still_fill_in(tmp_path: Path) -> None:
    for name, text in drafts(tmp_path).items():
        body, _, left = text.partition("## What a person must still do")
        marks = MARK.findall(body)
        assert marks and [f"- {each}" for each in marks] == left.strip().splitlines()[:-1], name
        assert "DRAFT" in text and "Webeo Example Ltd" in text and "no legal advice" in text
        assert "None" not in text and "[]" not in text
    assert "<html" in (tmp_path / "drafts" / "record-of-processing.html").read_text()


def test_what_the_configuration_knows_is_written_and_not_asked(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    made = drafts(tmp_path / "bare")
    assert "[TO FILL IN: Data protection officer]" in made["privacy-notice.md"]
    assert "no second place (storage.memory)" in made["impact-assessment.md"]
    (tmp_path / "full").mkdir()
    more = '[privacy]\ndpo = "D. Officer, dpo@firm.invalid"\n[recording]\nenabled = false\n'
    more += '[authority]\ncommencement = "2020-01-01"\n'
    made = drafts(tmp_path / "full", more)
    notice = made["privacy-notice.md"]
    assert "Data protection officer: D. Officer, dpo@firm.invalid" in notice
    assert "TO FILL IN: Data protection officer" not in notice
    assert "complain to the Information Commission at any time" in notice and "0303 123 1113" in notice
    assert "listens to a recording" not in made["impact-assessment.md"], "nothing is recorded"
    assert "Recording of calls" not in made["legitimate-interests.md"]


def test_a_paper_that_exists_is_not_replaced(tmp_path: Path) -> None:
    config = write(tmp_path, VALID)
    (tmp_path / "data").mkdir()
    CheckpointKey.create(tmp_path / "data" / "gate.key", "papers.example")
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "privacy-notice.md").write_text("ours")
    done = dialgate("report", "--papers", str(tmp_path / "drafts"), "-c", str(config))
    assert done.code == 2 and "privacy-notice.md" in done.err
    assert [path.name for path in (tmp_path / "drafts").iterdir()] == ["privacy-notice.md"]
    assert (tmp_path / "drafts" / "privacy-notice.md").read_text() == "ours"


@pytest.mark.parametrize("other", [("--month", "2026-11"), ("--article-30",), ("-o", "x.html")])
def test_drafts_are_made_by_themselves(tmp_path: Path, other: tuple[str, ...]) -> None:
    done = dialgate("report", "--papers", str(tmp_path / "drafts"), *other, "-c", str(write(tmp_path, VALID)))
    assert done.code == 2 and "drafts are made by themselves" in done.err
