"""Writes ``gate/core/holiday_table.py`` from the ``holidays`` library: ``python -m tests.core.make_holiday_table``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import holidays

from gate.core.hours import SUBDIVISIONS

YEARS = range(2020, 2046)
TARGET = Path(__file__).parents[2] / "gate" / "core" / "holiday_table.py"
HEAD = '''"""Public holidays of the UK by year, from ``holidays`` {version}: no check and no gate need load it.

Made by ``python -m tests.core.make_holiday_table``; a test compares every year with the library as it is installed.
"""

from __future__ import annotations

from typing import Final

TABLE: Final = {{
{rows}
}}
"""Year -> its days, ``MMDD`` with blanks between: the union of England, Wales, Scotland and Northern Ireland, observed
days included (LAW 3.3)."""

ENGLAND: Final = {{
{england}
}}
"""The same of England alone: what counts for the deadlines of requests (LAW 4.1)."""
'''


def days(year: int, parts: Sequence[str] = SUBDIVISIONS) -> str:
    """The row of a year, as the library has it."""
    found = {day for part in parts for day in holidays.country_holidays("GB", subdiv=part, years=year)}
    return " ".join(f"{day:%m%d}" for day in sorted(found))


def text() -> str:
    """The whole module."""
    rows, england = (
        "\n".join(f'    {year}: "{days(year, parts)}",' for year in YEARS) for parts in (SUBDIVISIONS, ("ENG",))
    )
    return HEAD.format(version=holidays.__version__, rows=rows, england=england)


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
