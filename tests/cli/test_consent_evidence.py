"""What proves no consent is not taken, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.config.write import amend
from tests.support.commands import Done, dialgate
from tests.support.requesting import OTHER, PERSON, prepared

YES = ("--how", "phone", "--wording", "yes, you may call me", "--who", "Pat Person")


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = prepared(tmp_path / "gate", recordings=1)
    monkeypatch.setenv("DIALGATE_CONFIG", str(config))
    return config


def add(number: str, *more: str, wording: str = "yes, you may call me") -> Done:
    words = ("--how", "phone", "--wording", wording, "--who", "Pat Person")
    return dialgate("consent", "add", number, *words, *more)


def kept(number: str) -> int:
    return len(dialgate("consent", "list", "--number", number, "--json").json["items"])


@pytest.mark.parametrize("nothing", ["-", "--", "n/a", "None.", "?"])
def test_a_dash_is_no_evidence(gate: Path, nothing: str) -> None:
    refused = add("07700900777", "--evidence", nothing)
    assert refused.code == 2 and f'evidence: "{nothing}" says nothing' in refused.err
    assert kept("07700900777") == 0


def test_an_empty_file_is_no_evidence(gate: Path, tmp_path: Path) -> None:
    form = tmp_path / "form.pdf"
    form.write_bytes(b"")
    refused = add("07700900777", "--evidence-file", str(form))
    assert refused.code == 2 and "the file is empty, and proves nothing" in refused.err


def test_a_recording_of_another_number_is_no_evidence(gate: Path) -> None:
    refused = add("07700900777", "--evidence-recording", "rec0")
    assert refused.code == 2 and "is of a call with another number" in refused.err
    assert add(PERSON, "--evidence-recording", "rec0").code == 0
    assert add(OTHER, "--evidence-recording", "other").code == 0


@pytest.mark.parametrize(
    ("wording", "names"),
    [
        ("I am happy for Example Energy to call me", "Example Energy"),
        ("Yes, Acme Homes may ring me", "Acme Homes"),
        ("I agree to calls from Bright Solar", "Bright Solar"),
        ("Solar Futures Limited is welcome to telephone", "Solar Futures"),
    ],
)
def test_words_that_name_another_firm_are_not_taken(gate: Path, wording: str, names: str) -> None:
    refused = add("07700900777", "--evidence", "form 8812", wording=wording)
    assert refused.code == 2 and f"these words name {names}, and this firm is Webeo" in refused.err
    assert kept("07700900777") == 0


@pytest.mark.parametrize(
    "wording",
    [
        "I am happy for Webeo to call me",
        "Webeo Example Ltd may call me",
        "You may ring me, calls from Monday to Friday",
        "Yes, I can be called. I do not mind letters either",
    ],
)
def test_words_that_name_this_firm_or_nobody_are_taken(gate: Path, wording: str) -> None:
    done = add("07700900777", "--evidence", "form 8812", wording=wording)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("wording", "topics"),
    [
        ("I do not want you to call me", ("general",)),
        ("You may call me, but not about pensions", ("general", "pensions")),
        ("please don't ring about compensation", ("claims",)),
    ],
)
def test_words_that_deny_it_are_not_taken(gate: Path, wording: str, topics: tuple[str, ...]) -> None:
    amend(gate, {"firm": {"pensions_authorisation": "FRN 123456"}})
    about = [part for topic in topics for part in ("--topic", topic)]
    refused = add("07700900777", "--evidence", "form 8812", *about, wording=wording)
    assert refused.code == 2 and "wording denies it" in refused.err
    assert kept("07700900777") == 0


def test_a_consent_that_leaves_a_topic_out_is_one_to_the_others(gate: Path) -> None:
    done = add("07700900777", "--evidence", "form 8812", wording="You may call me, but not about pensions")
    assert done.code == 0, done.err


def test_the_sample_consents_are_of_the_sample_firm(gate: Path) -> None:
    done = dialgate("consent", "import", str(Path(__file__).parents[2] / "sample_lists" / "consents.csv"))
    assert done.code == 0, done.err
