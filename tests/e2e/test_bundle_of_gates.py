"""Three gates on one database, and one bundle of all their calls, checked where there is no gate."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomlkit

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.exports import bundle as form
from gate.exports.bundle_read import Findings, open_bundle
from gate.vault.keyfile import save_private
from tests.support import bundles, postgresql
from tests.support.gates import gates_on_one_database
from tests.support.phones import Phones
from tests.support.running_gate import LISTED, RunningGate, dialgate
from tests.support.settings import secret
from tests.support.vault import PASSPHRASE, new_key
from tests.support.waiting import PATIENCE
from tests.support.witness import WitnessServer

pytestmark = pytest.mark.skipif(not postgresql.PROGRAMS.exists(), reason="apt-get install postgresql-17")


class Three(bundles.Made):
    """Three gates that each let a call through and refused one, which gate 2 has erased; gate 1 exports."""

    gates: list[RunningGate]
    bundle: Path
    period: tuple[datetime, datetime]
    vkeys: list[str]
    report: Any
    witness: WitnessServer

    def __init__(self, gates: list[RunningGate], folder: Path) -> None:
        private, recipient = new_key("Auditor", "auditor")
        save_private(folder / "auditor.key", private)
        text = folder / "auditor.recipient"
        text.write_text(recipient.to_text())
        words = secret(folder / "auditor.passphrase", PASSPHRASE + "\n")
        super().__init__(gates[1].folder, folder / "auditor.key", words, text, private)
        self.gates, self.bundle = gates, folder / "all.bundle"
        self.vkeys = [dialgate("audit", "key", config=each.config)["vkey"] for each in gates]

    def export_of(self, gate: RunningGate, output: Path) -> Any:
        since, until = self.period
        keys = self.gates[0].folder / "keys" / "first"
        own = ("--key", f"{keys}.key", "--passphrase-file", f"{keys}.passphrase")
        told = ("--recipient", "Auditor", "--purpose", "annual audit", "-o", str(output))
        period = ("--from", since.isoformat(), "--to", until.isoformat())
        return dialgate("audit", "export", *period, *told, *own, config=gate.config)

    def kept(self, folder: Path, log: int) -> Path:
        """The checkpoint of a log, as somebody keeps it who had the bundle."""
        path = folder / "kept.txt"
        path.write_bytes(bundles.unpacked(self.bundle)["checkpoint.txt" if log == 1 else f"logs/{log}/checkpoint.txt"])
        return path

    def checked(self, bundle: Path, *more: str, vkeys: list[str] | None = None) -> Any:
        """What ``audit open`` says of it, with the verifier keys of all gates."""
        own = [part for vkey in self.vkeys if vkeys is None or vkey in vkeys for part in ("--vkey", vkey)]
        return self.open(bundle, *own, *more, "--json")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    folder = tmp_path_factory.mktemp("three")
    with gates_on_one_database(folder, 3) as gates:
        made = Three(gates, folder)
        terms = ("--exports-only", "--purpose", "regulator")
        for each in gates:
            dialgate("key", "add", str(made.recipient), *terms, config=each.config)
        began = datetime.now(UTC)
        made.witness = WitnessServer(folder / "witness", made.vkeys[0], "witness.example.org/w1", *made.vkeys[1:])
        for each in gates:
            document = tomlkit.parse(each.config.read_text())
            document["witness"] = [{"url": made.witness.url, "key": made.witness.key}]
            each.config.write_text(tomlkit.dumps(document))
            each.start()
        for log, gate in enumerate(gates):
            with Phones(port=gate.trunk_port), Phones(to=gate.address) as near:
                (talk,) = near.wait([near.dial(f"0113496010{log}")], "up", PATIENCE)
                near.hang_up(talk)
                near.wait([near.dial(LISTED)], "over", PATIENCE)
                gate.wait(lambda gate=gate: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        erased(gates[2], LISTED)
        made.period = (began - timedelta(seconds=1), datetime.now(UTC))
        for each in gates:
            dialgate("audit", "checkpoint", config=each.config)
        made.report = made.export_of(gates[1], made.bundle)
        yield made
        made.witness.close()


def erased(gate: RunningGate, number: str) -> None:
    """All of a person, by request."""
    opened = gate.client.call("request_open", asks="erasure", channel="post", name="Pat", numbers=[number])
    request = {"request": opened["reference"]}
    gate.client.call("request_verify_identity", **request, checked="passport seen")
    gate.client.call("request_search", **request)
    gate.client.call("request_decide", **request, grant=True)
    plan = gate.client.call("request_carry_out", **request, execute=False)
    gate.client.call("request_carry_out", **request, execute=True, digest=plan["digest"])


def failed(done: Any) -> list[str]:
    return [each["text"] for each in done.json["checks"] if not each["holds"]]


def test_the_calls_of_three_gates_are_in_one_bundle_that_holds(three: Three, tmp_path: Path) -> None:
    assert three.report["others"] == {str(log): three.vkeys[log] for log in (0, 2)}
    done = three.checked(three.bundle, "-o", str(tmp_path / "out"))
    assert done.code == 0, failed(done)
    calls = [json.loads(line) for line in (tmp_path / "out/log/calls.jsonl").read_text().splitlines()]
    assert len(calls) == 6
    assert {fact.get("log", 0) for call in calls for fact in call["facts"]} == {0, 1, 2}
    assert sum("commit" in fact for call in calls for fact in call["facts"]) >= 3, "what gate 2 has erased of all"
    statuses = sorted(json.loads(line)["status"] for line in (tmp_path / "out/log/recordings.jsonl").open())
    assert statuses == ["elsewhere", "elsewhere", "included"]
    said = [each["text"] for each in done.json["checks"] if each["check"] == "checkpoint"]
    assert [text[:6] for text in said] == ["Log 1:", "Log 0:", "Log 2:"]


def test_a_witness_has_seen_the_log_of_each_gate(three: Three) -> None:
    done = three.checked(three.bundle, "--witness", three.witness.key)
    assert done.code == 0, failed(done)
    seen = [each["text"] for each in done.json["checks"] if each["check"] == "witness"]
    assert [text[:6] for text in seen] == ["Log 1:", "Log 0:", "Log 2:"] and all("signed that" in text for text in seen)

    def unseen(members: dict[str, bytes], manifest: dict[str, Any]) -> None:
        lines = members["logs/2/checkpoint.txt"].splitlines(keepends=True)
        members["logs/2/checkpoint.txt"] = b"".join(line for line in lines if b"witness.example.org" not in line)

    findings = Findings()
    witnesses = [three.witness.key]
    open_bundle(io.BytesIO(resealed(three, unseen)), findings, vkeys=three.vkeys, witnesses=witnesses)
    (fault,) = [each.text for each in findings.checks if not each.ok]
    assert fault.startswith("Log 2: The witness witness.example.org/w1 has not signed")


def test_a_program_alone_opens_it(three: Three, tmp_path: Path) -> None:
    reader = tmp_path / "reader.py"
    reader.write_bytes(bundles.unpacked(three.bundle)["reader.py"])
    words = ("--vkey", three.vkeys[1], "--key", str(three.key), "--passphrase-file", str(three.passphrase))
    run = subprocess.run(
        [sys.executable, str(reader), str(three.bundle), *words], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
    assert "none is left out" in run.stdout and f"log 2 is signed with {three.vkeys[2]}" in run.stdout


def test_every_gates_own_bundle_holds_too(three: Three, tmp_path: Path) -> None:
    for log in (0, 2):
        path = tmp_path / f"{log}.bundle"
        three.export_of(three.gates[log], path)
        done = three.checked(path, "--checkpoint", str(three.kept(tmp_path, 1)))
        assert done.code == 0, failed(done)


def test_flips_in_every_part_of_it_are_found(three: Three) -> None:
    whole = three.bundle.read_bytes()
    names = [name for name in bundles.unpacked(three.bundle) if not name.startswith(("recordings/", "announcements/"))]
    assert [name for name in names if name.startswith("logs/")]
    with three.bundle.open("rb") as file:
        entries = {each.name: each for each in form.entries(file)}
    places = [entries[name].start + entries[name].size * part // 7 for name in names for part in range(7)]
    places += range(0, 1024, 97)
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(form.BundleError):
            open_bundle(io.BytesIO(bytes(changed)), Findings(), vkeys=three.vkeys)


def resealed(three: Three, change: Callable[[dict[str, bytes], dict[str, Any]], None]) -> bytes:
    """A bundle that gate 1 has signed, though it is changed."""
    members = bundles.unpacked(three.bundle)
    manifest = json.loads(members["manifest.json"])
    change(members, manifest)
    return bundles.resealed(three, three.bundle, members, others=manifest["others"])


@pytest.mark.parametrize("name", ["checkpoint.txt", "consistency.jsonl", "gate.vkey"])
def test_what_proves_one_log_does_not_prove_another(three: Three, name: str) -> None:
    def exchange(members: dict[str, bytes], manifest: dict[str, Any]) -> None:
        one, other = f"logs/0/{name}", f"logs/2/{name}"
        members[one], members[other] = members[other], members[one]

    findings = Findings()
    try:
        open_bundle(io.BytesIO(resealed(three, exchange)), findings, vkeys=three.vkeys)
    except form.BundleError as error:
        assert "logs/0/" in error.message
    else:
        assert not findings.ok and name == "consistency.jsonl", "each day has a head of its own"


def test_leaves_of_one_log_are_not_proven_by_another(three: Three, tmp_path: Path) -> None:
    """The leaves and facts of log 0 said to be of log 2, and the other way round, by the gate that signs."""

    def turn(line: bytes) -> bytes:
        value = json.loads(line)
        for fact in [value, *value.get("facts", [])]:
            if "index" in fact:
                fact["log"] = {0: 2, 2: 0}.get(fact.get("log", 0), fact.get("log", 0))
                if not fact["log"]:
                    del fact["log"]
        return form.json_line(value)

    shutil.copy(three.bundle, tmp_path / "copy.bundle")
    logs = bundles.clear_logs(three, tmp_path / "copy.bundle")
    lines = sorted(map(turn, logs["leaves.jsonl"].splitlines()), key=lambda line: _key(json.loads(line)))
    changed = {name: b"".join(map(turn, logs[name].splitlines())) for name in ("calls.jsonl", "facts.jsonl")}
    path = tmp_path / "turned.bundle"
    path.write_bytes(bundles.signed_anew(three, three.bundle, {**changed, "leaves.jsonl": b"".join(lines)}, tmp_path))
    done = three.checked(path)
    assert done.code == 1 and "Leaves are not in the signed log" in str(failed(done))


def _key(leaf: dict[str, Any]) -> tuple[int, int]:
    return leaf.get("log", 0), leaf["index"]


def test_a_log_that_is_left_out_is_named(three: Three, tmp_path: Path) -> None:
    def without_its_checkpoint(members: dict[str, bytes], manifest: dict[str, Any]) -> None:
        del members["logs/2/checkpoint.txt"]

    with pytest.raises(form.BundleError, match=r"there is no logs/2/checkpoint\.txt"):
        open_bundle(io.BytesIO(resealed(three, without_its_checkpoint)), Findings(), vkeys=three.vkeys)

    def without_the_log(members: dict[str, bytes], manifest: dict[str, Any]) -> None:
        manifest["others"] = [each for each in manifest["others"] if each["number"] != 2]
        for name in [name for name in members if name.startswith("logs/2/")]:
            del members[name]

    findings = Findings()
    open_bundle(io.BytesIO(resealed(three, without_the_log)), findings, vkeys=three.vkeys)
    (fault,) = [each.text for each in findings.checks if not each.ok]
    assert fault == f"The bundle has nothing of the log that is signed with {three.vkeys[2]}."
    path = tmp_path / "two.bundle"
    path.write_bytes(resealed(three, without_the_log))
    done = three.checked(path, vkeys=three.vkeys[:2])
    assert done.code == 1, "calls of that log are in it"
