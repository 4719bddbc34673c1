"""Roles of accounts as the configuration and the machine's account database say."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest

from gate.config import load
from gate.control import authorisation
from gate.control.authorisation import Roles
from gate.errors import ConfigError, UsageError
from gate.operations.audit.checkpoints import CheckpointsList
from gate.operations.calls.calls import CallsList
from gate.operations.catalogue import OPERATIONS
from tests.support.settings import VALID, write

ME = os.geteuid()
NOBODY = pwd.getpwnam("nobody").pw_uid
STRANGER = 987_654


def of(folder: Path, text: str = "", own: int = STRANGER) -> Roles:
    return Roles(load(write(folder, VALID + text)), own)


def test_without_the_section_root_and_the_gates_own_account_are_admins(tmp_path: Path) -> None:
    found = of(tmp_path)
    assert found.roles_of(0) == {"admin"}
    assert found.roles_of(STRANGER) == {"admin"}
    assert found.roles_of(NOBODY) == frozenset()
    assert Roles(load(tmp_path / "config.toml")).roles_of(ME) == {"admin"}


def test_accounts_stand_by_name_uid_or_group(tmp_path: Path) -> None:
    group = f"@{grp.getgrgid(pwd.getpwnam('nobody').pw_gid).gr_name}"
    for account in ("nobody", str(NOBODY), group):
        assert of(tmp_path, f'[roles]\nauditor = ["{account}"]\n').roles_of(NOBODY) == {"auditor"}
    several = '[roles]\nauditor = ["nobody"]\nviewer = ["nobody", "root"]\n'
    assert of(tmp_path, several).roles_of(NOBODY) == {"auditor", "viewer"}
    assert of(tmp_path, several).roles_of(0) == {"admin", "viewer"}


def test_root_can_be_left_out_the_gates_own_account_cannot(tmp_path: Path) -> None:
    found = of(tmp_path, "[roles]\nadmin = []\n")
    assert found.roles_of(0) == frozenset()
    assert found.roles_of(STRANGER) == {"admin"}


def test_an_account_that_the_machine_does_not_know_has_a_role_by_its_uid_alone(tmp_path: Path) -> None:
    assert of(tmp_path, f'[roles]\nviewer = ["{STRANGER + 1}"]\n').roles_of(STRANGER + 1) == {"viewer"}
    assert of(tmp_path).roles_of(STRANGER + 1) == frozenset()


def test_a_role_that_was_taken_away_is_gone_after_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = of(tmp_path, '[roles]\nviewer = ["nobody"]\n')
    assert found.roles_of(NOBODY) == {"viewer"}
    monkeypatch.setattr(authorisation, "names_of", lambda _: frozenset())
    assert found.roles_of(NOBODY) == {"viewer"}
    now = authorisation.time.monotonic()
    monkeypatch.setattr(authorisation.time, "monotonic", lambda: now + authorisation.FRESH_SECONDS + 1)
    assert found.roles_of(NOBODY) == frozenset()


def test_accounts_that_nobody_has_are_named(tmp_path: Path) -> None:
    text = '[roles]\nadmin = ["root", "no-such-account"]\nviewer = ["@no-such-group", "12345", "@root"]\n'
    assert of(tmp_path, text).unknown() == ["admin: no-such-account", "viewer: @no-such-group"]


@pytest.mark.parametrize("account", ["", "@", "a b", "x;y", "@@x", "a" * 70])
def test_what_is_no_account_is_a_fault_of_the_configuration(tmp_path: Path, account: str) -> None:
    with pytest.raises(ConfigError, match=r"roles\.viewer\[0\]: .*neither an account nor an @group"):
        load(write(tmp_path, f'{VALID}[roles]\nviewer = ["{account}"]\n'))


def test_an_account_twice_in_a_role_and_a_group_that_is_none_are_faults(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is there twice"):
        load(write(tmp_path, f'{VALID}[roles]\nviewer = ["ann", "ann"]\n'))
    with pytest.raises(ConfigError, match=r"control\.group"):
        load(write(tmp_path, f'{VALID}[control]\ngroup = "two words"\n'))


def test_only_who_is_a_viewer_and_no_more_sees_numbers_hidden() -> None:
    asked = CallsList(limit=5)
    assert authorisation.masked_for(frozenset({"viewer"}), asked) == CallsList(limit=5, masked=True)
    assert authorisation.masked_for(frozenset({"viewer", "auditor"}), asked) == asked
    assert authorisation.masked_for(frozenset({"viewer"}), CheckpointsList(limit=5)) == CheckpointsList(limit=5)


@pytest.mark.parametrize(
    ("typed", "looked_for"),
    [
        ("+447700900", "+44770"),
        ("07700 9001", "+44770"),
        ("0044 2079460", "+44207"),
        ("4477009001", "+44770"),
        ("07700 900123", "+44770"),
        ("+447700900123", "+44770"),
        ("tel:+44-7700-900123", "+44770"),
        ("sip:07700900123@pbx", "+44770"),
        ("listed", "listed"),
        ("6f2c9e01", "6f2c9e01"),
        ("020 7", "+44207"),
        (None, None),
    ],
)
def test_a_viewer_finds_no_number_sign_by_sign(typed: str | None, looked_for: str | None) -> None:
    text = CallsList(text=typed)
    assert authorisation.masked_for(frozenset({"viewer"}), text) == CallsList(text=looked_for, masked=True)
    assert authorisation.masked_for(frozenset({"viewer", "auditor"}), text) == text
    number = CallsList(number=typed)
    assert authorisation.masked_for(frozenset({"viewer"}), number) == CallsList(text=looked_for, masked=True)


def test_a_viewer_gives_a_number_or_a_text() -> None:
    with pytest.raises(UsageError, match="not both"):
        authorisation.masked_for(frozenset({"viewer"}), CallsList(number="07700 900123", text="listed"))


def test_a_viewer_asks_for_no_whole_number() -> None:
    """What an operation that is a viewer's can be asked of one number, it cannot be asked exactly."""
    theirs = [op for op, operation in OPERATIONS.items() if "viewer" in operation.roles]
    exact = [op for op in theirs if "number" in OPERATIONS[op].request.__struct_fields__]
    assert exact == ["calls_list"]
    assert "masked" in OPERATIONS["calls_list"].request.__struct_fields__


def test_each_word_that_a_viewer_looks_for_is_blunted() -> None:
    """A number beside another word would else be found whole."""
    asked = authorisation.masked_for(frozenset({"viewer"}), CallsList(text="alice 020 7946 0123"))
    assert asked.text == "alice +44207" and asked.masked
    assert authorisation.masked_for(frozenset({"viewer"}), CallsList(text="case 17")).text == "case 17"
