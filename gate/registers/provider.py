"""Asks a provider by HTTPS whether numbers are on the registers, for a firm that has no licence for their files.

The configuration says how: where it is asked, what the request looks like, and where in the answer the rest stands
(``gate.config.Provider``). What comes is taken whole or not at all. Every number that was asked is answered once, and
no other; what is no plain yes or no, is older than the law lets it be or of a day to come, is an error. Redirects are
not followed, and the whole of an answer has to come in ``SECONDS``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gate.core.days import LONDON, london_day
from gate.core.numbers import NumberRefused, parse
from gate.core.rules import MAX_AGE_DAYS
from gate.core.terms import many
from gate.errors import RegisterError, RegisterFailed
from gate.outgoing import NoAnswer, request
from gate.registers.snapshot import Asked

if TYPE_CHECKING:
    from pathlib import Path

    from gate.config import Provider

SECONDS: Final = 60.0
"""Time limit of one request, from the first byte out to the last byte in."""
MOST: Final = 250_000
"""Numbers of one run."""
_BYTES: Final = 4096
"""Longest answer: so many bytes for each number asked, and as many besides."""
_AHEAD: Final = timedelta(minutes=5)
"""A provider's clock may be ahead by this."""
NUMBERS: Final = "{numbers}"
NUMBER: Final = "{number}"


class Answers(NamedTuple):
    """A provider's answers about some numbers."""

    listed: Mapping[str, frozenset[int]]
    """Register -> those of the numbers that are on it, as integers of their E.164 digits."""
    asked: Asked


def ask(
    provider: Provider,
    token: str,
    base: Path,
    numbers: Sequence[str],
    registers: Sequence[str],
    now: Callable[[], datetime],
    tell: Callable[[float, str], None],
) -> Answers:
    """Ask the provider about these numbers (E.164, each once).

    ``base``: of the configuration's files. ``now``: asked once for each request. Raises ``RegisterError`` where any of
    them is not answered as it has to be (``RegisterFailed`` where trying again may help).
    """
    if len(numbers) > MOST:
        raise RegisterError(f"{many(len(numbers), 'number', 'is')} too many at once", hint=f"ask for {MOST:,} at most")
    listed: dict[str, set[int]] = {name: set() for name in registers}
    references, digests, days, times = [], [], [], []
    for start in range(0, len(numbers), provider.at_once):
        tell(start / len(numbers), f"asking {provider.name}")
        part, at = numbers[start : start + provider.at_once], now()
        body = _posted(provider, token, base, part)
        try:
            answer = json.loads(body, object_pairs_hook=_once)
            for number, row in _rows(provider, answer, part):
                days.append(_day(provider, row, answer, at))
                for name in registers:
                    if _yes(row, _place(provider, name)):
                        listed[name].add(int(number[1:]))
            references.append(_text(answer, provider.reference) if provider.reference else "")
        except (_Odd, ValueError, RecursionError) as error:
            raise RegisterError(
                f"the answer of {provider.name} is not taken: {error}",
                hint="see [provider] in the configuration; no answer of this run is used",
            ) from None
        digests.append(hashlib.sha256(body).hexdigest())
        times.append(at)
    keys = tuple(sorted(int(each[1:]) for each in numbers))
    of = Asked(provider.name, tuple(references), min(times).astimezone(UTC), min(days), tuple(digests), keys)
    return Answers({name: frozenset(found) for name, found in listed.items()}, of)


# --- what the answer says -------------------------------------------------------------------------------------------


class _Odd(Exception):
    """Why an answer is not taken. No number stands in it."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that is there twice could say yes and no."""
    if len(found := dict(pairs)) != len(pairs):
        raise _Odd("a key is there twice")
    return found


def _at(value: Any, path: str) -> Any:
    """What stands at ``results.0.tps``; all of it where the path is empty."""
    for part in path.split(".") if path else ():
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise _Odd(f'it has no "{path}"')
    return value


def _place(provider: Provider, register: str) -> str:
    return {"tps": provider.tps, "ctps": provider.ctps}[register]


def _yes(row: Any, path: str) -> bool:
    said = _at(row, path)
    if not isinstance(said, bool):
        raise _Odd(f'"{path}" is neither true nor false')
    return said


def _text(value: Any, path: str) -> str:
    said = _at(value, path)
    if not isinstance(said, str | int) or isinstance(said, bool) or not 0 < len(str(said)) <= 200:
        raise _Odd(f'"{path}" is no text of 1 to 200 characters')
    return str(said)


def _time(value: Any, path: str) -> datetime:
    """A day, or a time; in London where it names no zone."""
    try:
        found = datetime.fromisoformat(_text(value, path))
        return found if found.tzinfo else found.replace(tzinfo=LONDON)
    except ValueError:
        raise _Odd(f'"{path}" is no day and no time') from None


def _rows(provider: Provider, answer: Any, asked: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Each number that was asked, with the part of the answer that speaks of it."""
    rows = _at(answer, provider.answers)
    if provider.at_once == 1 and not isinstance(rows, list):
        rows = [rows]
    if not isinstance(rows, list) or len(rows) != len(asked):
        count = len(rows) if isinstance(rows, list) else "no list of"
        raise _Odd(f"{many(len(asked), 'number', 'was')} asked, and it has {count} answers")
    left = set(asked)
    for row in rows:
        try:
            number = parse(_text(row, provider.number)).e164
        except NumberRefused:
            raise _Odd("it speaks of what is no number") from None
        if number not in left:
            raise _Odd("it speaks of a number that was not asked, or twice of one")
        left.discard(number)
        yield number, row


def _day(provider: Provider, row: Any, answer: Any, at: datetime) -> date:
    """The day of the register that it rests on: that of the list or of the check, the earlier one; else today's."""
    days = [london_day(at.isoformat())]
    if provider.checked_at:
        checked = _time(row, provider.checked_at)
        if checked > at + _AHEAD:
            raise _Odd(f"it was checked in the future, {checked}")
        days.append(checked.astimezone(LONDON).date())
    if provider.as_of:
        days.append(_time(answer, provider.as_of).astimezone(LONDON).date())
    if max(days) > days[0]:
        raise _Odd(f"it is of a day to come, {max(days)}")
    if (days[0] - min(days)).days > MAX_AGE_DAYS:
        raise _Odd(f"it is of {min(days)}, and supports no call after {MAX_AGE_DAYS} days")
    return min(days)


# --- HTTP -----------------------------------------------------------------------------------------------------------


def _filled(template: Any, numbers: Sequence[str]) -> Any:
    """The request's body, numbers put where the template has their place."""
    if isinstance(template, dict):
        return {key: _filled(value, numbers) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, numbers) for value in template]
    return (
        {NUMBERS: list(numbers), NUMBER: numbers[0]}.get(template, template) if isinstance(template, str) else template
    )


def _posted(provider: Provider, token: str, base: Path, numbers: Sequence[str]) -> bytes:
    """The bytes of the answer with status 200. Raises ``RegisterFailed``."""
    spelled = [f"0{each[3:]}" if provider.spelling == "national" else each for each in numbers]
    body = json.dumps(_filled(json.loads(provider.body), spelled)).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json", **provider.headers}
    headers["Authorization"] = provider.authorization.replace("{token}", token)
    most = _BYTES * (len(numbers) + 1)
    ca_file = str(base / provider.ca_file) if provider.ca_file else None
    try:
        answer = request("POST", provider.url, body, headers, seconds=SECONDS, most=most, ca_file=ca_file)
    except NoAnswer as error:
        raise _failed(provider, str(error)) from None
    if answer.status != 200:
        raise _failed(provider, f"it answers {answer.status} {answer.reason}"[:200])
    if not answer.whole:
        raise _failed(provider, f"its answer is longer than {most:,} bytes")
    return answer.body


def _failed(provider: Provider, why: str) -> RegisterFailed:
    return RegisterFailed(
        f"the provider {provider.name} did not answer: {why}", hint="no answer of this run is used; try again"
    )
