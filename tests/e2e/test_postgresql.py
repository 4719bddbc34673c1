"""A gate whose evidence is in PostgreSQL: backed up, and while its server is away, under calls."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.store.spool import NAME as SPOOL
from tests.support import postgresql
from tests.support.disks import Ballast, small_disk
from tests.support.phones import Phones
from tests.support.running_gate import RunningGate, dialgate, free_port
from tests.support.waiting import PATIENCE

pytestmark = [
    pytest.mark.skipif(not postgresql.PROGRAMS.exists(), reason="apt-get install postgresql-17"),
    pytest.mark.engine("sqlite"),  # it begins with a folder, and has a server of its own
]
NUMBERS = [f"0113496{n:04d}" for n in range(700, 760)]


@pytest.fixture
def server() -> Iterator[postgresql.Server]:
    """A server of the test's own."""
    made = postgresql.Server(postgresql.folder_of_server())
    made.do("CREATE DATABASE evidence")
    yield made
    made.stop()


@pytest.fixture
def gate(server: postgresql.Server, tmp_path: Path) -> Iterator[RunningGate]:
    """Its gate, with a route for emergency calls; not started."""
    made = gate_of(server, tmp_path / "gate")
    yield made
    made.kill()


def gate_of(server: postgresql.Server, folder: Path, **more: Any) -> RunningGate:
    made = RunningGate(folder, announcement=0.6, **more)
    made.add_pbx(overflow=True)
    door = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    made.set("control", http=door)
    made.http = door
    made.add_token("dialler", purposes=["marketing"])
    dsn = f"postgresql://dialgate@/evidence?host={server.folder}"
    dialgate("store", "move", "--to", dsn, config=made.config)
    return made


def ready(gate: RunningGate) -> list[str]:
    """The reasons of /readyz."""
    asked = HTTPConnection(gate.http, timeout=PATIENCE)
    asked.request("GET", "/readyz")
    answer = asked.getresponse()
    found = json.load(answer)
    asked.close()
    assert (answer.status == 200) == (found["state"] == "ok")
    return list(found.get("reasons", ()))


def test_with_its_server_away_no_call_begins_those_that_run_go_on_and_nothing_is_lost(
    server: postgresql.Server, gate: RunningGate
) -> None:
    help_port = free_port()
    gate.set("emergency", trunk=f"127.0.0.1:{help_port}")
    with (
        Phones(port=gate.trunk_port) as far,
        Phones(port=help_port) as helpers,
        Phones(to=gate.address) as near,
    ):
        gate.start()
        assert ready(gate) == []
        talks = near.wait([near.dial(number) for number in NUMBERS[:4]], "up", PATIENCE)
        over, *talks = talks
        near.hang_up(over)
        gate.wait(lambda: len(gate.client.call("status")["calls"]) == 3, PATIENCE, "the call that is over goes on")
        acknowledged = gate.rows("SELECT leaf_index, hash FROM leaves ORDER BY leaf_index")

        server.stop()
        (objector,) = [each for each in far.all() if each.number.endswith(talks[0].number[1:])]
        heard = talks[0].packets_in
        (new,) = near.wait([near.dial(NUMBERS[10])], "over", PATIENCE)
        assert (new.code, 'text="evidence_unavailable"' in new.reasons[0]) == (503, True), new.reasons
        assert ready(gate) == ["evidence_unavailable"]
        done = dialgate("doctor", config=gate.config, check=False)
        (said,) = [each for each in done["findings"] if each["subject"] == "gate"]
        assert said["state"] == "fail" and "cannot reach the database evidence" in said["text"], said
        (helped,) = near.wait([near.dial("999")], "up", PATIENCE)
        assert len(helpers.all()) == 1
        objector.press("9")
        gate.wait(lambda: '"objection"' in gate.said(), PATIENCE, "the objection does not wait")
        (second,) = near.wait([near.dial(NUMBERS[11])], "over", PATIENCE)
        assert second.code == 603, "an objection waits here that no other gate knows of"
        gate.wait(lambda: talks[0].packets_in > heard + 50, PATIENCE, "the call that runs is silent")
        assert [talk.state for talk in talks] == ["up"] * 3
        near.hang_up(helped)
        near.hang_up(talks[1])

        server.start()
        gate.wait(lambda: not ready(gate), PATIENCE, "the gate does not take calls again")
        (refused,) = near.wait([near.dial(objector.number)], "over", PATIENCE)
        assert 'text="objected"' in refused.reasons[0], refused.reasons
        (again,) = near.wait([near.dial(NUMBERS[12])], "up", PATIENCE)
        for talk in (talks[0], talks[2], again):
            near.hang_up(talk)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    kept = gate.rows("SELECT leaf_index, hash FROM leaves ORDER BY leaf_index")
    assert kept[: len(acknowledged)] == acknowledged
    for number in (*NUMBERS[:4], NUMBERS[12]):
        (call,) = gate.rows("SELECT state FROM calls WHERE number = ? AND verdict = 'allow'", "+44" + number[1:])
        assert call["state"] == "ended", number
    (call,) = gate.rows("SELECT state FROM calls WHERE reason = 'emergency_call'")
    assert call["state"] == "ended"
    assert gate.stop() == 0
    gate.verified()


def test_killed_while_its_server_is_away_a_gate_keeps_what_had_happened(
    server: postgresql.Server, gate: RunningGate
) -> None:
    spool = gate.data / SPOOL
    with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
        gate.start()
        objecting, over = near.wait([near.dial(number) for number in NUMBERS[:2]], "up", PATIENCE)
        server.stop()
        (objector,) = [each for each in far.all() if each.number.endswith(objecting.number[1:])]
        objector.press("9")
        near.hang_up(over)
        for kind in (b'"kind":"objection"', b'"kind":"ended"'):
            gate.wait(lambda kind=kind: kind in spool.read_bytes(), PATIENCE, f"no {kind!r} in the spool")
        done = dialgate("doctor", config=gate.config, check=False)
        (said,) = [each for each in done["findings"] if each["subject"] == "spool"]
        assert said["state"] == "warn", said
        gate.kill()
        left = spool.read_bytes()

        server.start()
        for _ in range(2):  # the second time as if it had been killed after the store's commit
            gate.start()
            number = "+44" + objecting.number[1:]
            (objection,) = gate.rows("SELECT id FROM objections WHERE number = ?", number)
            assert len(gate.rows("SELECT 1 FROM facts WHERE subject = ?", objection["id"])) == 1
            ends = gate.rows("SELECT call_id FROM facts WHERE kind = 'ended' AND body IS NOT NULL")
            calls = gate.rows("SELECT ended_by FROM calls WHERE number = ?", "+44" + over.number[1:])
            assert len(ends) == len({end["call_id"] for end in ends})
            assert [call["ended_by"] for call in calls] == ["caller"]
            assert spool.read_bytes() == b""
            gate.kill()
            spool.write_bytes(left)
        gate.start()
        (refused,) = near.wait([near.dial(objecting.number)], "over", PATIENCE)
        assert 'text="objected"' in refused.reasons[0], refused.reasons
        (taken,) = near.wait([near.dial(NUMBERS[5])], "up", PATIENCE)
        near.hang_up(taken)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
    assert gate.stop() == 0
    gate.verified()


def test_with_its_server_away_and_its_disk_full_nothing_is_lost_once_one_of_them_is_back(
    server: postgresql.Server, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 24 << 20) as disk:
        gate = gate_of(server, tmp_path / "gate", data=disk / "data")
        gate.set("recording", on_failure="unrecorded", min_free_mb=4)
        spool = gate.data / SPOOL
        try:
            with Phones(port=gate.trunk_port) as far, Phones(to=gate.start().address) as near:
                first, second = near.wait([near.dial(number) for number in NUMBERS[:2]], "up", PATIENCE)
                server.stop()
                ballast = Ballast(disk)
                ballast.leave_nothing()
                for each in far.all():
                    each.press("9")
                gate.wait(lambda: '"spool_not_written"' in gate.said(), PATIENCE, "the spool finds room")
                (refused,) = near.wait([near.dial(NUMBERS[2])], "over", PATIENCE)
                assert "evidence_unavailable" in refused.reasons[0], refused.reasons
                ballast.take_away()
                gate.wait(
                    lambda: spool.read_bytes().count(b'"kind":"objection"') == 2, PATIENCE, "it is not tried again"
                )
                gate.kill()
                near.silent = True
            server.start()
            with Phones(to=gate.start().address) as near:
                for talk in (first, second):
                    (refused,) = near.wait([near.dial(talk.number)], "over", PATIENCE)
                    assert 'text="objected"' in refused.reasons[0], refused.reasons
            numbers = [row["number"] for row in gate.rows("SELECT number FROM objections WHERE source = 'keypad'")]
            assert sorted(numbers) == ["+44" + talk.number[1:] for talk in (first, second)]
            assert gate.stop() == 0
            gate.verified()
        finally:
            gate.kill()


def test_a_backup_is_of_what_the_gate_keeps_and_a_restore_replays_what_the_database_forgot(
    server: postgresql.Server, gate: RunningGate, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    gate.set("storage", memory=str(second))
    made = dialgate("backup", str(tmp_path / "set"), "--keys", str(tmp_path / "keys"), config=gate.config)
    assert made["elsewhere"] == [f"the database evidence on {server.folder}"]
    assert not list((tmp_path / "set").rglob("gate.db"))
    assert (tmp_path / "set" / "data" / "recipients").is_dir()
    server.do("CREATE DATABASE kept TEMPLATE evidence")  # the base backup, of before the objection
    words = ("objection", "add", NUMBERS[20], "--source", "told", "--note", "")
    dialgate(*words, config=gate.config)
    assert dialgate("check", NUMBERS[20], config=gate.config, check=False)["reason"] == "objected"

    server.do("DROP DATABASE evidence WITH (FORCE)")
    server.do("ALTER DATABASE kept RENAME TO evidence")
    key = (
        "-k",
        str(gate.folder / "keys" / "first.key"),
        "--passphrase-file",
        str(gate.folder / "keys/first.passphrase"),
    )
    vkey = dialgate("audit", "key", config=gate.config)["vkey"]
    sets = (str(tmp_path / "set"), "--keys", str(tmp_path / "keys"))
    restored = dialgate("restore", *sets, "--vkey", vkey, *key, config=gate.config)
    assert restored["replayed"], restored
    assert dialgate("check", NUMBERS[20], config=gate.config, check=False)["reason"] == "objected"
    gate.verified()


def test_status_and_doctor_name_the_database_and_its_standbys(server: postgresql.Server, gate: RunningGate) -> None:
    folder = postgresql.folder_of_server()
    copied = ("-D", str(folder / "data"), "-h", str(server.folder), "-U", "dialgate", "-R", "--checkpoint=fast")
    server.run("pg_basebackup", *copied)
    standby = postgresql.Server(folder, made=True)
    gate.start()

    def follows() -> list[dict[str, object]]:
        evidence = gate.client.call("status")["evidence"]
        assert evidence["store"] == f"the database evidence on {server.folder}"
        return [each for each in evidence["standbys"] if each["behind_bytes"] == 0]

    try:
        (found,) = gate.wait(follows, PATIENCE, "no standby has it all")
        assert found == {"name": "walreceiver", "synchronous": False, "behind_bytes": 0}
        done = dialgate("doctor", config=gate.config, check=False)
        (said,) = [each["text"] for each in done["findings"] if each["subject"] == "evidence"]
        assert f"the database evidence on {server.folder}, with the standbys walreceiver (asynchronous)" in said
    finally:
        standby.stop()
    gate.wait(lambda: not follows(), PATIENCE, "a standby that is gone is named")
