"""The console in a browser on this machine: textual-serve behind a door of its own.

textual-serve asks nobody who they are and takes a websocket from any page. So every request passes ``door`` first: the
``Host`` has to be ours (another name that resolves to loopback is DNS rebinding), a websocket's ``Origin`` too, and
whoever asks has the cookie that the one-time token in the printed address was changed for. The page itself is ours:
the one of textual-serve loads a font from elsewhere.

A browser sends a cookie to every port of a host, and counts them all as one site: what another account serves on this
machine would be given ours. So all is served under a path that nobody can guess, and the cookie is for that path alone.
The path is told by the redirect that takes the token, for what is printed may be seen (a browser's command line is).
A file that the console saved is taken under that path, too, by a name that nobody can guess, once.

It listens on 127.0.0.1 alone, without TLS: from another machine, tunnel the same port (``ssh -L 8090:127.0.0.1:8090``).
Who is served acts with the rights of the account that started it.

A browser window has a console process behind it, and the files that this saved, each to be taken once. The process
hands out what it has written itself, in pieces over its own output (``ServedDriver``): here no file is opened, and no
path is asked for."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import secrets
import shlex
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any, Final

import aiohttp_jinja2
import jinja2
from aiohttp import WSCloseCode, web
from textual_serve._binary_encode import load
from textual_serve.app_service import AppService
from textual_serve.server import Server

from gate.errors import ControlError

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


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
COOKIE = "dialgate_console"
LOOPBACK = "127.0.0.1"
SESSIONS = 4
"""Browser windows at once; each is a console process."""
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def serve(command: Sequence[str], port: int, told: Callable[[str], None]) -> None:
    """Serve the console that ``command`` starts, until INT or TERM.

    ``port`` 0: any free one. ``told`` gets the address with its one-time token once it listens. Raises
    ``ControlError`` where the port is taken.
    """
    asyncio.run(_serve(command, port, told))


async def _serve(command: Sequence[str], port: int, told: Callable[[str], None]) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise ControlError(f"{LOOPBACK}:{port}: {error.strerror}", hint="name another port, or 0 for any") from None
    bound = listener.getsockname()[1]
    door = Door(bound)
    runner = web.AppRunner(_Served(command, door).app(), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        await web.SockSite(runner, listener).start()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        told(door.address)
        await ended.wait()
    finally:
        await runner.cleanup()


class Door:
    """Who may come in."""

    def __init__(self, port: int) -> None:
        self._hosts = {f"{LOOPBACK}:{port}", f"localhost:{port}"}
        self._token: str | None = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self.place = f"/s/{secrets.token_urlsafe(32)}/"
        """The path under which all is served."""
        self.address = f"http://{LOOPBACK}:{port}/?token={self._token}"
        """Where to sign in, once."""

    def known(self, request: web.Request) -> bool:
        """It was sent to our path, with the session's cookie."""
        asked, cookie = request.path[: len(self.place)], request.cookies.get(COOKIE, "")
        return _same(asked, self.place) and _same(cookie, self._session)

    def ours(self, request: web.Request) -> bool:
        """It was sent to us by name, and a websocket by a page of ours."""
        if request.host not in self._hosts:
            return False
        origin = request.headers.get("Origin")
        if origin is None:
            return request.headers.get("Upgrade") is None
        return origin == f"http://{request.host}"

    def sign_in(self, token: str) -> web.Response | None:
        """The token changed for a cookie, once; None where it is not the one, or was used."""
        if self._token is None or not _same(token, self._token):
            return None
        self._token = None
        response = web.HTTPSeeOther(self.place, headers=HEADERS)  # the token does not stay in the history
        response.set_cookie(COOKIE, self._session, httponly=True, samesite="Strict", path=self.place)
        return response


def _ahead(request: web.Request) -> bool:
    """A browser or a preview that only looks ahead: nobody has opened the page yet."""
    purposes = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz", "X-Purpose"))
    return any(word in purpose.lower() for purpose in purposes for word in ("prefetch", "preview", "prerender"))


def _same(given: str, secret: str) -> bool:
    """In a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


class _Served(Server):
    """The server of textual-serve with the door before it and a page of ours."""

    def __init__(self, command: Sequence[str], door: Door) -> None:
        here = Path(__file__).parent
        super().__init__(shlex.join(command), host=LOOPBACK, title="Dialgate", templates_path=here)
        self._door = door
        self._windows: set[Window] = set()
        self._open = 0

    def app(self) -> web.Application:
        """Page, websocket and their files."""

        @web.middleware
        async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        made = web.Application(middlewares=[door])
        aiohttp_jinja2.setup(made, loader=jinja2.FileSystemLoader(self.templates_path))
        made.add_routes(
            [
                web.get(self._door.place, self._page, name="index"),
                web.get(f"{self._door.place}ws", self._session, name="websocket"),
                web.get(f"{self._door.place}page.js", self._script),
                web.get(f"{self._door.place}file/{{key}}", self._file, allow_head=False),
                web.static(f"{self._door.place}static", self.statics_path, name="static"),
            ]
        )
        return made

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._door.ours(request):
            return _refused("This page or address may not open the console.")
        token = request.query.get("token")
        if token is not None and request.path == "/":
            if request.method != "GET" or _ahead(request):
                return _refused("Open this address in a browser: it was not signed in.", status=405)
            return self._door.sign_in(token) or _refused(
                "This address was used already, or is wrong. Where it was used, the page can be reloaded."
            )
        if not self._door.known(request):
            return _refused("Sign in with the address that dialgate console --web printed.")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self.public_url = f"http://{request.host}"
        context = {
            "font_size": 16,
            "app_websocket_url": f"ws://{request.host}{self._door.place}ws",
            "page_script_url": f"{self._door.place}page.js",
            "config": {"static": {"url": f"{self._door.place}static/"}},
            "application": {"name": self.title},
        }
        page = aiohttp_jinja2.render_template("web_page.html", request, context)
        page.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            f"font-src 'self'; connect-src ws://{request.host}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        return page

    async def _script(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(Path(__file__).parent / "web_page.js")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """A file that a console saved, once; cut short where that ends, which its length tells the browser."""
        key = request.match_info["key"]
        found = [(window, file) for window in tuple(self._windows) if (file := await window.take(key)) is not None]
        if not found:
            return _refused("This file was taken already, or its console has ended.", status=404)
        window, file = found[0]
        response = web.StreamResponse(headers=HEADERS)
        response.content_type = "application/octet-stream"
        response.content_length = file.size
        response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
        response.force_close()
        try:
            await response.prepare(request)
            async for piece in file.read():
                await response.write(piece)
            await response.write_eof()
        finally:
            window.done(file)
        return response

    async def _session(self, request: web.Request) -> web.StreamResponse:
        if self._open >= SESSIONS:
            return _refused(f"{SESSIONS} consoles are open already; close one.", status=503)
        self._open += 1
        try:
            return await self.handle_websocket(request)
        finally:
            self._open -= 1

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """As the server of textual-serve, with a ``Window``."""
        websocket = web.WebSocketResponse(heartbeat=15)
        await websocket.prepare(request)
        window = Window(
            self.command,
            place=f"{self._door.place}file/",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=websocket.close,
            download_manager=self.download_manager,
        )
        self._windows.add(window)
        try:
            await window.start(_cells(request, "width", 80), _cells(request, "height", 24))
            await self._process_messages(websocket, window)
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError):
            await websocket.close(code=WSCloseCode.UNSUPPORTED_DATA)  # no page of ours says such things
        finally:
            self._windows.discard(window)
            await window.stop()
        return websocket


def _cells(request: web.Request, name: str, otherwise: int) -> int:
    given = request.query.get(name, "")
    return int(given) if given.isdecimal() and given.isascii() and len(given) <= 4 else otherwise


def _refused(why: str, *, status: int = 403) -> web.Response:
    return web.Response(status=status, text=f"{why}\n", headers=HEADERS)
