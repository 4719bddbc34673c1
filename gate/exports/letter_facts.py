"""What a template may write about: the facts of a letter in words, all of it text that is safe on its line.

``templates/letters/README.txt`` tells whoever edits the templates the same.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from gate.config.rules import ADDRESS
from gate.core.deadlines import acknowledge_by
from gate.core.letter_words import LetterFacts, LetterFirm
from gate.core.request_words import Asks, Ground, LetterKind
from gate.core.retention import HoldGround
from gate.exports.letter_blocks import one_line, plain_lines, quoted
from gate.showing import spoken_day

_MATTERS: Final[dict[Asks, tuple[str, str, str]]] = {
    Asks.ACCESS: ("request", "for a copy of {} personal data", "Article 15 of the UK GDPR"),
    Asks.ERASURE: ("request", "to erase {} personal data", "Article 17 of the UK GDPR"),
    Asks.OBJECTION: ("objection", "to our marketing calls", "Article 21 of the UK GDPR"),
    Asks.RESTRICTION: ("request", "to restrict the use of {} personal data", "Article 18 of the UK GDPR"),
    Asks.RECTIFICATION: ("request", "to rectify {} personal data", "Article 16 of the UK GDPR"),
    Asks.COMPLAINT: ("complaint", "about how we use {} personal data", "section 164A of the Data Protection Act 2018"),
}
GROUNDS: Final[dict[Ground, str]] = {
    Ground.LEGAL_OBLIGATION: "We are under a legal obligation that needs this data (Article 17(3)(b) of the UK GDPR).",
    Ground.LEGAL_CLAIMS: "We need this data to establish, exercise or defend legal claims (Article 17(3)(e) of the UK "
    "GDPR).",
    Ground.CONTRACT: "We still need this data for the contract for which it was collected, so that there is no reason "
    "in law to erase it (Article 17(1)(a) and Article 6(1)(b) of the UK GDPR).",
    Ground.PROTECTION_OF_A_PARTY: "This data is needed to protect the rights of one of the parties to the calls (our "
    "policy; Article 17(3)(e) of the UK GDPR as far as it is for a legal claim).",
    Ground.RIGHTS_OF_OTHERS: "Erasing it would harm the rights and freedoms of other people (Article 17(3) of the UK "
    "GDPR).",
    Ground.MANIFESTLY_UNFOUNDED: "The request is manifestly unfounded or excessive (Article 12(5) of the UK GDPR). It "
    "is for us to show that, and our reasons follow.",
    Ground.ACCURATE: "We looked into it, and what we hold is accurate and complete (Article 16 of the UK GDPR).",
    Ground.IDENTITY_NOT_PROVEN: "We could not establish who asks, although we asked for what would show it (Article "
    "12(2) and (6) of the UK GDPR). Data about calls must not be given to, or erased for, somebody else.",
}
"""Of a refusal, with its law: that of erasure, where it is one kind's alone."""
_HELD_ON: Final[dict[str, str]] = {
    HoldGround.CLAIM: GROUNDS[Ground.LEGAL_CLAIMS],
    HoldGround.LEGAL_OBLIGATION: GROUNDS[Ground.LEGAL_OBLIGATION],
    HoldGround.INVESTIGATION: "An authority is investigating, and the law obliges us to keep this data for it (Article "
    "17(3)(b) of the UK GDPR).",
    "restriction": "Somebody else had the use of this data restricted, and it must not be erased while that lasts "
    "(Article 18 of the UK GDPR).",
}
"""Of an erasure in part: the grounds of what keeps the rest, each with its law (LAW 7.2)."""
_GROUNDS_OF: Final[dict[tuple[Asks, Ground], str]] = {
    (Asks.ACCESS, Ground.LEGAL_OBLIGATION): "The law keeps us from showing this data (an exemption of Schedule 2 to "
    "the Data Protection Act 2018; our reasons say which).",
    (Asks.ACCESS, Ground.LEGAL_CLAIMS): "This data is subject to legal professional privilege, or to a legal adviser's "
    "duty of confidentiality (Schedule 2, paragraph 19 of the Data Protection Act 2018).",
    (Asks.ACCESS, Ground.PROTECTION_OF_A_PARTY): "Showing this data would harm the rights and freedoms of one of the "
    "parties to the calls (our policy; Article 15(4) of the UK GDPR).",
    (Asks.ACCESS, Ground.RIGHTS_OF_OTHERS): "Doing it would harm the rights and freedoms of other people (Article "
    "15(4) of the UK GDPR; Schedule 2, paragraph 16 of the Data Protection Act 2018).",
    (Asks.RESTRICTION, Ground.LEGAL_OBLIGATION): "A law has us use this data, and none of the cases is there in which "
    "its use has to be restricted (Article 18(1) of the UK GDPR).",
    (Asks.RESTRICTION, Ground.LEGAL_CLAIMS): "We need to use this data to establish, exercise or defend legal claims "
    "(Article 18(2) of the UK GDPR).",
    (Asks.RESTRICTION, Ground.CONTRACT): "We need this data for the contract for which it was collected, and none of "
    "the cases is there in which its use has to be restricted (Article 18(1) of the UK GDPR).",
    (Asks.RESTRICTION, Ground.PROTECTION_OF_A_PARTY): "This data has to be used to protect the rights of one of the "
    "parties to the calls (our policy; Article 18(2) of the UK GDPR).",
    (Asks.RESTRICTION, Ground.RIGHTS_OF_OTHERS): "This data has to be used to protect the rights of another person "
    "(Article 18(2) of the UK GDPR).",
}


def ground_of(ground: Ground | None, asks: Asks) -> str:
    """The ground of a refusal, with its law; empty for a complaint, which is not upheld for its reasons alone."""
    if ground is None or asks is Asks.COMPLAINT:
        return ""
    return _GROUNDS_OF.get((asks, ground)) or GROUNDS[ground]


def email_of(text: str) -> str:
    """The e-mail address that a contact is; empty where it is something else."""
    address = text.strip()
    return address if len(address) <= 254 and ADDRESS.fullmatch(address) else ""


def context(facts: LetterFacts, firm: LetterFirm) -> dict[str, Any]:
    """Names and values for a template: strings, lists of them, numbers and flags alone."""
    noun, matter, article = _MATTERS[facts.asks]
    received, about = spoken_day(facts.received), matter.format("your")
    others = facts.kind in (LetterKind.AUTHORITY, LetterKind.RECIPIENT)
    return {
        "kind": facts.kind.value,
        "asks": facts.asks.value,
        "reference": one_line(facts.reference),
        "matter": f"a {noun} {matter.format('their')}".replace("a objection", "an objection"),
        "your_matter": f"your {noun} {about}",
        "about": f"{noun} of {received}" + ("" if facts.asks is Asks.COMPLAINT else f" {about}"),
        "article": article,
        "received": received,
        "today": spoken_day(facts.today),
        "due": _day(facts.due),
        "ico_due": "" if facts.asks is Asks.COMPLAINT else _day(facts.ico_due),  # the law gives a complaint no day
        "late": facts.due is not None and facts.today > facts.due,
        "extended": facts.extended,
        "acknowledged_late": facts.asks is Asks.COMPLAINT and facts.today > acknowledge_by(facts.received),
        "decided": _day(facts.decided),
        "backups_until": _day(facts.backups_until),
        "erased_again": facts.erased_again,
        "entered": _day(facts.entered) if facts.entered and facts.entered > facts.received else "",
        "name": "" if others else one_line(facts.name),
        "numbers": "" if others else _listed([one_line(number) for number in facts.numbers]),
        "one_number": len(facts.numbers) <= 1,
        "ground": " ".join(_HELD_ON[each] for each in facts.held_on if each in _HELD_ON)
        or ground_of(facts.ground, facts.asks),
        "reasons": quoted(facts.reasons),
        "answer": quoted(facts.answer),
        "held_back": quoted(facts.held_back),
        "missing": list(facts.missing),
        "searched": _day(facts.searched),
        "narrowed": facts.narrowed,
        "outside": facts.outside,
        "nothing": _nothing(facts),
        "found_calls": facts.found_calls,
        "found_recordings": facts.found_recordings,
        "erased_recordings": facts.erased_recordings,
        "partly": facts.partly,
        "proof": one_line(facts.proof),
        "log_key": one_line(facts.log_key),
        "completed": facts.completed,
        "unproven": facts.ground is Ground.IDENTITY_NOT_PROVEN,
        "recipients": [one_line(each) for each in facts.recipients],
        "statements": [quoted(each) for each in facts.statements],
        "beside": [one_line(each) for each in facts.beside],
        "given": [one_line(each) for each in facts.given],
        "pack": one_line(facts.pack),
        "letterhead": _letterhead(firm),
        "addressee": _addressee(facts, firm),
        "firm": _firm(firm),
        "authority": _authority(firm),
    }


def _nothing(facts: LetterFacts) -> str:
    """The sentence that nothing is held, with all that was looked for; empty where that is not what was found."""
    if not facts.nothing or facts.searched is None or not facts.numbers:
        return ""
    numbers = _listed([one_line(number) for number in facts.numbers])
    return (
        f"We hold nothing about you in connection with {numbers}. On {spoken_day(facts.searched)} we searched for "
        "this, in every spelling and at any time: no call and no attempt to call, no recording, no objection, no "
        "consent, no entry of our contact list, no hold and no earlier request."
    )


def _day(day: date | None) -> str:
    return spoken_day(day) if day else ""


def _listed(texts: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


def _addressee(facts: LetterFacts, firm: LetterFirm) -> str:
    """The lines at the top."""
    if facts.kind is LetterKind.AUTHORITY:
        return "\n".join([one_line(firm.authority.name), *plain_lines(firm.authority.address)])
    email = email_of(facts.contact)
    where = [f"By email to {email}"] if email else plain_lines(facts.contact)
    name = facts.recipient if facts.kind is LetterKind.RECIPIENT else facts.name
    return "\n".join([line for line in [one_line(name), *where] if line])


def _letterhead(firm: LetterFirm) -> list[str]:
    trading = f"trading as {firm.trading_name}" if firm.trading_name != firm.legal_name else ""
    free = f"{firm.freephone} (free)" if firm.freephone else ""
    lines = [firm.legal_name, trading, *plain_lines(firm.address), firm.email, free]
    return [one_line(line) for line in lines if line.strip()]


def _firm(firm: LetterFirm) -> dict[str, str]:
    names = ("legal_name", "trading_name", "email", "freephone", "signed", "dpo")
    return {name: one_line(getattr(firm, name)) for name in names} | {"address": _lines(firm.address)}


def _authority(firm: LetterFirm) -> dict[str, str]:
    names = ("name", "web", "email")
    texts = {name: one_line(getattr(firm.authority, name)) for name in names}
    return texts | {"address": _lines(firm.authority.address)}


def _lines(text: str) -> str:
    return "\n".join(plain_lines(text))
