"""The connectors of the manual as they stand there, run by PHP and Lua, against a gate that decides over HTTP."""

from __future__ import annotations

import json
import os
import re
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


FREEPBX = """<?php
interface BMO {}
class FreePBX_Helpers { public $FreePBX; }
class extension { public $data; public function __construct(...$data) { $this->data = $data; } }
class ext_execif extends extension {
    public function output() { return "ExecIf({$this->data[0]}?{$this->data[1]}({$this->data[2]}))"; }
}
class ext_gosub extends extension {
    public function output() { return "Gosub({$this->data[2]},{$this->data[1]},{$this->data[0]}({$this->data[3]}))"; }
}
class Core {
    public $trunks = [];
    public function listTrunks() { return $this->trunks; }
    public function addTrunk($name, $tech, $settings) { $this->trunks[] = compact('name', 'tech', 'settings'); }
}
class Extensions {
    public $exts = [];
    public function section_exists($section) { return isset($this->exts[$section]); }
    public function add($section, $exten, $tag, $command) { $this->exts[$section][] = $command->output(); }
    public function splice($section, $exten, $priority, $command) {
        if (!isset($this->exts[$section][$priority])) { die("died in splice $section $exten"); }
        array_splice($this->exts[$section], $priority, 0, [$command->output()]);
    }
}
class Astman {
    public function database_show($family) { return json_decode(getenv('ASTDB'), true)[$family]; }
}
class FreePBX {
    public static $module;
    public $Core, $astman;
    public function __construct() { $this->Core = new Core(); $this->astman = new Astman(); }
    public static function Dialgate() { return self::$module; }
}
require $argv[1] . '/Dialgate.class.php';
$freepbx = new FreePBX();
FreePBX::$module = new \\FreePBX\\modules\\Dialgate($freepbx);
define('FREEPBX_IS_AUTH', true);
if ($argv[2] === 'trunk') {
    FreePBX::$module->install();
    FreePBX::$module->install();
    echo json_encode($freepbx->Core->trunks);
} elseif ($argv[2] === 'dialplan') {
    $ext = new Extensions();
    FreePBX::$module->doDialplanHook($ext, 'asterisk', 900);
    if ($ext->exts) { die('nothing is to be written where there is no trunk'); }
    $ext->exts['macro-dialout-trunk'] = ['Set(DIAL_TRUNK=${ARG1})', 'Dial(x)'];
    FreePBX::$module->doDialplanHook($ext, 'asterisk', 900);
    echo json_encode($ext->exts);
} else {
    require $argv[1] . '/page.dialgate.php';
}
"""
"""What FreePBX 16 gives a module, as its core uses it: core's trunks, the dial plan, Asterisk's database."""


def freepbx(folder: Path, what: str, **database: dict[str, str]) -> str:
    """What the module of the manual does where FreePBX asks it to."""
    texts = [block.text for block in page("freepbx").blocks if block.language == "php"]
    for name, text in zip(("Dialgate.class.php", "page.dialgate.php"), texts, strict=True):
        (folder / name).write_text(text)
    played = folder / "played.php"
    played.write_text(FREEPBX)
    done = subprocess.run(
        ["php", played, folder, what],
        capture_output=True,
        text=True,
        env=os.environ | {"ASTDB": json.dumps(database)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@NEEDS_PHP
def test_the_freepbx_module_writes_the_dial_plan_of_its_page_before_anything_dials(tmp_path: Path) -> None:
    sections = json.loads(freepbx(tmp_path, "dialplan"))
    (shown,) = [block.text for block in page("freepbx").blocks if block.language == "ini"]
    written: dict[str, list[str]] = {}
    for line in shown.splitlines():
        if found := re.fullmatch(r"\[(.+)\]", line):
            commands = written.setdefault(found[1], [])
        elif found := re.fullmatch(r"exten => s,(?:1|n),(.+)", line):
            commands.append(found[1])
    macro = sections.pop("macro-dialout-trunk")
    assert macro[:1] == written.pop("macro-dialout-trunk") and macro[1:] == ["Set(DIAL_TRUNK=${ARG1})", "Dial(x)"]
    assert sections == written and len(written["dialgate-ask"]) == 7


@NEEDS_PHP
def test_the_freepbx_module_makes_one_trunk_that_is_off(tmp_path: Path) -> None:
    (trunk,) = json.loads(freepbx(tmp_path, "trunk"))
    assert (trunk["name"], trunk["tech"]) == ("dialgate", "pjsip")
    assert trunk["settings"]["disabletrunk"] == "on" and trunk["settings"]["continue"] == "off"


@NEEDS_PHP
def test_the_freepbx_module_shows_what_was_refused_and_nothing_of_it_is_html(tmp_path: Path) -> None:
    kept = {f"/dialgate/{at}": f"{1_790_000_000 + at}|100{at}|block listed_tps" for at in range(3)}
    hostile = {"/dialgate/7": "1790000009|<script>|block <b>", "/dialgate/8": "damaged", "/dialgate/9": "x|1|y"}
    shown = freepbx(tmp_path, "page", dialgate=kept | hostile)
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", shown)
    assert [row[1] for row in rows] == ["&lt;script&gt;", "1002", "1001", "1000"]
    assert rows[1][2] == "listed_tps" and "<script" not in shown and "<b>" not in shown
    assert "0207" not in shown and "+44" not in shown


@NEEDS_LUA
def test_freeswitch_hangs_up_unless_the_gate_allows(gate: RunningGate) -> None:
    assert lua(gate, UNLISTED) == lua(gate, "+44" + UNLISTED[1:]) == "false"
    for refused in (LISTED, "", "nonsense", "0&number=02079460123"):
        assert lua(gate, refused) == "CALL_REJECTED false", refused
    assert lua(gate, UNLISTED, DIALGATE_TOKEN="/nowhere") == "CALL_REJECTED false"
    gate.stop()
    assert lua(gate, UNLISTED) == "CALL_REJECTED false"
