"""The command line on a real data folder without a running gate: set up, look, change, open a recording, verify."""

from __future__ import annotations

import base64
import json
import shutil
import wave
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gate import g711
from gate.cli import setup
from gate.config import load
from gate.core.rtp import encode_event, encode_map, encode_packet
from gate.daemon.opening import open_folder
from gate.ports import Fact
from gate.vault.sealer import sealer
from tests.support.audio import dominant, tone
from tests.support.commands import Done, dialgate
from tests.support.settings import secret

BEGAN = datetime(2026, 3, 2, 10, 0, 0, tzinfo=UTC)
CALL, RECORDING = "ca" * 16, "ec" * 16
PAYLOADS = {"caller": {0: "PCMU/8000"}, "callee": {0: "PCMU/8000"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example gate with one recorded call in it: a low tone from the agent, a high one from the customer."""
    folder = tmp_path_factory.mktemp("whole") / "gate"
    done = dialgate("init", str(folder), "--example", "--json")
    assert done.code == 0, done.err
    _record(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, named by DIALGATE_CONFIG."""
    shutil.copytree(made, tmp_path / "gate")
    monkeypatch.setenv("DIALGATE_CONFIG", str(tmp_path / "gate" / "config.toml"))
    return tmp_path / "gate"


def _record(folder: Path) -> None:
    config = load(folder / "config.toml")
    seal = sealer(config.data / "recipients")(RECORDING, {"call_id": CALL})
    path = f"2026/03/02/{RECORDING}.dgr"
    writer = seal.create(config.data / "recordings" / path)
    notice = {"announcement": "notice", "version": "1", "completed": True}
    times = {"started": (BEGAN - timedelta(seconds=5)).isoformat(), "ended": BEGAN.isoformat()}
    for second in range(2):
        chunk = b""
        if second == 0:
            chunk += encode_map(0, PAYLOADS) + encode_event(0, "start", {"at": BEGAN.isoformat()})
            chunk += encode_event(0, "announcement", notice | times)
        writer.write_chunk(chunk + _second(second))
    writer.write_chunk(encode_event(2_000_000, "end", {"interrupted": False, "cause": "hang-up"}))
    summary = writer.close({"interrupted": False})
    with ExitStack() as stack:
        data = open_folder(config, stack)
        failed: list[Exception | None] = []
        data.keys.put(RECORDING, seal.key_id, seal.wraps, failed.append)
        decided = {"number": "+442079460150", "raw": "02079460150", "verdict": "allow", "reason": "consented"}
        opened = {"call_id": CALL, "key_id": seal.key_id, "path": path, "recipients": [one for one, _ in seal.wraps]}
        closed = {"call_id": CALL, "sha256": summary.sha256, "size": summary.size, "seconds": 2.0, "interrupted": False}
        for kind, subject, body in (
            ("decision", CALL, decided),
            ("announced", CALL, notice | times),
            ("recording_opened", RECORDING, opened),
            ("connected", CALL, {"recorded": True}),
            ("recording_closed", RECORDING, closed | {"chunks": summary.chunks, "packets": {}, "gaps": []}),
        ):
            fact = Fact(kind=kind, subject=subject, at=BEGAN, actor="test", body=body)
            data.store.call(lambda tx, fact=fact: tx.append(fact))
    assert failed == [None]


def _second(second: int) -> bytes:
    frames = b""
    for packet in range(50):
        number = second * 50 + packet
        for side, frequency in (("caller", 400.0), ("callee", 1000.0)):
            samples = tone(frequency, 3.0)[number * 160 : number * 160 + 160]
            rtp = bytes([0x80, 0, *number.to_bytes(2, "big"), *(number * 160).to_bytes(4, "big"), 0, 0, 0, 1])
            frames += encode_packet(side, number * 20_000, rtp + g711.ulaw_encode(samples))
    return frames


def export(folder: Path, *more: str) -> Done:
    keys = folder / "keys"
    return dialgate(
        *("recording", "export", RECORDING, "-k", str(keys / "first.key"), "-o", str(folder / "call.wav")),
        *("--passphrase-file", str(keys / "first.passphrase"), "--purpose", "request 17", *more),
    )


def sealed(folder: Path) -> Path:
    return folder / "data" / "recordings" / "2026" / "03" / "02" / f"{RECORDING}.dgr"


def test_an_example_gate_answers_at_once(folder: Path) -> None:
    listed = (setup.SAMPLE_LISTS / "tps_ns.txt").read_text().split()[0]
    refused = dialgate("check", listed, "--json")
    assert (refused.code, refused.json["reason"]) == (3, "listed_tps")
    objected = dialgate("check", "+447700900200", "--json")
    assert (objected.code, objected.json["reason"]) == (3, "objected")
    assert dialgate("check", "020 7946 0000").code == 0
    assert dialgate("check", "999").code == 3
    registers = dialgate("register", "status", "--json").json["registers"]
    assert {each["name"]: each["state"] for each in registers} == {"tps": "ok", "ctps": "ok"}
    assert all({"count", "as_of", "days_left", "coverage", "sha256"} <= each.keys() for each in registers)
    assert dialgate("key", "list", "--json").json["recipients"][0]["name"] == "Compliance"


def test_an_objection_holds_from_the_next_check_and_can_be_taken_back(folder: Path) -> None:
    assert dialgate("check", "020 7946 0000").code == 0
    added = dialgate("objection", "add", "020 7946 0000", "--json").json["id"]
    assert dialgate("check", "0044 20 7946 0000", "--json").json["reason"] == "objected"
    assert dialgate("objection", "remove", added, "--reason", "typed in wrongly").code == 0
    assert dialgate("check", "020 7946 0000").code == 0
    assert dialgate("objection", "remove", added, "--reason", "again").code == 2


def test_lists_are_paged_by_the_cursor_that_they_name(folder: Path) -> None:
    seen: list[str] = []
    after: list[str] = []
    for _ in range(5):
        page = dialgate("consent", "list", "--limit", "1", "--json", *after).json
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = ["--after", page["next"]]
    assert len(seen) == len(set(seen)) == 3


def test_yes_and_no_are_shown_as_such(folder: Path) -> None:
    call = dialgate("calls", "show", CALL, "--json").json["call"]
    assert (call["announced"], call["recorded"], call["objected"]) == (True, True, None)
    assert isinstance(call["recorded"], bool)
    assert "recorded: yes" in dialgate("calls", "show", CALL).out


def test_the_holder_of_the_key_opens_the_recording(folder: Path) -> None:
    done = export(folder, "--json")
    assert done.code == 0, done.err
    assert done.json["announcement"]["completed"] is True
    begins = done.json["recording_begins"]
    assert begins > 1
    with wave.open(str(folder / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    start = round(begins * 8000)
    agent, customer = samples[start + 800 : start + 8800].T
    assert abs((dominant(agent) or 0) - 400) < 20
    assert abs((dominant(customer) or 0) - 1000) < 20
    assert np.abs(samples[:start, 1]).max() > 1000, "the announcement is in the customer's channel"
    assert np.abs(samples[:start, 0]).max() == 0
    assert (folder / "call.wav").stat().st_mode & 0o077 == 0
    facts = dialgate("calls", "show", CALL, "--json").json["facts"]
    exported = [fact for fact in facts if fact["kind"] == "exported"]
    assert exported[0]["body"]["purpose"] == "request 17"
    assert exported[0]["actor"].startswith("user:")
    assert dialgate("audit", "verify").code == 0
    assert dialgate("recording", "verify").code == 0


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "flipped": _flip,
    "cut": lambda data: data[: len(data) * 2 // 3],
    "longer": lambda data: data + b"\0" * 64,
    "no recording": lambda data: b"RIFF" + data[4:],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_was_changed_does_not_open_and_leaves_no_output(fault: str, folder: Path) -> None:
    path = sealed(folder)
    path.write_bytes(FAULTS[fault](path.read_bytes()))
    done = export(folder)
    assert (done.code, done.out) == (1, "")
    assert "unexpected" not in done.err
    assert list(folder.glob("*call.wav*")) == []
    assert dialgate("recording", "verify").code == 1


def test_another_sound_under_the_same_id_is_found_by_the_log(folder: Path) -> None:
    config = load(folder / "config.toml")
    seal = sealer(config.data / "recipients")(RECORDING, {"call_id": CALL})
    sealed(folder).unlink()
    writer = seal.create(sealed(folder))
    writer.write_chunk(encode_map(0, PAYLOADS) + _second(0))
    writer.close({"interrupted": False})
    with ExitStack() as stack:
        keys = open_folder(config, stack).keys
        keys.shred([RECORDING])
        keys.put(RECORDING, seal.key_id, seal.wraps, lambda error: None)
    done = export(folder)
    assert done.code == 1
    assert "is not the file whose digest is in the log" in done.err
    assert not (folder / "call.wav").exists()


def test_a_key_that_it_was_not_sealed_to_does_not_open_it(folder: Path) -> None:
    words = secret(folder / "words", "correct horse battery\n")
    other = str(folder / "other.key")
    assert dialgate("key", "new", "Eve", "-o", other, "--passphrase-file", str(words)).code == 0
    done = dialgate(
        *("recording", "export", RECORDING, "-k", other, "-o", str(folder / "call.wav")),
        *("--passphrase-file", str(words), "--purpose", "curiosity"),
    )
    assert done.code == 1
    assert "is not sealed to key" in done.err
    assert not (folder / "call.wav").exists()


def test_a_recording_that_is_not_there(folder: Path) -> None:
    done = dialgate(
        *("recording", "export", "nothing", "-k", str(folder / "keys" / "first.key"), "-o", str(folder / "x.wav")),
        *("--passphrase-file", str(folder / "keys" / "first.passphrase"), "--purpose", "x"),
    )
    assert done.code == 2
    assert "there is no recording nothing" in done.err


def test_the_checkpoint_is_a_signed_note_of_the_verifier_that_init_named(folder: Path) -> None:
    from gate.vault.signing import CheckpointKey, verify_note

    note = dialgate("audit", "checkpoint").out
    vkey = CheckpointKey.load(folder / "data" / "gate.key").vkey
    name, size, root = verify_note(note, vkey).splitlines()
    assert name.startswith("dialgate-")
    audited = dialgate("audit", "verify", "--json").json
    assert (str(audited["size"]), audited["root"]) == (size, root)
    assert len(base64.b64decode(root)) == 32


def test_a_changed_row_is_told_by_audit_verify(folder: Path) -> None:
    import sqlite3

    database = sqlite3.connect(folder / "data" / "gate.db")
    with database:
        database.execute("UPDATE facts SET body = replace(body, 'consented', 'not_listed') WHERE kind = 'decision'")
    database.close()
    done = dialgate("audit", "verify", "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert done.json["first_fault"]


def test_an_example_without_sample_lists_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "SAMPLE_LISTS", tmp_path / "nowhere")
    done = dialgate("init", str(tmp_path / "gate"), "--example", "--json")
    assert done.code == 0
    assert "sample lists are not part of this installation" in done.err
    assert "tps" not in done.json
    checked = dialgate("check", "020 7946 0000", "-c", done.json["config"], "--json")
    assert (checked.code, checked.json["reason"]) == (3, "register_missing")


def test_the_example_key_file_says_whose_it_is_and_not_more(folder: Path) -> None:
    shown = json.loads((folder / "keys" / "first.key").read_text())
    assert shown["recipient"]["name"] == "Compliance"
    assert (folder / "keys" / "first.passphrase").read_text().strip() not in (folder / "keys" / "first.key").read_text()
