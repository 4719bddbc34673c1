"""Bundles for auditors: who may have a bundle, what is logged before anything leaves, what is signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.core.rows.keys import Recipient
from gate.daemon.opening import open_folder
from gate.errors import RefusedError, UsageError
from gate.exports import reader
from gate.exports.bundle import seal_text
from gate.operations.audit import exporting
from gate.operations.audit.exporting import (
    AuditExport,
    AuditExportable,
    AuditExportMake,
    AuditExportTake,
    Exportable,
    ExportBegun,
)
from gate.operations.data_folder import DataFolder
from gate.operations.keys.recipients import KeyChange, KeyList
from gate.vault.keyring import Keyring
from gate.vault.signing import verify_signature
from tests.support.asking import ask
from tests.support.bundles import BEGAN, Made, make
from tests.support.databases import query

ANN, BOB = "user:ann(1000)", "user:bob(1001)"
DAY = {"since": BEGAN.replace(hour=0), "until": BEGAN.replace(hour=0) + timedelta(days=1)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("exporting"))


@pytest.fixture(scope="module")
def data(made: Made) -> Iterator[DataFolder]:
    with ExitStack() as stack:
        yield open_folder(load(made.config), stack)


@pytest.fixture
def opener(made: Made) -> str:
    return next(path.stem for path in (made.data / "recipients").glob("*.json") if path.stem != made.private.id)


def begin(data: DataFolder, opener: str, **more: Any) -> ExportBegun:
    told: dict[str, Any] = {"recipient": "Auditor", "purpose": "annual audit", "openers": [opener], **DAY}
    return ask(data, AuditExport(**told | more), ANN)


def facts(data: DataFolder, kind: str) -> list[dict[str, Any]]:
    rows = data.store.call(
        lambda tx: query(tx, "SELECT leaf_index, subject, actor, body FROM facts WHERE kind = ? ORDER BY 1", [kind])
    )
    return [row | {"body": json.loads(row["body"])} for row in rows]


def test_who_takes_what_for_whom_is_a_leaf_before_anything_leaves(data: DataFolder, made: Made, opener: str) -> None:
    begun = begin(data, opener)
    fact = facts(data, "bundle_exported")[-1]
    assert (fact["subject"], fact["actor"]) == (begun.bundle, ANN)
    assert fact["body"] == {
        "from": "2026-03-02T00:00:00.000000Z",
        "to": "2026-03-03T00:00:00.000000Z",
        "recipient": made.private.id,
        "recipient_purpose": "regulator",
        "openers": [opener],
        "reader": hashlib.sha256(Path(reader.__file__).read_bytes()).hexdigest(),
    }
    said = facts(data, "words")[-1]
    assert (said["subject"], said["body"]) == (begun.bundle, {"of": "bundle_exported", "text": "annual audit"})
    page = ask(data, AuditExportTake(bundle=begun.bundle), ANN)
    assert page.next is None
    told = {item.recording_id: (item.status, len(item.wraps)) for item in page.items}
    assert told == {
        "rec-plain": ("included", 1),
        "rec-cut": ("included", 1),
        "rec-restricted": ("restricted", 0),
        "rec-erased": ("erased", 0),
        "rec-other": ("included", 1),
    }
    logged = [fact for fact in facts(data, "exported") if fact["body"].get("bundle") == begun.bundle]
    assert [fact["subject"] for fact in logged] == ["rec-plain", "rec-cut", "rec-other"]
    assert {fact["body"]["recipient"] for fact in logged} == {made.private.id}


@pytest.mark.parametrize(
    ("register", "why"),
    [([], "nobody on the register"), ([""], "without a purpose"), (["data_subject"], "other people's calls"),
     (["regulator", "court"], "more than one")],
)  # fmt: skip
def test_others_are_refused_and_nothing_is_kept(
    data: DataFolder, opener: str, monkeypatch: pytest.MonkeyPatch, register: list[str], why: str
) -> None:
    fixed: dict[str, Any] = {"name": "Auditor", "role": "auditor", "half": "", "seals": False, "created": ""}
    rows = [Recipient(id=f"id{n}", fingerprint=f"f{n}", purpose=each, **fixed) for n, each in enumerate(register)]
    monkeypatch.setattr(Keyring, "recipients", lambda _: rows)
    before = data.store.call(lambda tx: tx.head())
    with pytest.raises(RefusedError, match=why) as refused:
        begin(data, opener)
    assert (refused.value.reason, refused.value.exit_code) == ("recipient_not_allowed", 3)
    assert data.store.call(lambda tx: tx.head()) == before


def test_what_nobody_could_open_is_told_before_anything_is_kept(data: DataFolder, opener: str) -> None:
    before = data.store.call(lambda tx: tx.head())
    with pytest.raises(UsageError, match="nor to a key that you gave: 3"):
        begin(data, opener, openers=[])
    for wrong in ({"purpose": " "}, {"until": DAY["since"]}):
        with pytest.raises(UsageError):
            begin(data, opener, **wrong)
    assert data.store.call(lambda tx: tx.head()) == before


def test_how_many_could_not_be_opened_is_counted_and_nothing_is_kept(data: DataFolder, opener: str) -> None:
    before = data.store.call(lambda tx: tx.head())
    openers: list[str]
    for openers, closed in (([], 3), ([opener], 0)):
        asked = AuditExportable(DAY["since"], DAY["until"], "Auditor", openers)
        found = ask(data, asked, ANN)
        assert found == Exportable(recordings=3, closed=closed)
    with pytest.raises(RefusedError):
        ask(data, AuditExportable(DAY["since"], DAY["until"], "Nobody"), ANN)
    assert data.store.call(lambda tx: tx.head()) == before


def test_an_export_is_its_beginners_own(data: DataFolder, opener: str) -> None:
    begun = begin(data, opener)
    told: dict[str, Any] = {"bundle": begun.bundle}
    with pytest.raises(UsageError, match="of yours has begun"):
        ask(data, AuditExportTake(**told), BOB)
    with pytest.raises(UsageError, match="of yours has begun"):
        ask(data, AuditExportMake(**told), BOB)
    with pytest.raises(UsageError, match="not a place"):
        ask(data, AuditExportTake(bundle=begun.bundle, after="x"), ANN)


def test_nothing_goes_to_a_recipient_who_has_lost_the_purpose_since(data: DataFolder, made: Made, opener: str) -> None:
    begun = begin(data, opener)
    (seals,) = (each.seals for each in ask(data, KeyList(), BOB).recipients if each.id == made.private.id)
    ask(data, KeyChange(recipient_id=made.private.id, purpose="", seals=True), BOB)
    try:
        taken = len(facts(data, "exported"))
        with pytest.raises(RefusedError) as refused:
            ask(data, AuditExportTake(bundle=begun.bundle), ANN)
        assert refused.value.reason == "recipient_not_allowed"
        with pytest.raises(RefusedError):
            ask(data, AuditExportMake(bundle=begun.bundle), ANN)
        assert len(facts(data, "exported")) == taken
    finally:
        ask(data, KeyChange(recipient_id=made.private.id, purpose="regulator", seals=seals), BOB)


def test_what_is_signed_is_made_here_once_and_only_of_what_was_taken(data: DataFolder, opener: str) -> None:
    bundle = begin(data, opener).bundle
    told: dict[str, Any] = {"bundle": bundle}
    with pytest.raises(UsageError, match="was not taken"):
        ask(data, AuditExportMake(**told), ANN)
    assert not [fact for fact in facts(data, "bundle_signed") if fact["subject"] == bundle]
    ask(data, AuditExportTake(**told), ANN)
    made = ask(data, AuditExportMake(**told), ANN)
    folder = Path(made.folder)
    tail = (folder / "tail").read_bytes()
    fact = facts(data, "bundle_signed")[-1]
    assert (fact["subject"], fact["body"]["manifest_sha256"]) == (bundle, made.sha256)
    seal = seal_text(bundle, made.sha256).encode()
    assert seal in tail
    verify_signature(seal, tail[-512 : -512 + 64], made.vkey)
    with pytest.raises(UsageError, match="signed already"):
        ask(data, AuditExportMake(**told), ANN)


def test_a_recording_erased_since_it_was_taken_stops_the_bundle(
    data: DataFolder, opener: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = begin(data, opener).bundle
    ask(data, AuditExportTake(bundle=bundle), ANN)
    monkeypatch.setattr(exporting, "_status", lambda row, *rest: ("erased", ""))
    with pytest.raises(UsageError, match="rec-plain is erased by now"):
        ask(data, AuditExportMake(bundle=bundle), ANN)
    assert not (data.config.data / "exports" / bundle).exists()


def test_checkpoints_that_the_gate_has_not_signed_are_not_believed(data: DataFolder, opener: str) -> None:
    bundle = begin(data, opener).bundle
    ask(data, AuditExportTake(bundle=bundle), ANN)
    with pytest.raises(UsageError, match="is not a checkpoint of this gate"):
        ask(data, AuditExportMake(bundle=bundle, checkpoints=[("a file", "x\n5\n\n")]), ANN)


def test_pages_follow_each_other_and_give_each_recording_once(
    data: DataFolder, opener: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    bundle = begin(data, opener).bundle
    seen, after = [], None
    while True:
        page = ask(data, AuditExportTake(bundle=bundle, after=after), ANN)
        seen += [item.recording_id for item in page.items]
        after = page.next
        if after is None:
            break
    assert seen == ["rec-plain", "rec-cut", "rec-restricted", "rec-erased", "rec-other"]


def test_a_seal_can_never_be_taken_for_a_checkpoint() -> None:
    from gate.core.evidence import EvidenceError, parse_checkpoint

    with pytest.raises(EvidenceError):
        parse_checkpoint(seal_text("5", "ab" * 32))
