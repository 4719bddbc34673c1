"""Accounts and tokens made by command: they work at a gate that has only their hashes."""

from __future__ import annotations

import base64
import os
import re
import stat
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gate.config import load
from gate.softphone import CallRefused, GatedPhone, ask_gate
from tests.support.accounts import NEEDS_ROOT, accounts
from tests.support.commands import dialgate
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, free_port
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE


def status(address: str, authorization: str, path: str = f"/v1/decision?number={UNLISTED}") -> int:
    request = urllib.request.Request(f"http://{address}{path}")
    request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_new_account_calls_and_a_new_token_asks_and_the_files_hold_neither(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate", announcement=0.6)
    gate.set("control", http=(http := f"127.0.0.1:{free_port()}"))
    config = ("-c", str(gate.config), "--json")
    before = gate.config.read_text()
    token = dialgate("token", "add", "dialler", "--may", "decide,metrics", *config).json
    account = dialgate("account", "add", "carol", "--number", "01632 960100", *config).json
    old = gate.password()
    changed = dialgate("account", "password", "alice", *config).json["password"]
    after = iter(gate.config.read_text().splitlines())
    assert all(line in after for line in before.splitlines()), "what was there, and its comments, stays in its order"
    for path in (gate.folder / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for secret in (account["password"], token["token"], changed):
            assert secret not in path.read_text() + gate.config.read_text()
    gate.start()
    try:
        ask = ask_gate(f"http://{http}", token["token"], account="carol", timeout=PATIENCE)
        with Uas(port=gate.trunk_port) as far:
            for name, password in (("carol", account["password"]), ("alice", changed)):
                with GatedPhone(ask, "127.0.0.1", gate.port, name, password) as phone:
                    with pytest.raises(CallRefused):
                        phone.call(LISTED)
                    call = phone.call(UNLISTED)
                    assert call.wait_answered(15)
                    call.hangup()
                far.wait("call")
        kept = (gate.folder / token["file"]).read_text().strip()
        for path, code in (
            (f"/v1/decision?number={UNLISTED}", 200), ("/metrics", 200), (f"/v1/objections?number={UNLISTED}", 403),
        ):  # fmt: skip
            assert status(http, f"Bearer {token['token']}", path) == code, path
        for wrong in (kept, kept.removeprefix("sha256:"), old, token["token"][:-1]):
            assert status(http, f"Bearer {wrong}") == 401, "who has read the file cannot ask"
            basic = base64.b64encode(f"dialler:{wrong}".encode()).decode()
            assert status(http, f"Basic {basic}") == 401
    finally:
        gate.stop()


def test_what_would_not_be_read_again_changes_nothing(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    config = ("-c", str(gate.config))
    assert dialgate("token", "add", "dialler", "--may", "marketing", *config).code == 0
    before = {path: path.read_bytes() for path in gate.folder.rglob("*") if path.is_file()}
    for words, why in {
        "token add Dialler --may marketing": "is not a name",
        "token add other --may marketing --account nobody": "is no account",
        "token add dialler --may marketing": "exists",
        "token add ../other --may marketing": "is not a name",
        "token add other --may everything": "is not one of decide, marketing, service, metrics, recordings",
        "account add carol --number 02079460999": "is not one of firm.numbers",
        "account add carol --number 12": "is not a UK number",
        "account add alice --number 02079460000": "exists",
        "account password carol": "there is no account carol",
    }.items():
        done = dialgate(*words.split(), *config)
        assert done.code and why in done.err and not done.out, f"{words}: {done}"
        assert {path: path.read_bytes() for path in gate.folder.rglob("*") if path.is_file()} == before, words
    assert len(load(gate.config).token) == 1


def test_a_kept_password_is_of_its_account_and_realm_alone(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    config = ("-c", str(gate.config))
    assert dialgate("account", "password", "alice", *config).code == 0
    gate.set("sip", realm="another")
    done = dialgate("config", "show", *config)
    assert done.code and re.search(r"account\[0\].password_file: .* not one of alice in the realm another", done.err)


@NEEDS_ROOT
def test_made_by_root_the_files_belong_to_the_gate(tmp_path: Path) -> None:
    gate = RunningGate(tmp_path / "gate")
    with accounts({"gate": ()}) as names:
        import pwd

        uid = pwd.getpwnam(names["gate"]).pw_uid
        os.chown(gate.config, uid, -1)
        assert dialgate("token", "add", "dialler", "--may", "marketing", "-c", str(gate.config)).code == 0
        assert (gate.folder / "secrets" / "dialler.token").stat().st_uid == gate.config.stat().st_uid == uid
