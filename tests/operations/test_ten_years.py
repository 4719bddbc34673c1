"""Ten years of a firm: of a made-up person who stood in everything, nothing is left that has no term."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.store.projections import number_hash
from tests.support.commands import Done, dialgate
from tests.support.firm_year import Year
from tests.support.requesting import ANN
from tests.support.vault import private_key
from tests.support.written import written

NAME = "Zebediah Quillfeather"
MAIL = "zeb.quill@post.invalid"
LINES = {"07700 900417": "+447700900417", "020 7946 0417": "+442079460417", "01632 960417": "+441632960417"}
MOBILE, HOME, WORK = LINES
STANDING = "+447700900418"
"""Of somebody whose objection stands: that has no term."""


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    (tmp_path / "firm").mkdir()
    (tmp_path / "memory").mkdir()
    made = Year(tmp_path / "firm", monkeypatch)
    with (made.folder / "config.toml").open("a", encoding="utf-8") as file:
        file.write(f'[storage]\nmemory = "{tmp_path / "memory"}"\n')
    (made.config.data / "recordings").mkdir()
    yield made


def run(*arguments: str) -> Done:
    done = dialgate(*arguments)
    assert done.code == 0, f"{arguments}\n{done.out}{done.err}"
    return done


def lived(year: Year, outside: Path) -> None:
    """Everything that the gate can keep of them, and all of it over by the end of the first year."""
    year.move("2027-11-01")
    with year.opened() as data:
        year.recorded(data, "rec", "2027-11-01 09:00", LINES[MOBILE])
        year.refused(data, "refused", "2027-11-01 09:30", LINES[HOME])
        written(data, "proposed", "p-1", ANN, {"op": "hold_release", "arguments": {"reason": f"{NAME} settled"}})
        written(data, "register_imported", "i-1", ANN, {"name": "tps", "count": 1, "accepted": f"{NAME} says so"})
        written(data, "clock_accepted", "log", ANN, {"latest": "2027-11-01", "reason": f"{NAME} saw the clock"})
    run("objection", "add", HOME, "--note", f"{NAME} wrote from {MAIL}")
    run("objection", "remove", HOME, "--reason", f"{NAME} was mistaken")
    run("objection", "add", STANDING, "--source", "letter")
    consent = ("--how", "paper", "--wording", "I agree that Webeo may call me", "--evidence", f"form 17 of {NAME}")
    run("consent", "add", MOBILE, "--who", NAME, *consent)
    run("consent", "withdraw", MOBILE, "--reason", f"{NAME} rang from {HOME}")
    run("consent", "add", WORK, "--who", NAME, *consent)
    crm = outside / "crm.csv"
    crm.write_text(f"id,phone\n{MAIL},{HOME}\n{MAIL}.2,not {NAME}'s phone\n{MAIL}.3,{WORK} x9\n", encoding="utf-8")
    run("contacts", "import", str(crm), "--reference", "id")
    run("contacts", "forget", HOME, "--reason", f"{NAME} asked")
    run("hold", "add", "--number", MOBILE, "--ground", "claim", "--reason", f"claim of {NAME}", "--reference", NAME)
    run("breach", "add", "--nature", "disclosed", "--facts", f"the letter to {NAME} went next door")
    hold = dialgate("hold", "list", "--json").json["items"][0]["id"]
    key = ("-k", str(year.key), "--passphrase-file", str(year.words))
    run("recording", "export", "rec", *key, "-o", str(outside / "a.wav"), "--purpose", f"to train with {NAME}")
    run("hold", "release", hold, "--reason", f"{NAME} settled")
    opened = run("request", "open", "access", "--by", "post", "--name", NAME, "--contact", MAIL, "--number", MOBILE)
    (reference,) = re.findall(r"DSR-\d{4}-\d{4}", opened.out)
    run("request", "withdraw", reference, "--reason", f"{NAME} needs it no more")
    year.move("2027-12-05")
    public = outside / "ico.recipient"
    public.write_text(private_key("I. Nspector", "auditor").recipient.to_text(), encoding="utf-8")
    run("key", "add", str(public), "--purpose", "regulator", "--exports-only")
    bundle = ("--from", "2027-11-01", "--to", "2027-12-01", "--recipient", "I. Nspector", *key)
    run("audit", "export", *bundle, "--purpose", f"because of {NAME}", "-o", str(outside / "bundle"))


def swept(reason: str) -> None:
    digest = dialgate("retention", "sweep", "--dry-run", "--json").json["digest"]
    run("retention", "sweep", "--execute", digest, "--reason", reason)
    run("retention", "terms", "--execute")


def left(folder: Path, *texts: str) -> list[str]:
    """Every place in any file under a folder where one of these texts stands: pages of databases, what was written
    ahead, journals, keys."""
    return [
        f"{path.relative_to(folder)}: …{found[0].decode(errors='replace')}…"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for text in texts
        for found in re.finditer(rb"[\x20-\x7e]{0,40}" + re.escape(text.encode()), path.read_bytes())
    ]


def test_after_ten_years_nothing_is_left_of_a_person_that_has_no_term(year: Year, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    lived(year, outside)
    data = year.config.data
    texts = [*NAME.split(), MAIL, *(line[3:] for line in LINES.values()), *(line[1:] for line in LINES)]
    for text in (*NAME.split(), MAIL, *(line[3:] for line in LINES.values())):
        assert left(data, text), f"{text} was never kept: the test says nothing"
    for n in range(2028, 2038):
        year.move(f"{n}-12-10")
        swept(f"year {n}, {NAME} was here" if n == 2028 else f"year {n}")
    assert left(data, *texts) == []
    assert left(tmp_path / "memory", *texts) == []
    assert left(data, STANDING[3:]), "an objection holds as long as it holds"
    assert run("audit", "verify", "--json").json["ok"]


def test_who_took_a_consent_back_stays_uncallable_when_it_is_forgotten(year: Year, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    lived(year, outside)

    def verdict(number: str) -> tuple[str, str]:
        done = dialgate("check", number, "--json")
        return done.json["verdict"], done.json["reason"]

    assert verdict(MOBILE) == ("block", "consent_withdrawn")
    year.move("2031-12-10")
    swept("four years")
    assert left(year.config.data, LINES[MOBILE][3:]) == []
    assert verdict(MOBILE) == ("block", "objected")
    with year.opened() as data:
        (row,) = data.read(
            lambda tx: tx.query("SELECT number, number_hash FROM objections WHERE source = 'withdrawal'")
        )
        assert (row["number"], row["number_hash"]) == (None, number_hash(data.pepper, LINES[MOBILE]))


def test_a_consent_that_has_not_ended_is_kept_and_one_under_a_hold_too(year: Year) -> None:
    year.move("2027-11-01")
    words = ("--how", "paper", "--wording", "I agree that Webeo may call me", "--evidence", "form 17")
    for number in (MOBILE, WORK):
        run("consent", "add", number, "--who", NAME, *words)
    run("hold", "add", "--number", MOBILE, "--ground", "claim", "--reason", "a claim", "--reference", "17")
    year.move("2029-12-10")
    run("consent", "add", WORK, "--who", "Somebody Else", *words)
    year.move("2032-06-01")  # the second one ended in December 2031, the first two long before
    swept("too early")
    with year.opened() as data:
        rows = data.read(lambda tx: tx.query("SELECT number, who FROM consents ORDER BY number, given_at"))
    assert [row["who"] for row in rows] == [NAME, "Somebody Else", NAME]
    year.move("2034-12-12")
    swept("in time")
    with year.opened() as data:
        rows = data.read(lambda tx: tx.query("SELECT number, who FROM consents WHERE number IS NOT NULL"))
    assert [(row["number"], row["who"]) for row in rows] == [(LINES[MOBILE], NAME)]
