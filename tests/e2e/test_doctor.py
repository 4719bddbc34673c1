"""``dialgate doctor``: each thing that is broken is a line that says so, with what mends it; nothing else is."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.cli.doctor import HERTZ
from gate.client.doctor import State
from gate.config import load
from gate.config.secrets import kept_password
from tests.support.commands import dialgate
from tests.support.phones import Phones, noise
from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.sipp import Sipp
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE


def examined(gate: RunningGate, *more: str) -> list[dict[str, Any]]:
    done = dialgate("doctor", *more, "--json", "-c", str(gate.config))
    found: list[dict[str, Any]] = done.json["findings"]
    assert done.code == int(any(each["state"] == State.FAIL for each in found))
    return found


def of(found: list[dict[str, Any]], subject: str, state: State) -> list[str]:
    return [each["text"] for each in found if (each["subject"], each["state"]) == (subject, state)]


@pytest.fixture
def gate(tmp_path: Path) -> RunningGate:
    return RunningGate(tmp_path / "gate", announcement=1.6)


def test_a_gate_that_carries_calls_fails_in_nothing_and_hears_both_sides(gate: RunningGate) -> None:
    gate.add_pbx()
    gate.set("trunk", options_seconds=1)
    gate.start()
    try:
        far = Phones(port=gate.trunk_port, audio=lambda number: noise(("far", number[-4:])), keep=True)
        near = Phones(to=gate.address, audio=lambda number: noise(("near", number[-4:])), keep=True)
        with far, near:
            talk = near.dial("02079460300")
            near.wait([talk], "up", PATIENCE)
            gate.wait(lambda: talk.packets_in > 60, PATIENCE, "nothing is heard")
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
            gate.wait(lambda: gate.rows("SELECT 1 FROM recordings WHERE state = 'closed'"), PATIENCE, "not kept")
        found = examined(gate)
        failed = [each for each in found if each["state"] == State.FAIL and each["subject"] != "trunk"]
        assert not failed
        assert not any("recordings" in each["text"] for each in found if each["subject"] == "ports"), "it holds them"
        for subject in ("gate", "evidence", "permissions", "disk", "audio"):
            assert of(found, subject, State.OK), subject
        assert of(found, "lists", State.OK)
        (tested,) = of(found, "second trunk", State.WARN)
        assert "trunk:pbx" in tested
        text = dialgate("doctor", "-c", str(gate.config)).out
        assert "\n      mend: dialgate trunk-test pbx\n" in text and "Traceback" not in text
        assert re.search(r"\n      mend: dialgate backup /\S+ --keys /\S+\n", text), "a command that can be typed"
    finally:
        gate.stop()


def test_what_is_broken_is_named_with_what_mends_it(gate: RunningGate) -> None:
    before = Counter((each["state"], each["subject"]) for each in examined(gate))
    assert before[State.FAIL, "gate"] == 1 and sum(of == State.FAIL for (of, _), _ in before.items()) == 1
    gate.data.chmod(0o755)
    password = gate.folder / "secrets" / "alice.password"
    password.chmod(0o644)
    (gate.folder / "secrets" / "bob.password").unlink()
    gate.set("trunk", address="no-such-carrier.invalid:5060")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(gate.address)
        found = examined(gate)
    mends = {each["mend"] for each in found if each["state"] == State.FAIL}
    assert {f"chmod 700 {gate.data}", f"chmod 600 {password}", "getent hosts no-such-carrier.invalid"} <= mends
    assert any("bob.password: it is not there" in each for each in of(found, "permissions", State.FAIL))
    (port,) = of(found, "ports", State.FAIL)
    assert "Address already in use" in port
    for each in (gate.data / "registers").glob("ctps*"):
        each.unlink()
    found = examined(gate)
    assert of(found, "ports", State.OK) and not of(found, "ports", State.FAIL)
    assert of(found, "lists", State.FAIL) == ["CTPS supports no calls (missing)"]
    gate.config.write_text(gate.config.read_text() + "\n[nonsense]\n")
    (fault,) = examined(gate)
    assert fault["subject"] == "configuration" and "nonsense" in fault["text"]


# --- a test call ------------------------------------------------------------------------------------------------------


def called(gate: RunningGate, number: str, *more: str) -> dict[str, dict[str, Any]]:
    """What a test call by alice found, by its subject; with ``more``, of these subjects too."""
    found = examined(gate, "--call", number, "--account", "alice")
    return {each["subject"]: each for each in found if each["subject"].startswith("test ") or each["subject"] in more}


def states(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {subject.removeprefix("test "): each["state"] for subject, each in found.items()}


@pytest.fixture
def started(gate: RunningGate) -> Iterator[RunningGate]:
    gate.start()
    try:
        yield gate
    finally:
        gate.stop()


def test_a_test_call_to_an_echo_is_heard_both_ways_announced_and_recorded(started: RunningGate) -> None:
    echo = Sipp("uas", port=started.trunk_port, extra=("-rtp_echo",))
    echo.wait_listening()
    assert of(examined(started), "audio", State.WARN) == ["no call was recorded in the last seven days"]
    found = called(started, UNLISTED, "audio")
    echo.stop()
    after = found.pop("audio")
    (recording,) = started.rows("SELECT recording_id FROM recordings WHERE state = 'closed'")
    assert after["state"] == State.OK and recording["recording_id"][:12] in after["text"], "it is looked at afterwards"
    assert states(found) == dict.fromkeys(("call", "audio", "announcement", "recording"), State.OK), found
    assert found["test audio"]["text"].startswith("both ways: the tone came back") and "(PCMU)" in str(found)
    (call,) = started.client.call("calls_list")["items"]
    assert (call["claimed_by"], call["announced"], call["ended_by"]) == ("account:alice", True, "caller")
    assert started.verified()


def test_a_callee_that_sends_no_audio_fails_in_the_call_and_in_its_recording(started: RunningGate) -> None:
    mute = Sipp("uas", port=started.trunk_port)
    mute.wait_listening()
    found = called(started, UNLISTED, "audio")
    mute.stop()
    assert found.pop("audio")["state"] == State.FAIL and "callee 0" in str(found["test recording"])
    assert states(found) == {"call": "ok", "audio": "fail", "announcement": "ok", "recording": "fail"}, found
    assert "one way" in found["test audio"]["text"] and " 0 received" in found["test audio"]["text"]
    assert found["test recording"]["text"].startswith("silent on the side of the callee; ")
    (call,) = started.client.call("calls_list")["items"]
    assert found["test recording"]["mend"] == f"dialgate calls show {call['call_id']}"


def test_a_refused_test_call_warns_with_its_reason_and_reaches_nobody(started: RunningGate) -> None:
    with Uas(port=started.trunk_port) as far:
        found = called(started, LISTED)
        assert not far.invites
    (call,) = started.client.call("calls_list")["items"]
    assert (call["verdict"], call["reason"]) == ("block", "listed_tps")
    assert list(found) == ["test call"] and states(found) == {"call": State.WARN}
    assert "listed_tps" in found["test call"]["text"] and call["call_id"] in found["test call"]["mend"]


def test_a_wrong_password_fails_and_nothing_is_dialled(started: RunningGate) -> None:
    (started.folder / "secrets" / "alice.password").write_text("not-the-one-that-the-gate-has-read\n")
    with Uas(port=started.trunk_port) as far:
        found = called(started, UNLISTED)
        assert not far.invites
    assert list(found) == ["test call"] and found["test call"]["state"] == State.FAIL
    assert "alice could not register" in found["test call"]["text"]
    assert found["test call"]["mend"] == "dialgate account password alice"
    assert not started.client.call("calls_list")["items"]


def test_a_kept_password_signs_in_and_a_callee_with_another_codec_is_heard(gate: RunningGate) -> None:
    password = gate.folder / "secrets" / "alice.password"
    password.write_text(kept_password("alice", load(gate.config).sip.realm, gate.password()) + "\n")
    gate.start()
    try:
        with Uas("--codec", "PCMA", port=gate.trunk_port) as far:
            found = called(gate, UNLISTED)
            heard = far.wait("call")["heard"]
        assert sum(share > 0.9 for _, hertz, share in heard if hertz == HERTZ) > 10, "the callee heard the tone"
        assert states(found) == dict.fromkeys(("call", "audio", "announcement", "recording"), State.OK), found
        assert "no echo" in found["test audio"]["text"] and "(PCMA)" in found["test audio"]["text"]
    finally:
        gate.stop()


def test_a_callee_that_sends_only_silence_warns(started: RunningGate) -> None:
    with Phones(port=started.trunk_port, audio=lambda _number: lambda _frame: b"\xff" * 160):
        found = called(started, UNLISTED)
    assert states(found) == {"call": "ok", "audio": "warn", "announcement": "ok", "recording": "ok"}, found
    assert found["test audio"]["text"].startswith("only silence was heard from the callee")


def test_a_callee_that_hangs_up_in_the_announcement_was_not_reached(started: RunningGate) -> None:
    with Uas("--hangup-after", "0.2", port=started.trunk_port):
        found = called(started, UNLISTED)
    assert states(found) == {"call": State.FAIL}, found
    assert found["test call"]["text"] == "it ended before anybody could talk: hung_up"
    (call,) = started.client.call("calls_list")["items"]
    assert call["announced"] is False and found["test call"]["mend"] == f"dialgate calls show {call['call_id']}"


def test_a_busy_callee_is_a_warning(started: RunningGate) -> None:
    with Uas("--busy", port=started.trunk_port):
        found = called(started, UNLISTED)
    assert states(found) == {"call": State.WARN} and "486" in found["test call"]["text"]


def test_without_call_nothing_is_dialled_and_an_emergency_number_never_is(started: RunningGate) -> None:
    with Uas(port=started.trunk_port) as far:
        assert not any(each["subject"].startswith("test ") for each in examined(started))
        for words, told in (
            (("--call", "999", "--account", "alice"), "Emergency and short numbers"),
            (("--call", UNLISTED), "accounts: alice, bob"),
            (("--account", "alice"), "add --call NUMBER"),
        ):
            done = dialgate("doctor", *words, "-c", str(started.config))
            assert done.code == 2 and told in done.err, done
        assert not far.invites
    assert not started.client.call("calls_list")["items"]


def test_where_no_gate_runs_nothing_is_dialled(gate: RunningGate) -> None:
    found = called(gate, UNLISTED)
    assert states(found) == {"call": State.FAIL} and "not running" in found["test call"]["text"]
