"""How a gate ends, and when it does not begin."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gate.vault.signing import CheckpointKey
from tests.support import programs
from tests.support.phones import Phones
from tests.support.running_gate import RunningGate, free_port
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE, until

FIRST, SECOND, THIRD = "01134960500", "01134960501", "01134960502"
TALKED = ["decision", "answered", "announced", "recording_opened", "connected", "recording_closed", "ended"]


@contextmanager
def draining(folder: Path, seconds: int, *, hup: bool = False) -> Iterator[tuple[RunningGate, Phones]]:
    """A gate with one call of ``FIRST`` up, told to stop; ``hup``: told to read its configuration anew before."""
    gate = RunningGate(folder, announcement=0.6)
    gate.set("limits", drain_seconds=seconds)
    gate.add_pbx()
    gate.start()
    try:
        with Uas(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            near.wait([near.dial(FIRST)], "up", PATIENCE)
            assert gate.process
            if hup:
                gate.process.send_signal(signal.SIGHUP)
                gate.wait(lambda: "not_read_anew" in gate.said(), PATIENCE, "HUP is not told")
            gate.process.send_signal(signal.SIGTERM)
            gate.wait(lambda: "gate_stopping" in gate.said(), PATIENCE, "the gate was not told")
            yield gate, near
            assert len(far.invites) == 1
    finally:
        if gate.process is not None:
            gate.stop()


def assert_ended_well(gate: RunningGate, ended_by: str, cause: str) -> None:
    """Exit code 0, all leaves there, the last of them signed."""
    assert gate.stop() == 0
    (call,) = gate.rows("SELECT * FROM calls WHERE verdict = 'allow'")
    assert (call["ended_by"], call["cause"], call["bridged"]) == (ended_by, cause, 1)
    assert sorted(gate.kinds(call["call_id"])) == sorted(TALKED)
    (recording,) = gate.rows("SELECT * FROM recordings")
    assert (recording["state"], recording["interrupted"]) == ("closed", 0)
    last, stopped = gate.rows("SELECT kind, leaf_index FROM facts ORDER BY leaf_index DESC LIMIT 2")
    assert (stopped["kind"], last["kind"]) == ("gate_stopped", "log_signed")
    (signed,) = gate.rows("SELECT max(size) AS size FROM checkpoints")
    assert signed["size"] == last["leaf_index"] + 1 == gate.verified()["size"]
    assert not gate.pids("gate.daemon.recording")
    assert not (gate.data / "control.sock").exists()


def test_term_lets_a_running_call_end_and_takes_no_new_one(tmp_path: Path) -> None:
    with draining(tmp_path / "gate", 20, hup=True) as (gate, near):
        (talk,) = near.all()
        for number in (SECOND, THIRD):
            (refused,) = near.wait([near.dial(number)], "over", PATIENCE)
            assert refused.code == 603
            assert "gate_stopping" in refused.reasons[0], refused.reasons
        before = talk.packets_in
        until(lambda: talk.packets_in - before > 50)
        assert talk.state == "up"
        assert gate.client.call("status")["calls"]  # it can be asked while it drains
        began = time.monotonic()
        near.hang_up(talk)
        assert_ended_well(gate, "caller", "hung_up")
        assert time.monotonic() - began < 10
        refusals = gate.rows("SELECT number, reason FROM calls WHERE verdict = 'block' ORDER BY leaf_index")
        assert [(row["number"][-3:], row["reason"]) for row in refusals] == [
            ("501", "gate_stopping"),
            ("502", "gate_stopping"),
        ]


def test_a_call_that_does_not_end_gets_its_bye(tmp_path: Path) -> None:
    with draining(tmp_path / "gate", 2) as (gate, near):
        (talk,) = near.all()
        told = time.monotonic()
        near.wait([talk], "over", PATIENCE)
        assert 1.0 < talk.over_at - told < 4.0
        assert (talk.ended_by, "gate_stopping" in talk.reasons[-1]) == ("them", True), talk.reasons
        assert gate.process
        while gate.process.poll() is None:  # whoever is impatient does not cut the last leaves off
            gate.process.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        assert_ended_well(gate, "gate", "gate_stopping")


def test_calls_in_every_state_are_ended_when_the_time_is_over(tmp_path: Path) -> None:
    """One rings for ever, one hears the announcement, when the gate's patience ends."""
    gate = RunningGate(tmp_path / "gate", announcement=4.0)
    gate.set("limits", drain_seconds=1)
    gate.add_pbx()
    gate.start()
    try:
        with Uas(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            first = near.dial(FIRST)
            gate.wait(lambda: gate.rows("SELECT 1 FROM calls WHERE answered_at IS NOT NULL"), PATIENCE, "no answer")
            assert gate.process
            gate.process.send_signal(signal.SIGTERM)
            near.wait([first], "over", PATIENCE)
            assert first.code == 200 and "gate_stopping" in first.reasons[-1], first.reasons
            assert gate.stop() == 0
            gate.process = None
            until(lambda: far.calls)
            assert [call["ended_by"] for call in far.calls] == ["caller"]
        with Phones(port=gate.trunk_port, answers=False) as ringing, Phones(to=gate.address) as near:
            gate.start()
            second = near.dial(SECOND)
            gate.wait(ringing.all, PATIENCE, "no INVITE")
            assert gate.process
            gate.process.send_signal(signal.SIGTERM)
            near.wait([second, *ringing.all()], "over", PATIENCE)
            assert gate.stop() == 0
        for call in gate.rows("SELECT * FROM calls"):
            assert (call["state"], call["ended_by"], call["cause"]) == ("ended", "gate", "gate_stopping"), call
        gate.verified()
    finally:
        if gate.process is not None:
            gate.stop()


@pytest.mark.parametrize("log", ["closed", "its reader gone"])
def test_a_log_that_cannot_be_written_holds_up_no_call(tmp_path: Path, log: str) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.add_pbx()
    serve = [sys.executable, "-m", "gate.cli.main", "serve", "-c", str(gate.config)]
    shut = ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash"] if log == "closed" else []
    process = subprocess.Popen([*shut, *serve], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        for line in process.stderr:
            if "gate_started" in line:
                break
        process.stderr.close()
        gate.wait((gate.data / "control.sock").exists, PATIENCE, "it does not start")
        with Uas(port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial(FIRST)], "up", PATIENCE)
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
    (call,) = gate.rows("SELECT * FROM calls")
    assert (call["ended_by"], call["cause"], call["bridged"]) == ("caller", "hung_up", 1)
    gate.verified()


# --- when it does not begin ------------------------------------------------------------------------------------------


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    """A gate's folder, ready to start."""
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.add_pbx()
    yield gate
    if gate.process is not None:
        gate.stop()
    until(lambda: not gate.pids("gate"))


def refused(gate: RunningGate, *, code: int) -> str:
    """What a start says that must not come about; fails where it goes on, says nothing to do, or shows its insides."""
    done = programs.run("gate.cli.main", "serve", "-c", str(gate.config))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "fault of Dialgate" not in done.stderr, done.stderr
    assert done.stdout == ""
    said = done.stderr.partition("dialgate: ")[2]
    assert said, done.stderr
    return said


def started_before(gate: RunningGate) -> None:
    """It has run, and been stopped: there is evidence, and it has been signed."""
    gate.start()
    assert gate.stop() == 0


def test_a_second_gate_is_refused_and_told_which_process_has_the_folder(gate: RunningGate) -> None:
    gate.set("retention", sweep_at="00:00")  # whatever the hour, there is a first sweep
    gate.start()
    swept = "SELECT 1 FROM facts WHERE kind = 'terms_swept'"
    gate.wait(lambda: gate.rows(swept), PATIENCE, "the first sweep is not over")  # its last fact
    before = gate.rows("SELECT count(*) AS n FROM facts")
    prompts = {path: path.stat().st_mtime_ns for path in (gate.data / "prompts").rglob("*")}
    original, pid = gate.config.read_text(), gate.process.pid if gate.process else 0
    gate.set("sip", listen=f"127.0.0.1:{free_port()}")
    gate.set("announcement", version="2")
    said = refused(gate, code=1)
    assert f"in use by process {pid}" in said, said
    assert "hint:" in said
    assert gate.client.call("status")["calls"] == []
    assert gate.rows("SELECT count(*) AS n FROM facts") == before
    # Nor has it touched what the first one uses.
    assert {path: path.stat().st_mtime_ns for path in (gate.data / "prompts").rglob("*")} == prompts
    gate.config.write_text(original)


def test_a_wrong_configuration_names_every_fault(gate: RunningGate) -> None:
    gate.set("trunk", adress="127.0.0.1:5070", options_seconds=True)
    gate.set("firm", numbers=["+447679460000"])
    gate.set("storage", country="FR")
    said = refused(gate, code=2)
    for word in ("trunk.adress", "trunk.options_seconds", "firm.numbers", "storage.country", "config.toml:"):
        assert word in said, (word, said)


@pytest.mark.parametrize(
    ("files", "said"), [(100, "may open 100 files, too few for one call"), (530, "few_open_files")]
)
def test_too_few_open_files_are_told_at_the_start(gate: RunningGate, files: int, said: str) -> None:
    """Else calls would fail in the middle, each in another way."""
    command = [sys.executable, "-m", "gate.cli.main", "serve", "-c", str(gate.config)]
    process = subprocess.Popen(["prlimit", f"--nofile={files}:{files}", *command], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "gate_started" in line:
            process.terminate()
    assert said in "".join(lines) and "LimitNOFILE" in "".join(lines) and "Traceback" not in "".join(lines), lines
    assert process.wait(PATIENCE) == (files < 530)


def test_no_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    done = programs.run("gate.cli.main", "serve", "-c", str(tmp_path / "none.toml"))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "does not exist" in done.stderr and "dialgate init" in done.stderr


def test_no_signing_key(gate: RunningGate) -> None:
    started_before(gate)
    (gate.data / "gate.key").unlink()
    said = refused(gate, code=1)
    assert f"{gate.data / 'gate.key'} is missing" in said and "restore" in said, said
    assert not (gate.data / "gate.key").exists()


def test_another_signing_key(gate: RunningGate) -> None:
    started_before(gate)
    (gate.data / "gate.key").unlink()
    CheckpointKey.create(gate.data / "gate.key", "dialgate-other")
    said = refused(gate, code=1)
    assert "gate.key" in said and "restore" in said, said


def test_no_key_of_the_number_hashes(gate: RunningGate) -> None:
    (gate.data / "number.key").unlink()
    said = refused(gate, code=1)
    assert f"{gate.data / 'number.key'} is missing" in said and "restore" in said, said
    assert not (gate.data / "number.key").exists()  # a new one would forget who objected


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 32])
def test_another_key_of_the_number_hashes(gate: RunningGate, content: bytes) -> None:
    """With another key no objection would be found any more: people who objected would be called."""
    (gate.data / "number.key").write_bytes(content)
    said = refused(gate, code=1)
    assert "key of the number hashes" in said and "hint:" in said, said


def test_prompts_that_were_changed(gate: RunningGate) -> None:
    started_before(gate)
    (prompt,) = (gate.data / "prompts").glob("tone@*/announcement.0")
    prompt.write_bytes(prompt.read_bytes()[:-1] + b"x")
    said = refused(gate, code=1)
    assert str(prompt) in said and "restore" in said, said


def test_the_announcement_was_exchanged_under_its_version(gate: RunningGate) -> None:
    started_before(gate)
    (gate.folder / "tone.wav").write_bytes((gate.folder / "goodbye.wav").read_bytes())
    assert "announcement.version" in refused(gate, code=2)


def test_the_port_is_taken(gate: RunningGate) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(gate.address)
        said = refused(gate, code=2)
    assert f"127.0.0.1:{gate.port}" in said and "Is another program" in said, said


def test_the_port_of_the_decision_endpoint_is_taken(gate: RunningGate) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gate.set("control", http=f"127.0.0.1:{port}")
        gate.add_token("dialler", purposes=["marketing"])
        said = refused(gate, code=1)
    assert f"127.0.0.1:{port}" in said and "hint:" in said, said


@pytest.mark.engine("sqlite")
def test_the_data_folder_is_not_there(gate: RunningGate) -> None:
    """A disk that was not mounted: nothing is made in its place."""
    gate.data.rename(gate.folder / "elsewhere")
    assert f"{gate.data} does not exist" in refused(gate, code=2)
    assert not gate.data.exists()
    gate.data.mkdir()
    said = refused(gate, code=2)
    assert "is its disk mounted?" in said, said
    assert not [path for path in gate.data.iterdir() if path.name != "gate.lock"]


def test_nobody_to_seal_to(gate: RunningGate) -> None:
    for path in (gate.data / "recipients").iterdir():
        path.unlink()
    said = refused(gate, code=2)
    assert "no key to seal recordings to" in said and "dialgate key" in said, said


@pytest.mark.engine("sqlite")
def test_a_damaged_evidence_database(gate: RunningGate) -> None:
    started_before(gate)
    content = bytearray((gate.data / "gate.db").read_bytes())
    content[:4096] = os.urandom(4096)
    (gate.data / "gate.db").write_bytes(content)
    said = refused(gate, code=1)
    assert "gate.db" in said and "hint:" in said, said
