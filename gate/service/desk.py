"""What people ask for: checks, lists, calls, recordings, keys, proof.

Every method is blocking and thread-safe, takes plain values and the ``actor`` who asks, and returns values that JSON
can carry. The control interface and the command line call these methods by their names.
"""

from __future__ import annotations

from datetime import UTC, datetime

from gate.core.screening import Attempt, Decision, Purpose, Topic, decision_body
from gate.errors import UsageError
from gate.log import Logger
from gate.service.bulk_lists import BulkLists
from gate.service.contact_desk import ContactDesk
from gate.service.desk_base import LONDON
from gate.service.exporting import Exporting
from gate.service.holding import Holding
from gate.service.keys import KeyDesk
from gate.service.lists import Lists
from gate.service.looking import Looking
from gate.service.reads import Row
from gate.service.records import Records
from gate.service.reporting import Reporting
from gate.service.request_desk import RequestDesk

log = Logger()

_ASKED = {"source": "ask"}
"""Origin of a decision for a phone system that dials by itself."""


class Desk(Lists, BulkLists, ContactDesk, Records, Holding, KeyDesk, Looking, Reporting, Exporting, RequestDesk):
    """The use cases of admins, compliance officers and auditors."""

    def check(
        self, *, number: str, purpose: str = "marketing", topic: str = "general", at: datetime | None = None, actor: str
    ) -> Row:
        """What the gate would answer (at a time, now where None); nothing is kept."""
        now = at.astimezone(UTC) if at else self._clock.now()
        attempt = self._attempt(number, purpose, topic, "", actor)
        decision: Decision = self._store.call(lambda tx: self._screener.check(tx, attempt, now))
        return self._answer(decision, now)

    def decide(
        self, *, number: str, purpose: str = "marketing", topic: str = "general", account: str = "", actor: str
    ) -> Row:
        """The answer for a phone system that dials by itself, kept with its leaf before it is given."""
        now = self._clock.now()
        attempt = self._attempt(number, purpose, topic, account, actor)
        call_id = self._new_id()
        if (help_needed := self._screener.emergency(attempt)) is not None:
            self._help(help_needed, attempt, call_id)
            return self._answer(help_needed, now) | {"decision_id": call_id}
        decision: Decision = self._store.call(
            lambda tx: self._screener.decide(tx, attempt, now, call_id=call_id, origin=_ASKED)
        )
        return self._answer(decision, now) | {"decision_id": call_id}

    def _help(self, decision: Decision, attempt: Attempt, call_id: str) -> None:
        """LAW 3.5: an emergency number waits for no evidence; what cannot be kept is told in the gate's own log."""
        body = decision_body(decision, attempt) | _ASKED
        fact = self._fact("decision", attempt.claimed_by, body, call_id)

        def kept(_index: object, error: Exception | None) -> None:
            if error is not None:
                log.error("emergency_not_kept", decision=call_id, error=str(error))

        self._store.submit(lambda tx: tx.append(fact), kept)

    def _attempt(self, number: str, purpose: str, topic: str, account: str, actor: str) -> Attempt:
        presentation = self._config.firm.numbers[0]
        claimed_by = actor
        if account:
            known = {each.username: (each.presentation, f"account:{each.username}") for each in self._config.account}
            known |= {each.name: (each.presentation, f"trunk:{each.name}") for each in self._config.pbx}
            if account not in known:
                raise UsageError(
                    f"there is no account or PBX {account!r}", hint=f"known: {', '.join(sorted(known)) or 'none'}"
                )
            presentation, claimed_by = known[account]
        try:
            parsed_purpose, parsed_topic = Purpose(purpose), Topic(topic)
        except ValueError as error:
            raise UsageError(str(error), hint=f"Purposes: {', '.join(Purpose)}. Topics: {', '.join(Topic)}.") from error
        return Attempt(number, parsed_purpose, parsed_topic, presentation, False, claimed_by, "request")

    def _answer(self, decision: Decision, now: datetime) -> Row:
        today = now.astimezone(LONDON).date()
        days = {row["name"]: row["days_left"] for row in self._registers.status(today)}
        return {
            "number": decision.number,
            "verdict": decision.verdict.value,
            "reason": decision.reason.value,
            "explanation": decision.explanation,
            "registers": [
                {
                    "name": view.name,
                    "state": view.state,
                    "as_of": view.as_of.isoformat() if view.as_of else None,
                    "days_left": days.get(view.name),
                    "sha256": view.sha256,
                    "covered": view.covered,
                }
                for view in decision.registers
            ],
            "consent_id": decision.consent_id,
            "objection_id": decision.objection_id,
        }

    def status(self, *, actor: str) -> Row:
        """The gate at a glance: calls in hand, attempts of the last hour by reason, registers."""
        now = self._clock.now()
        registers = self._registers.status(now.astimezone(LONDON).date())
        since = datetime.fromtimestamp(now.timestamp() - 3600, UTC)
        return {
            "ok": all(row["state"] == "ok" and row["days_left"] >= 0 for row in registers),
            "at": now.isoformat(),
            "calls": self._offers.live(),
            "last_hour": self._store.call(lambda tx: self._reads.counts_by_reason(tx, since)),
            "registers": registers,
            "requests": self._store.call(self._requests_now),
            "warnings": self._key_warnings(),
        }
