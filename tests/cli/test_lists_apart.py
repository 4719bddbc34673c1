"""Contact lists of other firms, apart from the firm's own: each is screened as calls on behalf of that firm are."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from tests.cli.test_calls_for_others import ACME
from tests.support.moved import Moved

NUMBER, OTHER, THIRD = "07700 900417", "07700 900418", "07700 900419"


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    made = Moved(tmp_path / "gate", monkeypatch)
    with made.config.open("a", encoding="utf-8") as file:
        file.write(ACME)
    made.on("2027-03-02")
    for name in ("tps", "ctps"):
        path = tmp_path / f"{name}.txt"
        path.write_text(f"{'01632960999'.ljust(12)}\r\n0163296099{len(name)} \r\n")
        made("register", "import", name, str(path), "--as-of", "2027-03-02", "--accept-shrink")
    return made


def crm(tmp_path: Path, *rows: str, head: str = "id,phone") -> str:
    path = tmp_path / "crm.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return str(path)


def imported(firm: Moved, tmp_path: Path, to: str, *rows: str, head: str = "id,phone") -> None:
    for_whom = ("--on-behalf-of", to) if to else ()
    file = crm(tmp_path, *rows, head=head)
    firm("contacts", "import", file, "--reference", "id", *for_whom, "--accept-shrink")


def contacts(firm: Moved, *more: str) -> dict[tuple[str, str, str], str]:
    """(whose list, reference, number) -> reason."""
    found = firm("contacts", "list", *more, "--show-numbers", "--json").json["items"]
    return {(each["on_behalf_of"], each["reference"], each["number"][-3:]): each["reason"] for each in found}


def consent(firm: Moved, number: str, to: str = "") -> None:
    words = "Yes, Acme may call me" if to else "Yes, you may call me"
    for_whom = ("--on-behalf-of", to) if to else ()
    given = ("--how", "paper", "--who", "Pat", "--evidence", "form 17", "--wording", words)
    firm("consent", "add", number, *given, *for_whom)


def test_each_firm_has_its_list_and_a_list_replaces_its_own_alone(firm: Moved, tmp_path: Path) -> None:
    """An enemy: the same number and the same reference in two lists, which are two people's and two contacts."""
    imported(firm, tmp_path, "", f"1,{NUMBER}", f"2,{OTHER}")
    imported(firm, tmp_path, "acme", f"1,{NUMBER}", f"7,{THIRD}")
    every = {("", "1", "417"), ("", "2", "418"), ("acme", "1", "417"), ("acme", "7", "419")}
    assert contacts(firm).keys() == every
    assert contacts(firm, "--on-behalf-of", "acme").keys() == {each for each in every if each[0] == "acme"}
    assert contacts(firm, "--on-behalf-of", "").keys() == {each for each in every if not each[0]}
    ids = [each["id"] for each in firm("contacts", "list", "--json").json["items"]]
    assert len(set(ids)) == 4
    paged, after = [], None
    for _ in range(5):
        page = firm("contacts", "list", "--limit", "1", *(("--after", after) if after else ()), "--json").json
        paged += [each["id"] for each in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert paged == ids, "page by page it is the same"
    imported(firm, tmp_path, "", f"3,{THIRD}")
    assert contacts(firm).keys() == {("", "3", "419"), ("acme", "1", "417"), ("acme", "7", "419")}
    status = firm("contacts", "status", "--json").json
    assert (status["contacts"], status["others"]) == (1, {"acme": 2})
    assert firm("contacts", "status", "--on-behalf-of", "acme", "--json").json["others"] == {"": 1}
    assert "2 contacts on behalf of acme" in firm("contacts", "status").err


def test_a_list_is_screened_as_calls_on_behalf_of_its_firm_are(firm: Moved, tmp_path: Path) -> None:
    for to in ("", "acme", "brill"):
        imported(firm, tmp_path, to, f"1,{NUMBER}", f"2,{OTHER}", f"3,{THIRD}")
    firm("objection", "add", NUMBER)
    firm("objection", "add", OTHER, "--on-behalf-of", "acme")
    consent(firm, THIRD, "acme")
    found = contacts(firm)
    assert [found[to, "1", "417"] for to in ("", "acme", "brill")] == ["objected"] * 3
    assert [found[to, "2", "418"] for to in ("", "acme", "brill")] == ["not_listed", "objected", "not_listed"]
    assert [found[to, "3", "419"] for to in ("", "acme", "brill")] == ["not_listed", "consented", "not_listed"]
    firm("contacts", "rescreen")
    assert contacts(firm) == found, "and all together it is the same"
    for number in (NUMBER, OTHER, THIRD):
        for to in ("", "acme", "brill"):
            shown = firm("check", number, *(("--on-behalf-of", to) if to else ()), "--json", code=None).json
            (listed,) = (reason for (of, _, end), reason in found.items() if (of, end) == (to, number[-3:]))
            assert shown["reason"] == listed
    file = crm(tmp_path, f"2,{OTHER}")
    out = tmp_path / "out.csv"
    firm("screen", file, "-o", str(out), "--on-behalf-of", "acme")
    assert "objected" in out.read_text()
    firm("screen", file, "-o", str(out))
    assert "not_listed" in out.read_text()


def test_who_objects_in_the_list_of_another_firm_objects_to_every_call(firm: Moved, tmp_path: Path) -> None:
    """LAW 1.8b: nobody has named whom; it is read as said to the one who calls."""
    imported(firm, tmp_path, "", f"1,{NUMBER}")
    imported(firm, tmp_path, "acme", f"9,{NUMBER},TRUE", head="id,phone,DoNotCall")
    assert contacts(firm) == {("", "1", "417"): "objected", ("acme", "9", "417"): "objected"}
    for to in ((), ("--on-behalf-of", "acme"), ("--on-behalf-of", "brill")):
        assert firm("check", NUMBER, *to, "--json", code=3).json["reason"] == "objected"


def test_a_file_for_a_crm_has_the_changes_of_one_firm(firm: Moved, tmp_path: Path) -> None:
    """An enemy: reference 1 is another person in the other CRM, which would be let loose, or blocked, in its place."""
    imported(firm, tmp_path, "", f"1,{NUMBER}")
    imported(firm, tmp_path, "acme", f"1,{OTHER}")
    firm.on("2027-03-04")
    for number in (NUMBER, OTHER):
        firm("objection", "add", number)
    shown = firm("contacts", "changes", "--since", "2027-03-03", "--json").json["items"]
    assert {(each["on_behalf_of"], each["change"]) for each in shown} == {
        ("", "newly_blocked"),
        ("acme", "newly_blocked"),
    }
    for to, number in (("", NUMBER), ("acme", OTHER)):
        out = tmp_path / f"{to or 'own'}.csv"
        for_whom = ("--on-behalf-of", to) if to else ()
        firm("contacts", "changes", "--since", "2027-03-03", "-o", str(out), *for_whom)
        text = out.read_text()
        assert re.findall(r"\+447700900\d{3}", text) == ["+44" + number.replace(" ", "")[1:]]


def test_a_firm_that_is_not_called_for_has_no_list(firm: Moved, tmp_path: Path) -> None:
    refused = firm("contacts", "import", crm(tmp_path, f"1,{NUMBER}"), "--on-behalf-of", "nobody", code=2)
    assert '"nobody" is no firm that this one calls for' in refused.err and "acme, brill" in refused.err
    assert "is no firm" in firm("contacts", "status", "--on-behalf-of", "nobody", code=2).err
    assert "is no firm" in firm("contacts", "forecast", "--on-behalf-of", "nobody", code=2).err
    imported(firm, tmp_path, "brill", f"1,{NUMBER}")
    text = firm.config.read_text(encoding="utf-8")
    firm.config.write_text(text[: text.rindex("[[instigator]]")], encoding="utf-8")
    firm("contacts", "rescreen")
    assert contacts(firm) == {("brill", "1", "417"): "instigator_unknown"}, "nobody is called for it any more"


def test_forecast_pack_and_erasure_follow_every_list(firm: Moved, tmp_path: Path) -> None:
    imported(firm, tmp_path, "", f"own-ref,{NUMBER}", f"2,{OTHER}")
    imported(firm, tmp_path, "acme", f"acme-ref,{NUMBER}")
    imported(firm, tmp_path, "brill", f"brill-ref,{NUMBER}")
    firm("objection", "add", OTHER)
    then = firm("contacts", "forecast", "--on-behalf-of", "acme", "--json").json
    assert (then["contacts"], firm("contacts", "forecast", "--json").json["contacts"]) == (1, 2)
    done = firm("request", "open", "access", "--by", "post", "--name", "Pat Person", "--number", NUMBER)
    (reference,) = re.findall(r"DSR-\d{4}-\d{4}", done.out)
    firm("request", "verify-identity", reference, "--checked", "answers to two questions")
    found = firm("request", "search", reference, "--json").json["contacts"]
    assert {(each["on_behalf_of"], each["reference"]) for each in found} == {
        (None, "own-ref"),
        ("acme", "acme-ref"),
        ("brill", "brill-ref"),
    }
    gone = firm("contacts", "forget", NUMBER, "--json").json
    assert gone["forgotten"] == 3
    assert contacts(firm).keys() == {("", "2", "418")}
    files = b"".join(path.read_bytes() for path in (firm.folder / "data").rglob("gate.db*"))
    assert b"acme-ref" not in files and b"brill-ref" not in files


def test_an_idle_contact_of_one_firm_takes_no_other_firms_with_it(firm: Moved, tmp_path: Path) -> None:
    imported(firm, tmp_path, "", f"1,{NUMBER}")
    imported(firm, tmp_path, "acme", f"1,{NUMBER}")
    firm.on("2028-02-20")
    imported(firm, tmp_path, "acme", f"1,{NUMBER}")
    firm.on("2028-03-20")
    firm("retention", "terms", "--execute")
    assert contacts(firm).keys() == {("acme", "1", "417")}


def test_what_a_list_was_for_is_in_the_log_and_in_the_record_of_processing(firm: Moved, tmp_path: Path) -> None:
    imported(firm, tmp_path, "acme", f"1,{NUMBER}")
    firm("contacts", "rescreen")
    firm("contacts", "changes", "-o", str(tmp_path / "out.csv"), "--on-behalf-of", "acme")
    with sqlite3.connect(firm.folder / "data" / "gate.db") as database:
        for kind in ("contacts_imported", "contacts_screened", "list_exported"):
            ((body,),) = database.execute("SELECT body FROM facts WHERE kind = ?", [kind])
            assert json.loads(body)["on_behalf_of"] == "acme", kind
    lists = [each for each in firm("report", "--article-30", "--json").json["activities"] if "lists" in each["name"]]
    assert any("kept apart, people on the list of Acme Windows Ltd" in each["subjects"] for each in lists)


def test_a_list_goes_when_its_firm_is_called_for_no_more(firm: Moved, tmp_path: Path) -> None:
    imported(firm, tmp_path, "", f"own-ref,{NUMBER}")
    imported(firm, tmp_path, "acme", f"acme-ref,{NUMBER}", f"acme-two,{OTHER}")
    assert "needs reason" in firm("contacts", "drop", "acme", code=2).err
    assert "is no firm" in firm("contacts", "drop", "nobody", "--reason", "over", code=2).err
    gone = firm("contacts", "drop", "acme", "--reason", "the contract is over", "--json").json
    assert (gone["on_behalf_of"], gone["contacts"]) == ("acme", 2)
    assert contacts(firm).keys() == {("", "own-ref", "417")}
    files = b"".join(path.read_bytes() for path in (firm.folder / "data").rglob("gate.db*"))
    assert b"acme-ref" not in files and b"acme-two" not in files and b"own-ref" in files
    assert "no list" in firm("contacts", "drop", "acme", "--reason", "again", code=2).err
    assert firm("audit", "verify", "--json").json["ok"]
