"""The demo: the same facts whoever runs it, in any locale and time zone and from any folder, and twice at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gate import softphone
from gate.cli.demo import Demo
from gate.cli.demo_scene import holding
from tests.support.unprivileged import UNPRIVILEGED
from tests.support.waiting import PATIENCE

COMMAND = [sys.executable, "-m", "gate.cli.main", "demo", "--json"]


def start(folder: Path | str, *before: str, within: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, *COMMAND, "--folder", str(folder)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **environment}, cwd=within,
    )  # fmt: skip


def facts(process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err + out
    told = json.loads(out)
    assert told["ok"] is True, err
    return dict(told["facts"])


@pytest.mark.deep
def test_twice_at_once_in_another_locale_and_at_another_hour_and_without_any_privilege_of_root(tmp_path: Path) -> None:
    two = [
        start(tmp_path / "one", *UNPRIVILEGED, LC_ALL="C", TZ="Pacific/Kiritimati"),
        start("two", within=tmp_path, LC_ALL="C.UTF-8", TZ="America/Los_Angeles", DIALGATE_CONFIG="another gate's"),
    ]
    for found in map(facts, two):
        assert (found["listed_code"], found["listed_reason"], found["listed_reached_carrier"]) == (603, "listed_tps", 0)
        assert found["consented_reason"] == "consented"
        assert found["audio_in_clear"] == []
        assert all(found[name] for name in ("wav_announcement", "wav_agent", "wav_customer", "log_verified"))
        assert (found["bundle_recordings"], found["bundle_holds"], found["pack"]) == (2, True, [1, 1])
        assert (found["pack_in_clear"], found["erased_opens"], found["keys_left"]) == ([], "erased", [])
        assert found["erased_named"] == []
        assert found["erased_refused"] == "objected"
    folder = tmp_path / "one"
    assert (folder / "recording.wav").stat().st_size > 50_000
    assert (folder / "pack.html").stat().st_size > 10_000
    assert sorted(path.name for path in (folder / "auditor").iterdir()) == [
        "auditor.key", "auditor.passphrase", "demo.bundle", "opened"
    ]  # fmt: skip
    assert [path.name[-16:] for path in sorted((folder / "letters").glob("*.txt"))] == [
        "001-response.txt", "confirmation.txt"
    ]  # fmt: skip


def test_what_does_not_hold_is_said(tmp_path: Path) -> None:
    told: list[str] = []
    demo = Demo(tmp_path, softphone, tell=told.append)
    demo.check("erased_opens", "erased", "It does not open.", expected="erased")
    assert demo.holds
    demo.check("erased_opens", "it was opened", "It does not open.", expected="erased")
    assert not demo.holds
    assert told == ["It does not open.", "   DOES NOT HOLD: erased_opens is 'it was opened', expected 'erased'"]


def test_a_key_left_in_any_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "clean").write_bytes(b"nothing")
    (tmp_path / "deep" / "keys.db-wal").write_bytes(b"before" + bytes(range(64)) + b"after")
    assert holding(tmp_path, {bytes(range(64))}) == [str(tmp_path / "deep" / "keys.db-wal")]
    assert holding(tmp_path, {bytes(range(65))}) == []
    assert holding(tmp_path / "clean", {b"thing"}) == [str(tmp_path / "clean")]


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run([*COMMAND, "--folder", str(tmp_path)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
