"""``dialgate letters``: the wording shown, copied and checked."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gate.cli.letters import _rest
from gate.core.evidence import leaf_key
from gate.core.letter_words import WORDS
from gate.core.request_words import Ground, LetterKind
from gate.exports import letters
from gate.exports.letters import COPIED, WORDING, outdated
from gate.operations.erasure.plan import _entry
from gate.operations.requests.letters import RestsOn
from tests.support.commands import Done, dialgate
from tests.support.requesting import SPELLED, prepared
from tests.support.settings import VALID, write

Officer = Callable[..., Done]
WHO = ("--name", "Pat Person", "--contact", "pat@example.org", "--number", SPELLED)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "gate"
    prepared(folder)
    return folder


@pytest.fixture
def officer(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Officer:
    folder = shutil.copytree(original, tmp_path / "gate", symlinks=True)
    monkeypatch.setenv("DIALGATE_CONFIG", str(folder / "config.toml"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> Done:
        done = dialgate("request", *arguments)
        assert done.code == code, done.err
        return done

    return run


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
    assert "<!DOCTYPE html>" in done.out and "but we no longer use it" in done.out
    done = dialgate("letters", "show", "writing", "--asks", "access", "-c", config)
    assert done.code == 2 and "it answers: erasure" in done.err


def test_copied_edited_and_checked(config: str, tmp_path: Path) -> None:
    folder = tmp_path / "wording"
    done = dialgate("letters", "copy", str(folder), "--json", "-c", config)
    assert done.json == {"file": str(folder / WORDING), "written": True}
    write(tmp_path, VALID + '[letters]\ntemplates = "wording"\n')
    assert dialgate("letters", "check", "-c", config).code == 0

    (folder / WORDING).write_text('"refused" = "Because {becuase}"\n"refusel" = "No"\n')
    done = dialgate("letters", "check", "-c", config)
    assert done.code == 1 and "{becuase} cannot stand here" in done.out and "refusel: there is no such" in done.out
    done = dialgate("letters", "show", "refusal", "-c", config)
    assert done.code == 1 and "refused: {becuase}" in done.err and "dialgate letters check" in done.err
    assert dialgate("letters", "copy", str(folder), "--json", "-c", config).json["written"] is False
    assert "becuase" in (folder / WORDING).read_text(), "an edited file is not overwritten"


def test_help_names_every_kind_and_every_ground() -> None:
    for command, values in (
        (("letters", "show"), LetterKind), (("request", "letter"), LetterKind), (("request", "decide"), Ground)
    ):  # fmt: skip
        told = dialgate(*command, "--help").out
        assert {value.value for value in values} <= set(re.findall(r"[a-z_]+", told)), command


def test_a_sentence_that_replaces_one_which_has_changed_since_is_told(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "wording"
    assert dialgate("letters", "copy", str(folder), "-c", config).code == 0
    write(tmp_path, VALID + '[letters]\ntemplates = "wording"\n')
    (folder / WORDING).write_text('"refused" = "We say no."\n"free" = "It costs nothing."\n')
    assert dialgate("letters", "check", "--json", "-c", config).json["outdated"] == []
    newer = {**WORDS, "refused": replace(WORDS["refused"], text="We cannot do this."), "late.soon": WORDS["late"]}
    monkeypatch.setattr(letters, "WORDS", newer)
    done = dialgate("letters", "check", "-c", config)
    assert done.code == 0 and "refused replaces a sentence that has changed since" in done.err
    assert "late.soon" not in done.err, "the shipped one is used"
    assert outdated(folder) == ["refused"]
    assert dialgate("letters", "check", "--compared", "--json", "-c", config).json["outdated"] == []
    assert "We say no." in (folder / WORDING).read_text()
    (folder / COPIED).unlink()
    assert outdated(folder) == ["refused", "free"], "as of a version that noted nothing"


@pytest.mark.parametrize("form", ["txt", "html", "eml"])
def test_the_letter_itself_is_explained_by_its_digest(form: str, officer: Officer) -> None:
    reference = officer("open", "objection", "--by", "email", *WHO, "--json").json["reference"]
    officer("letter", reference, "acknowledgement", "-o", f"other.{form}")
    officer("letter", reference, "confirmation", "-o", f"letter.{form}")
    digest = hashlib.sha256(Path(f"letter.{form}").read_bytes()).hexdigest()
    (found,) = dialgate("letters", "explain", digest, "--json").json["letters"]
    assert (found["reference"], found["kind"]) == (reference, "confirmation")
    shown = dialgate("letters", "explain", digest).out
    assert "We stopped marketing calls to {numbers}** on {stopped}." in shown
    assert re.search(r"leaf \d+: objection, \d", shown) and "law: UK GDPR Article 77" in shown


def test_every_sentence_of_a_letter_is_explained_by_leaves_of_the_log(officer: Officer) -> None:
    reference = officer("open", "erasure", "--by", "phone", *WHO, "--json").json["reference"]
    officer("letter", reference, "acknowledgement")
    officer("letter", reference, "writing")
    officer("verify-identity", reference, "--checked", "bill seen")
    officer("search", reference)
    officer("decide", reference, "--grant")
    officer("fulfil", reference, "--yes", "--letters", "out", "--told")
    assert "forgotten who asked" in officer("letter", reference, "confirmation", code=3).err
    explained = dialgate("letters", "explain", reference, "--json").json["letters"]
    assert [each["kind"] for each in explained] == ["acknowledgement", "writing", "confirmation"]
    leaves = {each["index"]: each for each in dialgate("audit", "leaves", "--limit", "500", "--json").json["items"]}
    for each in explained:
        assert len(each["sentences"]) > 10
        for sentence in each["sentences"]:
            assert sentence["rests"], sentence["name"]
            for rest in sentence["rests"]:
                if rest["index"] is None:
                    assert rest["source"]
                    continue
                leaf = leaves[rest["index"]]
                assert (rest["kind"], rest["at"]) == (leaf["kind"], leaf["at"]), sentence["name"]
    carried = {rest["kind"] for each in explained[-1]["sentences"] for rest in each["rests"]}
    assert {"request_carried", "request_carrying", "objection", "request_opened"} <= carried


def test_what_is_no_letter_and_no_request_is_not_explained(officer: Officer) -> None:
    done = dialgate("letters", "explain", "DSR-2020-0001")
    assert done.code == 2 and "there is no request DSR-2020-0001" in done.err
    reference = officer("open", "objection", "--by", "email", *WHO, "--json").json["reference"]
    assert "No letter was made yet" in dialgate("letters", "explain", reference).err


def test_what_a_sentence_rests_on_is_named_with_its_log_where_that_is_another() -> None:
    rests = [RestsOn(leaf_key(log, 17), "objection", "2026-03-02T09:00:00.000000Z", "") for log in (0, 1)]
    assert [_rest(each).partition(":")[0] for each in rests] == ["leaf 17", "leaf 1/17"]
    assert _entry(leaf_key(1, 17), "objection") == "entry 1/17 of the log (objection)"
