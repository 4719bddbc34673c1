"""Counters for Prometheus; names follow its conventions (unit suffixes, ``_total``)."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from gate.core.terms import UNPROVEN

_LINE = {
    "dropped": "Datagrams dropped because the line did not keep up",
    "shed": "Calls refused because the gate was late",
    "unanswered": "Requests of strangers that were left without an answer",
    "guesses": "Wrong passwords, and passwords that were not looked at because of wrong ones before",
    "foreign": "Messages inside a call that came from an address that is not that side's",
    "turned_away": "SIP connections that were not taken, or closed to make room for others",
    "hung_up_on": "SIP connections closed for what was no SIP, had no end, or did not come in time",
    "passed_over": "Calls that went on to another trunk, because theirs was silent or failed",
    "sessions_refused": "INVITEs for a recording session (SIPREC) from nobody who may, or that could not be read",
    "foreign_audio": "Packets that came to a media port from somebody else than its party",
}
"""What the line and the media relay count: ``SipLine.counts``, ``RtpIoMedia.strangers``."""
_USAGE = {
    "calls_last_minute": "calls_a_minute",
    "calls_now": "calls_at_once",
    "seconds_today": "seconds_a_day",
}
"""What is used, and of what."""


class Metrics:
    """What the gate counts. Labels hold reason codes, causes and names of trunks, never numbers or names of people."""

    def __init__(self) -> None:
        # No second series for each counter and histogram, of its birth: nobody asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("dialgate_build", "Versions that run", registry=self.registry).info(
            {"version": version("dialgate"), "python": platform.python_version()}
        )
        self._attempts = Counter(
            "dialgate_attempts", "Call attempts by verdict and reason", ["verdict", "reason"], registry=self.registry
        )
        self._decisions = Counter(
            "dialgate_decisions",
            "Decisions by the way in which they were asked for: phone, pbx, stranger (SIP), http",
            ["way", "verdict"],
            registry=self.registry,
        )
        self._register_days = Gauge(
            "dialgate_register_days_left",
            "Days for which a register still supports marketing calls; below 0: none",
            ["register"],
            registry=self.registry,
        )
        self.checkpoint_age = Gauge(
            "dialgate_checkpoint_age_seconds",
            "Age of the newest signed checkpoint; the log is signed while it grows",
            registry=self.registry,
        )
        self.disk_free = Gauge(
            "dialgate_disk_free_bytes", "Room for the data folder that is left", registry=self.registry
        )
        self.disk = Gauge("dialgate_disk_bytes", "Size of the disk of the data folder", registry=self.registry)
        self._asked = Counter(
            "dialgate_asked",
            "Answers to phone systems that asked by HTTP; a call that then comes is an attempt, once",
            ["verdict", "reason"],
            registry=self.registry,
        )
        self.asked_before = Counter(
            "dialgate_attempts_asked_before", "Attempts that a phone system had asked about by HTTP before it dialled",
            registry=self.registry,
        )  # fmt: skip
        self.calls = Gauge("dialgate_calls", "Calls that are not over yet", registry=self.registry)
        self.recording_sessions = Gauge(
            "dialgate_recording_sessions", "Recording sessions (SIPREC) that are not over yet", registry=self.registry
        )
        self.recording_sessions_ended = Counter(
            "dialgate_recording_sessions_ended", "Recording sessions ended or refused, by cause", ["cause"],
            registry=self.registry,
        )  # fmt: skip
        self.ended = Counter(
            "dialgate_calls_ended", "Calls ended, by side and cause", ["by", "cause"], registry=self.registry
        )
        self.decision_seconds = Histogram(
            "dialgate_decision_seconds",
            "From the INVITE to its durable decision",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3),
            registry=self.registry,
        )
        self.without_evidence = Counter(
            "dialgate_refused_without_evidence", "Refused because no evidence could be kept", registry=self.registry
        )
        self.recorder_up = Gauge("dialgate_recorder_up", "1 while the recorder can record", registry=self.registry)
        self.evidence_behind = Gauge(
            "dialgate_evidence_behind", "Groups of facts that wait for room in the store", registry=self.registry
        )
        self.requests_open = Gauge(
            "dialgate_requests_open", "Data-subject requests that are not over", registry=self.registry
        )
        self.requests_overdue = Gauge(
            "dialgate_requests_overdue", "Data-subject requests past their last day", registry=self.registry
        )
        self.retention_waits = Gauge(
            "dialgate_retention_waits", "1 while the daily sweep waits for somebody to look", registry=self.registry
        )
        self.evidence_rolled_back = Gauge(
            "dialgate_evidence_rolled_back",
            "1 while the evidence is older than what was signed: no marketing calls",
            registry=self.registry,
        )
        self.clock_behind = Gauge(
            "dialgate_clock_behind",
            "1 while the machine's clock is behind the log: no marketing calls",
            registry=self.registry,
        )
        self.unsigned_seconds = Gauge(
            "dialgate_unsigned_seconds",
            "For how long the log could not be signed; 0 when it can",
            registry=self.registry,
        )
        self._trunk_up = Gauge(
            "dialgate_trunk_up", "1 while the carrier answers OPTIONS", ["trunk"], registry=self.registry
        )
        self.connections = Gauge(
            "dialgate_sip_connections", "Connections of phones and PBXs that are open", registry=self.registry
        )
        self._usage = Gauge(
            "dialgate_usage_highest", "Largest share of its limit that an account or PBX uses", ["limit"],
            registry=self.registry,
        )  # fmt: skip
        self._many_service = Gauge(
            "dialgate_many_service_calls", "Accounts and PBXs over their share of service calls", registry=self.registry
        )
        self._many_listed = Gauge(
            "dialgate_many_listed_service_calls", "Accounts and PBXs whose service calls to listed numbers jumped",
            registry=self.registry,
        )  # fmt: skip
        self._line = {
            name: Counter(f"dialgate_line_{name}", words, registry=self.registry) for name, words in _LINE.items()
        }
        self._line_before: dict[str, int] = {}

    def decided(self, claimed_by: str, verdict: str, reason: str) -> None:
        """An attempt to call, by SIP, was decided."""
        self._attempts.labels(verdict, reason).inc()
        way = "stranger" if claimed_by in ("", UNPROVEN) else "pbx" if claimed_by.startswith("trunk:") else "phone"
        self._decisions.labels(way, verdict).inc()

    def registers(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """What is left of each register: rows of ``RegisterLibrary.status``."""
        for row in rows:
            left = row["days_left"] if row["state"] == "ok" else None
            self._register_days.labels(row["name"]).set(-1 if left is None else left)

    def usage(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """What accounts and PBXs use of what they may: rows of ``Usage``."""
        for used, limit in _USAGE.items():
            self._usage.labels(limit).set(max((row[used] / row[limit] for row in rows), default=0.0))
        self._many_service.set(sum(row["many_service_calls"] for row in rows))
        self._many_listed.set(sum(row["many_listed_service_calls"] for row in rows))

    def asked(self, verdict: str, reason: str) -> None:
        """A phone system that asked by HTTP was answered."""
        self._asked.labels(verdict, reason).inc()
        self._decisions.labels("http", verdict).inc()

    def trunk(self, name: str, up: bool | None) -> None:
        """Whether a carrier answers; None: nobody asks it, or it has not answered yet."""
        self._trunk_up.labels(name).set(float("nan") if up is None else up)

    def line(self, counts: Mapping[str, int]) -> None:
        """What the line has counted since its start."""
        for name, count in counts.items():
            self._line[name].inc(max(0, count - self._line_before.get(name, 0)))
        self._line_before = dict(counts)
