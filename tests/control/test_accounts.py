"""Roles under real accounts: every operation, asked of a running gate by every role, is let in or refused as told."""

from __future__ import annotations

import datetime
import enum
import importlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec
import pytest

from gate.config.write import amend
from gate.control.client import ControlClient
from gate.errors import GateError, RefusedError
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import ADMIN, AUDITOR, COMPLIANCE, MANAGER, VIEWER
from tests.support.accounts import NEEDS_ROOT, accounts, as_account
from tests.support.commands import dialgate
from tests.support.keeping import plant
from tests.support.requesting import key_of, opened, sound
from tests.support.running_gate import RunningGate

pytestmark = [NEEDS_ROOT, pytest.mark.deep]

NUMBER = "020 7946 0123"
GIVEN = {"number": NUMBER, "path": "/etc/passwd", "recipient": ""}
"""Fields whose names say what they hold."""


class Asked(NamedTuple):
    """A gate that runs, the accounts, and what each was told: account -> operation -> reason of the refusal, or the
    error, or ``answered``."""

    gate: RunningGate
    names: Mapping[str, str]
    told: Mapping[str, Mapping[str, str]]


def recorded(gate: RunningGate, recording_id: str) -> None:
    """A recording in the gate's folder, as if a call had been made a year ago."""
    with opened(gate.folder) as data:
        recipient = key_of(gate.folder).recipient
        plant(data.store, data.keys, data.config.data / "recordings", recipient, recording_id, sound=sound())


def value_for(name: str, kind: Any) -> Any:
    """Something that a field of a request takes."""
    if name in GIVEN:
        return GIVEN[name]
    if get_origin(kind) is Annotated:
        kind, *told = get_args(kind)
        if kind is int:
            return max(each.ge or 0 for each in told)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if get_args(kind) and get_origin(kind) not in (list, dict, tuple):
        return value_for(name, get_args(kind)[0])
    if get_origin(kind) is tuple:  # some fields need one at least
        return [value_for(name, get_args(kind)[0])]
    kind = get_origin(kind) or kind
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    made: dict[type, Any] = {str: "x", int: 0, bool: False, list: [], tuple: [], dict: {}, float: 0.0}
    made |= {datetime.datetime: "2026-03-02T10:00:00Z", datetime.date: "2026-03-02"}
    return made[kind]


def fields_of(op: str) -> dict[str, Any]:
    """The least that an operation can be asked with."""
    fields = msgspec.structs.fields(OPERATIONS[op].request)
    return {field.name: value_for(field.name, field.type) for field in fields if field.required}


def ask(client: ControlClient, op: str) -> str:
    """``answered``, the reason of a refusal, or the kind of error."""
    try:
        if op == "watch":
            with client.watch() as watching:
                next(watching)
        else:
            client.call(op, **fields_of(op))
    except RefusedError as refused:
        return refused.reason
    except GateError as error:
        return type(error).__name__
    return "answered"


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    members = {
        ADMIN: ("phones", "admins"),
        COMPLIANCE: ("phones",),
        AUDITOR: ("phones", "auditors"),
        MANAGER: ("phones",),
        VIEWER: ("phones",),
        "both": ("phones", "auditors"),
        "stranger": ("phones",),
        "outsider": (),
    }
    place = Path(tempfile.mkdtemp(prefix="dialgate-roles-"))
    place.chmod(0o755)
    try:
        with accounts(members) as names:
            gate = RunningGate(place / "gate")
            (place / "gate").chmod(0o755)  # as /etc/dialgate: the configuration is for everybody, the data are not
            socket = place / "run" / "gate.sock"
            roles = {
                ADMIN: ["root", f"@{names['@admins']}"],
                COMPLIANCE: [names[COMPLIANCE], names["both"]],
                AUDITOR: [f"@{names['@auditors']}"],
                MANAGER: [names[MANAGER]],
                VIEWER: [names[VIEWER]],
            }
            recorded(gate, "rec-1")
            amend(gate.config, {"control": {"socket": str(socket), "group": names["@phones"]}, "roles": roles})
            gate.config.chmod(0o644)
            gate.socket = socket
            client = gate.start().client
            try:
                client.call("decide", number=NUMBER)
                told = {
                    word: as_account(names[word], lambda: {op: ask(client, op) for op in OPERATIONS})
                    for word in members
                    if word != "outsider"
                }
                yield Asked(gate, names, told)
            finally:
                gate.stop()
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("role", [ADMIN, COMPLIANCE, AUDITOR, MANAGER, VIEWER])
@pytest.mark.parametrize("op", OPERATIONS)
def test_each_role_is_let_do_what_is_its_own_and_nothing_else(op: str, role: str, asked: Asked) -> None:
    refused = asked.told[role][op] == "not_permitted"
    assert refused is (role not in OPERATIONS[op].roles), asked.told[role][op]


@pytest.mark.parametrize("op", OPERATIONS)
def test_an_account_with_two_roles_may_do_what_either_may(op: str, asked: Asked) -> None:
    refused = asked.told["both"][op] == "not_permitted"
    assert refused is OPERATIONS[op].roles.isdisjoint({AUDITOR, COMPLIANCE})


def test_who_has_no_role_is_refused_whatever_is_asked(asked: Asked) -> None:
    assert set(asked.told["stranger"].values()) == {"not_permitted"}


def test_who_is_not_in_the_group_does_not_reach_the_gate(asked: Asked) -> None:
    def answers() -> str:
        try:
            return str(asked.gate.client.answers())
        except GateError as error:
            return str(error)

    assert "Permission denied" in as_account(asked.names["outsider"], answers)


def test_whoever_asked_in_vain_stands_in_the_log_once_for_each_thing(asked: Asked) -> None:
    rows = asked.gate.rows("SELECT subject, actor, body FROM facts WHERE kind = 'not_permitted'")
    kept = {(row["actor"].split("(")[0].removeprefix("user:"), row["subject"]) for row in rows}
    expected = {
        (asked.names[word], op)
        for word, told in asked.told.items()
        for op, reason in told.items()
        if reason == "not_permitted"
    }
    assert kept == expected
    assert len(rows) == len(expected)


def test_a_refusal_says_which_role_it_would_take(asked: Asked) -> None:
    def refused() -> list[Any]:
        try:
            asked.gate.client.call("hold_add", ground="claim", reason="x", reference="x")
        except RefusedError as error:
            return [error.message, error.hint, error.exit_code]
        return []

    message, hint, code = as_account(asked.names[VIEWER], refused)
    assert f"user:{asked.names[VIEWER]}(" in message
    assert "it has viewer" in message
    assert "admin or compliance" in hint
    assert code == 3


def test_a_session_says_who_one_is_to_the_gate(asked: Asked) -> None:
    session = as_account(asked.names["both"], lambda: asked.gate.client.call("session"))
    assert session["actor"].startswith(f"user:{asked.names['both']}(")
    assert (session["role"], session["roles"]) == (COMPLIANCE, [COMPLIANCE, AUDITOR])
    assert set(session["can"]) == {op for op, told in asked.told["both"].items() if told != "not_permitted"}


def test_neither_viewer_nor_manager_sees_a_number_in_full_whatever_it_asks(asked: Asked) -> None:
    def looks() -> list[Any]:
        client = asked.gate.client
        page = client.call("calls_list", masked=False)
        shown = client.call("calls_show", call_id=page["items"][0]["call_id"], masked=False)
        return [page, shown, client.call("status", masked=False)]

    for role in (VIEWER, MANAGER):
        told = as_account(asked.names[role], looks)
        assert told[0]["items"][0]["number"] == "+44 20 79** **23"
        assert "0123" not in str([told[0]["items"][0]["raw"], told[1]["facts"][0]["body"]["number"]])
        assert "+442079460123" not in str(told)
    assert "+442079460123" in str(as_account(asked.names[AUDITOR], lambda: asked.gate.client.call("calls_list")))


def test_an_auditor_opens_a_recording_with_a_key_of_their_own_and_without_the_gates_folder(asked: Asked) -> None:
    """The program is not readable to everybody everywhere: what it loads late is loaded before."""
    for module in ("gate.exports.audio", "gate.vault.reader", "gate.vault.keyfile", "soundfile", "encodings.cp1252"):
        importlib.import_module(module)
    mine = Path(tempfile.mkdtemp(prefix="dialgate-auditor-"))
    try:
        for name, source in (("first.key", "keys"), ("first.passphrase", "keys")):
            shutil.copy(asked.gate.folder / source / name, mine / name)
        for path in (mine, *mine.iterdir()):
            shutil.chown(path, asked.names[AUDITOR])

        def export() -> list[Any]:
            tempfile.tempdir = str(mine)  # the one of whoever runs the tests may be theirs alone
            done = dialgate(
                *("recording", "export", "rec-1", "-k", str(mine / "first.key"), "-o", str(mine / "out.wav")),
                *("--purpose", "a check", "--passphrase-file", str(mine / "first.passphrase")),
                *("-c", str(asked.gate.config), "--json"),
            )
            return [done.code, done.out, done.err]

        code, out, err = as_account(asked.names[AUDITOR], export)
        assert code == 0, err
        assert json.loads(out)["seconds"] > 0.5
        assert (mine / "out.wav").stat().st_size > 8000
        assert not asked.gate.data.stat().st_mode & 0o077
        row = asked.gate.rows("SELECT actor, body FROM facts WHERE kind = 'exported' ORDER BY leaf_index DESC LIMIT 1")
        assert asked.names[AUDITOR] in row[0]["actor"]
    finally:
        shutil.rmtree(mine)
