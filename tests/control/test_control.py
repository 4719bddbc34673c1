"""The control interface over a real Unix socket, with made-up answers behind it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gate.config import Config, load
from gate.control import sockets
from gate.control.client import ControlClient
from gate.control.files import handed
from gate.control.messages import parsed, response
from gate.control.server import EACH, serve
from gate.control.work import Busy, Workers
from gate.errors import ControlError, GateError, RefusedError, RegisterError, UsageError, VaultError
from gate.handed_over_file import open_file
from gate.operations.calls.screening import Check
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import Caller
from gate.operations.status.glance import Status
from tests.support.accounts import ME
from tests.support.doors import serving
from tests.support.example_answers import ExampleAnswers, WrongKey
from tests.support.example_values import example
from tests.support.logs import logged
from tests.support.settings import VALID, write
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write(tmp_path))


@pytest.fixture
def answers() -> ExampleAnswers:
    return ExampleAnswers()


@pytest.fixture
def client(config: Config, answers: ExampleAnswers) -> Iterator[ControlClient]:
    with serving(answers, config):
        yield ControlClient(config.control_socket, timeout=PATIENCE)


def post(path: Path, target: str, body: bytes, method: str = "POST") -> tuple[int, Any]:
    """A request by hand."""
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
    connection.sock = sockets.connect(path, 10)
    connection.request(method, target, body)
    response = connection.getresponse()
    raw = response.read()
    connection.close()
    return response.status, json.loads(raw) if raw.startswith(b"{") else raw


def test_an_answer_comes_back_and_the_kernel_says_who_asked(client: ControlClient, answers: ExampleAnswers) -> None:
    answer = client.call("check", number="020 7946 0001", at=datetime(2026, 3, 2, 10, tzinfo=UTC))
    assert (answer["verdict"], answer["reason"]) == ("block", "listed_tps")
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    fields = {"number": "020 7946 0001", "purpose": "marketing", "topic": "general", "at": at}
    assert answers.asked == [("check", {**fields, "actor": ME})]


def test_an_actor_cannot_be_claimed(client: ControlClient, answers: ExampleAnswers) -> None:
    status, body = post(client.socket, "/v1/op/check", b'{"number": "1", "actor": "user:root(0)"}')
    assert (status, body["error"]["kind"]) == (400, "UsageError")
    assert "actor" in body["error"]["message"]
    assert answers.asked == []


def test_every_operation_answers_as_promised(client: ControlClient, tmp_path: Path) -> None:
    (tmp_path / "tps.txt").write_text("02079460001\n")
    number = "02079460123"
    fields: dict[str, dict[str, Any]] = {
        "check": {"number": number},
        "decide": {"number": number},
        "register_import": {"name": "tps", "path": str(tmp_path / "tps.txt")},
        "register_ask": {"path": str(tmp_path / "tps.txt")},
        "register_cancel": {"name": "tps"},
        "contacts_import": {"path": str(tmp_path / "tps.txt")},
        "contacts_changes": {"since": datetime(2026, 3, 2, 10, tzinfo=UTC)},
        "contacts_forget": {"number": number},
        "contacts_show": {"id": "c-1"},
        "retention_day": {"day": date(2026, 3, 2)},
        "objection_add": {"number": number},
        "objection_import": {"entries": [{"number": number}]},
        "consent_import": {"entries": []},
        "screened": dict.fromkeys(("source_name", "sha256", "output_sha256"), "x")
        | {"columns": [], "rows": 0, "reasons": {}, "bad_rows": 0, "registers": [], "hours_applied": False}
        | {"purpose": "marketing", "topic": "general", "as_of": datetime(2026, 3, 2, 10, tzinfo=UTC)},
        "objection_undo": {"trunk": "main", "since": "2026-03-02T14:00:00Z", "reason": "forged"},
        "objection_remove": {"target": number, "reason": "mistake"},
        "consent_add": {"number": number, "how": "phone", "wording": "yes", "who": "A. Smith", "evidence": "f 1"},
        "consent_withdraw": {"target": "c-1"},
        "calls_show": {"call_id": "k-1"},
        "calls_prove": {"call_id": "k-1"},
        "recording_piece": {"recording_id": "r-1"},
        "recording_ingest": {"path": str(tmp_path / "tps.txt")},
        "audit_leaf": {"index": 6},
        "moment_show": {"moment": datetime(2026, 1, 5, 9, tzinfo=UTC)},
        "report_month": {"month": "2026-11"},
        "hold_add": {"number": number, "reason": "a claim", "reference": "17/2026"},
        "hold_release": {"hold_id": "h-1", "reason": "settled"},
        "key_add": {"text": "recipient"},
        "rehearse": {"operation": "hold_release", "request": {"hold_id": "h-1", "reason": "settled"}},
        "key_change": {"recipient_id": "p-1", "purpose": "court"},
        "key_retire": {"recipient_id": "p-1"},
        "key_wraps": {"source": "p-1", "target": "p-2"},
        "key_rewrap": {"source": "p-1", "target": "p-2", "wraps": {}},
        "key_unproven": {"recipient_id": "p-1"},
        "key_prove": {"recipient_id": "p-1", "proofs": {}},
        "key_drop": {"source": "p-1", "target": "p-2"},
        "proposal_confirm": {"proposal_id": "w-1"},
        "proposal_withdraw": {"proposal_id": "w-1"},
        "audit_export": dict.fromkeys(("recipient", "purpose"), "x")
        | {"since": datetime(2026, 3, 2, tzinfo=UTC), "until": datetime(2026, 3, 3, tzinfo=UTC)},
        "audit_exportable": {"recipient": "x"}
        | {"since": datetime(2026, 3, 2, tzinfo=UTC), "until": datetime(2026, 3, 3, tzinfo=UTC)},
        "audit_export_take": {"bundle": "b-1"},
        "audit_export_make": {"bundle": "b-1"},
        "audit_export_part": {"bundle": "b-1", "part": "head"},
        "audit_restore": {"reason": "the disk was lost"},
        "request_open": {"asks": "access", "channel": "post", "name": "A. Smith"},
        "request_verify_identity": {"checked": "bill seen"},
        "request_clarify": {"question": "Which?"},
        "request_clarified": {"answer": "all"},
        "request_extend": {"reasons": "many"},
        "request_decide": {"grant": True},
        "request_pack_made": {"sha256": "ab" * 32, "calls": 1, "recordings": 0, "left_out": 0},
        "request_letter": {"kind": "response"},
        "reveal": {"kind": "call", "id": "k-1", "why": "a callback"},
    }
    for name in OPERATIONS:
        if name not in ("recording_take", "watch"):
            of_one = {"request": "DSR-2026-0001"} if "request" in OPERATIONS[name].request.__struct_fields__ else {}
            asked = example(OPERATIONS[name].request) | of_one | fields.get(name, {})
            response(OPERATIONS[name], client.call(name, **asked))


def test_what_is_promised_is_looked_at() -> None:
    with pytest.raises(ControlError, match="register_status answered something else"):
        response(OPERATIONS["register_status"], {"registers": [{"name": "tps"}]})


def test_progress_comes_before_the_result(client: ControlClient, answers: ExampleAnswers, tmp_path: Path) -> None:
    (tmp_path / "tps.txt").write_text("1 2 3")
    seen: list[tuple[float, str]] = []
    answers.reported = lambda done: until(lambda: done in [each for each, _ in seen])
    report = client.call(
        "register_import",
        name="tps",
        path=str(tmp_path / "tps.txt"),
        progress=lambda done, text: seen.append((done, text)),
    )
    assert report["count"] == 3
    assert seen == [(0.25, "reading"), (0.75, "sorting")]


def test_errors_are_raised_on_this_side_as_they_were_on_that(client: ControlClient, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        client.call("recording_take", recording_id="gone", purpose="complaint 17")
    assert (refused.value.reason, refused.value.exit_code) == ("erased", 3)
    assert refused.value.hint == "erased recordings stay closed"
    with pytest.raises(VaultError, match="this key does not open it") as vault:
        client.call("recording_take", recording_id="r-1", purpose="complaint 17")
    assert type(vault.value) is VaultError
    assert not isinstance(vault.value, WrongKey)
    (tmp_path / "empty.txt").touch()
    with pytest.raises(RegisterError, match="the file is empty"):
        client.call("register_import", name="tps", path=str(tmp_path / "empty.txt"))


def test_a_fault_inside_is_told_without_its_details(client: ControlClient) -> None:
    with pytest.raises(GateError, match="failed inside") as caught:
        client.call("decide", number="crash")
    assert "secret" not in str(caught.value)
    status, body = post(client.socket, "/v1/op/decide", b'{"number": "crash"}')
    assert status == 500
    assert "secret" not in json.dumps(body)
    assert client.call("check", number="1")["verdict"] == "block"


@pytest.mark.parametrize(
    ("target", "body", "said"),
    [
        ("/v1/op/shutdown", b"{}", "not an operation"),
        ("/v1/op/__init__", b"{}", "not an operation"),
        ("/v1/op/check", b"{", "not JSON"),
        ("/v1/op/check", b"[]", "not a JSON object"),
        ("/v1/op/check", b"{}", "number"),
        ("/v1/op/check", b'{"number": 5}', "number"),
        ("/v1/op/check", b'{"number": "1", "colour": "red"}', "colour"),
        ("/v1/op/check", b'{"number": "1", "purpose": "fun"}', "purpose"),
        ("/v1/op/check", b'{"number": "1", "at": "2026-03-02T10:00:00"}', "at"),
        ("/v1/op/calls_list", b'{"limit": 100000}', "limit"),
        ("/v1/op/register_import", b'{"name": "tps", "path": "/etc/passwd"}', "opens no path"),
        ("/v1/op/contacts_import", b'{"path": "/etc/passwd", "file": "0123"}', "opens no path"),
        ("/v1/op/register_import", b'{"name": "../x", "path": "/a"}', "name"),
        ("/v1/op/check", b'{"number": "' + b"1" * 200_000 + b'"}', "larger than"),
        ("/v1/op/check", b'{"number": "' + b"1" * 300 + b'"}', "number"),
        ("/v1/op/check", b"\xff\xfe", "not JSON"),
        ("/v1/op/check", b"[" * 50_000, "not JSON"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else repr(value[:40]),
)
def test_what_is_asked_wrongly_is_refused_and_never_reaches_a_handler(
    target: str, body: bytes, said: str, client: ControlClient, answers: ExampleAnswers
) -> None:
    status, answer = post(client.socket, target, body)
    assert status == 400
    assert said in answer["error"]["message"]
    assert answer["error"]["exit_code"] == 2
    assert answers.asked == []


def test_other_paths_and_methods_are_not_there(client: ControlClient) -> None:
    assert post(client.socket, "/", b"")[0] == 404
    assert post(client.socket, "/v1/op/check", b"", method="GET")[0] == 405


def test_the_client_refuses_the_same_before_asking(client: ControlClient, answers: ExampleAnswers) -> None:
    with pytest.raises(UsageError, match="colour"):
        client.call("check", number="1", colour="red")
    with pytest.raises(UsageError, match="nonsense is not an operation"):
        client.call("nonsense")
    assert answers.asked == []


def test_no_gate_is_an_error_that_says_so(tmp_path: Path) -> None:
    client = ControlClient(tmp_path / "control.sock")
    assert client.answers() is False
    with pytest.raises(ControlError, match="cannot be reached: No such file") as caught:
        client.call("status")
    assert "dialgate serve" in caught.value.hint


def test_a_stranger_on_the_socket_is_not_taken_for_a_gate(tmp_path: Path) -> None:
    listener = sockets.listen(tmp_path / "s", 0o600)
    listener.setblocking(True)
    listener.listen()

    def answer(reply: bytes) -> None:
        connection, _ = listener.accept()
        asked = b""
        while not asked.endswith(b"}"):
            asked += connection.recv(65536)
        connection.sendall(reply)
        connection.close()

    client = ControlClient(tmp_path / "s", timeout=PATIENCE)
    for reply, said in [
        (b"220 mail ready\r\n", "gave no answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "not JSON"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n[]", "status 500"),
        (b"", "gave no answer"),
    ]:
        thread = threading.Thread(target=answer, args=(reply,))
        thread.start()
        with pytest.raises(ControlError, match=said):
            client.call("status")
        thread.join()
    thread = threading.Thread(target=answer, args=(b'HTTP/1.1 200 OK\r\n\r\n{"progress": 0.5}\n',))
    thread.start()
    with pytest.raises(ControlError, match="stopped in the middle"):
        client.call("audit_verify")
    thread.join()
    listener.close()


def test_a_silent_gate_is_not_waited_for_without_end(tmp_path: Path) -> None:
    listener = sockets.listen(tmp_path / "s", 0o600)
    listener.listen()
    with pytest.raises(ControlError, match="did not answer status in time"):
        ControlClient(tmp_path / "s", timeout=0.2).call("status")
    listener.close()


def test_slow_work_does_not_hold_up_the_next(client: ControlClient, answers: ExampleAnswers) -> None:
    answers.hold.clear()
    replies: list[Any] = []
    threads = [
        threading.Thread(target=lambda: replies.append(client.call("check", number="020 7946 0000"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert client.call("key_list")["recipients"]
    assert replies == []
    answers.hold.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(replies) == 3
    assert all(name.startswith("control") and "_" in name for name in answers.threads)


def test_an_import_goes_on_where_nobody_waits_for_it(
    client: ControlClient, answers: ExampleAnswers, tmp_path: Path
) -> None:
    (tmp_path / "tps.txt").write_text("1 2 3")
    with open_file(tmp_path / "tps.txt") as given, handed(client.socket, given, 10) as ticket:
        body = json.dumps({"name": "tps", "path": "tps.txt", "file": ticket})
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = sockets.connect(client.socket, 10)
        connection.request("POST", "/v1/op/register_import", body)
        until(lambda: answers.asked)
        connection.close()
    until(lambda: "register_import" in answers.done)
    assert client.call("check", number="1")["verdict"] == "block"


async def test_more_than_the_bound_is_refused_and_the_rest_goes_on() -> None:
    answers = ExampleAnswers()
    answers.hold.clear()
    workers = Workers("test", threads=2, most=2)
    asked = answers, Check(number="1"), Caller("me")
    running = [asyncio.ensure_future(workers.call(*asked)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await workers.call(*asked)
    answers.hold.set()
    assert [answer["verdict"] for answer in await asyncio.gather(*running)] == ["block", "block"]
    assert (await workers.call(*asked))["verdict"] == "block"
    workers.close()


async def test_one_account_has_a_few_places_and_keeps_nobody_else_waiting() -> None:
    running: list[str] = []
    most: dict[str, int] = {}
    hold, lock = threading.Event(), threading.Lock()

    def work(request: Any, caller: Caller) -> Any:
        with lock:
            running.append(caller.actor)
            most[caller.actor] = max(most.get(caller.actor, 0), running.count(caller.actor))
        if caller.actor == "viewer":
            hold.wait(PATIENCE)
        with lock:
            running.remove(caller.actor)
        return {}

    workers = Workers("test", threads=8, most=64, each=2)
    crowd = [asyncio.ensure_future(workers.call(work, Status(), Caller("viewer"))) for _ in range(40)]
    while running.count("viewer") < 2:
        await asyncio.sleep(0.001)
    refused = [each for each in crowd if each.done() and isinstance(each.exception(), Busy)]
    assert len(refused) == 8, "half of the places are what one account may wait in"
    await asyncio.gather(*[workers.call(work, Check(number="1"), Caller("admin")) for _ in range(20)])
    assert most == {"viewer": 2, "admin": most["admin"]}
    hold.set()
    await asyncio.gather(*(each for each in crowd if each not in refused))
    assert most["viewer"] == 2
    await asyncio.sleep(0)
    assert not workers._turns
    workers.close()


async def test_a_place_rests_while_more_waits_and_not_for_who_asks_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests: list[float] = []
    loop = asyncio.get_running_loop()
    later = loop.call_later

    def call_later(seconds: float, *values: Any, **named: Any) -> Any:
        rests.append(seconds)
        return later(seconds, *values, **named)

    monkeypatch.setattr(loop, "call_later", call_later)
    workers = Workers("test", threads=8, most=64, each=2)

    def work(request: Any, caller: Caller) -> Any:
        threading.Event().wait(0.01)
        return {}

    for _ in range(3):
        await workers.call(work, Status(), Caller("me"))
    assert not rests
    await asyncio.gather(*[workers.call(work, Status(), Caller("me")) for _ in range(10)])
    workers.close()
    assert sum(seconds >= 0.03 for seconds in rests) >= 8


def test_a_viewer_with_many_threads_is_carried_out_a_few_at_a_time(
    client: ControlClient, answers: ExampleAnswers
) -> None:
    """Over the socket."""
    answers.hold.clear()
    threads = [threading.Thread(target=client.call, args=("check",), kwargs={"number": "1"}) for _ in range(24)]
    for thread in threads:
        thread.start()
    until(lambda: len(answers.asked) == EACH)
    threads[0].join(0.3)
    assert len(answers.asked) == EACH
    answers.hold.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(answers.asked) == 24


async def test_what_a_console_asks_again_and_again_fills_no_journal(answers: ExampleAnswers) -> None:
    def fails(request: Any, caller: Caller) -> Any:
        raise ControlError("no")

    workers = Workers("test", threads=1, most=1)
    with logged() as told:
        await workers.call(answers, Status(), Caller("me"))
        await workers.call(answers, Check(number="1"), Caller("me"))
        with pytest.raises(ControlError):
            await workers.call(fails, Status(), Caller("me"))
    workers.close()
    assert [(line["op"], line["log_level"]) for line in told if line["event"] == "operation"] == [
        ("status", "debug"),
        ("check", "info"),
        ("status", "info"),
    ]


def test_what_is_no_text_is_a_usage_error(client: ControlClient, answers: ExampleAnswers) -> None:
    with pytest.raises(UsageError, match="not UTF-8 text"):
        client.call("objection_add", number="1", note="caf\udce9")
    assert answers.asked == []


# --- the socket file ----------------------------------------------------------------------------------------------


def test_the_socket_is_the_owners_alone_and_goes_with_the_gate(config: Config) -> None:
    old = os.umask(0)
    try:
        with serving(ExampleAnswers(), config):
            assert stat.S_IMODE(config.control_socket.stat().st_mode) == 0o600
    finally:
        os.umask(old)
    assert not config.control_socket.exists()


def test_the_socket_is_closed_to_others_from_its_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    old = os.umask(0)
    try:
        sockets.listen(tmp_path / "s", 0o600).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


def test_a_socket_set_on_purpose_is_the_groups_too(tmp_path: Path) -> None:
    config = load(write(tmp_path, VALID + '[control]\nsocket = "run/gate.sock"\n'))
    with serving(ExampleAnswers(), config):
        assert stat.S_IMODE((tmp_path / "run" / "gate.sock").stat().st_mode) == 0o660
        assert ControlClient(tmp_path / "run" / "gate.sock").answers()


def test_a_dead_gates_socket_is_replaced_and_a_living_ones_is_not(config: Config) -> None:
    config.data.mkdir()
    sockets.listen(config.control_socket, 0o600).close()
    assert config.control_socket.is_socket()
    with serving(ExampleAnswers(), config):
        with pytest.raises(ControlError, match="another gate listens"):
            asyncio.run(asyncio.wait_for(serve(ExampleAnswers(), config, CollectorRegistry(), asyncio.Event()), 5))
        assert ControlClient(config.control_socket).call("key_list")


def test_a_file_in_the_sockets_place_is_left_alone(config: Config) -> None:
    config.data.mkdir()
    config.control_socket.write_text("mine")
    with pytest.raises(ControlError, match="cannot listen"), serving(ExampleAnswers(), config):
        pass
    assert config.control_socket.read_text() == "mine"


def test_a_data_folder_may_lie_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    config = load(write(deep))
    with serving(ExampleAnswers(), config):
        assert len(str(config.control_socket)) > 107
        assert ControlClient(config.control_socket).call("key_list")
    with pytest.raises(OSError, match="path too long"), socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(config.control_socket))


@pytest.mark.skipif(os.getuid() != 0, reason="needs to become another account")
def test_who_may_not_open_the_socket_is_told_so(client: ControlClient) -> None:
    for folder in (client.socket.parents[1], client.socket.parents[2], client.socket.parents[3]):
        folder.chmod(0o755)
    client.socket.parent.chmod(0o755)
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            client.answers()
        except ControlError as error:
            os._exit(0 if "Permission denied" in str(error) else 3)
        os._exit(4)
    assert os.waitpid(child, 0)[1] == 0


def test_requests_have_defaults_and_times_are_times() -> None:
    values = {"number": "1", "how": "phone", "wording": "yes", "who": "A"}
    asked: Any = parsed("consent_add", values)
    assert (asked.given_at, asked.evidence) == (None, "")
    given: Any = parsed("consent_add", values | {"given_at": "2026-03-02T10:00:00Z"})
    assert given.given_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
