"""The demo: the same facts whoever runs it, in any locale and time zone, and twice at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.unprivileged import UNPRIVILEGED

COMMAND = [sys.executable, "-m", "gate.cli.main", "demo", "--json"]


def start(folder: Path, *before: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, *COMMAND, "--folder", str(folder)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **environment},
    )  # fmt: skip


def facts(process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err + out
    told = json.loads(out)
    assert told["ok"] is True, err
    return dict(told["facts"])


def test_twice_at_once_in_another_locale_and_at_another_hour(tmp_path: Path) -> None:
    two = [
        start(tmp_path / "one", LC_ALL="C", TZ="Pacific/Kiritimati"),
        start(tmp_path / "two", LC_ALL="C.UTF-8", TZ="America/Los_Angeles"),
    ]
    for found in map(facts, two):
        assert (found["listed_code"], found["listed_reason"], found["listed_reached_carrier"]) == (603, "listed_tps", 0)
        assert found["consented_reason"] == "consented"
        assert found["audio_in_clear"] == []
        assert all(found[name] for name in ("wav_announcement", "wav_agent", "wav_customer", "log_verified"))
    assert (tmp_path / "one" / "recording.wav").stat().st_size > 50_000


def test_without_any_privilege_of_root(tmp_path: Path) -> None:
    found = facts(start(tmp_path / "demo", *UNPRIVILEGED))
    assert found["log_verified"] is True


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run([*COMMAND, "--folder", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
