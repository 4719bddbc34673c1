"""A phone system hands in its recordings by HTTP and by a folder: sealed, found, opened, and nothing in clear left."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.audio import dominant, read_wav, tone
from tests.support.running_gate import UNLISTED, RunningGate, free_port
from tests.support.waiting import PATIENCE
from tests.support.wavs import wav

AGENT, CUSTOMER = 500.0, 1250.0


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate", announcement=None)
    gate.http = f"127.0.0.1:{free_port()}"
    gate.set("control", http=gate.http)
    gate.add_token("dialler", purposes=["marketing"])
    gate.add_token("pbx", recordings=True)
    (tmp_path / "drop").mkdir()
    gate.set("ingest", folder=str(tmp_path / "drop"), settle_seconds=1)
    gate.start()
    yield gate
    gate.stop()


def http_of(gate: RunningGate, token: str, method: str, target: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(gate.http, timeout=PATIENCE)
    connection.request(method, target, body, {"Authorization": f"Bearer {gate.tokens[token]}"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def decided(gate: RunningGate) -> str:
    status, answer = http_of(gate, "dialler", "POST", "/v1/decision", json.dumps({"number": UNLISTED}).encode())
    assert (status, answer["verdict"]) == (200, "allow")
    return str(answer["decision_id"])


def heard(gate: RunningGate, recording_id: str, output: Path) -> list[float]:
    gate.export(recording_id, output)
    samples, rate = read_wav(output)
    return [round(dominant(samples[:, side], rate) or 0.0) for side in (0, 1)]


def test_by_http_and_by_a_folder(gate: RunningGate, tmp_path: Path) -> None:
    stereo = wav(tone(AGENT, 2.0), tone(CUSTOMER, 2.0), codec="PCMA")
    call = decided(gate)
    target = "/v1/recording?" + urlencode({"call_id": call})
    status, answer = http_of(gate, "pbx", "PUT", target, stereo)
    assert (status, answer["call_id"], answer["bound_by"], answer["already"]) == (201, call, "decision", False)
    assert http_of(gate, "pbx", "PUT", target, stereo) == (200, answer | {"already": True})
    assert heard(gate, answer["recording_id"], tmp_path / "a.wav") == [AGENT, CUSTOMER]

    for token, method, there, body, expected in (
        ("pbx", "PUT", target, b"no WAV file", 400),
        ("pbx", "PUT", "/v1/recording", stereo, 400),
        ("pbx", "PUT", f"{target}&swap=maybe", stereo, 400),
        ("pbx", "PUT", f"{target}&number=02079460199", stereo, 409),
        ("pbx", "PUT", "/v1/recording?call_id=unknown", wav(tone(AGENT, 1.0)), 409),
        ("dialler", "PUT", target, stereo, 403),
        ("pbx", "POST", "/v1/decision", b'{"number": "020 7946 0123"}', 403),
        ("pbx", "GET", target, b"", 405),
    ):
        assert http_of(gate, token, method, there, body)[0] == expected, (token, method, there)

    call = decided(gate)
    path = tmp_path / "drop" / f"{call}.wav"
    path.write_bytes(wav(tone(AGENT, 2.0, 16000), tone(CUSTOMER, 2.0, 16000), rate=16000))
    gate.wait(lambda: not path.exists(), PATIENCE, "the file is still there in clear")
    (row,) = gate.rows("SELECT recording_id, state FROM recordings WHERE call_id = ?", call)
    assert row["state"] == "closed"
    assert heard(gate, row["recording_id"], tmp_path / "b.wav") == [AGENT, CUSTOMER]
    assert list((tmp_path / "drop").iterdir()) == []
    assert gate.verified()["ok"]
