"""Receipts by their code: what is shown, what a stranger learns, and what stays when the call's data have gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.core.evidence import commitment, leaf_hash, parse_checkpoint, verify_inclusion
from gate.core.receipts import shown
from gate.errors import RefusedError, UsageError
from gate.operations.audit.checkpoints import AuditVerify
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.terms import RetentionTermsSweep
from gate.operations.receipts import MOST, ReceiptsCodes, ReceiptShow, ReceiptsProofs
from gate.vault.signing import verify_note
from tests.support.asking import ask
from tests.support.keeping import SetClock
from tests.support.receipts import CALLER, code, receipted
from tests.support.requesting import ANN, opened
from tests.support.requesting import prepared as folder_of

NOW = datetime(2027, 3, 2, 12, tzinfo=UTC)
NUMBERS = [f"+4420794602{n:02}" for n in range(20)]
LONG_AGO = NOW - timedelta(days=3 * 365)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataFolder]:
    folder_of(tmp_path / "gate", recordings=0)
    with opened(tmp_path / "gate") as made:
        made.clock = SetClock(NOW)
        yield made


def proven(found: Any) -> dict[str, Any]:
    """The proof holds, as the page checks it; the body that it shows."""
    from base64 import b64decode

    proof = msgspec.to_builtins(found)
    head = parse_checkpoint(verify_note(proof["checkpoint"], proof["vkey"]))
    receipt, decision = proof["leaves"]
    for told, digest in (
        (receipt, leaf_hash(receipt["leaf"].encode())), (decision, bytes.fromhex(decision["hash"])),
    ):  # fmt: skip
        path = [b64decode(each) for each in told["proof"]]
        assert verify_inclusion(digest, told["index"], head.size, path, head.root)
    commit = commitment(bytes.fromhex(receipt["salt"]), receipt["body"].encode()).hex()
    assert json.loads(receipt["leaf"])["commit"] == commit
    body: dict[str, Any] = json.loads(receipt["body"])
    assert body["decision"] == decision["index"] < receipt["index"]
    return body


def test_a_receipt_is_shown_by_its_code_with_its_proof_and_without_the_number(data: DataFolder) -> None:
    made = receipted(data.store, 1, NUMBERS[0], NOW)
    before = ask(data, ReceiptShow(code=made), ANN)
    assert before.kept and before.proof is None, "no checkpoint is signed over it yet"
    data.log.checkpoint()
    found = ask(data, ReceiptShow(code=f" {shown(made).lower()} "), ANN)
    assert (found.code, found.told) == (shown(made), None)
    said = found.said
    assert said.hour == "2027-03-02T12:00+00:00" and said.reason == "not_listed"
    assert said.made_by.trading_name == CALLER.trading_name and said.object.email == CALLER.email
    assert [each.name for each in said.registers] == ["tps", "ctps"]
    assert proven(found.proof)["code"] == made
    whole = msgspec.json.encode(found).decode()
    assert NUMBERS[0][3:] not in whole and "alice" not in whole, "neither the number nor the account that asked"


def test_a_wrong_code_is_said_to_be_wrong_and_guessing_is_stopped(data: DataFolder) -> None:
    made = receipted(data.store, 1, NUMBERS[0], NOW)
    with pytest.raises(UsageError, match="a sign is wrong"):
        ask(data, ReceiptShow(code=made[:-1] + ("0" if made[-1] != "0" else "1")), ANN)
    for guess in range(MOST):
        with pytest.raises(UsageError, match="no receipt with this code"):
            ask(data, ReceiptShow(code=code(1000 + guess)), "user:eve(1001)")
    with pytest.raises(RefusedError) as refused:
        ask(data, ReceiptShow(code=made), "user:eve(1001)")
    assert refused.value.reason == "too_many_codes", "the right one is not told any more, either"
    assert ask(data, ReceiptShow(code=made), ANN).kept, "others are not stopped by it"
    assert isinstance(data.clock, SetClock)
    data.clock.time += timedelta(hours=1)
    assert ask(data, ReceiptShow(code=made), "user:eve(1001)").kept


@pytest.mark.engine("sqlite")
def test_an_erased_receipt_says_only_that_it_is_no_longer_kept(data: DataFolder) -> None:
    old, young = receipted(data.store, 1, NUMBERS[0], LONG_AGO), receipted(data.store, 2, NUMBERS[1], NOW)
    ask(data, RetentionTermsSweep(), ANN)
    data.log.checkpoint()
    found = ask(data, ReceiptShow(code=old), ANN)
    assert (found.kept, found.said, found.proof) == (False, None, None)
    assert ask(data, ReceiptShow(code=young), ANN).kept
    files = b"".join(path.read_bytes() for path in data.config.data.glob("gate.db*"))
    assert old.encode() not in files and young.encode() in files
    assert ask(data, AuditVerify(), ANN).ok, "the log holds, and so do the rows that stay"
    assert [each.code for each in ask(data, ReceiptsProofs(size=data.log.checkpoint().size), ANN).items] == [young]


def test_what_is_published_comes_page_by_page_under_one_checkpoint(data: DataFolder) -> None:
    codes = [receipted(data.store, n, NUMBERS[n], NOW) for n in range(7)]
    first = ask(data, ReceiptsCodes(limit=3), ANN)
    listed, after = list(first.items), first.next
    receipted(data.store, 99, NUMBERS[9], NOW)  # too late for this checkpoint
    while after:
        page = ask(data, ReceiptsCodes(limit=3, size=first.size, after=after), ANN)
        listed, after = listed + page.items, page.next
    assert listed == codes
    proofs = ask(data, ReceiptsProofs(size=first.size, limit=2), ANN)
    found = list(proofs.items)
    while proofs.next is not None:
        proofs = ask(data, ReceiptsProofs(size=first.size, limit=2, after=proofs.next), ANN)
        found += proofs.items
    assert [each.code for each in found] == codes
    assert {proven(each.evidence)["call_id"] for each in found} == {f"receipted-{n}" for n in range(7)}
    for bad in ({"size": first.size + 1}, {"size": first.size, "after": "x"}):
        with pytest.raises(UsageError):
            ask(data, ReceiptsProofs(**bad), ANN)
