"""The data-subject pack in a real browser, from a file and without a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.exports.pack import build_pack
from tests.support.browser import chromium, console_of, one, requests_of, until
from tests.support.packs import PASSPHRASE, contents, sound

pytestmark = pytest.mark.peer

EVIL = "<img src=x onerror=\"document.title='run'\">"
SECRETS = (
    "Ann Example",
    "020 7946",
    "442079460123",
    "900123",
    "Webeo Example Ltd",
    "3 July",
    "Refused: listed",
    "2 calls",
)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Any]:
    with chromium(downloads=downloads, offline=True) as driver:
        yield driver


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "pack.html"
    held_back = (f"A note about another person {EVIL}",)
    build_pack(
        contents(held_back=held_back),
        [sound("r1", 3.0), sound("r2", 40.0, "c9", notes=("Paused from 0:05 to 0:07.",))],
        PASSPHRASE,
        path,
    )
    return path


def open_with(browser: Any, page: Path, passphrase: str) -> None:
    requests_of(browser), console_of(browser)
    browser.get(page.as_uri())
    until(browser, lambda driver: one(driver, "#open").is_enabled())
    one(browser, "#passphrase").send_keys(passphrase)
    one(browser, "#open").click()


def test_nothing_is_readable_before_the_passphrase(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    until(browser, lambda driver: one(driver, "#open").is_enabled())
    text = one(browser, "body").text
    assert "Webeo" in text and "R-2026-0017" in text
    whole = browser.execute_script("return document.documentElement.outerHTML")
    for secret in SECRETS:
        assert secret not in text and secret not in whole, secret


def test_a_wrong_passphrase_says_so_and_opens_nothing(browser: Any, page: Path) -> None:
    open_with(browser, page, "k7qm-2x9d-h4fs-0vwe-31rs")
    until(browser, lambda driver: "does not open the file" in one(driver, "#status").text)
    assert not one(browser, "#opened").is_displayed()
    assert "Ann Example" not in browser.execute_script("return document.body.textContent")
    one(browser, "#passphrase").clear()
    one(browser, "#passphrase").send_keys(PASSPHRASE)
    one(browser, "#open").click()
    until(browser, lambda driver: one(driver, "#opened").is_displayed())


def test_the_right_one_shows_calls_lists_and_rights_as_text(browser: Any, page: Path) -> None:
    open_with(browser, page, "K7QM 2X9D h4fs Ovwe 3Lrt")
    until(browser, lambda driver: one(driver, "#opened").is_displayed())
    text = one(browser, "#opened").text
    for told in (
        "Webeo Example Ltd (Webeo)", "Ann Example", "020 7946 0123, 07700 900123", "2 calls and 2 recordings",
        "Friday 3 July 2026, 10:00:05", "Refused: listed.", "pressed 9 during a call", "None.", "quality and training",
        "Information Commissioner's Office", "erased on 2 January 2026", EVIL, "Paused from 0:05 to 0:07.",
    ):  # fmt: skip
        assert told in text, told
    assert browser.title != "run" and not browser.find_elements("css selector", "img")
    links = [link.get_attribute("href") for link in browser.find_elements("css selector", "#opened table a")]
    assert [link.rpartition("#")[2] for link in links] == ["recording-0"], "the call leads to its recording"
    assert not one(browser, "#closed").is_displayed()
    assert browser.execute_script("return document.activeElement.tagName") == "H1", "a screen reader starts there"


def test_recordings_play_one_after_another(browser: Any, page: Path) -> None:
    open_with(browser, page, PASSPHRASE)
    until(browser, lambda driver: one(driver, "#opened").is_displayed())
    for number, seconds in ((0, 3.0), (1, 40.0)):
        one(browser, f"#recording-{number} button").click()
        state = until(
            browser,
            lambda driver: driver.execute_script(
                "const a = document.querySelector('audio');"
                "return a && !a.error && a.currentTime > 0.2 && [a.duration, a.closest('section').id]"
            ),
        )
        assert state == [pytest.approx(seconds, abs=0.05), f"recording-{number}"]
        assert len(browser.find_elements("css selector", "audio")) == 1, "the one before was let go of"


def test_a_recording_is_saved_as_it_was(browser: Any, page: Path, downloads: Path) -> None:
    open_with(browser, page, PASSPHRASE)
    until(browser, lambda driver: one(driver, "#opened").is_displayed())
    one(browser, "#recording-1 button.quiet").click()
    saved = downloads / "call-2026-07-03-100005-r2.flac"
    until(browser, lambda driver: saved.exists())
    assert hashlib.sha256(saved.read_bytes()).digest() == hashlib.sha256(sound("r2", 40.0).audio).digest()
    assert "is not encrypted" in one(browser, "#recording-1").text


def test_what_is_held_is_saved_as_data_without_the_key_of_the_recordings(
    browser: Any, page: Path, downloads: Path
) -> None:
    open_with(browser, page, PASSPHRASE)
    until(browser, lambda driver: one(driver, "#opened").is_displayed())
    [save] = [each for each in browser.find_elements("css selector", "#opened button") if each.text == "Save as data"]
    save.click()
    saved = downloads / "R-2026-0017.json"
    until(browser, lambda driver: saved.exists())
    data = json.loads(saved.read_text(encoding="utf-8"))
    assert [call["number"] for call in data["calls"]] == ["+442079460123", "+447700900123"]
    assert [table["title"] for table in data["held"]] == ["Objections", "Consents"]
    assert [entry["file"] for entry in data["recordings"]][1] == "call-2026-07-03-100005-r2.flac"
    assert "audio_key" not in data and "pieces" not in data
    assert "It is not encrypted" in one(browser, "#opened").text


def test_nothing_is_asked_of_a_network(browser: Any, page: Path) -> None:
    open_with(browser, page, PASSPHRASE)
    until(browser, lambda driver: one(driver, "#opened").is_displayed())
    one(browser, "#recording-0 button").click()
    until(
        browser, lambda driver: driver.execute_script("return (document.querySelector('audio') || {}).currentTime > 0")
    )
    asked = [url for url in requests_of(browser) if not url.startswith(("data:image/svg+xml", "blob:null/"))]
    assert asked == [page.as_uri()], "the file itself; its own memory and the player's icons apart"
    assert console_of(browser) == []


def test_the_page_may_not_reach_a_network_or_run_another_script(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    blocked, ran = browser.execute_async_script(
        """
        const done = arguments[0], blocked = [];
        document.addEventListener('securitypolicyviolation', (event) => blocked.push(event.effectiveDirective));
        fetch('http://127.0.0.1:9/').catch(() => 0);
        const image = document.createElement('img'), script = document.createElement('script');
        image.src = 'http://127.0.0.1:9/';
        script.append('window.ran = true');
        document.body.append(image, script);
        try { document.body.innerHTML = '<p>'; } catch (error) { blocked.push(error.name); }
        setTimeout(() => done([blocked, window.ran || false]), 300);
        """
    )
    assert {"connect-src", "img-src", "TypeError"} <= set(blocked), "neither fetch nor picture nor markup out of text"
    assert not ran


def test_a_file_that_was_cut_short_or_changed_says_so(browser: Any, page: Path, tmp_path: Path) -> None:
    whole = page.read_text(encoding="utf-8")
    cut, fewer, damaged = (tmp_path / f"{name}.html" for name in ("cut", "fewer", "damaged"))
    cut.write_text(whole[: len(whole) // 2], encoding="utf-8")
    browser.get(cut.as_uri())
    assert "the file is incomplete" in one(browser, "#status").text
    assert not one(browser, "#open").is_enabled()

    start = whole.index('<script type="application/octet-stream" class="piece">')
    fewer.write_text(whole[:start] + whole[whole.index("\n", start) + 1 :], encoding="utf-8")
    open_with(browser, fewer, PASSPHRASE)
    until(browser, lambda driver: "incomplete or was changed" in one(driver, "#status").text)

    mark = whole.index('class="piece">') + 200
    damaged.write_text(whole[:mark] + ("A" if whole[mark] != "A" else "B") + whole[mark + 1 :], encoding="utf-8")
    open_with(browser, damaged, PASSPHRASE)
    until(browser, lambda driver: one(driver, "#opened").is_displayed())
    one(browser, "#recording-0 button").click()
    until(browser, lambda driver: "This recording is damaged" in one(driver, "#recording-0").text)
    one(browser, "#recording-1 button").click()
    until(
        browser, lambda driver: driver.execute_script("return (document.querySelector('audio') || {}).currentTime > 0")
    )


def test_it_is_closed_again_and_fits_a_telephone(browser: Any, page: Path) -> None:
    browser.set_window_size(500, 900)
    open_with(browser, page, PASSPHRASE)
    until(browser, lambda driver: one(driver, "#opened").is_displayed())
    width, shown = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= shown, "nothing has to be moved sideways"
    [close] = [each for each in browser.find_elements("css selector", "#opened button") if each.text == "Close"]
    close.click()
    until(browser, lambda driver: one(driver, "#closed").is_displayed())
    assert "Ann Example" not in browser.execute_script("return document.body.textContent")
    browser.set_window_size(1200, 900)
