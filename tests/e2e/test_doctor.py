"""``dialgate doctor``: each thing that is broken is a line that says so, with what mends it; nothing else is."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gate.client.doctor import State
from tests.support.commands import dialgate
from tests.support.gatehouse import Gatehouse
from tests.support.phones import Phones, noise
from tests.support.waiting import PATIENCE


def examined(house: Gatehouse) -> list[dict[str, Any]]:
    done = dialgate("doctor", "--json", "-c", str(house.config))
    found: list[dict[str, Any]] = done.json["findings"]
    assert done.code == int(any(each["state"] == State.FAIL for each in found))
    return found


def of(found: list[dict[str, Any]], subject: str, state: State) -> list[str]:
    return [each["text"] for each in found if (each["subject"], each["state"]) == (subject, state)]


@pytest.fixture
def house(tmp_path: Path) -> Gatehouse:
    return Gatehouse(tmp_path / "gate", announcement=0.6)


def test_a_gate_that_carries_calls_fails_in_nothing_and_hears_both_sides(house: Gatehouse) -> None:
    house.add_pbx()
    house.set("trunk", options_seconds=1)
    house.start()
    try:
        far = Phones(port=house.trunk_port, audio=lambda number: noise(("far", number[-4:])), keep=True)
        near = Phones(to=house.address, audio=lambda number: noise(("near", number[-4:])), keep=True)
        with far, near:
            talk = near.dial("02079460300")
            near.wait([talk], "up", PATIENCE)
            house.wait(lambda: talk.packets_in > 60, PATIENCE, "nothing is heard")
            near.hang_up(talk)
            house.wait(lambda: not house.client.call("status")["calls"], PATIENCE, "the call is left")
            house.wait(lambda: house.rows("SELECT 1 FROM recordings WHERE state = 'closed'"), PATIENCE, "not kept")
        found = examined(house)
        failed = [each for each in found if each["state"] == State.FAIL and each["subject"] != "trunk"]
        assert not failed
        assert not any("recordings" in each["text"] for each in found if each["subject"] == "ports"), "it holds them"
        for subject in ("gate", "evidence", "permissions", "disk", "audio"):
            assert of(found, subject, State.OK), subject
        assert of(found, "lists", State.OK)
        (tested,) = of(found, "second trunk", State.WARN)
        assert "trunk:pbx" in tested
        text = dialgate("doctor", "-c", str(house.config)).out
        assert "\n      mend: dialgate trunk-test pbx\n" in text and "Traceback" not in text
    finally:
        house.stop()


def test_what_is_broken_is_named_with_what_mends_it(house: Gatehouse) -> None:
    before = Counter((each["state"], each["subject"]) for each in examined(house))
    assert before[State.FAIL, "gate"] == 1 and sum(of == State.FAIL for (of, _), _ in before.items()) == 1
    house.data.chmod(0o755)
    password = house.folder / "secrets" / "alice.password"
    password.chmod(0o644)
    (house.folder / "secrets" / "bob.password").unlink()
    house.set("trunk", address="no-such-carrier.invalid:5060")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(house.address)
        found = examined(house)
    mends = {each["mend"] for each in found if each["state"] == State.FAIL}
    assert {f"chmod 700 {house.data}", f"chmod 600 {password}", "getent hosts no-such-carrier.invalid"} <= mends
    assert any("bob.password: it is not there" in each for each in of(found, "permissions", State.FAIL))
    (port,) = of(found, "ports", State.FAIL)
    assert "Address already in use" in port
    for each in (house.data / "registers").glob("ctps*"):
        each.unlink()
    found = examined(house)
    assert of(found, "ports", State.OK) and not of(found, "ports", State.FAIL)
    assert of(found, "lists", State.FAIL) == ["CTPS supports no calls (missing)"]
    house.config.write_text(house.config.read_text() + "\n[nonsense]\n")
    (fault,) = examined(house)
    assert fault["subject"] == "configuration" and "nonsense" in fault["text"]
