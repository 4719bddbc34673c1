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
from gate.core.letter_words import Letter, LetterFacts
from gate.core.request_words import Asks, Ground, LetterKind
from gate.exports.letter_copies import SHIPPED
from gate.exports.letter_facts import GROUNDS
from gate.exports.letter_samples import NOW, faults, samples
from gate.exports.letters import LetterError, firm_of, render, templates_of
from tests.support.packs import FIRM
from tests.support.settings import VALID, write

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "letters"
KINDS = [(f"{facts.kind}-{facts.asks}{'-partly' if facts.partly else ''}", facts) for facts in samples()]


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
        for words in (FIRM.legal_name, "PO6 3EN", facts.reference, "3 March 2026", "20 March 2026"):
            assert words in told, words
        if facts.kind is LetterKind.RECIPIENT:
            continue  # it goes to somebody who is not asked about, and has nothing to complain of
        assert "Wycliffe House" in told and "SK9 5AF" in told
        if facts.kind is not LetterKind.AUTHORITY:
            assert "supervisory authority" in told and "court" in told
            assert "https://ico.org.uk/make-a-complaint/" in told


def test_statutory_dates_are_named() -> None:
    told = flat(letter(sample(LetterKind.ACKNOWLEDGEMENT, Asks.ACCESS)).text)
    assert "by 2 April 2026 at the latest" in told and "The law gives us until 7 April 2026" in told
    told = flat(letter(sample(LetterKind.ACKNOWLEDGEMENT, Asks.ERASURE)).text)
    assert "2 April" not in told and "the time for our answer starts when we know" in told, "identity is asked for"
    told = flat(letter(sample(LetterKind.EXTENSION, Asks.ACCESS)).text)
    assert "by 3 June 2026 at the latest" in told and "There are 400 recordings." in told
    told = flat(letter(sample(LetterKind.CLARIFICATION, Asks.ACCESS)).text)
    assert "from today, 20 March 2026" in told and "stands still" in told


@pytest.mark.parametrize("ground", Ground)
def test_a_refusal_gives_its_ground_and_reasons_to_both(ground: Ground) -> None:
    for kind in (LetterKind.REFUSAL, LetterKind.AUTHORITY):
        facts = replace(sample(kind, Asks.ERASURE), ground=ground)
        told = flat(letter(facts).text)
        assert flat(GROUNDS[ground]) in told
        assert "evidence in a claim." in told and "until that is settled." in told
        assert "UK GDPR" in GROUNDS[ground], "its law is named"
    told = flat(letter(sample(LetterKind.REFUSAL, Asks.ERASURE)).text)
    assert "right to complain to the supervisory authority" in told and "right to go to a court" in told


def test_the_authority_is_not_told_who_it_was() -> None:
    firm = replace(FIRM, authority=replace(FIRM.authority, email="casework@authority.invalid"))
    made = render(sample(LetterKind.AUTHORITY, Asks.ERASURE), firm, now=NOW)
    for form in (made.text, made.html, made.eml.decode()):
        assert "Ann" not in form and "7946" not in form and "ann@" not in form
    assert made.to == "casework@authority.invalid"
    assert letter(sample(LetterKind.AUTHORITY, Asks.ERASURE)).to == "", "by post where no address is set"


def test_a_recipient_is_told_what_to_erase_and_not_who_it_was() -> None:
    made = letter(replace(sample(LetterKind.RECIPIENT, Asks.ERASURE), name="Ann Example"))
    for form in (made.text, made.html, made.eml.decode()):
        assert "Ann" not in form and "7946" not in form and "ann@" not in form
    told = flat(made.text)
    assert "recording 5f0c2a71, in the bundle of evidence 7d31e09b, on 5 March 2026" in told
    assert "Article 19" in told and "Please erase what is named here, every copy of it" in told
    assert made.to == "auditor@example.invalid" and '"A. Uditor" <auditor@example.invalid>' in made.eml.decode()


def test_an_erasure_says_what_backups_and_the_list_still_hold() -> None:
    told = flat(letter(sample(LetterKind.CONFIRMATION, Asks.ERASURE)).text)
    assert (
        "2 recordings of calls" in told
        and "until 19 April 2026" in told
        and "a copy of our key store may hold the keys" in told
    )
    assert "Backup copies of our records may hold what was erased" in told
    assert "erased again before anything else is done with them" in told, "there is a memory journal"
    without = replace(sample(LetterKind.CONFIRMATION, Asks.ERASURE), erased_again=False)
    assert "is then erased again by hand" in flat(letter(without).text)
    assert "keyed hash" in told and "not called again" in told
    nothing = replace(sample(LetterKind.CONFIRMATION, Asks.ERASURE), erased_recordings=0)
    told = flat(letter(nothing).text)
    assert "there was none to erase" in told and "19 April" not in told


def test_nothing_held_is_said_plainly() -> None:
    nothing = replace(sample(LetterKind.RESPONSE, Asks.ACCESS), found_calls=0, found_recordings=0, pack="", answer="")
    nothing = replace(nothing, erased_recordings=0, held_back="", narrowed=False, outside=0)
    assert "hold nothing" not in flat(letter(nothing).text), "not from counts of none: from the search alone"
    nothing = replace(nothing, nothing=True)
    assert "On 12 March 2026 we searched for this, in every spelling and at any time" in flat(letter(nothing).text)
    assert "We hold nothing about you" in flat(letter(nothing).text)
    erased = replace(nothing, erased_recordings=1)
    assert "1 recording of a call with you had been erased before" in flat(letter(erased).text)


def test_the_passphrase_is_never_in_the_letter_that_names_the_pack() -> None:
    told = flat(letter(sample(LetterKind.RESPONSE, Asks.ACCESS)).text)
    assert "R-2026-0017.html" in told and "by another way, never together with the file" in told


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
    assert (
        message["Subject"] == made.subject == "Your request of 3 March 2026 to erase your personal data: our decision"
    )
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


def test_a_firms_file_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    assert (
        letter(sample(LetterKind.REFUSAL, Asks.ERASURE), tmp_path).text
        == letter(sample(LetterKind.REFUSAL, Asks.ERASURE)).text
    ), "an empty folder changes nothing"
    (tmp_path / "refusal.txt").write_bytes(
        "\ufeffSubject: No\r\n\r\n{% include 'ours.txt' %}\r\n\r\n{% include 'complain.txt' %}\r\n".encode()
    )
    (tmp_path / "ours.txt").write_text("We say **no** to {{ name }}.")
    made = letter(sample(LetterKind.REFUSAL, Asks.ERASURE), tmp_path)
    assert made.subject == "No" and "We say no to Ann Example." in made.text and "Wycliffe House" in made.text
    assert "<p>We say <strong>no</strong> to Ann Example.</p>" in made.html
    assert letter(samples()[0], tmp_path).text == letter(samples()[0]).text
    assert faults(FIRM, tmp_path) == []


FAULTY = {
    "a name that is none": ("Subject: x\n\n{{ nmae }}", "refusal.txt:3: 'nmae' is undefined"),
    "no end": ("Subject: x\n\n{% if due %}\nx", "refusal.txt:3: Unexpected end of template"),
    "a filter that is none": ("Subject: x\n\n{{ name | shout }}", "refusal.txt:3: No filter named 'shout'"),
    "no subject": ("Dear {{ name }},\n\nx", 'refusal.txt:1: does not begin with a line "Subject: …"'),
    "an empty subject": ("Subject: {{ '' }}\n\nx", "refusal.txt:1: does not begin"),
    "a long subject": ("Subject: " + "x" * 300 + "\n\nx", "refusal.txt:1: the subject has 300 characters"),
    "no text": ("Subject: x\n\n{% if not name %}x{% endif %}", "refusal.txt: there is no text under the subject"),
    "an include that is not there": (
        "Subject: x\n\n{% include 'y.txt' %}",
        "refusal.txt:3: there is no template y.txt",
    ),
    "an error inside": ("Subject: x\n\n{{ 1 / 0 }}", "refusal.txt:3: ZeroDivisionError"),
    "out of the sandbox": (
        "Subject: x\n\n{{ ''.__class__.__mro__ }}",
        "refusal.txt:3: access to attribute '__class__'",
    ),
    "endless": ("Subject: x\n\n{% include 'refusal.txt' %}", "refusal.txt:3: RecursionError"),
    "too much": ("Subject: x\n\n{{ 'x' * 300000 }}", "refusal.txt: makes more than 200000 characters"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_template_says_file_and_line_and_makes_no_letter(name: str, tmp_path: Path) -> None:
    text, said = FAULTY[name]
    (tmp_path / "refusal.txt").write_text(text)
    with pytest.raises(LetterError) as caught:
        letter(sample(LetterKind.REFUSAL, Asks.ERASURE), tmp_path)
    assert said in caught.value.message
    assert caught.value.message.startswith(str(tmp_path))
    assert "dialgate letters check" in caught.value.hint
    assert any(said in fault for fault in faults(FIRM, tmp_path))


def test_a_template_that_is_no_utf8_or_no_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "refusal.txt").write_bytes(b"Subject: caf\xe9\n\nx")
    with pytest.raises(LetterError, match=r"refusal\.txt: UnicodeDecodeError"):
        letter(sample(LetterKind.REFUSAL, Asks.ERASURE), tmp_path)
    with pytest.raises(LetterError, match="is no folder"):
        letter(sample(LetterKind.REFUSAL, Asks.ERASURE), tmp_path / "nowhere")


def test_a_file_that_no_letter_uses_is_named(tmp_path: Path) -> None:
    (tmp_path / "refusel.txt").write_text("Subject: x\n\nx")
    (tmp_path / "README.txt").write_text((SHIPPED / "README.txt").read_text())
    [fault] = faults(FIRM, tmp_path)
    assert "refusel.txt: is no template" in fault and "refusal.txt" in fault


def test_the_readme_names_all_that_can_be_put_in() -> None:
    from gate.exports.letter_facts import context

    text = (SHIPPED / "README.txt").read_text()
    names = set(context(samples()[0], FIRM)) - {"letterhead", "addressee"}
    assert [name for name in sorted(names) if name not in text] == []


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
    assert "Our data protection officer: D. Officer, dpo@firm.invalid." in told
    assert authority_due(config, date(2027, 11, 19)) == "" and "last checked on 2026-11-20" in authority_due(
        config, date(2027, 11, 20)
    )
    assert "never checked" in authority_due(load(write(tmp_path, VALID)), date(2026, 12, 1))
    assert templates_of(config) == tmp_path / "wording"
    assert templates_of(load(write(tmp_path, VALID))) is None


def test_dates_that_are_not_known_are_left_out() -> None:
    bare = LetterFacts(LetterKind.REFUSAL, "R-1", Asks.ERASURE, date(2026, 3, 3), date(2026, 3, 20))
    for kind in LetterKind:
        for asks in Asks:
            made = letter(replace(bare, kind=kind, asks=asks))
            assert "None" not in made.text and "Sir or Madam" in made.text and "faithfully" in made.text
