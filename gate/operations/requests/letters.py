"""Letters wired: the firm's particulars and templates from the configuration, its mail server where it has one."""

from __future__ import annotations

from dataclasses import replace

from gate.clock import Clock
from gate.config import Config
from gate.core.letter_words import Letter, LetterFacts
from gate.exports.letters import firm_of as firm_of
from gate.exports.letters import render, templates_of
from gate.exports.mail import send, sender_of
from gate.exports.spoken import spoken_number


class Letters:
    """Renders and sends."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock

    def render(self, facts: LetterFacts) -> Letter:
        """A letter. Raises ``GateError`` where a template is at fault."""
        config = self._config
        facts = replace(facts, numbers=tuple(spoken_number(number) for number in facts.numbers))
        return render(facts, firm_of(config), templates_of(config), now=self._clock.now(), sender=sender_of(config))

    def send(self, letter: Letter) -> str:
        """Send one by mail; what the server said. Raises ``GateError`` where there is none, or it did not take it."""
        delivery = send(letter, self._config)
        return f"{delivery.server}: {delivery.said}"
