"""The data-subject pack: opened by another program from its format alone, and nothing readable before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from gate.core.pack_words import PackRecording, reason_words, standard_notice
from gate.core.terms import ALLOWING, Reason
from gate.errors import ExportError
from gate.exports import pack
from gate.exports.pack import ALPHABET, build_pack, new_passphrase, normalised
from tests.support.packs import PASSPHRASE, OpenedPack, contents, sound


def test_another_program_opens_it_from_its_format(tmp_path: Path) -> None:
    long = sound("r2", 40.0, "c9")
    assert len(long.audio) > 256 * 1024, "over several pieces"
    seen: list[tuple[int, str]] = []
    report = build_pack(
        contents(), [sound("r1"), long], PASSPHRASE, tmp_path / "pack.html", progress=lambda n, t: seen.append((n, t))
    )
    opened = OpenedPack(tmp_path / "pack.html", PASSPHRASE.upper().replace("-", " "))
    assert opened.header["iterations"] == 1_000_000
    index = opened.index
    assert index["name"] == "Ann Example" and index["numbers"] == ["+442079460123", "+447700900123"]
    assert index["calls"][0]["when"] == "Friday 3 July 2026, 10:00:05", "London's time"
    assert index["calls"][0]["number_words"] == "020 7946 0123"
    assert index["held"][0]["rows"] == [["3 July 2026", "pressed 9 during a call"]]
    assert index["firm"]["authority"]["name"] == "Information Commissioner's Office"
    assert not index["nothing_held"]
    assert opened.audio(0) == sound("r1").audio
    assert opened.audio(1) == long.audio
    assert index["recordings"][1]["sha256"] == hashlib.sha256(long.audio).hexdigest()
    assert index["recordings"][0]["file"] == "call-2026-07-03-100005-r1.flac"
    whole = (tmp_path / "pack.html").read_bytes()
    assert (report.size, report.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert (report.recordings, report.seconds) == (2, 43.0)
    assert seen == [(1, "Call r1"), (2, "Call r2")]
    assert (tmp_path / "pack.html").stat().st_mode & 0o777 == 0o600


def test_another_passphrase_or_a_changed_header_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pack.html"
    build_pack(contents(), [], PASSPHRASE, path)
    with pytest.raises(InvalidTag):
        OpenedPack(path, "k7qm-2x9d-h4fs-0vwe-31rs")
    page = path.read_text().replace('"cipher":"AES-256-GCM"', '"cipher":"aes-256-gcm"')
    path.write_text(page)
    with pytest.raises(InvalidTag):
        OpenedPack(path, PASSPHRASE)


def test_pieces_that_change_places_do_not_open(tmp_path: Path) -> None:
    path = tmp_path / "pack.html"
    build_pack(contents(), [sound("r1"), sound("r2")], PASSPHRASE, path)
    page = path.read_text()
    first, second = re.findall(r'class="piece">([^<]+)<', page)
    path.write_text(page.replace(first, "!").replace(second, first).replace(">!<", f">{second}<"))
    opened = OpenedPack(path, PASSPHRASE)
    with pytest.raises(InvalidTag):
        opened.audio(0)


def test_firm_and_reference_are_all_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "pack.html"
    build_pack(contents(), [sound("r1")], PASSPHRASE, path)
    page = path.read_text()
    visible = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert "Webeo" in visible and "R-2026-0017" in visible
    for secret in ("Ann Example", "7946", "900123", "Webeo Example Ltd", "July", "2026-07", "Refused", "FLAC", "r1"):
        assert secret not in re.sub(r'<script type="application/octet-stream".*?</script>', "", page), secret
    assert not re.search(r"https?://|url\(|@import|src=|<img|<link", visible), "nothing is fetched"


def test_the_file_tells_neither_how_many_recordings_nor_how_many_calls(tmp_path: Path) -> None:
    one = sound("r1", 12.0)
    parts = [sound(f"r{n}", audio=one.audio[:1000]) for n in range(3)]
    long = PackRecording("r", "c1", one.at, 1.0, "Call", one.audio[:1000] * 600)
    build_pack(contents(), parts, PASSPHRASE, tmp_path / "three.html")
    build_pack(contents(calls=contents().calls * 20), [long], PASSPHRASE, tmp_path / "one.html")
    assert (tmp_path / "three.html").stat().st_size == (tmp_path / "one.html").stat().st_size


def test_what_people_wrote_cannot_break_the_page(tmp_path: Path) -> None:
    evil = '</script><script>alert(1)</script>"\u2028 \ud800'
    path = tmp_path / "pack.html"
    build_pack(contents(name=evil, reference=evil, statements=(evil,)), [], PASSPHRASE, path)
    page = path.read_text()
    assert "<script>alert" not in page
    assert OpenedPack(path, PASSPHRASE).index["name"].startswith("</script><script>alert(1)")


def test_every_reason_is_told_to_the_person_as_a_yes_or_a_no() -> None:
    for reason in Reason:
        assert reason_words(reason).startswith("Yes" if reason in ALLOWING else "No"), reason
        assert "call it" not in reason_words(reason), "they are not the salesperson"
    assert reason_words("").startswith("No") and reason_words("no_such_code").startswith("No")


def test_nothing_held_is_said(tmp_path: Path) -> None:
    build_pack(contents(calls=(), held=()), [], PASSPHRASE, tmp_path / "pack.html")
    assert OpenedPack(tmp_path / "pack.html", PASSPHRASE).index["nothing_held"]


def test_a_failure_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking() -> Iterator[PackRecording]:
        yield sound("r1")
        raise ExportError("the key does not open this one")

    with pytest.raises(ExportError, match="does not open"):
        build_pack(contents(), breaking(), PASSPHRASE, tmp_path / "pack.html")
    monkeypatch.setattr(pack, "MAX_AUDIO", 1000)
    with pytest.raises(ExportError, match="more than a browser takes"):
        build_pack(contents(), [sound("r1")], PASSPHRASE, tmp_path / "pack.html")
    with pytest.raises(ExportError, match="cannot write"):
        build_pack(contents(), [], PASSPHRASE, tmp_path / "no" / "pack.html")
    with pytest.raises(ExportError, match="too short"):
        build_pack(contents(), [], "short words!", tmp_path / "pack.html")
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_exists_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pack.html"
    path.write_text("mine")
    with pytest.raises(ExportError, match="exists already"):
        build_pack(contents(), [], PASSPHRASE, path)
    assert path.read_text() == "mine"


def test_recordings_are_taken_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "pack.html"
    written: list[int] = []

    def lazily() -> Iterator[PackRecording]:
        for number in range(3):
            written.append(sum(each.stat().st_size for each in tmp_path.iterdir()))
            yield sound(f"r{number}", audio=bytes(1_000_000))

    build_pack(contents(), lazily(), PASSPHRASE, path)
    assert written[0] < 1_000_000 < written[1] < written[2], "the first was on the disk before the second was opened"


def test_passphrases_are_random_long_and_forgiving() -> None:
    made = {new_passphrase() for _ in range(200)}
    assert len(made) == 200
    letters = "".join(made).replace("-", "")
    assert set(letters) == set(ALPHABET), "every sign comes up"
    assert len(letters) == 200 * 20, "100 bits each"
    assert all(normalised(each) == each.replace("-", "") for each in made)
    assert normalised("K7QM 2x9d–HIJO Lmno") == "k7qm2x9dh1j01mn0"


def test_no_law_obliges_the_firm_to_keep_evidence_of_screening_and_no_pack_says_so() -> None:
    """LAW 7.7: the basis is a legitimate interest, and PECR is what it is kept for."""
    months = dict.fromkeys(
        ("months", "calls_months", "refused_months", "requests_months", "lists_months", "contacts_months"), 12
    )
    said = " ".join(standard_notice(purpose="quality", **months).purposes)
    assert "legitimate interest: to show that we keep to the Privacy and Electronic Communications" in said
    assert "obligation" not in said.split("requests")[0]
