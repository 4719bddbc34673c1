"""Real accounts of every role on a gate that is set up as the manual says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.config.write import amend
from tests.support import programs
from tests.support.accounts import NEEDS_ROOT, accounts
from tests.support.running_gate import RunningGate, free_port
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PATH": os.environ["PATH"], **programs.read_at_start(os.environ)}
MANUAL = ROOT / "gate" / "manual"
ROLES = ("admin", "compliance", "auditor", "manager", "viewer")
ATTENTION = 1
ASKS = {
    "status": set(ROLES),
    "calls list": set(ROLES),
    "objection list": {"admin", "compliance", "auditor"},
    "retention sweep": {"admin", "compliance"},
}
"""A command, and the roles that it answers."""


@pytest.fixture
def place() -> Iterator[Path]:
    """In no home and not in /tmp: every account can come here."""
    folder = Path(tempfile.mkdtemp(prefix="dialgate-roles-", dir="/var/lib"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def by(account: str, *command: str) -> list[str]:
    """The command as a real account, with its groups and nothing of this process's rights."""
    return ["setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups", *command]


def as_typed(account: str, words: str, config: Path) -> subprocess.CompletedProcess[str]:
    """A command of the manual, where the account has named the configuration as the manual says."""
    environment = ENVIRONMENT | {"DIALGATE_CONFIG": str(config)}
    return programs.run("gate.cli.main", *words.split(), cwd=Path("/"), env=environment, account=account)


def line_of(page: str, start: str) -> str:
    """The one line of the manual's commands that starts so."""
    (found,) = re.findall(rf"^{re.escape(start)}.*$", (MANUAL / page).read_text(), re.MULTILINE)
    return str(found)


@NEEDS_ROOT
def test_each_role_asks_by_the_commands_of_the_manual_and_no_more(place: Path) -> None:
    folder, run = place / "etc", place / "run"
    members: dict[str, tuple[str, ...]] = dict.fromkeys(ROLES, ("users",))
    with accounts(members | {"gate": ("users",), "stranger": (), "noroles": ("users",)}) as names:
        own = {"dialgate-users": names["@users"], "dialgate": names["gate"], "/etc/dialgate": str(folder)}
        install = line_of("deployment.md", "install -d -o dialgate")
        subprocess.run([own.get(word, word) for word in install.split()], check=True)
        subprocess.run(["install", "-d", "-o", names["gate"], "-m", "755", str(run)], check=True)  # as systemd does
        config = folder / "config.toml"
        made = as_typed(names["gate"], f"init {folder} --example", config)
        assert made.returncode == 0, made.stderr
        amend(
            config,
            {
                "sip": {"listen": f"127.0.0.1:{free_port()}"},
                "trunk": {"address": f"127.0.0.1:{free_port()}", "options_seconds": 0},
                "control": {"socket": str(run / "control.sock"), "group": names["@users"]},
                "roles": {role: [names[role]] for role in ROLES},
            },
        )
        with (place / "log").open("wb") as log:
            process = programs.start(
                *("gate.cli.main", "serve", "-c", str(config)),
                stdout=log, stderr=log, env=ENVIRONMENT, cwd=Path("/"), account=names["gate"],
            )  # fmt: skip
        try:
            gate = RunningGate.__new__(RunningGate)
            gate.process, gate.log, gate.socket = process, place / "log", run / "control.sock"
            gate.wait(gate.client.answers, PATIENCE, "the gate does not answer")
            for command, allowed in ASKS.items():
                for role in ROLES:
                    done = as_typed(names[role], command, config)
                    said = f"{role}: {command}: {done.returncode} {done.stdout} {done.stderr}"
                    assert "Traceback" not in done.stderr, said
                    if role in allowed:
                        assert done.returncode in (0, ATTENTION) and "role" not in done.stderr, said
                    else:
                        assert done.returncode and "role" in done.stderr and not done.stdout, said
            refused = as_typed(names["noroles"], "status", config)
            assert refused.returncode and "has no role" in refused.stderr, refused
            stranger = as_typed(names["stranger"], "status", config)
            assert stranger.returncode and "Permission denied" in stranger.stderr, stranger
            for secret in ("data/gate.key", "data/gate.db", "secrets/alice.password", "keys/first.key"):
                for role in ROLES:
                    read = subprocess.run(by(names[role], "cat", str(folder / secret)), capture_output=True)
                    assert read.returncode and not read.stdout, f"{role} reads {secret}"
        finally:
            process.terminate()
            process.wait(PATIENCE)
        for role in ("auditor", "viewer"):
            done = as_typed(names[role], "status", config)
            assert done.returncode and "Traceback" not in done.stderr and "is not running" in done.stderr, done
