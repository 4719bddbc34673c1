"""Each command against a running gate: what it asks, what it writes where, and its exit code."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import re
import stat
import subprocess
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from gate.cli.output import masked, pairs
from gate.config import load
from tests.support.commands import PROGRAM, ROOT, dialgate, program
from tests.support.example_answers import ExampleAnswers
from tests.support.settings import secret
from tests.support.waiting import PATIENCE


def test_check_answers_with_its_exit_code(gate: ExampleAnswers) -> None:
    allowed = dialgate("check", "020 7946 0000")
    assert allowed.code == 0
    assert allowed.out.splitlines()[0] == "allow: +442079460000 (not_listed)"
    assert "TPS: as of 2026-03-01, 26 days left, abababababababab" in allowed.out
    blocked = dialgate("check", "020 7946 0001", "--topic", "claims", "--json")
    assert blocked.code == 3
    assert blocked.json["reason"] == "listed_tps"
    assert {"number", "verdict", "reason", "registers"} <= blocked.json.keys()
    assert {"name", "as_of", "days_left", "sha256"} <= blocked.json["registers"][0].keys()
    assert gate.asked[1][1]["topic"] == "claims"


def test_a_time_without_a_zone_is_londons(gate: ExampleAnswers) -> None:
    dialgate("check", "1", "--at", "2026-07-01 10:00")
    dialgate("check", "1", "--at", "2026-01-05T10:00:00+02:00")
    offsets = [asked[1]["at"].utcoffset() for asked in gate.asked]
    moments = [asked[1]["at"] for asked in gate.asked]
    assert moments[0] == datetime.fromisoformat("2026-07-01T09:00:00+00:00")
    assert offsets[1] == timedelta(hours=2)


def test_register_import_and_status(gate: ExampleAnswers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tps.txt").write_text("1 2 3")
    monkeypatch.chdir(tmp_path)
    done = dialgate(
        "register", "import", "tps", "tps.txt", "--as-of", "2026-03-01", "--coverage", "0161, 020", "--json"
    )
    assert done.json["count"] == 3
    asked = next(given for name, given in gate.asked if name == "register_import")
    assert asked["said"] == str(tmp_path / "tps.txt")
    assert (asked["as_of"], asked["coverage"], asked["accept_shrink"]) == (date(2026, 3, 1), "0161,020", False)
    shown = dialgate("register", "status")
    assert shown.out.splitlines()[0] == "name\tstate\tcount\tas_of\tdays_left\tcoverage\tsha256"
    assert shown.out.splitlines()[1].startswith("tps\tok\t1200\t2026-03-01\t3\tfull\tabab")
    assert "TPS supports calls for 3 days more" in shown.err
    assert "CTPS is missing: marketing calls are refused" in shown.err
    assert dialgate("register", "status", "--json").json["registers"][0]["name"] == "tps"


def test_a_refused_import_is_exit_code_1(gate: ExampleAnswers, tmp_path: Path) -> None:
    (tmp_path / "tps.txt").touch()
    done = dialgate("register", "import", "tps", str(tmp_path / "tps.txt"))
    assert (done.code, done.out) == (1, "")
    assert done.err == "dialgate: the file is empty\n    hint: fetch it again\n"


def test_objections(gate: ExampleAnswers) -> None:
    added = dialgate("objection", "add", "020 7946 0123", "--note", "asked", "--json", "--show-numbers")
    assert added.json == {
        "id": "o-1",
        "number": "+442079460123",
        "made_at": "2026-07-01T09:00:00+00:00",
        "scope": "marketing",
        "notice": "",
    }
    assert dialgate("objection", "remove", "o-1", "--reason", "mistake").code == 0
    assert gate.asked[1][1]["target"] == "o-1"
    assert dialgate("objection", "remove", "o-1").code == 2
    empty = dialgate("objection", "list", "--number", "02079460999")
    assert (empty.out, empty.err) == ("", "There is no objection.\n")


def test_numbers_are_hidden_in_part_unless_asked_for(gate: ExampleAnswers) -> None:
    for arguments in (["--json"], []):
        hidden = dialgate("objection", "list", *arguments).out
        assert "0123" not in hidden
        assert "900123" not in hidden
        full = dialgate("objection", "list", "--show-numbers", *arguments).out
        assert "+442079460123" in full
        assert "+447700900123" in full
    shown = dialgate("calls", "show", "k-1", "--json").json["facts"][0]["body"]
    assert shown["presentation"] == "+442079460000"
    assert "0123" not in shown["number"]


def test_masking_reaches_into_everything_but_the_firms_own() -> None:
    value = {"a": [{"raw": "020 7946 0123"}], "note": "call +442079460123 not", "numbers": ["+442079460000"], "n": 5}
    assert masked(value) == {
        "a": [{"raw": "*" * 13}],
        "note": "call +44 20 79** **23 not",
        "numbers": ["+442079460000"],
        "n": 5,
    }


def test_texts_from_outside_cannot_paint(gate: ExampleAnswers) -> None:
    out = dialgate("objection", "list").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[red]call [2J me[/red]" in out
    assert "There are more: --after 'o-1'" in dialgate("objection", "list").err


def test_times_are_shown_as_in_london(gate: ExampleAnswers) -> None:
    assert "2026-07-01 10:00:00 BST" in dialgate("objection", "list").out
    assert "2026-01-05 09:00:00 GMT" in dialgate("calls", "list").out
    assert "2026-01-05T09:00:00+00:00" in dialgate("calls", "list", "--json").out


def test_consents(gate: ExampleAnswers) -> None:
    done = dialgate(
        *("consent", "add", "02079460123", "--how", "phone", "--who", "A. Smith", "--wording", "yes, do"),
        *("--evidence", "r-1", "--given-at", "2026-03-02 10:00"),
    )
    assert done.out == "id: c-1\nnumber: +44 20 79** **23\ngiven at: 2026-07-01 10:00:00 BST\n"
    assert gate.asked[0][1]["given_at"] == datetime.fromisoformat("2026-03-02T10:00:00+00:00")
    assert dialgate("consent", "withdraw", "02079460123").code == 0
    assert dialgate("consent", "list").err == "There is no consent.\n"
    assert dialgate("consent", "add", "02079460123").code == 2


def test_calls_and_recordings(gate: ExampleAnswers) -> None:
    assert "k-1\t2026-01-05 09:00:00 GMT\t" in dialgate("calls", "list", "--reason", "listed_tps").out
    assert gate.asked[0][1]["reason"] == "listed_tps"
    shown = dialgate("calls", "show", "k-1").out
    assert "kind: decision" in shown
    assert (
        "r-1\tk-1\t2026-01-05 09:00:00 GMT\taccount:alice\t+44 20 79** **23\tclosed\tended\t61.2\t1000"
        in dialgate("recording", "list").out
    )
    assert dialgate("recording", "verify", "r-1").code == 0
    bad = dialgate("recording", "verify")
    assert bad.code == 1
    assert "r-2\tno\tthe file is missing" in bad.out
    assert bad.err == "Of 2 recordings 1 does not hold.\n"


def test_audit(gate: ExampleAnswers, tmp_path: Path) -> None:
    holds = dialgate("audit", "verify", "--json")
    assert (holds.code, holds.json["ok"], holds.json["size"]) == (0, True, 7)
    assert dialgate("audit", "verify").code == 1
    note = dialgate("audit", "checkpoint")
    assert note.out.splitlines()[:2] == ["dialgate", "7"]
    out = tmp_path / "note"
    assert dialgate("audit", "checkpoint", "-o", str(out)).out == ""
    assert out.read_text().startswith("dialgate\n7\n")
    again = dialgate("audit", "checkpoint", "-o", str(out))
    assert again.code == 2
    assert "exists" in again.err
    assert sorted(path.name for path in tmp_path.glob(".note*")) == []


def test_config_show_needs_no_gate(config_path: Path) -> None:
    shown = dialgate("config", "show")
    assert shown.code == 0
    assert f'firm.trading_name = "Webeo"  # {config_path}:3' in shown.out
    assert "limits.max_calls = 1000  # default" in shown.out
    values = {row["key"]: row for row in dialgate("config", "show", "--json").json["values"]}
    assert values["calling.live"]["value"] is False
    assert "+442079460000" in shown.out
    old = config_path.read_text().replace("2026-01-15", "2020-06-09")
    config_path.write_text(old)
    assert "Reminder: the calling policy was last reviewed on 2020-06-09" in dialgate("config", "show").err


# --- keys ---------------------------------------------------------------------------------------------------------


def test_a_new_key_is_a_closed_file_and_a_recipient(gate: ExampleAnswers, tmp_path: Path) -> None:
    words = secret(tmp_path / "words", "correct horse battery\n")
    key = tmp_path / "ann.key"
    made = dialgate("key", "new", "Ann Lee", "-o", str(key), "--passphrase-file", str(words))
    assert made.code == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert json.loads(made.out)["name"] == "Ann Lee"
    assert "correct horse" not in made.out + made.err + key.read_text()
    recipient = tmp_path / "ann.recipient"
    recipient.write_text(made.out)
    assert dialgate("key", "add", str(recipient)).code == 0
    assert gate.asked[-1][1]["text"] == made.out
    assert dialgate("key", "add", "-", stdin=made.out).code == 0
    again = dialgate("key", "new", "Ann Lee", "-o", str(key), "--passphrase-file", str(words), "--json")
    assert again.code == 1
    assert "exists" in again.json["error"]["message"]


def test_key_new_needs_a_passphrase_that_nobody_else_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["key", "new", "Ann", "-o", str(tmp_path / "ann.key")]
    without = dialgate(*arguments)
    assert without.code == 2
    assert "without a terminal" in without.err
    monkeypatch.setenv("DIALGATE_PASSPHRASE_FILE", str(secret(tmp_path / "words", "long enough words\n", 0o644)))
    assert "open to every account" in dialgate(*arguments).err
    secret(tmp_path / "words", "short\n")
    assert "passphrase has 8" in dialgate(*arguments).err
    assert not (tmp_path / "ann.key").exists()


def test_a_passphrase_is_typed_twice_and_not_shown(tmp_path: Path) -> None:
    script = [*PROGRAM, "key", "new", "Ann", "-o", str(tmp_path / "ann.key"), "--json"]
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        script, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, cwd=ROOT, start_new_session=True
    ) as process:
        os.close(terminal)
        seen = _read_until(controller, b"Passphrase for Ann: ")
        os.write(controller, b"correct horse battery\n")
        seen += _read_until(controller, b"Repeat for confirmation: ")
        os.write(controller, b"correct horse battery\n")
        assert process.stdout
        out = process.stdout.read()
        assert process.wait(PATIENCE) == 0
    os.close(controller)
    assert json.loads(out)["name"] == "Ann"
    assert b"correct" not in seen + out


def _read_until(controller: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        seen += os.read(controller, 1024)
    return seen


def test_a_private_key_never_goes_to_the_gate(gate: ExampleAnswers, tmp_path: Path) -> None:
    words = secret(tmp_path / "words")
    key = tmp_path / "ann.key"
    assert dialgate("key", "new", "Ann", "-o", str(key), "--passphrase-file", str(words)).code == 0
    done = dialgate("key", "add", str(key))
    assert done.code == 2
    assert "private key" in done.err
    assert gate.asked == []


def test_keys_are_listed(gate: ExampleAnswers) -> None:
    listed = dialgate("key", "list").out
    assert "p-1\tJo\tcompliance\t" in listed
    assert "\tab:cd" in listed


# --- export -------------------------------------------------------------------------------------------------------


def test_export_opens_the_key_before_it_takes_anything(gate: ExampleAnswers, tmp_path: Path) -> None:
    words = secret(tmp_path / "words", "correct horse battery\n")
    wrong = secret(tmp_path / "wrong", "battery horse correct\n")
    key = str(tmp_path / "ann.key")
    dialgate("key", "new", "Ann", "-o", key, "--passphrase-file", str(words))
    out = tmp_path / "call.wav"
    arguments = ["recording", "export", "gone", "-k", key, "-o", str(out), "--purpose", "request 17"]
    refused = dialgate(*arguments, "--passphrase-file", str(wrong))
    assert refused.code == 1
    assert "passphrase does not open" in refused.err
    assert gate.asked == []
    erased = dialgate(*arguments, "--passphrase-file", str(words))
    assert erased.code == 3
    assert erased.err.startswith("dialgate: its key is gone (erased)")
    assert gate.asked[0][1]["purpose"] == "request 17"
    out.write_text("mine")
    assert dialgate(*arguments, "--passphrase-file", str(words)).code == 2
    assert out.read_text() == "mine"
    assert len(gate.asked) == 1


# --- init ---------------------------------------------------------------------------------------------------------


def test_init_makes_a_configuration_to_fill_in_and_a_key_to_take_away(tmp_path: Path) -> None:
    words = secret(tmp_path / "words", "correct horse battery\n")
    folder = tmp_path / "gate"
    done = dialgate("init", str(folder), "--name", "Ann Lee", "--passphrase-file", str(words), "--json")
    assert done.code == 0
    assert Path(done.json["key"]).exists()
    assert re.fullmatch(r"dialgate-[0-9a-f]{8}\+[0-9a-f]{8}\+\S{44}", done.json["verifier"])
    assert json.loads((folder / "keys" / "first.recipient").read_text())["name"] == "Ann Lee"
    assert "1. Fill in" in done.err
    assert "Move" in done.err
    shown = dialgate("config", "show", "-c", str(folder / "config.toml"))
    assert shown.code == 2
    assert "firm.legal_name: must not be empty" in shown.err
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == (0o040 if path.name == "config.toml" else 0), path
    assert dialgate("init", str(folder), "--passphrase-file", str(words)).code == 2
    assert "correct horse" not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_init_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = secret(tmp_path / "words", "short\n")
    failed = dialgate("init", str(tmp_path / "gate"), "--passphrase-file", str(words))
    assert failed.code == 2
    assert not (tmp_path / "gate").exists()


def test_the_console_is_named_where_it_is_not_there_or_has_no_terminal(gate: ExampleAnswers) -> None:
    done = dialgate("console")
    there = importlib.util.find_spec("console.app") is not None
    assert (done.code, done.out) == (2 if there else 1, "")
    assert ("needs a terminal" if there else "not part of this version") in done.err


def test_a_table_on_a_terminal_is_a_table(gate: ExampleAnswers, config_path: Path) -> None:
    controller, terminal = pty.openpty()
    environment = {**os.environ, "DIALGATE_CONFIG": str(config_path), "COLUMNS": "200", "TERM": "dumb"}
    with subprocess.Popen(
        [*PROGRAM, "key", "list"], stdin=terminal, stdout=terminal, stderr=subprocess.PIPE, env=environment, cwd=ROOT
    ) as process:
        os.close(terminal)
        seen = _read_until(controller, b"ab:cd")
        assert process.wait(PATIENCE) == 0
    os.close(controller)
    assert b"Fingerprint" in seen
    assert b"\t" not in seen


def test_the_way_goes_through_a_running_gate_and_says_so_to_its_log(gate: ExampleAnswers, config_path: Path) -> None:
    done = program("key", "list", "--json", env={**os.environ, "DIALGATE_CONFIG": str(config_path)})
    assert done.code == 0
    assert gate.asked[-1][1]["actor"].endswith(f"({os.getuid()})")
    assert load(config_path).control_socket.is_socket()


@pytest.mark.parametrize("group", ["contacts", "register", "objection", "consent", "request", "key", "audit"])
def test_what_a_group_offers_is_told_whole(group: str) -> None:
    _, _, offered = dialgate(group, "--help").out.partition("Commands:\n")
    assert offered.count("\n") > 2
    assert "..." not in offered


def test_what_holds_nothing_is_a_dash() -> None:
    assert list(pairs({"terms": {"months": 12, "years": {}}})) == ["terms:", "  months: 12", "  years: -"]
