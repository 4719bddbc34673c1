"""Hypothesis strategies for telephone numbers: national numbers, and the ways people and phones spell them."""

from __future__ import annotations

from hypothesis import strategies as st

from gate.core.spelling import is_decimal

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


@st.composite
def spaced(draw: st.DrawFn, digits: str) -> str:
    """The digits with blanks, dashes, dots or invisible marks somewhere between them."""
    separator = draw(st.sampled_from(["", " ", "-", ".", "\N{NO-BREAK SPACE}", "\N{NON-BREAKING HYPHEN}", "\u202d"]))
    cuts = draw(st.sets(st.integers(1, len(digits) - 1), max_size=4))
    return "".join(digit if i not in cuts else separator + digit for i, digit in enumerate(digits))


@st.composite
def plain_spellings(draw: st.DrawFn, e164: str) -> str:
    """A +44 number in national or international form, with separators; none that reads as a spreadsheet's decimal
    (``020794600.00``), which is refused."""
    national = e164[3:]
    prefix = draw(
        st.sampled_from(["0", "+44", "44", "0044", "+440", "+44 (0)", "0044 (0) ", "(+44) ", "00 44 ", "+44-"])
    )
    return prefix + draw(spaced(national).filter(lambda digits: not is_decimal(prefix + digits)))


@st.composite
def spellings(draw: st.DrawFn, e164: str) -> str:
    """Any spelling of a +44 number that a keyboard, an address book, a CRM or a SIP phone makes of it."""
    national = e164[3:]
    plain = draw(plain_spellings(e164))
    dialled = draw(st.sampled_from([f"0{national}", e164, f"44{national}", f"0044{national}", f"%2B44{national}"]))
    return draw(
        st.sampled_from(
            [
                plain,
                f"  {plain}\t",
                plain.translate(FULL_WIDTH),
                plain.translate(ARABIC_INDIC),
                f"({national[:4]}) {national[4:]}".replace("(", "(0"),
                f"tel:{e164[:6]}-{e164[6:]}",
                f"TEL:{e164};phone-context=+44",
                f"tel:0{national};phone-context=example.invalid",
                f"tel:{national};phone-context=+44",
                f"sip:{dialled}@example.invalid",
                f"sips:{dialled}@[2001:db8::1]:5061;transport=tls;user=phone?Subject=hello",
                f"SIP:{dialled};user=phone@example.invalid",
                f"sip:{dialled};npdi;rn=+441632960000:secret@192.0.2.1",
                f"{dialled};user=phone",
                f"{dialled}@example.invalid",
            ]
        )
    )
