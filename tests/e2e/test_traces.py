"""Traces of calls: a real OTLP receiver, and one that is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.phones import Phones, noise
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, free_port
from tests.support.settings import secret
from tests.support.waiting import PATIENCE

OTLP = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="the extra otel is missing"
)
Span = Any
"""``opentelemetry.proto.trace.v1.Span``."""


class Collector:
    """Takes spans by OTLP over HTTP, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.authorization: set[str] = set()
        self.spans: list[Span] = []
        self.names: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.raw.append(body)
                collector.authorization.add(self.headers["Authorization"])
                for resource in OTLP.ExportTraceServiceRequest.FromString(body).resource_spans:
                    collector.names |= {
                        each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
                    }
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def of(self, reason: str) -> dict[str, Span]:
        """The spans of the call with this reason, by name; empty where it is not told yet."""
        for root in self.spans:
            if root.name == "invite" and values(root).get("dialgate.reason") == reason:
                return {each.name: each for each in self.spans if each.trace_id == root.trace_id}
        return {}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def values(span: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    made = RunningGate(tmp_path / "gate", announcement=0.5)
    made.add_pbx()
    yield made
    made.kill()


def talk_and_refusal(gate: RunningGate) -> None:
    with Phones(port=gate.trunk_port, audio=noise), Phones(to=gate.address, audio=noise) as near:
        through, refused = near.dial(UNLISTED), near.dial(LISTED)
        near.wait([through], "up", PATIENCE)
        gate.wait(lambda: through.packets_in > 30, PATIENCE, "nothing is heard")
        near.hang_up(through)
        near.wait([refused], "over", PATIENCE)
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "the call is left")


def test_a_call_is_a_trace_with_its_parts_and_without_numbers(gate: RunningGate) -> None:
    collector = Collector()
    secret(gate.folder / "secrets" / "otel.token", "let me in\n")
    gate.set("traces", endpoint=collector.url, service="gate-1", token_file="secrets/otel.token")
    gate.start()
    talk_and_refusal(gate)
    gate.wait(lambda: "sealing" in collector.of("not_listed"), PATIENCE, "the call is not told")
    gate.wait(lambda: collector.of("listed_tps"), PATIENCE, "the refusal is not told")
    parts = collector.of("not_listed")
    assert set(parts) == {"invite", "decision", "trunk", "announcement", "bridge", "recording", "sealing"}
    root = parts.pop("invite")
    assert {each.parent_span_id for each in parts.values()} == {root.span_id}
    for each in parts.values():
        assert root.start_time_unix_nano <= each.start_time_unix_nano <= each.end_time_unix_nano
        assert each.end_time_unix_nano <= root.end_time_unix_nano
    order = [parts[name].end_time_unix_nano for name in ("decision", "trunk", "announcement", "bridge", "sealing")]
    assert order == sorted(order)
    (call,) = gate.rows("SELECT call_id FROM calls WHERE verdict = 'allow'")
    assert values(root)["dialgate.call_id"] == call["call_id"]
    assert values(parts["trunk"]) == {"dialgate.trunk": "carrier", "dialgate.outcome": "answered"}
    assert values(parts["announcement"]) == {"dialgate.completed": True}
    assert set(collector.of("listed_tps")) == {"invite", "decision"}
    assert (collector.names, collector.authorization) == ({"gate-1"}, {"Bearer let me in"})
    whole = b"".join(collector.raw)
    assert b"2079460" not in whole and b"2079 460" not in whole
    collector.close()


def test_where_the_collector_is_away_calls_go_on_and_the_gate_stops(gate: RunningGate) -> None:
    gate.set("traces", endpoint=f"http://127.0.0.1:{free_port()}/v1/traces")
    gate.start()
    talk_and_refusal(gate)
    assert gate.stop() == 0
    assert "opentelemetry" not in gate.log.read_text() and "Traceback" not in gate.log.read_text()
    assert gate.verified()["ok"]


def test_without_traces_nothing_of_it_is_loaded(gate: RunningGate) -> None:
    gate.start()
    assert gate.process is not None
    maps = Path(f"/proc/{gate.process.pid}/maps").read_text()
    assert "opentelemetry" not in maps and "google" not in maps and "upb" not in maps
