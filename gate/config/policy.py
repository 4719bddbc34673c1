"""The firm's policy: when it was last reviewed, and what is set beyond it.

The defaults of the configuration are the policy's values. What a firm sets more loosely stands, and is told for as long
as it stands; ``retention.months`` alone is a fault (``gate.config.rules``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from ipaddress import ip_address
from typing import Final

from gate.config.office import Requests
from gate.config.schema import (
    ATTEMPTS,
    Announcement,
    Calling,
    Config,
    Consents,
    Firm,
    Instigator,
    Retention,
    announcement_for,
)
from gate.core.abandoned import message_lacks
from gate.core.retention import MONTHS

CLOCK_BEGINS: Final = date(2026, 11, 26)
"""A machine's clock that shows a day before this one is wrong itself: it says nothing about the date of a review."""
_TERMS: Final = (
    *("calls_months", "refused_months", "requests_months", "lists_months", "contacts_months"),
    *("copy_days", "backup_days"),
)


def review_fault(reviewed: str, today: date | None) -> str:
    """What is wrong with the date of a review, ``YYYY-MM-DD``; empty where nothing is, or nobody says what day it is.
    Nobody has reviewed anything tomorrow."""
    if today is None or today < CLOCK_BEGINS or date.fromisoformat(reviewed) <= today:
        return ""
    return f"{reviewed} lies in the future: write the day on which the policy was last reviewed (today is {today})"


def review_due(config: Config, today: date) -> str:
    """A reminder where the calling policy was last reviewed a year ago or longer (or in the future); else empty."""
    reviewed = date.fromisoformat(config.firm.policy_reviewed)
    if reviewed > today:
        return f"the calling policy's review of {reviewed} lies in the future: check firm.policy_reviewed"
    if (today.year - reviewed.year, today.month, today.day) >= (1, reviewed.month, reviewed.day):
        return f"the calling policy was last reviewed on {reviewed}: review it, and set firm.policy_reviewed"
    return ""


def departures(config: Config) -> list[str]:
    """Every value that is looser than the policy's, a sentence each."""
    return [*_terms(config), *_hours(config.calling)]


def undecided(config: Config) -> list[str]:
    """What nobody has decided yet that somebody must."""
    if not config.calling.live or config.emergency.trunk or config.emergency.elsewhere:
        return []
    return [
        "it is not decided how emergency calls go: set emergency.trunk, or emergency.elsewhere = true where phones "
        "dial them on another line"
    ]


def in_clear(config: Config) -> list[str]:
    """Where tokens and numbers pass over a network for everybody on it to read."""
    address = config.control.http
    if not address or config.control.http_certificate or ip_address(address.rpartition(":")[0].strip("[]")).is_loopback:
        return []
    return [
        f"control.http listens at {address} without TLS: tokens and numbers can be read on the way. "
        "Set control.http_certificate, or listen on loopback behind a proxy that has one"
    ]


def reminders(config: Config, today: date) -> list[str]:
    """What somebody must see to: the review, and on a live gate every value that is looser than the policy's."""
    due = review_due(config, today)
    return [
        *([due] if due else []),
        *([*departures(config), *announcement_gaps(config)] if config.calling.live else []),
    ]


_PRESS: Final = frozenset({"press", "pressing", "dial", "key", "push", "touch", "tap", "choose", "enter"})
_DIGITS: Final = dict(
    zip(
        "0123456789*#",
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "star", "hash"],
        strict=True,
    )
)
_SELLS: Final = re.compile(
    r"\b(?:offers?|discounts?|sav(?:e|ing) (?:money|up|you|on)|savings|deals?|bargains?|sale|cheap(?:er|est)?|exclusive"
    r"|limited time|prizes?|guaranteed?|best price|half price|special price|cash ?back|interest[ -]free|buy|act now"
    r"|free (?:quote|trial|gift|survey|of charge))\b|[£%]"
)


def announcement_gaps(config: Config) -> list[str]:
    """What an announcement lacks that it must say (PECR reg 24, SI 2018/356), and what it may not (reg 19), a sentence
    each; of a firm's own recording by its text. One for an instigator names it."""
    own, firm = config.announcement, config.firm
    gaps = _gaps("announcement.", own, firm, recorded=config.recording.enabled)
    said = {name: _SELLS.search(getattr(own, name).casefold()) for name in ("goodbye_text", "receipt_text")}
    gaps += [_sells(f"announcement.{name}", found[0]) for name, found in said.items() if found]
    for each in config.instigator:
        where, spoken = f"instigator {each.name}: announcement_", announcement_for(own, each)
        gaps += _gaps(where, spoken, each, recorded=config.recording.enabled)
    return gaps


def _sells(key: str, word: str) -> str:
    return f'{key} sells ("{word}"): recorded marketing needs a consent of its own (PECR reg 19)'


def _gaps(where: str, spoken: Announcement, firm: Firm | Instigator, *, recorded: bool) -> list[str]:
    """What one announcement lacks; ``firm`` is the one that it must name."""
    text = " ".join(spoken.text.casefold().split())
    if not text:
        return [f"{where}text is empty: write down what {where}wav says, so that it can be looked at"]
    gaps = []
    if not any(name.casefold() in text for name in (firm.trading_name, firm.legal_name)):
        gaps.append(f"{where}text does not say who calls: name {firm.trading_name} (PECR reg 24)")
    if recorded and "record" not in text:
        gaps.append(f"{where}text does not say that the call is recorded (SI 2018/356)")
    digit = spoken.opt_out_digit
    if not any(
        words & _PRESS and words & {digit, _DIGITS[digit]}
        for words in (set(re.findall(r"\w+|[*#]", sentence)) for sentence in re.split(r"[.;!?]", text))
    ):
        gaps.append(f"{where}text does not say how to object: say what pressing {digit} does")
    if found := _SELLS.search(text):
        gaps.append(_sells(f"{where}text", found[0]))
    return gaps


def information_gaps(config: Config) -> dict[str, str]:
    """What an announcement lacks to be the information message of an abandoned call, as ``message_lacks``: the firm's
    own under an empty name, and those of calls on behalf of others by theirs, who then must be named."""
    own, firm = config.announcement, config.firm
    numbers = (firm.freephone, *firm.numbers)
    return {"": message_lacks(own.text, (firm.trading_name, firm.legal_name), numbers)} | {
        each.name: message_lacks(
            announcement_for(own, each).text, (each.trading_name, each.legal_name), (each.freephone, *numbers)
        )
        for each in config.instigator
    }


def _terms(config: Config) -> Iterator[str]:
    for name in _TERMS:
        yield from _above(f"retention.{name}", getattr(config.retention, name), getattr(Retention(), name))
    reasons = config.retention.reasons
    for name, years in config.retention.years.items():
        if 12 * years > MONTHS and not reasons[name]:
            yield f'retention.classes keeps {name} for {years} years, and not why: write "{name}={years} WHY"'
    yield from _above("consent.months", config.consent.months, Consents().months)
    yield from _above("requests.identity_days", config.requests.identity_days, Requests().identity_days)
    if config.calling.redial_hours < (least := Calling().redial_hours):
        yield f"calling.redial_hours is {config.calling.redial_hours}: the policy asks for at least {least}"
    for name in ATTEMPTS:
        value, most = getattr(config.calling, name), getattr(Calling(), name)
        if most and not 0 < value <= most:
            yield f"calling.{name} is {value or 'without a bound'}: the policy allows at most {most}"


def _above(key: str, value: int, most: int) -> Iterator[str]:
    if value > most:
        yield f"{key} is {value}: the policy allows at most {most}"


def _hours(calling: Calling) -> Iterator[str]:
    if calling.hours == "always":
        yield 'calling.hours is "always": the policy\'s is "strict"'
        return
    for name in ("weekdays", "saturday", "sunday"):
        value, policys = getattr(calling, name), getattr(Calling(), name)
        begin, _, end = value.partition("-")
        first, _, last = policys.partition("-")
        if value and (begin < first or end > last):
            yield f'calling.{name} is "{value}": the policy\'s is "{policys}"' + ("" if policys else ", no calls")
