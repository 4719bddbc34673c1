"""Traces of calls by OpenTelemetry, sent by OTLP over HTTP: the extra ``otel``, loaded where ``[traces]`` asks for it.

A call is reported once, when it is over: a span for the whole of it, and under it the decision, each trunk that was
tried, the announcement, the talk, the recording and its sealing. A thread of its own makes the spans, and the SDK's
sends them. Where either does not keep up, or the collector is away, spans are lost, and no call waits. No number is in
them.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, set_span_in_context

if TYPE_CHECKING:
    from gate.calls.call_session import CallSession
    from gate.config import Traces as Section

WAITING: Final = 1000
"""Calls whose spans are still to be made; beyond it they are lost."""
SECONDS: Final = 5.0
"""How long the collector may take, and the last spans at the end."""


class Part(NamedTuple):
    """What a span is made of."""

    name: str
    start: datetime
    end: datetime
    values: Mapping[str, str | int | float | bool]


class Traces:
    """``over`` on the line thread, ``close`` on any."""

    def __init__(self, section: Section, token: str, version: str) -> None:
        """``token``: what the collector asks for; empty: nothing."""
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a collector that is away fills no journal
        headers = {"Authorization": f"Bearer {token}"} if token else None
        exporter = OTLPSpanExporter(endpoint=section.endpoint, headers=headers, timeout=SECONDS)
        resource = Resource({"service.name": section.service, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
        self._tracer = self._provider.get_tracer("dialgate", version)
        self._waiting: queue.Queue[list[Part] | None] = queue.Queue(WAITING)
        self.lost = 0
        threading.Thread(target=self._run, name="traces", daemon=True).start()

    def over(self, session: CallSession, now: datetime) -> None:
        """A call is over."""
        try:
            self._waiting.put_nowait(list(parts(session, now)))
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """What waits is sent, where that is soon done."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        ending = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        ending.start()
        ending.join(SECONDS)

    def _run(self) -> None:
        while (found := self._waiting.get()) is not None:
            whole, *rest = found
            kind = SpanKind.SERVER
            root = self._tracer.start_span(
                whole.name, kind=kind, attributes=whole.values, start_time=_nanos(whole.start)
            )
            within = set_span_in_context(root)
            for each in rest:
                span = self._tracer.start_span(each.name, within, attributes=each.values, start_time=_nanos(each.start))
                span.end(_nanos(each.end))
            root.end(_nanos(whole.end))


def _nanos(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


def parts(session: CallSession, now: datetime) -> Iterator[Part]:
    """The spans of a call, the whole first."""
    ended, decision, call = session.ended_at or now, session.decision, session.call
    values: dict[str, str | int | float | bool] = {"dialgate.call_id": session.id, "dialgate.by": session.actor}
    if decision is not None:
        values |= {"dialgate.verdict": decision.verdict.value, "dialgate.reason": decision.reason.value}
    values |= {"dialgate.ended_by": call.ended_by, "dialgate.cause": call.cause, "dialgate.code": call.code}
    yield Part("invite", session.asked_at, max(now, ended), values)
    if (decided := session.decided_at) is not None:
        yield Part("decision", session.asked_at, decided, {})
        yield from _trunks(session, decided, session.answered_at or ended)
    if session.announced_from is not None:
        heard = {"dialgate.completed": call.announced}
        yield Part("announcement", session.announced_from, session.announced_to or ended, heard)
    if session.connected_at is not None:
        yield Part(
            "bridge", session.connected_at, ended, {"dialgate.seconds": session.talked(0.0) if session.parted else 0.0}
        )
        if session.recording_noted:
            of = {"dialgate.recording_id": session.recording_id}
            yield Part("recording", session.connected_at, ended, of)
            yield Part("sealing", ended, max(now, ended), of | {"dialgate.sealed": session.not_closed is None})


def _trunks(session: CallSession, start: datetime, end: datetime) -> Iterator[Part]:
    """Each trunk that was tried, to the next one or the answer."""
    if session.decision is None or not session.decision.allowed:
        return
    name = ""
    for at, following, after in session.tried:
        yield Part("trunk", start, at, _attributes(name, after))
        start, name = at, following
    yield Part(
        "trunk",
        start,
        max(start, end),
        _attributes(session.trunk or name, "answered" if session.answered_at else session.call.cause),
    )


def _attributes(trunk: str, outcome: str) -> dict[str, str]:
    return ({"dialgate.trunk": trunk} if trunk else {}) | {"dialgate.outcome": outcome}
