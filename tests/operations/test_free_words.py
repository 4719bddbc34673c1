"""What people write in their own words names people: an erasure finds it, and costs no proof."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

import pytest

from gate.core.facts.derived import ALONE, STANDING_WORDS
from gate.core.request_words import Asks
from gate.operations.audit.exporting import AuditExport
from gate.operations.calls.recordings import RecordingTake
from gate.operations.catalogue import OPERATIONS
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut
from gate.operations.erasure.plan import Carried
from gate.operations.keys.recipients import KeyChange
from gate.operations.lists.consents import ConsentAdd
from gate.operations.operation import Note
from gate.operations.requests.course import AnswerSent, Decide, Open, Rectify, VerifyIdentity
from gate.operations.requests.searching import Search
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.requesting import ANN, OTHER, PERSON, SPELLED, granted, key_of, opened, prepared, spelled_in
from tests.support.written import written

NAME = "Pat Person"
OF_THEIRS = "a call, an entry of a list, a hold or a request: it goes with that"
SEARCHED = "words alone: searched for name and number"
NOTES: dict[str, str] = {
    **dict.fromkeys(
        (
            *(
                "calls_acknowledge.why",
                "calls_pause.why",
                "calls_prove.why",
                "calls_resume.why",
                "calls_hang_up.why",
                "reveal.why",
                "recording_take.purpose",
            ),
            *("consent_add.wording", "consent_add.evidence", "consent_withdraw.reason"),
            *("objection_add.note", "objection_remove.reason", "objection_undo.reason"),
            *("hold_add.reason", "hold_add.law", "hold_ground.law", "hold_release.reason"),
            *("request_open.contact", "request_open.about", "request_withdraw.reason"),
            *("request_ask_identity.note", "request_clarify.question", "request_clarified.answer"),
            *("request_extend.reasons", "request_decide.reasons", "request_carry_out.reason", "request_pack_made.why"),
            *(
                "request_rectify.statement",
                "request_letter.to",
                "complaint_enter.about",
                "request_letter.note",
                "consent_letter.to",
            ),
        ),
        OF_THEIRS,
    ),
    **dict.fromkeys(
        (
            *("audit_export.purpose", "audit_restore.reason", "audit_clock.reason", "memory_renew.reason"),
            *(
                "retention_sweep.reason",
                "contacts_forget.reason",
                "contacts_drop.reason",
                "register_import.accept_implausible",
            ),
            *("copies_add.why", "copies_destroyed.how", "copies_ended.failed", "campaigns_release.why"),
            *(f"breach_add.{part}" for part in ("facts", "effects", "measures")),
            *(f"breach_update.{part}" for part in ("facts", "effects", "measures", "unlikely", "late", "not_told")),
            *("breach_notify.reasons", "breach_close.reason"),
        ),
        SEARCHED,
    ),
    "register_import.coverage": "codes",
    "audit_verify.vkey": "a key",
}


REST = {"copy_made": {"what": "data", "calls": [], "of": "", "place": "/srv/a.txt", "until": "2027-01-01"}}
"""What a fact has besides its words, where a row is made of it."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "gate"
    prepared(folder, recordings=1)
    return folder


def erased(data: DataFolder) -> Carried:
    reference = granted(data)
    done = ask(data, CarryOut(request=reference, execute=True), ANN)
    ask(data, AnswerSent(request=reference), ANN)
    return done


def bodies(data: DataFolder, kind: str) -> list[str | None]:
    rows = data.read(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = ? ORDER BY leaf_index", [kind]))
    return [row["body"] for row in rows]


def notes() -> set[str]:
    """Every field of a request that takes a text of any length."""
    found = set()
    for name, operation in OPERATIONS.items():
        hints = typing.get_type_hints(operation.request, include_extras=True)
        found |= {f"{name}.{field}" for field, hint in hints.items() if is_note(hint)}
    return found


def is_note(hint: Any) -> bool:
    """Whether a field is a ``Note``, whatever is said about it besides."""
    bounds = typing.get_args(Note)[1]
    return bounds in getattr(hint, "__metadata__", ()) or any(is_note(each) for each in typing.get_args(hint)[:1])


def test_of_every_free_text_it_is_known_how_an_erasure_finds_it() -> None:
    """A new one is entered above; what its fact's mark says of it (``gate.core.facts``) is what an erasure does."""
    assert notes() == NOTES.keys()


def test_reasons_and_purposes_that_name_the_person_are_emptied(folder: Path) -> None:
    with opened(folder) as data:
        key = key_of(folder)
        ask(data, KeyChange(recipient_id=key.id, purpose="regulator"), ANN)
        times: dict[str, Any] = {"since": "2020-01-01T00:00:00Z", "until": "2020-02-01T00:00:00Z"}
        for purpose in ("what Pat complains of", "annual audit"):
            ask(data, AuditExport(**times, recipient=key.id, purpose=purpose, openers=[key.id]), ANN)
        for kind, field in ALONE.items():
            written(data, kind, f"{kind}-1", ANN, REST.get(kind, {}) | {field: f"asked for by {NAME} herself"})
            written(data, kind, f"{kind}-2", ANN, REST.get(kind, {}) | {field: "nobody asked"})
        erased(data)
        for kind in ALONE:
            left = [body for body in bodies(data, kind) if body]
            assert len(left) == (2 if kind == "words" else 1) and not any("Pat" in body for body in left), kind
        assert all(body and json.loads(body)["recipient"] == key.id for body in bodies(data, "bundle_exported"))
        assert data.log.verify().ok
    assert spelled_in(folder / "data", "what Pat complains", "by Pat Person") == []


@pytest.mark.parametrize("words", [SPELLED, NAME])
def test_what_a_proof_rests_on_is_left_whole_and_told_of(data: DataFolder, words: str) -> None:
    """The reason of a restore was emptied with all of it, and no call could be decided any more."""
    written(
        data, "evidence_restored", "log", ANN, {"after": 1, "to": 2, "places": [], "reason": f"before {words} asked"}
    )
    written(data, "bundle_exported", "b-1", ANN, {"from": "", "to": "", "recipient": "k", "purpose": f"for {words}"})
    written(data, "register_imported", "i-1", ANN, {"name": "tps", "count": 1, "accepted": f"as {words} says"})
    done = erased(data)
    assert not [None for kind in STANDING_WORDS if None in bodies(data, kind)]
    assert sorted(each.partition("(")[2] for each in done.mentions) == [f"{kind})" for kind in sorted(STANDING_WORDS)]
    assert data.trust.look() == "" and data.log.verify().ok


def test_an_emptied_restore_gives_up_nothing_and_stops_no_call(data: DataFolder) -> None:
    """As an earlier version has left it."""
    written(data, "evidence_restored", "log", ANN, {"after": 1, "to": 2, "places": [], "reason": SPELLED})
    data.store.call(
        lambda tx: tx.write("UPDATE facts SET salt = NULL, body = NULL WHERE kind = 'evidence_restored'", [])
    )
    assert data.trust.look() == ""
    assert {fault.what for fault in data.log.verify().faults} == {"row_emptied"}


def test_who_took_the_recording_of_somebody_else_is_kept_where_the_reason_has_the_number(data: DataFolder) -> None:
    ask(data, RecordingTake(recording_id="other", purpose=f"as {PERSON} says", recipient="k" * 16), ANN)
    done = erased(data)
    assert None not in bodies(data, "exported")
    assert any("(exported)" in each for each in done.mentions)


def test_what_is_right_of_somebody_else_stays_where_it_mentions_the_person(data: DataFolder) -> None:
    consent = ask(
        data, ConsentAdd(number=OTHER, how="phone", wording="you may call", who="Olu", evidence="note 2"), ANN
    ).id
    for record, own in (("call-other", False), (consent, False), ("call-rec0", True)):
        number = SPELLED if own else OTHER
        asks = ask(data, Open(asks=Asks.RECTIFICATION, channel="post", name="Olu", numbers=(number,)), ANN)
        at: dict[str, Any] = {"request": asks.reference}
        ask(data, VerifyIdentity(checked="card", **at), ANN)
        ask(data, Search(**at), ANN)
        ask(data, Decide(grant=True, **at), ANN)
        ask(data, Rectify(records=(record,), statement=f"not {SPELLED}, as you wrote", **at), ANN)
        ask(data, AnswerSent(**at), ANN)
    done = erased(data)
    left = [json.loads(body)["record"] if body else None for body in bodies(data, "rectification")]
    assert left == ["call", "consent", None]
    assert sum("(rectification)" in each for each in done.mentions) == 2
    assert data.log.verify().ok
