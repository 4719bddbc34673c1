"""The console in a real browser, beside a real gate with a real call; and everybody else at its door."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from console.web import COOKIE
from tests.support.browser import chromium, console_of, one, until
from tests.support.phones import Phones
from tests.support.running_gate import DIALGATE, UNLISTED, RunningGate, running
from tests.support.uas import Uas
from tests.support.waiting import PATIENCE

ENTER = "\ue007"
_PAINT = re.compile(r"\x1b(?:\[[0-9;?<>=]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    with running(tmp_path_factory.mktemp("web") / "gate", announcement=1.0) as gate:
        yield gate


@pytest.fixture
def address(gate: RunningGate, tmp_path: Path) -> Iterator[str]:
    """``dialgate console --web`` as a process, which saves in ``tmp_path``; the address that it prints."""
    command = [*DIALGATE, "console", "--web", "--mode", "live", "-c", str(gate.config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 0


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the browser saves files."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Any]:
    """One for all tests: to begin takes it longer than what any of them does."""
    with chromium(downloads=downloads) as browser:
        yield browser


@pytest.fixture
def driver(browser: Any) -> Iterator[Any]:
    """A window of the browser, without cookies, and of which nothing was written down yet."""
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    for kind in ("performance", "browser"):
        browser.get_log(kind)
    yield browser
    browser.close()
    browser.switch_to.window(first)


class Page:
    """What the page asked for, and the text that its websocket brought, since it was opened."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self.text = ""
        self.hosts: set[str] = set()

    def look(self) -> str:
        """All text so far."""
        for entry in self._driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.webSocketFrameReceived":
                frame = message["params"]["response"]
                data = frame["payloadData"]
                raw = base64.b64decode(data) if frame["opcode"] == 2 else data.encode()
                self.text += _PAINT.sub(" ", raw.decode(errors="replace"))
            elif message["method"] == "Network.requestWillBeSent":
                url = urlsplit(message["params"]["request"]["url"])
                self.hosts |= {url.netloc} if url.scheme != "data" else set()
        return self.text


@pytest.mark.peer
def test_a_browser_signs_in_by_the_token_and_sees_a_live_call(gate: RunningGate, address: str, driver: Any) -> None:
    with Uas(port=gate.trunk_port), Phones(to=gate.address) as near:
        near.wait([near.dial(UNLISTED)], "up", PATIENCE)
        driver.get(address)
        page = Page(driver)
        until(driver, lambda _: "pbx" in page.look() and "talking" in page.text)
        assert "token" not in driver.current_url
        assert UNLISTED[1:] not in page.text
        assert page.hosts == {urlsplit(address).netloc}
        assert not [line for line in console_of(driver) if "Content Security Policy" in line]
        page_address = driver.current_url
        driver.get(address)
        assert "used already" in driver.page_source
        driver.get(page_address)
        until(driver, lambda _: page.look().count("talking") > 1)


def read_out(driver: Any) -> dict[str, list[str]]:
    """What a screen reader gets of the page: the names of what has one, by their role."""
    tree = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})
    found: dict[str, list[str]] = {}
    for node in tree["nodes"]:
        if not node.get("ignored") and (name := node.get("name", {}).get("value")):
            found.setdefault(node["role"]["value"], []).append(name)
    return found


@pytest.mark.peer
def test_keys_work_without_a_click_the_screen_is_read_out_and_what_is_saved_comes(
    gate: RunningGate, address: str, tmp_path: Path, downloads: Path, driver: Any
) -> None:
    from selenium.webdriver import ActionChains

    def typed(*keys: str) -> None:
        ActionChains(driver, duration=0).send_keys(*keys).perform()

    def shown(text: str, role: str = "StaticText") -> Any:
        return until(driver, lambda _: any(text in each for each in read_out(driver).get(role, ())))

    def said(text: str) -> Any:
        return until(driver, lambda _: any(text in each for each in driver.execute_script("return window.said")))

    driver.get(address)
    driver.execute_script(
        "const said = document.getElementById('said'); window.said = [];"
        "new MutationObserver(() => window.said.push(said.textContent)).observe(said, {childList: true})"
    )
    shown("gate up")
    assert read_out(driver)["textbox"] == ["Console: keys are typed here. Question mark: help."]
    typed("8")  # nothing was clicked
    said("Audit: leaves")
    shown("leaves, signed")
    typed("R")
    said("Reports, and how the gate is set up")
    shown("Enter picks, / finds, Esc leaves.")
    typed("j")
    said("Which record")
    assert "month" not in one(driver, "#said").get_attribute("textContent")  # what is new, and no more
    assert not any("leaves, signed" in each for each in read_out(driver)["StaticText"])  # nor what lies behind
    typed(ENTER)
    said("The record of processing")
    typed(ENTER)
    shown("Written:")
    until(driver, lambda _: (downloads / "record.html").exists())
    assert (downloads / "record.html").read_bytes() == (tmp_path / "record.html").read_bytes()
    assert not driver.find_elements("css selector", "#files a")
    assert not any("data 0 s" in each for each in driver.execute_script("return window.said"))
    assert not [line for line in console_of(driver) if "Content Security Policy" in line]


def asked(address: str, path: str, **headers: str) -> tuple[int, str]:
    """A request of a page's, or of a program's; code and text. For ``…/ws`` a websocket is asked for."""

    async def ask() -> tuple[int, str]:
        parts = urlsplit(address)
        url = f"http://{parts.netloc}{path}"
        if path.endswith("/ws"):
            headers.update(
                {
                    "Upgrade": "websocket",
                    "Connection": "Upgrade",
                    "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
                }
            )
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            if response.status == 101:
                return 101, ""
            return response.status, response.headers.get("Set-Cookie", "") + await response.text()

    return asyncio.run(ask())


def test_nobody_else_gets_in(address: str) -> None:
    parts = urlsplit(address)
    own, query = f"http://{parts.netloc}", f"/?{parts.query}"
    for path in ("/", "/ws", "/static/js/textual.js", "/?token=wrong", "/?token="):
        assert asked(address, path, Origin=own)[0] == 403, path
    # A foreign page, and a foreign name that resolves to this machine, do not even use the token up.
    assert asked(address, query, Origin="http://evil.example")[0] == 403
    assert asked(address, query, Host=f"evil.example:{parts.port}")[0] == 403
    code, cookie = asked(address, query)
    assert code == 303
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    session, place = cookie.partition(";")[0], path_of(cookie)
    assert asked(address, query)[0] == 403  # once
    assert asked(address, place)[0] == 403
    assert asked(address, place, Cookie=session)[0] == 200
    assert asked(address, place + "ws", Cookie=session)[0] == 403  # no Origin: no browser's page of ours
    for origin in ("http://evil.example", f"https://{parts.netloc}", own + ".evil.example", "null"):
        assert asked(address, place + "ws", Cookie=session, Origin=origin)[0] == 403, origin
    assert asked(address, place + "ws", Cookie=session + "x", Origin=own)[0] == 403
    assert asked(address, place + "ws", Cookie=session, Origin=own)[0] == 101


def path_of(cookie: str) -> str:
    """The path for which a cookie is set."""
    found = re.search(r"; Path=([^;\s]*)", cookie)
    assert found, cookie
    return found[1]


def test_the_cookie_is_for_a_path_that_nobody_can_guess_and_elsewhere_it_opens_nothing(address: str) -> None:
    parts = urlsplit(address)
    own = f"http://{parts.netloc}"
    _, cookie = asked(address, f"/?{parts.query}")
    session, place = cookie.partition(";")[0], path_of(cookie)
    assert re.fullmatch(r"/s/[\w-]{43}/", place)
    assert place not in address
    other = f"/s/{'x' * 43}/"
    for path in ("/", "/ws", "/static/js/textual.js", "/download/key", "/s/", place[:-1], place[:-1] + "/../"):
        assert asked(address, path, Cookie=session, Origin=own)[0] == 403, path
    for path in ("", "ws", "static/js/textual.js"):
        assert asked(address, other + path, Cookie=session, Origin=own)[0] == 403, path
    page = asked(address, place, Cookie=session)[1]
    assert asked(address, place + "static/js/textual.js", Cookie=session)[0] == 200
    assert set(re.findall(r'(?:href|src|url)="([^"]*)"', page)) == {
        "data:,",
        f"{place}page.js",
        f"{place}static/css/xterm.css",
        f"{place}static/js/textual.js",
        f"ws://{parts.netloc}{place}ws",
    }


@pytest.mark.peer
def test_a_browser_gives_the_cookie_to_no_other_port(address: str, driver: Any) -> None:
    with listening() as (port, heard):
        driver.get(address)
        until(driver, lambda _: "Opening the console" in driver.page_source)
        driver.get(f"http://127.0.0.1:{port}/")
        assert heard and not [cookie for cookie in heard if COOKIE in cookie]


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """What another account may serve beside us: its port, and the cookies that come to it."""
    heard: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Cookie", ""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1], heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_listens_on_loopback_and_a_taken_port_is_told(gate: RunningGate, address: str) -> None:
    parts = urlsplit(address)
    assert parts.hostname == "127.0.0.1"
    command = [*DIALGATE, "console", "--web", "--mode", "live", "--port", str(parts.port), "-c", str(gate.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert f"127.0.0.1:{parts.port}" in done.stderr and "another port" in done.stderr
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    ours = [
        row.split()[1] for row in listening if row.split()[1].endswith(f":{parts.port:04X}") and row.split()[3] == "0A"
    ]
    assert ours == [f"0100007F:{parts.port:04X}"] if sys.byteorder == "little" else ours
