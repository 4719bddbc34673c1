"""Counters for Prometheus; names follow its conventions (unit suffixes, ``_total``)."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from gate.core.rows.calls import UsageRow
from gate.core.rows.lists import RegisterState
from gate.core.rows.month import CampaignRate
from gate.core.terms import UNPROVEN

_DAY = 86_400
_LINE = {
    "dropped": "Datagrams dropped because the line did not keep up",
    "shed": "Calls refused because the gate was late",
    "unanswered": "Requests of strangers that were left without an answer",
    "guesses": "Wrong passwords, and passwords that were not looked at because of wrong ones before",
    "foreign": "Messages inside a call that came from an address that is not that side's",
    "stormed": "Messages that were too many of one call, left out before they were read",
    "turned_away": "SIP connections that were not taken, or closed to make room for others",
    "hung_up_on": "SIP connections closed for what was no SIP, had no end, or did not come in time",
    "passed_over": "Calls that went on to another trunk, because theirs was silent or failed",
    "sessions_refused": "INVITEs for a recording session (SIPREC) from nobody who may, or that could not be read",
    "foreign_audio": "Packets that came to a media port from somebody else than its party",
}
"""Counters of the line and the media relay: ``SipLine.counts``, ``RtpIoMedia.strangers``."""
_USAGE = {
    "calls_last_minute": "calls_a_minute",
    "calls_now": "calls_at_once",
    "seconds_today": "seconds_a_day",
}
"""Field with the use -> field with its limit."""


class Metrics:
    """The gate's metrics. Labels hold reason codes, causes and names of trunks, never numbers or names of people."""

    def __init__(self) -> None:
        # No second series for each counter and histogram, of its birth: nobody asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("dialgate_build", "Versions that run", registry=self.registry).info(
            {"version": version("dialgate"), "python": platform.python_version()}
        )

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"dialgate_{name}", words, labels, registry=self.registry)

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"dialgate_{name}", words, labels, registry=self.registry)

        self._attempts = counter("attempts", "Call attempts by verdict and reason", "verdict", "reason")
        self._decisions = counter(
            "decisions",
            "Decisions by the way in which they were asked for: phone, pbx, stranger (SIP), http",
            "way",
            "verdict",
        )
        self._register_left = gauge(
            "register_remaining_seconds",
            "For how long a register still supports marketing calls, in whole days; below 0: none",
            "register",
        )
        self.checkpoint_age = gauge(
            "checkpoint_age_seconds", "Age of the newest signed checkpoint; the log is signed while it grows"
        )
        self.unwitnessed = gauge(
            "unwitnessed_seconds",
            "For how long the log lacks signatures of its witnesses; 0: it has them, or no witness",
        )
        self.unstored = gauge(
            "recordings_unstored_seconds",
            "For how long the oldest closed recording waits for the bucket; 0: none does, or no bucket",
        )
        self.disk_free = gauge("disk_free_bytes", "Room for the data folder that is left")
        self.disk = gauge("disk_bytes", "Size of the disk of the data folder")
        self._asked = counter(
            "asked",
            "Answers to phone systems that asked by HTTP; a call that then comes is an attempt, once",
            "verdict",
            "reason",
        )
        self.asked_before = counter(
            "attempts_asked_before", "Attempts that a phone system had asked about by HTTP before it dialled"
        )
        self.calls = gauge("calls", "Calls that are not over yet")
        self.recording_sessions = gauge("recording_sessions", "Recording sessions (SIPREC) that are not over yet")
        self.recording_sessions_ended = counter(
            "recording_sessions_ended", "Recording sessions ended or refused, by cause", "cause"
        )
        self.ended = counter("calls_ended", "Calls ended, by side and cause", "by", "cause")
        self.decision_seconds = Histogram(
            "dialgate_decision_seconds",
            "From the INVITE to its durable decision",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3),
            registry=self.registry,
        )
        self.without_evidence = counter("refused_without_evidence", "Refused because no evidence could be kept")
        self.recorder_up = gauge("recorder_up", "1 while the recorder can record")
        self.evidence_behind = gauge("evidence_behind", "Groups of facts that wait for room in the store")
        self.requests_open = gauge("requests_open", "Data-subject requests that are not over")
        self.requests_overdue = gauge("requests_overdue", "Data-subject requests past their last day")
        self.breaches_due = gauge("breaches_due", "Breaches of personal data of which somebody is still to be told")
        self.retention_waits = gauge("retention_waits", "1 while the daily sweep waits for somebody to look")
        self.evidence_rolled_back = gauge(
            "evidence_rolled_back", "1 while the evidence is older than what was signed: no marketing calls"
        )
        self.clock_behind = gauge("clock_behind", "1 while the machine's clock is behind the log: no marketing calls")
        self.unsigned_seconds = gauge("unsigned_seconds", "For how long the log could not be signed; 0 when it can")
        self.called_against_refusal = gauge(
            "called_against_refusal", "Calls of the last 7 days that were made although the gate had refused them"
        )
        self.one_sided_talks = gauge(
            "one_sided_talks", "Talks of the last day that began without audio of one side or both"
        )
        self.objections_held = gauge(
            "objections_held", "Objections of the last day that callers made by key, held for review", "trunk"
        )
        self._trunk_up = gauge("trunk_up", "1 while the carrier answers OPTIONS", "trunk")
        self.connections = gauge("sip_connections", "Connections of phones and PBXs that are open")
        self._usage = gauge("usage_highest", "Largest share of its limit that an account or PBX uses", "limit")
        self._many_service = gauge("many_service_calls", "Accounts and PBXs over their share of service calls")
        self._many_listed = gauge(
            "many_listed_service_calls", "Accounts and PBXs whose service calls to listed numbers jumped"
        )
        self._abandoned = gauge(
            "abandoned_highest_percent", "Highest rate of abandoned calls that a campaign has today"
        )
        self._campaigns_over = gauge("campaigns_over_alarm", "Campaigns of today with too many abandoned calls")
        self._campaigns_stopped = gauge("campaigns_stopped", "Campaigns that are stopped, until somebody releases them")
        self._line = {name: counter(f"line_{name}", words) for name, words in _LINE.items()}
        self._line_before: dict[str, int] = {}

    def decided(self, claimed_by: str, verdict: str, reason: str) -> None:
        """An attempt to call, by SIP, was decided."""
        self._attempts.labels(verdict, reason).inc()
        way = "stranger" if claimed_by in ("", UNPROVEN) else "pbx" if claimed_by.startswith("trunk:") else "phone"
        self._decisions.labels(way, verdict).inc()

    def registers(self, rows: Sequence[RegisterState]) -> None:
        """Set the days left of each register, from ``RegisterLibrary.status``."""
        for row in rows:
            left = row.days_left if row.state == "ok" else None
            self._register_left.labels(row.name).set(_DAY * (-1 if left is None else left))

    def usage(self, rows: Sequence[UsageRow]) -> None:
        """Set the highest usage of accounts and PBXs, from the rows of ``Usage``."""
        for used, limit in _USAGE.items():
            self._usage.labels(limit).set(max((getattr(row, used) / getattr(row, limit) for row in rows), default=0.0))
        self._many_service.set(sum(row.many_service_calls for row in rows))
        self._many_listed.set(sum(row.many_listed_service_calls for row in rows))

    def campaigns(self, today: Sequence[CampaignRate], over: int, stopped: int) -> None:
        """The rates of today, and how many campaigns are ``over`` the alarm and ``stopped``."""
        self._abandoned.set(max((row.percent or 0.0 for row in today), default=0.0))
        self._campaigns_over.set(over)
        self._campaigns_stopped.set(stopped)

    def asked(self, verdict: str, reason: str) -> None:
        """A phone system that asked by HTTP was answered."""
        self._asked.labels(verdict, reason).inc()
        self._decisions.labels("http", verdict).inc()

    def trunk(self, name: str, up: bool | None) -> None:
        """Whether a carrier answers; None: nobody asks it, or it has not answered yet."""
        self._trunk_up.labels(name).set(float("nan") if up is None else up)

    def line(self, counts: Mapping[str, int]) -> None:
        """Set the line's counters since its start."""
        for name, count in counts.items():
            self._line[name].inc(max(0, count - self._line_before.get(name, 0)))
        self._line_before = dict(counts)
