"""The page that proves a letter, in a real browser, without a network; and what an enemy makes of it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from gate.converting import convert
from gate.core.evidence import format_checkpoint, leaf_hash
from gate.core.request_words import Asks
from gate.core.rows.audit import LogProof
from gate.exports.page import letter_page
from gate.operations.requests.course import Decide, VerifyIdentity
from gate.operations.requests.listing import Prove
from gate.operations.requests.searching import Search
from gate.vault.signing import CheckpointKey
from tests.support.asking import Asking, ask
from tests.support.browser import chromium, console_of, one, requests_of, until
from tests.support.commands import dialgate
from tests.support.databases import query
from tests.support.evidence import root_of
from tests.support.requesting import ANN, OTHER, PERSON, SPELLED, asked, opened, prepared

pytestmark = pytest.mark.peer

THEIRS = ("02079460999", "--how", "phone", "--wording", "yes", "--who", "Olu Other", "--evidence", f"from {SPELLED}")


class Proven(NamedTuple):
    """A request that was carried out, and its page."""

    folder: Path
    letters: Path
    reference: str
    id: str
    evidence: dict[str, Any]

    def page(self, at: Path, **changes: Any) -> Path:
        """The page, with parts of the evidence replaced."""
        at.write_text(
            letter_page("Firm", self.reference, self.id, convert(self.evidence | changes, LogProof)), encoding="utf-8"
        )
        return at


def worked(folder: Path, letters: Path, asks: Asks) -> Proven:
    """A request from its arrival to its letter."""
    config = ("-c", str(folder / "config.toml"))
    with opened(folder) as data:
        reference = asked(data, asks)
        ask(data, VerifyIdentity(request=reference, checked="passport seen"), ANN)
        ask(data, Search(request=reference), ANN)
        ask(data, Decide(request=reference, grant=True), ANN)
    keys = folder / "keys"
    key = ("--key", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))
    more = ("--yes",) if asks is Asks.ERASURE else (*key, "-o", str(letters / f"{reference}.html"))
    letters.mkdir(exist_ok=True)
    done = dialgate("request", "fulfil", reference, *more, "--letters", str(letters), *config)
    assert done.code == 0, done.err
    with opened(folder) as data:
        proof = Asking(data, ANN).ask(Prove(request=reference))
    return Proven(folder, letters, reference, proof.id, msgspec.to_builtins(proof.evidence))


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Proven:
    place = tmp_path_factory.mktemp("access")
    prepared(place / "gate", recordings=1)
    return worked(place / "gate", place / "out", Asks.ACCESS)


@pytest.fixture(scope="module")
def erasure(access: Proven) -> Proven:
    """On the same log, after the access: somebody else's consent mentions the number."""
    assert dialgate("consent", "add", *THEIRS, "-c", str(access.folder / "config.toml")).code == 0
    return worked(access.folder, access.letters, Asks.ERASURE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(offline=True) as driver:
        yield driver


def shown(browser: Any, path: Path) -> str:
    """What the page says once it has checked."""
    requests_of(browser), console_of(browser)
    browser.get(path.as_uri())
    until(browser, lambda driver: not one(driver, "#verdict").text.startswith("Not checked"))
    return str(one(browser, "#verdict").text + "\n" + one(browser, "#faults").text)


def of_file(browser: Any, path: Path) -> str:
    """What it says of a file that is chosen."""
    before = one(browser, "#file-verdict").text
    one(browser, "#file").send_keys(str(path))
    until(browser, lambda driver: one(driver, "#file-verdict").text != before)
    return str(one(browser, "#file-verdict").text)


def test_the_page_beside_the_letter_holds_and_knows_the_letter_and_the_pack(browser: Any, access: Proven) -> None:
    written = access.letters / f"{access.reference}-proof.html"
    said = shown(browser, written)
    assert re.match(r"All \d+ entries are in the log, as it was signed\.", said), said
    entries = one(browser, "#entries").text
    assert "your request came" in entries and "what we hold was searched for: 3 calls, 1 entries" in entries
    assert "the encrypted file was made" in entries and "a letter was made (response)" in entries
    assert [each for each in requests_of(browser) if not each.startswith("file:")] == []
    assert console_of(browser) == []
    letter = access.letters / f"{access.reference}-response.txt"
    assert "This is the letter (response)" in of_file(browser, letter)
    assert "the encrypted file" in of_file(browser, access.letters / f"{access.reference}.html")
    told = letter.read_text(encoding="utf-8")
    assert one(browser, "#key").text in told and written.name in told, "the letter names page and key"


@pytest.mark.parametrize("form", ["txt", "html", "eml"])
def test_a_changed_letter_is_named(browser: Any, access: Proven, tmp_path: Path, form: str) -> None:
    whole = (access.letters / f"{access.reference}-response.{form}").read_bytes()
    (tmp_path / f"whole.{form}").write_bytes(whole)
    (tmp_path / f"changed.{form}").write_bytes(whole.replace(b"We found", b"We lost", 1))
    assert (tmp_path / f"changed.{form}").read_bytes() != whole
    shown(browser, access.page(tmp_path / "page.html"))
    assert "This file is NOT one that our log speaks of" in of_file(browser, tmp_path / f"changed.{form}")
    assert "This is the letter" in of_file(browser, tmp_path / f"whole.{form}")


def test_an_erasure_shows_each_recording_that_went_and_names_nobody(browser: Any, erasure: Proven) -> None:
    said = shown(browser, erasure.letters / f"{erasure.reference}-proof.html")
    assert said.startswith("All "), said
    entries = one(browser, "#entries").text
    assert entries.count("a recording was erased") == 1 and "the erasure was carried out" in entries
    page = (erasure.letters / f"{erasure.reference}-proof.html").read_text(encoding="utf-8")
    digits = re.sub(r"[ -]", "", page)
    for text in ("Pat Person", "High Street", "Olu Other", "passport"):
        assert text not in page, text
    for number in (PERSON, OTHER, "+442079460999"):
        assert number[3:] not in digits, number
    receipt = next(each for each in erasure.evidence["leaves"] if '"request_carried"' in each["leaf"])
    assert "body" not in receipt and "salt" not in receipt, "it names somebody else's consent"
    with opened(erasure.folder) as data:
        rows = data.store.call(lambda tx: query(tx, "SELECT leaf_index, lower(hex(salt)) AS salt FROM facts"))
    travels = {each["index"] for each in erasure.evidence["leaves"] if "salt" in each}
    assert [row["leaf_index"] for row in rows if row["salt"] and row["salt"] in page] == sorted(travels)


def test_what_an_enemy_makes_of_it_is_named(browser: Any, access: Proven, erasure: Proven, tmp_path: Path) -> None:
    theirs = worked_again(access).evidence["leaves"]  # in the tree of the other page
    current = worked_again(erasure)
    at = tmp_path / "page.html"
    assert shown(browser, current.page(at)).startswith("All ")

    stranger = [*current.evidence["leaves"], theirs[1]]
    assert f"Entry {theirs[1]['index']} is of another request." in shown(browser, current.page(at, leaves=stranger))

    changed = copy.deepcopy(current.evidence["leaves"])
    changed[1]["body"] = changed[1]["body"].replace('"found":', '"found":1')
    assert f"Entry {changed[1]['index']} was changed." in shown(browser, current.page(at, leaves=changed))

    forged = copy.deepcopy(current.evidence["leaves"])
    forged[1]["proof"] = theirs[1]["proof"]
    assert f"Entry {forged[1]['index']} is not in this log." in shown(browser, current.page(at, leaves=forged))

    key = CheckpointKey.create(tmp_path / "other.key", "other-firm")
    hashes = [leaf_hash(b"%d" % n) for n in range(200)]
    note = key.sign_note(format_checkpoint("other-firm", len(hashes), root_of(hashes)))
    said = shown(browser, current.page(at, checkpoint=note))
    assert "is not in this log" in said and "The log is not signed with the key above." in said
    said = shown(browser, current.page(at, checkpoint=note, vkey=key.vkey))
    assert "is not in this log" in said and "not signed" not in said

    unsigned = current.evidence["checkpoint"].partition("\n\n")[0] + "\n\n"
    assert "The log is not signed with the key above." in shown(browser, current.page(at, checkpoint=unsigned))
    rest = [each for each in current.evidence["leaves"] if '"request_opened"' not in each["leaf"]]
    assert "The entry of your request itself is not here." in shown(browser, current.page(at, leaves=rest))
    assert "This page was damaged" in shown(browser, current.page(at, checkpoint="x"))


def worked_again(of: Proven) -> Proven:
    """Its proofs in the log as it is now."""
    with opened(of.folder) as data:
        proof = Asking(data, ANN).ask(Prove(request=of.reference))
    return of._replace(evidence=msgspec.to_builtins(proof.evidence))


def test_nothing_is_proven_before_anything_was_done(access: Proven) -> None:
    config = ("-c", str(access.folder / "config.toml"))
    with opened(access.folder) as data:
        reference = asked(data, Asks.ACCESS)
    done = dialgate("request", "proof", reference, "-o", str(access.letters / "none.html"), *config)
    assert done.code == 3 and "there is nothing to prove yet" in done.err
    assert not (access.letters / "none.html").exists()
