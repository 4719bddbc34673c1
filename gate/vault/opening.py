"""Opening a recording: its wraps and private keys give the data key, the data key the clear chunks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gate.vault.errors import WrongRecording
from gate.vault.keyfile import PrivateKey
from gate.vault.reader import OpenChunks, SealedReader
from gate.vault.wrap import data_key

Keys = PrivateKey | Sequence[PrivateKey]
"""One private key, or all that are at hand: a recording that takes two people needs one of each half."""


def open_recording(
    path: Path,
    wraps: Sequence[tuple[str, bytes]],
    private: Keys,
    *,
    recording_id: str = "",
    allow_interrupted: bool = False,
) -> tuple[dict[str, Any], OpenChunks]:
    """The header, and the clear chunks with ``trailer`` and ``interrupted`` at their end (see ``SealedReader.open``).

    ``recording_id``, where given, must be the file's: a file put under another one's name is found before anything is
    decrypted. Raises ``KeyShredded``, ``NoWrapForKey``, ``HalfMissing``, ``WrapDamaged``, ``WrongRecording`` and every
    ``SealedFault``.
    """
    reader = SealedReader(path)
    try:
        key = data_key_for(reader.header, wraps, private, recording_id=recording_id)
        return reader.header, reader.open(key, allow_interrupted)
    except BaseException:
        reader.close()
        raise


def open_trailer(
    path: Path, wraps: Sequence[tuple[str, bytes]], private: Keys, *, recording_id: str = ""
) -> dict[str, Any]:
    """What was sealed at the recording's end (seconds, packets, gaps, cause, levels), without reading its audio.

    ``gate.exports.envelope`` makes a waveform of it. Raises as ``open_recording``, ``Truncated`` for an interrupted
    one, which has no end.
    """
    with SealedReader(path) as reader:
        return reader.trailer(data_key_for(reader.header, wraps, private, recording_id=recording_id))


def data_key_for(
    header: dict[str, Any], wraps: Sequence[tuple[str, bytes]], private: Keys, *, recording_id: str = ""
) -> bytes:
    """The data key of the file with this header. Raises as ``open_recording``, before anything is decrypted."""
    found = header["recording_id"]
    if recording_id and found != recording_id:
        raise WrongRecording(f"the file holds recording {found}, not {recording_id}")
    privates = [private] if isinstance(private, PrivateKey) else private
    return data_key(wraps, privates, recording_id=found, key_id=header["key_id"])
