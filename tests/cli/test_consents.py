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

from gate.core.showing import LONDON
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
