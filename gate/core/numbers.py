"""Any spelling of a telephone number -> one E.164 value, or a refusal with its reason.

``parse`` is the only way in: what it returns is what is screened and what is dialled, the raw text never is. UK shapes
are recognised by one strict expression (LAW 6.1: validity tables lag behind allocations and deny the drama ranges);
numbers of other countries are left to ``phonenumbers``. Whatever is not plainly one number is refused.

A raw spelling first becomes plain digits: URIs unwrapped, separators dropped, everything doubtful refused.

A number that a spreadsheet has changed is never dialled by itself: ``repair`` proposes what to mend. A column of
numbers loses its leading 0, becomes a decimal (``2079460123.0``) or a power of ten (``4.42079E+11``). The repair is
made in the CRM: a guess of ours must not become the number that is screened and called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import unquote

from gate.core.terms import Reason

if TYPE_CHECKING:
    import phonenumbers

MAX_RAW: Final = 256
"""Longest raw text that is looked at, in characters: more than any SIP URI that a phone sends."""


class NumberRefused(ValueError):
    """The only exception of ``numbers.parse``: this text is not one number that may be dialled."""

    def __init__(self, code: Reason, explanation: str) -> None:
        super().__init__(explanation)
        self.code = code
        """``number_invalid``, ``destination_not_allowed`` or ``identity_withheld``."""
        self.explanation = explanation
        """One sentence that a salesperson understands; holds nothing of the raw text."""


_DIGITS = re.compile(r"\+?[0-9]+").fullmatch
_SEPARATORS: Final = str.maketrans("", "", " -.()")
_SCHEME = re.compile(r"(sips?|tel):", re.IGNORECASE).match
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9._-]*").fullmatch
_MORE_DIGITS: Final = frozenset({"ext", "isub", "postd"})
"""Parameters that lead past the number itself: extension, ISDN subaddress, digits sent after the answer (RFC 3966)."""

_SHORT = re.compile(r"(?:(?:\+|00)?44)?(999|911|1[0-9]{2,5})|[09](999|112)").fullmatch
"""UK emergency (999, 112; 911 by mistake) and type A access codes (1…, three to six digits): 101, 111, 118xxx, 116xxx,
1471. An outside-line 0 or 9 before 999 and 112 is somebody in need, and is told the same."""
_WITHHOLD = re.compile(r"141 ?(?=[0+(]|44[0-9]{9})|[#*]31#|\*67").match
_HIDDEN_HELP = re.compile(r"(?:141|[#*]31#|\*67) ?(999|112)").fullmatch
"""Somebody in need, at a phone that hides its number: no number begins with 99 or 112 behind a prefix."""
_SOS = re.compile(r"urn:service:sos(?:\.[a-z0-9-]+)*", re.IGNORECASE).fullmatch
_PREFIX = re.compile(r"(?:1470|1471|1475|1280|1800[0-9])[0+]").match
_DECIMAL = re.compile(r"\+?[0-9]{7,15}[.,]0{1,2}").fullmatch
"""What a spreadsheet makes of a number: read with its dot as a separator, it would be another number."""
_EXTENSION = re.compile(r"(?:ext(?:ension|n)?|x|#)[ .:]*[0-9]", re.IGNORECASE).search
_SEVERAL = re.compile(r"[,;/|&]|\bor\b").search


def plain(raw: str) -> str:
    """``+`` (or not) and ASCII digits, or ``NumberRefused``. The number may still not exist."""
    if not isinstance(raw, str) or not raw.strip():
        raise _invalid("No number was given.")
    if len(raw) > MAX_RAW:
        raise _invalid("This is too long to be a telephone number.")
    text = _unwrap(raw.strip())
    if not text.isascii():
        text = _to_ascii(text)
    if is_decimal(text):
        raise _invalid("A spreadsheet has made a decimal of this number (.0 at its end): write it without.")
    if text.endswith(")"):
        raise _invalid("The digits in brackets at the end may be an extension: write one number without them.")
    digits = text.translate(_SEPARATORS)
    if _DIGITS(digits) is None:
        _refuse_text(text)
    return digits


def is_decimal(text: str) -> bool:
    """True for digits that end with ``.0``, as a spreadsheet writes them."""
    return _DECIMAL(text) is not None


def compact(text: str) -> str:
    """``+`` (or not) and ASCII digits, separators dropped; empty where there is anything else."""
    digits = text.translate(_SEPARATORS)
    return digits if _DIGITS(digits) else ""


def _unwrap(text: str) -> str:
    """The number inside a ``tel:`` URI, a SIP URI or a SIP user part, its parameters checked and dropped."""
    scheme = _SCHEME(text)
    if scheme is None and ";" not in text and "@" not in text:
        return text
    body = text[scheme.end() :] if scheme else text
    if "@" in body or (scheme and scheme[1].lower() != "tel"):
        user, at, host = body.partition("@")
        if not at or not host or "@" in host:
            raise _invalid("This SIP address has no telephone number before its @.")
        body = user.partition(":")[0]
    subscriber, *parameters = body.split(";")
    subscriber = unquote(subscriber).strip()
    context, said = "", {"number": ""}
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if _PARAMETER(name) is None:
            _refuse_text(text)
        if name.lower() in _MORE_DIGITS:
            raise _invalid("An extension cannot be dialled through the gate: dial the number without it.")
        if said.setdefault(name.lower(), value) != value:
            raise _invalid("This says two things of one number, or two numbers: dial one at a time.")
        if name.lower() == "phone-context":
            context = unquote(value).strip()
    # RFC 3966 5.1.5: a local number is completed by a context of global digits; a domain name adds nothing.
    if context.startswith("+") and not subscriber.startswith("+"):
        return context + subscriber
    return subscriber


def _to_ascii(text: str) -> str:
    """Decimal digits of any script, and the plus, brackets, blanks, dashes and invisible marks that come with copied
    numbers. Superscripts and circled digits are no decimal digits (they may be a footnote mark): refused."""
    out = []
    for char in text:
        category = unicodedata.category(char)
        if char.isascii():
            out.append(char)
        elif category == "Nd":
            out.append(str(unicodedata.decimal(char)))
        elif char == "\N{FULLWIDTH PLUS SIGN}":
            out.append("+")
        elif char in "\N{FULLWIDTH LEFT PARENTHESIS}\N{FULLWIDTH RIGHT PARENTHESIS}\N{FULLWIDTH FULL STOP}":
            out.append(chr(ord(char) - 0xFEE0))
        elif category not in ("Zs", "Pd", "Cf"):
            raise _invalid("This holds signs that belong to no telephone number.")
    return "".join(out)


def is_short(digits: str) -> bool:
    """True for an emergency or short number; ``digits`` as ``plain`` returns them."""
    return _SHORT(digits) is not None


def asks_for_help(raw: str) -> bool:
    """True for the emergency service by its name (RFC 5031): ``urn:service:sos``, ``urn:service:sos.police``."""
    return isinstance(raw, str) and _SOS(raw) is not None


def dialled(raw: str) -> str:
    """Without the ``#`` that some phones send at the end of what was dialled."""
    return raw.removesuffix("#") if isinstance(raw, str) else raw


def short_number(raw: str) -> str:
    """The emergency or short number that ``raw`` spells, without country code, outside-line digit, a ``#`` at its end
    or, for 999 and 112, a prefix that hides the caller's number: ``999``, ``101``; empty where it spells none. Raises
    as ``plain`` does."""
    raw = dialled(raw)
    if isinstance(raw, str) and (hidden := _HIDDEN_HELP(raw)):
        return hidden[1]
    match = _SHORT(plain(raw))
    return (match[1] or match[2]) if match else ""


def refused_as_short() -> NumberRefused:
    """The refusal of an emergency or short number: never dialled here, and the caller is told where to (LAW 3.5)."""
    return NumberRefused(
        Reason.DESTINATION_NOT_ALLOWED,
        "Emergency and short numbers do not go through the gate: dial them from a phone on a direct line.",
    )


def refuse_shape(digits: str) -> NoReturn:
    """Raise with the most helpful sentence for digits that are no number of a known shape."""
    if _WITHHOLD(digits):
        _refuse_withheld()
    if _PREFIX(digits):
        raise _invalid("Dial the number without a service prefix such as 1470.")
    if len(digits) > 16:
        raise _invalid("This has too many digits for one number.")
    if digits[0] in "+0":
        raise _invalid("This has too few or too many digits for a telephone number.")
    raise _invalid("Write the number in full, with its leading 0 or with +44.")


def _refuse_text(text: str) -> NoReturn:
    """Raise with the most helpful sentence for text that is more, or other, than digits."""
    if _WITHHOLD(text):
        _refuse_withheld()
    if _EXTENSION(text):
        raise _invalid("An extension cannot be dialled through the gate: dial the number without it.")
    if _SEVERAL(text):
        raise _invalid("This is more than one number: dial one at a time.")
    raise _invalid("This is not a telephone number.")


def _refuse_withheld() -> NoReturn:
    """LAW 3.2: a request to hide the caller's number is refused, not repaired."""
    raise NumberRefused(
        Reason.IDENTITY_WITHHELD, "The prefix 141 hides our number, and calls must show it: dial without the prefix."
    )


def _invalid(explanation: str) -> NumberRefused:
    return NumberRefused(Reason.NUMBER_INVALID, explanation)


class Kind(StrEnum):
    """What a number is, by the range it stands in."""

    GEOGRAPHIC = "geographic"
    NON_GEOGRAPHIC = "non_geographic"
    MOBILE = "mobile"
    FREEPHONE = "freephone"
    REVENUE_SHARE = "revenue_share"
    PREMIUM = "premium"
    PERSONAL = "personal"
    PAGER = "pager"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Number:
    """One telephone number; made by ``parse``. An ``e164`` of another shape raises ``ValueError``."""

    e164: str
    """``+`` and 7 to 15 digits."""
    jurisdiction: str
    """``GB``, ``JE``, ``GG`` or ``IM`` (which share +44, LAW 6.3), else ISO 3166 alpha-2, or ``001`` for none."""
    kind: Kind

    def __post_init__(self) -> None:
        if _E164(self.e164) is None:
            raise ValueError(f"not an E.164 number: {self.e164!r}")


_E164 = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
_UK = re.compile(r"(?:(?:\+|00)?440?|0)([1-9][0-9]{6,9})").fullmatch
"""A UK number without separators: ``0…``, ``44…``, ``+44…``, ``0044…``, the last three with a stray trunk 0 too."""

_KINDS: Final = {
    **{f"1{d}": Kind.GEOGRAPHIC for d in range(10)},
    **{f"2{d}": Kind.GEOGRAPHIC for d in range(10)},
    **{f"3{d}": Kind.NON_GEOGRAPHIC for d in range(10)},
    **{f"7{d}": Kind.MOBILE for d in range(1, 10)},
    **{f"8{d}": Kind.OTHER for d in range(10)},
    **{f"9{d}": Kind.PREMIUM for d in range(10)},
    "70": Kind.PERSONAL,
    "76": Kind.PAGER,
    "80": Kind.FREEPHONE,
    "84": Kind.REVENUE_SHARE,
    "87": Kind.REVENUE_SHARE,
}
"""First two national digits -> kind: Ofcom's national numbering plan, with the first digits that LAW 6.1 accepts."""

_NOT_DIALLED: Final = {
    "55": "055 numbers are corporate numbers, of a company's private network",
    "56": "056 numbers are of internet telephony (VoIP), wherever its user is",
}
"""First two national digits -> what such a number is: in the plan, and none that LAW 6.1 accepts."""

_SEVEN_DIGITS: Final = frozenset({"8001111", "8454647"})
"""The numbers of seven national digits, by name: Childline and the former NHS Direct (LAW 6.1)."""

_ISLANDS: Final = {
    **dict.fromkeys(("1534", "7509", "7829", "7937", "7797", "77003", "77007", "77008"), "JE"),
    **dict.fromkeys(("1481", "7781", "7839", "79111", "79117"), "GG"),
    **dict.fromkeys(("1624", "7624", "7524", "7924", "74576"), "IM"),
}
"""National prefixes, four or five digits, of the Crown dependencies that share +44 (LAW 6.3)."""

_DRAMA: Final = frozenset(
    "+44" + prefix
    for prefix in (
        *("2079460", "1632960", "7700900", "1914980", "2890180", "2920180"),
        *(f"{area}4960" for area in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161)),
        *("8081570", "9098790", "3069990"),
    )
)
"""The ranges of 1,000 numbers that Ofcom keeps for drama: LAW 6.5, and the freephone, premium and UK-wide ones."""

DRAMA_THOUSANDS: Final = frozenset(int(prefix[1:]) for prefix in _DRAMA)
"""The same ranges as integers: the digits of an E.164 number without the last three."""


def parse(raw: str) -> Number:
    """The one number that ``raw`` spells.

    Understood: national (``020 7946 0000``), international (``+44``, ``0044``, ``44``, with ``(0)`` or a stray 0),
    ``tel:`` URIs with parameters, SIP URIs and their user parts, digits of any script. Refused: extensions, service
    prefixes (141, 1470, …), letters, several numbers, emergency and short numbers, a national number without its 0.

    Raises ``NumberRefused``, and nothing else for any text; its ``code`` is ``number_invalid``,
    ``destination_not_allowed`` (emergency and short numbers, LAW 3.5) or ``identity_withheld`` (141, LAW 3.2).
    Source: LAW 6.1, 6.2; RFC 3966; RFC 3261 section 19.1.
    """
    if not isinstance(raw, str):
        raise NumberRefused(Reason.NUMBER_INVALID, "No number was given.")
    match = _UK(raw)
    if match is None:
        if is_emergency_or_short(raw):  # also by its name, and with a # at its end
            raise refused_as_short()
        text = plain(raw)
        match = _UK(text)
        if match is None:
            return _rest(text)
    return _uk(match[1])


def _uk(national: str) -> Number:
    """LAW 6.1: ten digits; nine in 01 and 0800; seven by name only; first digit 1 2 3 7 8 9."""
    kind = _KINDS.get(national[:2])
    if kind is None and (what := _NOT_DIALLED.get(national[:2])) and len(national) == 10:
        raise NumberRefused(Reason.NUMBER_INVALID, f"{what}: the gate does not dial them.")
    if kind is None:
        raise NumberRefused(Reason.NUMBER_INVALID, f"No UK number starts with 0{national[0]} that may be dialled here.")
    length = len(national)
    if length != 10 and not _short_allocation(national, length):
        raise NumberRefused(
            Reason.NUMBER_INVALID, f"A UK number has 11 digits with its leading 0, and this one has {length + 1}."
        )
    jurisdiction = _ISLANDS.get(national[:4]) or _ISLANDS.get(national[:5], "GB")
    if kind is Kind.PAGER and jurisdiction == "IM":
        kind = Kind.MOBILE  # 07624 is the Isle of Man's mobile range inside the pager block
    return Number("+44" + national, jurisdiction, kind)


def _short_allocation(national: str, length: int) -> bool:
    if length == 9:
        return national[0] == "1" or national.startswith("800")
    return national in _SEVEN_DIGITS


def _rest(text: str) -> Number:
    """Read what is no UK number: a number of another country, or a refusal. ``text`` is ``+`` (or not) and digits."""
    if is_short(text):
        raise refused_as_short()
    digits = text[1:] if text[0] == "+" else text[2:] if text.startswith("00") else ""
    if digits[:1] in ("", "0") or digits.startswith("44"):
        refuse_shape(text)
    return _foreign(digits)


def _read_abroad(text: str) -> tuple[Any, phonenumbers.PhoneNumber | None]:
    """The library of all countries' numbers, and what it reads in a text: None where that is no number."""
    import phonenumbers  # not at the top: its tables take longer to load than a `check` of a UK number takes in all

    try:
        return phonenumbers, phonenumbers.parse(text, "GB")
    except phonenumbers.NumberParseException:
        return phonenumbers, None


def written_abroad(number: str) -> str:
    """A number in the international form of its country; what is no number as it is."""
    library, found = _read_abroad(number)
    if found is None:
        return number
    form = library.PhoneNumberFormat
    return str(library.format_number(found, form.NATIONAL if found.country_code == 44 else form.INTERNATIONAL))


def _foreign(digits: str) -> Number:
    """The number of another country that these digits are, or a refusal."""
    phonenumbers, found = _read_abroad("+" + digits)
    if found is None or not phonenumbers.is_valid_number(found):
        raise NumberRefused(Reason.NUMBER_INVALID, "This is not a telephone number of any country.")
    e164 = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
    region = phonenumbers.region_code_for_number(found) or "001"
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(found))
    return Number(e164, region, _FOREIGN_KINDS.get(kind, Kind.OTHER))


_FOREIGN_KINDS: Final = {
    "FIXED_LINE": Kind.GEOGRAPHIC,
    "FIXED_LINE_OR_MOBILE": Kind.GEOGRAPHIC,
    "MOBILE": Kind.MOBILE,
    "TOLL_FREE": Kind.FREEPHONE,
    "PREMIUM_RATE": Kind.PREMIUM,
    "SHARED_COST": Kind.REVENUE_SHARE,
    "PERSONAL_NUMBER": Kind.PERSONAL,
    "PAGER": Kind.PAGER,
    "UAN": Kind.NON_GEOGRAPHIC,
}
"""``phonenumbers.PhoneNumberType`` by name -> kind."""


def is_emergency_or_short(raw: str) -> bool:
    """True where ``raw`` spells an emergency or short number: 999, 112, 101, 111, 118…, 116…, 1471 (LAW 3.5).

    Never raises. For such a number the caller is told how to reach it past the gate.
    """
    try:
        return asks_for_help(raw) or is_short(plain(dialled(raw)))
    except NumberRefused:
        return False


def emergency_number(raw: str, routed: Collection[str]) -> str:
    """The one of ``routed`` that ``raw`` spells, as it is dialled: ``999``; empty where it spells none. Never raises.

    Nothing but these numbers themselves comes out, so what is longer, or goes on after them, never gets this way. The
    emergency service by its name (RFC 5031) is 999, or 112 where that alone is routed.
    """
    if asks_for_help(raw):
        return next((each for each in ("999", "112") if each in routed), "")
    try:
        short = short_number(raw)
    except NumberRefused:
        return ""
    return short if short in routed else ""


def is_for_help(raw: str) -> bool:
    """True where ``raw`` spells a number that an emergency route may carry, be there one or not. Never raises."""
    try:
        return asks_for_help(raw) or may_be_routed(short_number(raw))
    except NumberRefused:
        return False


def may_be_routed(short: str) -> bool:
    """True for a short number that an emergency route may carry: free, and for help. Not 118, which is premium."""
    return _HELP(short) is not None


_HELP = re.compile(r"999|112|18000|10[15]|111|116[0-9]{3}").fullmatch
"""999 and 112, 18000 (999 by text relay), 101 and 105 (police, power cuts), 111 (NHS), 116… (free services of social
value in all of Europe: Samaritans 116123, missing children 116000): Ofcom's national numbering plan, type A access."""


def begins_with(e164: str) -> str:
    """The number of nine national digits that one of ten begins with, in 01 and 0800, where there are such (LAW 6.1);
    empty for any other number. No number begins another: where the shorter one exists, the exchange rings it, and
    passes over the digit that is one too many."""
    return e164[:-1] if len(e164) == 13 and e164.startswith(("+441", "+44800")) else ""


def is_drama(e164: str) -> bool:
    """True in the ranges kept for drama, which a live gate never dials (LAW 6.5)."""
    return e164[:10] in _DRAMA and len(e164) == 13


SHORTEST: Final = 4
"""Signs of a number from which on it is looked for: fewer tell nothing apart."""


def beginning_of(typed: str) -> str:
    """The beginning of an E.164 number, from its beginning in any spelling; empty where it is none.

    ``020 79`` and ``0044 2079`` are ``+442079``.
    """
    digits = compact(typed)
    if len(digits) < SHORTEST:
        return ""
    for written, meant in (("+", "+"), ("00", "+"), ("0", "+44"), ("44", "+44")):
        if digits.startswith(written):
            return meant + digits[len(written) :]
    return ""


def shown_as(typed: str) -> tuple[str, str] | None:
    """The beginning of an E.164 number and its last two digits, from what ``mask`` shows of it in any spelling, with
    four stars between; None where it is no such text.

    ``020 79** **23`` is ``("+442079", "23")``.
    """
    begins, hidden, ends = typed.translate(_SEPARATORS).partition("****")
    beginning = beginning_of(begins) if hidden else ""
    return (beginning, ends) if beginning and len(ends) == 2 and _DIGITS(ends) else None


def presentable(e164: str) -> bool:
    """True where a firm may present this number: +44 with 01, 02, 03, mobile 07 or 080, 10 or 11 digits (LAW 3.1).

    The text must be canonical: ``+442079460000``, no other spelling. Never raises. Source: Ofcom General Condition C6.
    """
    try:
        number = parse(e164)
    except NumberRefused:
        return False
    return number.e164 == e164 and e164.startswith("+44") and len(e164) >= 12 and number.kind in _PRESENTABLE


_PRESENTABLE: Final = frozenset({Kind.GEOGRAPHIC, Kind.NON_GEOGRAPHIC, Kind.MOBILE, Kind.FREEPHONE})


def mask(e164: str) -> str:
    """A number for screens and logs with four digits hidden: ``+44 20 79** **00``, ``+44 7700 *** *23``.

    Text of another shape is hidden altogether (at most 15 stars). Never raises.
    """
    if _E164(e164) is None:
        return "*" * min(len(e164), 15)
    hidden = e164[:-6] + "****" + e164[-2:]
    if not e164.startswith("+44"):
        return hidden
    national = hidden[3:]
    if national[0] == "2":
        return f"+44 {national[:2]} {national[2:6]} {national[6:]}"
    return f"+44 {national[:4]} {national[4:7]} {national[7:]}"


_WITH_DECIMALS = re.compile(r"\+?([0-9]{7,15})[.,]0+").fullmatch
_POWER = re.compile(r"([0-9])[.,]?([0-9]*)E\+?([0-9]{1,2})", re.IGNORECASE).fullmatch
_BARE = re.compile(r"[1-9][0-9]{8,9}").fullmatch
_KEEP = "and keep the column as text"


def likely(raw: str) -> str:
    """The E.164 number that this text was before a spreadsheet changed it; empty where that cannot be told.

    To block it alone: a guess may keep somebody from being called, and nobody is called by a guess.
    """
    text = raw.strip()
    if power := _POWER(text):
        digits = (power[1] + power[2]).ljust(int(power[3]) + 1, "?")
    elif decimal := _WITH_DECIMALS(text):
        digits = decimal[1]
    else:
        digits = text if _BARE(text) else ""
    for spelled in (f"+{digits}", f"0{digits}"):
        with suppress(NumberRefused):
            return parse(spelled).e164
    return ""


def repair(raw: str) -> str:
    """What a spreadsheet did to this text, and how to put it right; empty where it did nothing. Holds no number."""
    text = raw.strip()
    if power := _POWER(text):
        digits = power[1] + power[2]
        if len(digits) < int(power[3]) + 1:
            return "a spreadsheet has cut its digits off (E+): they are lost; export the list again with them as text"
        return f"a spreadsheet has made a power of ten of it (E+): write out its digits, {_KEEP}"
    if _WITH_DECIMALS(text):
        return f"a spreadsheet has made a decimal of it: take the .0 off, write its leading 0 or + again, {_KEEP}"
    if _BARE(text):
        try:
            parse("0" + text)
        except NumberRefused:
            return ""
        return f"a spreadsheet has eaten its leading 0: write 0 before it, {_KEEP}"
    return ""
