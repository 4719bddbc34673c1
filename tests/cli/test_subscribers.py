"""Who has a line, a person or a company, and since when: which registers it takes, which consents count, and what a new
subscriber is told."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.operations.calls.screening import Decide
from gate.operations.requests.searching import ContentsOf
from tests.support.asking import ask
from tests.support.commands import Done, dialgate
from tests.support.databases import query
from tests.support.example import amend
from tests.support.firm_year import Year
from tests.support.moved import Moved
from tests.support.plain import faults
from tests.support.requesting import ANN

NUMBER, OTHER = "07700 900417", "07700 900418"
GIVEN = ("--how", "paper", "--who", "Samira Otherwise", "--wording", "Yes, you may call me", "--evidence", "form 17")


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


def verdict(firm: Moved, number: str = NUMBER, *more: str) -> tuple[str, str]:
    shown = firm("check", number, *more, "--json", code=None).json
    return shown["verdict"], shown["reason"]


def listed(firm: Moved, tmp_path: Path, name: str, *numbers: str) -> None:
    path = tmp_path / f"{name}.txt"
    path.write_text("".join(f"{each.replace(' ', '').ljust(12)}\r\n" for each in ("01632960999", *numbers)))
    firm("register", "import", name, str(path), "--as-of", firm.time.date().isoformat(), "--accept-shrink")


CONSENTED, TPS = ("allow", "consented"), ("block", "listed_tps")


def test_a_consent_of_an_earlier_subscriber_counts_no_more_and_every_objection_stands(
    firm: Moved, tmp_path: Path
) -> None:
    firm.on("2027-03-02")
    listed(firm, tmp_path, "tps", NUMBER, OTHER)
    listed(firm, tmp_path, "ctps")
    firm("consent", "add", NUMBER, *GIVEN)
    firm("consent", "add", OTHER, *GIVEN)
    firm("objection", "add", OTHER, "--made-at", "2027-03-01")
    firm("consent", "withdraw", OTHER)
    before = verdict(firm, OTHER)
    firm.on("2027-03-20")
    assert verdict(firm) == CONSENTED
    said = firm("subscriber", "set", NUMBER, "--since", "2027-03-03", "--json").json
    assert (said["kind"], said["since"], said["consents_before"]) == ("unknown", "2027-03-03", 1)
    firm("subscriber", "set", OTHER, "--since", "2027-03-03")
    assert verdict(firm) == TPS
    assert verdict(firm, OTHER) == before == ("block", "objected")
    firm("consent", "add", NUMBER, *GIVEN)
    assert verdict(firm) == CONSENTED, "that one is the new subscriber's"
    firm.on("2027-03-21")
    firm("subscriber", "set", NUMBER, "--since", "2027-03-21")
    assert verdict(firm) == TPS
    back = firm("subscriber", "set", NUMBER, "--same")
    assert "Consents that count again" in " ".join((back.out + back.err).split())
    assert verdict(firm) == CONSENTED


def test_a_day_to_come_or_nothing_is_not_noted(firm: Moved) -> None:
    firm.on("2027-03-02")
    assert "a day to come" in firm("subscriber", "set", NUMBER, "--since", "2027-03-03", code=2).err
    assert "nothing to note" in firm("subscriber", "set", NUMBER, code=2).err
    firm("subscriber", "set", NUMBER, "--kind", "corporate")
    again = firm("subscriber", "set", NUMBER, "--kind", "corporate")
    assert "noted so already" in " ".join((again.out + again.err).split())
    assert len(firm("subscriber", "list", "--json").json["items"]) == 1


@pytest.mark.parametrize(
    ("configured", "kind", "missing"),
    [
        ("tps", "individual", ""),
        ("tps", "corporate", "Corporate Telephone"),
        ("tps", "unknown", "Corporate Telephone"),
        ("ctps", "corporate", ""),
        ("ctps", "individual", "The Telephone"),
    ],
)
def test_a_line_is_looked_up_in_the_register_that_it_may_be_on(
    firm: Moved, tmp_path: Path, configured: str, kind: str, missing: str
) -> None:
    """An enemy with one register in its configuration: the other one decides as soon as it may hold the line."""
    firm.on("2027-03-02")
    other = {"tps": "ctps", "ctps": "tps"}[configured]
    amend(firm.config, {"calling": {"registers": [configured]}})
    for path in (firm.folder / "data" / "registers").glob(f"{other}*"):
        path.unlink()
    listed(firm, tmp_path, configured)
    firm("subscriber", "set", NUMBER, "--kind", kind) if kind != "unknown" else None
    shown = firm("check", NUMBER, "--json", code=None).json
    assert (shown["reason"], missing in shown["explanation"]) == ("register_missing" if missing else "not_listed", True)
    listed(firm, tmp_path, other, NUMBER)
    assert verdict(firm)[1] == f"listed_{other}"
    crm = tmp_path / "crm.csv"
    crm.write_text(f"phone\n{NUMBER}\n")
    out = tmp_path / "out.csv"
    firm("screen", str(crm), "-o", str(out))
    assert f"listed_{other}" in out.read_text(), "and so does a file that is screened"


def test_the_crms_file_says_who_has_a_line_and_no_file_brings_a_consent_back(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-03-02")
    listed(firm, tmp_path, "tps", NUMBER, OTHER)
    listed(firm, tmp_path, "ctps")
    firm("consent", "add", NUMBER, *GIVEN)
    firm("consent", "add", OTHER, *GIVEN)
    firm.on("2027-03-20")
    crm = tmp_path / "crm.csv"
    head = "id,phone,subscriber,subscriber_since\n"
    crm.write_text(f"{head}1,{NUMBER},Company,20/03/2027\n2,{OTHER},robot,31/02/2027\n3,07700 900419,,\n")
    dry = firm("contacts", "import", str(crm), "--reference", "id", "--dry-run", "--json").json
    assert (dry["subscribers"], verdict(firm)) == (1, CONSENTED), "a dry run notes nothing"
    done = firm("contacts", "import", str(crm), "--reference", "id")
    assert '"robot" is neither individual nor corporate' in done.err and '"31/02/2027" is not a day' in done.err
    shown = firm("subscriber", "list", "--number", NUMBER, "--json").json["items"]
    assert [(each["kind"], each["since"], each["source"]) for each in shown] == [("corporate", "2027-03-20", "CRM")]
    assert (verdict(firm), verdict(firm, OTHER)) == (TPS, CONSENTED)
    found = firm("contacts", "list", "--json").json["items"]
    assert {each["reference"]: each["reason"] for each in found} == {
        "1": "listed_tps",
        "2": "consented",
        "3": "not_listed",
    }
    crm.write_text(f"{head}1,{NUMBER},,01/01/2020\n")
    firm("contacts", "import", str(crm), "--reference", "id", "--accept-shrink")
    assert verdict(firm) == TPS, "an earlier day in a list changes nothing"
    named = tmp_path / "named.csv"
    named.write_text(f"phone,art,seit\n{OTHER},person,20/03/2027\n")
    firm("contacts", "import", str(named), "--subscriber", "art", "--subscriber-since", "seit", "--add")
    assert verdict(firm, OTHER) == TPS


def test_who_has_a_line_outlives_the_persons_erasure_by_its_hash_alone(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-03-02")
    listed(firm, tmp_path, "tps", NUMBER)
    listed(firm, tmp_path, "ctps")
    firm("consent", "add", NUMBER, *GIVEN)
    firm.on("2027-03-20")
    firm("subscriber", "set", NUMBER, "--since", "2027-03-10", "--kind", "individual")
    done = firm("request", "open", "erasure", "--by", "post", "--name", "Pat Person", "--number", NUMBER)
    (reference,) = re.findall(r"DSR-\d{4}-\d{4}", done.out)
    firm("request", "verify-identity", reference, "--checked", "answers to two questions")
    assert "new subscriber since 2027-03-10" in " ".join(firm("request", "search", reference).err.split())
    firm("request", "decide", reference, "--grant")
    firm("request", "fulfil", reference, "--yes")
    shown = firm("subscriber", "list", "--json").json["items"]
    assert [(each["number"], each["since"]) for each in shown] == [(None, "2027-03-10")]
    assert verdict(firm)[0] == "block"
    assert firm("audit", "verify", "--json").json["ok"]


def test_a_restore_brings_no_consent_of_an_earlier_subscriber_back(firm: Moved, tmp_path: Path) -> None:
    """An enemy: the backup is from between the consent and the day on which somebody noted the new subscriber."""
    (tmp_path / "second").mkdir()
    amend(firm.config, {"storage": {"memory": str(tmp_path / "second")}})
    firm.on("2027-03-02")
    listed(firm, tmp_path, "tps", NUMBER)
    listed(firm, tmp_path, "ctps")
    firm("consent", "add", NUMBER, *GIVEN)
    shutil.copytree(firm.folder / "data", tmp_path / "backup")
    firm.on("2027-03-10")
    firm("subscriber", "set", NUMBER, "--since", "2027-03-09", "--kind", "individual")
    firm("subscriber", "set", NUMBER, "--since", "2027-03-10")
    shutil.rmtree(firm.folder / "data")
    shutil.copytree(tmp_path / "backup", firm.folder / "data")
    firm.on("2027-03-12")
    assert verdict(firm) == TPS
    shown = firm("check", NUMBER, "--json", code=3).json
    assert (shown["subscriber"], shown["subscriber_since"]) == ("individual", "2027-03-10")
    journal = "".join(path.read_text() for path in (tmp_path / "second").iterdir() if path.is_file())
    assert '"act":"subscriber"' in journal and "7700900417" not in journal
    assert firm("audit", "verify", "--json").json["ok"]


# --- a new subscriber asks what is held -------------------------------------------------------------------------------


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    (tmp_path / "firm").mkdir()
    yield Year(tmp_path / "firm", monkeypatch)


def run(*arguments: str, code: int = 0) -> Done:
    done = dialgate(*arguments)
    assert done.code == code, f"{arguments}\n{done.out}{done.err}"
    return done


def asked(kind: str, *numbers: str) -> str:
    lines = [part for each in numbers or (NUMBER,) for part in ("--number", each)]
    done = run("request", "open", kind, "--by", "post", "--name", "Pat Person", *lines)
    (reference,) = re.findall(r"DSR-\d{4}-\d{4}", done.out)
    run("request", "verify-identity", reference, "--checked", "answers to two questions")
    return reference


def two_subscribers(year: Year) -> None:
    year.move("2027-11-01")
    with year.opened() as data:
        year.recorded(data, "hers", "2027-11-01 09:00", "+447700900417")
    run("objection", "add", NUMBER, "--note", "she rang us in November", "--source", "letter")
    year.move("2028-05-02")
    with year.opened() as data:
        year.recorded(data, "mine", "2028-05-02 09:00", "+447700900417")


def test_a_new_subscriber_is_not_told_of_earlier_calls_without_anybody_thinking_of_it(year: Year) -> None:
    two_subscribers(year)
    run("subscriber", "set", NUMBER, "--kind", "individual", "--since", "2028-04-01")
    reference = asked("access")
    done = run("request", "search", reference)
    assert "call-mine" in done.out and "call-hers" not in done.out and "November" not in done.out
    assert "The number has a new subscriber since 2028-04-01" in " ".join(done.err.split())
    run("request", "decide", reference, "--grant")
    key = ("--key", str(year.key), "--passphrase-file", str(year.words))
    run("request", "fulfil", reference, *key, "-o", "pack.html")
    letter = run("request", "letter", reference, "response").out
    assert faults(letter) == [], "and in plain English"
    text = " ".join(letter.split())
    assert "1 call" in text and "As we have it, your number has been yours since Saturday 1 April 2028." in text
    explained = run("letters", "explain", reference, "--json").json["letters"]
    since = [each for letter in explained for each in letter["sentences"] if each["name"] == "search.since"]
    assert since and all(each["rests"] for each in since)


def test_a_search_from_before_it_was_noted_makes_neither_pack_nor_erasure(year: Year) -> None:
    two_subscribers(year)
    for kind in ("access", "erasure"):
        reference = asked(kind)
        assert "call-hers" in run("request", "search", reference).out
        run("request", "decide", reference, "--grant")
        run("subscriber", "set", NUMBER, "--since", "2028-04-01")
        key = ("--key", str(year.key), "--passphrase-file", str(year.words), "-o", "pack.html")
        refused = run("request", "fulfil", reference, *(key if kind == "access" else ("--yes",)), code=3)
        assert "has a new subscriber" in " ".join(refused.err.split())
        run("subscriber", "set", NUMBER, "--same")
    with year.opened() as data:
        states = data.read(lambda tx: query(tx, "SELECT recording_id, state FROM recordings ORDER BY opened_at"))
    assert [row["state"] for row in states] == ["closed", "closed"]


def test_the_one_who_had_the_line_before_gets_what_is_theirs(year: Year) -> None:
    two_subscribers(year)
    run("subscriber", "set", NUMBER, "--since", "2028-04-01")
    reference = asked("access")
    done = run("request", "search", reference, "--line-until", "2028-03-31")
    assert "call-hers" in done.out and "call-mine" not in done.out


def test_lines_that_changed_hands_on_other_days_are_not_searched_as_one(year: Year) -> None:
    two_subscribers(year)
    run("subscriber", "set", NUMBER, "--since", "2028-04-01")
    reference = asked("access", NUMBER, OTHER)
    refused = run("request", "search", reference, code=2)
    assert "have not been their subscriber's since the same day" in " ".join(refused.err.split())
    run("request", "search", reference, "--line-since", "2028-04-01")


def test_a_decision_and_its_pack_say_whose_line_it_was_noted_to_be(year: Year) -> None:
    year.move("2028-05-02")
    run("subscriber", "set", NUMBER, "--kind", "corporate", "--since", "2028-04-01", "--source", "Companies House")
    with year.opened() as data:
        decided = ask(data, Decide(number=NUMBER), "token:dialler")
        rows = data.read(lambda tx: query(tx, "SELECT body FROM facts WHERE subject = ?", [decided.decision_id]))
    said = json.loads(rows[0]["body"])
    assert (said["subscriber"], said["subscriber_since"]) == ("corporate", "2028-04-01")
    reference = asked("access")
    run("request", "search", reference)
    run("request", "decide", reference, "--grant")
    with year.opened() as data:
        held = ask(data, ContentsOf(request=reference), ANN)
    assert [(each.kind, each.since, each.source) for each in held.subscribers] == [
        ("corporate", "2028-04-01", "Companies House")
    ]
