"""The connectors of the manual as they stand there, run by PHP and Lua, against a gate that decides over HTTP."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import page
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, free_port

LUA = next((found for name in ("lua5.4", "lua5.3", "lua") if (found := shutil.which(name))), "")
NEEDS_PHP = pytest.mark.skipif(shutil.which("php") is None, reason="php is missing (package php-cli)")
NEEDS_LUA = pytest.mark.skipif(not LUA, reason="lua is missing (package lua5.4)")
PLAYED = """
local said = {}
freeswitch = {
  consoleLog = function() end,
  API = function()
    return {execute = function(_, name, words)
      assert(name == "curl")
      local curl = io.popen("curl -s '" .. words:match("^%S+") .. "'")
      local answer = curl:read("a")
      curl:close()
      return answer
    end}
  end,
}
session = {
  getVariable = function(_, name) return name == "destination_number" and arg[1] or nil end,
  hangup = function(_, cause) said[#said + 1] = cause end,
  setAutoHangup = function(_, ends) said[#said + 1] = tostring(ends) end,
}
dofile(arg[2])
io.write(table.concat(said, " "))
"""
"""What FreeSWITCH gives a script, as its Lua reference has it; its curl is curl."""

pytestmark = pytest.mark.peer


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = RunningGate(tmp_path / "gate")
    gate.http = f"127.0.0.1:{free_port()}"
    gate.set("control", http=gate.http)
    gate.add_token("fusionpbx", purposes=["marketing"])
    gate.start()
    yield gate
    gate.stop()


def script(gate: RunningGate, language: str) -> tuple[Path, dict[str, str]]:
    """The page's, as a file; and what it finds in its environment."""
    (text,) = [block.text for block in page("connectors").blocks if block.language == language]
    file = gate.folder / f"dialgate.{language}"
    file.write_text(text)
    address = f"http://{gate.http}" if language == "php" else gate.http
    token = gate.folder / "secrets" / "fusionpbx.token"
    return file, {**os.environ, "DIALGATE_TOKEN": str(token), "DIALGATE_HTTP": address}


def agi(gate: RunningGate, number: str, **other: str) -> str:
    """What the AGI script sets, for a call that Asterisk tells of as its documentation says."""
    file, environment = script(gate, "php")
    told = f"agi_request: dialgate.php\nagi_channel: PJSIP/1001-1\nagi_extension: {number}\n\n200 result=1\n"
    done = subprocess.run(
        ["php", file, number], input=told, capture_output=True, text=True, env=environment | other, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lua(gate: RunningGate, number: str, **other: str) -> str:
    """What the Lua script does to the session."""
    file, environment = script(gate, "lua")
    played = gate.folder / "played.lua"
    played.write_text(PLAYED)
    done = subprocess.run(
        [LUA, played, number, file], capture_output=True, text=True, env=environment | other, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@NEEDS_PHP
def test_asterisk_is_told_to_call_what_the_gate_allows_and_nothing_else(gate: RunningGate) -> None:
    allow = 'SET VARIABLE GATE "allow"\n'
    assert agi(gate, UNLISTED) == agi(gate, "+44" + UNLISTED[1:]) == allow
    assert agi(gate, LISTED) == 'SET VARIABLE GATE "block listed_tps"\n'
    for wrong in ("", "nonsense", '0207"\nSET VARIABLE GATE "allow'):
        assert agi(gate, wrong).startswith('SET VARIABLE GATE "block'), wrong
    assert agi(gate, UNLISTED, DIALGATE_TOKEN="/nowhere").startswith('SET VARIABLE GATE "block')
    gate.stop()
    assert agi(gate, UNLISTED) == 'SET VARIABLE GATE "block no_answer"\n'


@NEEDS_LUA
def test_freeswitch_hangs_up_unless_the_gate_allows(gate: RunningGate) -> None:
    assert lua(gate, UNLISTED) == lua(gate, "+44" + UNLISTED[1:]) == "false"
    for refused in (LISTED, "", "nonsense", "0&number=02079460123"):
        assert lua(gate, refused) == "CALL_REJECTED false", refused
    assert lua(gate, UNLISTED, DIALGATE_TOKEN="/nowhere") == "CALL_REJECTED false"
    gate.stop()
    assert lua(gate, UNLISTED) == "CALL_REJECTED false"
