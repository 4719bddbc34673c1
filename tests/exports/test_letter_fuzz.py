"""Whatever people write: a letter keeps its structure, its headers and its marks."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import SMTP
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.letters import Letter, LetterFacts, LetterFirm, one_line, page_of, plain_lines
from gate.core.request_words import LetterKind
from gate.exports.letter_samples import NOW, samples
from gate.exports.letters import LetterError, render
from tests.support.examples import examples
from tests.support.packs import AUTHORITY, FIRM

NASTY = (
    "</p><script>alert(1)</script>", "<!--", "]]>", "&lt;b&gt;", "\r\nBcc: x@example.invalid\r\n\r\nx", "\n\n# Heading",
    "\n\n- item", "\n\n| line", "\n> quote", "**strong**", "** **", "***", "{{ 7 * 7 }}", "{% raw %}", "{#",
    "\x00\x1b[31m", "\u202eevil\u2066", "\u2028\u2029\x85\x0b\x0c", "\ud800", "=?utf-8?q?x?=", '"; a="',
    "Subject: x", ".", "\xa0", " ",
)  # fmt: skip
TEXT = st.lists(st.one_of(st.sampled_from(NASTY), st.text(st.characters(), max_size=12)), max_size=4).map("".join)
FIELDS = ("reference", "name", "contact", "reasons", "answer", "held_back", "pack")
FIRM_FIELDS = ("legal_name", "trading_name", "address", "freephone", "signed", "email")


class Tags(HTMLParser):
    """The elements of a page, with their attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(f"{tag} {attrs}")

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")


def letter(facts: LetterFacts, firm: LetterFirm) -> Letter | None:
    """The letter; None where a sentence of it has no fact."""
    try:
        return render(facts, firm, now=NOW, sender="letters@example.invalid")
    except LetterError:
        return None


def tame(text: str) -> str:
    """A harmless text that is there where ``text`` leaves something to be read."""
    return "x" if one_line(text) else ""


@settings(max_examples=examples(150), deadline=None)
@given(facts=st.sampled_from(samples()), data=st.data())
def test_no_text_in_any_field_changes_elements_or_headers(facts: LetterFacts, data: st.DataObject) -> None:
    values = {name: data.draw(TEXT, name) for name in FIELDS}
    numbers = tuple(data.draw(st.lists(TEXT, max_size=3)))
    told = {name: data.draw(TEXT, f"firm {name}") for name in FIRM_FIELDS}
    firm = LetterFirm(**told, authority=AUTHORITY)
    made = letter(replace(facts, numbers=numbers, **values), firm)
    tamed = {name: tame(text) for name, text in values.items()}
    plain_firm = LetterFirm(**{name: tame(text) for name, text in told.items()}, authority=AUTHORITY)
    plain_numbers = tuple(tame(number) for number in numbers)
    plain = letter(replace(facts, numbers=plain_numbers, **tamed), plain_firm)
    if made is None or plain is None:
        assert made is plain, "what one cannot say for want of a fact, the other cannot either"
        return
    assert Tags(made.html).found == Tags(plain.html).found

    message = message_from_bytes(made.eml, policy=SMTP)
    expected = ["Date", "From", "Subject", "Message-ID", "X-Unsent", "MIME-Version", "Content-Type"]
    assert sorted(set(message.keys()) - {"To", "Reply-To"}) == sorted(expected) and "Bcc" not in message
    assert message.defects == [] and len(list(message.iter_parts())) == 2
    assert made.eml.isascii() and b"\n" not in made.eml.replace(b"\r\n", b"")
    parts = [part.get_content().replace("\r\n", "\n").rstrip("\n") for part in message.iter_parts()]
    assert parts == [made.text.rstrip("\n"), made.html.rstrip("\n")]
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\u2066\u2028\ud800]", made.text + made.html + made.subject)


@settings(max_examples=examples(300), deadline=None)
@given(TEXT)
def test_what_is_quoted_is_one_quotation_of_all_its_words(text: str) -> None:
    refusal = next(facts for facts in samples() if facts.kind is LetterKind.REFUSAL)
    page = page_of(replace(refusal, reasons=text), FIRM)
    found = [block for block in page.blocks if block.kind == "quote"]
    if not plain_lines(text):
        assert found == []
        return
    assert [" ".join(" ".join(block.lines).split()) for block in found] == [
        " ".join(" ".join(plain_lines(text)).split())
    ]


@settings(max_examples=examples(300), deadline=None)
@given(TEXT)
def test_one_line_is_one_line_and_stays_as_it_is(text: str) -> None:
    line = one_line(text)
    assert one_line(line) == line == line.strip()
    assert len(line.splitlines()) <= 1 and "**" not in line
    line.encode("utf-8")
