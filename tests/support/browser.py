"""A real headless Chromium, driven by selenium; the page's own requests and console are looked at by tests."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

_SPARED = (
    "--disable-site-isolation-trials",
    "--renderer-process-limit=1",
    "--disable-features=BackForwardCache,SpareRendererForSitePerProcess,PreloadTopChromeWebUI",
)
"""Else it begins a process for each page, and one or two for pages that may follow: half of what opening one costs."""
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
SECONDS = 30
"""How long a page may take for what it is asked to do."""
REST = 3.0
"""A look at a page is followed by a rest of so many times as long."""


def required() -> None:
    """Skip where the browser is not installed; fail where the suite must be whole."""
    missing = [path for path in (CHROMIUM, DRIVER) if not shutil.which(path)]
    if missing:
        assert not os.environ.get("CI"), f"{' and '.join(missing)} must be installed"
        pytest.skip(f"{' and '.join(missing)} not installed")


@contextmanager
def chromium(
    *, downloads: Path | None = None, offline: bool = False, loopback: bool = False, size: str = "1200,900",
    more: tuple[str, ...] = (),
) -> Iterator[Any]:  # fmt: skip
    """A browser (``selenium.webdriver.Chrome``) with a profile of its own; ``downloads`` is where it saves files.

    ``offline``: no name resolves and no proxy answers, so that whatever is asked of the network fails; ``loopback``:
    but for 127.0.0.1. ``more``: further flags. Console lines and requests are kept: ``console_of``, ``requests_of``.
    """
    required()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"]
    flags += [
        f"--window-size={size}",
        "--disable-background-networking",
        "--no-first-run",
        "--mute-audio",
        *_SPARED,
        *more,
    ]
    if offline:
        rules = "MAP * ~NOTFOUND" + (", EXCLUDE 127.0.0.1" if loopback else "")
        flags += [f"--host-resolver-rules={rules}", "--proxy-server=127.0.0.1:9"]
    for flag in flags:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(SECONDS * 4)
    driver.set_script_timeout(SECONDS)
    try:
        yield driver
    finally:
        driver.quit()


def until(driver: Any, ready: Any, seconds: float = SECONDS) -> Any:
    """Wait until ``ready(driver)`` is true; returns what it returned. What takes the browser long to tell is asked less
    often: else it would do little but tell. Raises ``TimeoutException``."""
    from selenium.common.exceptions import NoSuchElementException, TimeoutException

    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        with suppress(NoSuchElementException):  # not yet
            if found := ready(driver):
                return found
        time.sleep(max(0.05, REST * (time.monotonic() - began)))
    raise TimeoutException(f"not within {seconds} s")


def one(driver: Any, css: str) -> Any:
    """The element that a CSS selector finds."""
    return driver.find_element("css selector", css)


def console_of(driver: Any) -> list[str]:
    """What the page complained of since the last look."""
    return [entry["message"] for entry in driver.get_log("browser")]


def requests_of(driver: Any) -> list[str]:
    """Every URL that was asked for since the last look, whether it was answered or blocked."""
    urls = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
    return urls
