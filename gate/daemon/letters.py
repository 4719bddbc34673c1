"""Letters wired: the firm's particulars and templates from the configuration, its mail server where it has one."""

from __future__ import annotations

from dataclasses import replace

from gate.clock import Clock
from gate.config import Config
from gate.core.letter_words import ICO, Authority, Letter, LetterFacts, LetterFirm


def firm_of(config: Config) -> LetterFirm:
    """Who writes letters and makes packs."""
    firm, letters = config.firm, config.letters
    return LetterFirm(
        legal_name=firm.legal_name,
        trading_name=firm.trading_name,
        address=firm.address,
        email=firm.contact_email,
        freephone=firm.freephone,
        signed=letters.signed,
        authority=Authority(ICO.name, ICO.address, ICO.web, letters.authority_email),
    )


class Letters:
    """Renders and sends."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock

    def render(self, facts: LetterFacts) -> Letter:
        """A letter. Raises ``GateError`` where a template is at fault."""
        from gate.exports.letters import render
        from gate.exports.spoken import spoken_number

        config = self._config
        templates = config.path(config.letters.templates) if config.letters.templates else None
        facts = replace(facts, numbers=tuple(spoken_number(number) for number in facts.numbers))
        return render(facts, firm_of(config), templates, now=self._clock.now(), sender=config.mail.sender)

    def send(self, letter: Letter) -> str:
        """Send one by mail; what the server said. Raises ``GateError`` where there is none, or it did not take it."""
        from gate.exports.mail import send

        delivery = send(letter, self._config)
        return f"{delivery.server}: {delivery.said}"
