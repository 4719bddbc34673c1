"""From a raw spelling to plain digits: URIs unwrapped, separators dropped, everything doubtful refused.

The inner half of ``gate.core.numbers``: it knows how numbers are written, not which ones exist.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NoReturn
from urllib.parse import unquote

from gate.core.terms import Reason

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
