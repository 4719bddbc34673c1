"""One browser window: the console process behind it, and the files that it saved, each to be taken once.

The process hands out what it has written itself, in pieces over its own output (``ServedDriver``): here no file is
opened, and no path is asked for.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

from textual_serve._binary_encode import load
from textual_serve.app_service import AppService

PIECE: Final = 64 << 10
"""Bytes that are asked for at a time."""
PATIENCE: Final = 30.0
"""Seconds that a piece may take."""
WAITING: Final = 100
"""Files that may wait to be taken; of more, the first is taken back."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._ ()-]")


def named(path: str) -> str:
    """A name for a file of the browser's: no folder, no sign that a header, a shell or a file system reads."""
    name = _UNSAFE.sub("_", PurePath(path).name).lstrip(". ").rstrip(". ")
    stem, dot, ending = name.rpartition(".")
    return (f"{stem[:100]}{dot}{ending[:20]}" if stem else name[:100]) or "file"


class SavedFile:
    """A file that the console has written."""

    def __init__(self, window: Window, key: str, name: str, size: int) -> None:
        self._window = window
        self._key = key
        self.name = name
        self.size = size
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> AsyncIterator[bytes]:
        """Its bytes in order. Ends early where the console does, or does not answer: fewer than ``size``."""
        asked: dict[str, str | int | bool | None]
        asked = {"type": "deliver_chunk_request", "key": self._key, "size": PIECE, "name": None}
        while await self._window.send_meta(asked):
            try:
                piece = await asyncio.wait_for(self.pieces.get(), PATIENCE)
            except TimeoutError:
                return
            if not piece:
                return
            yield piece


class Window(AppService):
    """The process behind a window, and what it tells the page besides what it draws.

    To the page go ``["text", {"lines", "said"}]``: the screen in words; ``["file", {"url", "key", "name"}]``: a file
    was saved; ``["taken", key]``: it was asked for, once.
    """

    def __init__(self, command: str, *, place: str, **given: Any) -> None:
        """``place``: the path under which files are taken, with a slash at its end."""
        super().__init__(command, **given)
        self._place = place
        self._saved: dict[str, SavedFile] = {}
        self._going: dict[str, SavedFile] = {}

    async def on_meta(self, data: bytes) -> None:
        """What the process tells of itself."""
        meta = json.loads(data)
        if meta["type"] == "text":
            await self.remote_write_str(json.dumps(["text", meta]))
        elif meta["type"] == "deliver_file_start":
            await self._offer(str(meta["key"]), named(str(meta["path"])), int(meta["name"]))
        else:
            await super().on_meta(data)

    async def _offer(self, key: str, name: str, size: int) -> None:
        while len(self._saved) >= WAITING:
            await self.remote_write_str(json.dumps(["taken", first := next(iter(self._saved))]))
            del self._saved[first]
        self._saved[key] = SavedFile(self, key, name, size)
        told = {"url": f"{self._place}{key}", "key": key, "name": name}
        await self.remote_write_str(json.dumps(["file", told]))

    async def on_packed(self, payload: bytes) -> None:
        """A piece of a file."""
        packed: Any = load(payload)
        what, key, piece = packed
        if what == "deliver_chunk" and key in self._going:
            self._going[key].pieces.put_nowait(piece)

    async def take(self, key: str) -> SavedFile | None:
        """The file of a key, once; None where there is none, or it was taken."""
        file = self._saved.pop(key, None)
        if file is not None:
            self._going[key] = file
            with suppress(ConnectionError):  # the page is gone; its file is not, yet
                await self.remote_write_str(json.dumps(["taken", key]))
        return file

    def done(self, file: SavedFile) -> None:
        """It was read, or cannot be."""
        self._going = {key: each for key, each in self._going.items() if each is not file}

    async def run(self) -> None:
        """Carry between page and process until that ends; one whose words make no sense is ended."""
        try:
            await super().run()
        except Exception:  # noqa: BLE001 - whatever it said: the page says that the console has ended
            if self._process is not None:
                self._process.kill()
            await self.remote_close()

    async def stop(self) -> None:
        """End the process; what is being taken ends short."""
        for file in self._going.values():
            file.pieces.put_nowait(b"")
        await super().stop()
