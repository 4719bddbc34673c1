"""Letters: every kind against its golden file, what they must say, and templates that are wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest

from gate.config import authority_due, load
from gate.core.letter_words import WORDS
from gate.core.letters import Held, Letter, LetterFacts
from gate.core.request_words import Asks, Ground, LetterKind
from gate.exports.letter_samples import LEAVES, NOW, faults, samples
from gate.exports.letters import LetterError, firm_of, render, shipped_wording, templates_of
from tests.support.packs import FIRM
from tests.support.settings import VALID, write

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "letters"
KINDS = [
    (f"{facts.kind}-{facts.asks}{'-partly' if facts.partly else ''}{'-nothing' if facts.nothing else ''}", facts)
    for facts in samples()
]


def letter(facts: LetterFacts, templates: Path | None = None) -> Letter:
    return render(facts, FIRM, templates, now=NOW)


def sample(kind: LetterKind, asks: Asks) -> LetterFacts:
    return next(facts for facts in samples() if (facts.kind, facts.asks) == (kind, asks))


@pytest.mark.parametrize(("name", "facts"), KINDS, ids=[name for name, _ in KINDS])
def test_every_letter_reads_as_it_was_approved(name: str, facts: LetterFacts) -> None:
    """``GOLDEN=write`` writes the files anew: read them as a compliance officer before they are kept."""
    made = letter(facts)
    for suffix, text in (("txt", made.text), ("html", made.html)):
        path = GOLDEN / f"{name}.{suffix}"
        if os.environ.get("GOLDEN") == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), path


def test_the_message_is_the_same_bytes_each_time() -> None:
    path = GOLDEN / "refusal-erasure.eml"
    made = letter(sample(LetterKind.REFUSAL, Asks.ERASURE))
    if os.environ.get("GOLDEN") == "write":
        path.write_bytes(made.eml)
    assert made.eml == path.read_bytes() == letter(sample(LetterKind.REFUSAL, Asks.ERASURE)).eml


def test_every_kind_has_a_sample() -> None:
    assert {facts.kind for facts in samples()} == set(LetterKind)


# --- what the law and the policy ask of them ----------------------------------------------------------------------


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(("name", "facts"), KINDS, ids=[name for name, _ in KINDS])
def test_each_names_who_writes_about_what_and_where_to_complain(name: str, facts: LetterFacts) -> None:
    for form in (letter(facts).text, letter(facts).html.replace("&#39;", "'")):
        told = flat(form)
        for words in (FIRM.legal_name, "PO6 3EN", facts.reference, "Tuesday 3 March 2026", "Friday 20 March 2026"):
            assert words in told, words
        if facts.kind is LetterKind.RECIPIENT:
            continue  # it goes to somebody who is not asked about, and has nothing to complain of
        assert "Wycliffe House" in told and "SK9 5AF" in told
        if facts.kind is not LetterKind.AUTHORITY:
            ours, theirs = told.index("Please tell us first"), told.index("You can also complain to the Information")
            assert ours < theirs and "court" in told[theirs:], "the firm first, then the authority"
            assert "https://ico.org.uk/make-a-complaint/" in told[theirs:]


def test_statutory_dates_are_named() -> None:
    told = flat(letter(sample(LetterKind.ACKNOWLEDGEMENT, Asks.ACCESS)).text)
    assert "We will reply by Thursday 2 April 2026 at the latest" in told
    assert "The law would give us until Tuesday 7 April 2026" in told
    told = flat(letter(sample(LetterKind.ACKNOWLEDGEMENT, Asks.ERASURE)).text)
    assert "2 April" not in told and "Our time to reply starts when we have your answer" in told, (
        "identity is asked for"
    )
    told = flat(letter(sample(LetterKind.EXTENSION, Asks.ACCESS)).text)
    assert "by Wednesday 3 June 2026 at the latest" in told and "There are 400 recordings." in told
    told = flat(letter(sample(LetterKind.CLARIFICATION, Asks.ACCESS)).text)
    assert "Our time to reply stopped on Friday 20 March 2026" in told


@pytest.mark.parametrize("ground", Ground)
def test_a_refusal_gives_its_ground_and_reasons_to_both(ground: Ground) -> None:
    for kind in (LetterKind.REFUSAL, LetterKind.AUTHORITY):
        facts = replace(sample(kind, Asks.ERASURE), ground=ground)
        of_authority = f"ground.{ground}.authority"
        name = of_authority if kind is LetterKind.AUTHORITY and of_authority in WORDS else f"ground.{ground}"
        made = letter(facts)
        assert WORDS[name].text in flat(made.text)
        assert "evidence in a claim." in flat(made.text) and "until that is settled." in flat(made.text)
        rests = next(each.rests for each in made.sentences if each.name == name)
        assert any("UK GDPR" in str(each) or "policy" in str(each) for each in rests), "its law is named"
    told = flat(letter(sample(LetterKind.REFUSAL, Asks.ERASURE)).text)
    assert "You can also complain to the Information Commissioner's Office" in told and "you can go to court" in told


def test_the_authority_is_not_told_who_it_was() -> None:
    firm = replace(FIRM, authority=replace(FIRM.authority, email="casework@authority.invalid"))
    made = render(sample(LetterKind.AUTHORITY, Asks.ERASURE), firm, now=NOW)
    for form in (made.text, made.html, made.eml.decode()):
        assert "Ann" not in form and "7946" not in form and "ann@" not in form
    assert made.to == "casework@authority.invalid"
    assert letter(sample(LetterKind.AUTHORITY, Asks.ERASURE)).to == "", "by post where no address is set"


def test_the_authority_hears_what_the_person_was_told_only_where_the_log_has_that_letter() -> None:
    facts = sample(LetterKind.AUTHORITY, Asks.ERASURE)
    assert "Our letter to the person gives our reasons" in flat(letter(facts).text)
    without = {kind: leaves for kind, leaves in LEAVES.items() if kind != "letter_made"}
    assert "Our letter to the person" not in flat(letter(replace(facts, leaves=without)).text)


def test_a_recipient_is_told_what_to_erase_and_not_who_it_was() -> None:
    made = letter(replace(sample(LetterKind.RECIPIENT, Asks.ERASURE), name="Ann Example"))
    for form in (made.text, made.html, made.eml.decode()):
        assert "Ann" not in form and "7946" not in form and "ann@" not in form
    told = flat(made.text)
    assert "recording 5f0c2a71, in the bundle of evidence 7d31e09b, on Thursday 5 March 2026" in told
    assert "Article 19" in told and "Please erase all of this, every copy" in told
    assert made.to == "auditor@example.invalid" and '"A. Uditor" <auditor@example.invalid>' in made.eml.decode()


def test_an_erasure_says_what_backups_and_the_list_still_hold() -> None:
    told = flat(letter(sample(LetterKind.CONFIRMATION, Asks.ERASURE)).text)
    assert "the keys of 2 recordings" in told and "until Sunday 19 April 2026" in told
    assert "Our backup copies may hold what we erased" in told
    assert "the system erases your data again first" in told, "there is a memory journal"
    without = replace(sample(LetterKind.CONFIRMATION, Asks.ERASURE), erased_again=False)
    assert "we erase your data again by hand" in flat(letter(without).text)
    assert "A code that we made from your number" in told and "we do not call you again" in told
    nothing = replace(sample(LetterKind.CONFIRMATION, Asks.ERASURE), erased_recordings=0)
    told = flat(letter(nothing).text)
    assert "There was no recording that we could erase" in told and "19 April" not in told


def test_nobody_is_told_of_an_erasure_that_erased_nothing() -> None:
    nothing = replace(sample(LetterKind.CONFIRMATION, Asks.ERASURE), erased_recordings=0, went=False)
    told = flat(letter(nothing).text)
    assert "We hold nothing about you that we could erase" in told and "We have erased" not in told
    assert "backup" not in told and "We removed" not in told
    partly = next(facts for facts in samples() if facts.kind is LetterKind.CONFIRMATION and facts.partly)
    told = flat(letter(replace(partly, erased_recordings=0, went=False)).text)
    assert "We cannot erase this yet" in told and "We have erased" not in told


def test_what_goes_to_others_and_to_the_person_is_kept_apart() -> None:
    copies = ("the file that answered R-2026-0001, on Monday 2 March 2026",)
    facts = replace(sample(LetterKind.CONFIRMATION, Asks.ERASURE), own_copies=copies)
    told = flat(letter(facts).text)
    assert "somebody acting for you the file that answered R-2026-0001" in told
    assert "We will tell them" not in told, "there is nobody but the person"


def test_another_persons_restriction_does_not_give_their_reference_away() -> None:
    partly = next(facts for facts in samples() if facts.kind is LetterKind.CONFIRMATION and facts.partly)
    told = letter(replace(partly, holds=(Held("restriction", "DSR-2027-0099"),))).text
    assert "Somebody else asked us not to use it" in flat(told) and "DSR-2027-0099" not in told


def test_an_objection_to_all_calls_is_confirmed_as_one() -> None:
    for kind in (LetterKind.ACKNOWLEDGEMENT, LetterKind.CONFIRMATION):
        told = flat(letter(replace(sample(kind, Asks.OBJECTION), all_calls=True)).text)
        assert "We stopped all calls to" in told and "marketing" not in told


def test_nothing_held_is_said_plainly() -> None:
    nothing = next(facts for facts in samples() if facts.nothing)
    told = flat(letter(nothing).text)
    assert "On Thursday 12 March 2026 we searched" in told and "We searched every date" in told
    assert "We hold nothing about you in connection with 020 7946 0123" in told
    assert "hold nothing" not in flat(letter(replace(nothing, nothing=False)).text), "from the search alone"
    erased = replace(nothing, erased_recordings=1)
    assert "We had already erased 1 recording of calls with you" in flat(letter(erased).text)


def test_an_attempt_that_was_never_dialled_is_no_call() -> None:
    facts = replace(sample(LetterKind.RESPONSE, Asks.ACCESS), found_calls=2, found_stopped=1, found_entries=0)
    told = flat(letter(facts).text)
    assert "We found 2 calls, 1 attempt to call you that we stopped before dialling and 3 recordings" in told


def test_the_passphrase_is_never_in_the_letter_that_names_the_pack() -> None:
    told = flat(letter(sample(LetterKind.RESPONSE, Asks.ACCESS)).text)
    assert "R-2026-0017.html" in told and "in another way, never with the file" in told


# --- the message --------------------------------------------------------------------------------------------------


def test_the_message_has_both_forms_and_proper_headers() -> None:
    facts = replace(sample(LetterKind.REFUSAL, Asks.ERASURE), name="Zoë Müller-Ó Briain")
    made = render(facts, FIRM, now=datetime(2026, 7, 1, 22, 30, tzinfo=UTC), sender="letters@example.invalid")
    assert b"\n" not in made.eml.replace(b"\r\n", b""), "CRLF throughout"
    assert max(map(len, made.eml.split(b"\r\n"))) <= 78 + len("Subject: ")
    assert made.eml.isascii()
    message = message_from_bytes(made.eml, policy=SMTP)
    assert str(message["From"]) == "Webeo <letters@example.invalid>"
    assert str(message["Reply-To"]) == "datacompliance@example.invalid"
    assert message["To"].addresses[0].display_name == "Zoë Müller-Ó Briain"
    assert message["To"].addresses[0].addr_spec == made.to == "ann@example.invalid"
    assert message["Subject"] == made.subject == "Our decision on your request to erase your personal data"
    assert message["Date"].datetime == datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert str(message["Date"]).endswith("+0100"), "London's time"
    assert str(message["Message-ID"]).endswith("@example.invalid>"), "no host's name"
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert text.get_content().replace("\r\n", "\n").rstrip() == made.text.rstrip()
    assert html.get_content().replace("\r\n", "\n").rstrip() == made.html.rstrip()
    assert message.defects == [] and text.defects == [] and html.defects == []


def test_a_postal_address_is_no_recipient() -> None:
    made = letter(sample(LetterKind.WRITING, Asks.ERASURE))
    assert made.to == "" and "1 Example Street\nPortsmouth" in made.text
    assert message_from_bytes(made.eml)["To"] is None


@pytest.mark.parametrize(
    "contact",
    ["a@b", "a b@example.invalid", "a@example.invalid\nBcc: x@example.invalid", "<a@example.invalid>", "@x.y"],
)
def test_what_is_no_plain_address_gets_no_mail(contact: str) -> None:
    made = letter(replace(sample(LetterKind.REFUSAL, Asks.ERASURE), contact=contact))
    assert made.to == ""
    message = message_from_bytes(made.eml, policy=SMTP)
    assert message["To"] is None and message["Bcc"] is None


# --- the firm's own wording ---------------------------------------------------------------------------------------


def own(folder: Path, text: str) -> Path:
    (folder / "wording.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_firms_sentence_takes_the_place_of_the_shipped_one_and_rests_on_the_same(tmp_path: Path) -> None:
    refusal = sample(LetterKind.REFUSAL, Asks.ERASURE)
    assert letter(refusal, tmp_path).text == letter(refusal).text, "an empty folder changes nothing"
    own(tmp_path, '"refused" = "We say **no** to your {matter}."\n')
    made = letter(refusal, tmp_path)
    assert "We say no to your request to erase your personal data." in flat(made.text)
    assert "We say <strong>no</strong> to your request" in made.html and "Wycliffe House" in made.text
    rests = [{each.name: set(each.rests) for each in one.sentences}["refused"] for one in (letter(refusal), made)]
    assert rests[0] < rests[1], "and on what the field brings"
    assert letter(samples()[0], tmp_path).text == letter(samples()[0]).text
    assert faults(FIRM, tmp_path) == []


def test_all_sentences_as_they_are_shipped_change_nothing(tmp_path: Path) -> None:
    own(tmp_path, shipped_wording())
    for facts in samples():
        assert letter(facts, tmp_path).text == letter(facts).text
    assert faults(FIRM, tmp_path) == []


FAULTY = {
    "a sentence that is none": ('"refusel" = "No"', "refusel: there is no such sentence"),
    "a field that is none": ('"refused" = "{nmae}"', "refused: {nmae} cannot stand here"),
    "a field of another fact": ('"refused" = "By {backups_until}"', "refused: {backups_until} cannot stand here"),
    "no field name": ('"refused" = "{}"', "refused: {} cannot stand here"),
    "no text": ('"refused" = 7', "refused: is no text of one line"),
    "an empty text": ('"refused" = " "', "refused: is no text of one line"),
    "two lines": ('"refused" = "a\\nb"', "refused: is no text of one line"),
    "too much": (f'"refused" = "{"x" * 1001}"', "refused: is no text of one line, of at most 1000 characters"),
    "no TOML": ('"refused" = ', "wording.toml: Invalid value (at end of document)"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_wording_says_file_and_sentence_and_makes_no_letter(name: str, tmp_path: Path) -> None:
    text, said = FAULTY[name]
    own(tmp_path, text)
    with pytest.raises(LetterError) as caught:
        letter(sample(LetterKind.REFUSAL, Asks.ERASURE), tmp_path)
    assert said in caught.value.message
    assert caught.value.message.startswith(str(tmp_path))
    assert "dialgate letters check" in caught.value.hint
    assert any(said in fault for fault in faults(FIRM, tmp_path))


def test_a_wording_that_is_no_utf8_or_no_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "wording.toml").write_bytes(b'"refused" = "caf\xe9"')
    with pytest.raises(LetterError, match=r"wording\.toml: 'utf-8' codec"):
        letter(sample(LetterKind.REFUSAL, Asks.ERASURE), tmp_path)
    with pytest.raises(LetterError, match="is no folder"):
        letter(sample(LetterKind.REFUSAL, Asks.ERASURE), tmp_path / "nowhere")


def test_a_template_of_an_earlier_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "refusal.txt").write_text("Subject: x\n\nx")
    [fault] = faults(FIRM, tmp_path)
    assert "refusal.txt: is no longer used" in fault and "wording.toml" in fault


def test_the_firm_is_the_configured_one(tmp_path: Path) -> None:
    (tmp_path / "wording").mkdir()
    more = '[letters]\ntemplates = "wording"\nsigned = "B. Example"\nauthority_email = "a@authority.invalid"\n'
    more += '[authority]\naddress = "1 New Street, Manchester"\nchecked = "2026-11-20"\n'
    more += '[privacy]\ndpo = "D. Officer, dpo@firm.invalid"\n'
    config = load(write(tmp_path, VALID + more))
    firm = firm_of(config, NOW.date())
    assert (firm.legal_name, firm.signed, firm.authority.email) == (
        "Webeo Example Ltd", "B. Example", "a@authority.invalid",
    )  # fmt: skip
    assert firm.authority.address == "1 New Street\nManchester"
    told = flat(render(sample(LetterKind.REFUSAL, Asks.ERASURE), firm, now=NOW).text)
    assert "1 New Street Manchester" in told and "Wycliffe" not in told
    told = flat(render(sample(LetterKind.IDENTITY, Asks.ACCESS), firm, now=NOW).text)
    assert "You can also reach our data protection officer: D. Officer, dpo@firm.invalid." in told
    assert authority_due(config, date(2027, 11, 19)) == "" and "last checked on 2026-11-20" in authority_due(
        config, date(2027, 11, 20)
    )
    assert "never checked" in authority_due(load(write(tmp_path, VALID)), date(2026, 12, 1))
    assert templates_of(config) == tmp_path / "wording"
    assert templates_of(load(write(tmp_path, VALID))) is None


def test_dates_that_are_not_known_are_left_out() -> None:
    """Whatever is asked for, and whichever letter: it comes out, or the sentence without a fact is named."""
    bare = LetterFacts(LetterKind.REFUSAL, "R-1", Asks.ERASURE, date(2026, 3, 3), date(2026, 3, 20), LEAVES)
    made = 0
    for kind in LetterKind:
        for asks in Asks:
            try:
                text = letter(replace(bare, kind=kind, asks=asks)).text
            except LetterError as error:
                assert "is written that is not so: " in error.message
                continue
            made += 1
            assert "None" not in text and "Sir or Madam" in text and "faithfully" in text
    assert made > 30
