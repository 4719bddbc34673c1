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
from gate.daemon.opening import open_folder
from gate.errors import GateError, RefusedError
from gate.operations.data_folder import DataFolder
from gate.vault.reader import open_recording
from tests.support.asking import ByName
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
    rows = data.read(lambda tx: tx.query("SELECT recording_id, path FROM recordings ORDER BY recording_id"))
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
    desk, first = ByName(data), key_of(Path(data.config.base))
    before = audio(data)
    assert len(before) == 3 and all(before.values())
    hold = desk.hold_add(ground="claim", recording_id="rec1", reason="a claim", reference="17", actor="user:ben(1001)")[
        "id"
    ]
    asks = desk.request_open(asks="erasure", channel="phone", name="Pat", numbers=[PERSON], actor=ANN)["reference"]
    own = {"request": asks, "actor": ANN}

    def confirm_own() -> None:
        waiting = desk.proposal_list(actor=ANN)["items"]
        assert len(waiting) == 4, "two erasures, a release, a key"
        for each in waiting:
            with pytest.raises(RefusedError, match="another person confirms"):
                desk.proposal_confirm(proposal_id=each["id"], actor=ANN)

    tries: dict[str, Callable[[], Any]] = {
        "verify": lambda: desk.request_verify_identity(checked="I know her", numbers=[PERSON], **own),
        "search": lambda: desk.request_search(**own),
        "grant": lambda: desk.request_decide(grant=True, **own),
        "erase": lambda: desk.request_carry_out(execute=True, **own),
        "erase again": lambda: desk.request_carry_out(execute=True, reason="now", **own),
        "release": lambda: desk.hold_release(hold_id=hold, reason="mine", actor=ANN),
        "own key": lambda: desk.key_add(text=MINE.recipient.to_text(), actor=ANN),
        "rewrap": lambda: desk.key_rewrap(
            source=first.id, target=MINE.id, wraps=dict.fromkeys(before, "AAAA"), proofs={}, actor=ANN
        ),
        "prove": lambda: desk.key_prove(recipient_id=MINE.id, proofs=dict.fromkeys(before, "AAAA"), actor=ANN),
        "drop": lambda: desk.key_drop(source=first.id, target=MINE.id, actor=ANN),
        "retire": lambda: desk.key_retire(recipient_id=first.id, actor=ANN),
        "sweep": lambda: desk.retention_sweep(execute=desk.retention_sweep(actor=ANN)["digest"], actor=ANN),
        "terms": lambda: desk.retention_terms_sweep(actor=ANN),
        "forget": lambda: desk.contacts_forget(number=PERSON, actor=ANN),
        "restore": lambda: desk.audit_restore(reason="because", actor=ANN),
        "clock": lambda: desk.audit_clock(reason="because", actor=ANN),
        "renew": lambda: desk.memory_renew(reason="because", actor=ANN),
        "confirm": confirm_own,
        "withdraw": lambda: desk.request_withdraw(**own),
    }
    refused = set()
    for name, each in tries.items():
        try:
            each()
        except GateError:
            refused.add(name)
    assert refused == {"rewrap", "retire", "forget", "restore", "clock", "renew", "withdraw"}, "the others do no harm"
    assert audio(data) == before
    assert [each["released_at"] for each in desk.hold_list(actor=ANN)["items"]] == [None]
    assert data.log.verify().ok
