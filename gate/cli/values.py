"""Times, dates and coverage as they are typed on the command line."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

LONDON = ZoneInfo("Europe/London")


class Moment(click.ParamType[datetime]):
    """A time: ``2026-03-02 10:00`` (in London), or ISO 8601 with an offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f'"{value}" is not a time; write "2026-03-02 10:00" (London) or 2026-03-02T10:00:00Z', param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=LONDON)


class Day(click.ParamType[date]):
    """A date: ``2026-03-02``."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f'"{value}" is not a date; write 2026-03-02', param, ctx)


class Coverage(click.ParamType[list[str]]):
    """``full``, or dialling prefixes with commas: ``0161,020``."""

    name = "coverage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        if value == "full":
            return []
        prefixes = [prefix.strip() for prefix in value.split(",")]
        for prefix in prefixes:
            if not (prefix.isascii() and prefix.isdigit() and prefix.startswith("0") and 2 <= len(prefix) <= 11):
                self.fail(f'"{prefix}" is not a dialling prefix; write full, or prefixes like 0161,020', param, ctx)
        return prefixes


def target(value: str) -> dict[str, Any]:
    """What a command takes away: ``{"number": …}`` where it looks like a telephone number, else ``{"id": …}``.

    Ids are hexadecimal or UUIDs: a text of digits and the signs that numbers are written with is a number.
    """
    written = value.removeprefix("tel:").replace(" ", "")
    is_number = all(sign in "+-.()0123456789" for sign in written) and written[:1] in ("+", "0", "(", "4")
    return {"number": value} if is_number and len(written) <= 20 else {"id": value}
