"""Every letter in plain English, and a checker of that which can fail."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gate.core.letter_words import WORDS
from gate.core.letters import FIELDS, ITEM, LetterFacts, Unfounded, page_of
from gate.core.request_words import Asks, Ground, LetterKind
from gate.exports.letter_samples import LEAVES, NOW, samples
from gate.exports.letters import render
from tests.support.packs import FIRM
from tests.support.plain import faults, sentences

YEAR = sorted((Path(__file__).parents[1] / "data" / "golden" / "year").glob("*-*.txt"))
IDS = [f"{facts.kind}-{facts.asks}-{place}" for place, facts in enumerate(samples())]

BAD = {
    "We searched on 22 January 2027, at any time.": "no weekday",
    "We will look for every one of the calls that we made to you in the last year and tell you about all of them when "
    "we have done so at last.": "words",
    "If we have to be surer of who you are, we write.": "old wording",
    "We could not establish who asks.": "old wording",
    "Of the personal data about you, what nothing keeps is erased.": "no actor",
    "We keep it with call-t1.": "an id",
    "We keep it with 6f2c9e01ab.": "an id",
    "We must keep our records of 1 call.": "old wording",
    "We found 1 calls.": "a plural of one",
    "Your number is +447700900123.": "a machine's number",
    "We had 1200000 calls.": "a machine's number",
    "The file was made on 2027-01-22.": "a machine's number",
    "Your request was refused.": "no actor",
    "The reason is legal_claims.": "an id",
}


NOBODY_DOES_IT = (
    "Your request was refused by Friday 3 March 2028.",
    "Your data was erased by hand.",
    "The file was sent by email.",
    "Your number is kept by law.",
    "The call was recorded by mistake.",
    "Your complaint will be answered by the end of May.",
    "Your complaint will be answered by our deadline.",
    "Your details were removed, and we reply by Monday 6 March 2028 to the letter by your friend.",
    "The recording was erased, which is shown by our log.",
    "Your request was received and is now handled by our staff.",
    "We checked that no copy is left.",
    "Your data got lost.",
    "Nothing is then read by then.",
    "The call was stopped by Article 21.",
)
SOMEBODY_DOES_IT = (
    "Your request was refused by us.",
    "The recording was made by the firm.",
    "The file was opened by one of our staff.",
    "The call was made by Acme Windows Ltd on Friday 3 March 2028.",
    "Your number was given to us by your bank.",
    "The letter was written by somebody else, by hand.",
    "Your complaint was read by Ann Example and answered by her.",
    "We will reply by Friday 3 March 2028.",
    "We call you by phone, and go by what you said.",
    "In our view the request is clearly unfounded.",
)


@pytest.mark.parametrize("text", NOBODY_DOES_IT)
def test_a_passive_that_names_nobody_is_found(text: str) -> None:
    assert any(each.startswith("no actor") for each in faults(text))


@pytest.mark.parametrize("text", SOMEBODY_DOES_IT)
def test_a_passive_that_names_who_did_it_passes(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize("text", BAD)
def test_the_checker_finds_what_a_reader_would_stumble_over(text: str) -> None:
    assert [each for each in faults(text) if each.startswith(BAD[text]) or BAD[text] in each]


def test_the_checker_lets_plain_english_pass() -> None:
    text = "On Friday 22 January 2027 we searched our lists for 07700 900123. We found 1 call and 2 recordings."
    assert faults(text) == [] and len(sentences(text)) == 2


@pytest.mark.parametrize("facts", samples(), ids=IDS)
def test_every_sample_is_in_plain_english(facts: LetterFacts) -> None:
    made = render(facts, FIRM, now=NOW)
    text = made.text.replace(facts.log_key, "") if facts.log_key else made.text
    assert faults(text, to_recipient=facts.kind is LetterKind.RECIPIENT) == []


@pytest.mark.parametrize("path", YEAR, ids=[path.stem for path in YEAR])
def test_every_letter_of_the_year_is_in_plain_english(path: Path) -> None:
    letters = _letters(path.read_text(encoding="utf-8"))
    assert letters or "withdraw" in path.stem
    for text in letters:
        assert faults(text, to_recipient="that we gave you" in text) == []


@pytest.mark.parametrize("facts", samples(), ids=IDS)
def test_the_right_to_complain_ends_each_letter_to_the_person(facts: LetterFacts) -> None:
    page = page_of(facts, FIRM)
    to_person = facts.kind not in (LetterKind.AUTHORITY, LetterKind.RECIPIENT)
    headings = [block.items[0][0].name for block in page.blocks if block.kind == "heading"]
    assert (headings[-1:] == ["complain.heading"]) is to_person
    assert (page.blocks[-1].items[-1][-1].name == "complain.authority.address") is to_person


def _letters(golden: str) -> list[str]:
    """The letters of a story, without the margin."""
    blocks = re.findall(r"(?:^    \|.*\n)+", golden, re.MULTILINE)
    return [re.sub(r"^    \| ?", "", block, flags=re.MULTILINE) for block in blocks]


@pytest.mark.parametrize("name", WORDS)
def test_every_sentence_is_short_and_names_fields_that_there_are(name: str) -> None:
    words = WORDS[name]
    assert faults(re.sub(r" ?\{\w+\}", "", words.text.replace("**", ""))) == []
    assert len(words.text.split()) <= 25
    assert set(re.findall(r"\{(\w+)\}", words.text)) <= {*FIELDS, *ITEM}
    for fact in (*words.needs, *words.never):
        assert hasattr(samples()[0], fact), fact


@pytest.mark.parametrize("ground", Ground)
@pytest.mark.parametrize("asks", Asks)
@pytest.mark.parametrize("kind", [LetterKind.REFUSAL, LetterKind.AUTHORITY])
def test_every_ground_is_in_plain_english(kind: LetterKind, asks: Asks, ground: Ground) -> None:
    facts = LetterFacts(
        kind, "R-2026-0017", asks, NOW.date(), NOW.date(), LEAVES, ground=ground, numbers=("020 7946 0123",)
    )
    assert faults(render(facts, FIRM, now=NOW).text) == []


# --- a letter is a theorem ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", samples(), ids=IDS)
def test_no_sentence_is_without_a_ground(facts: LetterFacts) -> None:
    for each in page_of(facts, FIRM).sentences():
        assert each.rests, each.name


@pytest.mark.parametrize("facts", samples(), ids=IDS)
def test_without_the_log_there_is_no_letter(facts: LetterFacts) -> None:
    with pytest.raises(Unfounded, match="the log has no"):
        page_of(replace(facts, leaves={}), FIRM)


def of(kind: LetterKind, asks: Asks, **changes: object) -> LetterFacts:
    found = next(facts for facts in samples() if (facts.kind, facts.asks) == (kind, asks))
    return replace(found, **changes)  # type: ignore[arg-type]  # fields by name


NOTHING = next(facts for facts in samples() if facts.nothing)
CONTRADICTED = {
    "nothing is held, but calls were found": replace(NOTHING, found_calls=1),
    "nothing is held, but attempts lie outside of the search": replace(NOTHING, outside=2),
    "nothing is held, but entries were found": replace(NOTHING, found_entries=1),
    "marketing calls stopped, but the objection was taken back": of(
        LetterKind.CONFIRMATION, Asks.OBJECTION, objection_ended=True
    ),
    "the data is locked, but the restriction has ended": of(
        LetterKind.CONFIRMATION, Asks.RESTRICTION, restriction_ended=True
    ),
    "put right, but no statement says what": of(LetterKind.CONFIRMATION, Asks.RECTIFICATION, statements=()),
    "a complaint's result that nobody wrote": of(LetterKind.RESPONSE, Asks.COMPLAINT, answer=""),
    "nobody knows who asks, but it was proven": of(
        LetterKind.REFUSAL, Asks.ACCESS, ground=Ground.IDENTITY_NOT_PROVEN, identified=True
    ),
}


@pytest.mark.parametrize("why", CONTRADICTED)
def test_what_a_fact_contradicts_is_not_written(why: str) -> None:
    with pytest.raises(Unfounded, match=r"contradicts it|nothing in the log of this"):
        page_of(CONTRADICTED[why], FIRM)


def test_each_sentence_names_the_leaves_that_it_is_made_from() -> None:
    page = page_of(of(LetterKind.CONFIRMATION, Asks.ERASURE), FIRM)
    rests = {each.name: each.rests for each in page.sentences()}
    assert LEAVES["request_carried"][0] in rests["erased.all"]
    assert LEAVES["request_carrying"][0] in rests["given.nobody"]
    assert LEAVES["request_opened"][0] in rests["received"]
    assert "configuration: firm.contact_email" in rests["complain.us.email"]
    assert "law: UK GDPR Article 77" in rests["complain.authority"]
