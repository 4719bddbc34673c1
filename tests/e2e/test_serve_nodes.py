"""Several gates from one configuration, and the process that starts them (``dialgate serve --nodes``)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.config.load import NODE, load
from tests.support import postgresql
from tests.support.phones import Phones
from tests.support.running_gate import RunningGate, dialgate
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not postgresql.PROGRAMS.exists(), reason="apt-get install postgresql-17")


class Several:
    """Gates of one configuration, their starter, and its words."""

    def __init__(self, gate: RunningGate, count: int) -> None:
        self.gate, self.count = gate, count
        self.log = gate.folder / "nodes.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gate.cli.main", "serve", "--nodes", str(count), "-c", str(gate.config)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def states(self) -> list[str]:
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text()[-3000:])
        try:
            return [each["state"] for each in self.gate.client.call("node_list")["nodes"]]
        except Exception:  # noqa: BLE001 - it does not answer yet
            return []

    def pid(self, number: int) -> int:
        return int([each["pid"] for each in self.said("node_started") if each["node"] == number][-1])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    """One whose evidence is in PostgreSQL; not started."""
    server = postgresql.Server(postgresql.folder_of_server())
    server.do("CREATE DATABASE evidence")
    made = RunningGate(tmp_path / "gate", announcement=0.6)
    made.add_pbx()
    made.set("limits", max_calls=100)
    dialgate("store", "move", "--to", f"postgresql://dialgate@/evidence?host={server.folder}", config=made.config)
    yield made
    server.stop()


def test_three_gates_run_from_one_configuration_a_killed_one_comes_back_and_all_end_with_their_calls(
    gate: RunningGate,
) -> None:
    several = Several(gate, 3)
    try:
        gate.wait(lambda: several.states() == ["open"] * 3, PATIENCE, "not all run")
        gate.wait(lambda: several.said("nodes_run"), PATIENCE, "it does not say that all run")
        with Phones(port=gate.trunk_port) as far:
            for number in range(3):
                with Phones(to=("127.0.0.1", gate.port + 10 * number)) as near:
                    (talk,) = near.wait([near.dial(f"0113496070{number}")], "up", PATIENCE)
                    near.hang_up(talk)
            logs = {each["leaf_index"] >> 40 for each in gate.rows("SELECT leaf_index FROM calls")}
            assert logs == {0, 1, 2}
            killed = several.pid(1)
            os.kill(killed, signal.SIGKILL)
            gate.wait(lambda: several.pid(1) != killed, PATIENCE, "it is not started again")
            (crash,) = several.said("node_crashed")
            assert (crash["node"], crash["code"], crash["again_in_seconds"]) == (1, -9, 1.0)
            with Phones(to=("127.0.0.1", gate.port + 10)) as near, Phones(to=gate.address) as other:

                def taken() -> Any:
                    return near.wait([near.dial("01134960710")], "up", 5.0)

                def dialled() -> Any:
                    try:
                        return taken()
                    except AssertionError:
                        return None

                (talk,) = gate.wait(dialled, PATIENCE, "the gate that came back takes no call")
                (second,) = other.wait([other.dial("01134960711")], "up", PATIENCE)
                several.process.send_signal(signal.SIGTERM)
                gate.wait(lambda: len(several.said("gate_stopping")) == 3, PATIENCE, "not all are told")
                heard = talk.packets_in
                gate.wait(lambda: talk.packets_in > heard + 50, PATIENCE, "the talk is cut")
                near.hang_up(talk)
                other.hang_up(second)
                assert several.process.wait(PATIENCE) == 0
            assert len(far.all()) >= 5
    finally:
        several.process.kill()
        several.process.wait()
    for number in range(3):
        environment = {NODE: f"{number}/3"}
        assert dialgate("audit", "verify", config=gate.config, **environment)["ok"]
        folder = load(gate.config, node=(number, 3)).data
        assert (folder / "gate.key").exists()
        assert (folder / "number.key").read_bytes() == (gate.data / "number.key").read_bytes()


def test_without_a_database_none_is_started(tmp_path: Path) -> None:
    made = RunningGate(tmp_path / "gate", announcement=0.6)
    several = Several(made, 2)
    assert several.process.wait(PATIENCE) == 2
    assert "several gates share one database" in several.log.read_text()
    assert not (made.data / "nodes").exists()
