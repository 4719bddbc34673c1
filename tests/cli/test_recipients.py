"""Who holds a bundle of evidence with somebody's calls is told of their erasure, recorded or not (Art 19 UK GDPR)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.operations.keys.recipients import KeyAdd
from tests.support.asking import ask
from tests.support.commands import Done, dialgate
from tests.support.requesting import ANN, OTHER, SPELLED, START, opened, prepared, spelled_in
from tests.support.vault import private_key
from tests.support.written import written

WHO = ("--name", "Pat Person", "--contact", "pat@example.org", "--number", SPELLED)
Officer = Callable[..., Done]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four bundles: of refused attempts, of a recorded call, of today's entries, of somebody else."""
    folder = tmp_path_factory.mktemp("recipients") / "gate"
    prepared(folder)
    for name in ("Refused", "Recorded", "Entries", "Stranger"):
        key = private_key(name, "auditor").recipient.to_text()
        with opened(folder) as data:
            ask(data, KeyAdd(text=key, purpose="regulator", exports_only=True), ANN)
    exported(folder, "Refused", START + timedelta(minutes=9), START + timedelta(minutes=11))
    exported(folder, "Recorded", START + timedelta(days=1), START + timedelta(days=1, minutes=1))
    exported(folder, "Entries", datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC))
    exported(folder, "Stranger", START - timedelta(days=9), START - timedelta(minutes=9))
    return folder


def exported(folder: Path, recipient: str, since: datetime, until: datetime) -> None:
    keys, times = folder / "keys", ("--from", since.isoformat(), "--to", until.isoformat())
    own = ("--key", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))
    told = ("--recipient", recipient, "--purpose", "audit", "-o", str(folder.parent / f"{recipient}.bundle"))
    done = dialgate("audit", "export", *times, *told, *own, "-c", str(folder / "config.toml"))
    assert done.code == 0, done.err


@pytest.fixture
def officer(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Officer:
    shutil.copytree(original, tmp_path / "gate")
    monkeypatch.setenv("DIALGATE_CONFIG", str(tmp_path / "gate" / "config.toml"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> Done:
        done = dialgate("request", *arguments)
        assert done.code == code, f"{arguments}: exit code {done.code}\n{done.out}{done.err}"
        return done

    return run


def ids() -> dict[str, str]:
    """Who is on the register, by name."""
    return {each["name"]: each["id"] for each in dialgate("key", "list", "--json").json["recipients"]}


def letter(officer: Officer, reference: str, *kind: str) -> str:
    return " ".join(officer("letter", reference, *kind).out.split())


def granted(officer: Officer, *search: str) -> str:
    reference = str(officer("open", "erasure", "--by", "email", *WHO, "--json").json["reference"])
    officer("verify-identity", reference, "--checked", "bill seen")
    officer("search", reference, *search)
    officer("decide", reference, "--grant")
    return reference


def test_recipients_of_bundles_without_a_recording_are_named_and_told(officer: Officer) -> None:
    consent = dialgate("consent", "list", "--number", SPELLED, "--json").json["items"][0]["id"]
    reference = granted(officer)
    officer("fulfil", reference, "--yes")
    confirmed = letter(officer, reference, "confirmation")
    assert "Recorded (regulator): a bundle of evidence with recordings, on" in confirmed
    assert "Refused (regulator): a bundle of evidence with records of calls, on" in confirmed
    assert "Entries (regulator): a bundle of evidence with other records of you, on" in confirmed
    assert "Stranger" not in confirmed and confirmed.count("Recorded (") == 1
    known = ids()
    untold = officer("show", reference, "--json").json["untold"]
    assert untold == sorted(known[name] for name in ("Refused", "Recorded", "Entries"))

    refused = letter(officer, reference, "recipient", "--recipient", known["Refused"])
    assert "records of call refused, in the bundle of evidence" in refused
    assert "records of call unread, in the bundle of evidence" in refused
    assert "recording" not in refused.split("What we ask")[0].split("What we gave you")[1]
    recorded = letter(officer, reference, "recipient", "--recipient", known["Recorded"])
    assert "recording rec1, in the bundle" in recorded and "records of call call-rec1, in the bundle" in recorded
    assert "call-rec0" not in recorded and "call refused" not in recorded
    entries = letter(officer, reference, "recipient", "--recipient", known["Entries"])
    assert f"consent {consent}, in the bundle of evidence" in entries
    for text in (refused, recorded, entries):
        assert "Pat" not in text and "900123" not in text and "900 123" not in text

    for name in ("Refused", "Recorded", "Entries"):
        officer("told", reference, "recipient", "--recipient", known[name], "--how", "post")
    assert officer("told", reference, "--json").json["untold"] == []
    assert dialgate("audit", "verify", "--json").json["ok"]


def test_of_some_calls_only_their_recipients_are_told(officer: Officer) -> None:
    day = (START + timedelta(days=1)).date().isoformat()
    reference = granted(officer, "--on", day)
    officer("fulfil", reference, "--yes")
    known = ids()
    assert officer("show", reference, "--json").json["untold"] == [known["Recorded"]]


def test_what_a_hold_keeps_is_told_of_when_it_goes(officer: Officer) -> None:
    hold = dialgate(
        "hold",
        "add",
        "--ground",
        "claim",
        "--call",
        "refused",
        "--reason",
        "a claim",
        "--reference",
        "17/2026",
        "--json",
    ).json
    reference = granted(officer)
    officer("fulfil", reference, "--yes")
    known = ids()
    first = letter(officer, reference, "recipient", "--recipient", known["Refused"])
    assert "call unread" in first and "call refused" not in first
    officer("told", reference, "recipient", "--recipient", known["Refused"], "--how", "mail")
    officer("told", reference, "recipient", "--recipient", known["Entries"], "--how", "mail")
    dialgate("hold", "release", hold["id"], "--reason", "settled")
    officer("fulfil", reference, "--yes")
    assert officer("show", reference, "--json").json["untold"] == sorted([known["Refused"], known["Recorded"]])
    rest = letter(officer, reference, "recipient", "--recipient", known["Refused"])
    assert "call refused" in rest and "call unread" in rest
    assert "Entries (regulator)" in letter(officer, reference, "confirmation")


def test_a_restriction_is_told_to_who_holds_a_bundle_with_their_attempts(officer: Officer) -> None:
    reference = str(officer("open", "restriction", "--by", "email", *WHO, "--json").json["reference"])
    officer("decide", reference, "--grant")
    known = ids()
    assert officer("show", reference, "--json").json["untold"] == sorted(
        known[name] for name in ("Refused", "Recorded", "Entries")
    )
    confirmed = letter(officer, reference, "confirmation")
    assert "Refused (regulator): a bundle of evidence with records of calls, on" in confirmed
    assert confirmed.count("Recorded (regulator): a bundle of evidence with recordings, on") == 1
    text = letter(officer, reference, "recipient", "--recipient", known["Refused"])
    assert "records of call refused, in the bundle of evidence" in text and "Please keep this data" in text


def test_a_bundle_that_was_begun_and_never_made_has_told_nobody_anything(officer: Officer, tmp_path: Path) -> None:
    with opened(tmp_path / "gate") as data:
        body = {"from": START.isoformat(), "to": datetime.now(UTC).isoformat(), "recipient": "k-never"}
        written(data, "bundle_exported", "b-never", ANN, body | {"recipient_purpose": "", "purpose": "", "openers": []})
    reference = granted(officer)
    officer("fulfil", reference, "--yes")
    assert "k-never" not in officer("show", reference, "--json").json["untold"]
    assert OTHER not in letter(officer, reference, "confirmation")


# --- rectification -------------------------------------------------------------------------------------------------

RIGHT = "The name is Pat Person, not Pam Parson."


def test_what_is_wrong_is_put_right_beside_the_record_and_its_recipients_are_told(officer: Officer) -> None:
    opening = officer("open", "rectification", "--by", "email", *WHO, "--about", "my name is wrong")
    reference = opening.out.split(":")[0]
    known, consent = ids(), dialgate("consent", "list", "--number", SPELLED, "--json").json["items"][0]["id"]
    assert "correct your personal data" in officer("letter", reference, "acknowledgement").out
    officer("rectify", reference, "--statement", RIGHT, code=3)
    officer("decide", reference, "--grant")
    assert "not done yet" in officer("told", reference, code=3).err
    assert "no confirmation letter" in officer("letter", reference, "confirmation", code=3).err
    assert "of another number" in officer("rectify", reference, "--statement", RIGHT, "--record", "other", code=2).err
    assert "there is no call" in officer("rectify", reference, "--statement", RIGHT, "--record", "x", code=2).err
    assert "say what is right" in officer("rectify", reference, "--statement", " ", code=2).err
    beside = ("--record", "refused", "--record", "rec1", "--record", consent)
    done = officer("rectify", reference, "--statement", RIGHT, *beside)
    assert f"letter {reference} confirmation" in done.err and f"letter {reference} recipient" in done.err
    assert officer("show", reference, "--json").json["untold"] == sorted(
        known[name] for name in ("Refused", "Recorded", "Entries")
    )

    facts = dialgate("calls", "show", "refused", "--json").json["facts"]
    (statement,) = [each["body"] for each in facts if each["kind"] == "rectification"]
    assert (statement["statement"], statement["request"]) == (RIGHT, reference)
    confirmed = letter(officer, reference, "confirmation")
    assert RIGHT in confirmed
    assert "with our record of a call, our recording of a call and our entry of a consent." in confirmed
    assert "call refused" not in confirmed and consent not in confirmed, "ids are the firm's own"
    assert "Refused (regulator): a bundle of evidence with records of calls, on" in confirmed
    told = letter(officer, reference, "recipient", "--recipient", known["Refused"])
    assert RIGHT in told and "records of call refused, in the bundle" in told and "call unread" not in told
    assert "What is right" in told and "erase" not in told
    assert "rectification, done" in officer("fulfil", reference, "--letters", "out", "--told").out
    for name in ("Refused", "Recorded", "Entries"):
        officer("told", reference, "recipient", "--recipient", known[name], "--how", "post")
    assert officer("list", "--json").json["items"] == []
    assert dialgate("audit", "verify", "--json").json["ok"]


def test_a_statement_is_found_and_erased_with_its_record(officer: Officer, tmp_path: Path) -> None:
    reference = str(officer("open", "rectification", "--by", "email", *WHO, "--json").json["reference"])
    officer("decide", reference, "--grant")
    consent = dialgate("consent", "list", "--number", SPELLED, "--json").json["items"][0]["id"]
    officer("rectify", reference, "--statement", RIGHT, "--record", "call-rec0", "--record", consent)
    officer("fulfil", reference, "--told")
    access = str(officer("open", "access", "--by", "email", *WHO, "--json").json["reference"])
    officer("verify-identity", access, "--checked", "bill seen")
    statements = officer("search", access, "--json").json["statements"]
    assert [(each["record"], each["statement"]) for each in statements] == [("call", RIGHT), ("consent", RIGHT)]
    officer("withdraw", access)
    assert spelled_in(tmp_path / "gate" / "data", "Pam Parson") != []
    erasure = granted(officer)
    officer("fulfil", erasure, "--yes")
    officer("told", erasure)
    assert spelled_in(tmp_path / "gate" / "data", "Pam Parson") == []
    assert dialgate("audit", "verify", "--json").json["ok"]


def test_what_is_accurate_is_left_and_the_person_told_why(officer: Officer) -> None:
    reference = str(officer("open", "rectification", "--by", "post", *WHO, "--json").json["reference"])
    contract = officer("decide", reference, "--refuse", "contract", "--reasons", "x", code=3)
    assert "what is wrong is put right, whatever it is needed for" in contract.err
    officer("decide", reference, "--refuse", "accurate", "--reasons", "The call was on 3 March.", "--letters", "out")
    text = " ".join(Path("out", f"{reference}-refusal.txt").read_text().split())
    assert (
        "We have decided not to do what you asked" in text
        and "accurate and complete (Article 16" in text
        and "The call was on 3 March." in text
    )
    assert "(Article 16 of the UK GDPR)" in " ".join(Path("out", f"{reference}-authority.txt").read_text().split())
