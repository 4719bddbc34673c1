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
_IRREGULAR: Final = (
    "begun|bought|bound|broken|brought|built|caught|chosen|cut|dealt|done|drawn|driven|felt|forgotten|found|given|heard|"
    "held|hidden|hurt|kept|known|laid|led|left|lent|let|lost|made|met|paid|put|read|said|seen|sent|set|shown|shut|sold|"
    "sought|spent|spoken|stolen|taken|taught|thought|thrown|told|understood|withdrawn|won|written"
)
_PASSIVE: Final = re.compile(
    r"\b(?:is|are|was|were|be|been|being|gets?|got|getting)\s+"
    r"(?:\w+ly |not |no longer |never |also |then |already |all |both |since |still )*"
    rf"(\w+ed|{_IRREGULAR})\b([^,;:.?!]*)"
)
_NO_PASSIVE: Final = frozenset({"unfounded", "need", "red", "interested", "entitled", "indeed"})
_PERSON: Final = (
    r"(?:us|you|me|him|her|them|(?:some|any|no)(?:body|one)|whoever|one of (?:us|you|them|our|your|the)\b"
    r"|(?:the|a|an|our|your|his|her|their|its|this|that|another|other)\s+"
    r"(?!(?:end|start|middle|time|day|date|deadline|hour|week|month|year|weekend|way|post|means|rules?|laws?|same|last"
    r"|next|first|latest|name|number|phone|email|letter|hand)\b)[a-z]\w*"
    r"|(?!(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|January|February|March|April|May|June|July|August|September"
    r"|October|November|December|Christmas|Easter|Article|Section|Schedule)\b)[A-Z][\w.'&-]*)"
)
_BY: Final = re.compile(rf"\bby (?:the |both )?{_PERSON}")
"""Who did it: a pronoun, somebody with an article, or a name; no day, means or place."""
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
    found += [f"no actor: {each}" for each in sentences(text) if _actorless(each)]
    flat = " ".join(body.split())
    found += [f"no weekday: {day[0]}" for day in _DATE.finditer(flat) if day[1] is None]
    where = flat if to_recipient else " ".join(text.split())
    found += [f"an id: {each[0]}" for each in _ID.finditer(where)]
    found += [f"a machine's number: {each[0]}" for each in _MACHINE.finditer(flat)]
    found += [f"a plural of one: {each[0]}" for each in _PLURAL.finditer(flat)]
    return found + [f"old wording: {each}" for each in _GONE if each in flat.casefold()]


def _actorless(sentence: str) -> bool:
    """A verb of it is passive, and nobody does it."""
    at = 0
    while verb := _PASSIVE.search(sentence, at):
        at = verb.end(1)
        rest = re.split(r"\b(?:and|but|or|that|which|so|because|until|when|if|as|while)\b", verb[2])[0]
        if verb[1] not in _NO_PASSIVE and not _BY.search(rest):
            return True
    return False


def sentences(text: str) -> list[str]:
    """The sentences of a letter's own words: paragraphs and items, cut at full stops and colons."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n|\n(?=- )", text):
        lines = [line for line in block.split("\n") if not line.startswith("    ") and set(line) != {"-"}]
        joined = " ".join(" ".join(lines).removeprefix("- ").split())
        found += [each for each in re.split(r"(?<=[.?!:;])\s+(?=[A-Z])|:\s", joined) if each]
    return found
