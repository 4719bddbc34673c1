"""Strangers starve nobody, guess nothing and do not fill the log."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gate.calls.obstacles import LEAVES
from tests.attack.wire import Wire, authorization, code_of, header
from tests.support.attacks import attack
from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.waiting import PATIENCE

URI = "sip:gate.invalid"


@pytest.fixture
def gate(tmp_path):
    gate = RunningGate(tmp_path)
    gate.start()
    yield gate
    if gate.process is not None:
        gate.stop()


def gate_of(gate: RunningGate) -> tuple[str, str]:
    return ("--gate", f"127.0.0.1:{gate.port}")


def visit(gate: RunningGate, *arguments: str) -> dict[str, Any]:
    return dict(attack("stranger", *arguments, *gate_of(gate)))


def register(gate: RunningGate, wire: Wire) -> int:
    """REGISTER as Alice: each message is sent once; the last code that came (0 for none)."""
    call = {
        "sender": "<sip:alice@gate.invalid>;tag=a",
        "to": "<sip:alice@gate.invalid>",
        "call_id": secrets.token_hex(8),
    }
    wire.send(wire.request("REGISTER", URI, **call), gate.address)
    asked = wire.final(2)
    if code_of(asked) != 401:
        return code_of(asked)
    line = authorization(header(asked, "WWW-Authenticate"), "alice", gate.password(), "REGISTER", URI)
    wire.send(wire.request("REGISTER", URI, **call, cseq=2, headers=(line,)), gate.address)
    return code_of(wire.final(2))


def unanswered(gate: RunningGate) -> int:
    """The messages that the gate has counted as not answered."""
    return gate.client.call("status")["line"]["unanswered"]


def test_a_phone_registers_beside_a_flood_from_its_own_address(gate):
    flood = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.attack.stranger", "options", "--host", "127.0.0.1", "--seconds", "120"),
            *gate_of(gate),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        gate.wait(lambda: unanswered(gate) > 100, PATIENCE, "the flood is answered throughout")
        assert [register(gate, Wire()) for _ in range(10)] == [200] * 10
        after = unanswered(gate)
        gate.wait(lambda: unanswered(gate) > after, PATIENCE, "the flood ended before the phone was done")
    finally:
        told, _ = flood.communicate("stop\n", timeout=PATIENCE)
    assert json.loads(told)["sent"] > 100


def test_passwords_are_not_guessed_and_nobody_is_locked_out(gate, tmp_path):
    phone = Wire()
    assert register(gate, phone) == 200
    words = tmp_path / "words.txt"
    lockout = [f"guess{number}" for number in range(60)] + [gate.password()] + ["more"] * 20
    words.write_text("\n".join(lockout))
    one = visit(gate, "guess", "--words", str(words))
    many = visit(gate, "guess", "--words", str(words), "--sources", "81")
    assert (one["found"], many["found"]) == ("", "")
    assert one["answered"] < 40  # the rest is not even refused
    assert register(gate, phone) == 200
    log = [json.loads(line) for line in Path(gate.log).read_text().splitlines() if "wrong_password" in line]
    assert len(log) < 30
    gate.stop()
    counted(gate, one["sent"] + many["sent"])


def test_a_restart_leaves_nobody_locked_out(gate, tmp_path):
    """Who has called in the last hour is known at the next start, before it proves itself again."""
    phone, uri = Wire(), f"sip:{LISTED}@gate.invalid"
    call = {"sender": "<sip:alice@gate.invalid>;tag=a", "call_id": secrets.token_hex(8)}
    phone.send(phone.request("INVITE", uri, **call), gate.address)
    line = authorization(header(phone.final(2), "WWW-Authenticate"), "alice", gate.password(), "INVITE", uri)
    phone.send(phone.request("INVITE", uri, **call, cseq=2, headers=(line,)), gate.address)
    assert header(phone.final(5), "X-Dialgate-Reason") == "listed_tps"
    gate.stop()
    gate.start()
    words = tmp_path / "words.txt"
    words.write_text("\n".join(f"guess{number}" for number in range(30)))
    visit(gate, "guess", "--words", str(words), "--sources", "30")
    assert register(gate, Wire("127.0.0.2")) == 403  # the account is locked where nobody has proven anything
    assert register(gate, phone) == 200


def test_a_nonce_is_worth_nothing_elsewhere_and_makes_no_leaves(gate):
    told = visit(gate, "nonce", "--sources", "600")
    assert set(told["codes"]) <= {"0", "401", "603"}
    assert told["codes"]["603"] == 1  # of the host that it was given to
    assert len(gate.rows("SELECT * FROM calls")) == 1


def test_no_answer_to_a_stranger_tells_a_number_or_an_account(tmp_path):
    """A listed number of an account that is there, and locked in the end; an unlisted one of an account that is not."""
    told = []
    for number, account in ((LISTED, "alice"), (UNLISTED, "nobody")):
        gate = RunningGate(tmp_path / f"{account}{number}")
        gate.start()
        try:
            told.append(visit(gate, "ask", "--number", number, "--account", account)["answers"])
        finally:
            gate.stop()
    assert [answer[0] for answer in told[0][:4]] == [
        *("SIP/2.0 401 Unauthorized", "SIP/2.0 603 Declined: this phone is not known"),
        *("SIP/2.0 401 Unauthorized", "SIP/2.0 403 Forbidden"),
    ]
    assert told[0] == told[1]


def counted(gate: RunningGate, most: int) -> None:
    """A minute's leaves of strangers have their bound, and what is over is one count that is committed."""
    minutes = 1 + most // 60  # the attack lasts less than a second a guess
    assert len(gate.rows("SELECT * FROM calls")) <= LEAVES * minutes
    rest = [json.loads(row["body"]) for row in gate.rows("SELECT body FROM facts WHERE kind = 'refused_strangers'")]
    assert 1 <= len(rest) <= 1 + minutes
    assert sum(each["count"] + each["unanswered"] for each in rest) > 0
    gate.verified()
