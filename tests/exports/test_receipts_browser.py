"""The page of receipts in a real browser, hosted on loopback: what it proves, and for whom it proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gate.client import pages
from gate.converting import convert
from gate.core.evidence import commitment, format_checkpoint, leaf_bytes, leaf_hash, nodes_of
from gate.core.receipts import shown
from gate.core.rows.audit import LogProof
from gate.core.terms import Decision, Reason, Verdict
from gate.exports import page
from gate.operations.erasure.terms import RetentionTermsSweep
from gate.vault.signing import CheckpointKey
from tests.support.asking import ask
from tests.support.browser import chromium, console_of, one, requests_of, until
from tests.support.commands import dialgate
from tests.support.evidence import root_of
from tests.support.receipts import REGISTERS, code, hosted, receipted
from tests.support.requesting import ANN, opened, prepared
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.peer

NOW = datetime.now(UTC).replace(microsecond=0)
NUMBERS = [f"+4420794603{n:02}" for n in range(6)]
LONG_AGO = NOW - timedelta(days=3 * 365)


class Firm:
    """A firm with calls, and its page."""

    def __init__(self, place: Path) -> None:
        self.home, self.site = place / "gate", place / "site"
        self.config = prepared(self.home, recordings=0)
        with opened(self.home) as data:
            self.old = receipted(data.store, 0, NUMBERS[0], LONG_AGO)
            self.codes = [receipted(data.store, n, NUMBERS[n], NOW) for n in (1, 2, 3)]
            listed = Decision(Verdict.ALLOW, Reason.SERVICE_CALL, NUMBERS[4], "", REGISTERS, objection_id="o-1")
            self.service = receipted(data.store, 4, NUMBERS[4], NOW, decided=listed)
            self.vkey = data.bundles.vkey().vkey
        self.publish()

    def publish(self) -> None:
        done = dialgate("receipts", "publish", str(self.site), "-c", str(self.config), "--json")
        assert done.code == 0, done.err

    def file(self, made: str) -> Path:
        name, _ = pages.place_and_key(made, self.vkey)
        return self.site / "data" / name[:2] / name

    def read(self, made: str) -> dict[str, Any]:
        """What is sealed in a receipt's file."""
        _, key = pages.place_and_key(made, self.vkey)
        content = self.file(made).read_bytes()
        told: dict[str, Any] = json.loads(AESGCM(key).decrypt(content[:12], content[12:], None))
        return told

    def forge(self, made: str, told: dict[str, Any]) -> None:
        """Put something else into it, as only who knows the code can."""
        _, key = pages.place_and_key(made, self.vkey)
        path = self.file(made)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pages.sealed(key, convert({"vkey": self.vkey} | told, LogProof)))


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Firm:
    return Firm(tmp_path_factory.mktemp("firm"))


@pytest.fixture(scope="module")
def address(firm: Firm) -> Iterator[str]:
    with hosted(firm.site) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(offline=True, loopback=True) as driver:
        yield driver


@pytest.fixture
def kept(firm: Firm) -> Iterator[None]:
    """What a test does to the page is undone."""
    before = {path: path.read_bytes() for path in firm.site.rglob("*") if path.is_file()}
    yield
    for path in firm.site.rglob("*"):
        if path.is_file() and path not in before:
            path.unlink()
    for path, content in before.items():
        path.write_bytes(content)


def look_up(browser: Any, address: str, made: str) -> str:
    """What the page says of a code."""
    browser.get("about:blank")
    requests_of(browser), console_of(browser)
    browser.get(address)
    until(browser, lambda driver: one(driver, "#check").is_enabled(), PATIENCE)
    one(browser, "#code").send_keys(made)
    one(browser, "#check").click()
    return str(until(browser, settled, PATIENCE))


def settled(driver: Any) -> str:
    text = one(driver, "#status").text
    return "" if text in ("", "Looking for it.") else text


def test_a_service_call_is_not_said_to_be_screened(browser: Any, firm: Firm, address: str) -> None:
    said = look_up(browser, address, firm.service)
    assert said.startswith("This call was not screened: the firm stated that it was no marketing.")
    text = one(browser, "#receipt").text
    assert "had objected to marketing calls" in text and "Screened" not in text


def test_a_code_shows_what_the_call_was_screened_against_and_proves_it(browser: Any, firm: Firm, address: str) -> None:
    made = firm.codes[0]
    said = look_up(browser, address, shown(made).lower())
    assert said == "This call was screened. The receipt is in the firm's signed log."
    text = one(browser, "#receipt").text
    for told in (
        shown(made), "Webeo", "+442079460999", "(UK time)", "TPS, the edition of Sunday 1 March 2026", "CTPS",
        "on none of these registers", "1 Example Street, London", "0800 111 2222", "calls@example.co.uk",
    ):  # fmt: skip
        assert told in text, told
    one(browser, "summary").click()
    assert firm.vkey in one(browser, "#proof").text and "The log is signed" in one(browser, "#checked").text
    name, _ = pages.place_and_key(made, firm.vkey)
    assert set(requests_of(browser)) <= {address, f"{address}favicon.ico", f"{address}data/{name[:2]}/{name}"}, (
        "its own files alone, and the code is in none of the addresses"
    )
    assert [line for line in console_of(browser) if "favicon" not in line] == []


def test_neither_number_nor_code_nor_account_is_in_any_file(firm: Firm) -> None:
    files = [path for path in firm.site.rglob("*") if path.is_file()]
    assert len(files) == 1 + 5, "the page, and a file for each receipt"
    whole = b"".join(path.read_bytes() for path in files)
    opened_up = json.dumps([firm.read(made) for made in (firm.old, *firm.codes)])
    for number in NUMBERS:
        for spelling in (number[3:], f"0{number[3:]}", f"{number[3:5]} {number[5:9]}"):
            assert spelling.encode() not in whole and spelling not in opened_up, spelling
    for made in (firm.old, *firm.codes):
        assert made.encode() not in whole and not any(made in str(path) for path in files)
    assert "alice" not in opened_up, "the account that asked for the call"
    assert b"receipted-" not in whole, "without the code nothing of a receipt can be read"


def test_what_is_no_code_and_what_is_nobodys_code(browser: Any, firm: Firm, address: str) -> None:
    made = firm.codes[0]
    assert "not a code" in look_up(browser, address, made[1:] + made[0])
    assert "No receipt is kept" in look_up(browser, address, code(4711))
    assert not one(browser, "#receipt").is_displayed()


def forged_call(firm: Firm, made: str) -> dict[str, Any]:
    """A receipt of one's own making, whose leaf commits to it, at the place of a true one."""
    told = firm.read(firm.codes[0])
    body = json.loads(told["leaves"][0]["body"]) | {"code": made, "hour": "2026-03-02T11:00+00:00"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    salt = bytes(16)
    at = json.loads(told["leaves"][0]["leaf"])["at"]
    leaf = leaf_bytes("receipt", "r-x", at, "gate", commitment(salt, text.encode()))
    told["leaves"][0] |= {"leaf": leaf.decode(), "salt": salt.hex(), "body": text}
    return told


def another_log(firm: Firm, made: str, place: Path) -> dict[str, Any]:
    """The same in a whole log of one's own, signed with a key of one's own under the firm's name."""
    told = forged_call(firm, made)
    body = told["leaves"][0]["body"]
    text = json.dumps(json.loads(body) | {"decision": 0}, sort_keys=True, separators=(",", ":"))
    leaf = leaf_bytes("receipt", "r-x", "2026-03-02T11:00:00.000000Z", "gate", commitment(bytes(16), text.encode()))
    hashes = [leaf_hash(b"a decision"), leaf_hash(leaf)]
    node, name = nodes_of(hashes), firm.vkey.partition("+")[0]
    key = CheckpointKey.create(place / "own.key", name)
    note = key.sign_note(format_checkpoint(name, 2, root_of(hashes)))
    own = page.leaf(1, 2, node, leaf=leaf, salt=bytes(16), body=text)
    made_up = page.evidence(note, key.vkey, [own, page.hash_alone(0, 2, node, hashes[0])])
    found: dict[str, Any] = msgspec.to_builtins(made_up)
    return found


def test_a_receipt_for_a_call_that_was_not_screened_proves_nothing(
    browser: Any, firm: Firm, address: str, kept: None, tmp_path: Path
) -> None:
    made, other = code(500), firm.codes[1]

    def without_decision(told: dict[str, Any]) -> None:
        told["leaves"].pop()

    def another_decision(told: dict[str, Any]) -> None:
        told["leaves"][1] = firm.read(firm.codes[2])["leaves"][1]

    def other_words(told: dict[str, Any]) -> None:
        told["leaves"][0]["body"] = told["leaves"][0]["body"].replace("2026-03-01", "2026-03-31")

    firm.forge(made, forged_call(firm, made))
    assert look_up(browser, address, made) == "Do not trust this receipt: it is not what the firm's log holds."
    firm.forge(made, another_log(firm, made, tmp_path))
    assert look_up(browser, address, made) == "Do not trust this receipt: the firm's gate has not signed it."
    firm.forge(made, firm.read(other))
    assert "not what the firm's log holds" in look_up(browser, address, made), "a true receipt, of another call"
    changes: tuple[Callable[[dict[str, Any]], None], ...] = (without_decision, another_decision, other_words)
    for change in changes:
        told = firm.read(other)
        change(told)
        firm.forge(other, told)
        assert "Do not trust this receipt" in look_up(browser, address, other), change.__name__
        assert not one(browser, "#receipt").is_displayed(), change.__name__
        firm.publish()
    assert "was screened" in look_up(browser, address, other), "published again it is whole"


def test_a_file_that_was_changed_says_so(browser: Any, firm: Firm, address: str, kept: None) -> None:
    path = firm.file(firm.codes[0])
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert look_up(browser, address, firm.codes[0]) == "Do not trust this receipt: its file was changed."


def test_a_page_whose_script_or_key_was_changed_says_nothing_good(
    browser: Any, firm: Firm, address: str, kept: None, tmp_path: Path
) -> None:
    index = firm.site / "index.html"
    page = index.read_text(encoding="utf-8")
    index.write_text(page.replace("if (!found.ok) {", "if (false) {"), encoding="utf-8")
    browser.get(address)
    assert one(browser, "#status").text.startswith("Not checked."), "the policy names the script as it was"
    assert not one(browser, "#check").is_enabled()
    stranger = CheckpointKey.create(tmp_path / "other.key", firm.vkey.partition("+")[0])
    index.write_text(page.replace(firm.vkey, stranger.vkey), encoding="utf-8")
    assert look_up(browser, address, firm.codes[0]) == "Do not trust this receipt: the firm's gate has not signed it."


def test_a_browser_without_ed25519_says_what_it_did_not_check(browser: Any, firm: Firm, address: str) -> None:
    browser.get(address)
    until(browser, lambda driver: one(driver, "#check").is_enabled(), PATIENCE)
    browser.execute_script(
        "const real = crypto.subtle.importKey.bind(crypto.subtle);"
        "crypto.subtle.importKey = (form, key, kind, ...rest) => kind.name === 'Ed25519'"
        " ? Promise.reject(new DOMException('unknown', 'NotSupportedError')) : real(form, key, kind, ...rest);"
    )
    one(browser, "#code").send_keys(firm.codes[0])
    one(browser, "#check").click()
    said = str(until(browser, settled, PATIENCE))
    assert "was not checked" in said and "signed log" not in said


def test_a_page_opened_from_a_disk_takes_the_file_that_is_chosen(browser: Any, firm: Firm) -> None:
    said = look_up(browser, (firm.site / "index.html").as_uri(), firm.codes[0])
    path = firm.file(firm.codes[0])
    assert f"data/{path.parent.name}/{path.name}" in said
    one(browser, "#file").send_keys(str(path))
    until(browser, lambda driver: "was screened" in one(driver, "#status").text, PATIENCE)
    assert [url for url in requests_of(browser) if not url.startswith("file:")] == []


def test_the_page_may_reach_nothing_but_its_own_files(browser: Any, firm: Firm, address: str) -> None:
    browser.get(address)
    ran = browser.execute_async_script(
        """
        const done = arguments[0], blocked = [];
        const script = document.createElement('script'), image = document.createElement('img');
        document.addEventListener('securitypolicyviolation', (event) => {
          blocked.push(event.effectiveDirective);
          if (blocked.includes('connect-src') && blocked.includes('img-src')) done(window.ran || false);
        });
        script.append('window.ran = true');
        document.body.append(image, script);
        fetch('http://127.0.0.1:9/').catch(() => 0);
        image.src = 'http://127.0.0.1:9/';
        """
    )
    assert not ran, "neither fetch nor picture nor another script"


def test_what_was_erased_is_no_longer_kept_once_published_again(
    browser: Any, firm: Firm, address: str, kept: None
) -> None:
    assert "was screened" in look_up(browser, address, firm.old)
    with opened(firm.home) as data:
        ask(data, RetentionTermsSweep(), ANN)
    firm.publish()
    assert firm.file(firm.old).read_bytes() == b""
    said = look_up(browser, address, firm.old)
    assert said == "This receipt is no longer kept: the firm has erased what it held of the call."
    assert not one(browser, "#receipt").is_displayed()
    assert "was screened" in look_up(browser, address, firm.codes[0])


def test_it_fits_a_telephone(browser: Any, firm: Firm, address: str) -> None:
    browser.set_window_size(500, 900)
    look_up(browser, address, firm.codes[0])
    one(browser, "summary").click()
    width, room = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= room
    browser.set_window_size(1200, 900)
