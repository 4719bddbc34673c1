"""Days, times and numbers as they are written for people in the UK."""

from __future__ import annotations

from datetime import date, datetime

from gate.core.grouping import grouped
from gate.core.showing import LONDON


def spoken_time(at: datetime) -> str:
    """``Tuesday 3 March 2026, 10:00:05``, in London."""
    local = at.astimezone(LONDON)
    return f"{local:%A} {spoken_day(local.date())}, {local:%H:%M:%S}"


def spoken_day(day: date) -> str:
    """``3 March 2026``."""
    return f"{day.day} {day:%B %Y}"


def spoken_number(number: str) -> str:
    """``020 7946 0123`` for an E.164 number of the UK; another country's in its international form, and what is no
    number as it is."""
    if number.startswith("+44"):
        return grouped(number)
    import phonenumbers  # not at the top: its tables take long to load

    try:
        parsed = phonenumbers.parse(number, "GB")
    except phonenumbers.NumberParseException:
        return number
    form = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, form.NATIONAL if parsed.country_code == 44 else form.INTERNATIONAL)
