"""The code of a receipt, spoken: every sign is prepared at set-up in every codec, and a call puts them together.

Layout under ``prompts/``::

    receipt-<hash of the text>/     made once, never changed
        intro.0 .8 .9               what is said before the code
        again.0 .8 .9               and before it is said a second time
        gap.0 .8 .9                 silence between its groups
        4.0 4.8 4.9 K.0 …           each sign
        meta.json                   SHA-256 of every file
    spoken/                         one file for each call that is told its code just now; gone when it has been
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from gate.config import Announcement
from gate.core.receipts import SIGNS
from gate.errors import MediaError
from gate.media import prompts
from gate.media.prompts import PAYLOAD_TYPES, digests, new_set, speak, write_payloads
from gate.media.proxy import speakable
from gate.ports import Played

log = structlog.get_logger()

_GROUPS: Final = ((0, 3), (3, 6), (6, 10))
_AGAIN: Final = "Again:"
_PAD_SECONDS, _GAP_SECONDS = 0.12, 0.3
_RATE: Final = 16000
_EDITION: Final = "1"
"""Edition of how the signs are spoken."""


class SpokenCode:
    """What is prepared."""

    def __init__(self, folder: Path) -> None:
        """``folder``: as ``prepare_code`` has made it. Raises ``MediaError`` where a file is not what it was."""
        try:
            files = json.loads((folder / "meta.json").read_bytes())["files"]
            self._parts = {name: (folder / name).read_bytes() for name in files}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MediaError(f"the prompts in {folder} are damaged ({error})", hint="remove the folder") from error
        for name, digest in files.items():
            if hashlib.sha256(self._parts[name]).hexdigest() != digest:
                raise MediaError(f"{folder / name} was changed", hint="remove the folder: it is made anew")
        self.folder = folder.parent / "spoken"
        shutil.rmtree(self.folder, ignore_errors=True)  # of a gate that was killed
        self.folder.mkdir(mode=0o700)
        self.spoken = speakable(self.folder)
        """The folder of what is spoken just now, in a form that fits a command."""

    @classmethod
    def load(cls, prompts: Path, announcement: Announcement) -> SpokenCode | None:
        """What ``prepare_code`` has made; None where codes are not spoken. Raises as the constructor."""
        return cls(_place(prompts, announcement)) if speaks(announcement) else None

    def begin(
        self, code: str, codec: str, done: Callable[[Played], None]
    ) -> tuple[str, float, Callable[[Played], None]]:
        """The prompt for a call: its name, its seconds (0.0 where it cannot be spoken), and what to call once it has
        been, which removes it."""
        try:
            name, seconds = self.write(code, codec)
        except MediaError as error:
            log.warning("code_not_spoken", error=str(error))
            return "", 0.0, done

        def over(played: Played) -> None:
            self.forget(name)
            done(played)

        return name, seconds, over

    def write(self, code: str, codec: str) -> tuple[str, float]:
        """A file with the code in one codec: its name without the payload type's suffix, and its seconds. Raises
        ``MediaError`` where there is no room for it, or no such codec."""
        payload_type = PAYLOAD_TYPES.get(codec)
        try:
            content = b"".join(self._parts[f"{part}.{payload_type}"] for part in spoken_parts(code))
            name = secrets.token_hex(8)
            path = self.folder / f"{name}.{payload_type}"
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
        except (OSError, KeyError) as error:
            raise MediaError(f"the code cannot be spoken: {error}") from error
        return name, len(content) / 8000

    def forget(self, name: str) -> None:
        """It has been spoken."""
        for payload_type in PAYLOAD_TYPES.values():
            with suppress(OSError):
                (self.folder / f"{name}.{payload_type}").unlink()


def spoken_parts(code: str) -> Sequence[str]:
    """The parts to speak in order: the code twice, in its groups."""
    once: list[str] = []
    for start, end in _GROUPS:
        once += [*code[start:end], "gap"]
    return ["intro", "gap", *once, "again", "gap", *once]


def speaks(announcement: Announcement) -> bool:
    """Whether codes are spoken."""
    return announcement.receipt and not announcement.receipt_command


def _place(folder: Path, announcement: Announcement) -> Path:
    text = f"{_EDITION} {announcement.receipt_text}"
    return folder / f"receipt-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def prepare_code(folder: Path, announcement: Announcement) -> None:
    """Have every sign spoken, where codes are and that was not done before. ``folder`` is the data folder's
    ``prompts``. Raises ``ConfigError`` where espeak-ng is needed and missing, ``MediaError`` where it fails."""
    made = _place(folder, announcement)
    if not speaks(announcement) or (made / "meta.json").exists():
        return
    with new_set(made) as work:
        for name, said in {
            "intro": announcement.receipt_text,
            "again": _AGAIN,
            **{sign: sign for sign in SIGNS},
        }.items():
            samples, rate = speak(said)
            levelled = np.concatenate([prompts.level(samples, rate), np.zeros(round(_PAD_SECONDS * rate))])
            write_payloads(work, name, levelled, rate)
        write_payloads(work, "gap", np.zeros(round(_GAP_SECONDS * _RATE)), _RATE)
        (work / "meta.json").write_text(json.dumps({"files": digests(work)}, indent=1))
