"""What the rules of a request command is carried out: each command, in its order, once, over a kill as well."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from gate.config import load
from gate.core.request_steps import FIELDS, Act, FieldKind
from gate.core.request_words import AT_ONCE, LETTER_OF, Asks, Do
from gate.core.requests import TABLE, handle, opened
from gate.core.rows.calls import FactRow
from gate.daemon.opening import open_folder
from gate.errors import UsageError
from gate.operations.catalogue import OPERATIONS
from gate.operations.data_folder import DataFolder
from gate.operations.erasure.eraser import CarryOut, request_carry_out
from gate.operations.operation import Caller
from gate.operations.requests import steps
from gate.operations.requests.course import (
    AnswerSent,
    AskIdentity,
    Clarify,
    Decide,
    Extend,
    Open,
    Rectify,
    VerifyIdentity,
    Withdraw,
    request_ask_identity,
    request_clarify,
    request_decide,
    request_extend,
    request_open,
    request_rectify,
    request_told,
    request_verify_identity,
    request_withdraw,
)
from gate.operations.requests.letters import WriteLetter, request_letter
from gate.operations.requests.listing import Show, request_show
from gate.operations.requests.searching import PackMade, Search, request_pack_made, request_search
from gate.operations.requests.standing import replay
from gate.store import requests as book
from tests.core.test_requests import EVENTS, everything
from tests.support import programs
from tests.support.databases import query
from tests.support.example import make_example
from tests.support.keeping import plant
from tests.support.requesting import key_of

ANN = Caller("user:ann(1000)")
NUMBER = "+447700900123"
AGO = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands") / "gate"
    make_example(folder)
    return folder


@pytest.fixture
def folder(place: Path) -> Iterator[DataFolder]:
    with ExitStack() as stack:
        yield open_folder(load(place / "config.toml"), stack)


def came(folder: DataFolder, asks: Asks, **more: Any) -> str:
    fields: dict[str, Any] = {"channel": "phone", "name": "Pat Person", "numbers": (NUMBER,)} | more
    return request_open(folder, Open(asks=asks, **fields), ANN).reference


def proven(folder: DataFolder, asks: Asks) -> str:
    reference = came(folder, asks)
    request_verify_identity(folder, VerifyIdentity(request=reference, checked="passport seen"), ANN)
    return reference


def searched(folder: DataFolder, asks: Asks) -> str:
    """In hand, with something found."""
    count = folder.store.call(lambda tx: query(tx, "SELECT count(*) AS n FROM recordings"))[0]["n"]
    recipient, recordings = key_of(folder.config.data.parent).recipient, folder.config.data / "recordings"
    plant(folder.store, folder.keys, recordings, recipient, f"rec{count:029}", AGO + timedelta(minutes=count), NUMBER)
    reference = proven(folder, asks)
    assert request_search(folder, Search(request=reference), ANN).found
    return reference


def granted(folder: DataFolder, asks: Asks) -> str:
    reference = searched(folder, asks) if asks in (Asks.ACCESS, Asks.ERASURE) else came(folder, asks)
    request_decide(folder, Decide(request=reference, grant=True), ANN)
    return reference


def todo(folder: DataFolder, reference: str) -> tuple[Do, ...]:
    shown = request_show(folder, Show(request=reference), ANN)
    return replay([FactRow(**asdict(each), subject=shown.id) for each in shown.facts]).todo


def kinds(folder: DataFolder, reference: str) -> list[str]:
    return [each.kind for each in request_show(folder, Show(request=reference), ANN).facts]


# --- which there are ----------------------------------------------------------------------------------------------


def test_every_command_has_somebody_who_carries_it_out() -> None:
    assert set(steps._AT_ONCE) == AT_ONCE
    assert AT_ONCE.isdisjoint(steps.WAITS_FOR)
    assert set(steps.WAITS_FOR) | AT_ONCE == set(Do)
    assert set(steps.WAITS_FOR.values()) <= set(OPERATIONS)


def test_every_command_is_given_somewhere_in_the_table() -> None:
    """Of every kind of request in every state that the table names: what these tests carry out is all there is."""
    given: set[Do] = set()
    for asks in Asks:
        request, commands = opened(asks, date(2026, 9, 3), written=False)
        reached = [request]
        given |= set(commands)
        for each in reached:
            for event in everything(0):
                if (each.state, type(event)) in TABLE and not TABLE[each.state, type(event)].guard(each, event):
                    after, commands = handle(each, event)
                    given |= set(commands)
                    if after not in reached and len(reached) < 150:
                        reached.append(after)
    assert given == set(Do)
    assert set(EVENTS) == {event for _, event in TABLE}


# --- at once ------------------------------------------------------------------------------------------------------


def before(folder: DataFolder, command: Do) -> str:
    """A request whose next step gives the command."""
    if command is Do.KEEP_OBJECTION:
        return searched(folder, Asks.ERASURE)
    if command is Do.RESTRICT:
        return came(folder, Asks.RESTRICTION, numbers=("+447700900999",))
    reference = granted(folder, Asks.ERASURE)
    request_carry_out(folder, CarryOut(request=reference, execute=True), ANN)
    return reference


def give(folder: DataFolder, command: Do, reference: str) -> None:
    """The step that gives it."""
    if command is Do.FORGET:
        request_told(folder, AnswerSent(request=reference), ANN)
    else:
        request_decide(folder, Decide(request=reference, grant=True), ANN)


def carried_out(folder: DataFolder, command: Do, reference: str) -> int:
    """How often that was done."""
    row = folder.store.call(lambda tx: book.find(tx, reference))
    sql, value = {
        Do.KEEP_OBJECTION: ("SELECT count(*) AS n FROM objections WHERE id LIKE ?", f"{row.id}-o%"),
        Do.RESTRICT: ("SELECT count(*) AS n FROM holds WHERE id LIKE ?", f"{row.id}-r%"),
        Do.FORGET: (
            "SELECT count(*) AS n FROM facts WHERE subject = ? AND kind = 'facts_erased'"
            " AND json_extract(body, '$.what') = 'request'",
            row.id,
        ),
    }[command]
    return int(folder.store.call(lambda tx: query(tx, sql, (value,)))[0]["n"])


@pytest.mark.parametrize("command", sorted(AT_ONCE))
def test_what_the_gate_does_by_itself_is_done_with_the_event_once(folder: DataFolder, command: Do) -> None:
    reference = before(folder, command)
    assert carried_out(folder, command, reference) == 0
    give(folder, command, reference)
    assert carried_out(folder, command, reference) == 1


DYING = """
import os, sys
from contextlib import ExitStack
from pathlib import Path
from gate.config import load
from gate.core.request_words import Do
from gate.daemon.opening import open_folder
from gate.operations.requests import steps
from tests.operations.test_request_commands import give
config, command, reference = sys.argv[1:]
real = steps._AT_ONCE[Do(command)]
def dies(*arguments):
    real(*arguments)
    os._exit(9)
steps._AT_ONCE = {**steps._AT_ONCE, Do(command): dies}
with ExitStack() as stack:
    give(open_folder(load(Path(config)), stack), Do(command), reference)
"""


@pytest.mark.deep
@pytest.mark.parametrize("command", sorted(AT_ONCE))
def test_a_gate_that_dies_in_between_leaves_event_and_command_undone(place: Path, command: Do) -> None:
    """A process that carries it out and is gone before the transaction ends; then another one takes the step."""
    config = place / "config.toml"
    with ExitStack() as stack:
        folder = open_folder(load(config), stack)
        reference = before(folder, command)
        leaves = folder.store.call(lambda tx: tx.head()[0])
    programs.adapt(("-c", str(config)))
    died = subprocess.run(
        [sys.executable, "-c", DYING, str(config), command, reference], check=False, capture_output=True, text=True
    )
    assert died.returncode == 9, died.stderr
    with ExitStack() as stack:
        folder = open_folder(load(config), stack)
        assert folder.store.call(lambda tx: tx.head()[0]) == leaves, "neither the event nor what it commands is there"
        assert carried_out(folder, command, reference) == 0
        give(folder, command, reference)
        assert carried_out(folder, command, reference) == 1


def test_what_is_there_already_is_not_made_again(folder: DataFolder) -> None:
    for command, table in ((Do.KEEP_OBJECTION, "objections"), (Do.RESTRICT, "holds")):
        asks = Asks.OBJECTION if command is Do.KEEP_OBJECTION else Asks.RESTRICTION
        reference = granted(folder, asks) if asks is Asks.RESTRICTION else came(folder, asks)

        def again(tx: Any, reference: str = reference, command: Do = command, table: str = table) -> tuple[int, int]:
            row = book.find(tx, reference)
            assert row is not None
            request = replay(book.course(tx, row.id))
            count = f"SELECT count(*) AS n FROM {table}"  # noqa: S608 - one of two
            there = query(tx, count)[0]["n"]
            steps.carry_out(folder, tx, row, request, [command], ANN.actor)
            return there, query(tx, count)[0]["n"]

        there, after = folder.store.call(again)
        assert there == after


def test_a_command_that_cannot_be_carried_out_forbids_the_event(folder: DataFolder) -> None:
    reference = came(folder, Asks.RESTRICTION, numbers=())
    known = kinds(folder, reference)
    with pytest.raises(UsageError, match="which number"):
        request_decide(folder, Decide(request=reference, grant=True), ANN)
    assert kinds(folder, reference) == known


# --- what waits for a person --------------------------------------------------------------------------------------


def pack_made(folder: DataFolder, reference: str) -> None:
    request_pack_made(folder, PackMade(request=reference, sha256="00", calls=1, recordings=0, left_out=0), ANN)


def refused(folder: DataFolder) -> str:
    reference = came(folder, Asks.ERASURE)
    asked = Decide(request=reference, grant=False, ground="legal_claims", reasons="a claim")  # type: ignore[arg-type]
    request_decide(folder, asked, ANN)
    return reference


def answered(folder: DataFolder) -> str:
    reference = granted(folder, Asks.ACCESS)
    pack_made(folder, reference)
    return reference


def asked_back(folder: DataFolder, ask: Callable[..., Any], request: Callable[[str], Any], start: str) -> str:
    ask(folder, request(start), ANN)
    return start


WAITING: dict[Do, Callable[[DataFolder], str]] = {
    Do.ACKNOWLEDGE: lambda folder: came(folder, Asks.ACCESS),
    Do.ASK_FOR_WRITING: lambda folder: came(folder, Asks.ERASURE),
    Do.ASK_IDENTITY: lambda folder: asked_back(
        folder, request_ask_identity, lambda r: AskIdentity(request=r), came(folder, Asks.ACCESS)
    ),
    Do.ASK_CLARIFICATION: lambda folder: asked_back(
        folder, request_clarify, lambda r: Clarify(request=r, question="Which?"), proven(folder, Asks.ACCESS)
    ),
    Do.TELL_EXTENSION: lambda folder: asked_back(
        folder, request_extend, lambda r: Extend(request=r, reasons="many"), proven(folder, Asks.ACCESS)
    ),
    Do.SEARCH: lambda folder: proven(folder, Asks.ACCESS),
    Do.MAKE_PACK: lambda folder: granted(folder, Asks.ACCESS),
    Do.ERASE: lambda folder: granted(folder, Asks.ERASURE),
    Do.RECTIFY: lambda folder: granted(folder, Asks.RECTIFICATION),
    Do.ANSWER: answered,
    Do.TELL_REFUSAL: refused,
    Do.NOTIFY_AUTHORITY: refused,
    Do.CONFIRM: lambda folder: granted(folder, Asks.RESTRICTION),
}


def carry_out(folder: DataFolder, reference: str, command: Do) -> None:
    """By the operation that ``WAITS_FOR`` names."""
    name = steps.WAITS_FOR[command]
    if name == "request_letter":
        request_letter(folder, WriteLetter(request=reference, kind=LETTER_OF[command]), ANN)
    elif name == "request_search":
        request_search(folder, Search(request=reference), ANN)
    elif name == "request_pack_made":
        pack_made(folder, reference)
    elif name == "request_rectify":
        request_rectify(folder, Rectify(request=reference, statement="It was a Monday."), ANN)
    else:
        assert name == "request_carry_out"
        request_carry_out(folder, CarryOut(request=reference, execute=True), ANN)


def test_every_command_that_waits_is_tried_here() -> None:
    assert set(WAITING) == set(steps.WAITS_FOR)


@pytest.mark.parametrize("command", WAITING)
def test_what_waits_for_a_person_waits_over_a_restart_until_it_is_done(place: Path, command: Do) -> None:
    with ExitStack() as stack:
        folder = open_folder(load(place / "config.toml"), stack)
        reference = WAITING[command](folder)
        assert todo(folder, reference).count(command) == 1
        waiting = todo(folder, reference)
    with ExitStack() as stack:  # another life of the gate
        folder = open_folder(load(place / "config.toml"), stack)
        assert todo(folder, reference) == waiting
        carry_out(folder, reference, command)
        left = todo(folder, reference)
        assert left == tuple(each for each in waiting if each is not command)
    with ExitStack() as stack:
        folder = open_folder(load(place / "config.toml"), stack)
        assert command not in todo(folder, reference)


def test_an_erasure_that_is_asked_for_twice_is_carried_out_once(folder: DataFolder) -> None:
    reference = granted(folder, Asks.ERASURE)
    first = request_carry_out(folder, CarryOut(request=reference, execute=True), ANN)
    again = request_carry_out(folder, CarryOut(request=reference, execute=True), ANN)
    assert first == again
    assert kinds(folder, reference).count("request_carried") == 1


def test_what_is_over_waits_for_nobody(folder: DataFolder) -> None:
    reference = searched(folder, Asks.ACCESS)
    assert todo(folder, reference)
    request_withdraw(folder, Withdraw(request=reference), ANN)
    assert todo(folder, reference) == ()


def test_commands_are_carried_out_in_their_order(folder: DataFolder) -> None:
    """The person is uncallable before anything of theirs goes, and told after it has gone."""
    reference = granted(folder, Asks.ERASURE)
    row = folder.store.call(lambda tx: book.find(tx, reference))
    assert row is not None
    request_carry_out(folder, CarryOut(request=reference, execute=True), ANN)
    request_letter(folder, WriteLetter(request=reference, kind=LETTER_OF[Do.CONFIRM]), ANN)

    def first(kind: str, subject: str) -> int:
        sql = "SELECT min(leaf_index) AS n FROM facts WHERE kind = ? AND subject LIKE ?"
        return int(folder.store.call(lambda tx: query(tx, sql, (kind, subject)))[0]["n"])

    of = row.id
    places = [
        first("request_granted", of),
        first("objection", f"{of}-o0"),
        first("request_carrying", of),
        first("request_carried", of),
        first("letter_made", of),
    ]
    assert places == sorted(places)


# --- forms --------------------------------------------------------------------------------------------------------

_OPERATIONS = {
    Act.VERIFY_IDENTITY: "request_verify_identity",
    Act.ASK_IDENTITY: "request_ask_identity",
    Act.SEARCH: "request_search",
    Act.GRANT: "request_decide",
    Act.REFUSE: "request_decide",
    Act.CLARIFY: "request_clarify",
    Act.CLARIFIED: "request_clarified",
    Act.EXTEND: "request_extend",
    Act.MAKE_PACK: "request_pack_made",
    Act.ERASE: "request_carry_out",
    Act.RECTIFY: "request_rectify",
    Act.TELL_PERSON: "request_told",
    Act.TELL_AUTHORITY: "request_told",
    Act.TELL_RECIPIENT: "request_told",
    Act.ACKNOWLEDGE: "request_acknowledge",
    Act.LETTER: "request_letter",
    Act.WITHDRAW: "request_withdraw",
}


@pytest.mark.parametrize("act", Act)
def test_the_fields_of_a_form_are_those_of_its_operation(act: Act) -> None:
    known = set(OPERATIONS[_OPERATIONS[act]].request.__struct_fields__)
    for field in FIELDS[act]:
        assert ({"since", "until"} if field.kind is FieldKind.SPAN else {field.name}) <= known
