"""linphone at a real gate: registered, calling through, refused, on hold. sipsak: what a stranger is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import linphone
from tests.support.audio import read_wav, runs
from tests.support.linphone import Linphone
from tests.support.phones import Phones, heard, speaking
from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

AGENT, CUSTOMER, NOTICE = 1000, 600, 700


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path_factory.mktemp("linphone") / "gate", announcement=1.0)
    gate.set("calling", redial_hours=0)
    gate.set("sip", realm="phones.example")
    alice, both, bob = gate.config.read_text().partition('username = "bob"')
    gate.config.write_text(f'{alice}{both}\ndigest = "md5"{bob}')
    gate.start()
    yield gate
    gate.stop()


@pytest.fixture
def phone(gate: RunningGate, tmp_path: Path) -> Iterator[Linphone]:
    linphone.required()
    with Linphone(tmp_path / "phone", gate.address, "alice", gate.password(), AGENT) as made:
        made.registered()
        yield made


def last(gate: RunningGate) -> dict[str, object]:
    """The newest call."""
    return gate.rows("SELECT * FROM calls ORDER BY leaf_index DESC LIMIT 1")[0]


def test_it_calls_through_and_the_callee_hangs_up(gate: RunningGate, phone: Linphone, tmp_path: Path) -> None:
    with Uas("--tone", str(CUSTOMER), "--hangup-after", "4", port=gate.trunk_port) as far:
        phone.call(UNLISTED)
        phone.wait("Media streams established")
        phone.wait(r"ended \(No error\)")
        shown = far.wait("call")
    assert shown["ended_by"] == "callee"
    tones = [(at, hertz) for at, (_, hertz, _) in enumerate(shown["heard"]) if hertz]
    notice = [at for at, hertz in tones if abs(hertz - NOTICE) < 15]
    agent = [at for at, hertz in tones if abs(hertz - AGENT) < 15]
    assert len(notice) >= 4 and len(agent) >= 5 and max(notice) <= min(agent)
    assert len(runs(phone.heard(), CUSTOMER)) >= 5
    row = gate.wait(
        lambda: gate.rows(
            "SELECT c.ended_by, c.recording_id FROM calls c JOIN recordings r USING (call_id) "
            "WHERE c.state = 'ended' AND r.closed_at IS NOT NULL"
        ),
        PATIENCE,
        "no recording",
    )[0]
    assert row["ended_by"] == "callee"
    gate.export(row["recording_id"], tmp_path / "call.wav")
    samples, _ = read_wav(tmp_path / "call.wav")
    assert len(runs(samples[:, 0], AGENT)) >= 5 and len(runs(samples[:, 1], CUSTOMER)) >= 5


def test_a_listed_number_is_refused_and_the_phone_says_so(gate: RunningGate, phone: Linphone) -> None:
    with Uas(port=gate.trunk_port) as far:
        phone.call(LISTED)
        phone.wait(rf"Call 1 with sip:{LISTED}@\S+ ended \(Call declined\)")
        phone.call(UNLISTED)
        far.wait("invite")
        assert [each["user"] for each in far.invites] == [f"+44{UNLISTED[1:]}"]


def test_hold_resume_and_the_phone_hangs_up(gate: RunningGate, phone: Linphone) -> None:
    with Phones(port=gate.trunk_port, audio=lambda _: speaking(CUSTOMER), keep=True) as far:
        phone.call(UNLISTED)
        phone.wait("Media streams established")
        (talk,) = far.wait(far.all(), "up", PATIENCE)
        gate.wait(lambda: heard(talk, AGENT) > 0.6, PATIENCE, "the agent is not heard")
        phone.do("pause")
        phone.wait("is now paused")
        gate.wait(lambda: talk.held, PATIENCE, "the callee is not told of the hold")
        phone.do("resume 1")
        phone.wait("Media streams established", count=2)
        gate.wait(lambda: not talk.held, PATIENCE, "the callee is not told that it is over")
        before = len(talk.heard)
        gate.wait(lambda: heard(talk, AGENT, talk.heard[before - 1][0]) > 0.6, PATIENCE, "nothing after the hold")
        assert talk.state == "up"
        phone.do("terminate")
        phone.wait(r"ended \(No error\)")
        far.wait([talk], "over", PATIENCE)
    assert talk.ended_by == "them"
    gate.wait(lambda: last(gate)["ended_by"] == "caller", PATIENCE, "the call has no end")


def sipsak(*words: str) -> tuple[int, str]:
    """Its exit code and all that it was told."""
    if not shutil.which("sipsak"):
        assert not os.environ.get("CI"), "sipsak must be installed"
        pytest.skip("sipsak is not installed")
    done = subprocess.run(["sipsak", "-vvv", *words], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout + done.stderr


def register(gate: RunningGate, name: str, word: str) -> tuple[int, str]:
    """sipsak registers for a minute."""
    here, there = f"sip:{name}@127.0.0.1:5999", f"sip:{name}@127.0.0.1:{gate.port}"
    return sipsak("-U", "-x", "60", "-C", here, "-u", name, "-a", word, "-s", there)


def nameless(told: str) -> bool:
    """True where no answer names the product, or what it is made of."""
    answers = "".join(told.partition("SIP/2.0 ")[1:]).lower()
    return not any(word in answers for word in ("dialgate", "sippy", "python", "\nserver:"))


def test_sipsak_asks_by_options_and_is_told_no_name(gate: RunningGate) -> None:
    code, told = sipsak("-s", f"sip:127.0.0.1:{gate.port}")
    assert code == 0 and "SIP/2.0 200 OK" in told
    assert nameless(told), told


def test_sipsak_registers_where_md5_alone_is_offered(gate: RunningGate) -> None:
    code, told = register(gate, "bob", gate.password("bob"))
    assert code == 0 and "SIP/2.0 200 OK" in told, told
    assert 'realm="phones.example"' in told and nameless(told), told
    code, told = register(gate, "alice", gate.password())
    assert code == 2 and "unsupported authentication algorithm" in told, "it does not pass SHA-256 over"
    code, told = register(gate, "bob", "guess")
    assert code == 1 and "SIP/2.0 403 Forbidden" in told and nameless(told), told
