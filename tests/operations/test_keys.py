"""The register of recipients on a real data folder: what is refused, what is in the log, and before what."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gate.client import rotation
from gate.config import load
from gate.config.write import amend
from gate.core.retention import HoldGround
from gate.core.rows.keys import Recipient
from gate.daemon.opening import open_folder
from gate.errors import ConfigError, NoRecipients, OtherHalf, RefusedError, UsageError, VaultError
from gate.operations.data_folder import DataFolder
from gate.operations.keys.recipients import KeyAdd, KeyChange, KeyList, KeyRetire
from gate.operations.keys.wraps import (
    KeyDrop,
    KeyProve,
    KeyRewrap,
    KeyUnproven,
    KeyWraps,
    Rewrapped,
    WrapsProven,
    drop_again,
)
from gate.operations.retention.holds import HoldAdd, HoldRelease
from gate.operations.status.glance import Status
from gate.vault import keyring
from gate.vault.keyring import sealable
from gate.vault.recipients import change_recipient
from gate.vault.wrap import WRAP_BYTES, data_key, rewrapped
from tests.support.asking import Asking, ask
from tests.support.databases import query
from tests.support.example import without_recipients
from tests.support.keeping import plant
from tests.support.vault import add_recipient, private_key

ACTOR = "user:ann(1000)"
ADA, BOB, EVE = private_key(), private_key("Bob (auditor)", "auditor"), private_key("Eve (escrow)", "escrow")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_recipients(tmp_path_factory.mktemp("keys") / "gate")


@pytest.fixture
def data(example: Path, tmp_path: Path) -> Iterator[DataFolder]:
    with ExitStack() as stack:
        yield opened(example, tmp_path, stack)


def opened(example: Path, tmp_path: Path, stack: ExitStack, **recording: Any) -> DataFolder:
    """A copy of the example with nobody on the register."""
    folder = tmp_path / "gate"
    if not folder.exists():
        shutil.copytree(example, folder)
    amend(folder / "config.toml", {"recording": recording})
    return open_folder(load(folder / "config.toml"), stack)


def add(data: DataFolder, private: Any, **terms: Any) -> Recipient:
    return ask(data, KeyAdd(text=private.recipient.to_text(), **terms), ACTOR)


_OWN = "SELECT kind, subject, actor, body FROM facts WHERE actor <> 'user:test(0)' ORDER BY leaf_index"


def facts(data: DataFolder, *kinds: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    rows = data.store.call(lambda tx: query(tx, _OWN))
    return [
        (row["kind"], row["subject"], row["actor"], json.loads(row["body"])) for row in rows if row["kind"] in kinds
    ]


def record(data: DataFolder, name: str, *recipients: Any, **how: Any) -> None:
    plant(data.store, data.keys, data.config.data / "recordings", recipients, name, **how)


def key_of(data: DataFolder, name: str, *privates: Any) -> bytes:
    return data_key(data.keys.wraps(name), privates, recording_id=name, key_id=data.keys.key_id(name))


def of_keys(data: DataFolder) -> list[str]:
    """What status warns of, but for the policy's review, which the machine's date decides."""
    return [each for each in ask(data, Status(), ACTOR).warnings if not each.startswith("Policy: ")]


def test_every_change_is_a_fact_with_its_actor(data: DataFolder) -> None:
    add(data, ADA)
    add(data, BOB, purpose="internal_audit")
    changed = ask(data, KeyChange(recipient_id=BOB.id, purpose="regulator", seals=False), ACTOR)
    assert (changed.purpose, changed.seals, changed.role) == ("regulator", False, "auditor")
    ask(data, KeyChange(recipient_id=BOB.id, purpose="regulator"), ACTOR)
    add(data, EVE)
    ask(data, KeyRetire(recipient_id=EVE.id), ACTOR)
    told = facts(data, "recipient_added", "recipient_changed", "recipient_retired")[1:]
    assert [(kind, subject, actor) for kind, subject, actor, _ in told] == [
        ("recipient_added", ADA.id, ACTOR),
        ("recipient_added", BOB.id, ACTOR),
        ("recipient_changed", BOB.id, ACTOR),
        ("recipient_added", EVE.id, ACTOR),
        ("recipient_retired", EVE.id, ACTOR),
    ], "what changes nothing is no change"
    body = told[2][3]
    assert (body["purpose"], body["seals"], body["before"]["purpose"]) == ("regulator", False, "internal_audit")
    assert body["fingerprint"] == BOB.recipient.fingerprint
    listed = ask(data, KeyList(), ACTOR)
    assert of_keys(data) == listed.warnings
    assert {row.id: (row.purpose, row.seals) for row in listed.recipients} == {
        ADA.id: ("", True),
        BOB.id: ("regulator", False),
    }
    assert "alone: if that key is lost, the recordings are lost" in listed.warnings[0], "Bob is given exports only"


def test_nothing_is_in_force_that_is_not_in_the_log(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    add(data, ADA)
    add(data, BOB)

    def full(*_: Any, **__: Any) -> None:
        raise VaultError("no room")

    for name in ("put_recipient", "change_recipient", "retire_recipient"):
        monkeypatch.setattr(keyring, name, full)
    before = len(facts(data, "recipient_added", "recipient_changed", "recipient_retired"))
    for work in (
        lambda: add(data, EVE),
        lambda: ask(data, KeyChange(recipient_id=BOB.id, half="first"), ACTOR),
        lambda: ask(data, KeyRetire(recipient_id=BOB.id), ACTOR),
    ):
        with pytest.raises(VaultError, match="no room"):
            work()
    assert len(facts(data, "recipient_added", "recipient_changed", "recipient_retired")) == before + 3
    monkeypatch.undo()
    monkeypatch.setattr(data, "keep", full)
    with pytest.raises(VaultError):
        add(data, EVE)
    monkeypatch.undo()
    assert {row.id for row in ask(data, KeyList(), ACTOR).recipients} == {ADA.id, BOB.id}


def test_who_was_put_there_past_the_gate_is_told(data: DataFolder) -> None:
    add(data, ADA)
    add(data, BOB)
    folder = data.config.data / "recipients"
    add_recipient(folder, EVE.recipient.to_text())
    change_recipient(folder, BOB.id, purpose="court")
    warned = ask(data, KeyList(), ACTOR).warnings
    assert ["Eve" in each or "Bob" in each for each in warned] == [True, True]
    assert all("not in the log" in each for each in warned)
    assert of_keys(data) == warned
    ask(data, KeyRetire(recipient_id=EVE.id), ACTOR)
    ask(data, KeyChange(recipient_id=BOB.id, purpose=""), ACTOR)
    assert ask(data, KeyList(), ACTOR).warnings == []
    (folder / "retired" / f"{EVE.id}.json").rename(folder / f"{EVE.id}.json")
    assert "Eve" in ask(data, KeyList(), ACTOR).warnings[0], "retired, and back"


def test_what_only_one_key_opens_is_told_and_keeps_its_recipient(data: DataFolder) -> None:
    add(data, ADA)
    add(data, BOB)
    for n in range(3):
        record(data, f"old-{n}", ADA.recipient)
    record(data, "both", ADA.recipient, BOB.recipient)
    rows = {row.id: row for row in ask(data, KeyList(), ACTOR).recipients}
    assert (rows[ADA.id].recordings, rows[ADA.id].alone) == (4, 3)
    assert (rows[BOB.id].recordings, rows[BOB.id].alone) == (1, 0)
    told = ask(data, KeyRetire(recipient_id=ADA.id, dry_run=True), ACTOR)
    assert (told.alone, told.retired) == (3, False)
    with pytest.raises(RefusedError, match="3 of the 4 recordings") as caught:
        ask(data, KeyRetire(recipient_id=ADA.id), ACTOR)
    assert caught.value.reason == "sole_recipient"
    assert "key rotate" in caught.value.hint

    rotate(data, ADA, BOB)
    retired = ask(data, KeyRetire(recipient_id=ADA.id), ACTOR)
    assert (retired.alone, retired.recordings, retired.retired) == (0, 4, True)
    assert key_of(data, "old-0", ADA) == key_of(data, "old-0", BOB), "what it could open it still can"
    listed = ask(data, KeyList(), ACTOR)
    assert [(row.id, row.recordings) for row in listed.retired] == [(ADA.id, 4)]
    with pytest.raises(NoRecipients):
        ask(data, KeyRetire(recipient_id=BOB.id), ACTOR)
    rotate(data, ADA, BOB, drop=True)
    assert ask(data, KeyList(), ACTOR).retired == []


def rotate(data: DataFolder, source: Any, target: Any, drop: bool = False) -> None:
    """As ``dialgate key rotate``, ``prove`` and ``drop`` do it."""
    gate = Asking(data, ACTOR)
    rotation.rotate(gate, source, target.recipient, progress=None)
    if drop:
        rotation.prove(gate, target, progress=None)
        ask(data, KeyDrop(source=source.id, target=target.id), ACTOR)


def test_wraps_are_given_out_and_taken_back_with_a_leaf_before(data: DataFolder) -> None:
    for private in (ADA, BOB):
        add(data, private)
    record(data, "r1", ADA.recipient)
    record(data, "r2", ADA.recipient, BOB.recipient)
    page = ask(data, KeyWraps(source=ADA.id, target=BOB.id), ACTOR)
    assert [(item.recording_id, bool(item.wrap)) for item in page.items] == [("r1", True), ("r2", False)]
    assert (page.next, page.target.name, page.worth.recordings) == (None, "Bob (auditor)", 2)
    assert ask(data, KeyWraps(source=ADA.id, target=BOB.id, limit=1), ACTOR).next == "r1"
    given = facts(data, "keys_given_out")
    assert given[0] == ("keys_given_out", ADA.id, ACTOR, {"to": BOB.id, "recordings": ["r1"]})
    rotate(data, ADA, BOB, drop=True)
    assert facts(data, "keys_rewrapped", "keys_proven", "keys_dropped") == [
        ("keys_rewrapped", BOB.id, ACTOR, {"from": ADA.id, "recordings": ["r1"]}),
        ("keys_proven", BOB.id, ACTOR, {"recordings": ["r1", "r2"]}),
        ("keys_dropped", BOB.id, ACTOR, {"from": ADA.id, "recordings": ["r1", "r2"]}),
    ]
    for name in ("r1", "r2"):
        assert [who for who, _ in data.keys.wraps(name)] == [BOB.id]


def test_random_bytes_are_no_wrap_and_take_nothing_away(data: DataFolder) -> None:
    for private in (ADA, BOB):
        add(data, private)
    for name in ("r1", "r2"):
        record(data, name, ADA.recipient)
    garbage = {name: base64.b64encode(b"\1" + os.urandom(WRAP_BYTES - 1)).decode() for name in ("r1", "r2")}
    for proofs in ({}, {name: base64.b64encode(os.urandom(64)).decode() for name in garbage}):
        with pytest.raises(RefusedError, match="not proven") as caught:
            ask(data, KeyRewrap(source=ADA.id, target=BOB.id, wraps=garbage, proofs=proofs), ACTOR)
        assert caught.value.reason == "wrap_not_proven"
    assert facts(data, "keys_rewrapped") == []
    # Good wraps that Bob has not opened take nothing away either, nor do proofs that are not his.
    rotate(data, ADA, BOB)
    answer = ask(data, KeyDrop(source=ADA.id, target=BOB.id), ACTOR)
    assert (answer.dropped, answer.unproven) == (0, 2)
    forged = {name: base64.b64encode(os.urandom(64)).decode() for name in garbage}
    assert ask(data, KeyProve(recipient_id=BOB.id, proofs=forged), ACTOR) == WrapsProven(proven=0, failed=["r1", "r2"])
    assert ask(data, KeyDrop(source=ADA.id, target=BOB.id), ACTOR).dropped == 0
    assert {who for who, _ in data.keys.wraps("r1")} == {ADA.id, BOB.id}
    assert facts(data, "keys_dropped", "keys_proven") == []


def test_a_recording_without_a_commitment_is_given_on_and_never_dropped(data: DataFolder) -> None:
    for private in (ADA, BOB):
        add(data, private)
    record(data, "old", ADA.recipient, committed=False)
    record(data, "new", ADA.recipient)
    gate = Asking(data, ACTOR)
    assert rotation.rotate(gate, ADA, BOB.recipient, progress=None)["added"] == 2
    done = rotation.prove(gate, BOB, progress=None)
    assert (done["proven"], done["without"], done["failed"]) == (1, 1, 0)
    answer = ask(data, KeyDrop(source=ADA.id, target=BOB.id), ACTOR)
    assert (answer.dropped, answer.unproven) == (1, 1)
    assert key_of(data, "old", ADA) == key_of(data, "old", BOB)


def test_what_is_held_is_not_dropped(data: DataFolder) -> None:
    for private in (ADA, BOB):
        add(data, private)
    for name in ("r1", "r2"):
        record(data, name, ADA.recipient)
    rotate(data, ADA, BOB)
    rotation.prove(Asking(data, ACTOR), BOB, progress=None)
    hold = ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id="r1", reason="a claim", reference="17/26"), ACTOR)
    shown = ask(data, KeyDrop(source=ADA.id, target=BOB.id, dry_run=True), ACTOR)
    assert (shown.dropped, shown.held, shown.dry_run) == (1, 1, True)
    assert facts(data, "keys_dropped") == []
    assert ask(data, KeyDrop(source=ADA.id, target=BOB.id), ACTOR).held == 1
    assert {who for who, _ in data.keys.wraps("r1")} == {ADA.id, BOB.id}
    assert {who for who, _ in data.keys.wraps("r2")} == {BOB.id}
    ask(data, HoldRelease(hold_id=hold.id, reason="settled"), ACTOR)
    assert ask(data, KeyDrop(source=ADA.id, target=BOB.id), ACTOR).dropped == 1


def test_what_was_erased_meanwhile_stays_so(data: DataFolder) -> None:
    for private in (ADA, BOB):
        add(data, private)
    record(data, "r1", ADA.recipient)
    page = ask(data, KeyWraps(source=ADA.id, target=BOB.id), ACTOR)
    (item,) = page.items
    new, proof = rewrapped(ADA, base64.b64decode(item.wrap or ""), BOB.recipient, recording_id="r1", key_id=item.key_id)
    data.keys.shred(["r1"])
    wraps, proofs = ({"r1": base64.b64encode(each).decode()} for each in (new, proof))
    answer = ask(data, KeyRewrap(source=ADA.id, target=BOB.id, wraps=wraps, proofs=proofs), ACTOR)
    assert answer == Rewrapped(added=0)
    assert ask(data, KeyDrop(source=ADA.id, target=BOB.id), ACTOR).dropped == 0
    assert data.keys.wraps("r1") == []


def test_keys_go_only_to_who_is_on_the_register(data: DataFolder) -> None:
    add(data, ADA)
    record(data, "r1", ADA.recipient)
    given: dict[str, Any] = {"source": ADA.id, "target": BOB.id}
    for work in (
        lambda: ask(data, KeyWraps(**given), ACTOR),
        lambda: ask(data, KeyRewrap(**given, wraps={"r1": "AA=="}, proofs={}), ACTOR),
        lambda: ask(data, KeyDrop(**given), ACTOR),
    ):
        with pytest.raises(UsageError, match="there is no recipient"):
            work()
    with pytest.raises(VaultError, match="there is no recipient"):
        ask(data, KeyUnproven(recipient_id=BOB.id), ACTOR)
    add(data, EVE, purpose="regulator", exports_only=True)
    with pytest.raises(RefusedError, match="for exports only"):
        ask(data, KeyWraps(source=ADA.id, target=EVE.id), ACTOR)
    with pytest.raises(UsageError, match="not to itself"):
        ask(data, KeyWraps(source=ADA.id, target=ADA.id), ACTOR)
    add(data, BOB)
    with pytest.raises(UsageError, match="base64"):
        ask(data, KeyRewrap(**given, wraps={"r1": "?"}, proofs={}), ACTOR)
    assert facts(data, "keys_given_out", "keys_rewrapped") == []


def test_what_was_taken_from_a_key_and_comes_back_goes_again(example: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        data = opened(example, tmp_path, stack)
        for private in (ADA, BOB, EVE):
            add(data, private)
        for name in ("r1", "r2", "r3"):
            record(data, name, ADA.recipient)
        record(data, "later", ADA.recipient, BOB.recipient)
        rotate(data, ADA, BOB)
        rotation.prove(Asking(data, ACTOR), BOB, progress=None)
        path = data.config.data / "keys.db"
    shutil.copy(path, tmp_path / "backup.db")
    with ExitStack() as stack:
        data = opened(example, tmp_path, stack)
        assert drop_again(data.store, data.keys) == 0
        ask(data, KeyDrop(source=ADA.id, target=BOB.id), ACTOR)
        rotation.rotate(Only(data, "r2"), BOB, ADA.recipient, progress=None)  # given back
        record(data, "new", ADA.recipient)
        assert drop_again(data.store, data.keys) == 0, "what is as the log says stays"
        now = {name: [who for who, _ in data.keys.wraps(name)] for name in ("r1", "r2", "r3", "later")}
        assert now["r2"] == sorted([ADA.id, BOB.id])
    shutil.copy(tmp_path / "backup.db", path)
    with ExitStack() as stack:
        data = opened(example, tmp_path, stack)
        assert len(data.keys.wraps("r1")) == 2, "the backup is a good one"
        hold = ask(
            data, HoldAdd(ground=HoldGround.CLAIM, recording_id="r1", reason="a claim", reference="17/26"), ACTOR
        )
        assert drop_again(data.store, data.keys) == 2, "what is held by now stays"
        ask(data, HoldRelease(hold_id=hold.id, reason="settled"), ACTOR)
        assert drop_again(data.store, data.keys) == 1
        assert {name: [who for who, _ in data.keys.wraps(name)] for name in now} == now
        assert drop_again(data.store, data.keys) == 0


class Only(Asking):
    """A gate that gives out the wraps of one recording."""

    def __init__(self, data: DataFolder, name: str) -> None:
        super().__init__(data, ACTOR)
        self._name = name

    def ask(self, request: Any, **_: Any) -> Any:
        response = super().ask(request)
        if not isinstance(request, KeyWraps):
            return response
        return replace(response, items=[each for each in response.items if each.recording_id == self._name])


# --- two people ---------------------------------------------------------------------------------------------------


def test_two_people_are_always_enough_and_always_needed(example: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        data = opened(example, tmp_path, stack, two_person=True)
        folder = data.config.data / "recipients"
        with pytest.raises(ConfigError, match="no key to seal"):
            sealable(folder, two_person=True)
        with pytest.raises(OtherHalf, match="of no half"):
            add(data, ADA)
        add(data, ADA, half="first")
        with pytest.raises(ConfigError, match="no recipient of the second half"):
            sealable(folder, two_person=True)
        add(data, BOB, half="second")
        assert len(sealable(folder, two_person=True)) == 2
        warned = ask(data, KeyList(), ACTOR).warnings
        assert len(warned) == 2
        assert "a share of every recording" in warned[0]
        for change in (
            lambda: ask(data, KeyRetire(recipient_id=BOB.id), ACTOR),
            lambda: ask(data, KeyChange(recipient_id=BOB.id, half="first"), ACTOR),
            lambda: ask(data, KeyChange(recipient_id=ADA.id, seals=False, purpose="court"), ACTOR),
            lambda: ask(data, KeyChange(recipient_id=ADA.id, half=""), ACTOR),
        ):
            with pytest.raises((NoRecipients, OtherHalf)):
                change()
        assert facts(data, "recipient_changed", "recipient_retired") == []
        add(data, EVE, half="second")
        ask(data, KeyRetire(recipient_id=BOB.id), ACTOR)
        assert len(sealable(folder, two_person=True)) == 2


def test_a_gate_of_one_person_that_becomes_one_of_two(example: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        data = opened(example, tmp_path, stack)
        for private in (ADA, BOB):
            add(data, private)
        record(data, "old", ADA.recipient, BOB.recipient)
    with ExitStack() as stack:
        data = opened(example, tmp_path, stack, two_person=True)
        with pytest.raises(ConfigError, match="is of no half") as caught:
            sealable(data.config.data / "recipients", two_person=True)
        assert "key change" in caught.value.hint
        ask(data, KeyChange(recipient_id=ADA.id, half="first"), ACTOR)
        ask(data, KeyChange(recipient_id=BOB.id, half="second"), ACTOR)
        shared = sealable(data.config.data / "recipients", two_person=True)
        record(data, "new", *shared, two_person=True)
        assert key_of(data, "old", ADA) == key_of(data, "old", BOB)
        assert len(key_of(data, "new", ADA, BOB)) == 32
        add(data, EVE, half="second")
        page = ask(data, KeyWraps(source=ADA.id, target=EVE.id), ACTOR)
        assert (page.target.half, page.worth.first) == ("second", 1)
