"""Who attacks: somebody who may put a file into a folder that the gate reads. What they want: that it waits for ever,
or reads until its memory is full, at its start or at the next call."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gate.config.write import amend
from gate.errors import GateError
from gate.operations.audit.checkpoints import AuditVerify
from gate.vault.recipients import load_recipients
from tests.support.asking import ask
from tests.support.requesting import ANN, opened, prepared

KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "large file": lambda path: os.truncate(path, 1 << 40) if path.write_bytes(b"") == 0 else None,
}
pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_the_second_place_of_checkpoints(tmp_path: Path, kind: str) -> None:
    prepared(tmp_path / "gate", recordings=1)
    place = tmp_path / "second"
    place.mkdir()
    amend(tmp_path / "gate" / "config.toml", {"storage": {"checkpoints_copy": str(place)}})
    KINDS[kind](place / "999999999999.txt")
    with opened(tmp_path / "gate") as data:
        report = ask(data, AuditVerify(), ANN)
        assert any("999999999999" in each.message for each in report.faults), report.faults
        data.trust.look()
        assert data.trust.warnings(), "it is told of"


def test_the_register_of_recipients(tmp_path: Path, kind: str) -> None:
    KINDS[kind](tmp_path / "0123456789abcdef.json")
    with pytest.raises(GateError):
        load_recipients(tmp_path)
