"""Objections that callers with invented numbers made by key: told of, and taken back in bulk by two people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.calls.metrics import Metrics
from gate.config import load
from gate.config.write import amend
from gate.core.calls_in import BY_KEY, HELD
from gate.daemon.chores import measure
from gate.daemon.opening import open_folder
from gate.errors import RefusedError, UsageError
from gate.operations.calls.screening import Check
from gate.operations.data_folder import DataFolder
from gate.operations.lists.objections import ObjectionAdd, ObjectionList, ObjectionUndo
from gate.operations.proposals import ProposalConfirm
from gate.operations.status.glance import Status
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.keeping import SetClock
from tests.support.requesting import prepared
from tests.support.written import written

ANN, BEN = "user:ann(1000)", "user:ben(1001)"
CALLED = "+442079460555"
"""The firm had called this one before it objected."""


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime.now(UTC))


@pytest.fixture
def data(tmp_path: Path, clock: SetClock) -> Iterator[DataFolder]:
    prepared(tmp_path / "gate", recordings=1)
    amend(tmp_path / "gate" / "config.toml", {"roles": {"dual_control": "on"}})
    with ExitStack() as stack:
        yield open_folder(load(tmp_path / "gate" / "config.toml"), stack, clock=clock)


def by_key(data: DataFolder, number: str, trunk: str, source: str = BY_KEY) -> None:
    """A caller of a trunk presses 9 on the call-back line."""
    call = f"in-{trunk}-{number[-4:]}"
    body: dict[str, Any] = {
        "number": number,
        "raw": number,
        "presentation": "+442079460000",
        "claimed_by": f"carrier:{trunk}",
    }
    body |= {"source": "192.0.2.1:5060", "withheld": False, "codecs": [], "sip_call_id": "x", "verdict": "allow"}
    written(data, "call_in", call, f"carrier:{trunk}", body | {"reason": "call_in", "to": "callback"})
    told = {"number": number, "source": source, "note": "", "call_id": call}
    written(data, "objection", f"o-{call}", "caller", told)


def invented(data: DataFolder, trunk: str) -> None:
    """Sixty numbers in a minute: twenty as ever, the rest held; one of them was called before."""
    for n in range(59):
        by_key(data, f"+4420794610{n:02}", trunk, BY_KEY if n < 19 else HELD)
    decided = {"number": CALLED, "raw": CALLED, "verdict": "allow", "reason": "not_listed", "purpose": "marketing"}
    decided |= {"claimed_by": "account:alice", "presentation": "+442079460000", "source": "192.0.2.7:5060"}
    written(data, "decision", "out-1", "account:alice", decided)
    data.clock.time += timedelta(seconds=1)  # type: ignore[attr-defined]
    by_key(data, CALLED, trunk, HELD)


def stand(data: DataFolder) -> set[str]:
    page = ask(data, ObjectionList(limit=1000), ANN)
    return {str(row.number) for row in page.items if row.source in (BY_KEY, HELD, "told")}


def test_what_was_made_up_is_taken_back_by_two_and_what_the_firm_called_stands(
    data: DataFolder, clock: SetClock
) -> None:
    trunk = data.config.trunk[0].name
    by_key(data, "+442079462222", trunk)
    ask(data, ObjectionAdd(number="020 7946 3333"), ANN)
    clock.time += timedelta(hours=2)
    began = clock.time
    invented(data, trunk)
    clock.time += timedelta(seconds=1)
    assert len(stand(data)) == 62, "all of them block"
    (told,) = [each for each in ask(data, Status(), BEN).warnings if "by key" in each]
    assert trunk in told and "41 numbers held" in told
    asked: dict[str, Any] = {"trunk": trunk, "since": began.isoformat(), "reason": "forged caller IDs"}
    waits = ask(data, ObjectionUndo(**asked), ANN)
    assert (waits.undone, waits.spared, waits.waits.takes) == (None, 1, "59 objections")
    assert len(stand(data)) == 62
    with pytest.raises(RefusedError, match="another person"):
        ask(data, ProposalConfirm(proposal_id=waits.waits.id), ANN)
    done = ask(data, ProposalConfirm(proposal_id=waits.waits.id), BEN)
    answer: Any = done.answer
    assert (answer["undone"], answer["spared"]) == (59, 1)
    assert stand(data) == {"+442079462222", "+442079463333", CALLED}
    assert ask(data, Check(number="020 7946 1030"), ANN).reason != "objected"
    removed = data.store.call(lambda tx: query(tx, "SELECT actor FROM facts WHERE kind = 'objection_removed'"))
    assert [row["actor"] for row in removed] == [ANN] * 59
    (told,) = [each for each in ask(data, Status(), BEN).warnings if "by key" in each]
    assert "1 number held" in told


def test_more_of_them_than_were_shown_are_not_taken_back(data: DataFolder, clock: SetClock) -> None:
    trunk = data.config.trunk[0].name
    began = clock.time
    invented(data, trunk)
    until = clock.time + timedelta(seconds=5)
    clock.time += timedelta(seconds=10)
    waits = ask(data, ObjectionUndo(trunk=trunk, since=began, until=until, reason="x"), ANN).waits
    clock.time -= timedelta(seconds=8)
    by_key(data, "+442079469999", trunk, HELD)
    clock.time += timedelta(seconds=8)
    with pytest.raises(RefusedError) as caught:
        ask(data, ProposalConfirm(proposal_id=waits.id), BEN)
    assert caught.value.reason == "plan_changed"
    assert len(stand(data)) == 61


def test_what_is_asked_wrongly_is_refused(data: DataFolder, clock: SetClock) -> None:
    trunk = data.config.trunk[0].name
    later = clock.time + timedelta(days=1)
    wrong: tuple[dict[str, Any], ...] = (
        {"trunk": "nobody", "since": clock.time, "reason": "x"},
        {"trunk": trunk, "since": later, "reason": "x"},
        {"trunk": trunk, "since": clock.time, "reason": " "},
    )
    for asked in wrong:
        with pytest.raises(UsageError):
            ask(data, ObjectionUndo(**asked), ANN)


def test_the_metric_says_how_many_are_held_of_each_trunk(data: DataFolder, clock: SetClock) -> None:
    metrics, trunk = Metrics(), data.config.trunk[0].name
    invented(data, trunk)
    measure(data, metrics, list)
    assert metrics.registry.get_sample_value("dialgate_objections_held", {"trunk": trunk}) == 41
    clock.time += timedelta(days=1, minutes=1)
    measure(data, metrics, list)
    assert metrics.registry.get_sample_value("dialgate_objections_held", {"trunk": trunk}) == 0
