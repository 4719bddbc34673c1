"""A browser window's files: taken once, whole, by whoever has signed in, under a harmless name; its screen in words.

The page's side is spoken by aiohttp; behind it is a real console process, though not Dialgate's.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from console.web import named
from tests.support.waiting import PATIENCE

SIZE = 3_000_017
SERVER = "import sys; from console.web import serve; serve(sys.argv[1:], 0, lambda said: print(said, flush=True))"
CONSOLE = """
import sys, time
from pathlib import Path
from textual.app import App
from textual.widgets import Static
from console.served import ServedDriver

class Restless(App):
    def compose(self):
        yield Static("", id="clock")

    def on_mount(self):
        self.set_interval(0.01, self.tick)
        self.at = 0
        for name in sys.argv[1:]:
            path = Path(name)
            size = path.stat().st_size + (10 if "longer" in name else 0)
            self.deliver_binary(path.open("rb"), save_directory=path.parent, save_filename=path.name, name=str(size))

    def tick(self):
        self.at += 1
        self.query_one(Static).update(f"tick {self.at} " + "=" * 5000)

Restless(driver_class=ServedDriver).run()
"""


class Page:
    """What a page of ours does: signed in, its websocket open."""

    def __init__(self, session: aiohttp.ClientSession, own: str, place: str) -> None:
        self.session, self.own, self.place = session, own, place
        self.files: list[dict[str, str]] = []
        self.taken: list[str] = []
        self.texts: list[dict[str, Any]] = []

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until it ends."""
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            what, told = json.loads(message.data)
            {"file": self.files, "taken": self.taken, "text": self.texts}.get(what, []).append(told)

    async def get(self, url: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Code, headers, body."""
        async with self.session.request(method, self.own + url) as answer:
            return answer.status, dict(answer.headers), await answer.read()


@asynccontextmanager
async def page(*files: Path) -> AsyncIterator[Page]:
    """A server whose console saves these files; a page at it that was told of all of them."""
    console = [sys.executable, "-c", CONSOLE, *map(str, files)]
    server = subprocess.Popen([sys.executable, "-c", SERVER, *console], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = await asyncio.to_thread(server.stdout.readline)
        own = f"http://{urlsplit(address.strip()).netloc}"
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.get(address.strip()) as answer:
                here = Page(session, own, answer.url.path)
            async with session.ws_connect(f"{own}{here.place}ws", origin=own) as socket:
                listening = asyncio.create_task(here.listen(socket))
                async with asyncio.timeout(PATIENCE):
                    while len(here.files) < len(files):
                        await asyncio.sleep(0.02)
                yield here
            await listening
    finally:
        server.terminate()
        assert server.wait(timeout=PATIENCE) == 0


async def test_a_file_is_taken_once_and_whole_while_the_screen_is_drawn(tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(range(256)) * (SIZE // 256) + b"the end" + bytes(SIZE % 256 - 7))
    awkward = tmp_path / 'a"\r\nb; é.html'
    awkward.write_bytes(b"<script>alert(1)</script>")
    longer = tmp_path / "longer"
    longer.write_bytes(b"short")
    async with page(large, awkward, longer) as here:
        url = {file["name"]: file["url"] for file in here.files}
        assert sorted(url) == ["a___b_ _.html", "large.wav", "longer"]
        stranger = aiohttp.ClientSession()
        async with stranger, stranger.get(here.own + url["large.wav"]) as refused:
            assert refused.status == 403
        assert (await here.get(url["large.wav"], "HEAD"))[0] == 405
        first, second = await asyncio.gather(here.get(url["large.wav"]), here.get(url["large.wav"]))
        (code, headers, body), (again, _, _) = sorted((first, second), key=lambda answer: answer[0])
        assert (code, again) == (200, 404)
        assert hashlib.sha256(body).digest() == hashlib.sha256(large.read_bytes()).digest()
        assert headers["Content-Disposition"] == 'attachment; filename="large.wav"'
        assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
        assert (await here.get(url["large.wav"]))[0] == 404
        code, headers, body = await here.get(url["a___b_ _.html"])
        assert (code, body) == (200, awkward.read_bytes())
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"] == 'attachment; filename="a___b_ _.html"'
        with pytest.raises(aiohttp.ClientPayloadError):  # fewer bytes than were told: no browser takes it for whole
            await here.get(url["longer"])
        for made_up in ("0" * 32, "..%2f..%2fetc%2fpasswd", "large.wav", ""):
            assert (await here.get(f"{here.place}file/{made_up}"))[0] == 404, made_up
        async with asyncio.timeout(PATIENCE):
            while len(here.taken) < 3 or not any("tick" in line for text in here.texts for line in text["lines"]):
                await asyncio.sleep(0.02)


async def test_a_page_that_talks_nonsense_loses_its_console_and_nobody_else_does() -> None:
    async with page() as here:
        for words in ("no JSON", '["resize", {"width": 1}]', '["stdin", 5]'):  # as many as there may be besides
            async with here.session.ws_connect(f"{here.own}{here.place}ws", origin=here.own) as socket:
                await socket.send_str(words)
                async with asyncio.timeout(PATIENCE):
                    while not socket.closed:
                        await socket.receive()
                assert socket.close_code == aiohttp.WSCloseCode.UNSUPPORTED_DATA, words
        texts = len(here.texts)
        async with asyncio.timeout(PATIENCE):
            while len(here.texts) == texts:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/ann/2026-10.bundle", "2026-10.bundle"),
        ("/tmp/../../etc/.bashrc", "bashrc"),
        ('a"; filename=b.exe', "a__ filename_b.exe"),
        ("x\r\nSet-Cookie: a=b.html", "x__Set-Cookie_ a_b.html"),
        ("/home/ann/...", "file"),
        ("Müller " + "x" * 300 + ".html", "M_ller " + "x" * 93 + ".html"),
        ("a" * 20 + "." + "b" * 100, "a" * 20 + "." + "b" * 20),
        ("con. .", "con"),
    ],
)
def test_a_name_is_harmless_wherever_it_is_saved(path: str, name: str) -> None:
    assert named(path) == name
