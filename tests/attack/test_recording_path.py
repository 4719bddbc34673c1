"""Who attacks: somebody who may write to ``gate.db``, or has a set of their own restored, and whose account may hear
recordings. What they want: any file that the gate can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.errors import VaultError
from gate.operations.calls.recordings import RecordingPiece, RecordingTake
from tests.support.asking import ask
from tests.support.requesting import ANN, key_of, opened, prepared


@pytest.mark.parametrize("path", ["../number.key", "/etc/passwd", "2026//../../number.key", "link/number.key"])
def test_no_file_outside_of_the_recordings_is_given_out(tmp_path: Path, path: str) -> None:
    prepared(tmp_path / "gate", recordings=1)
    with opened(tmp_path / "gate") as data:
        recordings = data.config.data / "recordings"
        (recordings / "link").symlink_to(data.config.data)
        key = key_of(tmp_path / "gate")
        ask(data, RecordingTake(recording_id="rec0", purpose="a claim", recipient=key.id), ANN)

        def plant(tx: object) -> None:
            tx._connection.execute("UPDATE recordings SET path = ? WHERE recording_id = 'rec0'", [path])  # type: ignore[attr-defined]

        data.store.call(plant)
        with pytest.raises(VaultError):
            ask(data, RecordingPiece(recording_id="rec0", offset=0), ANN)
