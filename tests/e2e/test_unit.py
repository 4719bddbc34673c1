"""The unit of the manual, hardened: a gate under it, run by a real service manager, carries and records a call."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.accounts import NEEDS_ROOT, accounts
from tests.support.phones import Phones, noise
from tests.support.running_gate import RunningGate, dialgate
from tests.support.systemd import NEEDS_SYSTEMD, systemd
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "gate" / "manual" / "dialgate.service"
EXPOSURE = 2.0
HIDDEN = ("/tmp", "/var/tmp", "/home", "/root")
"""What the unit does not see of the machine: PrivateTmp, ProtectHome."""
BOUND = {"NoNewPrivs": "1", "CapBnd": "0000000000000000", "CapEff": "0000000000000000", "Seccomp": "2"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing (package systemd)")
def test_the_unit_of_the_manual_is_exposed_no_further_than_it_must_be(tmp_path: Path) -> None:
    file = tmp_path / "dialgate.service"
    file.write_text(UNIT.read_text())
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--json=short", f"--threshold={EXPOSURE * 10:.0f}", file],
        capture_output=True, text=True,
    )  # fmt: skip
    open_still = [each["json_field"] for each in json.loads(done.stdout) if each["set"] is False]
    assert done.returncode == 0, open_still
    file.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text()))
    said = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no", file], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a service sees it and leaves it: in no home, /tmp or /dev/shm (RemoveIPC); for every account."""
    place = Path(tempfile.mkdtemp(prefix="dialgate-unit-", dir="/var/lib"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def as_it_is_here(text: str, gate: RunningGate, account: str) -> str:
    """The unit with this account, program and folder, and without the machine's network and clock to wait for."""
    put = {
        "User": account,
        "ExecStart": f"{sys.executable} -m gate.cli.main serve -c {gate.config}",
        "ReadWritePaths": str(gate.data),
    }
    lines = ["[Unit]", "DefaultDependencies=no"]
    for line in text.splitlines():
        name = line.partition("=")[0]
        if name not in ("After", "Wants", "ConditionPathExists", "[Unit]", "WantedBy", "[Install]"):
            lines.append(f"{name}={put.pop(name)}" if name in put else line)
    assert not put
    lines += [f"Environment=PYTHONPATH={ROOT}", f"StandardError=append:{gate.log}"]
    return "\n".join(lines) + "\n"


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@NEEDS_ROOT
@NEEDS_SYSTEMD
@pytest.mark.skipif(any(map(ROOT.is_relative_to, HIDDEN)), reason=f"the unit does not see {ROOT}: clone it elsewhere")
def test_under_it_a_call_is_carried_and_recorded(folder: Path, tmp_path: Path) -> None:
    gate = RunningGate(folder / "gate", announcement=0.5)
    gate.add_pbx()
    units = tmp_path / "units"
    units.mkdir()
    with accounts({"gate": ()}) as names:
        subprocess.run(["chown", "-R", f"{names['gate']}:", str(gate.folder)], check=True)
        (units / "dialgate.service").write_text(as_it_is_here(UNIT.read_text(), gate, names["gate"]))
        with systemd(units) as manager:
            manager.ctl("start", "--no-block", "dialgate.service")
            gate.wait(
                lambda: manager.show("dialgate.service", "ActiveState")["ActiveState"] == "active",
                PATIENCE,
                "it is not ready",
            )
            assert manager.show("dialgate.service", "ActiveState", "User") == {
                "ActiveState": "active",
                "User": names["gate"],
            }
            recorder = status_of(gate.recorder_pid())
            for process in (recorder, status_of(int(recorder["PPid"]))):
                assert {name: process[name] for name in BOUND} == BOUND, process["Name"]
            limits = Path(f"/proc/{gate.recorder_pid()}/limits").read_text()  # a machine may let nobody have more
            unlimited = re.search(r"Max locked memory +unlimited", limits) is not None
            assert (recorder["VmLck"].strip() != "0 kB") == unlimited, "it locks its memory"
            imported = dialgate(
                *("register", "import", "tps", str(ROOT / "sample_lists" / "tps_ns.txt"), "--as-of", "today"),
                config=gate.config,
            )
            assert imported["count"] > 0, "what is read in a process of its own"
            far = Phones(port=gate.trunk_port, audio=lambda number: noise(("far", number[-4:])), keep=True)
            near = Phones(to=gate.address, audio=lambda number: noise(("near", number[-4:])), keep=True)
            with far, near:
                talk = near.dial("02079460300")
                near.wait([talk], "up", PATIENCE)
                gate.wait(lambda: talk.packets_in > 100, PATIENCE, "nothing is heard")
                near.hang_up(talk)
                gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
            (recording,) = gate.rows("SELECT state, packets, interrupted FROM recordings")
            assert (recording["state"], recording["interrupted"]) == ("closed", 0)
            assert all(count > 50 for count in json.loads(recording["packets"]).values())
            assert manager.ctl("stop", "dialgate.service").returncode == 0
            ended = manager.show("dialgate.service", "Result", "ExecMainStatus")
            assert ended == {"Result": "success", "ExecMainStatus": "0"}, gate.said()
        assert '"level": "error"' not in gate.log.read_text()
        gate.verified()
