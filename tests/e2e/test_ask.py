"""Asking before dialling: the HTTP door and the pyVoIP hook against a running gate, and in the same process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.config import load
from gate.daemon import open_data_folder
from gate.softphone import Answer, CallRefused, GatedPhone, ask_gate
from tests.support.asking import ByName
from tests.support.gatehouse import LISTED, UNLISTED, Gatehouse, free_port
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

TOKEN = "a-token-of-the-test"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gatehouse]:
    house = Gatehouse(tmp_path / "gate", announcement=0.6)
    house.http = f"127.0.0.1:{free_port()}"
    house.set("control", http=house.http)
    house.add_token("dialler", purposes=["marketing", "service"])
    house.add_token("prometheus", metrics=True)
    (house.folder / "secrets" / "dialler.token").write_text(TOKEN + "\n")
    house.start()
    yield house
    house.stop()


def phone(house: Gatehouse, token: str = TOKEN) -> GatedPhone:
    ask = ask_gate(f"http://{house.http}", token, account="alice")
    return GatedPhone(ask, "127.0.0.1", house.port, "alice", house.password())


def test_a_gated_phone_asks_first_and_dials_what_the_gate_answers(gate: Gatehouse) -> None:
    with Uas(port=gate.trunk_port) as far, phone(gate) as caller:
        with pytest.raises(CallRefused) as refused:
            caller.call(LISTED)
        assert refused.value.reason == "listed_tps"
        call = caller.call("(020) 7946 0123")
        assert call.number == "+442079460123"
        assert call.wait_answered(15)
        call.hangup()
        assert far.wait("call")["user"].endswith("2079460123")
    rows = gate.rows("SELECT source, reason, claimed_by FROM calls ORDER BY leaf_index")
    assert [(row["source"] == "ask", row["reason"]) for row in rows] == [
        *((True, "listed_tps"), (True, "not_listed"), (False, "not_listed")),
    ]
    assert {row["claimed_by"] for row in rows} == {"account:alice"}


def test_a_wrong_token_and_a_gate_that_is_gone_are_refusals(gate: Gatehouse) -> None:
    with phone(gate, token="wrong") as caller, pytest.raises(CallRefused) as refused:
        caller.call(UNLISTED)
    assert refused.value.reason == "internal_error"
    gate.stop()
    with pytest.raises(CallRefused):
        caller.call(UNLISTED)


def test_the_door_for_phone_systems(gate: Gatehouse) -> None:
    def post(body: object, token: str = TOKEN, **headers: str) -> tuple[int, dict[str, object]]:
        request = urllib.request.Request(
            f"http://{gate.http}/v1/decision",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - our own address
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    code, told = post({"number": LISTED})
    assert (code, told["verdict"], told["reason"]) == (200, "block", "listed_tps")
    assert gate.kinds(str(told["decision_id"])) == ["decision"]
    for body, headers in (
        ({"number": LISTED, "nonsense": 1}, {}),
        ({}, {}),
        ({"number": LISTED}, {"Origin": "http://x"}),
    ):
        code, told = post(body, **headers)
        assert code >= 400 and told["verdict"] == "block"
    with urllib.request.urlopen(f"http://{gate.http}/healthz", timeout=5) as response:
        assert json.load(response) == {"state": "ok"}
    metrics = urllib.request.Request(
        f"http://{gate.http}/metrics", headers={"Authorization": f"Bearer {gate.tokens['prometheus']}"}
    )
    with urllib.request.urlopen(metrics, timeout=PATIENCE) as response:  # noqa: S310 - our own address
        assert b"dialgate_recorder_up 1.0" in response.read()


def test_in_the_same_process(gate: Gatehouse) -> None:
    gate.stop()
    with open_data_folder(load(gate.config)) as folder:
        phone = GatedPhone(
            lambda number: Answer.of(ByName(folder).decide(number=number, account="alice", actor="dialler")),
            *("127.0.0.1", gate.port, "alice", gate.password()),
        )
        with pytest.raises(CallRefused) as refused:
            phone.call(LISTED)
    assert refused.value.reason == "listed_tps"
    assert gate.rows("SELECT reason FROM calls WHERE call_id = ?", refused.value.decision_id) == [
        {"reason": "listed_tps"}
    ]
