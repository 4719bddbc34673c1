"""The catalogue of facts: the bytes are those that were always written, and every kind says what follows from it."""

import json
import sqlite3
import tarfile
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from gate.core.evidence import canonical, commitment, leaf_bytes
from gate.core.facts import CATALOGUE, Body, derived, read
from gate.core.facts.fact import COLUMN, OWN, Id, Maybe, Rests, Sort, Subject, Term, Words, fact, marked
from tests import kinds

DATA = Path(__file__).parents[1] / "data"
WRITTEN = [json.loads(line) for line in (DATA / "facts" / "as_written.jsonl").read_text().splitlines()]
"""Facts as gates wrote them before their kinds were types, with their leaves: every kind, in every shape."""


@pytest.mark.parametrize("kind", sorted({each["kind"] for each in WRITTEN}))
def test_every_kind_is_written_to_the_same_bytes_and_leaves(kind):
    for each in [each for each in WRITTEN if each["kind"] == kind]:
        body = canonical(read(kind, json.loads(each["body"])).values())
        assert body.decode() == each["body"]
        commit = commitment(bytes.fromhex(each["salt"]), body)
        assert leaf_bytes(kind, each["subject"], each["at"], each["actor"], commit).decode() == each["leaf"]


def test_a_log_of_the_first_release_is_read_and_written_to_the_same_bytes(tmp_path):
    with tarfile.open(DATA / "upgrade" / "0.1.tar.xz") as archive:
        file = archive.extractfile("./data/gate.db")
        (tmp_path / "gate.db").write_bytes(file.read())
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        facts = connection.execute("SELECT kind, body FROM facts WHERE body IS NOT NULL").fetchall()
    assert len(facts) > 30
    assert [canonical(read(kind, json.loads(body)).values()).decode() for kind, body in facts] == [b for _, b in facts]


def test_no_kind_was_lost():
    kinds = {each["kind"] for each in WRITTEN}
    assert len(kinds) == 99 and kinds <= CATALOGUE.keys()


def test_what_sip_headers_hold_is_written_whatever_bytes_they_had():
    body = next(each for each in WRITTEN if each["kind"] == "decision")["body"]
    odd = json.loads(body) | {"raw": "\udce9", "display_name": "Ren\udce9"}
    assert canonical(read("decision", odd).values()) == canonical(odd)


# --- said once


def test_no_kind_is_written_out_but_in_the_catalogue():
    assert kinds.found() == []


@pytest.mark.parametrize(
    "source",
    [
        "query(tx, \"SELECT 1 FROM facts WHERE kind = 'hold'\")",
        "query(tx, f\"SELECT 1 FROM facts WHERE kind IN ('hold', ?) AND {x}\")",
        'row["kind"] == "hold"',
        'row.get("kind") == "hold"',
        'fact.kind in ("hold", "objection")',
        'KINDS = frozenset({"hold_released", "objection_removed"})',
        'NAMES = {"hold_released": "released"}',
        'tx.append(Fact("hold", subject, at, actor, {}))',
        'bodies(reader, request_id, "hold_released")',
    ],
)
def test_a_kind_that_is_written_out_is_found(source):
    assert {kind for _, kind in kinds.places(source)} & {"hold", "hold_released"}


# --- marks


@pytest.mark.parametrize(
    "hint", [str, Maybe[str], list[str], dict[str, int], dict[str, object], Annotated[str, COLUMN]]
)
def test_a_text_that_nobody_has_marked_is_no_field(hint):
    with pytest.raises(TypeError, match="a text is unmarked"):
        fact("new_kind", "{actor} did it", Subject.GATE)(
            msgspec.defstruct("New", [("text", hint)], bases=(Body,), frozen=True)
        )
    assert "new_kind" not in CATALOGUE


def test_a_kind_is_declared_once():
    with pytest.raises(TypeError, match="two kinds of fact are called decision"):
        fact("decision", "{actor} did it", Subject.GATE)(
            msgspec.defstruct("Again", [("id", Id)], bases=(Body,), frozen=True)
        )


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_what_is_personal_has_a_term_and_only_that(kind):
    assert bool(derived.personal(kind)) == (CATALOGUE[kind].marks.term is not None)


def test_words_of_people_are_known_in_every_kind():
    words = {kind for kind in CATALOGUE if Sort.WORDS in {m for _, _, ms in marked(CATALOGUE[kind]) for m in ms}}
    assert {"hold", "request_words", "recording_paused", "exported", "rectification", "words"} <= words


def test_a_new_kind_is_one_class():
    try:

        @fact("lent", "{actor} lent {subject}", Subject.RECORDING, term=Term.CALLS, outlives_restore=True)
        class Lent(Body, frozen=True, kw_only=True):
            call_id: Id
            to: Words
            until: Maybe[Id] = msgspec.UNSET

        assert Lent(call_id="c", to="Ann").values() == {"call_id": "c", "to": "Ann"}
        assert derived.personal("lent") == ("to",)
    finally:
        CATALOGUE.pop("lent", None)


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("", "cannot be read"),
        ("{actor} lent it[ to {whom}]", "no field is whom"),
        ("{actor} lent it[ to {to}]", "may be named by to"),
        ("{actor} lent it in {call_id}", "without brackets"),
        ("{actor} lent it[ in {call_id}", "without brackets|cannot be read"),
    ],
)
def test_a_kind_without_a_fit_sentence_cannot_be_declared(sentence, wrong):
    class Lent(Body, frozen=True, kw_only=True):
        call_id: Id
        to: Words

    with pytest.raises(TypeError, match=wrong):
        fact("lent", sentence, Subject.RECORDING, term=Term.CALLS)(Lent)
    assert "lent" not in CATALOGUE


AGED = ("exported", "register_imported")
"""Kinds on which something rests for a time: their words go once that is over (``gate.store.erasure.old_words``)."""


@pytest.mark.parametrize("kind", sorted(kind for kind in CATALOGUE if CATALOGUE[kind].marks.term))
def test_what_is_personal_is_found_by_what_takes_it(kind):
    """Erasure and terms look for facts by their call, their request, their record, or by the words that stand alone."""
    body, marks = CATALOGUE[kind], CATALOGUE[kind].marks
    if marks.term is Term.CALLS:
        assert marks.about is Subject.CALL or "call_id" in body.__struct_encode_fields__
    if marks.term is Term.REQUESTS:
        assert marks.about in (Subject.REQUEST, Subject.HOLD, Subject.ANY) or kind in (*derived.ALONE, *AGED)
    if marks.about in OWN:
        (name,) = derived.personal(kind)
        assert derived.sorts(body)[name] is Sort.WORDS, "a person is looked for in the words of the gate's own facts"
        assert (kind in derived.ALONE) == (marks.rests is Rests.NOTHING)


def test_what_has_no_term_is_what_is_kept_for_a_reason_of_its_own():
    stays = {kind for kind in CATALOGUE if CATALOGUE[kind].marks.term is Term.STAYS}
    assert stays == {
        *("objection", "objection_removed", "consent", "consent_withdrawn"),  # a wish, and what proves an agreement
        "subscriber",  # since when a line is somebody's: no consent from before counts
        *("bundle_exported", "evidence_restored"),  # to whom something went, and what was given up
    }


def test_what_a_restore_must_not_forget_is_what_people_asked_for_and_what_is_gone():
    breaches = ("breach_added", "breach_assessed", "breach_notified", "breach_closed")
    campaigns = ("abandoned", "campaign_stopped", "campaign_released")
    assert set(derived.ACTS) == {
        *("objection", "objection_removed", "consent_withdrawn", "hold", "hold_released", "subscriber"),
        *("recording_erased", "request_carried"),
        # whether a request stops marketing: who it is about, and everything that ends it
        *("request_person", "request_refused", "request_authority_told", "request_person_told"),
        *("request_fulfilled", "request_withdrawn"),
        *breaches,
        *campaigns,
    }
    of_people = set(derived.ACTS) - {"recording_erased", "request_carried", *breaches, *campaigns}
    assert of_people <= set(derived.DECIDING), "an act about a number may change the verdict on it"
