"""Who attacks: any account of the machine, where the gate was started with a umask of 000, as some service managers and
containers do. What they want: to read or change what lies in its folder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.phones import Phones
from tests.support.running_gate import DIALGATE, RunningGate
from tests.support.waiting import PATIENCE


def open_to_others(folder: Path) -> list[str]:
    """What an account that owns nothing here, or its group, may read, write or pass."""
    return sorted(
        f"{path.relative_to(folder)} {path.lstat().st_mode & 0o777:03o}"
        for path in folder.rglob("*")
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    )


def run(*words: str) -> None:
    done = subprocess.run([*DIALGATE, *words], umask=0, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_init_makes_is_its_owners_alone(tmp_path: Path) -> None:
    """The announcement was writable for everybody, and so was each folder on the way."""
    run("init", str(tmp_path / "new" / "made"), "--example")
    # The configuration, which holds no secret, is open to the group that its folder is opened to.
    assert open_to_others(tmp_path) == ["new/made/config.toml 640"]


def test_what_a_gate_makes_is_its_owners_alone(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.add_pbx()
    for name in ("prompts", "checkpoints", "recordings"):
        shutil.rmtree(gate.data / name, ignore_errors=True)
    with gate.log.open("ab") as log:
        gate.process = subprocess.Popen(
            [*DIALGATE, "serve", "-c", str(gate.config)], umask=0, stdout=log, stderr=log, cwd=Path.cwd()
        )
    try:
        gate.wait(gate.client.answers, 60, "the gate does not answer")
        with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
            talk = near.dial("02079460123")
            near.wait([talk], "up", PATIENCE)
            gate.wait(lambda: gate.rows("SELECT 1 FROM recordings"), PATIENCE, "no recording")
            assert open_to_others(gate.data) == [], "while it runs"
            assert "Umask:\t0077" in Path(f"/proc/{gate.process.pid}/status").read_text()
            near.hang_up(talk)
            gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")
        gate.client.call("audit_checkpoint")
    finally:
        gate.stop()
    run("objection", "add", "02079460124", "-c", str(gate.config))
    assert open_to_others(gate.data) == []
    assert {path.name for path in gate.data.iterdir()} >= {"prompts", "checkpoints", "recordings"}
