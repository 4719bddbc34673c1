"""A phone system's question as JSON, form or text, and its answer as JSON or one line: a block in every doubt."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from gate.config import Config, load
from gate.control import endpoint
from gate.core.terms import Reason
from tests.support.doors import free_port, serving
from tests.support.example_answers import ExampleAnswers
from tests.support.settings import VALID, secret, write
from tests.support.waiting import PATIENCE

TOKEN = "a-token-of-enough-length"
SCRAPER = "a-third-token-of-enough-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NOTHING: dict[str, str] = {}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TEXT = {"Content-Type": "text/plain"}
PLAIN = {"Accept": "text/plain"}
PATH = "/v1/decision"
ALLOWED, LISTED = "020 7946 0000", "020 7946 0001"


class Said(NamedTuple):
    """An answer."""

    status: int
    text: str
    headers: http.client.HTTPMessage


class Door(NamedTuple):
    """A door that is open, and who is asked behind it."""

    address: str
    answers: ExampleAnswers
    counted: list[tuple[str, str]]

    def ask(
        self,
        method: str,
        target: str,
        body: str | bytes = "",
        more: Mapping[str, str] = NOTHING,
        *,
        headers: Mapping[str, str] = BEARER,
    ) -> Said:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        connection.request(method, target, body, {**headers, **more})
        response = connection.getresponse()
        said = Said(response.status, response.read().decode(), response.headers)
        connection.close()
        return said

    def number(self) -> object:
        """The last number that was asked about."""
        return self.answers.asked[-1][1]["number"]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    secret(tmp_path / "dialler", f"{TOKEN}\n")
    secret(tmp_path / "prometheus", f"{SCRAPER}\n")
    text = f'{VALID}[control]\nhttp = "127.0.0.1:{free_port()}"\n'
    text += '[[token]]\nname = "dialler"\ntoken_file = "dialler"\npurposes = ["marketing", "service"]\n'
    text += '[[token]]\nname = "prometheus"\ntoken_file = "prometheus"\nmetrics = true\n'
    return load(write(tmp_path, text))


@pytest.fixture
def door(config: Config) -> Iterator[Door]:
    answers, counted = ExampleAnswers(), list[tuple[str, str]]()
    with serving(answers, config, count=lambda verdict, reason: counted.append((verdict, reason))):
        yield Door(config.control.http, answers, counted)


@pytest.mark.parametrize(
    ("method", "target", "body", "headers"),
    [
        ("POST", PATH, json.dumps({"number": LISTED, "purpose": "service"}), {}),
        ("POST", PATH, json.dumps({"number": LISTED, "purpose": "service"}), FORM),
        ("POST", PATH, f"number={quote(LISTED)}&purpose=service", FORM),
        ("POST", PATH, "number=020+7946+0001&purpose=service\n", FORM),
        ("POST", f"{PATH}?purpose=service", LISTED, TEXT),
        ("POST", f"{PATH}?purpose=service", f"{LISTED}\r\n", TEXT),
        ("POST", f"{PATH}?purpose=service&number={quote(LISTED)}", "", {}),
        ("GET", f"{PATH}?number={quote(LISTED)}&purpose=service", "", {}),
    ],
)
def test_a_question_in_each_form_is_the_same_question(
    method: str, target: str, body: str, headers: dict[str, str], door: Door
) -> None:
    said = door.ask(method, target, body, headers)
    assert said.status == 200
    assert json.loads(said.text)["reason"] == "listed_tps"
    op, asked = door.answers.asked[-1]
    assert (op, asked["number"], asked["purpose"]) == ("check", LISTED, "service")
    assert asked["actor"] == "http:dialler@127.0.0.1"
    assert said.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("number", ["+442079460001", "%2B442079460001"])
def test_the_plus_of_a_number_need_not_be_encoded(number: str, door: Door) -> None:
    door.ask("GET", f"{PATH}?purpose=service&number={number}")
    assert door.number() == "+442079460001"
    door.ask("POST", PATH, f"number={number}", FORM)
    assert door.number() == "+442079460001"


@pytest.mark.parametrize(
    ("query", "accept", "text"),
    [
        ("", "", False),
        ("", "*/*", False),
        ("", "text/html, */*", False),
        ("", "application/json", False),
        ("", "text/plain", True),
        ("", "TEXT/Plain; charset=utf-8", True),
        ("", "text/*, */*;q=0.1", True),
        ("", "text/plain;q=0.5, application/json", False),
        ("", "application/json;q=0.5, text/plain;q=0.9", True),
        ("", "text/plain;q=0", False),
        ("", "text/plain;q=nan, application/json;q=inf", False),
        ("&format=text", "application/json", True),
        ("&format=json", "text/plain", False),
    ],
)
def test_the_answer_is_as_it_was_asked_for(query: str, accept: str, text: bool, door: Door) -> None:
    for number, line, status in ((ALLOWED, "allow", 200), (LISTED, "block listed_tps", 403)):
        said = door.ask("GET", f"{PATH}?number={quote(number)}{query}", more={"Accept": accept})
        if text:
            assert (said.status, said.text) == (status, line)
            assert said.headers["Content-Type"] == "text/plain; charset=utf-8"
        else:
            assert said.status == 200
            assert json.loads(said.text)["verdict"] == line.split()[0]


def test_a_form_and_json_may_say_the_format_too(door: Door) -> None:
    assert door.ask("POST", PATH, f"number={quote(ALLOWED)}&format=text", FORM).text == "allow"
    assert door.ask("POST", PATH, json.dumps({"number": LISTED, "format": "text"})).text == "block listed_tps"


UNREADABLE: list[tuple[str, str, str | bytes, dict[str, str]]] = [
    ("GET", PATH, "", {}),
    ("GET", f"{PATH}?number={quote(ALLOWED)}&number={quote(LISTED)}", "", {}),
    ("GET", f"{PATH}?02079460000", "", {}),
    ("GET", f"{PATH}?number=%ff", "", {}),
    ("GET", f"{PATH}?number={quote(ALLOWED)}&colour=red", "", {}),
    ("GET", f"{PATH}?number={quote(ALLOWED)}&purpose=fun", "", {}),
    ("GET", f"{PATH}?number={quote(ALLOWED)}&format=xml", "", {}),
    ("GET", f"{PATH}?number={quote(ALLOWED)}" + "&a=1" * 20, "", {}),
    ("GET", f"{PATH}?number={quote(ALLOWED)}", '{"number": "1"}', {}),
    ("POST", f"{PATH}?number={quote(ALLOWED)}", json.dumps({"number": LISTED}), {}),
    ("POST", f"{PATH}?format=text", json.dumps({"number": ALLOWED, "format": "json"}), {}),
    ("POST", PATH, json.dumps({"number": ALLOWED, "format": 5}), {}),
    ("POST", PATH, f'{{"number": "{LISTED}", "number": "{ALLOWED}"}}', {}),
    ("POST", PATH, f'{{"number": "{LISTED}", "n\\u0075mber": "{ALLOWED}"}}', {}),
    ("POST", PATH, "number=%ff", FORM),
    ("POST", PATH, b"number=\xff", FORM),
    ("POST", PATH, f"number={quote(ALLOWED)}&number=1", FORM),
    ("POST", PATH, "nothing", FORM),
    ("POST", PATH, f"{ALLOWED}\n{LISTED}", TEXT),
    ("POST", PATH, "", TEXT),
    ("POST", PATH, ALLOWED, {"Content-Type": "text/html"}),
    ("POST", PATH, "--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}),
    ("POST", PATH, "1" * 20_000, TEXT),
    ("POST", PATH, "number=" + "1" * 20_000, FORM),
]


@pytest.mark.parametrize(("method", "target", "body", "headers"), UNREADABLE)
def test_what_is_not_understood_is_a_block(
    method: str, target: str, body: str | bytes, headers: dict[str, str], door: Door
) -> None:
    said = door.ask(method, target, body, headers)
    assert said.status >= 400
    if "format=text" in target:
        assert said.text == "block internal_error"
    else:
        told = json.loads(said.text)
        assert (told["verdict"], told["reason"]) == ("block", "internal_error")
        assert "02079460000" not in said.text.replace(" ", ""), "the message tells no number"
    text = door.ask(method, target, body, PLAIN | headers)
    if "format=" not in target or "format=xml" in target:
        assert (text.status, text.text) == (said.status, "block internal_error")
    assert [each for each in door.answers.asked if each[1]["number"]] == []
    assert set(door.counted) == {("block", "internal_error")}


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PURGE"])
def test_another_method_is_a_block(method: str, door: Door) -> None:
    said = door.ask(method, f"{PATH}?format=text&number={quote(ALLOWED)}")
    assert said.status == 405
    assert said.text == ("" if method == "HEAD" else "block internal_error")
    assert said.headers["Allow"] == "GET,POST"
    assert door.answers.asked == []


@pytest.mark.parametrize("path", ["/v1/decision/", "/v1/decisionz", "/", "//v1/decision", "/v1/op/decide"])
def test_another_path_is_a_block(path: str, door: Door) -> None:
    for method in ("GET", "POST"):
        said = door.ask(method, f"{path}?number={quote(ALLOWED)}", more=PLAIN)
        assert (said.status, said.text) == (404, "block internal_error")
        assert json.loads(door.ask(method, path).text)["verdict"] == "block"
    assert door.answers.asked == []


def test_without_a_token_the_answer_is_a_block(door: Door) -> None:
    for method in ("GET", "POST"):
        said = door.ask(method, f"{PATH}?number={quote(ALLOWED)}&format=text", headers={})
        assert (said.status, said.text) == (401, "block not_authenticated")
        wrong = door.ask(method, f"{PATH}?format=text", headers={"Authorization": f"Bearer {SCRAPER}"})
        assert (wrong.status, wrong.text) == (403, "block internal_error")
        page = door.ask(method, f"{PATH}?format=text", more={"Origin": "https://evil.example"})
        assert (page.status, page.text) == (403, "block internal_error")
    assert door.answers.asked == []


def test_a_token_may_be_the_password_of_its_name(door: Door) -> None:
    def basic(text: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    target = f"{PATH}?number={quote(ALLOWED)}&format=text"
    assert door.ask("GET", target, headers=basic(f"dialler:{TOKEN}")).text == "allow"
    for wrong in (f"prometheus:{TOKEN}", f":{TOKEN}", TOKEN, f"dialler:{TOKEN}x", "dialler:", f"dialler:{SCRAPER}", ""):
        said = door.ask("GET", target, headers=basic(wrong))
        assert (said.status, said.text) == (401, "block not_authenticated"), wrong
    for wrong in ("Basic \xfc", "Basic ====", "Basic", f"Digest {TOKEN}"):
        assert door.ask("GET", target, headers={"Authorization": wrong}).status == 401


def test_faults_behind_the_door_are_blocks(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, status, line in (("full", 503, "block evidence_unavailable"), ("crash", 500, "block internal_error")):
        said = door.ask("GET", f"{PATH}?number={number}", more=PLAIN)
        assert (said.status, said.text) == (status, line)
    monkeypatch.setattr(endpoint, "DECISION_SECONDS", 0.0)
    door.answers.hold.clear()
    said = door.ask("GET", f"{PATH}?number={quote(ALLOWED)}", more=PLAIN)
    door.answers.hold.set()
    assert (said.status, said.text) == (504, "block internal_error")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /v1/decision?number=020 7946 0000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GE\x01T /v1/decision?number=02079460000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /v1/decision HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n",
        b"GET /v1/decision HTTP/1.1\r\nAccept: text/html\r\nHost: 127.0.0.1\r\nBad header allow\r\n\r\n",
    ],
    ids=("spaces", "method", "length", "header"),
)
def test_what_is_no_http_is_a_block(sent: bytes, door: Door) -> None:
    host, _, port = door.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(sent)
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") or head.startswith(b"HTTP/1.0 400 ")
    assert json.loads(body)["verdict"] == "block"
    assert b"allow" not in body and b"7946" not in body


def test_what_is_expected_of_the_door_is_no_answer(door: Door) -> None:
    """A client that waits for leave to send its body gets it; another expectation is a block, and not said again."""
    target = f"{PATH}?format=text"
    assert door.ask("POST", target, LISTED, TEXT | {"Expect": "100-continue"}).text == "block listed_tps"
    assert door.ask("POST", target, ALLOWED, TEXT | {"Expect": "100-Continue"}).text == "allow"
    for method in ("GET", "POST"):
        said = door.ask(method, f"{target}&number={quote(ALLOWED)}", more={"Expect": "allow"})
        assert (said.status, said.text) == (417, "block internal_error")


def test_no_line_of_a_block_has_an_allow_in_it() -> None:
    for reason in Reason:
        line = endpoint.blocked(reason)
        assert line.startswith("block ")
        assert "allow" not in line.lower(), "whoever searches for the word would read it as a yes"
    assert endpoint.blocked("listed_tps") == "block listed_tps"


def test_what_is_answered_is_counted_once(door: Door) -> None:
    door.ask("GET", f"{PATH}?number={quote(ALLOWED)}")
    door.ask("POST", PATH, LISTED, TEXT)
    door.ask("PUT", PATH)
    door.ask("GET", PATH, headers={})
    door.ask("GET", "/healthz", headers={})
    door.ask("GET", "/nowhere")
    assert door.counted == [
        ("allow", "not_listed"),
        ("block", "listed_tps"),
        ("block", "internal_error"),
        ("block", "not_authenticated"),
    ]
