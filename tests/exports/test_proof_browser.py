"""Proofs of leaves, checked by the script in a real browser, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.core.evidence import commitment, format_checkpoint, leaf_bytes, leaf_hash, nodes_of
from gate.exports import page
from gate.vault.signing import CheckpointKey
from tests.support.browser import chromium
from tests.support.evidence import root_of

pytestmark = pytest.mark.peer

NAME = "gate.example.co.uk/log"
SALT = bytes(range(16))
AT = "2026-07-03T10:00:05.000000Z"
CHECK = "const done = arguments[1]; Proof.check(JSON.parse(arguments[0])).then(done, (error) => done(String(error)));"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = tmp_path_factory.mktemp("page") / "page.html"
    made.write_text(f"<!DOCTYPE html><meta charset=utf-8><script>{page.script()}</script>", encoding="utf-8")
    with chromium(offline=True) as driver:
        driver.get(made.as_uri())
        yield driver


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> CheckpointKey:
    return CheckpointKey.create(tmp_path_factory.mktemp("key") / "gate.key", NAME)


def body(index: int) -> str:
    return json.dumps({"n": index, "said": 'é "quoted" \u2028\u007f'}, ensure_ascii=False)


def leaf(index: int) -> bytes:
    return leaf_bytes("receipt", f"r-{index}", AT, "gate – one", commitment(SALT, body(index).encode()))


def log(key: CheckpointKey, size: int, *shown: int) -> dict[str, Any]:
    """Evidence of these leaves of a log of so many."""
    hashes = [leaf_hash(leaf(index)) for index in range(size)]
    node = nodes_of(hashes)
    note = key.sign_note(format_checkpoint(NAME, size, root_of(hashes)))
    told = [page.leaf(each, size, node, leaf=leaf(each), salt=SALT, body=body(each)) for each in shown]
    found: dict[str, Any] = msgspec.to_builtins(page.evidence(note, key.vkey, told))
    return found


def check(browser: Any, evidence: dict[str, Any]) -> Any:
    return browser.execute_async_script(CHECK, json.dumps(evidence))


def test_each_leaf_of_logs_of_every_shape_is_in_its_tree(browser: Any, key: CheckpointKey) -> None:
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 13, 31, 64, 65):
        found = check(browser, log(key, size, *range(size)))
        assert found["leaves"] == ["holds"] * size and found["ok"] is True, (size, found)
        assert (found["size"], found["origin"], found["signature"]) == (size, NAME, "holds")
        assert found["root"] == root_of(leaf_hash(leaf(index)) for index in range(size)).hex()


def test_a_leaf_of_which_only_the_hash_is_told(browser: Any, key: CheckpointKey) -> None:
    evidence = log(key, 9)
    node = nodes_of([leaf_hash(leaf(index)) for index in range(9)])
    evidence["leaves"] = [msgspec.to_builtins(page.hash_alone(4, 9, node, leaf_hash(leaf(4))))]
    assert check(browser, evidence)["ok"] is True
    evidence["leaves"] = [msgspec.to_builtins(page.hash_alone(4, 9, node, leaf_hash(leaf(5))))]
    assert check(browser, evidence)["leaves"] == ["missing"]
    evidence["leaves"] = [msgspec.to_builtins(page.leaf(4, 9, node, leaf=leaf(4), salt=None, body=None))]
    assert check(browser, evidence)["leaves"] == ["holds"], "an erased one: its leaf without its value"


def test_what_was_changed_is_found(browser: Any, key: CheckpointKey) -> None:
    for name, wanted in (
        ("body", "changed"), ("salt", "changed"), ("leaf", "changed"), ("both", "missing"), ("index", "missing"),
        ("proof", "missing"), ("shorter", "missing"), ("longer", "missing"), ("hash", "changed"),
    ):  # fmt: skip
        evidence = log(key, 13, 6, 7)
        told, other = evidence["leaves"]
        if name == "body":
            told["body"] = told["body"].replace("6", "7")
        elif name == "salt":
            told["salt"] = bytes(16).hex()
        elif name == "leaf":
            told["leaf"] = other["leaf"]
        elif name == "both":  # a leaf of one's own making, which commits to its value
            told["body"] = '{"n":66}'
            made = leaf_bytes("receipt", "r-6", AT, "gate", commitment(SALT, told["body"].encode()))
            told["leaf"] = made.decode()
        elif name == "index":
            told["index"] = 5
        elif name == "proof":
            told["proof"] = other["proof"]
        elif name == "shorter":
            told["proof"].pop()
        elif name == "longer":
            told["proof"].append(told["proof"][0])
        else:
            told["hash"] = leaf_hash(leaf(7)).hex()
        found = check(browser, evidence)
        assert found["leaves"] == [wanted, "holds"] and found["ok"] is False, (name, found)


def test_a_checkpoint_that_was_changed_or_is_anothers(browser: Any, key: CheckpointKey, tmp_path: Path) -> None:
    stranger = CheckpointKey.create(tmp_path / "other.key", NAME)
    text = log(key, 9, 3)["checkpoint"].partition("\n\n")[0] + "\n"
    for note in (
        stranger.sign_note(text),
        log(key, 9, 3)["checkpoint"].replace("\n9\n", "\n10\n"),
        log(key, 9, 3)["checkpoint"].replace(NAME, "gate.other.co.uk/log"),
        text + "\n",
    ):
        found = check(browser, log(key, 9, 3) | {"checkpoint": note})
        assert found["signature"] == "broken" and found["ok"] is False, note
    assert check(browser, log(key, 9, 3) | {"vkey": stranger.vkey})["ok"] is False
    assert check(browser, log(key, 9))["ok"] is False, "nothing shown is nothing proven"
    for bad in ({"checkpoint": "no note"}, {"vkey": "no key"}, {"leaves": [{"index": 0, "proof": ["*"], "hash": ""}]}):
        assert isinstance(check(browser, log(key, 9, 3) | bad), str), "what is not well formed is told as an error"


def test_without_ed25519_the_tree_is_checked_and_the_signature_is_not(browser: Any, key: CheckpointKey) -> None:
    browser.execute_script(
        "window.kept = crypto.subtle.importKey; crypto.subtle.importKey = () =>"
        " Promise.reject(new DOMException('no such algorithm', 'NotSupportedError'));"
    )
    try:
        found = check(browser, log(key, 9, 3))
    finally:
        browser.execute_script("crypto.subtle.importKey = window.kept;")
    assert (found["signature"], found["leaves"], found["ok"]) == ("unchecked", ["holds"], True)
    assert check(browser, log(key, 9, 3))["signature"] == "holds"
