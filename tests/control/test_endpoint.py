"""The door for phone systems: token, browsers kept out, and a verdict in every answer."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from gate.config import Config, Duty, load
from gate.control import endpoint
from gate.control.openapi import http_openapi
from gate.errors import ConfigError, ControlError
from tests.support.doors import free_port, serving
from tests.support.example_answers import ExampleAnswers
from tests.support.settings import VALID, secret, write
from tests.support.waiting import PATIENCE

TOKEN = "a-token-of-enough-length"
SALES = "another-token-of-enough-length"
METRICS = "a-third-token-of-enough-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SCRAPER = {"Authorization": f"Bearer {METRICS}"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    tokens = ""
    for name, more in (("dialler", 'purposes = ["marketing", "service"]'), ("sales", 'purposes = ["marketing"]')):
        tokens += f'[[token]]\nname = "{name}"\ntoken_file = "{name}"\n{more}\n'
    tokens += '[[token]]\nname = "prometheus"\ntoken_file = "prometheus"\nmetrics = true\n'
    for name, value in (("dialler", TOKEN), ("sales", SALES), ("prometheus", METRICS)):
        secret(tmp_path / name, f"{value}\n")
    text = f'{VALID}[control]\nhttp = "127.0.0.1:{free_port()}"\n'
    return load(write(tmp_path, text + tokens))


@pytest.fixture
def answers() -> ExampleAnswers:
    return ExampleAnswers()


@pytest.fixture
def door(config: Config, answers: ExampleAnswers) -> Iterator[str]:
    metrics = CollectorRegistry()
    Counter("dialgate_attempts", "Attempts.", registry=metrics).inc(3)
    with serving(answers, config, metrics):
        yield config.control.http


def ask(
    door: str, method: str, target: str, body: str = "", headers: dict[str, str] | None = None
) -> tuple[int, Any, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(door, timeout=PATIENCE)
    connection.request(method, target, body, BEARER if headers is None else headers)
    response = connection.getresponse()
    raw = response.read()
    connection.close()
    return response.status, json.loads(raw) if raw.startswith(b"{") else raw.decode(), response


def test_a_phone_system_asks_and_is_answered(door: str, answers: ExampleAnswers) -> None:
    question = json.dumps({"number": "020 7946 0000", "purpose": "service", "topic": "general", "account": "alice"})
    status, answer, _ = ask(door, "POST", "/v1/decision", question)
    assert (status, answer["verdict"], answer["decision_id"]) == (200, "allow", "d-1")
    assert answers.asked[0][1]["actor"] == "http:dialler@127.0.0.1"
    assert answers.asked[0][1]["purpose"] == "service"
    status, answer, _ = ask(door, "POST", "/v1/decision", '{"number": "020 7946 0001"}')
    assert (status, answer["verdict"], answer["reason"]) == (200, "block", "listed_tps")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ('{"number": "full"}', 503, "evidence_unavailable"),
        ('{"number": "crash"}', 500, "internal_error"),
        ('{"number": 5}', 400, "internal_error"),
        ('{"number": "1", "colour": "red"}', 400, "internal_error"),
        ("{}", 400, "internal_error"),
        ("", 400, "internal_error"),
        ("not json", 400, "internal_error"),
        ('{"number": "' + "1" * 20_000 + '"}', 400, "internal_error"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_whatever_goes_wrong_the_verdict_is_block(body: str, status: int, reason: str, door: str) -> None:
    found, answer, _ = ask(door, "POST", "/v1/decision", body)
    assert (found, answer["verdict"], answer["reason"]) == (status, "block", reason)
    assert "secret detail" not in json.dumps(answer)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer ü".encode().decode("latin-1")},
        {"Authorization": "Bearer \xfc"},
    ],
)
def test_without_the_token_nothing_is_decided_or_told(
    headers: dict[str, str], door: str, answers: ExampleAnswers
) -> None:
    status, answer, response = ask(door, "POST", "/v1/decision", '{"number": "020 7946 0000"}', headers)
    assert (status, answer["verdict"]) == (401, "block")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert ask(door, "GET", "/metrics", headers=headers)[0] == 401
    assert ask(door, "GET", "/nowhere", headers=headers)[0] == 401
    assert answers.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        BEARER | {"Origin": "https://evil.example"},
        BEARER | {"Origin": "null"},
        BEARER | {"Host": "evil.example"},
        BEARER | {"Host": "evil.example:80"},
        BEARER | {"Host": "127.0.0.1.evil.example"},
        BEARER | {"Host": "192.0.2.1:8080"},
        BEARER | {"Host": ""},
    ],
)
def test_browsers_are_kept_out(headers: dict[str, str], door: str, answers: ExampleAnswers) -> None:
    status, answer, _ = ask(door, "POST", "/v1/decision", '{"number": "020 7946 0000"}', headers)
    assert (status, answer["verdict"]) == (403, "block")
    assert answers.asked == []


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080"])
def test_names_of_loopback_are_let_in(host: str, door: str) -> None:
    headers = BEARER | {"Host": host}
    assert ask(door, "POST", "/v1/decision", '{"number": "020 7946 0000"}', headers)[0] == 200


def test_a_token_claims_its_own_purposes_alone(door: str, answers: ExampleAnswers) -> None:
    sales = {"Authorization": f"Bearer {SALES}"}
    number = '"number": "020 7946 0000"'
    status, answer, _ = ask(door, "POST", "/v1/decision", f'{{{number}, "purpose": "service"}}', sales)
    assert (status, answer["verdict"], answer["reason"]) == (200, "block", "claim_refused")
    assert answer["actor"] == "http:sales@127.0.0.1"
    assert answers.asked == []
    for body in (f"{{{number}}}", f'{{{number}, "purpose": "marketing"}}'):
        assert ask(door, "POST", "/v1/decision", body, sales)[1]["verdict"] == "allow"


def test_one_token_is_for_metrics_and_another_for_decisions(door: str, answers: ExampleAnswers) -> None:
    status, answer, _ = ask(door, "POST", "/v1/decision", '{"number": "020 7946 0000"}', SCRAPER)
    assert (status, answer["verdict"]) == (403, "block")
    assert ask(door, "GET", "/metrics")[0] == 403
    assert answers.asked == []


PATHS = {
    Duty.DECIDE: [("POST", "/v1/decision"), ("POST", "/v1/decisions"), ("POST", "/v1/outcome"), ("GET", "/nowhere")],
    Duty.METRICS: [("GET", "/metrics")],
    Duty.RECORDINGS: [("PUT", "/v1/recording")],
    Duty.LISTS: [("POST", "/v1/objections"), ("GET", "/v1/consents"), ("POST", "/v1/subscribers")],
    Duty.COMPLAINTS: [("POST", "/v1/complaints"), ("PUT", "/v1/complaints")],
}
ROWS = {duty: f"{duty} = true\n" for duty in Duty} | {Duty.DECIDE: 'purposes = ["marketing"]\n'}


@pytest.mark.parametrize(
    "duties",
    [*((duty,) for duty in Duty), (Duty.DECIDE, Duty.METRICS), (Duty.LISTS, Duty.COMPLAINTS), tuple(Duty)],
    ids="-".join,
)
def test_a_token_opens_what_each_of_its_duties_is_for_and_nothing_else(
    duties: tuple[Duty, ...], answers: ExampleAnswers, tmp_path: Path
) -> None:
    secret(tmp_path / "both", f"{TOKEN}\n")
    text = f'{VALID}[control]\nhttp = "127.0.0.1:{free_port()}"\n[[token]]\nname = "both"\ntoken_file = "both"\n'
    config = load(write(tmp_path, text + "".join(ROWS[duty] for duty in duties)))
    with serving(answers, config, CollectorRegistry()):
        for duty, each in PATHS.items():
            for method, path in each:
                refused = ask(config.control.http, method, path)[0] == 403
                assert refused == (duty not in duties), (method, path)
    assert bool(answers.asked) == (Duty.RECORDINGS in duties), "of these questions that one alone is whole"


def test_the_reference_names_the_duty_that_each_path_needs() -> None:
    described = http_openapi()["paths"]
    for duty, each in PATHS.items():
        for method, path in each:
            if path != "/nowhere":
                assert described[path][method.lower()]["x-token-may"] == duty, (method, path)


def test_no_answer_names_what_the_gate_is_made_with(door: str, answers: ExampleAnswers) -> None:
    for method, path, headers in (
        ("POST", "/v1/decision", BEARER), ("GET", "/metrics", SCRAPER), ("GET", "/readyz", {}),
        ("GET", "/nothing", BEARER), ("GET", "/v1/decision", {}), ("PUT", "/v1/decision", BEARER),
        ("GET", "/v1/decision", {"Host": "x" * 9000}),
    ):  # fmt: skip
        answered = ask(door, method, path, headers=headers)[2]
        assert not {"Server", "X-Powered-By"} & set(answered.headers), (method, path, answered.headers)


def test_metrics_and_health(door: str, answers: ExampleAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    status, text, response = ask(door, "GET", "/metrics", headers=SCRAPER)
    assert status == 200
    assert "dialgate_attempts_total 3.0" in text
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert ask(door, "GET", "/healthz", headers={})[:2] == (200, {"state": "ok"})
    monkeypatch.setattr(endpoint, "FRESH_SECONDS", 0.0)
    answers.hold.clear()
    for path in ("/healthz", "/readyz"):
        assert ask(door, "GET", path, headers={})[:2] == (503, {"state": "not ok", "reasons": ["no_answer"]})
    assert ask(door, "GET", "/livez", headers={})[:2] == (200, {"state": "ok"}), "the process answers"
    monkeypatch.undo()
    asked = len(answers.asked)
    for _ in range(20):
        ask(door, "GET", "/healthz", headers={})
    assert len(answers.asked) < asked + 20, "whoever may ask without a token cannot keep the gate busy by it"


def test_no_operation_of_the_socket_is_on_this_door(door: str) -> None:
    assert ask(door, "POST", "/v1/op/objection_add", '{"number": "1"}')[0] == 404
    assert ask(door, "PUT", "/v1/decision")[0] == 405


def test_a_port_that_is_taken_and_a_token_that_is_gone_are_said_at_the_start(config: Config, door: str) -> None:
    other = Path(config.base) / "other.sock"
    text = (Path(config.base) / "config.toml").read_text().replace("[control]\n", f'[control]\nsocket = "{other}"\n')
    second = load(write(Path(config.base), text))
    with (
        pytest.raises(ControlError, match=r"cannot listen at 127\.") as caught,
        serving(ExampleAnswers(), second),
    ):
        pass
    assert "free port" in caught.value.hint
    assert not other.exists()
    (Path(config.base) / "dialler").unlink()
    with pytest.raises(ConfigError, match="does not exist"), serving(ExampleAnswers(), second):
        pass
    assert not other.exists()
