"""Callees who answer and find nobody: SIPp plays the dialler and the carrier of a whole gate. What they heard, what the
log has of it, and how long they are left alone."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.test_scenarios import SCENARIOS, finished, size
from tests.support.running_gate import RunningGate, dialgate, free_port
from tests.support.sipp import Result, Sipp
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

TEXT = "This is Webeo, about your web site. The call is recorded. Press 9 to object, or ring 020 7946 0000."
RINGS = '<recv response="180"/>\n  <pause milliseconds="200"/>'


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    house = RunningGate(tmp_path_factory.mktemp("abandoned") / "gate", announcement=0.5)
    house.add_pbx()
    house.set("announcement", text=TEXT)
    house.set("calling", abandoned_brief_seconds=2, campaign_header="X-Campaign", dedicated_agents=["account:alice"])
    house.add_token("dialler", purposes=["service"])
    house.set("control", http=f"127.0.0.1:{free_port(socket.SOCK_STREAM)}")
    house.start()
    yield house
    house.stop()


def leaving(gate: RunningGate, after: str, name: str) -> Path:
    """A caller that cancels as soon as it has heard this; its calls are of the campaign ``spring``."""
    text = (SCENARIOS / "uac_cancel_after_180.xml").read_text()
    assert RINGS in text
    text = text.replace(RINGS, after).replace(
        "Max-Forwards: 70\n      Content-Type", "Max-Forwards: 70\n      X-Campaign: spring\n      Content-Type"
    )
    path = gate.folder / f"{name}.xml"
    path.write_text(text)
    return path


def call(gate: RunningGate, uac: str | Path, uas: str | Path, number: str) -> tuple[dict[str, Any], Result, Result]:
    """Both to their end; the call as the log has it, and what each side saw."""
    since = size(gate)
    far = Sipp(uas, port=gate.trunk_port, timeout=PATIENCE)
    far.wait_listening()
    near = Sipp(uac, remote=gate.address, timeout=PATIENCE, service=number).result()
    there = far.result()
    assert near.code == 0, near.errors + near.messages + gate.said()
    assert there.code == 0, there.errors + there.messages + gate.said()
    (row,) = finished(gate, since)
    return row, near, there


def abandoned(gate: RunningGate, call_id: str) -> dict[str, Any]:
    (row,) = gate.rows("SELECT body FROM facts WHERE kind = 'abandoned' AND call_id = ?", call_id)
    return dict(json.loads(row["body"]))


def test_who_was_hung_up_on_in_the_announcement_hears_it_to_its_end(gate: RunningGate) -> None:
    early = '<recv response="180" optional="true"/>\n  <recv response="183"/>'
    row, _, there = call(gate, leaving(gate, early, "in_the_announcement"), "uas", "02079460120")
    assert (row["ended_by"], row["bridged"], row["announced"], row["campaign"]) == ("caller", 0, 1, "spring")
    assert "BYE sip:" in there.messages
    said = abandoned(gate, row["call_id"])
    announced = json.loads(
        gate.rows("SELECT body FROM facts WHERE kind = 'announced' AND call_id = ?", row["call_id"])[0]["body"]
    )
    assert (said["why"], said["informed"], said["lacks"]) == ("caller_left", True, "")
    assert announced["packets"] >= 24, "half a second of audio"
    assert said["began_after"] <= 2 and said["sha256"] == announced["sha256"]
    assert row["recording_id"] is None, "nothing of it is recorded"


def test_a_caller_who_is_gone_as_soon_as_it_is_put_through_was_nobody(gate: RunningGate) -> None:
    row, _, _ = call(gate, "uac", "uas", "02079460121")
    assert (row["bridged"], row["ended_by"]) == (1, "caller")
    assert abandoned(gate, row["call_id"])["why"] == "brief"
    near = Sipp("uac", remote=gate.address, timeout=PATIENCE, service="02079460121").result()
    assert 'text="redial_too_soon"' in near.messages


def test_a_dialler_reports_over_http_what_became_of_its_own_call_once(gate: RunningGate) -> None:
    def post(path: str, **fields: str) -> tuple[int, dict[str, Any]]:
        address = gate.config.read_text().partition('http = "')[2].partition('"')[0]
        token = {"Authorization": f"Bearer {gate.tokens['dialler']}"}
        asked = Request(f"http://{address}{path}", json.dumps(fields).encode(), token)
        try:
            with urlopen(asked, timeout=PATIENCE) as answer:  # noqa: S310 - our own address
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())

    code, decided = post("/v1/decision", number="02079460129", purpose="service", campaign="autumn")
    assert (code, decided["verdict"]) == (200, "allow")
    said = {"decision_id": decided["decision_id"], "outcome": "abandoned"}
    assert post("/v1/outcome", **said) == (200, said)
    assert abandoned(gate, decided["decision_id"]) == {"why": "reported", "informed": False, "lacks": "reported"}
    code, again = post("/v1/outcome", **said)
    assert code == 400 and "waits for an outcome" in again["error"]["message"]


def test_the_rate_of_the_campaign_is_shown(gate: RunningGate) -> None:
    """After the others: both of theirs are abandoned, one of ours is a talk."""
    talk = gate.folder / "talk.xml"
    talk.write_text((SCENARIOS / "uas_bye.xml").read_text().replace('milliseconds="200"', 'milliseconds="1200"'))
    row, _, _ = call(gate, SCENARIOS / "uac_is_hung_up_on.xml", talk, "02079460122")
    assert row["ended_by"] == "callee" and "abandoned" not in gate.kinds(row["call_id"])
    rows = dialgate("campaign", "list", config=gate.config)["items"]
    rows = [each for each in rows if each["claimed_by"] != "http:dialler"]
    found = {each["campaign"]: (each["abandoned"], each["live"], each["informed"]) for each in rows}
    assert found == {"": (2, 1, 2), "general": (1, 1, 1), "spring": (1, 0, 1)}
    gate.verified()
