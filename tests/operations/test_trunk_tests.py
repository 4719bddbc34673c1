"""What is kept of the test of a phone system, and whom status asks about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from gate.config import load
from gate.daemon.opening import open_folder
from gate.errors import UsageError
from gate.operations.data_folder import DataFolder
from gate.operations.status.trunk_tests import DAYS, TrunkTest, TrunkTestList, warnings
from gate.vault.signing import CheckpointKey
from tests.support.asking import ask
from tests.support.evidence import decision
from tests.support.playbook import Clock
from tests.support.settings import VALID, write

ADMIN = "user:root(0)"
NUMBER = "+441632960999"
PBX, ACCOUNT = "trunk:pbx1", "account:alice"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    text = VALID.replace('username = "alice"\n', 'username = "alice"\nphone_system = true\n')
    text = text.replace("+442079460000", "+443300000000").replace("+441632960100", "+443300000001")
    config = load(write(tmp_path, text.replace("live = false", "live = true")))
    config.data.mkdir(exist_ok=True)
    CheckpointKey.create(config.data / "gate.key", "dialgate-test")
    with ExitStack() as stack:
        yield open_folder(config, stack, clock=Clock())


def outcome(folder: DataFolder, *, by: str = "", reason: str = "test_call", rung: bool = False) -> str:
    """Of a test of the PBX in which a call came ``by`` somebody, or none did."""
    since = folder.clock.now() - timedelta(seconds=30)
    if by:
        fact = decision(f"call-{by}-{reason}-{rung}", NUMBER, at=folder.clock.now(), reason=reason, claimed_by=by)
        folder.store.call(lambda tx: tx.append(fact))
    said = ask(folder, TrunkTest(claimed_by=PBX, since=since, rung=rung, listened_at="192.0.2.9:5070"), ADMIN)
    folder.clock.time += timedelta(minutes=5)  # type: ignore[attr-defined]
    return str(said.outcome)


def test_whether_the_call_came_is_read_from_the_log(folder: DataFolder) -> None:
    assert outcome(folder) == "never_asked"
    assert outcome(folder, by="unproven", reason="not_authenticated") == "not_known"
    assert outcome(folder, by=ACCOUNT) == "never_asked"
    assert outcome(folder, by=PBX, rung=True) == "not_obeyed"
    assert outcome(folder, rung=True) == "not_obeyed"
    assert outcome(folder, by=PBX) == "obeyed"
    last = {each.claimed_by: each.outcome for each in ask(folder, TrunkTestList(), ADMIN).systems}
    assert last == {PBX: "obeyed", ACCOUNT: None}


def test_status_asks_for_what_was_never_tested_did_not_pass_or_is_old(folder: DataFolder) -> None:
    pbx, account = warnings(folder)
    assert "never tested: dialgate trunk-test pbx1" in pbx and account.startswith(ACCOUNT)
    outcome(folder, by=PBX, rung=True)
    assert "DOES NOT OBEY" in next(warnings(folder))
    outcome(folder, by=PBX)
    assert [each.partition(": ")[0] for each in warnings(folder)] == [ACCOUNT]
    folder.clock.time += timedelta(days=DAYS + 1)  # type: ignore[attr-defined]
    assert "days ago: dialgate trunk-test pbx1" in next(warnings(folder))


def test_a_test_is_of_a_phone_system_of_the_configuration_and_of_now(folder: DataFolder) -> None:
    now = folder.clock.now()
    with pytest.raises(UsageError, match="there is no phone system trunk:other"):
        ask(folder, TrunkTest(claimed_by="trunk:other", since=now, rung=False, listened_at="x"), ADMIN)
    for since in (now - timedelta(hours=2), now + timedelta(minutes=1)):
        with pytest.raises(UsageError, match="within the hour"):
            ask(folder, TrunkTest(claimed_by=PBX, since=since, rung=False, listened_at="x"), ADMIN)
