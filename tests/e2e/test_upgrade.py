"""A folder of version 0.1, of 30 November 2026, opened by this one: nothing that was kept is lost or reads differently.

It holds two announced calls with audio (one recording under a hold, one erased for DSR-2026-0002), a refused call,
objections, consents, contacts, an open access request, and a log of 49 leaves. ``TOLD`` is what 0.1 itself said of it.

``EARLIER`` are two smaller folders, of commits before and after it. Each has the calls of ``tests.support.bundles``, an
objection, a consent, an open request, and in ``rows`` the rows of a bundle, as the code of its commit exported them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import soundfile

from gate.exports.bundle import json_line
from gate.vault.keyfile import load_private
from tests.support import bundles
from tests.support.phones import Phones
from tests.support.running_gate import LISTED, RunningGate, dialgate
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.engine("sqlite")

FOLDER = Path(__file__).parents[1] / "data/upgrade/0.1.tar.xz"
EARLIER = {
    "9bb4eba": (68, "845f52d37067aacb3264700937cc225aca1bac587b17af95f7e458d48f047766"),
    "3bc27ed": (77, "3406e144d0008162bdf40569098accf8f96a30f960f604712a6e8a055abaecd9"),
}
"""Commit -> how many leaves its folder has, and their digest."""
THAT_DAY = "2026-11-30 10:00"
SIZE = 49
LEAVES = "299c288a7be5734d7e288ccce169ccf87413c806f58026f8317872834881f935"
HELD, ERASED = "87d990f3e72d4aa7e0264f63a2da1804", "e1615d66b35bd8411cf6f15b34d7e862"
AUDIO = "df50b8097fef4f34f92c47c4b01d9e7109e21ec17ffe45c4e1cfaa1015087a8a"
TOLD = {
    "calls": [
        ("+441134960501", "allow", "not_listed", "ended"),
        (None, "allow", "not_listed", "ended"),
        ("+442079460101", "block", "listed_tps", "refused"),
    ],
    "objections and consents": (5, 4),
}
DECIDED = {  # of the firm's own lists, the registers, and one whose number was erased
    "01134960503": "objected",
    "01134960502": "objected",
    LISTED: "listed_tps",
    "02079460102": "consented",
    "01134960505": "not_listed",
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> RunningGate:
    """The folder with its own configuration, in which only the ports are other ones."""
    gate = RunningGate(tmp_path_factory.mktemp("upgrade") / "gate")
    ports = {"sip": ("listen",), "trunk": ("address",), "media": ("port_min", "port_max")}
    own = tomllib.loads(gate.config.read_text())
    shutil.rmtree(gate.folder)
    gate.folder.mkdir()
    subprocess.run(["tar", "-xJf", FOLDER, "-C", gate.folder], check=True)
    for section, keys in ports.items():
        gate.set(section, **{key: own[section][key] for key in keys})
    return gate


@pytest.fixture(scope="module")
def opened(gate: RunningGate) -> Iterator[sqlite3.Connection]:
    """Its database, once a command of this version has opened it."""
    dialgate("status", config=gate.config, check=False)
    with sqlite3.connect(gate.data / "gate.db") as connection:
        yield connection


def test_every_leaf_is_there_and_the_log_holds(gate: RunningGate, opened: sqlite3.Connection) -> None:
    leaves = opened.execute("SELECT leaf FROM leaves WHERE leaf_index < ? ORDER BY leaf_index", (SIZE,))
    assert hashlib.sha256(b"".join(leaf for (leaf,) in leaves)).hexdigest() == LEAVES
    verified = dialgate("audit", "verify", config=gate.config)
    assert verified["ok"] and verified["size"] >= SIZE and not verified["faults"]
    assert verified["checked"]["recordings"] == 2 and verified["checked"]["holds"] == 1


def test_calls_and_lists_are_what_they_were(gate: RunningGate, opened: sqlite3.Connection) -> None:
    calls = opened.execute("SELECT number, verdict, reason, state FROM calls ORDER BY leaf_index").fetchall()
    assert calls == TOLD["calls"]
    (lists,) = opened.execute("SELECT (SELECT count(*) FROM objections), (SELECT count(*) FROM consents)")
    assert lists == TOLD["objections and consents"]


@pytest.mark.parametrize(("number", "reason"), DECIDED.items())
def test_a_number_is_decided_as_it_was(gate: RunningGate, number: str, reason: str) -> None:
    decision: dict[str, Any] = dialgate("check", number, "--at", THAT_DAY, config=gate.config, check=False)
    assert decision["reason"] == reason


def test_the_recording_under_a_hold_opens_to_the_same_audio(gate: RunningGate, tmp_path: Path) -> None:
    key = gate.folder / "keys" / "first.key"
    words = ["recording", "export", HELD, "-k", str(key), "-o", str(tmp_path / "a.wav"), "--purpose", "case 17/2026"]
    dialgate(*words, "--passphrase-file", str(key.with_suffix(".passphrase")), config=gate.config)
    samples, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert hashlib.sha256(samples.tobytes()).hexdigest() == AUDIO
    assert not list(gate.data.glob(f"recordings/**/{ERASED}.dgr"))


def test_the_open_request_is_open_until_the_same_day(gate: RunningGate) -> None:
    (request,) = dialgate("request", "list", config=gate.config)["items"]
    assert (request["reference"], request["asks"], request["due"]) == ("DSR-2026-0001", "access", "2026-12-30")


def test_a_gate_runs_on_it_and_refuses_who_was_erased(gate: RunningGate) -> None:
    gate.start()
    try:
        with Phones(port=gate.trunk_port) as far, Phones(to=gate.address) as near:
            talk = near.dial("01134960502")
            near.wait([talk], "over", PATIENCE)
            assert "objected" in talk.reasons[0] and not far.talks
    finally:
        assert gate.stop() == 0
    assert dialgate("audit", "verify", config=gate.config)["ok"]


@pytest.mark.parametrize(("commit", "size", "digest"), [(commit, *leaves) for commit, leaves in EARLIER.items()])
def test_a_bundle_has_the_rows_that_the_code_of_its_folder_wrote(
    commit: str, size: int, digest: str, tmp_path: Path
) -> None:
    subprocess.run(["tar", "-xJf", FOLDER.with_name(f"{commit}.tar.xz"), "-C", tmp_path], check=True)
    key, passphrase = tmp_path / "auditor.key", tmp_path / "auditor.passphrase"
    private = load_private(key, passphrase.read_text().strip())
    made = bundles.Made(tmp_path / "gate", key, passphrase, tmp_path / "auditor.recipient", private)
    verified = made.command("audit", "verify", "--json")
    assert verified.code == 0 and verified.json["ok"] and not verified.json["faults"], verified.err
    assert verified.json["checked"] | {"calls": 7, "recordings": 6, "requests": 1} == verified.json["checked"]

    exported = made.export(tmp_path / "bundle")
    assert exported.code == 0, exported.err
    opened = made.open(tmp_path / "bundle", "-o", str(tmp_path / "opened"))
    assert opened.code == 0, opened.out
    with closing(sqlite3.connect(made.data / "gate.db")) as database:
        leaves = database.execute("SELECT leaf FROM leaves WHERE leaf_index < ? ORDER BY leaf_index", (size,))
        assert hashlib.sha256(b"".join(leaf for (leaf,) in leaves)).hexdigest() == digest
    for name, count in {"calls": 6, "decisions": 6, "recordings": 5, "registers": 1}.items():
        before, now = (
            (folder / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
            for folder in (tmp_path / "rows", tmp_path / "opened" / "log")
        )
        pairs = zip(map(json.loads, before), map(json.loads, now), strict=True)
        assert [json_line(_as_it_was(*pair)) for pair in pairs] == before and len(before) == count, name


def _as_it_was(old: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """A row without the columns that came later, which are empty in it; a call without the fact of this export."""
    if "call" in old:
        facts, more = row["facts"][: len(old["facts"])], row["facts"][len(old["facts"]) :]
        assert {fact["kind"] for fact in more} <= {"exported"}
        return row | {"call": _as_it_was(old["call"], row["call"]), "facts": facts}
    assert not any(value for name, value in row.items() if name not in old)
    return {name: row[name] for name in old}
