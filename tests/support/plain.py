"""Plain English for the public, as far as a program can tell: what is wrong with the text of a letter.

What a person wrote, and lines that stay as they are (addresses, ids for an auditor), are set in by four spaces: their
words are their own, but no id of ours may stand in them either, except where the letter goes to who was given data.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 25
_DATE: Final = re.compile(
    r"(?:(\w+day) )?\b\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December)"
)
_ID: Final = re.compile(
    r"\b(?:call|rec|hold|b|no)-[\w-]+|\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\buid:\d+|_\w+|\bNone\b|\bTrue\b"
)
_MACHINE: Final = re.compile(
    r"\+44\d{6,}|\b\d{4}-\d{2}-\d{2}\b|\d{2}:\d{2}:\d{2}|(?<!\d)(?<!\d )\d{5,}(?! ?\d)|\b0 of \d"
)
_PLURAL: Final = re.compile(r"(?<![\d,.])1 (?:more )?(?:\w+ )?(?:calls|recordings|numbers|records|attempts|entries)\b")
_PASSIVE: Final = re.compile(
    r"\b(?:is|are|was|were|be|been|being)\s+(?:\w+ly |not |no longer |also |then |already )*"
    r"(\w+ed|held|kept|made|given|told|sent|found|known|heard|put|done|lost|shown|seen|paid|said|set|met|taken|written)\b"
)
_NO_PASSIVE: Final = frozenset({"unfounded", "need", "red", "interested", "entitled", "indeed"})
_GONE: Final = (
    "at any time, at any time",
    "surer of who you are",
    "could not establish who asks",
    "what nothing keeps",
    "stands beside",
    "our records of 1",
    "is for us to show",
    "policy's most",
    "tell them of the erasure",
    "regulator counts",
)


def faults(text: str, *, to_recipient: bool = False) -> list[str]:
    """What is wrong with a letter's text, each with the words; empty where nothing is."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    found = [f"{words} words: {each}" for each in sentences(text) if (words := len(each.split())) > LONGEST]
    for each in sentences(text):
        found += [
            f"no actor: {each}" for verb in _PASSIVE.findall(each) if verb not in _NO_PASSIVE and " by " not in each
        ]
    flat = " ".join(body.split())
    found += [f"no weekday: {day[0]}" for day in _DATE.finditer(flat) if day[1] is None]
    where = flat if to_recipient else " ".join(text.split())
    found += [f"an id: {each[0]}" for each in _ID.finditer(where)]
    found += [f"a machine's number: {each[0]}" for each in _MACHINE.finditer(flat)]
    found += [f"a plural of one: {each[0]}" for each in _PLURAL.finditer(flat)]
    return found + [f"old wording: {each}" for each in _GONE if each in flat.casefold()]


def sentences(text: str) -> list[str]:
    """The sentences of a letter's own words: paragraphs and items, cut at full stops and colons."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n|\n(?=- )", text):
        lines = [line for line in block.split("\n") if not line.startswith("    ") and set(line) != {"-"}]
        joined = " ".join(" ".join(lines).removeprefix("- ").split())
        found += [each for each in re.split(r"(?<=[.?!:;])\s+(?=[A-Z])|:\s", joined) if each]
    return found
