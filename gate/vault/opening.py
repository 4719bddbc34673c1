"""Opening a recording: its wraps and a private key give the data key, the data key the clear chunks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gate.vault.errors import KeyShredded, NoWrapForKey, WrongRecording
from gate.vault.keyfile import PrivateKey
from gate.vault.reader import OpenChunks, SealedReader
from gate.vault.wrap import unwrap


def open_recording(
    path: Path,
    wraps: Sequence[tuple[str, bytes]],
    private: PrivateKey,
    *,
    recording_id: str = "",
    allow_interrupted: bool = False,
) -> tuple[dict[str, Any], OpenChunks]:
    """The header, and the clear chunks with ``trailer`` and ``interrupted`` at their end (see ``SealedReader.open``).

    ``recording_id``, where given, must be the file's: a file put under another one's name is found before anything is
    decrypted. Raises ``KeyShredded``, ``NoWrapForKey``, ``WrapDamaged``, ``WrongRecording`` and every ``SealedFault``.
    """
    reader = SealedReader(path)
    try:
        data_key = data_key_for(reader.header, wraps, private, recording_id=recording_id)
        return reader.header, reader.open(data_key, allow_interrupted)
    except BaseException:
        reader.close()
        raise


def data_key_for(
    header: dict[str, Any], wraps: Sequence[tuple[str, bytes]], private: PrivateKey, *, recording_id: str = ""
) -> bytes:
    """The data key of the file with this header. Raises as ``open_recording``, before anything is decrypted."""
    found = header["recording_id"]
    if recording_id and found != recording_id:
        raise WrongRecording(f"the file holds recording {found}, not {recording_id}")
    if not wraps:
        raise KeyShredded(f"recording {found} cannot be opened: no key is left", hint="It was erased.")
    mine = dict(wraps).get(private.id)
    if mine is None:
        others = ", ".join(sorted(recipient for recipient, _ in wraps))
        raise NoWrapForKey(
            f"recording {found} is not sealed to key {private.id}", hint=f"It opens with the key of: {others}"
        )
    return unwrap(private, mine, recording_id=found, key_id=header["key_id"])
