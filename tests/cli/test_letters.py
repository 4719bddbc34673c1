"""``dialgate letters``: the wording shown, copied and checked."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gate.core.request_words import Ground, LetterKind
from gate.exports import letter_copies, letters
from gate.exports.letter_copies import RECORD, SHIPPED, outdated
from tests.support.commands import dialgate
from tests.support.settings import VALID, write


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write(tmp_path))


@pytest.mark.parametrize("kind", LetterKind)
def test_every_kind_is_shown_under_the_firms_name(kind: LetterKind, config: str) -> None:
    done = dialgate("letters", "show", kind.value, "-c", config)
    assert done.code == 0 and "Webeo Example Ltd" in done.out and "Dear" in done.out
    whole = dialgate("letters", "show", kind.value, "--json", "-c", config).json
    assert whole["text"].strip() == done.out.strip() and whole["subject"] in whole["html"].replace("&#39;", "'")


def test_as_the_answer_to_a_sort_of_request(config: str) -> None:
    done = dialgate("letters", "show", "confirmation", "--asks", "restriction", "--html", "-c", config)
    assert "<!DOCTYPE html>" in done.out and "is locked" in done.out
    done = dialgate("letters", "show", "writing", "--asks", "access", "-c", config)
    assert done.code == 2 and "it answers: erasure" in done.err


def test_copied_edited_and_checked(config: str, tmp_path: Path) -> None:
    folder = tmp_path / "wording"
    done = dialgate("letters", "copy", str(folder), "--json", "-c", config)
    assert set(done.json["copied"]) == {path.name for path in SHIPPED.iterdir()}
    assert done.json["kept"] == []
    write(tmp_path, VALID + '[letters]\ntemplates = "wording"\n')
    assert dialgate("letters", "check", "-c", config).code == 0

    (folder / "refusal.txt").write_text("Subject: No\n\nBecause {{ becuase }}")
    (folder / "refusel.txt").write_text("Subject: No\n\nNo")
    done = dialgate("letters", "check", "-c", config)
    assert done.code == 1 and "2 faults" in done.err
    assert "refusal.txt:3: 'becuase' is undefined" in done.out and "refusel.txt: is no template" in done.out
    done = dialgate("letters", "show", "refusal", "-c", config)
    assert done.code == 1 and "refusal.txt:3" in done.err and "dialgate letters check" in done.err
    assert dialgate("letters", "copy", str(folder), "--json", "-c", config).json["copied"] == []
    assert "becuase" in (folder / "refusal.txt").read_text(), "an edited file is not overwritten"


def test_help_names_every_kind_and_every_ground() -> None:
    for command, values in (
        (("letters", "show"), LetterKind), (("request", "letter"), LetterKind), (("request", "decide"), Ground)
    ):  # fmt: skip
        told = dialgate(*command, "--help").out
        assert {value.value for value in values} <= set(re.findall(r"[a-z_]+", told)), command


def test_a_template_copied_from_wording_that_has_changed_since_is_told(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, newer = tmp_path / "wording", tmp_path / "newer"
    assert dialgate("letters", "copy", str(folder), "-c", config).code == 0
    write(tmp_path, VALID + '[letters]\ntemplates = "wording"\n')
    (folder / "refusal.txt").write_text((folder / "refusal.txt").read_text() + "\nOur own words.\n")
    (folder / "late.txt").unlink()
    assert dialgate("letters", "check", "--json", "-c", config).json["outdated"] == []
    shutil.copytree(SHIPPED, newer)
    for name in ("confirmation.txt", "late.txt", "refusal.txt"):
        (newer / name).write_text((newer / name).read_text() + "\nBackups of our records hold them.\n")
    for module in (letters, letter_copies):
        monkeypatch.setattr(module, "SHIPPED", newer)
    done = dialgate("letters", "check", "-c", config)
    assert done.code == 0 and "confirmation.txt was copied from wording that has changed since" in done.err
    assert "late.txt" not in done.err, "the shipped one is used"
    assert outdated(folder) == ["confirmation.txt", "refusal.txt"]
    assert dialgate("letters", "check", "--compared", "--json", "-c", config).json["outdated"] == []
    assert "Our own words." in (folder / "refusal.txt").read_text()
    (folder / RECORD).unlink()
    assert outdated(folder) == ["confirmation.txt", "refusal.txt"], "as copied by a version that noted nothing"
