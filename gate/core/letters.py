"""A letter about a data-subject request, made of sentences that each rest on facts in the log.

``page_of`` makes a page from facts: ``LetterFacts`` has what is so, and ``leaves`` where the log has it. A sentence
(``letter_words``) is a value with its text and its grounds: leaves, laws, keys of the configuration. One without a
ground is ``Unfounded``, and so is one that a fact contradicts: there is then no letter. What people wrote comes in as a
quotation or through ``one_line``, so that no text of theirs changes what the letter says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any, Final, TypeVar

from gate.core.authority import Authority
from gate.core.days import spoken_day
from gate.core.deadlines import acknowledge_by
from gate.core.facts.lists import Consent, ConsentWithdrawn, Objection
from gate.core.facts.requests import (
    AskedBy,
    Carried,
    ClarificationAsked,
    Granted,
    IdentityAsked,
    LetterMade,
    LineHeld,
    Opened,
    PackMade,
    Refused,
    SaidAt,
    Searched,
)
from gate.core.letter_words import GDPR, WORDS, Rest, Words
from gate.core.request_words import NEEDS_IDENTITY, Asks, Ground, LetterKind
from gate.core.terms import many

_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Unfounded(Exception):
    """A sentence has no fact behind it, or a fact against it."""


# --- what a letter is made from -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LetterFirm:
    """Who writes, and makes packs: the controller (Art 4(7))."""

    legal_name: str
    trading_name: str
    address: str
    """Postal, one line or several."""
    authority: Authority
    email: str = ""
    """Where answers to the letter go; also its sender unless ``[mail] from`` says otherwise."""
    freephone: str = ""
    signed: str = "Data compliance"
    """Who signs: a person or a desk."""
    dpo: str = ""
    """The data protection officer, and how to reach them."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A fact in the log: its index, its kind, and when it was kept (RFC 3339)."""

    index: int
    kind: str
    at: str


@dataclass(frozen=True, slots=True)
class Held:
    """A hold that keeps a part of an erasure."""

    ground: str
    """``HoldGround``, or ``restriction``."""
    case: str = ""
    """The firm's reference of the matter."""
    law: str = ""
    elsewhere: bool = False
    """It is about somebody else, and mentions the person."""


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """All that a letter may speak of. Dates are days in London; texts come from people and are not trusted."""

    kind: LetterKind
    reference: str
    """The request's id as people see it."""
    asks: Asks
    received: date
    today: date
    leaves: Mapping[str, tuple[Leaf, ...]] = field(default_factory=dict)
    """Kind of a fact (of what was said at a step: ``request_words:reasons``) to the leaves that this rests on."""
    channel: str = ""
    """How the request came: ``phone``, ``email``, …"""
    due: date | None = None
    """The firm's last day for the answer; None while identity is asked for."""
    ico_due: date | None = None
    identified: bool = False
    asked_identity: date | None = None
    """The day on which identity was asked for."""
    paused: date | None = None
    """Since when the clock of an access request stands still."""
    decided: date | None = None
    """The day of the decision; None where there is none yet."""
    name: str = ""
    """Who asks."""
    contact: str = ""
    """E-mail or postal address of who asks; lines separated by newlines."""
    numbers: tuple[str, ...] = ()
    """The lines that the request is about, as they are written for people (``020 7946 0123``)."""
    ground: Ground | None = None
    holds: tuple[Held, ...] = ()
    """The holds of an erasure in part: what keeps the rest."""
    held_calls: int = 0
    held_recordings: int = 0
    reasons: str = ""
    """Free text: the reasons of a refusal or an extension, the question of a clarification, what would prove the
    identity."""
    answer: str = ""
    """Free text: what a complaint led to, or a remark on a response or confirmation."""
    missing: tuple[str, ...] = ()
    """What the person is asked for, so that their calls can be found: ``number``, ``date and time``."""
    stopped: date | None = None
    """The day on which the numbers went on the list of those who are not to be called."""
    all_calls: bool = False
    """They want no calls at all; else no marketing."""
    objection_ended: bool = False
    """It was taken back since, for one of the numbers."""
    restriction_ended: bool = False
    resumed: bool = False
    """Marketing to the numbers of a decided complaint may go on."""
    told_on: date | None = None
    """For a withdrawn consent: the day on which the person told the firm, where it took effect later."""
    given_on: date | None = None
    """The day on which a withdrawn consent was given."""
    stopped_on: date | None = None
    """For a withdrawn consent: the day since which the gate refuses marketing to the number."""
    agreed_again: bool = False
    """They agreed to calls since."""
    searched: date | None = None
    """The day of the search that an answer is about."""
    narrowed: bool = False
    """It was for some calls of the numbers, not for all that is held."""
    line_since: date | None = None
    """The first day of that time, where it has one."""
    line_held: bool = False
    """The numbers were the person's for a time alone: what is from before or after is somebody else's."""
    outside: int = 0
    """Calls of the same numbers that were not searched for."""
    nothing: bool = False
    """The search found nothing, and the store holds nothing now."""
    found_calls: int = 0
    """Calls that were made, to the person or by them."""
    found_for_others: int = 0
    """Calls of those that the firm made on behalf of another one."""
    instigators: tuple[str, ...] = ()
    """The legal names of these other firms."""
    found_stopped: int = 0
    """Attempts that were refused and never dialled."""
    found_recordings: int = 0
    found_entries: int = 0
    """Objections, consents, contacts, holds, other requests."""
    pack: str = ""
    """Name of the encrypted file that goes with a response; empty where there is none."""
    erased_recordings: int = 0
    went: bool = False
    """Something was erased besides the objection that the request itself made."""
    backups_until: date | None = None
    """Until when a backup may hold ciphertext, and a copy of the key store its key (LAW 5.5)."""
    erased_again: bool = True
    """What was erased is erased again where a backup is put back: there is a memory journal (LAW 5.4)."""
    recipients: tuple[str, ...] = ()
    """Who else got the data, a line each (Art 19)."""
    own_copies: tuple[str, ...] = ()
    """Files that went to the person before: ``the file that answered DSR-2026-0001, on Tuesday 3 March 2026``."""
    copies: tuple[str, ...] = ()
    """Copies in clear of it that are not destroyed, a line each: what, made when, to be destroyed by when."""
    recipient: str = ""
    """Who was given what is erased, where the letter goes to them."""
    given: tuple[str, ...] = ()
    """What they were given and is erased, a line each: ids and days, nothing else."""
    statements: tuple[str, ...] = ()
    """Free texts: what was put right."""
    beside: tuple[str, ...] = ()
    """Kinds of the records that it stands beside, one each: ``call``, ``consent``."""
    proof: str = ""
    """Name of the page of proofs that goes with it."""
    log_key: str = ""
    """The key that signs the log, as the page has it."""
    completed: bool = False
    """What a hold had kept of an erasure went too."""
    partly: bool = False
    """An erasure that a hold stops in part."""
    held_back: str = ""
    """Free text: what could not be shown, and why."""

    @property
    def late(self) -> bool:
        """The last day for the answer has passed."""
        return self.due is not None and self.today > self.due

    @property
    def stopped_late(self) -> bool:
        """Calls went on after the objection came."""
        return self.stopped is not None and self.stopped > self.received

    @property
    def acknowledged_late(self) -> bool:
        """A complaint has waited for more than 30 days."""
        return self.complaint and self.today > acknowledge_by(self.received)

    @property
    def complaint(self) -> bool:
        """It is a complaint."""
        return self.asks is Asks.COMPLAINT

    @property
    def erasure(self) -> bool:
        """It asks for an erasure: the policy has its refusal told to the authority (LAW 4.5)."""
        return self.asks is Asks.ERASURE

    @property
    def phoned(self) -> bool:
        """It came by phone."""
        return self.channel == "phone"

    @property
    def unproven(self) -> bool:
        """It is refused because nobody knows who asks."""
        return self.ground is Ground.IDENTITY_NOT_PROVEN


# --- what a letter is ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, and what it rests on."""

    name: str
    text: str
    """On one line; ``**words**`` are strong."""
    rests: tuple[Leaf | str, ...]
    """Leaves of the log, and sources that are none."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page: ``kind`` is heading, paragraph, list (an item each), lines (as they are) or quote."""

    kind: str
    items: tuple[tuple[Sentence, ...], ...]

    @property
    def lines(self) -> list[str]:
        """Each item on one line."""
        return [" ".join(each.text for each in item) for item in self.items]


@dataclass(frozen=True, slots=True)
class Page:
    """A letter without its head and its end."""

    subject: Sentence
    dear: Sentence
    blocks: tuple[Block, ...]

    def sentences(self) -> tuple[Sentence, ...]:
        """All of them, in order; a quotation counts as one."""
        return (self.subject, self.dear, *(each for block in self.blocks for item in block.items for each in item))


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, ready to be printed, sent or kept."""

    kind: LetterKind
    subject: str
    to: str
    """The e-mail address it goes to; empty where only a postal address is known."""
    text: str
    html: str
    eml: bytes
    """A whole message (RFC 5322, CRLF) with both forms in it."""
    sentences: tuple[Sentence, ...] = ()


# --- texts of people ----------------------------------------------------------------------------------------------


def one_line(text: str) -> str:
    """What a person wrote, on one line: no control or direction characters, nothing that would be strong."""
    return re.sub(r"\*{2,}", "*", " ".join(_visible(text).split()))


def plain_lines(text: str) -> list[str]:
    """The lines of what a person wrote, without blank ones at either end and with at most one between."""
    lines: list[str] = []
    for line in re.split(r"\r\n|[\n\r\v\f\x85\u2028\u2029]", text):
        clean = " ".join(_visible(line).split())
        if clean or (lines and lines[-1]):
            lines.append(clean)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _visible(text: str) -> str:
    """Without control, direction and surrogate characters."""
    kept = (" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text if sign not in _BIDI)
    return "".join(kept).encode("utf-8", "replace").decode()


def listed(texts: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    each = list(texts)
    return " and ".join(part for part in (", ".join(each[:-1]), *each[-1:]) if part)


# --- fields -------------------------------------------------------------------------------------------------------

_MATTERS: Final[dict[Asks, tuple[str, str]]] = {
    Asks.ACCESS: ("request for a copy of your personal data", "a copy of their personal data (Article 15)"),
    Asks.ERASURE: ("request to erase your personal data", "erasure of their personal data (Article 17)"),
    Asks.OBJECTION: ("objection to our calls", "no more calls (Article 21)"),
    Asks.RESTRICTION: ("request to stop using your personal data", "restriction of their personal data (Article 18)"),
    Asks.RECTIFICATION: ("request to correct your personal data", "correction of their personal data (Article 16)"),
    Asks.COMPLAINT: (
        "complaint about how we use your personal data",
        "a complaint about our use of their data (section 164A of the Data Protection Act 2018)",
    ),
}
_CONFIGURED: Final = "configuration: "
_CLOCK: Final[tuple[Rest, ...]] = (Opened, GDPR + "12(3)")


@dataclass(frozen=True, slots=True)
class _Field:
    """What stands for ``{name}`` in a sentence, and what it rests on."""

    text: Callable[[LetterFacts, LetterFirm], str]
    rests: tuple[Rest, ...]


def _day(name: str) -> Callable[[LetterFacts, LetterFirm], str]:
    def spoken(facts: LetterFacts, _firm: LetterFirm) -> str:
        day: date | None = getattr(facts, name)
        return spoken_day(day) if day else ""

    return spoken


def _text(name: str) -> Callable[[LetterFacts, LetterFirm], str]:
    return lambda facts, _firm: one_line(getattr(facts, name))


def _found(facts: LetterFacts, _firm: LetterFirm) -> str:
    stopped = (
        many(facts.found_stopped, "attempt") + " to call you that we stopped before dialling"
        if facts.found_stopped
        else ""
    )
    entries = f"{many(facts.found_entries, 'entry')} in our lists"
    return listed(
        [
            *([many(facts.found_calls, "call")] if facts.found_calls else []),
            *([stopped] if stopped else []),
            *([many(facts.found_recordings, "recording")] if facts.found_recordings else []),
            *([entries] if facts.found_entries else []),
        ]
    )


def _kept_of(facts: LetterFacts, _firm: LetterFirm) -> str:
    parts = [(facts.held_calls, "call record"), (facts.held_recordings, "recording")]
    return listed(many(number, noun) for number, noun in parts if number) or "what we hold about this number"


def _beside(facts: LetterFacts, _firm: LetterFirm) -> str:
    nouns = {"call": "record of a call", "recording": "recording of a call", "objection": "entry of an objection"}
    kinds = {kind: facts.beside.count(kind) for kind in facts.beside}
    parts = [(n, nouns.get(kind, f"entry of a {kind}")) for kind, n in kinds.items()]
    return listed(f"our {noun}" if n == 1 else many(n, noun) for n, noun in parts)


FIELDS: Final[Mapping[str, _Field]] = {
    "matter": _Field(lambda facts, _: _MATTERS[facts.asks][0], (Opened,)),
    "noun": _Field(lambda facts, _: _MATTERS[facts.asks][0].split()[0], (Opened,)),
    "article": _Field(lambda facts, _: _MATTERS[facts.asks][1], (Opened,)),
    "received": _Field(_day("received"), (Opened,)),
    "reference": _Field(_text("reference"), (Opened,)),
    "name": _Field(_text("name"), ((AskedBy, Consent),)),
    "numbers": _Field(lambda facts, _: listed(map(one_line, facts.numbers)), ((AskedBy, Consent),)),
    "your_number": _Field(lambda facts, _: "your numbers" if len(facts.numbers) > 1 else "your number", (AskedBy,)),
    "due": _Field(_day("due"), _CLOCK),
    "ico_due": _Field(_day("ico_due"), _CLOCK),
    "decided": _Field(_day("decided"), ((Refused, Granted),)),
    "identity_asked": _Field(_day("asked_identity"), (IdentityAsked,)),
    "paused": _Field(_day("paused"), (ClarificationAsked,)),
    "stopped": _Field(_day("stopped"), (Objection,)),
    "stopped_on": _Field(_day("stopped_on"), (ConsentWithdrawn,)),
    "told_on": _Field(_day("told_on"), (ConsentWithdrawn,)),
    "given_on": _Field(_day("given_on"), (Consent,)),
    "searched": _Field(_day("searched"), (Searched,)),
    "line_since": _Field(_day("line_since"), (LineHeld,)),
    "outside": _Field(lambda facts, _: many(facts.outside, "more call"), (Searched,)),
    "found": _Field(_found, (Searched,)),
    "found_for_others": _Field(lambda facts, _: many(facts.found_for_others, "call"), (Searched,)),
    "instigators": _Field(lambda facts, _: listed(map(one_line, facts.instigators)), (Searched,)),
    "erased": _Field(lambda facts, _: many(facts.erased_recordings, "recording"), (Searched,)),
    "gone": _Field(lambda facts, _: many(facts.erased_recordings, "recording"), (Carried,)),
    "pack": _Field(_text("pack"), (PackMade,)),
    "backups_until": _Field(_day("backups_until"), (Carried,)),
    "kept_of": _Field(_kept_of, (Carried,)),
    "own_copy": _Field(lambda facts, _: listed(map(one_line, facts.own_copies)), ()),
    "beside": _Field(_beside, ()),
    "proof": _Field(_text("proof"), (Opened,)),
    "firm": _Field(lambda _, firm: one_line(firm.legal_name), (_CONFIGURED + "firm.legal_name",)),
    "email": _Field(lambda _, firm: one_line(firm.email), (_CONFIGURED + "firm.contact_email",)),
    "dpo": _Field(lambda _, firm: one_line(firm.dpo), (_CONFIGURED + "privacy.dpo",)),
    "authority": _Field(lambda _, firm: "the " + one_line(firm.authority.name), ()),
}
"""What a sentence can name. ``line``, ``case`` and ``law`` belong to one item of a list."""
ITEM: Final = frozenset({"line", "case", "law"})


T = TypeVar("T", LetterFacts, LetterFirm)


def _without_blanks(record: T) -> T:
    """A text of which nothing can be read is none."""
    texts = {each.name: getattr(record, each.name) for each in fields(record)}
    blank: dict[str, Any] = {name: "" for name, text in texts.items() if isinstance(text, str) and not one_line(text)}
    return replace(record, **blank)


class _Writer:
    """Makes a page, sentence by sentence."""

    def __init__(self, facts: LetterFacts, firm: LetterFirm, wording: Mapping[str, str]) -> None:
        self.facts, self.firm, self._wording = _without_blanks(facts), _without_blanks(firm), wording
        self.blocks: list[Block] = []

    def sentence(self, name: str, **item: str) -> Sentence:
        """One sentence. Raises ``Unfounded``."""
        words = WORDS[name]
        rests = [leaf for rest in words.rests for leaf in self._grounds(name, rest)]
        self._true(name, words)

        def put(found: re.Match[str]) -> str:
            field_name = found[1]
            if field_name in ITEM:
                if not (value := one_line(item[field_name])) and field_name != "case":
                    raise Unfounded(f"{name}: nothing is known for {{{field_name}}}")
                return value if field_name != "case" else item[field_name]
            of = FIELDS[field_name]
            rests.extend(leaf for rest in of.rests for leaf in self._grounds(name, rest))
            if field_name == "authority":
                rests.append(self.firm.authority.source or "configuration: authority")
            text = of.text(self.facts, self.firm)
            if not text:
                raise Unfounded(f"{name}: nothing is known for {{{field_name}}}")
            return text

        text = re.sub(r"\{(\w+)\}", put, self._wording.get(name, words.text))
        if not rests:
            raise Unfounded(f"{name}: no fact stands behind it")
        return Sentence(name, text, tuple(dict.fromkeys(rests)))

    def _grounds(self, name: str, rest: Rest) -> Iterable[Leaf | str]:
        if isinstance(rest, str):
            return (rest,)
        kinds = rest if isinstance(rest, tuple) else (rest,)
        found = [leaf for each in kinds for leaf in self.facts.leaves.get(each.kind, ())]
        if not found:
            raise Unfounded(f"{name}: the log has no {' or '.join(each.kind for each in kinds)} behind it")
        return found

    def _true(self, name: str, words: Words) -> None:
        if lacking := [each for each in words.needs if not getattr(self.facts, each)]:
            raise Unfounded(f"{name}: there is nothing in the log of this: {lacking[0]}")
        if against := [each for each in words.never if getattr(self.facts, each)]:
            raise Unfounded(f"{name}: what the log has contradicts it: {against[0]}")

    # --- blocks

    def para(self, *names: str) -> None:
        """A paragraph; empty names are left out."""
        if found := tuple(self.sentence(name) for name in names if name):
            self.blocks.append(Block("paragraph", (found,)))

    def heading(self, name: str) -> None:
        """A heading."""
        self.blocks.append(Block("heading", ((self.sentence(name),),)))

    def items(self, *items: tuple[str, ...] | str) -> None:
        """A list: each item a name, or several."""
        found = [(each,) if isinstance(each, str) else each for each in items if each]
        self._block("list", [tuple(self.sentence(name) for name in item if name) for item in found])

    def each(self, name: str, values: Iterable[str], kind: str = "list") -> None:
        """A list of values, each the ``{line}`` of a sentence."""
        self._block(kind, [(self.sentence(name, line=value),) for value in values])

    def quote(self, text: str, step: str, *, rests: Rest | None = None) -> None:
        """What a person of the firm wrote at a step, as a quotation; nothing where there is no text."""
        if not (lines := plain_lines(text)):
            return
        leaves = self.facts.leaves.get(f"{SaidAt.kind}:{step}", ())
        if not leaves and rests is not None:
            leaves = tuple(each for each in self._grounds(f"quote.{step}", rests) if isinstance(each, Leaf))
        if not leaves:
            raise Unfounded(f"quote.{step}: the log has nothing that was said at this step")
        self._block("quote", [(Sentence(f"quote.{step}", line, leaves),) for line in lines])

    def lines(self, name: str, text: str, rests: str | Leaf) -> None:
        """Lines that stay as they are."""
        self._block("lines", [(Sentence(name, line, (rests,)),) for line in plain_lines(text)])

    def _block(self, kind: str, items: list[tuple[Sentence, ...]]) -> None:
        if items:
            self.blocks.append(Block(kind, tuple(items)))


# --- the letters --------------------------------------------------------------------------------------------------


def page_of(facts: LetterFacts, firm: LetterFirm, wording: Mapping[str, str] | None = None) -> Page:
    """The letter that ``facts`` ask for. ``wording``: the firm's own words, by the names of sentences.

    Raises ``Unfounded`` where a sentence of it is not so.
    """
    if facts.asks not in _ANSWERS.get(facts.kind, Asks):
        raise Unfounded(f"{facts.kind}: there is none about a request for {facts.asks}")
    w = _Writer(facts, firm, wording or {})
    subject = _LETTERS[facts.kind](w)
    if facts.kind not in (LetterKind.AUTHORITY, LetterKind.RECIPIENT):
        _complain(w)
        dear = w.sentence("dear.name" if w.facts.name else "dear.nobody")
    else:
        dear = w.sentence("dear.nobody")
    return Page(w.sentence(subject), dear, tuple(w.blocks))


def _about(w: _Writer) -> str:
    return "about" if w.facts.numbers else ""


def _acknowledgement(w: _Writer) -> str:
    f = w.facts
    if f.asks is Asks.OBJECTION:
        w.para("received")
        if f.numbers:
            w.para(*_stopped(f), "stopped.no_reason")
        else:
            w.para("stopped.which")
    elif f.complaint:
        w.para("received", "ack.complaint", "ack.complaint.late" if f.acknowledged_late else "")
        w.para("ack.complaint.look", "due.complaint" if f.due and not f.late else "", "ack.complaint.news")
        w.para("paused" if f.numbers and not f.decided else "")
    else:
        w.para("received", _about(w))
        if "number" in f.missing:
            w.para("ack.number", "ack.number.tell", "ack.when" if "date and time" in f.missing else "")
        elif "date and time" in f.missing and f.asks in NEEDS_IDENTITY:
            w.para("ack.one_call", "ack.all_calls")
        elif "date and time" in f.missing and f.asks is Asks.RECTIFICATION:
            w.para("ack.the_call")
        if f.late:
            w.para("late", "late.soon")
        elif f.due:
            w.para("due", "due.law" if f.ico_due and f.ico_due != f.due else "")
        else:
            w.para("ack.who", "ack.who.letter", "ack.who.clock")
        if f.due and not f.identified:
            w.para("ack.may_ask", "ack.may_move")
    w.para("free")
    return "subject.acknowledgement"


def _writing(w: _Writer) -> str:
    f = w.facts
    w.para("writing.phoned" if f.phoned else "writing.spoke", _about(w), "writing.counts")
    w.para("writing.why", "writing.please")
    w.items("writing.email" if w.firm.email else "writing.post", "writing.quote", "writing.what")
    w.para("writing.or", "writing.spoken")
    w.para("late" if f.late else "due" if f.due else "")
    return "subject.writing"


def _identity(w: _Writer) -> str:
    f = w.facts
    w.para("received", _about(w))
    w.para("identity.private", "identity.sure")
    if f.reasons:
        w.para("identity.send")
        w.quote(f.reasons, "proof")
    else:
        w.para("identity.choose")
        w.items("identity.call" if f.numbers else "", "identity.answers", "identity.document")
    w.para("identity.copies", "identity.note", "identity.keep")
    if f.due is None:
        w.para("identity.clock", "identity.days")
    else:
        w.para("identity.runs", "late" if f.late else "identity.due")
    w.para("identity.else", "identity.write")
    return "subject.identity"


def _clarification(w: _Writer) -> str:
    f = w.facts
    w.para("received", "clarification.ask")
    w.quote(f.reasons, "question")
    if f.paused:
        w.para("clarification.stops", "clarification.goes_on")
    else:
        w.para("clarification.runs", "late" if f.late else "due" if f.due else "")
    w.para("clarification.or", "clarification.then")
    return "subject.clarification"


def _extension(w: _Writer) -> str:
    f = w.facts
    w.para("received")
    w.para(*(("extension.complaint",) if f.complaint else ("extension.month", "extension.law")), "extension.reasons")
    w.quote(f.reasons, "extension")
    w.para("late" if f.late else "due" if f.due else "late.soon")
    return "subject.extension"


def _progress(w: _Writer) -> str:
    f = w.facts
    w.para("received", "progress.open")
    if f.reasons:
        w.para("progress.done")
        w.quote(f.reasons, "progress")
    w.para("late" if f.late else "due.complaint" if f.due else "", "late.soon" if f.late else "")
    w.para("paused" if f.numbers else "")
    return "subject.progress"


def _withdrawal(w: _Writer) -> str:
    f = w.facts
    w.para("withdrawal", "withdrawal.given")
    late = ("withdrawal.told", "withdrawal.since", "withdrawal.late") if f.told_on else ("withdrawal.since",)
    w.para(*late, "withdrawal.until")
    w.para(*(() if f.all_calls else ("withdrawal.service", "withdrawal.ask")))
    w.para("withdrawal.keep")
    return "subject.withdrawal"


def _calls_after(w: _Writer) -> None:
    """What a complaint that is decided means for marketing to the person."""
    f = w.facts
    stopped = f.stopped and not f.objection_ended
    w.para("complaint.stopped" if stopped and f.numbers else "complaint.resumed" if f.resumed and f.numbers else "")


def _response(w: _Writer) -> str:
    f = w.facts
    w.para("late" if f.late else "")
    if f.complaint:
        w.para("received", "complaint.looked", "complaint.result")
        w.quote(f.answer, "remark")
        _calls_after(w)
        return "subject.response"
    w.para("received")
    if f.searched:
        w.para(
            "search" if f.numbers else "",
            "search.some" if f.narrowed else "search.theirs" if f.line_held else "search.all",
        )
        w.para(*(("search.since", "search.since.ask") if f.line_since and f.numbers and not f.narrowed else ()))
        w.para(*(("search.outside", "search.outside.ask") if f.narrowed and f.outside else ()))
    if f.nothing:
        w.para("nothing", "nothing.kinds")
        w.para("nothing.record", "nothing.other")
    elif f.found_calls or f.found_stopped or f.found_recordings or f.found_entries:
        w.para("found", "found.for_others" if f.found_for_others else "")
    w.para("found.erased" if f.erased_recordings else "")
    _remark(w)
    if f.pack:
        w.heading("pack.heading")
        some, sound = "pack.some" if f.held_back else "pack.all", "pack.recordings" if f.found_recordings else ""
        w.para(some, "pack.in_it", sound, "pack.notice")
        w.items("pack.where", ("pack.open", "pack.offline"), "pack.passphrase", "pack.save")
    if f.held_back:
        w.heading("left_out.heading")
        w.para("left_out")
        w.quote(f.held_back, "left_out")
    _proof(w)
    w.heading("rights.heading")
    w.para("rights.data", "rights.object")
    return "subject.response"


def _remark(w: _Writer) -> None:
    if w.facts.answer:
        w.para("remark")
        w.quote(w.facts.answer, "remark")


def _confirmation(w: _Writer) -> str:
    f = w.facts
    w.para("late" if f.late else "")
    w.para("received", _about(w) if f.asks is Asks.ERASURE else "")
    {
        Asks.ERASURE: _erased,
        Asks.OBJECTION: _objected,
        Asks.RESTRICTION: _locked,
        Asks.RECTIFICATION: _rectified,
    }[f.asks](w)
    _remark(w)
    _proof(w)
    return ("subject.partly" if f.went else "subject.kept") if f.partly else "subject.done"


def _erased(w: _Writer) -> None:
    f = w.facts
    if not f.went:
        w.para("erased.not_yet" if f.partly else "erased.nothing")
    elif f.partly:
        w.para("erased.part", "erased.part.why")
    elif f.narrowed:
        w.para("erased.calls", *(("erased.outside", "erased.outside.ask") if f.outside else ()))
    else:
        w.para("erased.all", "erased.completed" if f.completed else "")
    details = "part" if f.partly else "calls" if f.narrowed else ""
    if f.went:
        w.items(
            "erased.recordings" if f.erased_recordings else "erased.no_recordings",
            f"erased.details.{details}" if details else "erased.details",
        )
    if f.partly:
        w.heading("stays.heading")
        own = [each for each in f.holds if not each.elsewhere]
        w.para("stays" if own else "")
        _holds(w)
        w.para("stays.refused", "stays.later", "stays.authority")
    elif f.holds:
        w.heading("stays.heading")
        _holds(w)
    if f.backups_until and f.went:
        until = "backups.until" if f.erased_recordings else ""
        w.para("backups", until, "backups.use", "backups.again" if f.erased_again else "backups.by_hand")
    _recipients(w, "given.erased")
    w.heading("kept.heading")
    hashed = not (f.narrowed or f.partly)
    code = ("kept.code", "kept.code.what") if hashed else ("kept.number",)
    note = ("kept.note", "" if f.partly else "kept.forget")
    w.items(code if f.stopped and not f.objection_ended else (), note)


def _holds(w: _Writer) -> None:
    """Why each hold keeps something; the authority needs no reference of the firm's."""
    of_authority = w.facts.kind is LetterKind.AUTHORITY
    found: list[tuple[Sentence, ...]] = []
    for each in dict.fromkeys(w.facts.holds):
        if each.elsewhere:
            item = w.sentence(_to(w, "hold.elsewhere"))
        else:
            case = "" if of_authority or not one_line(each.case) else f" ({one_line(each.case)})"
            item = w.sentence(f"hold.{each.ground}", case=case, law=each.law)
        if (item,) not in found:
            found.append((item,))
    w.blocks.append(Block("list", tuple(found)))


def _objected(w: _Writer) -> None:
    f = w.facts
    if not f.numbers:
        w.para("stopped.which")
        return
    w.para(*_stopped(f), "stopped.until")
    w.para("stopped.list", "stopped.use")


def _stopped(f: LetterFacts) -> tuple[str, str]:
    return "stopped.all" if f.all_calls else "stopped.marketing", "stopped.late" if f.stopped_late else ""


def _locked(w: _Writer) -> None:
    w.para("locked", "locked.not", "locked.except")
    w.para("locked.lift", "locked.calls")
    _recipients(w, "given.restricted")


def _rectified(w: _Writer) -> None:
    w.para("right", "right.now")
    for each in w.facts.statements:
        w.quote(each, "statement")
    w.para("right.beside" if w.facts.beside else "", "right.evidence", "right.shown")
    _recipients(w, "given.rectified")


def _recipients(w: _Writer, tell: str) -> None:
    """Who else got it: nobody is named who did not, and nobody is left out."""
    w.heading("given.heading")
    if w.facts.recipients:
        w.para("given")
        w.each("given.one", w.facts.recipients)
        w.para(tell)
    elif not w.facts.copies:
        w.para("given.nobody")
    w.para("given.you" if w.facts.own_copies else "")
    if w.facts.copies:
        w.para("copies")
        w.each("copies.one", w.facts.copies)
        w.para("copies.why")


def _refusal(w: _Writer) -> str:
    f = w.facts
    w.para("late" if f.late else "")
    w.para("received", _about(w))
    w.para("refused.complaint" if f.complaint else "refused")
    w.heading("why.heading")
    _ground(w)
    _reasons(w)
    if f.held_back:
        w.para("concerns")
        w.quote(f.held_back, "left_out", rests=Refused)
    w.para("still.prove" if f.unproven else "")
    if f.complaint:
        _calls_after(w)
    w.para("again", "authority.told" if f.erasure else "authority.told.other")
    return "subject.refusal"


def _ground(w: _Writer) -> None:
    """The ground of a refusal; none for a complaint, which is not upheld for its reasons alone."""
    f = w.facts
    if f.ground is None or f.complaint:
        return
    own = f"ground.{f.asks}.{f.ground}"
    name = own if own in WORDS else f"ground.{f.ground}"
    if not f.unproven:
        w.para(_to(w, name))
        return
    why = "" if f.kind is LetterKind.AUTHORITY else f"{name}.why"
    w.para(_to(w, name), _to(w, f"{name}.asked") if f.asked_identity else "", why)


def _to(w: _Writer, name: str) -> str:
    """The sentence as the authority reads it, where that is another one."""
    of_authority = f"{name}.authority"
    return of_authority if w.facts.kind is LetterKind.AUTHORITY and of_authority in WORDS else name


def _reasons(w: _Writer) -> None:
    f = w.facts
    if f.reasons:
        unfounded = f.ground is Ground.MANIFESTLY_UNFOUNDED and not f.complaint
        w.para("ground.manifestly_unfounded.why" if unfounded else "reasons")
        w.quote(f.reasons, "reasons")


def _authority(w: _Writer) -> str:
    f = w.facts
    asked = "authority.policy" if f.erasure else "authority.complaint" if f.complaint else "authority.other"
    w.para(asked, "authority.nothing")
    w.items(
        "authority.controller",
        "authority.reference",
        "authority.asked",
        "authority.received",
        "authority.decided" if f.decided else "",
        "authority.due" if f.due else "",
        "authority.late" if f.late else "",
    )
    w.heading("why.heading")
    if f.partly:
        w.para(
            "authority.granted" if f.went else "authority.granted.nothing",
            "stays" if [each for each in f.holds if not each.elsewhere] else "",
        )
        _holds(w)
    else:
        _ground(w)
    if f.reasons:
        w.para("authority.reasons")
        w.quote(f.reasons, "reasons")
    w.para("authority.person" if f.leaves.get(LetterMade.kind) else "", "authority.no_name")
    return "subject.authority" + (".partly" if f.partly else ".complaint" if f.complaint else "")


def _recipient(w: _Writer) -> str:
    f = w.facts
    w.para(f"recipient.{f.asks}", "recipient.gave")
    if f.asks is Asks.RECTIFICATION:
        w.heading("recipient.right")
        for each in f.statements:
            w.quote(each, "statement")
    w.heading("recipient.heading")
    w.each("recipient.given", f.given, "lines")
    w.para("recipient.names", "recipient.nobody" if f.asks is not Asks.RECTIFICATION else "")
    w.heading("recipient.please")
    if f.asks is Asks.RESTRICTION:
        w.para("recipient.lock", "recipient.lock.except", "recipient.lock.ask", "recipient.pass_on")
    elif f.asks is Asks.RECTIFICATION:
        w.para("recipient.correct", "recipient.pass_on")
    else:
        w.para("recipient.erase", "recipient.erase.law", "recipient.pass_on")
        w.para("recipient.erase.bundle")
    w.para("recipient.write")
    return f"subject.recipient.{f.asks}"


def _proof(w: _Writer) -> None:
    if not w.facts.proof:
        return
    w.heading("proof.heading")
    w.para("proof.file", "proof.shows", "proof.signed", "proof.key")
    w.lines("proof.key.value", one_line(w.facts.log_key), "the log's own key")
    w.para("proof.limits")


def _complain(w: _Writer) -> None:
    """The firm first, then the authority: at the end of each letter to the person."""
    w.heading("complain.heading")
    w.para("complain.us.email" if w.firm.email else "complain.us", "complain.dpo" if w.firm.dpo else "")
    w.para("complain.authority")
    authority = w.firm.authority
    rests = authority.source or "configuration: authority"
    reached = [authority.name, authority.address, authority.phone, authority.web]
    w.lines("complain.authority.address", "\n".join(each for each in reached if each), rests)


_LETTERS: Final[Mapping[LetterKind, Callable[[_Writer], str]]] = {
    LetterKind.ACKNOWLEDGEMENT: _acknowledgement,
    LetterKind.WRITING: _writing,
    LetterKind.IDENTITY: _identity,
    LetterKind.CLARIFICATION: _clarification,
    LetterKind.EXTENSION: _extension,
    LetterKind.PROGRESS: _progress,
    LetterKind.RESPONSE: _response,
    LetterKind.CONFIRMATION: _confirmation,
    LetterKind.REFUSAL: _refusal,
    LetterKind.AUTHORITY: _authority,
    LetterKind.RECIPIENT: _recipient,
    LetterKind.WITHDRAWAL: _withdrawal,
}
"""Each makes its blocks and names its subject."""
_ANSWERS: Final[Mapping[LetterKind, frozenset[Asks]]] = {
    LetterKind.WRITING: frozenset({Asks.ERASURE}),
    LetterKind.RESPONSE: frozenset({Asks.ACCESS, Asks.COMPLAINT}),
    LetterKind.CONFIRMATION: frozenset({Asks.ERASURE, Asks.OBJECTION, Asks.RESTRICTION, Asks.RECTIFICATION}),
    LetterKind.RECIPIENT: frozenset({Asks.ERASURE, Asks.RESTRICTION, Asks.RECTIFICATION}),
    LetterKind.PROGRESS: frozenset({Asks.COMPLAINT}),
    LetterKind.WITHDRAWAL: frozenset({Asks.OBJECTION}),  # of no request: they want no such calls any more
}
"""What some letters are for; the others answer anything."""
