"""FreePBX's macro with a second trunk that leads around the gate, in every set-up in which a refused call was seen to
take it: no listed number comes by that trunk, unless the phone system is set up wrong and ``dialgate status`` says so.

``dialgate trunk-test`` stands in for the second trunk, as it does for the firm.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from tests.support import programs
from tests.support.pbx import Asterisk
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, dialgate, free_port
from tests.support.sip_peer import Phone
from tests.support.sip_stream import StreamPhone
from tests.support.sipp import Sipp
from tests.support.sipp_scenario import RINGING, invite, refused_ack, scenario
from tests.support.waiting import PATIENCE

TEST_NUMBER = "01632960999"
ELSEWHERE = "127.0.0.9"
Change = Callable[[RunningGate], None]


def pbx(gate: RunningGate) -> None:
    gate.add_pbx(refusal=600)


def without_accounts(gate: RunningGate) -> None:
    pbx(gate)
    document = tomlkit.parse(gate.config.read_text())
    del document["account"]
    gate.config.write_text(tomlkit.dumps(document))


def account(gate: RunningGate) -> None:
    document = tomlkit.parse(gate.config.read_text())
    document["account"][0]["phone_system"] = True
    gate.config.write_text(tomlkit.dumps(document))


SIGNED_IN: dict[str, Any] = {"account": ("alice", "")}
WRONG: dict[str, Any] = {"account": ("alice", "not this one")}
SETUPS: dict[str, tuple[Change, dict[str, Any], str, bool]] = {
    "as the cookbook says": (pbx, {}, "obeyed", False),
    "Continue if Busy": (pbx, {"continue_if_busy": True}, "not_obeyed", True),
    "signed in as an account": (account, SIGNED_IN, "obeyed", False),
    "wrong password": (account, WRONG, "not_known", False),
    "an address that is not the PBX's": (pbx, {"host": ELSEWHERE}, "not_obeyed", True),
    "the same where nobody could sign in": (without_accounts, {"host": ELSEWHERE}, "not_known", False),
}
"""Configuration; how the phone system is set up; what its test comes to; whether a listed number takes trunk 2."""


@contextmanager
def running(folder: Path, change: Change) -> Iterator[RunningGate]:
    gate = RunningGate(folder / "gate")
    change(gate)
    gate.start()
    try:
        yield gate
    finally:
        gate.stop()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The gate answers nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def system(gate: RunningGate, second: tuple[str, int], how: dict[str, Any]) -> Asterisk:
    how = dict(how)
    if (signs := how.get("account")) is not None:
        how["account"] = (signs[0], signs[1] or gate.password(signs[0]))
    return Asterisk(gate.address, second, **how)


@contextmanager
def trunk_two() -> Iterator[tuple[tuple[str, int], list[str]]]:
    """Where the second trunk listens, and the numbers that came by it once it is over."""
    came: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname(), came
        listener.setblocking(False)
        while True:
            try:
                came.append(listener.recv(65535).split(b"\r\n")[0].decode())
            except BlockingIOError:
                return


def outcome_of(
    gate: RunningGate, how: dict[str, Any], dials: Callable[[tuple[str, int]], object] | None = None
) -> tuple[int, str]:
    """Exit code and outcome of ``dialgate trunk-test`` while the phone system dials the number, or does this."""
    at = ("127.0.0.1", free_port())
    words = ("trunk-test", "--listen", f"127.0.0.1:{at[1]}", "--seconds", "12", "--after", "2", "--json")
    out = gate.folder / "trunk-test.json"
    with out.open("wb") as file, (gate.folder / "trunk-test.log").open("wb") as log:
        command = programs.start(
            "gate.cli.main", *words, "-c", str(gate.config), stdout=file, stderr=log, cwd=Path.cwd()
        )
        answers(at)
        (dials or (lambda at: system(gate, at, how).dial(TEST_NUMBER)))(at)
        code = command.wait(PATIENCE)
    return code, str(json.loads(out.read_text())["outcome"])


def answers(at: tuple[str, int]) -> None:
    """Wait until the second trunk says that it is there, as a phone system does (qualify)."""
    end = time.monotonic() + PATIENCE
    with Phone(at) as phone:
        while time.monotonic() < end:
            phone.send(phone.request("OPTIONS", phone.new_dialog()))
            try:
                assert phone.recv(0.3).code == 200
                return
            except (AssertionError, ConnectionRefusedError):
                time.sleep(0.05)
    raise AssertionError("trunk-test does not listen")


def attention(gate: RunningGate) -> list[str]:
    """What ``dialgate status`` asks somebody to see to, of phone systems."""
    said = dialgate("status", config=gate.config, check=False)
    return [each for each in said["attention"] if "trunk-test" in each or "phone_system" in each]


@pytest.mark.parametrize("name", list(SETUPS))
def test_no_listed_number_takes_the_second_trunk_unless_status_says_so(name: str, tmp_path: Path) -> None:
    change, how, outcome, takes_it = SETUPS[name]
    with running(tmp_path, change) as gate:
        (never,) = gate.client.call("status")["trunk_tests"]
        assert (never["outcome"], never["at"]) == (None, None)
        assert outcome_of(gate, how) == (0 if outcome == "obeyed" else 1, outcome)
        with trunk_two() as (second, came):
            phone_system = system(gate, second, {**how, "patience": 2.0})
            phone_system.dial(LISTED)
        assert [each.split()[0] for each in came][:1] == (["INVITE"] if takes_it else []), phone_system.ends
        assert bool(attention(gate)) is (outcome != "obeyed")
        if takes_it:
            assert "DOES NOT OBEY A REFUSAL" in attention(gate)[0]


@pytest.mark.peer
@pytest.mark.parametrize("name", list(SETUPS))
def test_the_macro_as_a_script_of_sipps_dials_the_second_trunk_in_no_other_set_up(name: str, tmp_path: Path) -> None:
    """SIPp is the phone system: it reads the code, and by it ends the call or sends the INVITE to trunk 2."""
    change, how, _, takes_it = SETUPS[name]
    with running(tmp_path, change) as gate, trunk_two() as (second, came):
        user, password = how.get("account", ("1001", ""))
        path = tmp_path / "macro.xml"
        signs_in, busy = "account" in how, how.get("continue_if_busy", False)
        path.write_text(macro(second, user, signs=signs_in, continue_if_busy=busy))
        signs = ("-au", user, "-ap", password or gate.password("alice"))
        sipp = Sipp(path, remote=gate.address, host=how.get("host", "127.0.0.1"), service=LISTED, extra=signs)
        result = sipp.result()
        assert result.code == 0, result.errors + result.messages
    assert [each.split()[0] for each in came][:1] == (["INVITE"] if takes_it else []), result.messages


def macro(second: tuple[str, int], user: str, *, signs: bool, continue_if_busy: bool) -> str:
    """The macro's logic: upon the codes that end a call it is over, upon all others trunk 2 is dialled."""
    again, dials, over = 1, 2, 3
    elsewhere = f'<setdest host="{second[0]}" port="{second[1]}" protocol="udp"/>'

    def sends(cseq: int, *headers: str) -> str:
        text = invite(*headers, cseq=cseq).replace("sip:sipp@", f"sip:{user}@")
        return text.replace(' retrans="500"', "") if cseq == 9 else text

    def upon(code: int, label: int, more: str = ' optional="true"') -> str:
        return f'<recv response="{code}"{more} next="{label}"/>\n'

    def label(number: int, then: int = 0, *steps: str) -> str:
        return f'<label id="{number}"/>\n' + "".join(steps) + (f'<nop next="{then}"/>\n' if then else "")

    def tries(cseq: int, *headers: str) -> str:
        """One INVITE to the gate, and what its answer comes to."""
        ends, goes_on = 10 + cseq, 20 + cseq
        codes = dict.fromkeys((404, 410, 480, 484, 486, 600, 604), ends)
        codes |= dict.fromkeys((400, 401, 403, 407, 408, 420, 422, 482, 488, 500, 502, 503, 504), goes_on)
        if continue_if_busy:
            codes |= {486: goes_on, 600: goes_on}
        if signs and not headers:
            codes[401] = again
        asked = "".join(upon(code, to, ' optional="true" auth="true"') for code, to in codes.items() if to == again)
        reads = "".join(upon(code, to) for code, to in codes.items() if to != again)
        last = upon(603, goes_on, f' timeout="4000" ontimeout="{dials}"')
        acks = label(ends, over, refused_ack(cseq)) + label(goes_on, dials, refused_ack(cseq))
        return sends(cseq, *headers) + RINGING + asked + reads + last + acks

    return scenario(
        tries(1),
        label(again, 0, refused_ack(1)), tries(2, "[authentication]"),
        label(dials, 0, f"<nop><action>{elsewhere}</action></nop>\n"), sends(9), label(over),
    )  # fmt: skip


def test_a_second_trunk_that_is_dialled_by_tcp_is_seen_too(tmp_path: Path) -> None:
    def dials(at: tuple[str, int]) -> None:
        system(gate, at, {}).dial(TEST_NUMBER)  # it obeys over UDP
        with closing(StreamPhone(at).sock) as other, closing(StreamPhone(at).sock) as half:
            half.sendall(b"INVITE sip:")  # a connection that says nothing whole holds up nobody
            phone = StreamPhone(at)
            phone.send(phone.request("OPTIONS", phone.new_dialog()))
            assert phone.recv().code == 200
            other.close()
            phone.dial(TEST_NUMBER)
            assert phone.recv().code == 486
            phone.sock.close()

    with running(tmp_path, pbx) as gate:
        assert outcome_of(gate, {}, dials) == (1, "not_obeyed")
        assert any("DOES NOT OBEY A REFUSAL" in each for each in attention(gate))


def test_one_that_signs_in_as_a_softphone_does_is_refused_for_good_and_told_of(tmp_path: Path) -> None:
    with running(tmp_path, lambda gate: None) as gate, trunk_two() as (second, came):
        assert attention(gate) == []
        phone_system = system(gate, second, SIGNED_IN)
        phone_system.dial(LISTED)
        assert phone_system.ends == [600]
        (said,) = attention(gate)
        assert said.startswith("account:alice seems to be a phone system (Asterisk)")
        softphone = system(gate, second, {**SIGNED_IN, "product": "Linphone/5.3", "continue_if_busy": False})
        softphone.second = softphone.gate  # it has no other
        softphone.dial(LISTED)
        assert softphone.ends[0] == 603
    assert came == []


@pytest.mark.parametrize("how", ["dead", "frozen"])
def test_where_the_gate_is_away_the_phone_system_alone_can_keep_from_its_next_trunk(how: str, tmp_path: Path) -> None:
    """The test says so; with the cookbook's guard, which lets each call try one trunk, none rings."""
    with running(tmp_path, pbx) as gate:
        if how == "frozen":
            assert gate.process is not None
            with frozen(gate.process.pid), trunk_two() as (second, came):
                guarded = system(gate, second, {"patience": 0.5, "hook": tried_once()})
                guarded.dial(LISTED)
                assert (guarded.ends, came) == ([0], [])
                system(gate, second, {"patience": 0.5}).dial(LISTED)
            assert came, "without the guard it dials on, as the manual says"
            return
        gate.stop()
        assert outcome_of(gate, {"patience": 0.5}) == (1, "not_obeyed")
        assert any("DOES NOT OBEY A REFUSAL" in each for each in attention(gate))
        with trunk_two() as (second, came):
            guarded = system(gate, second, {"patience": 0.5, "hook": tried_once()})
            guarded.dial(LISTED)
        assert guarded.ends == [0] and came == []
        gate.start()


def tried_once(ask: Callable[[str], bool] = lambda number: True) -> Callable[[str], bool]:
    """The hook of the manual: ``DG_TRIED``, then the question; what is not an ``allow`` hangs up."""
    tried: list[str] = []

    def hook(number: str) -> bool:
        if tried:
            return False
        tried.append(number)
        return ask(number)

    return hook


def test_the_hook_over_http_keeps_every_number_from_the_second_trunk(tmp_path: Path) -> None:
    """Listed ones by the answer; allowed ones whose carrier fails (503) by the guard; a gate that is frozen by the
    time-outs, which the manual's lines have."""
    gate = RunningGate(tmp_path / "gate")
    gate.http = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    gate.set("control", http=gate.http)
    pbx(gate)
    token = gate.add_token("dialler", purposes=["marketing"], account="pbx")
    gate.start()

    def ask(number: str) -> bool:
        url = f"http://{gate.http}/v1/decision?format=text"
        words = ["curl", "-s", "-m", "2", "-u", f"dialler:{token}", url, "--data-urlencode", f"number={number}"]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout == "allow"

    try:
        for number, ends in ((LISTED, []), (TEST_NUMBER, []), (UNLISTED, [503])):
            with trunk_two() as (second, came):
                phone_system = system(gate, second, {"hook": tried_once(ask)})
                phone_system.dial(number)
            assert (phone_system.ends, came) == (ends, [])
        with trunk_two() as (second, came):
            unguarded = system(gate, second, {"hook": ask, "patience": 2.0})
            unguarded.dial(LISTED)
        assert came == []
        with frozen(gate.process.pid):
            with trunk_two() as (second, came):
                held_up = system(gate, second, {"hook": tried_once(ask), "patience": 2.0})
                held_up.dial(UNLISTED)
            assert (held_up.ends, came) == ([], [])
    finally:
        gate.stop()
