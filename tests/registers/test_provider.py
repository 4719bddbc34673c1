"""A provider that is asked by HTTPS: what is taken of its answers, and what is not."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gate.config import Provider
from gate.errors import RegisterError, RegisterFailed
from gate.registers import provider
from gate.registers.fixed import FixedRegisters
from gate.registers.importer import import_answers, import_file
from gate.registers.library import RegisterLibrary
from gate.registers.provider import Answers
from gate.registers.snapshot import Asked
from tests.support.registers import NOW, TODAY, put, record
from tests.support.sip_stream import certificate

NUMBERS = [f"+44113496{each:04d}" for each in range(1000)]
TPS, CTPS = set(NUMBERS[::7]), set(NUMBERS[::11])
TOKEN = "tpsc_test_0123456789"
DAY = "2026-02-09"


class Service:
    """Answers as tpsclear.co.uk documents it; ``spoil`` changes an answer before it is sent, ``send`` sends it."""

    def __init__(self, pem: Path | None = None, key: Path | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.spoil: Callable[[Any], Any] = lambda answer: answer
        self.send: Callable[[BaseHTTPRequestHandler, bytes], None] = _send
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append(asked)
                service.headers.append(dict(self.headers))
                with suppress(OSError):
                    service.send(self, json.dumps(service.spoil(answered(asked["phoneNumbers"]))).encode())

            def do_GET(self) -> None:
                service.asked.append({"GET": self.path})
                _send(self, json.dumps(answered(NUMBERS)).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if pem else 'http'}://127.0.0.1:{self.server.server_port}/v1/screen"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def answered(numbers: list[str]) -> dict[str, Any]:
    return {
        "id": f"scr_{len(numbers)}",
        "results": [
            {"phoneNumber": each, "tpsListed": each in TPS, "ctpsListed": each in CTPS, "checkedAt": f"{DAY}T10:21:01Z"}
            for each in numbers
        ],
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"), "provider")


@pytest.fixture
def service(files: tuple[Path, Path]) -> Iterator[Service]:
    made = Service(*files)
    yield made
    made.close()


def section(url: str, ca_file: Path | str = "", **more: Any) -> Provider:
    values: dict[str, Any] = {
        "name": "tpsclear", "url": url, "token_file": "x", "body": '{"phoneNumbers": "{numbers}"}',
        "answers": "results",
        "number": "phoneNumber", "tps": "tpsListed", "ctps": "ctpsListed", "checked_at": "checkedAt", "reference": "id",
        "ca_file": str(ca_file),
    }  # fmt: skip
    return Provider(**values | more)


def ask(asked: Provider, numbers: list[str] = NUMBERS, now: datetime = NOW) -> Answers:
    return provider.ask(asked, TOKEN, Path("/"), numbers, ("tps", "ctps"), lambda: now, lambda _done, _what: None)


def test_each_number_is_asked_once_and_what_is_said_of_it_is_kept_with_reference_and_day(
    service: Service, files: tuple[Path, Path]
) -> None:
    answers = ask(section(service.url, files[0], at_once=300, headers={"check-tps": "true"}))
    assert [len(each["phoneNumbers"]) for each in service.asked] == [300, 300, 300, 100]
    assert [number for each in service.asked for number in each["phoneNumbers"]] == NUMBERS
    assert {each["Authorization"] for each in service.headers} == {f"Bearer {TOKEN}"}
    assert {each["check-tps"] for each in service.headers} == {"true"}
    assert answers.listed == {
        "tps": {int(each[1:]) for each in TPS},
        "ctps": {int(each[1:]) for each in CTPS},
    }
    assert answers.asked.references == ("scr_300", "scr_300", "scr_300", "scr_100")
    assert (answers.asked.as_of, len(set(answers.asked.sha256))) == (date(2026, 2, 9), 4)


def test_the_answers_may_stand_elsewhere_and_numbers_be_spelled_otherwise() -> None:
    def spoil(answer: Any) -> Any:
        rows = answer["results"]
        return {
            "data": [[{"n": row["phoneNumber"], "on": {"tps": row["tpsListed"]}} for row in rows]],
            "listDate": "2026-02-03",
        }

    plain = Service()
    plain.spoil = spoil
    try:
        asked = section(
            plain.url, spelling="national", body='{"x": 1, "phoneNumbers": "{numbers}"}', answers="data.0", number="n",
            tps="on.tps", checked_at="", as_of="listDate", reference="", authorization="{token}",
        )  # fmt: skip
        answers = provider.ask(asked, TOKEN, Path("/"), NUMBERS[:3], ("tps",), lambda: NOW, lambda _done, _what: None)
    finally:
        plain.close()
    assert plain.asked == [{"x": 1, "phoneNumbers": ["01134960000", "01134960001", "01134960002"]}]
    assert plain.headers[0]["Authorization"] == TOKEN
    assert (answers.listed["tps"], answers.asked.as_of) == (frozenset(), date(2026, 2, 3))


def _without_one(answer: Any) -> Any:
    del answer["results"][417]
    return answer


def _row(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def spoil(answer: Any) -> Any:
        answer["results"][417] = change(answer["results"][417])
        return answer

    return spoil


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_without_one, "1,000 numbers were asked, and it has 999 answers"),
        (_row(lambda row: row | {"phoneNumber": "+441134961000"}), "a number that was not asked"),
        (_row(lambda row: row | {"phoneNumber": NUMBERS[3]}), "or twice of one"),
        (_row(lambda row: row | {"phoneNumber": None}), "is no text"),
        (_row(lambda row: row | {"phoneNumber": "soon"}), "what is no number"),
        (_row(lambda row: row | {"tpsListed": None}), "neither true nor false"),
        (_row(lambda row: row | {"tpsListed": "false"}), "neither true nor false"),
        (_row(lambda row: row | {"ctpsListed": 0}), "neither true nor false"),
        (_row(lambda row: {"phoneNumber": row["phoneNumber"]}), 'it has no "'),
        (_row(lambda row: row | {"checkedAt": "2026-01-13T00:00:00Z"}), "supports no call after 27 days"),
        (_row(lambda row: row | {"checkedAt": "2026-02-10T12:06:00Z"}), "checked in the future"),
        (_row(lambda row: row | {"checkedAt": "yesterday"}), "is no day and no time"),
        (_row(lambda _row: "listed"), 'it has no "'),
        (lambda answer: answer["results"], 'it has no "results"'),
        (lambda answer: answer | {"results": {}}, "no list of answers"),
        (lambda answer: answer | {"id": ""}, "no text of 1 to 200"),
        (lambda _answer: None, 'it has no "results"'),
    ],
)
def test_what_is_not_answered_as_it_has_to_be_is_not_taken(
    service: Service, files: tuple[Path, Path], spoil: Callable[[Any], Any], why: str
) -> None:
    service.spoil = spoil
    with pytest.raises(RegisterError) as error:
        ask(section(service.url, files[0]))
    assert why in error.value.message
    assert "113496" not in error.value.message


def _odd(body: bytes) -> Callable[[BaseHTTPRequestHandler, bytes], None]:
    return lambda handler, _body: _send(handler, body)


def _status(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler, bytes], None]:
    return lambda handler, body: _send(handler, body, status, **headers)


def _gone(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    handler.close_connection = True
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def _cut(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:-2])
    _gone(handler, body)


def _huge(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(b'{"results": [' + b" " * (8 << 20))


@pytest.mark.parametrize(
    ("send", "why"),
    [
        (_odd(b"listed: none"), "is not taken"),
        (_odd(b""), "is not taken"),
        (_odd(b'{"id": "a", "id": "b", "results": []}'), "a key is there twice"),
        (_odd(b"[" * 100_000), "is not taken"),
        (_status(204), "204"),
        (_status(500), "it answers 500"),
        (_status(302, Location="/elsewhere"), "it answers 302"),
        (_status(307, Location="/elsewhere"), "it answers 307"),
        (_cut, "did not answer"),
        (_huge, "is longer than"),
        (_gone, "did not answer"),
    ],
)
def test_a_provider_that_does_not_answer_well_is_not_believed(
    service: Service, files: tuple[Path, Path], send: Callable[[BaseHTTPRequestHandler, bytes], None], why: str
) -> None:
    service.send = send
    with pytest.raises(RegisterError) as error:
        ask(section(service.url, files[0]))
    assert why in error.value.message
    assert {"GET": "/elsewhere"} not in service.asked


def test_whose_certificate_nobody_vouches_for_is_told_no_number(service: Service) -> None:
    with pytest.raises(RegisterFailed, match="certificate"):
        ask(section(service.url))
    assert not service.asked and not service.headers


def test_nobody_there_is_no_answer(files: tuple[Path, Path]) -> None:
    gone = Service(*files)
    gone.close()
    with pytest.raises(RegisterFailed, match="did not answer"):
        ask(section(gone.url, files[0]))


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_bytes_that_come_one_by_one_are_waited_for_no_longer_than_the_bound(
    service: Service, files: tuple[Path, Path], begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "SECONDS", 1.0)
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.wfile.write(begun)
        while not over.wait(0.05):
            handler.wfile.write(b"X")

    service.send = drip
    try:
        with pytest.raises(RegisterFailed, match="does not come in 1 s"):
            ask(section(service.url, files[0]))
    finally:
        over.set()


# --- in force -------------------------------------------------------------------------------------------------------


def run(numbers: list[str], as_of: date = TODAY, reference: str = "r") -> Asked:
    keys = tuple(sorted(int(each[1:]) for each in numbers))
    return Asked("tpsclear", (reference,), NOW, as_of, ("0" * 64,), keys)


@contextmanager
def both(folder: Path) -> Iterator[Callable[[str], tuple[str, bool, bool]]]:
    """What the library says of a number, which is what a run over many says of it: state, covered, listed."""
    library, fixed = RegisterLibrary(folder, ("tps",), live=True), FixedRegisters(folder, ("tps",), TODAY, live=True)

    def view(number: str) -> tuple[str, bool, bool]:
        import numpy as np

        (one,) = library.view(number)
        assert fixed.view(number) == (one,)
        assert fixed.views(int(fixed.look_up(np.array([int(number[1:])]))[0])) == (one,)
        return one.state, one.covered, one.listed

    yield view


def test_answers_speak_of_the_numbers_that_were_asked_and_of_no_other(tmp_path: Path) -> None:
    import_answers(tmp_path, "tps", {int(NUMBERS[1][1:])}, run(NUMBERS[:3]), NOW)
    with both(tmp_path) as view:
        assert view(NUMBERS[0]) == ("ok", True, False)
        assert view(NUMBERS[1]) == ("ok", True, True)
        assert view(NUMBERS[3]) == ("ok", False, False)
        assert view("+441134960") == ("ok", False, False)
        assert view(f"{NUMBERS[0]}0") == ("ok", False, False)


def test_none_of_them_listed_is_an_answer_on_a_live_gate_too(tmp_path: Path) -> None:
    import_answers(tmp_path, "tps", set(), run(NUMBERS[:3]), NOW)
    with both(tmp_path) as view:
        assert view(NUMBERS[0]) == ("ok", True, False)
        assert view(NUMBERS[3]) == ("ok", False, False)


def test_another_run_adds_its_numbers_and_the_day_is_the_earliest(tmp_path: Path) -> None:
    early, late = TODAY - timedelta(days=20), TODAY - timedelta(days=1)
    import_answers(tmp_path, "tps", {int(NUMBERS[1][1:])}, run(NUMBERS[:4], early), NOW)
    import_answers(tmp_path, "tps", {int(NUMBERS[2][1:])}, run(NUMBERS[2:6], late), NOW)
    (state,) = RegisterLibrary(tmp_path, ("tps",)).status(TODAY)
    assert (state.as_of, state.days_left, state.count, state.coverage) == (early, 7, 2, ["asked"])
    with both(tmp_path) as view:
        assert [view(number)[1:] for number in NUMBERS[:7]] == [
            (True, False), (True, True), (True, True), (True, False), (True, False), (True, False), (False, False),
        ]  # fmt: skip
    # Asked again, the newest answer counts; what nobody has asked again for 27 days goes.
    later = NOW + timedelta(days=8)
    import_answers(tmp_path, "tps", set(), run(NUMBERS[1:3], later.date()), later)
    (state,) = RegisterLibrary(tmp_path, ("tps",)).status(later.date())
    assert (state.as_of, state.count) == (late, 0)
    with both(tmp_path) as view:
        assert [view(number)[1:] for number in NUMBERS[:5]] == [
            (False, False), (True, False), (True, False), (True, False), (True, False),
        ]  # fmt: skip


def test_a_licensees_file_and_answers_do_not_mix(tmp_path: Path) -> None:
    put(tmp_path, "tps", ["01134960001"])
    with pytest.raises(RegisterError, match="a file of the TPS is in force"):
        import_answers(tmp_path, "tps", set(), run(NUMBERS[:3]), NOW)
    long_after = NOW + timedelta(days=40)
    import_answers(tmp_path, "tps", set(), run(NUMBERS[:3], long_after.date()), long_after)
    source = tmp_path / "tps_ns.txt"
    source.write_bytes(record("01134960002").encode())
    report = import_file(tmp_path, "tps", source, as_of=long_after.date(), now=long_after)
    assert (report.count, report.coverage) == (1, ("full",))


def test_answers_of_a_day_to_come_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="future"):
        import_answers(tmp_path, "tps", set(), run(NUMBERS[:3], (NOW.astimezone(UTC) + timedelta(days=1)).date()), NOW)
