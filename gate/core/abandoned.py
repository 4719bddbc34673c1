"""Abandoned calls: which call is one, what its callee heard, and how many a campaign may have.

Source: Ofcom, *Persistent misuse: a statement of general policy on the exercise of enforcement powers*, in force since
1 March 2017 (Communications Act 2003, sections 128 to 131), and the method of its statement of 2010 (LAW 3.4, 7.8). The
rate is abandoned / (abandoned + live), for each campaign and day; *live* is a call that a person on the caller's side
took. The gate detects no answering machine: machines answer abandoned and live calls in the same share, so that a
reasoned estimate of them shortens both, and the rate stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from gate.core.terms import Attempt, Purpose

MESSAGE_SECONDS: Final = 2.0
"""By when, after the answer, the information message has begun (LAW 7.8)."""
SERVICE: Final = "service"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_NUMBER: Final = re.compile(r"[0-9]{7}")
_AGENT: Final = "agent=dedicated"


class Why(StrEnum):
    """How a callee who had answered came to find nobody."""

    CALLER_LEFT = "caller_left"
    """The caller's side hung up before it could be heard."""
    BRIEF = "brief"
    """It hung up so soon after it was put through that nobody can have spoken."""
    SILENT = "silent"
    """It was put through, and no audio ever came from it."""
    ANSWERED_LATE = "answered_late"
    """The callee picked up a call that had been taken back."""
    GATE = "gate"
    """The gate ended it before the agent could be heard, or its trunk did."""
    REPORTED = "reported"
    """A phone system that dials by itself says so."""


@dataclass(frozen=True, slots=True)
class Ending:
    """An answered call at its end, as far as it decides whether it was abandoned."""

    ended_by: str
    """``caller``, ``callee``, ``gate``, ``trunk``."""
    bridged: bool
    """The parties were put through to each other."""
    seconds: float | None
    """Seconds of talk; None where nobody saw how long."""
    objected: bool = False
    """The callee has objected by a key: whoever hangs up then does what they want."""
    silent: str = ""
    """The side that nothing ever came from: ``caller``, ``callee``, ``both``."""


def why_abandoned(ending: Ending, brief_seconds: float) -> Why | None:
    """Why an answered call was abandoned; None where it was not. A callee who hangs up first abandons nobody, but one
    who hears nothing in a talk was called in silence, whoever ends it."""
    by_them = ending.ended_by == "callee"
    if not ending.bridged:
        return None if by_them else Why.CALLER_LEFT if ending.ended_by == "caller" else Why.GATE
    if ending.silent in ("caller", "both"):
        return Why.SILENT
    if by_them or ending.objected or ending.seconds is None or ending.seconds >= brief_seconds:
        return None
    return Why.BRIEF if ending.ended_by == "caller" else Why.GATE


def message_lacks(text: str, names: Iterable[str], numbers: Iterable[str]) -> str:
    """What the text of the announcement lacks to be an information message: ``no_name`` of the firm, ``no_number`` at
    which to ring it back; empty where it has both. A number is found by its digits, in E.164 or with its nought."""
    said = " ".join(text.casefold().split())
    if not any(name and name.casefold() in said for name in names):
        return "no_name"
    digits = "".join(re.findall(r"[0-9]", text))
    own = [re.sub(r"[^0-9]", "", each) for each in numbers]
    ways = {way for each in own if each for way in (each, "0" + each[2:] if each.startswith("44") else each)}
    return "" if any(way in digits for way in ways) else "no_number"


def uninformed(answered: datetime | None, began: datetime | None, *, whole: bool, lacks: str) -> str:
    """Why the callee of an abandoned call was not told who had called; empty where they were. ``whole``: the
    announcement was sent to its end, to the address of the callee; ``lacks``: of its text, as ``message_lacks``."""
    if began is None:
        return "not_played"
    if not whole:
        return "cut"
    if answered is None or (began - answered).total_seconds() > MESSAGE_SECONDS:
        return "late"
    return lacks


# --- campaigns ------------------------------------------------------------------------------------------------------


def campaign_named(value: str) -> tuple[str, bool] | None:
    """The name of a campaign and whether an agent is at hand for this very call, of a header or a field: ``spring``,
    ``spring;agent=dedicated``. None where it is not understood, or could be a telephone number: names are kept."""
    name, semicolon, parameter = (part.strip() for part in value.partition(";"))
    if not _NAME.fullmatch(name) or _NUMBER.search(name) or (semicolon and parameter.lower() != _AGENT):
        return None
    return name, bool(semicolon)


def campaign_of(attempt: Attempt) -> str:
    """The campaign that an attempt belongs to: the one it names, else ``service`` or the topic of the call."""
    if attempt.campaign:
        return attempt.campaign
    return SERVICE if attempt.purpose is Purpose.SERVICE else attempt.topic.value


def caller_of(claimed_by: str) -> str:
    """Return whose campaign a call is of: the account, the PBX, or the token, from wherever it asks."""
    return claimed_by.partition("@")[0] if claimed_by.startswith("http:") else claimed_by


@dataclass(frozen=True, slots=True)
class Tally:
    """Answered calls of a campaign, or of all campaigns of a caller."""

    abandoned: int = 0
    live: int = 0

    @property
    def percent(self) -> float | None:
        """The rate; None where nothing was answered."""
        answered = self.abandoned + self.live
        return round(100 * self.abandoned / answered, 2) if answered else None

    def reaches(self, percent: float, least: int) -> bool:
        """The rate is ``percent`` or more (0: never). Fewer than ``least`` answered calls count as so many, of which
        the rest was live: one of three stops no campaign, and ten of ten do."""
        return percent > 0 and 100 * self.abandoned >= percent * max(self.abandoned + self.live, least)
