"""The screening rules that a configuration sets."""

from __future__ import annotations

from datetime import timedelta

from gate.config import Config
from gate.config.schema import ATTEMPTS
from gate.core.days import LONDON
from gate.core.hours import Hours
from gate.core.rules import AttemptLimits, Rules
from gate.errors import ConfigError


def rules_of(config: Config) -> Rules:
    """The screening rules that a configuration sets."""
    calling = config.calling
    try:
        return Rules(
            own_numbers=frozenset(config.firm.numbers),
            hours=Hours.parse(
                calling.weekdays,
                calling.saturday,
                calling.sunday,
                calling.closed_dates,
                always=calling.hours == "always",
            ),
            timezone=LONDON,
            registers=calling.registers,
            consent_months=config.consent.months,
            pensions_authorised=bool(config.firm.pensions_authorisation.strip()),
            redial=timedelta(hours=calling.redial_hours),
            attempts=AttemptLimits(*(getattr(calling, name) for name in ATTEMPTS)),
            test_number=calling.test_number,
            live=calling.live,
            emergency_numbers=frozenset(config.emergency.numbers if config.emergency.trunk else ()),
            block=frozenset(calling.block),
            objection_stops_service=calling.objection_stops_service,
        )
    except ValueError as error:
        raise ConfigError(str(error), hint="see the sections [firm] and [calling]") from error
