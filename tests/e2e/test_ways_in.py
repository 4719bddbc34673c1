"""Software asks a running gate over HTTP: own lists, many decisions at once, TLS."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.documents import page
from tests.support.phones import Phones, noise
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, dialgate, free_port
from tests.support.sip_stream import certificate
from tests.support.waiting import PATIENCE, until

E164 = "+442079460123"


class Answered(NamedTuple):
    status: int
    body: Any
    text: str


def entered(gate: RunningGate) -> list[dict[str, Any]]:
    """The objections that came over HTTP."""
    return gate.rows("SELECT leaf_index FROM facts WHERE kind = 'objection' AND actor LIKE 'http:%'")


def asked(gate: RunningGate, who: str, method: str, path: str, body: Any = None, **headers: str) -> Answered:
    """What the gate answers to a program; ``headers`` with _ for -."""
    context = None
    scheme = "http"
    if trusted := getattr(gate, "trusted", None):
        context, scheme = ssl.create_default_context(cafile=str(trusted)), "https"
    request = urllib.request.Request(f"{scheme}://{gate.http}{path}", method=method)  # noqa: S310
    request.add_header("Authorization", f"Bearer {gate.tokens.get(who, who)}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=PATIENCE, context=context) as answer:  # noqa: S310
            text = answer.read().decode()
            return Answered(answer.status, json.loads(text), text)
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return Answered(error.code, json.loads(text), text)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate", announcement=0.5)
    gate.http = f"127.0.0.1:{free_port()}"
    gate.set("control", http=gate.http)
    gate.add_token("crm", lists=True)
    gate.add_token("form", lists=True)
    gate.add_token("complaints", complaints=True)
    gate.add_token("dialler", purposes=["marketing"], calls_a_minute=100_000)
    gate.add_pbx()
    gate.start()
    yield gate
    gate.stop()


def test_an_objection_from_a_web_form_holds_from_the_next_call_and_is_kept_once(gate: RunningGate) -> None:
    entry = {"number": "020 7946 0123", "source": "web form", "note": "ticket 7"}
    assert asked(gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED}).body["verdict"] == "allow"
    first = asked(gate, "crm", "POST", "/v1/objections", entry, Idempotency_Key="ticket-7")
    assert (first.status, first.body["number"]) == (201, E164)
    decided = asked(gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED}).body
    assert (decided["verdict"], decided["reason"]) == ("block", "objected")
    again = [asked(gate, "crm", "POST", "/v1/objections", entry, Idempotency_Key="ticket-7") for _ in range(3)]
    assert {(each.status, each.body["id"]) for each in again} == {(200, first.body["id"])}
    gate.stop()
    gate.start()
    assert asked(gate, "crm", "POST", "/v1/objections", entry, Idempotency_Key="ticket-7").status == 200
    other = asked(gate, "crm", "POST", "/v1/objections", entry | {"number": LISTED}, Idempotency_Key="ticket-7")
    assert (other.status, other.body["error"]["reason"]) == (409, "key_used")
    assert asked(gate, "form", "POST", "/v1/objections", entry, Idempotency_Key="ticket-7").status == 201, (
        "another's key"
    )
    assert len(entered(gate)) == 2
    found = asked(gate, "crm", "GET", f"/v1/objections?number={UNLISTED}").body["items"]
    assert {(each["number"], each["source"]) for each in found} == {(E164, "web form")}
    assert asked(gate, "crm", "GET", f"/v1/objections?number=%2B{E164[1:]}").body["items"] == found
    gate.verified()


def test_the_examples_in_python_and_php_enter_an_objection_and_learn_of_a_refusal(gate: RunningGate) -> None:
    texts = {block.language: block.text for block in page("http-api").blocks if block.language in ("python", "php")}
    if shutil.which("php") is None:
        texts.pop("php")
    values = {"token": gate.tokens["crm"], "number": "020 7946 0123"}

    def run(language: str, **given: str) -> subprocess.CompletedProcess[str]:
        text = texts[language].replace("https://gate.example", f"http://{gate.http}")
        php = language == "php"
        text = "".join(f"{'$' * php}{name} = {value!r};\n" for name, value in (values | given).items()) + text
        command = ["php", "-r", f"{text}\nexit($kept ? 0 : 1);"] if php else [sys.executable, "-c", text]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)

    for at, language in enumerate(texts, start=1):
        kept = [run(language, ticket=language) for _ in range(2)]
        assert [each.returncode for each in kept] == [0, 0], kept
        assert len(entered(gate)) == at, "sent twice with one key, it is kept once"
        assert run(language, ticket="x", token="wrong").returncode == 1
        assert run(language, ticket="x", number="nonsense").returncode == 1


def test_whose_line_it_is_is_noted_from_a_crm_once_and_holds_from_the_next_call(gate: RunningGate) -> None:
    entry = {"number": UNLISTED, "kind": "corporate", "since": "2026-01-05", "source": "CRM"}
    first = asked(gate, "crm", "POST", "/v1/subscribers", entry, Idempotency_Key="account-7")
    assert (first.status, first.body["number"], first.body["since"]) == (201, E164, "2026-01-05")
    again = asked(gate, "crm", "POST", "/v1/subscribers", entry, Idempotency_Key="account-7")
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    other = asked(gate, "crm", "POST", "/v1/subscribers", entry | {"kind": "individual"}, Idempotency_Key="account-7")
    assert (other.status, other.body["error"]["reason"]) == (409, "key_used")
    found = asked(gate, "crm", "GET", f"/v1/subscribers?number={UNLISTED}").body["items"]
    assert [(each["kind"], each["since"], each["source"]) for each in found] == [("corporate", "2026-01-05", "CRM")]
    assert asked(gate, "dialler", "POST", "/v1/subscribers", entry).status == 403
    decided = asked(gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED}).body
    assert (decided["subscriber"], decided["subscriber_since"]) == ("corporate", "2026-01-05")
    gate.verified()


def test_two_at_once_with_one_key_are_one(gate: RunningGate) -> None:
    entry, answers = {"number": UNLISTED}, []
    ready = threading.Barrier(8)

    def send() -> None:
        ready.wait()
        answers.append(asked(gate, "crm", "POST", "/v1/objections", entry, Idempotency_Key="k"))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.status for each in answers) == [200] * 7 + [201]
    assert len(entered(gate)) == 1


def test_a_consent_with_its_evidence_lifts_a_listing(gate: RunningGate) -> None:
    entry = {
        "number": LISTED, "how": "web form", "wording": "Webeo may call me about offers.", "who": "Ada Byron",
        "evidence": "form 2026-81",
    }  # fmt: skip
    assert asked(gate, "crm", "POST", "/v1/consents", entry | {"evidence": ""}).status == 400
    assert asked(gate, "dialler", "POST", "/v1/decision", {"number": LISTED}).body["verdict"] == "block"
    made = asked(gate, "crm", "POST", "/v1/consents", entry, Idempotency_Key="81")
    assert made.status == 201, made.text
    again = asked(gate, "crm", "POST", "/v1/consents", entry, Idempotency_Key="81")
    assert (again.status, again.body["id"], again.body["given_at"]) == (200, made.body["id"], made.body["given_at"])
    assert asked(gate, "dialler", "POST", "/v1/decision", {"number": LISTED}).body["reason"] == "consented"
    (row,) = asked(gate, "crm", "GET", f"/v1/consents?number={LISTED}").body["items"]
    assert (row["who"], row["evidence"]) == ("Ada Byron", "form 2026-81")


def test_a_token_for_lists_is_for_nothing_else_and_the_list_is_not_to_be_had(gate: RunningGate) -> None:
    entry = {"number": UNLISTED}
    for who, method, path, body in (
        ("crm", "POST", "/v1/decision", entry), ("crm", "POST", "/v1/decisions", {"decisions": [entry]}),
        ("crm", "GET", "/metrics", None), ("dialler", "POST", "/v1/objections", entry),
        ("dialler", "GET", f"/v1/objections?number={UNLISTED}", None), ("wrong", "POST", "/v1/objections", entry),
    ):  # fmt: skip
        assert asked(gate, who, method, path, body).status in (401, 403), (who, path)
    for path in ("", "?number=", "?text=0", "?number=1&number=2", "?number=1&text=2", f"?number={UNLISTED}&limit=x"):
        for of in ("objections", "consents"):
            assert asked(gate, "crm", "GET", f"/v1/{of}{path}").status == 400, path
    for body in ({}, {"number": "nonsense"}, {"number": UNLISTED, "once": "k"}, {"number": UNLISTED, "colour": "red"}):
        assert asked(gate, "crm", "POST", "/v1/objections", body).status == 400, body
    assert not entered(gate)


def test_look_ups_of_a_program_are_counted_as_those_of_a_person(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.http = f"127.0.0.1:{free_port()}"
    gate.set("control", http=gate.http, lookups_an_hour=5)
    gate.add_token("crm", lists=True)
    gate.start()
    try:
        for number in range(8):
            assert asked(gate, "crm", "GET", f"/v1/objections?number=0207946010{number}").status == 200
        until(
            lambda: any("http:crm" in each for each in dialgate("status", config=gate.config, check=False)["attention"])
        )
    finally:
        gate.stop()


def test_many_at_once_have_a_decision_each_while_calls_go_on(gate: RunningGate) -> None:
    numbers = [f"0163296{number:04d}" for number in range(1000)]
    questions: list[Any] = [{"number": each} for each in numbers[:997]]
    questions += [{"number": LISTED}, "nonsense", {"number": UNLISTED, "purpose": "service"}]
    answers = []
    asking = threading.Thread(
        target=lambda: answers.extend(
            asked(gate, "dialler", "POST", "/v1/decisions", {"decisions": questions}) for _ in range(3)
        )
    )
    far = Phones(port=gate.trunk_port, audio=lambda number: noise(("far", number[-4:])))
    near = Phones(to=gate.address, audio=lambda number: noise(("near", number[-4:])))
    with far, near:
        asking.start()
        talks = [near.dial(f"020794603{number:02d}") for number in range(10)]
        near.wait(talks, "up", PATIENCE)
        for talk in talks:
            near.hang_up(talk)
        asking.join()
    for answered in answers:
        assert answered.status == 200
        decided = answered.body["decisions"]
        assert len(decided) == 1000
        assert [each["number"] for each in decided[:997]] == [f"+44{each[1:]}" for each in numbers[:997]]
        assert {each["verdict"] for each in decided} <= {"allow", "block"}
        assert [each["reason"] for each in decided[997:]] == ["listed_tps", "internal_error", "claim_refused"]
        assert len({each["decision_id"] for each in decided if "decision_id" in each}) == 999
    (kept,) = gate.rows("SELECT COUNT(*) AS n FROM facts WHERE kind = 'decision'")
    assert kept["n"] == 3 * 999 + 10
    for wrong in ({}, {"decisions": []}, {"decisions": {}}, {"decisions": [{"number": UNLISTED}] * 1001}, []):
        refused = asked(gate, "dialler", "POST", "/v1/decisions", wrong)
        assert (refused.status, refused.body["verdict"]) == (400, "block")
    gate.verified()


def decided(gate: RunningGate) -> int:
    """How many decisions are in the log."""
    (kept,) = gate.rows("SELECT COUNT(*) AS n FROM facts WHERE kind = 'decision'")
    return int(kept["n"])


def test_a_question_that_is_sent_again_with_its_key_is_one_attempt(gate: RunningGate) -> None:
    def ask(body: dict[str, Any], key: str, who: str = "dialler") -> Answered:
        return asked(gate, who, "POST", "/v1/decision", body, Idempotency_Key=key)

    gate.add_token("other", purposes=["marketing"])
    gate.stop()
    gate.start()
    for number, verdict in ((UNLISTED, "allow"), (LISTED, "block")):
        together: list[Answered] = []
        threads = [
            threading.Thread(target=lambda: together.append(ask({"number": number}, verdict)))  # noqa: B023 - joined
            for _ in range(4)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        again = ask({"number": number}, verdict)
        assert {each.text for each in together} == {again.text} and again.body["verdict"] == verdict
    assert decided(gate) == 2
    other = ask({"number": LISTED}, "allow")
    assert (other.status, other.body["verdict"], other.body["reason"]) == (409, "block", "key_used")
    assert ask({"number": LISTED}, "k" * 201).status == 400
    before = decided(gate)
    assert ask({"number": UNLISTED}, "allow", "other").body["decision_id"] != again.body["decision_id"], "another's key"
    assert decided(gate) == before + 1


def test_many_questions_and_an_outcome_that_are_sent_again_are_kept_once(gate: RunningGate) -> None:
    def ask(path: str, body: dict[str, Any], key: str) -> Answered:
        return asked(gate, "dialler", "POST", path, body, Idempotency_Key=key)

    questions = [{"number": f"0163296{number:04d}"} for number in range(20)] + [{"number": LISTED}]
    first = ask("/v1/decisions", {"decisions": questions}, "1")
    assert ask("/v1/decisions", {"decisions": questions}, "1").text == first.text
    assert decided(gate) == 21
    for body in (questions[:20], [*questions, {"number": UNLISTED}]):
        refused = ask("/v1/decisions", {"decisions": body}, "1")
        assert (refused.status, refused.body["reason"]) == (409, "key_used")
    outcome = {"decision_id": first.body["decisions"][0]["decision_id"], "outcome": "live"}
    kept = [ask("/v1/outcome", outcome, "o") for _ in range(2)]
    assert [each.status for each in kept] == [200, 200] and kept[0].text == kept[1].text
    assert ask("/v1/outcome", outcome | {"outcome": "machine"}, "o").status == 409
    assert asked(gate, "dialler", "POST", "/v1/outcome", outcome).status == 400, "without a key it is a second report"
    (kept_once,) = gate.rows("SELECT COUNT(*) AS n FROM facts WHERE kind = 'outcome_reported'")
    assert (decided(gate), kept_once["n"]) == (21, 1)
    gate.verified()


def test_an_allow_is_not_repeated_after_an_objection(gate: RunningGate) -> None:
    def ask() -> dict[str, Any]:
        body: dict[str, Any] = asked(
            gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED}, Idempotency_Key="1"
        ).body
        return body

    first = ask()
    assert asked(gate, "crm", "POST", "/v1/objections", {"number": UNLISTED, "source": "form"}).status == 201
    second = ask()
    assert (first["verdict"], second["verdict"], second["reason"]) == ("allow", "block", "objected")
    assert ask() == second and decided(gate) == 2


def test_a_program_reads_of_no_phone(gate: RunningGate) -> None:
    """The sentences of reasons were written for callers."""
    claimed = asked(gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED, "purpose": "service"})
    stranger = asked(gate, "wrong", "POST", "/v1/decision", {"number": UNLISTED})
    assert [each.body["reason"] for each in (claimed, stranger)] == ["claim_refused", "not_authenticated"]
    for each in (claimed, stranger):
        assert "phone" not in each.text, each.text


def test_https_with_a_certificate_that_is_renewed_while_it_runs(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.http = f"127.0.0.1:{free_port()}"
    pem, key = certificate(gate.folder, "http")
    gate.set("control", http=gate.http, http_certificate=str(pem), http_key=str(key))
    gate.add_token("dialler", purposes=["marketing"])
    gate.trusted = pem  # type: ignore[attr-defined]
    gate.start()
    try:
        assert asked(gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED}).body["verdict"] == "allow"
        first = ssl.get_server_certificate(("127.0.0.1", int(gate.http.rpartition(":")[2])))
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            urllib.request.urlopen(f"http://{gate.http}/livez", timeout=PATIENCE)
        pem.write_text("half")
        until(lambda: "http_certificate_not_taken" in gate.log.read_text())
        assert ssl.get_server_certificate(("127.0.0.1", int(gate.http.rpartition(":")[2]))) == first
        certificate(gate.folder, "http")
        until(lambda: "http_certificate_read" in gate.log.read_text())
        assert asked(gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED}).body["verdict"] == "allow"
        assert ssl.get_server_certificate(("127.0.0.1", int(gate.http.rpartition(":")[2]))) != first
    finally:
        gate.stop()


def test_a_certificate_that_is_none_stops_the_start_and_no_certificate_on_a_network_is_told(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    gate.set("control", http=f"127.0.0.1:{free_port()}", http_certificate="nothing.pem")
    gate.add_token("dialler", purposes=["marketing"])
    done = dialgate("serve", config=gate.config, check=False)
    assert "control.http_certificate cannot be taken" in json.dumps(done)
    gate.set("control", http="192.0.2.1:8080", http_certificate="")
    told = dialgate("status", config=gate.config, check=False)["attention"]
    assert any("listens at 192.0.2.1:8080 without TLS" in each for each in told)
    gate.set("control", http_certificate="some.pem")
    told = dialgate("status", config=gate.config, check=False)["attention"]
    assert not any("without TLS" in each for each in told)


def test_a_complaint_from_a_web_form_is_kept_once_and_a_flood_is_bounded(gate: RunningGate) -> None:
    form = {"name": "Ann Lee", "contact": "ann@example.org", "number": UNLISTED, "about": "You rang at night."}
    assert asked(gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED}).body["verdict"] == "allow"
    first = asked(gate, "complaints", "POST", "/v1/complaints", form, Idempotency_Key="form-8812")
    assert first.status == 201, first.text
    decided = asked(gate, "dialler", "POST", "/v1/decision", {"number": UNLISTED}).body
    assert (decided["verdict"], decided["reason"]) == ("block", "request_pending")
    again = asked(gate, "complaints", "PUT", "/v1/complaints", form, Idempotency_Key="form-8812")
    assert (again.status, again.body["reference"]) == (200, first.body["reference"])
    other = asked(gate, "complaints", "POST", "/v1/complaints", form | {"about": "x"}, Idempotency_Key="form-8812")
    assert (other.status, other.body["error"]["reason"]) == (409, "key_used")
    unkeyed = [asked(gate, "complaints", "POST", "/v1/complaints", form | {"about": "twice"}) for _ in range(3)]
    assert [each.status for each in unkeyed] == [201, 200, 200]
    flood = [asked(gate, "complaints", "POST", "/v1/complaints", form | {"about": f"{n}"}) for n in range(12)]
    assert [each.status for each in flood] == [201] * 8 + [409] * 4
    assert flood[-1].body["error"]["reason"] == "too_many_complaints"
    assert asked(gate, "complaints", "POST", "/v1/complaints", {"name": "Bo", "about": "another's"}).status == 201
    for who, method, path, body in (
        ("crm", "POST", "/v1/complaints", form), ("complaints", "POST", "/v1/objections", {"number": UNLISTED}),
        ("complaints", "POST", "/v1/decision", {"number": UNLISTED}), ("wrong", "POST", "/v1/complaints", form),
    ):  # fmt: skip
        assert asked(gate, who, method, path, body).status in (401, 403), (who, path)
    assert asked(gate, "complaints", "GET", "/v1/complaints?number=1").status == 405
    for bad in ({}, form | {"received": "2020-01-01"}, form | {"about": "y" * 5000}, form | {"colour": "red"}):
        assert asked(gate, "complaints", "POST", "/v1/complaints", bad).status == 400, bad
    gate.verified()
