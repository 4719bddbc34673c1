"""Witnesses of the log: what they have seen is neither rewritten nor put back unseen, whatever is taken of the gate."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.config import load
from gate.core.evidence import key_id
from gate.daemon.opening import open_folder
from gate.operations.audit import signed_log
from gate.operations.audit.checkpoints import AuditRestore
from gate.operations.audit.witnesses import AuditWitnesses, Witnesses
from gate.operations.calls.screening import Decide
from gate.operations.data_folder import DataFolder
from gate.vault.signing import COSIGNATURE, cosigned_at
from tests.support.asking import ask
from tests.support.databases import put_in_place
from tests.support.keeping import SetClock
from tests.support.running_gate import dialgate
from tests.support.witness import WitnessServer

pytestmark = pytest.mark.peer

ANN = "user:ann(1000)"
NUMBER = "+442079460123"
NOBODYS = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
ID = key_id("w.example", COSIGNATURE, NOBODYS)
STRANGER = f"w.example+{ID.hex()}+{base64.b64encode(COSIGNATURE + NOBODYS).decode()}"
"""The key of a witness that nobody runs."""


def witnessed(folder: Path, *keys: tuple[str, str], required: int = 1) -> Path:
    """Name witnesses in a configuration, each as its address and its key."""
    config = folder / "config.toml"
    document = tomlkit.parse(config.read_text())
    document["witness"] = [{"url": url, "key": key} for url, key in keys]
    document.setdefault("storage", tomlkit.table())["witnesses_required"] = required
    config.write_text(tomlkit.dumps(document))
    return config


@contextmanager
def opened(folder: Path, clock: SetClock | None = None) -> Iterator[DataFolder]:
    with ExitStack() as stack:
        yield open_folder(load(folder / "config.toml"), stack, clock)


def grow(data: DataFolder, times: int = 1) -> None:
    """Something happens, the log is signed and shown."""
    for _ in range(times):
        ask(data, Decide(number=NUMBER), ANN)
    data.log.checkpoint()
    data.one(Witnesses).look()


def vkey(folder: Path) -> str:
    return (folder / "data" / "gate.key").read_text().partition("\n")[0]


@pytest.fixture
def witness(folder: Path, tmp_path: Path) -> Iterator[WitnessServer]:
    made = WitnessServer(tmp_path / "witness", vkey(folder))
    witnessed(folder, (made.url, made.key))
    yield made
    made.close()


def test_what_a_witness_signs_is_kept_and_verified(folder: Path, witness: WitnessServer) -> None:
    with opened(folder) as data:
        for times in (1, 3, 300):
            grow(data, times)
        now = ask(data, AuditWitnesses(), ANN)
        size, _ = data.store.call(lambda tx: tx.head())
        assert [(row.name, row.size, row.fault) for row in now.witnesses] == [("witness.example.org/w1", size, "")]
        assert (now.size, now.waiting_since) == (size, None)
        files = list((folder / "data" / "checkpoints").glob("*-*.txt"))
        assert len(files) == 3
        newest = max(files).read_text()
        assert abs(cosigned_at(newest, witness.key) - datetime.now(UTC)) < timedelta(minutes=5)
        assert data.log.verify().ok
        data.log.checkpoint()  # a log that did not grow is not shown again
        data.one(Witnesses).look()
        assert len(list((folder / "data" / "checkpoints").glob("*-*.txt"))) == 3
    with opened(folder) as data:  # it is known after a start what was cosigned
        assert data.one(Witnesses).standing().size == size
    max(files).write_text(newest.replace("\n— witness", "x\n— witness"))
    with opened(folder) as data:
        report = data.log.verify()
        assert [fault.what for fault in report.faults] == ["checkpoint_invalid"]


def put_back(folder: Path, tmp_path: Path) -> None:
    """An older state of the whole data folder, checkpoints and all: nothing in it knows that there was more."""
    with opened(folder) as data:
        grow(data)
    put_in_place(folder / "data", tmp_path / "older")
    with opened(folder) as data:
        grow(data, 3)
    put_in_place(tmp_path / "older", folder / "data")


def test_an_older_state_put_back_whole_is_found_out_by_the_witness_alone(
    folder: Path, witness: WitnessServer, tmp_path: Path
) -> None:
    put_back(folder, tmp_path)
    with opened(folder) as data:
        answer = ask(data, Decide(number=NUMBER), ANN)
        assert (answer.verdict, answer.reason) == ("block", "evidence_rolled_back")
        assert "the witness witness.example.org/w1 is signed over" in data.trust.why_behind
        data.one(Witnesses).look()
    witness.close()  # whoever cuts it off learns that it could not be compared, and from whom
    with opened(folder) as data:
        data.trust.look()
        assert "the witness witness.example.org/w1 cannot be read" in " ".join(data.trust.warnings())
    witness.start()
    with opened(folder) as data:
        ask(data, AuditRestore(reason="a disk was lost"), ANN)
        assert data.trust.reason is None
        grow(data, 9)  # beyond what the witness had seen: it signs neither state after that
        assert data.trust.look() == ""
        (warning,) = data.one(Witnesses).warnings()
        assert warning.startswith("The witness witness.example.org/w1 does not sign this log")
        assert "was rewritten, or restored (422)" in warning


def test_a_log_written_anew_with_its_own_key_is_found_out(folder: Path, witness: WitnessServer, tmp_path: Path) -> None:
    put_back(folder, tmp_path)
    config = folder / "config.toml"
    kept = config.read_text()
    config.write_text(kept.replace("[[witness]]", "[[nobody]]").partition("[[nobody]]")[0])
    with opened(folder) as data:  # the firm's own administrators write another history and sign it
        for _ in range(20):
            ask(data, Decide(number="+442079460999"), ANN)
        data.log.checkpoint()
        assert data.trust.look() == "" and data.log.verify().ok
    config.write_text(kept)
    with opened(folder) as data:
        assert "the witness witness.example.org/w1 is signed over" in data.trust.look()
        data.one(Witnesses).look()
        assert "was rewritten, or restored (422)" in data.one(Witnesses).standing().witnesses[0].fault


def test_fewer_cosignatures_than_the_firm_wants_are_a_warning_after_an_hour(
    folder: Path, witness: WitnessServer, tmp_path: Path
) -> None:
    second = WitnessServer(tmp_path / "second", vkey(folder), "second.example")
    witnessed(folder, (witness.url, witness.key), (second.url, second.key), required=2)
    clock = SetClock(datetime.now(UTC))
    with opened(folder, clock) as data:
        grow(data)
        agreed = data.one(Witnesses).standing()
        assert (agreed.required, agreed.waiting_since) == (2, None)
        second.close()
        grow(data)
        now = data.one(Witnesses).standing()
        assert (now.size, [row.size > agreed.size for row in now.witnesses]) == (agreed.size, [True, False])
        assert "Connection refused" in now.witnesses[1].fault
        lacking = f"the log lacks 2 cosignatures: witnesses have seen {agreed.size:,} entries"
        assert lacking not in " ".join(data.one(Witnesses).warnings())
        clock.time += timedelta(minutes=61)
        assert lacking in " ".join(data.one(Witnesses).warnings())
        second.start()
        data.one(Witnesses).look()
        assert lacking not in " ".join(data.one(Witnesses).warnings())
    second.close()


def test_a_bundle_leads_to_the_witness(folder: Path, witness: WitnessServer, tmp_path: Path) -> None:
    config, keys = folder / "config.toml", folder / "keys"
    key, words = str(tmp_path / "auditor.key"), str(keys / "first.passphrase")
    made = dialgate("key", "new", "Auditor", "--role", "auditor", "-o", key, "--passphrase-file", words)
    (tmp_path / "auditor.recipient").write_text(made["recipient"])
    dialgate("key", "add", str(tmp_path / "auditor.recipient"), "--purpose", "internal_audit", config=config)
    bundle = str(tmp_path / "b.bundle")
    with opened(folder) as data:
        ask(data, Decide(number=NUMBER), ANN)
    now = datetime.now(UTC).isoformat()
    dialgate("audit", "export", "--from", now[:10], "--to", now, "--recipient", "Auditor", "--purpose", "audit",
             "--key", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"), "-o", bundle,
             config=config)  # fmt: skip
    seen = dialgate("audit", "open", bundle, "--vkey", vkey(folder), "--witness", witness.key)
    (found,) = (each for each in seen["checks"] if each["check"] == "witness")
    assert found["holds"] and found["text"].startswith(
        "The witness witness.example.org/w1 saw the log at this checkpoint"
    )
    not_seen = dialgate("audit", "open", bundle, "--witness", STRANGER, check=False)
    assert not not_seen["ok"]
    rows = dialgate("audit", "witnesses", config=config)
    assert rows["witnesses"][0]["size"] == seen["checkpoint"]


class Liar:
    """Somebody who answers in a witness's place."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                answer(self)

            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def say(status: int, text: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(text.encode())))
        request.end_headers()
        request.wfile.write(text.encode())

    return answer


def drip(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then, as long as somebody reads."""
    request.connection.settimeout(0.1)
    try:
        while True:
            request.connection.send(b"H")
            request.connection.recv(1)
    except TimeoutError:
        drip(request)
    except OSError:
        return


FORGED = f"— w.example {base64.b64encode(ID + bytes(72)).decode()}\n"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (say(200, FORGED), "the signature of w.example does not hold"),
        (say(200, ""), "the note is not signed by w.example"),
        (say(200, "no lines at all"), "not a signed note"),
        (say(200, "x" * 100_000), "not a signed note"),
        (say(409, "999999999999"), "it has seen 999,999,999,999 entries, and this log had"),
        (say(409, "many"), "Conflict (409)"),
        (say(409, "0"), "it does not cosign from the size that it names itself"),
        (say(404, ""), "it does not know this log (404)"),
        (say(403, ""), "it does not know the key of this log (403)"),
        (say(302, ""), "Found (302)"),
        (drip, "its answer does not come in 1 s"),
    ],
)
def test_whoever_answers_in_a_witnesss_place_is_not_believed(
    folder: Path, answer: Callable[[Any], None], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_log, "WITNESS_SECONDS", 1.0)
    liar = Liar(answer)
    witnessed(folder, (liar.url, STRANGER))
    with opened(folder) as data:
        grow(data)
        now = data.one(Witnesses).standing()
        assert (now.size, now.witnesses[0].size) == (0, 0)
        assert fault in now.witnesses[0].fault
        assert list((folder / "data" / "checkpoints").glob("*-*.txt")) == []
        assert data.trust.look() == ""  # what nobody signed stops no call
    liar.close()


def test_what_else_a_witness_writes_is_not_kept(
    folder: Path, witness: WitnessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line under its name that another key made, before its own: neither the head nor a bundle is spoilt by it."""
    real = signed_log.asked_witness
    forged = FORGED.replace("w.example", "witness.example.org/w1")

    def chatty(*asked: Any) -> Any:
        answer = real(*asked)
        return answer._replace(body=forged.encode() + answer.body) if answer.status == 200 else answer

    monkeypatch.setattr("gate.operations.audit.witnesses.asked_witness", chatty)
    with opened(folder) as data:
        grow(data)
        assert data.one(Witnesses).standing().witnesses[0].fault == ""
        (kept,) = (folder / "data" / "checkpoints").glob("*-*.txt")
        assert forged not in kept.read_text()
        assert data.log.verify().ok


def test_a_witness_that_is_away_holds_nothing_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed_log, "WITNESS_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        witnessed(folder, (f"http://127.0.0.1:{silent.getsockname()[1]}", STRANGER))
        with opened(folder) as data:
            assert data.trust.look() == ""
            assert data.trust.reason is None
            grow(data)
            assert "does not come in" in data.one(Witnesses).standing().witnesses[0].fault
