"""The ledger of copies in clear: who made them, why, until when; what an erasure and its letter tell of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Done, dialgate
from tests.support.firm_year import Year

NUMBER = "+447700900417"
TYPED = "07700 900417"
NOBODY = "shows nobody else to whom we gave it"


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    (tmp_path / "firm").mkdir()
    made = Year(tmp_path / "firm", monkeypatch)
    made.move("2027-11-01")
    with made.opened() as data:
        made.recorded(data, "rec", "2027-11-01 09:00", NUMBER)
        made.recorded(data, "other", "2027-11-01 09:20", "+447700900555")
    yield made


def run(*arguments: str, code: int = 0) -> Done:
    done = dialgate(*arguments)
    assert done.code == code, f"{arguments}\n{done.out}{done.err}"
    return done


def exported(year: Year, name: str = "rec", *more: str) -> Path:
    wav = year.folder / f"{name}.wav"
    key = ("-k", str(year.key), "--passphrase-file", str(year.words))
    run("recording", "export", name, *key, "-o", str(wav), "--purpose", "training", *more)
    return wav


def ledger(*more: str) -> list[dict[str, object]]:
    return list(run("copies", "list", *more, "--json").json["items"])


def asked(year: Year, kind: str = "erasure") -> str:
    """A request of the person, granted."""
    opened = run("request", "open", kind, "--by", "post", "--name", "Pat Person", "--number", TYPED)
    (reference,) = re.findall(r"DSR-\d{4}-\d{4}", opened.out)
    run("request", "verify-identity", reference, "--checked", "answers to two questions")
    run("request", "search", reference)
    run("request", "decide", reference, "--grant")
    return reference


def letter(year: Year, reference: str) -> str:
    done = run("request", "letter", reference, "confirmation")
    return " ".join(done.out.split())


def test_a_wav_stands_in_the_ledger_until_it_is_destroyed_with_its_proof(year: Year, tmp_path: Path) -> None:
    wav = exported(year, "rec", "--until", "2027-11-20")
    (copy,) = ledger()
    assert (copy["what"], copy["place"], copy["why"]) == ("recording", str(wav), "training")
    assert (copy["until"], copy["calls"], copy["destroyed_at"]) == ("2027-11-20", ["call-rec"], None)
    assert str(copy["actor"]).startswith("user:") and str(copy["made_at"]).startswith("2027-11-01")
    assert "in clear should be" not in run("status", code=1).out
    year.move("2027-11-21")
    assert "1 copy in clear should be destroyed, the first by 2027-11-20" in run("status", code=1).out
    proof = tmp_path / "shredded.log"
    proof.write_text("shred: pass 3/3", encoding="utf-8")
    key = str(copy["id"])[:8]
    run("copies", "destroyed", key, "--how", "shred -u, ticket 4711", "--file", str(proof), "--on", "2027-11-20")
    assert ledger() == []
    (gone,) = ledger("--destroyed")
    assert (gone["destroyed_on"], str(gone["destroyed_at"])[:10]) == ("2027-11-20", "2027-11-21"), "both days stand"
    assert gone["how"] == "shred -u, ticket 4711"
    assert "in clear should be" not in run("status", code=1).out
    assert run("copies", "destroyed", key, "--how", "again", code=2).err
    assert run("audit", "verify", "--json").json["ok"]


def test_an_erasure_lists_open_copies_and_its_letter_tells_of_them(year: Year) -> None:
    wav = exported(year)
    exported(year, "other")
    reference = asked(year)
    shown = run("request", "fulfil", reference, "--yes")
    assert f"a copy in clear (recording) at {wav}" in " ".join(shown.err.split())
    assert "other.wav" not in shown.err, "a copy of somebody else's"
    text = letter(year, reference)
    assert NOBODY not in text
    assert "a recording, opened on Monday 1 November 2027: we will destroy it by Wednesday 1 December 2027" in text
    (copy,) = (each for each in ledger() if each["place"] == str(wav))
    run("copies", "destroyed", str(copy["id"]), "--how", "shred -u")
    text = letter(year, reference)
    assert "a recording, opened on" not in text
    assert NOBODY in text


def test_a_pack_and_a_list_are_copies_too(year: Year) -> None:
    run("objection", "add", TYPED, "--source", "letter")
    run("objection", "export", "-o", str(year.folder / "objections.csv"))
    access = asked(year, "access")
    key = ("--key", str(year.key), "--passphrase-file", str(year.words))
    run("request", "fulfil", access, *key, "-o", str(year.folder / "pack.html"))
    run("request", "told", access, "person")
    assert {(each["what"], each["of"]) for each in ledger()} == {("pack", access), ("list", "objections")}
    reference = asked(year)
    run("request", "fulfil", reference, "--yes")
    text = letter(year, reference)
    assert "a list with your number, made on" in text and "the file with our answer to you, made on" in text
    assert NOBODY not in text


def test_what_the_gate_did_not_write_is_entered_by_hand(year: Year) -> None:
    run("copies", "add", "data", "--recording", "rec", "--place", "/srv/transcripts/17.txt", "--why", "a transcript")
    (copy,) = ledger()
    assert (copy["what"], copy["calls"], copy["place"]) == ("data", ["call-rec"], "/srv/transcripts/17.txt")
    for wrong in (
        ("data", "--place", "/srv/x", "--why", "whose?"),
        ("bundle", "--of", "nothing", "--place", "/srv/x", "--why", "the ICO asks"),
        ("list", "--of", "friends", "--place", "/srv/x", "--why", "a list"),
        ("data", "--recording", "none", "--place", "/srv/x", "--why", "a transcript"),
        ("data", "--recording", "rec", "--place", "/srv/x", "--why", "late", "--until", "2027-10-31"),
    ):
        assert run("copies", "add", *wrong, code=2).err, wrong
    assert len(ledger()) == 1


def test_a_locked_recording_that_lies_in_clear_is_told_of(year: Year) -> None:
    exported(year)
    reference = asked(year, "restriction")
    text = letter(year, reference)
    assert NOBODY not in text and "a recording, opened on Monday 1 November 2027" in text


def test_why_a_copy_was_made_goes_with_the_person_whom_it_names(year: Year) -> None:
    run("copies", "add", "data", "--recording", "other", "--place", "/srv/t.txt", "--why", "to compare with Pat Person")
    reference = asked(year)
    run("request", "fulfil", reference, "--yes")
    (copy,) = ledger()
    assert copy["why"] is None and copy["place"] == "/srv/t.txt"
