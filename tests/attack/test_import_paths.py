"""Imports read what the caller could open, regular files alone; importers end with the gate."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.control.files import handed
from gate.errors import RefusedError, UsageError
from gate.handed_over_file import open_file
from tests.support import programs
from tests.support.accounts import NEEDS_ROOT, accounts, as_account
from tests.support.attacks import attack
from tests.support.running_gate import RunningGate, running
from tests.support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    with running(tmp_path_factory.mktemp("paths") / "gate") as gate:
        yield gate


def test_no_path_that_is_told_is_opened_and_no_descriptor_hangs_it(gate: RunningGate, tmp_path: Path) -> None:
    secret = gate.folder / "keys" / "first.passphrase"
    achieved = attack("import_paths", gate.socket, secret, tmp_path)
    assert achieved["asked"] > 100
    assert {key: achieved[key] for key in ("leaked", "hung", "kept")} == {"leaked": 0, "hung": 0, "kept": 0}
    assert "Traceback" not in gate.log.read_text()
    assert gate.client.call("contacts_status")["contacts"] == 0


@NEEDS_ROOT
def test_an_account_uses_its_own_rights_and_no_other_accounts_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="dialgate-files-"))
    place.chmod(0o755)
    with accounts({"cole": ("phones",), "vera": ("phones",)}) as names:
        gate = RunningGate(place / "gate")
        gate.set("control", socket=str(place / "run" / "gate.sock"), group=names["@phones"])
        gate.set("roles", admin=["root"], compliance=[names["cole"], names["vera"]])
        gate.socket = place / "run" / "gate.sock"
        roots, coles = place / "roots.csv", place / "coles.csv"
        for path in (roots, coles):
            path.write_text("id,phone\n1,07700 900123\n")
        roots.chmod(0o600)
        client = gate.start().client

        def refused(path: Path) -> str:
            try:
                client.call("contacts_import", path=str(path))
            except UsageError as error:
                return error.message
            return ""

        def stolen(ticket: str) -> str:
            from gate.control.exchange import exchange

            fields = {"path": "x", "file": ticket}
            try:
                exchange(gate.socket, "contacts_import", fields, timeout=10, streams=True, progress=None)
            except (UsageError, RefusedError) as error:
                return error.message
            return ""

        try:
            assert "Permission denied" in as_account(names["cole"], lambda: refused(roots))
            assert as_account(names["cole"], lambda: refused(coles)) == ""
            with open_file(roots) as given, handed(gate.socket, given, 10) as ticket:
                assert "opens no path" in as_account(names["cole"], lambda: stolen(ticket))
        finally:
            gate.stop()


def test_an_importer_ends_with_a_killed_gate(tmp_path: Path) -> None:
    with running(tmp_path / "gate") as gate:
        source = tmp_path / "tps_ns.txt"
        source.write_text("02079460101\r\n")
        # While the lock is held the importer waits: without the gate it would wait for ever.
        with (gate.data / "registers" / ".tps.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            words = ("register", "import", "tps", str(source), "--accept-shrink", "-c", str(gate.config))
            with Path(os.devnull).open("wb") as nothing:
                asking = programs.start("gate.cli.main", *words, stdout=nothing, stderr=nothing)
            (importer,) = gate.wait(lambda: gate.pids("gate.registers.importer"), PATIENCE, "no importer")
            gate.wait(lambda: _waits(importer), PATIENCE, "the importer does not wait for the lock")
            gate.stop(signal.SIGKILL)
            assert asking.wait(PATIENCE) == 1
            until(lambda: not _alive(importer), "the importer outlives the gate")


def _waits(pid: int) -> bool:
    """It is blocked by a lock that somebody holds."""
    return any("->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines())


def _alive(pid: int) -> bool:
    try:
        return (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) != "Z"
    except OSError:
        return False


def test_no_gate_is_needed_for_the_same_rules(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    os.mkfifo(tmp_path / "pipe")
    for path, words in (("/dev/zero", "is a device"), (str(tmp_path / "pipe"), "is a pipe")):
        for what in ("contacts", "objection"):
            done = programs.run("gate.cli.main", what, "import", path, "-c", str(gate.config))
            assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    words = ("screen", "/dev/zero", "-o", str(tmp_path / "out.csv"), "--column", "1", "-c", str(gate.config))
    done = programs.run("gate.cli.main", *words)
    assert (done.returncode, "more than 1,048,576 characters" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out.csv").exists()
