"""Consents with their limits, through the command line: topics, the caller they name, how long they hold, evidence."""

from __future__ import annotations

import csv
import hashlib
import sqlite3
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.core.days import LONDON
from tests.support.commands import dialgate
from tests.support.example import make_example

LISTED, OTHER = "020 7946 0101", "020 7946 0111"
WORDS = ("--how", "web form", "--who", "A. Smith")
YES = (*WORDS, "--wording", "Yes, call me about offers")
REFERENCE = ("--evidence", "form-8812")


@pytest.fixture(autouse=True)
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_example(tmp_path / "gate")
    monkeypatch.setenv("DIALGATE_CONFIG", str(tmp_path / "gate" / "config.toml"))
    return tmp_path / "gate"


def add(*arguments: str) -> Any:
    return dialgate("consent", "add", *arguments, "--json")


def reason(number: str = LISTED, topic: str = "general") -> str:
    return str(dialgate("check", number, "--topic", topic, "--json").json["reason"])


def configured(gate: Path, section: str, line: str) -> None:
    path = gate / "config.toml"
    text = path.read_text(encoding="utf-8")
    head = f"[{section}]\n"
    path.write_text(text.replace(head, head + line + "\n") if head in text else f"{text}\n{head}{line}\n")


def test_evidence_is_required_and_of_three_kinds(gate: Path, tmp_path: Path) -> None:
    for proof in ((), ("--evidence", " "), (*REFERENCE, "--evidence-recording", "x")):
        refused = dialgate("consent", "add", LISTED, *YES, *proof)
        assert refused.code == 2 and "evidence" in refused.err
    missing = dialgate("consent", "add", LISTED, *YES, "--evidence-recording", "nowhere")
    assert missing.code == 2 and "there is no recording nowhere" in missing.err
    assert reason() == "listed_tps"
    form = tmp_path / "form.pdf"
    form.write_bytes(b"%PDF signed")
    assert add(LISTED, *YES, "--evidence-file", str(form)).code == 0
    kept = dialgate("consent", "list", "--number", LISTED, "--json").json["items"][0]
    assert (kept["evidence"], kept["evidence_kind"]) == ("form.pdf", "file")
    assert kept["evidence_sha256"] == hashlib.sha256(b"%PDF signed").hexdigest()
    assert reason() == "consented"


def test_a_consent_to_another_firm_is_refused(gate: Path) -> None:
    refused = dialgate("consent", "add", LISTED, *YES, *REFERENCE, "--caller", "Solar Leads Ltd")
    assert refused.code == 2 and "was given to Solar Leads Ltd" in refused.err
    assert reason() == "listed_tps"
    text = (gate / "config.toml").read_text(encoding="utf-8")
    firm = tomllib.loads(text)["firm"]["trading_name"]
    assert add(LISTED, *YES, *REFERENCE, "--caller", f"{firm} LTD.").code == 0
    assert reason() == "consented"


def test_a_general_yes_is_none_to_claims(gate: Path) -> None:
    assert add(LISTED, *YES, *REFERENCE).code == 0
    assert (reason(), reason(topic="claims")) == ("consented", "topic_needs_consent")
    assert add(OTHER, *WORDS, "--wording", "Yes, about my claim", *REFERENCE, "--topic", "claims").code == 0
    assert (reason(OTHER), reason(OTHER, "claims")) == ("listed_tps", "consented")


def test_pensions_and_claims_need_their_own_words_and_pensions_an_authorised_firm(gate: Path) -> None:
    for topic in ("claims", "pensions"):
        refused = dialgate("consent", "add", LISTED, *YES, *REFERENCE, "--topic", topic)
        assert refused.code == 2 and f"wording says nothing of {topic}" in refused.err
    words = (*WORDS, "--wording", "Yes, call me about my pension", *REFERENCE, "--topic", "pensions")
    refused = dialgate("consent", "add", LISTED, *words)
    assert refused.code == 2 and "firm.pensions_authorisation" in refused.err
    configured(gate, "firm", 'pensions_authorisation = "FCA 123456"')
    assert add(LISTED, *words).code == 0
    assert reason(topic="pensions") == "consented"
    configured(gate, "firm", "")
    text = (gate / "config.toml").read_text().replace('pensions_authorisation = "FCA 123456"', "")
    (gate / "config.toml").write_text(text)
    assert reason(topic="pensions") == "pensions_not_authorised"


def test_an_old_consent_blocks_until_there_is_a_new_one(gate: Path) -> None:
    old = (datetime.now(LONDON) - timedelta(days=800)).strftime("%Y-%m-%d %H:%M")
    kept = add(LISTED, *YES, *REFERENCE, "--given-at", old)
    assert kept.json["holds_until"] < datetime.now(LONDON).date().isoformat()
    assert reason() == "consent_expired"
    configured(gate, "consent", "months = 36")
    assert reason() == "consented"
    configured(gate, "consent", "")
    (gate / "config.toml").write_text((gate / "config.toml").read_text().replace("months = 36", "months = 24"))
    assert add(LISTED, *YES, *REFERENCE).code == 0
    assert reason() == "consented"


def test_files_carry_the_scope_out_and_in(gate: Path, tmp_path: Path) -> None:
    add(LISTED, *WORDS, "--wording", "Yes, about my claim too", *REFERENCE, "--topic", "general", "--topic", "claims")
    file = tmp_path / "consents.csv"
    assert dialgate("consent", "export", "-o", str(file)).code == 0
    with file.open(newline="") as opened:
        row = next(row for row in csv.DictReader(opened) if row["number"] == "+442079460101")
    assert (row["topics"], row["evidence_kind"], row["caller"]) == ("general,claims", "reference", "")
    assert dialgate("consent", "import", str(file), "--json").json["imported"] == 0
    head = "number,given_at,how,wording,who,evidence,topics,caller\n"
    for columns, said in (
        ('"Yes",A,form 1,claims,', "wording says nothing of claims"),
        ('"Yes",A,form 1,holidays,', '"holidays" is none of'),
        ('"Yes",A,form 1,,Solar Leads Ltd', "was given to Solar Leads Ltd"),
    ):
        file.write_text(f"{head}{OTHER},2026-01-05,paper,{columns}\n", encoding="utf-8")
        refused = dialgate("consent", "import", str(file))
        assert refused.code == 2 and said in refused.err
    assert reason(OTHER) == "listed_tps"


def test_consents_kept_before_scopes_are_read_cautiously(gate: Path) -> None:
    """One without evidence is none, and none is one to claims or pensions."""
    add(LISTED, *YES, *REFERENCE)
    add(OTHER, *YES, *REFERENCE)
    with sqlite3.connect(gate / "data" / "gate.db") as connection:
        connection.execute("UPDATE consents SET topics = NULL, evidence_kind = NULL, caller = NULL")
        connection.execute("UPDATE consents SET evidence = '' WHERE number = '+442079460111'")
    assert (reason(), reason(topic="claims")) == ("consented", "topic_needs_consent")
    assert reason(OTHER) == "listed_tps"


def day(days: int) -> str:
    return (datetime.now(LONDON).date() + timedelta(days=days)).isoformat()


def test_a_consent_holds_until_the_day_that_it_names(gate: Path) -> None:
    kept = add(LISTED, *YES, *REFERENCE, "--until", day(30)).json
    assert kept["holds_until"] == day(30)
    assert dialgate("consent", "list", "--number", LISTED, "--json").json["items"][0]["ends"] == day(30)
    assert reason() == "consented"
    assert str(dialgate("check", LISTED, "--at", f"{day(31)} 12:00", "--json").json["reason"]) == "consent_expired"
    past = ("--given-at", f"{day(-40)} 10:00", "--until", day(-1))
    assert add(OTHER, *YES, *REFERENCE, *past).code == 0
    told = dialgate("check", OTHER, "--json").json
    assert told["reason"] == "consent_expired" and "was given until" in told["explanation"]


def test_the_day_that_a_later_consent_names_ends_an_earlier_one_too(gate: Path) -> None:
    assert add(LISTED, *YES, *REFERENCE, "--given-at", f"{day(-90)} 10:00").code == 0
    assert reason() == "consented"
    assert add(LISTED, *YES, *REFERENCE, "--given-at", f"{day(-40)} 10:00", "--until", day(-1)).code == 0
    assert reason() == "consent_expired", "their later word was that it is over by now"
    assert add(LISTED, *YES, *REFERENCE).code == 0
    assert reason() == "consented"


def test_longer_than_the_firms_term_is_a_consent_only_in_so_many_words(gate: Path) -> None:
    far = datetime.now(LONDON).date().replace(month=6, day=15)
    far = far.replace(year=far.year + 4)
    refused = dialgate("consent", "add", LISTED, *YES, *REFERENCE, "--until", far.isoformat())
    assert refused.code == 2 and f"longer than 24 months, and its words say nothing of {far.year}" in refused.err
    words = (*WORDS, "--wording", f"Yes, call me about offers until June {far.year}", *REFERENCE)
    assert add(LISTED, *words, "--until", far.isoformat()).json["holds_until"] == far.isoformat()
    ever = dialgate("consent", "add", LISTED, *WORDS, "--wording", "until 2090", *REFERENCE, "--until", "2090-01-01")
    assert ever.code == 2 and "nobody remembers longer than 120 months" in ever.err
    before = dialgate("consent", "add", LISTED, *YES, *REFERENCE, "--until", "2020-01-01")
    assert before.code == 2 and "before it was given" in before.err
    configured(gate, "consent", "months = 1")
    assert add(OTHER, *YES, *REFERENCE, "--given-at", f"{day(-20)} 10:00", "--until", day(5)).code == 0
    at = ("--at", f"{day(20)} 12:00", "--json")
    assert dialgate("check", OTHER, *at).json["reason"] == "consent_expired"
    assert dialgate("check", LISTED, "--at", f"{day(60)} 12:00", "--json").json["reason"] in (
        "consented",
        "outside_hours",
    )


def test_a_yes_to_service_calls_is_none_to_marketing(gate: Path) -> None:
    assert add(LISTED, *YES, *REFERENCE, "--purpose", "service").code == 0
    assert reason() == "listed_tps"
    assert dialgate("consent", "list", "--number", LISTED, "--json").json["items"][0]["purpose"] == "service"
    dialgate("objection", "add", OTHER, "--made-at", f"{day(-3)} 10:00")
    assert add(OTHER, *YES, *REFERENCE, "--purpose", "service", "--after-objection").code == 0
    assert reason(OTHER) == "objected"


HEAD = "number,given_at,how,wording,who,evidence,purpose,caller,holds_until\n"


def test_a_file_says_until_when_and_for_what(gate: Path, tmp_path: Path) -> None:
    file = tmp_path / "consents.csv"
    row = f"{LISTED},{day(-9)},paper,Yes,A,form 1"
    file.write_text(f"{HEAD}{row},marketing,,{day(10)}\n{OTHER},{day(-9)},paper,Yes,B,form 2,service,,\n")
    assert dialgate("consent", "import", str(file), "--json").json["imported"] == 2
    assert (reason(), reason(OTHER)) == ("consented", "listed_tps")
    assert dialgate("check", LISTED, "--at", f"{day(11)} 12:00", "--json").json["reason"] == "consent_expired"
    out = tmp_path / "out.csv"
    assert dialgate("consent", "export", "-o", str(out)).code == 0
    with out.open(newline="") as opened:
        rows = {row["number"]: (row["purpose"], row["holds_until"]) for row in csv.DictReader(opened)}
    assert rows["+442079460101"] == ("marketing", day(10)) and rows["+442079460111"] == ("service", "")
    assert dialgate("consent", "import", str(out), "--json").json["imported"] == 0
    for columns, said in (
        (",,next year", '"next year" is not a day'),
        ("newsletter,,", '"newsletter" is none of marketing, service'),
        (f",,{day(5)}", f"held already, with holds_until {day(10)}"),
        ("service,,", "held already, with purpose marketing"),
    ):
        file.write_text(f"{HEAD}{row},{columns}\n")
        refused = dialgate("consent", "import", str(file))
        assert refused.code == 2 and said in refused.err and "line 2" in refused.err, columns
    file.write_text(f"{HEAD}{row[:-1]}3,,,{day(-100)}\n")
    refused = dialgate("consent", "import", str(file))
    assert refused.code == 2 and "line 2: this consent cannot hold so: it would end on" in refused.err
    old = f"number,given_at,how,wording,who,evidence\n{row}\n"
    file.write_text(old)
    assert dialgate("consent", "import", str(file), "--json").json["held"] == 1, "an older file lengthens nothing"
    assert dialgate("check", LISTED, "--at", f"{day(11)} 12:00", "--json").json["reason"] == "consent_expired"


def test_one_consent_to_another_firm_keeps_a_whole_file_out_or_is_skipped(gate: Path, tmp_path: Path) -> None:
    """However far down it stands: what was sent before it is not kept either."""
    file = tmp_path / "consents.csv"
    rows = [f"0161 496 {number:04},{day(-9)},paper,Yes,A,form {number},,," for number in range(450)]
    rows[440] = rows[440].removesuffix(",,,") + ",,Solar Leads Ltd,"
    file.write_text(HEAD + "\n".join(rows) + "\n")
    refused = dialgate("consent", "import", str(file))
    assert refused.code == 2 and "line 442: this consent was given to Solar Leads Ltd" in refused.err
    assert dialgate("consent", "list", "--number", "0161 496 0001", "--json").json["items"] == []
    done = dialgate("consent", "import", str(file), "--skip-bad", "--json").json
    assert (done["imported"], done["skipped"], done["faults"][0]["line"]) == (449, 1, 442)


def test_who_withdraws_what_is_not_held_is_led_to_the_objection(gate: Path) -> None:
    done = dialgate("consent", "withdraw", "0161 496 0999", "--reason", "asked")
    assert done.code == 2 and "If they want no calls: dialgate objection add" in done.err


def test_of_a_day_before_a_registers_own_no_days_are_left() -> None:
    then = ("check", "020 7946 0123", "--at", f"{day(-20)} 12:00")
    told = dialgate(*then, "--json").json
    assert told["reason"] == "register_missing" and {each["days_left"] for each in told["registers"]} == {None}
    assert "of a later day" in dialgate(*then).out and "days left" not in dialgate(*then).out
