"""Webhooks of a gate: receivers that are away, wrong or killed; nothing lost, nothing twice under another id."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from gate.operations import webhooks
from tests.support.registers import record
from tests.support.running_gate import LISTED, ROOT, UNLISTED, RunningGate, dialgate, free_port
from tests.support.settings import secret
from tests.support.waiting import PATIENCE

SAMPLES = ROOT / "sample_lists"
SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes, at").decode()


class Receiver:
    """A program that is told; ``answer`` is what it says next."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.answer = 204
        self.to = ""
        """Where it sends who asks, where it answers with 3xx."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                parts = [self.headers[f"webhook-{each}"] for each in ("id", "timestamp")]
                key = base64.b64decode(SECRET.removeprefix("whsec_"))
                digest = hmac.new(key, ".".join(parts).encode() + b"." + body, hashlib.sha256).digest()
                if self.headers["webhook-signature"] != "v1," + base64.b64encode(digest).decode():
                    receiver.wrong.append(parts[0])
                answer = receiver.answer
                told = {"id": parts[0], "answer": answer, "path": self.path}
                receiver.got.append(json.loads(body) | told)
                self.send_response(answer)
                if 300 <= answer < 400:
                    self.send_header("Location", receiver.to)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def taken(self, kind: str = "") -> list[dict[str, Any]]:
        return [each for each in self.got if each["answer"] == 204 and each["type"].startswith(kind)]


class Awkward:
    """A receiver that takes what it is sent, and answers as ``how`` does, until it is closed."""

    def __init__(self, how: Callable[[socket.socket, threading.Event], None]) -> None:
        self.got: list[str] = []
        """Ids of what it was sent."""
        self.over = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self._how = how
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=(self.server.accept()[0],), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as read:
            head = http.client.parse_headers(read) if read.readline() else {}
            read.read(int(head["Content-Length"]))
            self.got.append(head["webhook-id"])
            self._how(connection, self.over)

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


def drips(connection: socket.socket, over: threading.Event) -> None:
    """An answer that goes on and on."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Begun: ")
    while not over.wait(0.05):
        connection.sendall(b"a")


def is_late(connection: socket.socket, over: threading.Event) -> None:
    """It has taken it, and says so when the gate waits no more."""
    while connection.recv(100):
        pass
    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


DIES = """
import os, signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
connection, _ = server.accept()
read = connection.makefile("rb")
length = 0
while (line := read.readline()).strip():
    name, _, value = line.decode().partition(": ")
    length = int(value) if name.lower() == "content-length" else length
    if name.lower() == "webhook-id":
        print(value.strip(), flush=True)
read.read(length)
connection.sendall(b"HTTP/1.1 20")
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A receiver that is killed in the middle of its answer."""


def add(gate: RunningGate, name: str, port: int, /, **values: Any) -> None:
    secret(gate.folder / "secrets" / f"{name}.webhook", SECRET + "\n")
    document = tomlkit.parse(gate.config.read_text())
    table = tomlkit.table()
    table.update(
        {"name": name, "url": f"http://127.0.0.1:{port}/told?of=gate", "secret_file": f"secrets/{name}.webhook"}
    )
    table.update(values)
    document.setdefault("webhook", tomlkit.aot()).append(table)
    gate.config.write_text(tomlkit.dumps(document))


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    made = RunningGate(tmp_path / "gate", announcement=0.6)
    made.http = f"127.0.0.1:{free_port()}"
    yield made
    made.kill()


def refuse(gate: RunningGate, times: int = 1) -> None:
    for _ in range(times):
        assert gate.client.call("decide", number=LISTED)["verdict"] == "block"


def test_a_receiver_is_told_in_order_signed_and_without_numbers_in_clear(gate: RunningGate) -> None:
    receiver, other = Receiver(), Receiver()
    add(gate, "crm", receiver.port)
    add(gate, "dialler", other.port, events=["objection.made"], numbers=True)
    gate.start()
    refuse(gate, 3)
    assert gate.client.call("decide", number=UNLISTED)["verdict"] == "allow"
    gate.client.call("objection_add", number=UNLISTED, note="wants no calls, says Ada Byron")
    refuse(gate, 2)
    gate.wait(lambda: len(receiver.taken("call.refused")) >= 5, PATIENCE, "it is not told")
    gate.wait(lambda: other.got, PATIENCE, "the other is not told")
    assert not receiver.wrong + other.wrong
    kinds = [each["type"] for each in receiver.taken() if not each["id"].startswith("state-")]
    assert kinds == ["call.refused"] * 3 + ["objection.made"] + ["call.refused"] * 2
    leaves = [int(each["id"].removeprefix("leaf-")) for each in receiver.taken("call.refused")]
    assert leaves == sorted(set(leaves))
    text = json.dumps(receiver.got)
    assert "+442079460101" not in text and "+442079460123" not in text and "Byron" not in text
    assert receiver.taken("call.refused")[0]["data"]["reason"] == "listed_tps"
    (told,) = other.taken()
    assert (told["type"], told["data"]["number"]) == ("objection.made", "+442079460123")
    receiver.close()
    other.close()


def test_a_receiver_that_is_away_and_a_gate_that_is_killed_lose_nothing(gate: RunningGate) -> None:
    first = Receiver()
    port = first.port
    add(gate, "crm", port, events=["call.refused"])
    gate.start()
    refuse(gate, 2)
    gate.wait(lambda: len(first.taken()) == 2, PATIENCE, "it is not told")
    first.close()
    refuse(gate, 4)
    gate.wait(lambda: "webhook_not_taken" in gate.log.read_text(), PATIENCE, "it was not tried")
    gate.kill()
    gate.start()
    refuse(gate, 3)
    second = Receiver(port)
    gate.wait(lambda: len({each["id"] for each in second.taken()}) == 7, PATIENCE, "something is lost")
    second.answer = 500
    refuse(gate)
    gate.wait(lambda: any(each["answer"] == 500 for each in second.got), PATIENCE, "it was not tried")
    second.answer = 204
    gate.wait(lambda: len({each["id"] for each in second.taken()}) == 8, PATIENCE, "it is not told again")
    tried = Counter(each["id"] for each in first.taken() + second.taken())
    assert set(tried.values()) == {1}, "what was taken is not sent again"
    assert len(tried) == 10
    assert not second.wrong
    second.close()


def test_receivers_that_drip_come_late_die_or_send_elsewhere_lose_nothing_and_hold_up_nobody(gate: RunningGate) -> None:
    """What one of them has taken without a whole answer it is sent again, with the id that it knows."""
    drip, late, well, elsewhere = Awkward(drips), Awkward(is_late), Receiver(), Receiver()
    away = Receiver()
    away.answer, away.to = 307, f"http://127.0.0.2:{elsewhere.port}/"
    port = free_port()
    dying = subprocess.Popen([sys.executable, "-c", DIES, str(port)], stdout=subprocess.PIPE, text=True)
    ports = {"drip": drip.port, "late": late.port, "well": well.port, "away": away.port, "dies": port}
    for name in ports:
        add(gate, name, ports[name], events=["call.refused"])
    gate.start()
    refuse(gate, 3)
    gate.wait(lambda: len(well.taken()) == 3 and drip.got and late.got, PATIENCE, "one holds up another")
    events = {each["id"]: each["data"] for each in well.taken()}
    assert dying.communicate(timeout=PATIENCE)[0].split() == drip.got == late.got == list(events)[:1]

    def standing() -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in gate.client.call("webhook_list")["webhooks"]}

    bad = set(ports) - {"well"}
    gate.wait(lambda: all(standing()[name]["tries"] for name in bad), PATIENCE, "it is taken for an answer")
    answers = {name: each["answer"] for name, each in standing().items()}
    assert answers["drip"] == answers["late"] == "no answer: its answer does not come in 10 s"
    assert answers["away"].startswith("307") and answers["dies"].startswith("no answer") and not answers["well"]
    for each in (drip, late):
        each.close()
    away.close()
    mended = {name: Receiver(ports[name]) for name in bad}
    gate.wait(lambda: all(len(each.taken()) == 3 for each in mended.values()), PATIENCE, "something is lost")
    for name, each in mended.items():
        assert [one["id"] for one in each.got] == list(events), f"{name}: in order, and under the ids of all others"
        assert {one["id"]: one["data"] for one in each.got} == events and not each.wrong
    assert not elsewhere.got, "it went to another host"
    for each in (*mended.values(), well, elsewhere):
        each.close()


def test_what_the_gate_cannot_do_is_told_when_it_begins_and_when_it_is_over(gate: RunningGate) -> None:
    receiver = Receiver()
    add(gate, "watch", receiver.port, events=["gate.not_ready"])
    gate.start()
    register = gate.data / "registers"
    kept = {each: each.read_bytes() for each in register.glob("ctps*") if each.is_file()}
    for each in kept:
        each.unlink()
    gate.wait(lambda: receiver.taken("gate.not_ready"), PATIENCE, "it is not told")
    assert receiver.taken()[0]["data"]["begun"] == ["register_missing"]
    for each, content in kept.items():
        each.write_bytes(content)
        each.chmod(0o600)
    gate.wait(lambda: len(receiver.taken("gate.not_ready")) >= 2, PATIENCE, "it is not told that it is over")
    assert receiver.taken()[-1]["data"] == {"now": [], "begun": [], "over": ["register_missing"]}
    receiver.close()


def test_what_is_never_taken_is_put_aside_told_in_status_and_holds_up_nothing(gate: RunningGate) -> None:
    receiver = Receiver()
    receiver.answer, receiver.to = 302, f"http://127.0.0.1:{receiver.port}/elsewhere"
    add(gate, "crm", receiver.port, events=["call.refused"])
    gate.start()
    refuse(gate)
    gate.wait(lambda: receiver.got, PATIENCE, "it was not tried")
    gate.stop()
    kept = gate.data / "webhooks" / "crm.json"
    state = json.loads(kept.read_bytes())
    assert state["tries"] >= 1 and {each["path"] for each in receiver.got} == {"/told?of=gate"}
    state |= {"tries": len(webhooks.PAUSES), "again_at": ""}  # it was refused for more than a day
    kept.write_text(json.dumps(state))
    gate.start()
    gate.wait(lambda: json.loads(kept.read_bytes())["aside"], PATIENCE, "it is not put aside")
    receiver.answer = 204
    refuse(gate)
    gate.wait(receiver.taken, PATIENCE, "what came after it is held up")
    told = dialgate("status", config=gate.config, check=False)["attention"]
    assert any("1 event of the webhook crm put aside" in each and "302" in each for each in told)
    assert kept.stat().st_mode & 0o077 == 0 and b"+44" not in kept.read_bytes()
    receiver.close()


def test_what_was_put_aside_is_sent_again_or_dropped_by_somebody(gate: RunningGate) -> None:
    receiver = Receiver()
    receiver.answer = 500
    add(gate, "crm", receiver.port, events=["call.refused", "gate.not_ready"])
    gate.start()
    refuse(gate)
    gate.wait(lambda: receiver.got, PATIENCE, "it was not tried")
    for times in (1, 2):  # each is refused for more than a day
        gate.stop()
        kept = gate.data / "webhooks" / "crm.json"
        state = json.loads(kept.read_bytes()) | {"tries": len(webhooks.PAUSES), "again_at": ""}
        kept.write_text(json.dumps(state))
        gate.start()
        gate.wait(lambda: len(json.loads(kept.read_bytes())["aside"]) == times, PATIENCE, "it is not put aside")  # noqa: B023
        if times == 1:
            refuse(gate)
            gate.wait(lambda: len({each["id"] for each in receiver.got}) == 2, PATIENCE, "the next is not tried")

    def command(*words: str, check: bool = True) -> Any:
        return dialgate("webhook", *words, config=gate.config, check=check)

    (standing,) = command("list")["webhooks"]
    first, second = (each["id"] for each in standing["aside"])
    assert [each["answer"][:3] for each in standing["aside"]] == ["500", "500"]
    assert command("retry", "crm", check=False) | {"answer": ""} == {"name": "crm", "ids": [], "left": 2, "answer": ""}
    receiver.answer = 204
    assert command("retry", "crm", second)["ids"] == [second]
    assert [each["id"] for each in receiver.taken()] == [second], "the other one was not asked for"
    assert "no event leaf-1" in json.dumps(command("drop", "crm", "leaf-1", check=False))
    assert command("drop", "crm") == {"name": "crm", "ids": [first], "left": 0, "answer": ""}
    assert [each["id"] for each in receiver.taken()] == [second], "what was dropped is sent"
    (dropped,) = gate.rows("SELECT body, actor FROM facts WHERE kind = 'webhook_dropped'")
    assert json.loads(dropped["body"]) == {"name": "crm", "events": [first]} and dropped["actor"] != "gate"
    assert "webhook crm" not in json.dumps(dialgate("status", config=gate.config, check=False)["attention"])
    gate.stop()
    assert command("list")["webhooks"][0]["aside"] == [], "it is read by a command where no gate runs"
    receiver.close()


def test_newly_blocked_contacts_are_told_once_however_often_either_side_dies(gate: RunningGate, tmp_path: Path) -> None:
    """By an objection and by a register; a receiver that is away, a gate that is killed."""
    first = Receiver()
    port = first.port
    add(gate, "crm", port, events=["contact.newly_blocked"], numbers=True)
    add(gate, "other", port, events=["objection.made"])
    gate.start()
    numbers = [f"+4416329605{each:02}" for each in range(60)]
    listing = tmp_path / "crm.csv"
    rows = "".join(f"c{at},{number}\n" for at, number in enumerate(numbers))
    listing.write_text(f"id,phone\n{rows}c900,{LISTED}\n")
    dialgate("contacts", "import", str(listing), "--reference", "id", config=gate.config)
    gate.client.call("objection_add", number=numbers[7], note="no calls")
    gate.wait(lambda: first.taken("contact"), PATIENCE, "it is not told")
    told = first.taken("contact")[0]["data"]
    assert told == {"number": numbers[7], "reference": "c7", "reason": "objected"}
    first.close()
    register = tmp_path / "tps.txt"
    listed = numbers[20:50]
    register.write_bytes(
        (SAMPLES / "tps_ns.txt").read_bytes() + "".join(record(f"0{each[3:]}") for each in listed).encode()
    )
    dialgate("register", "import", "tps", str(register), config=gate.config)
    gate.client.call("objection_add", number=numbers[51], note="no calls")
    sample = (SAMPLES / "tps_ns.txt").read_text()
    blocked = {f"c{at}" for at in (7, *range(20, 50), 51) if f"0{numbers[at][3:]}" not in sample}
    assert len(blocked) > 25 and "c51" in blocked
    gate.wait(lambda: "webhook_not_taken" in gate.log.read_text(), PATIENCE, "it was not tried")
    gate.kill()
    second = Receiver(port)
    second.answer = 503
    gate.start()
    gate.wait(lambda: second.got, PATIENCE, "it was not tried")
    second.answer = 204
    references = lambda: {each["data"]["reference"] for each in first.taken("contact") + second.taken("contact")}  # noqa: E731
    gate.wait(lambda: references() == blocked, PATIENCE, "something is lost")
    gate.kill()
    gate.start()
    gate.client.call("objection_add", number=numbers[52], note="no calls")
    gate.wait(lambda: "c52" in references(), PATIENCE, "what comes later is not told")
    ids = Counter((each["id"], each["data"]["reference"]) for each in first.taken("contact") + second.taken("contact"))
    assert len(ids) == len(blocked) + 1, "one contact has two ids"
    assert not first.wrong + second.wrong
    kept = (gate.data / "webhooks" / "crm.json").read_text()
    assert "1632960" not in kept and "c51" not in kept
    second.close()


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"url": "http://crm.example/told"}, "over a network only https"),
        ({"url": "ftp://127.0.0.1/"}, "is not an address"),
        ({"url": "https://user:pass@crm.example/"}, "is not an address"),
        ({"url": "https://crm.example:99999/"}, "is not an address"),
        ({"name": "../x"}, "is not a name"),
        ({"events": ["call.made"]}, "webhook[0].events"),
    ],
)
def test_where_it_may_not_be_told_the_gate_does_not_start(
    gate: RunningGate, values: dict[str, Any], fault: str
) -> None:
    add(gate, "crm", 80, **values)
    assert fault in json.dumps(dialgate("config", "show", config=gate.config, check=False))


def test_a_secret_that_is_copied_in_part_stops_the_start_with_a_sentence(gate: RunningGate) -> None:
    add(gate, "crm", 80)
    secret(gate.folder / "secrets" / "crm.webhook", "whsec_is this base64?\n")
    said = dialgate("serve", config=gate.config, check=False)
    assert "is not base64 after whsec_" in json.dumps(said)


def test_after_a_restore_of_an_older_log_what_comes_is_told(gate: RunningGate) -> None:
    receiver = Receiver()
    add(gate, "crm", receiver.port, events=["call.refused"])
    (gate.data / "webhooks").mkdir(mode=0o700)
    secret(gate.data / "webhooks" / "crm.json", json.dumps({"leaf": 1_000_000}))
    gate.start()
    refuse(gate)
    gate.wait(receiver.taken, PATIENCE, "it is not told")
    receiver.close()
