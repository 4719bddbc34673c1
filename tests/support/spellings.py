"""Hypothesis strategies for telephone numbers: national numbers, and the ways people and phones spell them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hypothesis import assume
from hypothesis import strategies as st

from gate.core.numbers import is_decimal

DRAMA_PREFIXES = (
    *("2079460", "1632960", "7700900", "1914980", "2890180", "2920180"),
    *(f"{area}4960" for area in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161)),
)
"""LAW 6.5, national, each to be completed by three digits."""

FULL_WIDTH = str.maketrans("0123456789+", "０１２３４５６７８９＋")
ARABIC_INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def drama_numbers() -> st.SearchStrategy[str]:
    """E.164 numbers of the drama ranges."""
    return st.builds(lambda prefix, rest: f"+44{prefix}{rest:03}", st.sampled_from(DRAMA_PREFIXES), st.integers(0, 999))


# Each strategy is made once: to make one costs more than to draw from it.
_SEPARATORS = st.sampled_from(["", " ", "-", ".", "\N{NO-BREAK SPACE}", "\N{NON-BREAKING HYPHEN}", "\u202d"])
_PREFIXES = st.sampled_from(["0", "+44", "44", "0044", "+440", "+44 (0)", "0044 (0) ", "(+44) ", "00 44 ", "+44-"])
_DIALLED = st.sampled_from(["0", "+44", "44", "0044", "%2B44"])


@cache
def _cuts(length: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(1, length - 1), max_size=4)


def _spaced(draw: st.DrawFn, digits: str) -> str:
    """The digits with blanks, dashes, dots or invisible marks somewhere between them."""
    separator, cuts = draw(_SEPARATORS), draw(_cuts(len(digits)))
    return "".join(digit if i not in cuts else separator + digit for i, digit in enumerate(digits))


def _plain(draw: st.DrawFn, e164: str) -> str:
    plain = draw(_PREFIXES) + _spaced(draw, e164[3:])
    assume(not is_decimal(plain))
    return plain


@st.composite
def plain_spellings(draw: st.DrawFn, e164: str) -> str:
    """A +44 number in national or international form, with separators; none that reads as a spreadsheet's decimal
    (``020794600.00``), which is refused."""
    return _plain(draw, e164)


_FORMS: st.SearchStrategy[Callable[[str, str, str, str], str]] = st.sampled_from(
    [
        lambda e164, national, plain, dialled: plain,
        lambda e164, national, plain, dialled: f"  {plain}\t",
        lambda e164, national, plain, dialled: plain.translate(FULL_WIDTH),
        lambda e164, national, plain, dialled: plain.translate(ARABIC_INDIC),
        lambda e164, national, plain, dialled: f"(0{national[:4]}) {national[4:]}",
        lambda e164, national, plain, dialled: f"tel:{e164[:6]}-{e164[6:]}",
        lambda e164, national, plain, dialled: f"TEL:{e164};phone-context=+44",
        lambda e164, national, plain, dialled: f"tel:0{national};phone-context=example.invalid",
        lambda e164, national, plain, dialled: f"tel:{national};phone-context=+44",
        lambda e164, national, plain, dialled: f"sip:{dialled}@example.invalid",
        lambda e164, national, plain, dialled: (
            f"sips:{dialled}@[2001:db8::1]:5061;transport=tls;user=phone?Subject=hello"
        ),
        lambda e164, national, plain, dialled: f"SIP:{dialled};user=phone@example.invalid",
        lambda e164, national, plain, dialled: f"sip:{dialled};npdi;rn=+441632960000:secret@192.0.2.1",
        lambda e164, national, plain, dialled: f"{dialled};user=phone",
        lambda e164, national, plain, dialled: f"{dialled}@example.invalid",
    ]
)


@st.composite
def spellings(draw: st.DrawFn, e164: str) -> str:
    """Any spelling of a +44 number that a keyboard, an address book, a CRM or a SIP phone makes of it."""
    plain, dialled = _plain(draw, e164), draw(_DIALLED) + e164[3:]
    return draw(_FORMS)(e164, e164[3:], plain, dialled)
