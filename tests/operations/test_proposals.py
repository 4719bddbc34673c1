"""What takes two people: asked for by one, confirmed by another, on a real data folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.cli.request import step
from gate.client import rotation
from gate.config import Config, load
from gate.config.write import amend
from gate.core.evidence import canonical, stamp
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.daemon.opening import open_folder
from gate.errors import RefusedError, UsageError
from gate.operations.accounts import confirmers, nobody_confirms, two_people
from gate.operations.catalogue import OPERATIONS
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut
from gate.operations.keys.recipients import KeyAdd
from gate.operations.keys.wraps import KeyDrop
from gate.operations.operation import MayWait
from gate.operations.proposals import ProposalConfirm, ProposalList, ProposalWithdraw
from gate.operations.requests.course import AnswerSent, Decide, Open, VerifyIdentity
from gate.operations.requests.listing import Show
from gate.operations.requests.searching import Search
from gate.operations.retention.holds import HoldAdd, HoldList, HoldRelease
from gate.operations.status.glance import Status
from tests.support.accounts import NEEDS_ROOT, accounts
from tests.support.asking import Asking, ask
from tests.support.databases import query
from tests.support.keeping import SetClock, plant
from tests.support.requesting import PERSON, key_of, prepared
from tests.support.running_gate import RunningGate, dialgate
from tests.support.settings import VALID, write
from tests.support.vault import private_key
from tests.support.written import written

ANN, BEN = "user:ann(1000)", "user:ben(1001)"
BOB = private_key("Bob (auditor)", "auditor")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("proposals") / "gate"
    prepared(place, recordings=1)
    amend(place / "config.toml", {"roles": {"dual_control": "on"}})
    return place


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime.now(UTC))


@pytest.fixture
def data(folder: Path, tmp_path: Path, clock: SetClock) -> Iterator[DataFolder]:
    shutil.copytree(folder, tmp_path / "gate")
    with ExitStack() as stack:
        yield open_folder(load(tmp_path / "gate" / "config.toml"), stack, clock=clock)


def hold(data: DataFolder) -> str:
    answer = ask(data, HoldAdd(ground=HoldGround.CLAIM, recording_id="rec0", reason="a claim", reference="17/26"), ANN)
    return str(answer.id)


def asked_release(data: DataFolder, hold_id: str) -> str:
    answer = ask(data, HoldRelease(hold_id=hold_id, reason="settled"), ANN)
    assert answer.released is None
    return str(answer.waits.id)


def facts(data: DataFolder, *kinds: str) -> list[tuple[str, str, str]]:
    rows = data.store.call(lambda tx: query(tx, "SELECT kind, subject, actor FROM facts ORDER BY leaf_index"))
    return [(row["kind"], row["subject"], row["actor"]) for row in rows if row["kind"] in kinds]


KINDS = ("proposed", "proposal_confirmed", "proposal_closed", "hold_released", "keys_dropped", "request_carrying")


def test_a_hold_is_released_by_two(data: DataFolder) -> None:
    hold_id = hold(data)
    proposal = asked_release(data, hold_id)
    assert asked_release(data, hold_id) == proposal, "asked again, it waits once"
    (shown,) = ask(data, ProposalList(), BEN).items
    assert (shown.id, shown.asked_by, shown.arguments["reason"]) == (proposal, ANN, "settled")
    (told,) = [each for each in ask(data, Status(), BEN).warnings if "second person" in each]
    assert all(each in told for each in (hold_id, ANN, f"dialgate proposal confirm {proposal}"))
    assert facts(data, "hold_released") == []
    with pytest.raises(RefusedError, match="another person confirms") as caught:
        ask(data, ProposalConfirm(proposal_id=proposal), ANN)
    assert caught.value.reason == "same_person"
    done = ask(data, ProposalConfirm(proposal_id=proposal), BEN)
    assert hold_id in done.what
    assert facts(data, *KINDS) == [
        ("proposed", hold_id, ANN),
        ("proposal_confirmed", hold_id, BEN),
        ("hold_released", hold_id, ANN),
        ("proposal_closed", hold_id, BEN),
    ]
    assert (ask(data, HoldList(), BEN).items, ask(data, ProposalList(), BEN).items) == ([], [])
    assert not [each for each in ask(data, Status(), BEN).warnings if "second person" in each]
    with pytest.raises(UsageError, match="nothing of id"):
        ask(data, ProposalConfirm(proposal_id=proposal), BEN)


def test_after_a_day_nobody_can_confirm_and_it_is_asked_for_anew(data: DataFolder, clock: SetClock) -> None:
    hold_id = hold(data)
    proposal = asked_release(data, hold_id)
    clock.time += timedelta(hours=23, minutes=59)
    assert ask(data, ProposalList(), BEN).items
    clock.time += timedelta(minutes=1)
    assert ask(data, ProposalList(), BEN).items == []
    with pytest.raises(UsageError, match="nothing of id"):
        ask(data, ProposalConfirm(proposal_id=proposal), BEN)
    assert asked_release(data, hold_id) != proposal
    assert facts(data, "hold_released") == []


def test_either_of_the_two_withdraws_it(data: DataFolder) -> None:
    hold_id = hold(data)
    for who in (ANN, BEN):
        proposal = asked_release(data, hold_id)
        ask(data, ProposalWithdraw(proposal_id=proposal), who)
        with pytest.raises(UsageError, match="nothing of id"):
            ask(data, ProposalConfirm(proposal_id=proposal), BEN)
    assert facts(data, "hold_released") == []


def test_what_waits_outlives_a_restart(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "gate")
    with ExitStack() as stack:
        data = open_folder(load(tmp_path / "gate" / "config.toml"), stack)
        proposal = asked_release(data, hold(data))
    with ExitStack() as stack:
        data = open_folder(load(tmp_path / "gate" / "config.toml"), stack)
        ask(data, ProposalConfirm(proposal_id=proposal), BEN)
        assert len(facts(data, "hold_released")) == 1


def test_a_proposal_that_was_changed_in_the_database_is_not_carried_out(data: DataFolder) -> None:
    """Whoever may write into the rows cannot put another hold's name into what was asked for."""
    first = hold(data)
    proposal = asked_release(data, first)

    def change(tx: Any) -> None:
        ((leaf, body),) = tx._connection.execute("SELECT leaf_index, body FROM facts WHERE kind = 'proposed'")
        text = json.dumps(json.loads(body) | {"arguments": {"hold_id": "another", "reason": "settled"}})
        tx._connection.execute("UPDATE facts SET body = ? WHERE leaf_index = ?", (text, leaf))

    data.store.call(change)
    assert ask(data, ProposalList(), BEN).items == []
    with pytest.raises(UsageError):
        ask(data, ProposalConfirm(proposal_id=proposal), BEN)


def test_a_proposal_of_an_earlier_version_waits_no_more(data: DataFolder, clock: SetClock) -> None:
    """It names no plan: nobody can tell what was shown."""
    body = {"op": "hold_release", "arguments": {"hold_id": hold(data), "reason": "settled"}}
    more = {"id": "p-9", "digest": sha256(canonical(body)).hexdigest(), "until": stamp(clock.time + timedelta(hours=2))}
    written(data, "proposed", "x", ANN, body | more)
    assert ask(data, ProposalList(), BEN).items == []


def test_a_proposal_that_today_would_do_nothing_or_something_else_is_not_shown(
    data: DataFolder, clock: SetClock
) -> None:
    """What an older version has kept is not guessed at: an erasure without ``execute`` would be a dry run."""
    bodies = [
        {"op": "request_carry_out", "arguments": {"request": "DSR-2026-0001", "digest": "d", "reason": ""}},
        {"op": "hold_release", "arguments": {"hold": "h-1", "reason": "settled"}},
        {"op": "hold_list", "arguments": {}},
        {"op": "release_all", "arguments": {}},
    ]
    for number, body in enumerate(bodies):
        digest = sha256(canonical(body)).hexdigest()
        until = stamp(clock.time + timedelta(hours=24))
        written(data, "proposed", "x", ANN, body | {"id": f"p-{number}", "digest": digest, "until": until})
    assert ask(data, ProposalList(), BEN).items == []
    for number in range(len(bodies)):
        with pytest.raises(UsageError, match="nothing of id"):
            ask(data, ProposalConfirm(proposal_id=f"p-{number}"), BEN)
    good: dict[str, Any] = {
        "op": "hold_release",
        "arguments": {"hold_id": "h-1", "reason": "settled", "digest": "d"},
        "takes": "2 recordings",
    }
    digest = sha256(canonical(good)).hexdigest()
    written(data, "proposed", "x", ANN, good | {"id": "p-9", "digest": digest, "until": stamp(clock.time)})
    assert [each.id for each in ask(data, ProposalList(), BEN).items] == ["p-9"], "as kept before"


def test_what_may_wait_says_so_in_its_response() -> None:
    waiting = {name: each for name, each in OPERATIONS.items() if each.second_person is not None}
    assert set(waiting) == {"hold_release", "key_drop", "objection_undo", "request_carry_out"}
    assert all(issubclass(each.response, MayWait) for each in waiting.values())
    assert all("digest" in each.request.__struct_fields__ for each in waiting.values()), "bound to its plan"


def test_what_is_taken_is_what_was_shown_or_nothing(data: DataFolder) -> None:
    """Proposed while the other key was proven to open nothing, confirmed once it was: it took all of them."""
    first = key_of(Path(data.config.base))
    ask(data, KeyAdd(text=BOB.recipient.to_text()), ANN)
    gate = Asking(data, ANN)
    rotation.rotate(gate, first, BOB.recipient, progress=None)
    waits = ask(data, KeyDrop(source=first.id, target=BOB.id), ANN).waits
    assert waits.takes == "0 recordings"
    rotation.prove(gate, BOB, progress=None)
    with pytest.raises(RefusedError, match="something else") as caught:
        ask(data, ProposalConfirm(proposal_id=waits.id), BEN)
    assert caught.value.reason == "plan_changed"
    assert {who for who, _ in data.keys.wraps("rec0")} == {first.id, BOB.id}
    assert ask(data, ProposalList(), BEN).items == [], "it is over"
    assert [row["subject"] for row in closed(data, "plan_changed")] == [first.id]
    again = ask(data, KeyDrop(source=first.id, target=BOB.id), ANN).waits
    (shown,) = ask(data, ProposalList(), BEN).items
    assert (shown.takes, shown.plan) == (again.takes, again.plan) == ("2 recordings", again.plan)
    assert any("2 recordings" in each for each in ask(data, Status(), BEN).warnings)
    answer: Any = ask(data, ProposalConfirm(proposal_id=again.id), BEN).answer
    assert answer["dropped"] == 2


def test_a_hold_that_keeps_more_than_was_shown_is_not_released(data: DataFolder) -> None:
    held = ask(data, HoldAdd(ground=HoldGround.CLAIM, number=PERSON, reason="a claim", reference="17/26"), ANN).id
    waits = ask(data, HoldRelease(hold_id=held, reason="settled"), ANN).waits
    assert waits.takes == "1 recording"
    plant_more(data, "later")
    with pytest.raises(RefusedError) as caught:
        ask(data, ProposalConfirm(proposal_id=waits.id), BEN)
    assert caught.value.reason == "plan_changed"
    assert facts(data, "hold_released") == []
    assert [row.id for row in ask(data, HoldList(), BEN).items] == [held]
    waits = ask(data, HoldRelease(hold_id=held, reason="settled"), ANN).waits
    assert waits.takes == "2 recordings"
    ask(data, ProposalConfirm(proposal_id=waits.id), BEN)
    assert len(facts(data, "hold_released")) == 1


def test_one_uid_under_two_names_is_one_person(data: DataFolder) -> None:
    proposal = asked_release(data, hold(data))
    for name in ("user:anna(1000)", "user:?(1000)"):
        with pytest.raises(RefusedError) as caught:
            ask(data, ProposalConfirm(proposal_id=proposal), name)
        assert caught.value.reason == "same_person"
    assert facts(data, "proposal_confirmed", "hold_released") == []
    ask(data, ProposalConfirm(proposal_id=proposal), "user:ann(1001)")
    assert len(facts(data, "hold_released")) == 1


def plant_more(data: DataFolder, name: str) -> None:
    owner = key_of(Path(data.config.base)).recipient
    plant(data.store, data.keys, data.config.data / "recordings", owner, name, number=PERSON)


def closed(data: DataFolder, how: str) -> list[Any]:
    sql = "SELECT subject FROM facts WHERE kind = 'proposal_closed' AND json_extract(body, '$.how') = ?"
    return list(data.store.call(lambda tx: query(tx, sql, [how])))


def granted_by_two(data: DataFolder) -> str:
    """The reference of an erasure that two have carried out."""
    about: dict[str, Any] = {
        "asks": "erasure",
        "channel": "phone",
        "name": "Pat",
        "contact": "pat@example.org",
        "numbers": [PERSON],
    }
    reference = str(ask(data, Open(**about), ANN).reference)
    ask(data, VerifyIdentity(request=reference, checked="seen in person", numbers=(PERSON,)), ANN)
    ask(data, Search(request=reference), ANN)
    ask(data, Decide(request=reference, grant=True), ANN)
    waits = ask(data, CarryOut(request=reference, execute=True, reason="asked for"), ANN).waits
    assert waits.takes == "3 calls, 1 recording"
    ask(data, ProposalConfirm(proposal_id=waits.id), BEN)
    return reference


def test_a_request_that_two_have_carried_out_is_shown(data: DataFolder) -> None:
    """Its course has facts of the proposal, which have keys of the same names as others and lack theirs."""
    reference = granted_by_two(data)
    shown = ask(data, Show(request=reference), BEN)
    lines = [step(fact) for fact in shown.facts]
    assert any("proposal closed (done)" in line for line in lines), lines
    assert any("erasure done" in line for line in lines)
    ask(data, AnswerSent(request=reference), ANN)
    shown = ask(data, Show(request=reference), BEN)
    lines = [step(fact) for fact in shown.facts]
    assert any("who asks, noted" in line for line in lines), "a fact whose body is erased"


def test_keys_are_taken_away_by_two(data: DataFolder) -> None:
    first = key_of(Path(data.config.base))
    ask(data, KeyAdd(text=BOB.recipient.to_text()), ANN)
    gate = Asking(data, ANN)
    rotation.rotate(gate, first, BOB.recipient, progress=None)
    rotation.prove(gate, BOB, progress=None)
    answer = ask(data, KeyDrop(source=first.id, target=BOB.id), ANN)
    assert (answer.dropped, answer.recordings) == (0, 2)
    assert {who for who, _ in data.keys.wraps("rec0")} == {first.id, BOB.id}
    done = ask(data, ProposalConfirm(proposal_id=answer.waits.id), BEN)
    dropped: Any = done.answer
    assert dropped["dropped"] == 2
    assert {who for who, _ in data.keys.wraps("rec0")} == {BOB.id}
    assert facts(data, "keys_dropped") == [("keys_dropped", BOB.id, ANN)]


def test_an_erasure_is_carried_out_by_two_and_is_what_was_shown(data: DataFolder) -> None:
    row = ask(data, Open(asks=Asks.ERASURE, channel="phone", name="Pat", numbers=(PERSON,)), ANN)
    reference = row.reference
    ask(data, VerifyIdentity(request=reference, checked="seen in person", numbers=(PERSON,)), ANN)
    ask(data, Search(request=reference), ANN)
    ask(data, Decide(request=reference, grant=True), ANN)
    answer = ask(data, CarryOut(request=reference, execute=True, reason="asked for"), ANN)
    assert (answer.dry_run, answer.recordings) == (True, 1)
    assert facts(data, "request_carrying", "recording_erased") == []
    # A call that comes before the second person confirms makes it another erasure than the one that was asked for.
    recordings = data.config.data / "recordings"
    plant(data.store, data.keys, recordings, key_of(Path(data.config.base)).recipient, "later", number=PERSON)
    with pytest.raises(RefusedError) as caught:
        ask(data, ProposalConfirm(proposal_id=answer.waits.id), BEN)
    assert caught.value.reason == "plan_changed"
    assert data.keys.wraps("rec0")
    answer = ask(data, CarryOut(request=reference, execute=True, reason="asked for"), ANN)
    done = ask(data, ProposalConfirm(proposal_id=answer.waits.id), BEN)
    taken: Any = done.answer
    assert taken["recordings"] == 2
    assert data.keys.wraps("rec0") == data.keys.wraps("later") == []
    again = ask(data, CarryOut(request=reference, execute=True), ANN)
    assert again.waits is None, "what is begun goes on without being asked for again"


def test_where_one_is_enough_nothing_waits(data: DataFolder, folder: Path, tmp_path: Path) -> None:
    amend(tmp_path / "gate" / "config.toml", {"roles": {"dual_control": "off"}})
    data.config = load(tmp_path / "gate" / "config.toml")
    answer = ask(data, HoldRelease(hold_id=hold(data), reason="settled"), ANN)
    assert answer.released
    assert answer.waits is None


@NEEDS_ROOT
def test_two_accounts_of_a_live_gate_are_two_people(tmp_path: Path) -> None:
    with accounts({"ann": ("admins",), "ben": (), "eve": ()}) as names:

        def config(roles: str) -> Config:
            read = load(write(tmp_path, f"{VALID}\n[roles]\n{roles}\n"))
            assert not two_people(read) or read.roles.dual_control == "on", "it is not live"
            return msgspec.structs.replace(read, calling=msgspec.structs.replace(read.calling, live=True))

        assert len(confirmers(config(""))) == 1, "root alone"
        assert not two_people(config(""))
        both = f'admin = ["@{names["@admins"]}"]\ncompliance = ["{names["ben"]}"]\n'
        assert len(confirmers(config(both))) == 2
        assert two_people(config(both))
        assert not two_people(config(both + 'dual_control = "off"'))
        same = f'admin = ["{names["ann"]}"]\ncompliance = ["@{names["@admins"]}"]\n'
        assert not two_people(config(same)), "one account under two names"
        others = f'admin = ["{names["ann"]}"]\nauditor = ["{names["ben"]}"]\nviewer = ["{names["eve"]}"]\n'
        assert not two_people(config(others)), "auditors and viewers confirm nothing"
        assert two_people(config(others + 'dual_control = "on"'))


def test_two_people_are_asked_for_and_there_is_one(tmp_path: Path) -> None:
    """Said at the start and in status; not where one is enough."""
    gate = RunningGate(tmp_path)
    gate.set("roles", admin=["root"], dual_control="on")
    gate.start()
    try:
        assert '"event": "nobody_can_confirm"' in gate.log.read_text()
        said = [each for each in gate.client.call("status")["warnings"] if "nobody can confirm" in each]
        assert len(said) == 1
        amend(gate.config, {"roles": {"dual_control": "auto"}})
        assert nobody_confirms(load(gate.config)) == ""
        amend(gate.config, {"roles": {"dual_control": "on", "compliance": ["nobody"]}})
        assert nobody_confirms(load(gate.config)) == ""
    finally:
        gate.stop()


def test_the_time_of_a_day_is_told(data: DataFolder, clock: SetClock) -> None:
    asked_release(data, hold(data))
    (row,) = ask(data, ProposalList(), BEN).items
    assert row.until == stamp(clock.time + timedelta(hours=24))


@pytest.mark.deep
def test_commands_say_that_it_waits(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "gate")
    config = tmp_path / "gate" / "config.toml"
    held = dialgate(
        "hold", "add", "--ground", "claim", "--recording", "rec0", "--reason", "a", "--reference", "b", config=config
    )
    waits = dialgate("hold", "release", held["id"], "--reason", "c", config=config)["waits"]
    (row,) = dialgate("proposal", "list", config=config)["items"]
    assert row["id"] == waits["id"]
    status = dialgate("status", config=config, check=False)
    assert [each for each in status["attention"] if waits["id"] in each]
    refused = dialgate("proposal", "confirm", waits["id"], config=config, check=False)
    assert refused["error"]["reason"] == "same_person"
    dialgate("proposal", "withdraw", waits["id"], config=config)
    assert dialgate("proposal", "list", config=config)["items"] == []
