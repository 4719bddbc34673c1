"""The enemy is an admin of the firm, alone: with every operation there is, no recording is destroyed nor freed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gate.config import load
from gate.config.write import amend
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.daemon.opening import open_folder
from gate.errors import GateError, RefusedError
from gate.operations.audit.checkpoints import AuditClock, AuditRestore
from gate.operations.contacts.pages import ContactsForget
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut
from gate.operations.erasure.terms import RetentionTermsSweep
from gate.operations.keys.recipients import KeyAdd, KeyRetire
from gate.operations.keys.wraps import KeyDrop, KeyProve, KeyRewrap
from gate.operations.memory.place import MemoryRenew
from gate.operations.proposals import ProposalConfirm, ProposalList
from gate.operations.requests.course import Decide, Open, VerifyIdentity, Withdraw
from gate.operations.requests.searching import Search
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease
from gate.operations.retention.schedule import RetentionSweep
from gate.vault.reader import open_recording
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.keeping import SetClock
from tests.support.requesting import PERSON, key_of, prepared
from tests.support.vault import private_key

ANN = "user:ann(1000)"
MINE = private_key("Ann's own", "compliance")


@pytest.fixture
def data(tmp_path: Path) -> Any:
    prepared(tmp_path / "gate", recordings=2)
    amend(tmp_path / "gate" / "config.toml", {"roles": {"dual_control": "on"}})
    with ExitStack() as stack:
        yield open_folder(load(tmp_path / "gate" / "config.toml"), stack, clock=SetClock(datetime.now(UTC)))


def audio(data: DataFolder) -> dict[str, bytes]:
    """Every recording, as the holder of the first key hears it."""
    rows = data.read(lambda tx: query(tx, "SELECT recording_id, path FROM recordings ORDER BY recording_id"))
    private = key_of(Path(data.config.base))
    found = {}
    for row in rows:
        path = data.config.data / "recordings" / row["path"]
        wraps = data.keys.wraps(row["recording_id"])
        found[row["recording_id"]] = b"".join(
            open_recording(path, wraps, private, recording_id=row["recording_id"], allow_interrupted=True)[1]
        )
    return found


def test_one_person_alone_destroys_and_frees_nothing(data: DataFolder) -> None:
    first = key_of(Path(data.config.base))
    before = audio(data)
    assert len(before) == 3 and all(before.values())
    hold = ask(
        data, HoldAdd(ground=HoldGround.CLAIM, recording_id="rec1", reason="a claim", reference="17"), "user:ben(1001)"
    ).id
    asks = ask(data, Open(asks=Asks.ERASURE, channel="phone", name="Pat", numbers=(PERSON,)), ANN).reference
    own: dict[str, Any] = {"request": asks}

    def confirm_own() -> None:
        waiting = ask(data, ProposalList(), ANN).items
        assert len(waiting) == 4, "two erasures, a release, a key"
        for each in waiting:
            with pytest.raises(RefusedError, match="another person confirms"):
                ask(data, ProposalConfirm(proposal_id=each.id), ANN)

    tries: dict[str, Callable[[], Any]] = {
        "verify": lambda: ask(data, VerifyIdentity(checked="I know her", numbers=(PERSON,), **own), ANN),
        "search": lambda: ask(data, Search(**own), ANN),
        "grant": lambda: ask(data, Decide(grant=True, **own), ANN),
        "erase": lambda: ask(data, CarryOut(execute=True, **own), ANN),
        "erase again": lambda: ask(data, CarryOut(execute=True, reason="now", **own), ANN),
        "release": lambda: ask(data, HoldRelease(hold_id=hold, reason="mine"), ANN),
        "own key": lambda: ask(data, KeyAdd(text=MINE.recipient.to_text()), ANN),
        "rewrap": lambda: ask(
            data, KeyRewrap(source=first.id, target=MINE.id, wraps=dict.fromkeys(before, "AAAA"), proofs={}), ANN
        ),
        "prove": lambda: ask(data, KeyProve(recipient_id=MINE.id, proofs=dict.fromkeys(before, "AAAA")), ANN),
        "drop": lambda: ask(data, KeyDrop(source=first.id, target=MINE.id), ANN),
        "retire": lambda: ask(data, KeyRetire(recipient_id=first.id), ANN),
        "sweep": lambda: ask(data, RetentionSweep(execute=ask(data, RetentionSweep(), ANN).digest), ANN),
        "terms": lambda: ask(data, RetentionTermsSweep(), ANN),
        "forget": lambda: ask(data, ContactsForget(number=PERSON), ANN),
        "restore": lambda: ask(data, AuditRestore(reason="because"), ANN),
        "clock": lambda: ask(data, AuditClock(reason="because"), ANN),
        "renew": lambda: ask(data, MemoryRenew(reason="because"), ANN),
        "confirm": confirm_own,
        "withdraw": lambda: ask(data, Withdraw(**own), ANN),
    }
    refused = set()
    for name, each in tries.items():
        try:
            each()
        except GateError:
            refused.add(name)
    assert refused == {"rewrap", "retire", "forget", "restore", "clock", "renew", "withdraw"}, "the others do no harm"
    assert audio(data) == before
    assert [each.released_at for each in ask(data, HoldList(), ANN).items] == [None]
    assert data.log.verify().ok
