"""A firm without the registers' files: a provider is asked about a file, and calls are screened by its answers."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from tests.registers.test_provider import CTPS, NUMBERS, TOKEN, TPS, Service
from tests.support.commands import dialgate as command
from tests.support.phones import Phones, noise
from tests.support.running_gate import RunningGate, dialgate
from tests.support.settings import secret
from tests.support.sip_stream import certificate
from tests.support.waiting import PATIENCE


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[tuple[RunningGate, Service]]:
    """A gate without registers, and the provider of its configuration, which answers as of now."""
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    for each in (gate.data / "registers").iterdir():
        each.unlink()
    pem, key = certificate(gate.folder, "provider")
    service = Service(pem, key)
    secret(gate.folder / "secrets" / "provider.token", TOKEN + "\n")
    document = tomlkit.parse(gate.config.read_text())
    table = tomlkit.table()
    table.update({
        "name": "tpsclear", "url": service.url, "token_file": "secrets/provider.token", "ca_file": pem.name,
        "body": '{"phoneNumbers": "{numbers}"}', "answers": "results", "number": "phoneNumber", "tps": "tpsListed",
        "ctps": "ctpsListed", "reference": "id",
    })  # fmt: skip
    document["provider"] = table
    gate.config.write_text(tomlkit.dumps(document))
    gate.add_pbx()
    gate.start()
    yield gate, service
    gate.kill()
    service.close()


def crm(path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        spelled = ([f"c{at}", f"0{number[3:7]} {number[7:]}"] for at, number in enumerate(NUMBERS))
        csv.writer(file).writerows([["id", "phone"], *spelled, ["none", ""], ["odd", "call me"], ["c0", NUMBERS[0]]])
    return path


def imported(gate: RunningGate) -> dict[str, dict[str, Any]]:
    rows = gate.rows("SELECT body FROM facts WHERE kind = 'register_imported' ORDER BY leaf_index")
    return {body["name"]: body for body in (json.loads(row["body"]) for row in rows) if "provider" in body}


def test_calls_are_screened_by_a_providers_answers(asked: tuple[RunningGate, Service], tmp_path: Path) -> None:
    gate, service = asked
    listing, out = crm(tmp_path / "crm.csv"), tmp_path / "screened.csv"
    both = next(each for each in NUMBERS if each in TPS & CTPS)
    plain = next(each for each in NUMBERS if each not in TPS | CTPS)
    assert gate.client.call("decide", number=plain)["reason"] == "register_missing"
    done = dialgate("screen", str(listing), "-o", str(out), "--via", service.url, config=gate.config)
    assert [len(each["phoneNumbers"]) for each in service.asked] == [1000]
    with out.open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    own = {at for at in range(1000) if rows[f"c{at}"]["reason"] in ("consented", "objected")}  # the example has some
    assert len(own) < 5
    for at, number in enumerate(NUMBERS):
        verdict = "block" if number in TPS | CTPS else "allow"
        assert at in own or rows[f"c{at}"]["verdict"] == verdict, number
    assert done["reasons"]["phone"]["listed_tps"] > 140
    facts = imported(gate)
    assert {name: (body["count"], body["asked"]) for name, body in facts.items()} == {
        "tps": (len(TPS), 1000), "ctps": (len(CTPS), 1000),
    }  # fmt: skip
    for body in facts.values():
        assert (body["provider"], body["references"], len(body["answers_sha256"])) == ("tpsclear", ["scr_1000"], 1)
    with Phones(port=gate.trunk_port, audio=noise), Phones(to=gate.address) as near:
        through, refused, unknown = (near.dial(each) for each in (plain, both, "02079460123"))
        near.wait([through], "up", PATIENCE)
        near.wait([refused, unknown], "over", PATIENCE)
        assert "listed_tps" in refused.reasons[0]
        assert "outside_coverage" in unknown.reasons[0], unknown.reasons
        near.hang_up(through)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
    status = dialgate("register", "status", config=gate.config)["registers"]
    assert {(row["state"], tuple(row["coverage"]), row["source_name"]) for row in status} == {
        ("ok", ("asked",), "tpsclear")
    }
    assert {row["sha256"] for row in status} == {body["sha256"] for body in facts.values()}
    said = gate.log.read_text()
    assert TOKEN not in said and "113496" not in said
    gate.stop()
    assert gate.verified()["ok"]


def test_where_one_of_a_thousand_is_not_answered_nothing_is_taken(
    asked: tuple[RunningGate, Service], tmp_path: Path
) -> None:
    gate, service = asked
    listing, out = crm(tmp_path / "crm.csv"), tmp_path / "screened.csv"

    def without_one(answer: Any) -> Any:
        del answer["results"][600]
        return answer

    service.spoil = without_one
    done = command("screen", str(listing), "-o", str(out), "--via", "tpsclear", "-c", str(gate.config))
    assert (done.code, out.exists()) == (1, False)
    assert "1,000 numbers were asked, and it has 999 answers" in done.err
    assert imported(gate) == {}
    assert gate.client.call("decide", number=NUMBERS[1])["reason"] == "register_missing"
    wrong = command("screen", str(listing), "-o", str(out), "--via", "https://other.example/", "-c", str(gate.config))
    assert wrong.code == 2 and "is no provider of the configuration" in wrong.err
