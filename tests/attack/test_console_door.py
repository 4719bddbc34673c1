"""The console in a browser: a visit alone uses its sign-in, and a window's process takes its share and no more."""

from __future__ import annotations

import subprocess

import pytest

from console.served import MEMORY
from tests.support.attacks import attack
from tests.support.running_gate import DIALGATE, RunningGate
from tests.support.waiting import PATIENCE


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> RunningGate:
    return RunningGate(tmp_path_factory.mktemp("door") / "gate")


def test_looking_at_the_address_does_not_use_the_sign_in_up(gate: RunningGate) -> None:
    command = [*DIALGATE, "console", "--web", "-c", str(gate.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as console:
        try:
            assert console.stdout is not None
            result = attack("sign_in_head", console.stdout.readline().strip())
        finally:
            console.terminate()
    assert result["opened"] == 303
    assert set(result["looked"]) == {405}


def test_a_served_console_ends_before_it_takes_more_than_its_share(gate: RunningGate) -> None:
    result = attack("served_memory", "--", *DIALGATE, "console", "--served", "-c", str(gate.config))
    assert result["ended"]
    assert result["peak_mb"] <= MEMORY >> 20
    assert result["sent_mb"] >= 100  # it was worked with, not refused


def test_a_served_console_ends_with_its_server(gate: RunningGate) -> None:
    command = [*DIALGATE, "console", "--served", "-c", str(gate.config)]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE).returncode == 2
    done = subprocess.run(command, input=b"", capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0
    assert done.stdout.startswith(b"__GANGLION__\n")
