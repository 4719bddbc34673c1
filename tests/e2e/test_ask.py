"""Asking before dialling: the HTTP door and the pyVoIP hook against a running gate, and in the same process."""

from __future__ import annotations

import html
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gate.config import load
from gate.daemon.opening import open_data_folder
from gate.operations.calls.screening import Decide
from gate.softphone import Answer, CallRefused, GatedPhone, ask_gate
from tests.support.asking import ask
from tests.support.documents import page
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, dialgate, free_port
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE, until

TOKEN = "a-token-of-the-test"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.http = f"127.0.0.1:{free_port()}"
    gate.set("control", http=gate.http)
    gate.add_token("dialler", purposes=["marketing", "service"])
    gate.add_token("prometheus", metrics=True)
    gate.add_token("crm", lists=True)
    (gate.folder / "secrets" / "dialler.token").write_text(TOKEN + "\n")
    gate.start()
    yield gate
    gate.stop()


def phone(gate: RunningGate, token: str = TOKEN) -> GatedPhone:
    ask = ask_gate(f"http://{gate.http}", token, account="alice", timeout=PATIENCE)
    return GatedPhone(ask, "127.0.0.1", gate.port, "alice", gate.password())


def test_a_gated_phone_asks_first_and_dials_what_the_gate_answers(gate: RunningGate) -> None:
    with Uas(port=gate.trunk_port) as far, phone(gate) as caller:
        with pytest.raises(CallRefused) as refused:
            caller.call(LISTED)
        assert refused.value.reason == "listed_tps"
        call = caller.call("(020) 7946 0123")
        assert call.number == "+442079460123"
        assert call.wait_answered(15)
        call.hangup()
        assert far.wait("call")["user"].endswith("2079460123")
    rows = gate.rows("SELECT source, reason, claimed_by FROM calls ORDER BY leaf_index")
    assert [(row["source"] == "ask", row["reason"]) for row in rows] == [
        *((True, "listed_tps"), (True, "not_listed"), (False, "not_listed")),
    ]
    assert {row["claimed_by"] for row in rows} == {"account:alice"}


def test_answers_by_http_raise_the_alarm_on_service_calls_to_listed_numbers(gate: RunningGate) -> None:
    """22 service calls of 22 to listed numbers, and status said 0 %; a restart forgets none of them."""
    ask = ask_gate(f"http://{gate.http}", TOKEN, purpose="service", timeout=PATIENCE)
    for _ in range(22):
        assert ask(LISTED).reason == "service_call"

    def seen() -> tuple[dict[str, object], bool]:
        told = dialgate("status", config=gate.config, check=False)
        (row,) = (each for each in told["usage"] if each["claimed_by"] == "http:dialler")
        said = any("http:dialler: 100 % of today's calls were claimed as service" in each for each in told["attention"])
        return {key: row[key] for key in ("calls_today", "service_percent_today", "listed_service_today")}, said

    counted = {"calls_today": 22, "service_percent_today": 100, "listed_service_today": 22}
    assert seen() == (counted, True)
    (leaf,) = gate.rows("SELECT body FROM facts WHERE kind = 'many_service_calls'")
    assert json.loads(leaf["body"])["claimed_by"] == "http:dialler"
    gate.stop()
    gate.start()
    assert seen() == (counted, True)


def test_a_wrong_token_and_a_gate_that_is_gone_are_refusals(gate: RunningGate) -> None:
    with phone(gate, token="wrong") as caller, pytest.raises(CallRefused) as refused:
        caller.call(UNLISTED)
    assert refused.value.reason == "not_authenticated"
    gate.stop()
    with pytest.raises(CallRefused):
        caller.call(UNLISTED)


def health(gate: RunningGate, path: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://{gate.http}/{path}", timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_gate_that_refuses_all_marketing_is_not_ready_and_says_why(gate: RunningGate) -> None:
    """A recorder that hangs: every call was refused, and health said ok. The process itself is alive."""
    pid = gate.recorder_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        why = {"state": "not ok", "reasons": ["recorder_unavailable"]}
        until(lambda: health(gate, "readyz") == (503, why), "the gate is not ready")
        assert health(gate, "healthz") == (503, why)
        assert health(gate, "livez") == (200, {"state": "ok"})
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: health(gate, "readyz") == (200, {"state": "ok"}), "the gate is ready again")


def test_the_door_for_phone_systems(gate: RunningGate) -> None:
    def post(body: object, token: str = TOKEN, **headers: str) -> tuple[int, dict[str, object]]:
        request = urllib.request.Request(
            f"http://{gate.http}/v1/decision",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - our own address
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    code, told = post({"number": LISTED})
    assert (code, told["verdict"], told["reason"]) == (200, "block", "listed_tps")
    assert gate.kinds(str(told["decision_id"])) == ["decision"]
    for body, headers in (
        ({"number": LISTED, "nonsense": 1}, {}),
        ({}, {}),
        ({"number": LISTED}, {"Origin": "http://x"}),
    ):
        code, told = post(body, **headers)
        assert code >= 400 and told["verdict"] == "block"
    for path in ("livez", "readyz", "healthz"):
        assert health(gate, path) == (200, {"state": "ok"})
    metrics = urllib.request.Request(
        f"http://{gate.http}/metrics", headers={"Authorization": f"Bearer {gate.tokens['prometheus']}"}
    )
    with urllib.request.urlopen(metrics, timeout=PATIENCE) as response:  # noqa: S310 - our own address
        assert b"dialgate_recorder_up 1.0" in response.read()


def curl(gate: RunningGate, script: str, *arguments: str) -> tuple[int, str]:
    """Run lines of the manual at this gate, as they stand there; the exit code and what was said."""
    script = script.replace("127.0.0.1:8080", gate.http).replace("-m 5 ", f"-m {PATIENCE:.0f} ")
    done = subprocess.run(
        ["sh", "-c", script, "sh", *arguments],
        cwd=gate.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout


@pytest.fixture
def blocks(gate: RunningGate) -> list[str]:
    """What the manual shows in code blocks, where the token's file lies as it says."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    secret = gate.folder / "dialler.token"
    secret.touch(0o600)
    secret.write_text(TOKEN + "\n")
    return [block.text for block in page("http-api").blocks]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing (package prometheus)")
def test_prometheus_finds_nothing_wrong_with_the_metrics(gate: RunningGate) -> None:
    with phone(gate) as caller, pytest.raises(CallRefused):
        caller.call(LISTED)

    def scraped() -> bytes:
        request = urllib.request.Request(f"http://{gate.http}/metrics")
        request.add_header("Authorization", f"Bearer {gate.tokens['prometheus']}")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return bytes(answer.read())

    until(lambda: b"register_remaining" in scraped() and b'reason="listed_tps"' in scraped())
    done = subprocess.run(["promtool", "check", "metrics"], input=scraped(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_curl_lines_of_the_manual(gate: RunningGate, blocks: list[str]) -> None:
    lines, many, lists, ready = [block for block in blocks if block.startswith("curl")]
    said = [curl(gate, "curl" + each) for each in lines.split("curl")[1:]]
    assert json.loads(said[0][1])["verdict"] == "allow"
    assert said[1:] == [(0, "block listed_tps"), (0, "allow")]
    assert [each["verdict"] for each in json.loads(curl(gate, many)[1])["decisions"]] == ["allow", "block"]
    secret = gate.folder / "crm.token"
    secret.touch(0o600)
    secret.write_text(gate.tokens["crm"])
    entered, found = (json.loads(curl(gate, "curl" + each)[1]) for each in lists.split("curl")[1:])
    assert [each["id"] for each in found["items"]] == [entered["id"]]
    assert curl(gate, ready) == (0, '{"state":"ok"}')


def test_the_hooks_of_the_manual(gate: RunningGate, blocks: list[str]) -> None:
    """Ours of each: the script as it stands, and the URLs of the phone systems as curl fetches them."""
    (script,) = [block for block in blocks if "$1" in block]
    assert curl(gate, script, UNLISTED) == (0, "")
    for refused in (LISTED, "", "nonsense", "+15005550006"):
        assert curl(gate, script, refused)[0] != 0, refused
    urls = [
        html.unescape(found)
        for block in blocks
        for found in re.findall(r"http://\S+format=text&(?:amp;)?number=", block)
    ]
    assert len(urls) == 3
    for url in urls:
        address = url.replace(":TOKEN@", f":{TOKEN}@")
        bearer = "" if "@" in url else f"-H 'Authorization: Bearer {TOKEN}'"
        for number in (UNLISTED, "+44" + UNLISTED[1:], "%2B44" + UNLISTED[1:]):
            assert curl(gate, f"curl -s {bearer} '{address}{number}'") == (0, "allow")
        for number in (LISTED, "+44" + LISTED[1:]):
            assert curl(gate, f"curl -s {bearer} '{address}{number}'") == (0, "block listed_tps")
        wrong = address.replace(TOKEN, "wrong")
        assert curl(gate, f"curl -s -H 'Authorization: Bearer wrong' '{wrong}{UNLISTED}'")[1] != "allow"
    gate.stop()
    assert curl(gate, script, UNLISTED)[0] != 0


def test_no_number_of_a_query_string_is_in_the_gates_log(gate: RunningGate) -> None:
    gate.stop()
    gate.set("log", level="debug")
    gate.start()
    for method, query, status in (
        ("GET", f"number={LISTED}&format=text", 403),
        ("GET", f"number={UNLISTED}&format=text", 200),
        ("GET", f"number=%2B44{LISTED[1:]}&purpose=none", 400),
        ("GET", f"{LISTED}", 400),
        ("GET", f"number={LISTED}&account=nobody", 400),
        ("POST", f"number={LISTED}&colour=red", 400),
        ("PUT", f"number={LISTED}", 405),
    ):
        connection = http.client.HTTPConnection(gate.http, timeout=PATIENCE)
        connection.request(method, f"/v1/decision?{query}", headers={"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        assert (response.status, response.read() != b"") == (status, True)
        connection.close()
    host, _, port = gate.http.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as raw:
        raw.sendall(f"GET /v1/decision?number={LISTED} too HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert b'"verdict":"block"' in b"".join(iter(lambda: raw.recv(65536), b""))
    gate.stop()
    written = gate.log.read_text()
    assert '"op": "decide"' in written
    assert LISTED[1:] not in written and UNLISTED[1:] not in written


def test_questions_are_counted_apart_from_the_calls_that_follow(gate: RunningGate) -> None:
    with Uas(port=gate.trunk_port), phone(gate) as caller:
        with pytest.raises(CallRefused):
            caller.call(LISTED)
        call = caller.call(UNLISTED)
        assert call.wait_answered(PATIENCE)
        call.hangup()
    asked = urllib.request.Request(
        f"http://{gate.http}/metrics", headers={"Authorization": f"Bearer {gate.tokens['prometheus']}"}
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE) as response:  # noqa: S310 - our own address
        lines = response.read().decode().splitlines()
    for line in (
        'dialgate_asked_total{reason="listed_tps",verdict="block"} 1.0',
        'dialgate_asked_total{reason="not_listed",verdict="allow"} 1.0',
        'dialgate_attempts_total{reason="not_listed",verdict="allow"} 1.0',
        "dialgate_attempts_asked_before_total 1.0",
    ):
        assert line in lines
    named = gate.rows("SELECT asked.reason FROM calls JOIN calls AS asked ON asked.call_id = calls.question")
    assert named == [{"reason": "not_listed"}]
    assert not [line for line in lines if line.startswith("dialgate_attempts_total") and "listed_tps" in line]


def test_in_the_same_process(gate: RunningGate) -> None:
    gate.stop()
    with open_data_folder(load(gate.config)) as folder:
        phone = GatedPhone(
            lambda number: Answer.from_json(
                msgspec.to_builtins(ask(folder, Decide(number=number, account="alice"), "dialler"))
            ),
            *("127.0.0.1", gate.port, "alice", gate.password()),
        )
        with pytest.raises(CallRefused) as refused:
            phone.call(LISTED)
    assert refused.value.reason == "listed_tps"
    assert gate.rows("SELECT reason FROM calls WHERE call_id = ?", refused.value.decision_id) == [
        {"reason": "listed_tps"}
    ]
