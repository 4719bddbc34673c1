"""What the gate would answer: the part of the desk that a check needs, and that imports nothing of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gate.clock import Clock
from gate.config import Config
from gate.core.screening import Attempt, Decision, Purpose, Reason, Topic, decision_body
from gate.errors import UsageError
from gate.log import Logger
from gate.ports import Fact, Registers, Store
from gate.service.screener import Screener

log = Logger()

LONDON = ZoneInfo("Europe/London")

_ASKED = {"source": "ask"}
"""Origin of a decision for a phone system that dials by itself."""

Row = dict[str, Any]


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class AtTheLine:
    """What a running gate's line knows before the store does. As it stands: there is no line."""

    obstacle: Callable[[], Reason | None] = _nothing
    """What forbids every call now: the gate stops, or an objection may be among the facts that wait for room."""
    keep: Callable[[Fact], None] | None = None
    """Keeps a fact as soon as there is room."""


NO_LINE = AtTheLine()


class Deciding:
    """May this number be dialled? Asked by people, and by phone systems that dial by themselves."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        registers: Registers,
        screener: Screener,
        clock: Clock,
        new_id: Callable[[], str],
        line: AtTheLine = NO_LINE,
    ) -> None:
        self._config = config
        self._store = store
        self._registers = registers
        self._screener = screener
        self._clock = clock
        self._new_id = new_id
        self._line = line

    def check(
        self, *, number: str, purpose: str = "marketing", topic: str = "general", at: datetime | None = None, actor: str
    ) -> Row:
        """What the gate would answer (at a time, now where None); nothing is kept."""
        now = at.astimezone(UTC) if at else self._clock.now()
        self._screener.prepare()
        attempt = self._attempt(number, purpose, topic, "", actor)
        decision: Decision = self._store.call(lambda tx: self._screener.check(tx, attempt, now))
        return self._answer(decision, now)

    def decide(
        self,
        *,
        number: str,
        purpose: str = "marketing",
        topic: str = "general",
        account: str = "",
        refused_claim: bool = False,
        actor: str,
    ) -> Row:
        """The answer for a phone system that dials by itself, kept with its leaf before it is given.

        ``refused_claim``: what it says that the call is for is not its to say; then the strictest is presumed, and the
        call is refused as a claim on the line is.
        """
        now = self._clock.now()
        if refused_claim:
            purpose, topic = Purpose.MARKETING, Topic.GENERAL
        attempt = self._attempt(number, purpose, topic, account, actor)
        call_id = self._new_id()
        if (help_needed := self._screener.emergency(attempt)) is not None:
            self._help(help_needed, attempt, call_id)
            return self._answer(help_needed, now) | {"decision_id": call_id}
        claim = Reason.CLAIM_REFUSED if refused_claim else None
        decision = self._durable(attempt, now, call_id, self._line.obstacle() or claim)
        if decision.allowed and (obstacle := self._line.obstacle()):
            # It was made without what the line still has to tell: another leaf takes it back.
            call_id = self._new_id()
            decision = self._durable(attempt, now, call_id, obstacle)
        return self._answer(decision, now) | {"decision_id": call_id}

    def _durable(self, attempt: Attempt, now: datetime, call_id: str, obstacle: Reason | None) -> Decision:
        decision: Decision = self._store.call(
            lambda tx: self._screener.decide(tx, attempt, now, call_id=call_id, origin=_ASKED, obstacle=obstacle)
        )
        return decision

    def _help(self, decision: Decision, attempt: Attempt, call_id: str) -> None:
        """LAW 3.5: an emergency number waits for no evidence: it is kept when there is room. Without a line to wait for
        that, what cannot be kept is told in the gate's own log."""
        body = decision_body(decision, attempt) | _ASKED
        fact = Fact(kind="decision", subject=call_id, at=self._clock.now(), actor=attempt.claimed_by, body=body)
        if self._line.keep is not None:
            self._line.keep(fact)
            return

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
