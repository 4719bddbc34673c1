"""Times, dates and coverage as they are typed on the command line."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

import click

from gate.clock import SystemClock, today
from gate.core.days import HOW, HOW_WITH_TIME, day_of, moment_of
from gate.core.showing import LONDON
from gate.errors import RegisterError, UsageError
from gate.operations.lists.entries import time_of
from gate.registers.coverage import parse_coverage


class Moment(click.ParamType[datetime]):
    """A time: ``2026-03-02 10:00`` or ``02/03/2026 10:00`` (in London), or ISO 8601 with an offset."""

    name = "time"

    def __init__(self, *, ahead: bool = False) -> None:
        """``ahead``: a day without a year is the next such day, and not the last."""
        self._ahead = ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            with suppress(ValueError):
                return moment_of(value, today(), ahead=self._ahead)
            self.fail(f'"{value}" is not a time (London): {HOW_WITH_TIME}', param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=LONDON)


class Said(Moment):
    """A time at which somebody said no: as ``Moment``, but a bare day is its end (today: now). Of what is said on one
    day, the one that forbids the call stands."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        now = SystemClock().now()
        with suppress(TypeError, ValueError):
            return time_of(value, now, end=True)
        try:
            return time_of(day_of(value, now.astimezone(LONDON).date()).isoformat(), now, end=True)
        except (AttributeError, TypeError, ValueError):
            return super().convert(value, param, ctx)


class Since(Moment):
    """A time in the past: as ``Moment``, or ``today`` and ``yesterday`` (from 00:00 in London)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        if value in ("today", "yesterday"):
            day = today() - timedelta(days=value == "yesterday")
            return datetime.combine(day, time(), LONDON)
        return super().convert(value, param, ctx)


class Day(click.ParamType[date]):
    """A date: ``2026-03-02``, ``02/03/2026``, ``2 Mar``."""

    name = "date"

    def __init__(self, *, ahead: bool = False) -> None:
        """``ahead``: a day without a year is the next such day, and not the last."""
        self._ahead = ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date; raises ``click.BadParameter``."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            with suppress(ValueError):
                return day_of(value, today(), ahead=self._ahead)
            self.fail(f'"{value}" is not a date: {HOW}', param, ctx)


class Coverage(click.ParamType[str]):
    """``full``, or dialling codes with commas: ``0161,020``."""

    name = "coverage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The codes without spaces; raises ``click.BadParameter``."""
        try:
            return ",".join(parse_coverage(str(value)))
        except RegisterError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


def delimiter_of(text: str) -> str:
    """The delimiter that was typed: one character, ``tab``, or empty; raises ``UsageError``."""
    if text in ("tab", "\\t"):
        return "\t"
    if len(text) > 1 or text in ('"', "\n", "\r"):
        raise UsageError(f'"{text}" is not a delimiter', hint="give one character, or tab")
    return text
