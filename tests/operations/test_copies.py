"""The ledger of copies in clear: who made them, why, until when; what an erasure and its letter tell of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Done, dialgate
from tests.support.disks import small_disk
from tests.support.firm_year import Year

NUMBER = "+447700900417"
TYPED = "07700 900417"
NOBODY = "we gave it to nobody else"


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
    claimed = ("--how", "shred -u, ticket 4711", "--on", "2027-11-20")
    assert "nothing proves it" in run("copies", "destroyed", key, *claimed, code=2).err
    run("copies", "destroyed", key, *claimed, "--file", str(proof))
    assert ledger() == []
    (gone,) = ledger("--destroyed")
    assert (gone["destroyed_on"], str(gone["destroyed_at"])[:10]) == ("2027-11-20", "2027-11-21"), "both days stand"
    assert gone["how"] == "shred -u, ticket 4711"
    assert "in clear should be" not in run("status", code=1).out
    assert run("copies", "destroyed", key, "--how", "again", code=2).err
    assert run("audit", "verify", "--json").json["ok"]


def kinds(subject: str) -> list[str]:
    """The facts about a subject, oldest first."""
    leaves = run("audit", "leaves", "--text", subject, "--json").json["items"]
    return [str(each["kind"]) for each in reversed(leaves) if each["subject"] == subject]


def takings(recording_id: str) -> int:
    leaves = run("audit", "leaves", "--kind", "exported", "--json").json["items"]
    return sum(each["subject"] == recording_id for each in leaves)


def test_what_cannot_be_written_was_not_taken(year: Year, tmp_path: Path) -> None:
    """No leaf of a WAV, a pack or a list says that it was taken out where its place takes no file."""
    closed = tmp_path / "no" / "folder" / "rec.wav"
    key = ("-k", str(year.key), "--passphrase-file", str(year.words))
    before = run("audit", "status", "--json").json["size"]
    done = run("recording", "export", "rec", *key, "-o", str(closed), "--purpose", "training", code=2)
    assert "there is no folder" in done.err
    assert run("audit", "status", "--json").json["size"] == before
    reference = asked(year, "access")
    before = run("audit", "status", "--json").json["size"]
    run("request", "fulfil", reference, *key, "-o", str(closed), "--yes", code=2)
    assert run("audit", "status", "--json").json["size"] == before


def test_a_copy_that_could_not_be_written_whole_is_none(year: Year, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    key = ("-k", str(year.key), "--passphrase-file", str(year.words))
    with small_disk(folder, 16_384):
        wav = folder / "rec.wav"
        done = run("recording", "export", "rec", *key, "-o", str(wav), "--purpose", "training", code=1)
        assert "No space left" in done.err and not list(folder.iterdir())
    assert ledger() == []
    (copy,) = ledger("--destroyed")
    assert "not written" in str(copy["how"]) and "No space left" in str(copy["how"])
    assert kinds(str(copy["id"])) == ["copy_made", "copy_failed"]
    assert run("copies", "destroyed", str(copy["id"]), "--how", "x", code=2)


def test_a_copy_that_is_whole_says_so_with_its_digest(year: Year) -> None:
    wav = exported(year)
    (copy,) = ledger()
    assert copy["sha256"] == hashlib.sha256(wav.read_bytes()).hexdigest() and copy["written_at"]
    assert kinds(str(copy["id"])) == ["copy_made", "copy_written"]


def test_one_hearing_is_one_leaf(year: Year) -> None:
    """Who takes a recording again at once, for the same purpose, has taken it once."""
    exported(year)
    (year.folder / "rec.wav").unlink()
    exported(year)
    assert takings("rec") == 1
    assert len(ledger()) == 2, "each file is a copy of its own"
    key = ("-k", str(year.key), "--passphrase-file", str(year.words))
    run("recording", "export", "rec", *key, "-o", str(year.folder / "b.wav"), "--purpose", "complaint 17")
    assert takings("rec") == 2
    year.move("2027-11-02")
    run("recording", "export", "rec", *key, "-o", str(year.folder / "c.wav"), "--purpose", "complaint 17")
    assert takings("rec") == 3


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
