"""Batches of objections and consents on a real data folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gate.control.messages import parsed
from gate.errors import UsageError
from gate.operations.audit.checkpoints import AuditVerify
from gate.operations.calls.screening import Check
from gate.operations.data_folder import DataFolder
from gate.operations.lists.consents import ConsentAdd, ConsentExport, ConsentImport
from gate.operations.lists.entries import BatchKept
from gate.operations.lists.objections import ObjectionAdd, ObjectionExport, ObjectionImport
from tests.support.asking import ask
from tests.support.databases import query

ACTOR = "user:ann(1000)"
LISTED = "+442079460101"


def objections(data: DataFolder, *rows: dict[str, Any]) -> BatchKept:
    fields: dict[str, Any] = {"entries": list(rows), "source_name": "old.csv", "sha256": "ab"}
    return ask(data, ObjectionImport(**fields), ACTOR)


def consents(data: DataFolder, *rows: dict[str, Any]) -> BatchKept:
    base = {"how": "web form", "wording": "Yes", "who": "Mr Lee", "evidence": "form 1"}
    fields: dict[str, Any] = {"entries": [base | row for row in rows]}
    return ask(data, ConsentImport(**fields), ACTOR)


def reason(data: DataFolder, number: str) -> str:
    return str(ask(data, Check(number=number), ACTOR).reason)


def day(days_ago: int) -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC) - timedelta(days=days_ago)


def test_an_imported_objection_keeps_its_own_date_and_its_file(data: DataFolder) -> None:
    assert objections(data, {"number": "07700 900301", "made_at": day(9), "line": 7}) == BatchKept(
        imported=1, held=0, without_effect=0
    )
    kept = ask(data, ObjectionExport(), ACTOR).items
    made = next(row.made_at for row in kept if row.number == "+447700900301")
    assert datetime.fromisoformat(made) == day(9)
    facts = data.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE body LIKE '%old.csv%'"))
    assert '"line":7' in facts[-1]["body"] and '"sha256":"ab"' in facts[-1]["body"]
    assert reason(data, "07700900301") == "objected"


def test_no_consent_of_a_batch_lifts_an_objection_whatever_its_date(data: DataFolder) -> None:
    number = "+447700900302"
    consents(data, {"number": number, "given_at": day(4)})
    assert reason(data, number) == "consented"
    assert objections(data, {"number": number, "made_at": day(500)}).without_effect == 0
    assert reason(data, number) == "objected", "learnt after the consent, whatever date it bears"
    kept = consents(data, {"number": number, "given_at": day(1)}, {"number": "+447700900309", "given_at": day(1)})
    assert (kept.imported, kept.without_effect) == (2, 1)
    assert reason(data, number) == "objected"
    assert objections(data, {"number": number, "made_at": day(3)}).without_effect == 1


def test_an_objection_that_is_held_already_does_not_come_after_a_consent_that_lifted_it(data: DataFolder) -> None:
    number = "+447700900303"
    objections(data, {"number": number, "made_at": day(5)})
    words: dict[str, Any] = {"how": "phone", "wording": "Yes", "who": "Mr Lee", "evidence": "note 1"}
    ask(data, ConsentAdd(number=number, after_objection=True, **words), ACTOR)
    assert reason(data, number) == "consented"
    assert objections(data, {"number": number, "made_at": day(5)}).held == 1
    assert reason(data, number) == "consented", "the same list came again"
    assert objections(data, {"number": number}).imported == 1
    assert reason(data, number) == "objected"


def test_the_same_again_is_not_kept_twice(data: DataFolder) -> None:
    rows = [{"number": "+447700900304", "made_at": day(2)}, {"number": "+447700900304", "made_at": day(1)}]
    assert objections(data, *rows).imported == 2
    assert objections(data, *rows).imported == 0
    assert objections(data, {"number": "07700900304"}) == BatchKept(imported=0, held=1, without_effect=0)
    given = {"number": LISTED, "given_at": day(2)}
    assert consents(data, given, given).imported == 1
    assert consents(data, given | {"evidence": "form 2"}) == BatchKept(imported=1, held=0, without_effect=0)


def test_a_withdrawn_consent_comes_in_withdrawn_and_is_never_revived(data: DataFolder) -> None:
    number = "+442079460102"
    withdrawn = {"number": number, "given_at": day(9), "withdrawn_at": day(8), "withdrawn_why": "wrote"}
    assert consents(data, withdrawn).imported == 1
    assert reason(data, number) == "consent_withdrawn"
    assert consents(data, {"number": number, "given_at": day(9)}) == BatchKept(imported=0, held=1, without_effect=0)
    assert reason(data, number) == "consent_withdrawn"
    live = {"number": "+442079460103", "given_at": day(9)}
    consents(data, live)
    assert consents(data, live | {"withdrawn_at": day(7)}).imported == 1
    assert reason(data, "+442079460103") == "consent_withdrawn"


def test_a_batch_with_a_wrong_line_is_kept_nowhere(data: DataFolder) -> None:
    before = data.store.call(lambda tx: tx.head())
    with pytest.raises(UsageError) as refused:
        objections(
            data,
            {"number": "+447700900306", "line": 2},
            {"number": "999", "line": 3},
            {"number": "+447700900307", "made_at": datetime.now(UTC) + timedelta(hours=1), "line": 4},
        )
    assert "line 3: number" in refused.value.message and "line 4: made_at is in the future" in refused.value.message
    with pytest.raises(UsageError, match="evidence is empty"):
        consents(data, {"number": LISTED, "given_at": day(1), "evidence": ""})
    with pytest.raises(UsageError, match="given_at"):
        parsed("consent_import", {"entries": [{"number": LISTED}]})
    assert data.store.call(lambda tx: tx.head()) == before


def test_a_single_objection_may_have_its_own_date_too(data: DataFolder) -> None:
    ask(data, ObjectionAdd(number="07700900308", made_at=day(3)), ACTOR)
    with pytest.raises(UsageError, match=r"cannot be made in the future \(.* (GMT|BST)\)"):
        ask(data, ObjectionAdd(number="07700900308", made_at=datetime.now(UTC) + timedelta(1)), ACTOR)


def test_the_log_holds_after_imports_and_an_export_is_a_leaf(data: DataFolder) -> None:
    ask(data, ConsentExport(), ACTOR)
    last = data.store.call(lambda tx: query(tx, "SELECT kind, body FROM facts ORDER BY leaf_index DESC LIMIT 1"))[0]
    assert (last["kind"], last["body"]) == ("list_exported", '{"list":"consents"}')
    assert ask(data, AuditVerify(), ACTOR).ok
