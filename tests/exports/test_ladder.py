"""A call's ladder as a page: verified by code that shares nothing with the gate, and by its own script in a browser."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from gate.client.pages import proven
from gate.client.recordings import Stream, streams
from gate.core.ladder import Ladder
from gate.core.rtp import encode_event, encode_map, encode_packet
from gate.errors import UsageError
from gate.exports.page import ladder_file, ladder_page
from gate.operations.calls.calls import CallsProve
from gate.ports import Fact
from tests.support.asking import Asking
from tests.support.browser import chromium, console_of, one, requests_of, until
from tests.support.commands import dialgate
from tests.support.requesting import ANN, PERSON, START, opened, prepared

CALL = "call-rec0"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    prepared(folder, recordings=2)
    with opened(folder) as data:
        end = START + timedelta(seconds=12)
        facts = [
            Fact("answered", CALL, START + timedelta(seconds=2), "gate", {"codec": "PCMU"}),
            Fact("recording_paused", "rec0", end, "user:ann(1000)", {"call_id": CALL, "why": f"card of {PERSON}"}),
        ]
        data.store.call(lambda tx: [tx.append(each) for each in facts])
    return folder


def made(folder: Path, why: str = "") -> Ladder:
    with opened(folder) as data:
        return Asking(data, ANN).ask(CallsProve(call_id=CALL, why=why))


# --- by independent code ---------------------------------------------------------------------------------------------


def verified(page: str) -> dict[int, dict[str, Any]]:
    """What a page proves: leaf -> what it says, with its value where that is given. Fails where anything does not hold.

    Written from RFC 9162 (2.1.1, as a recursion over the tree) and C2SP alone.
    """
    given = json.loads(
        html.unescape(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])
    )
    evidence = given["evidence"]
    text, _, signatures = evidence["checkpoint"].partition("\n\n")
    origin, size, root = text.split("\n")
    name, _, key = evidence["vkey"].split("+", 2)
    assert name == origin
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:])
    (line,) = [each for each in signatures.splitlines() if each.startswith(f"\u2014 {name} ")]
    public.verify(base64.b64decode(line.split(" ")[2])[4:], (text + "\n").encode())
    found = {}
    for told in evidence["leaves"]:
        digest = hashlib.sha256(b"\0" + told["leaf"].encode()).digest()
        path = [base64.b64decode(each) for each in told["proof"]]
        assert over(told["index"], int(size), digest, path) == base64.b64decode(root), told
        says = json.loads(told["leaf"])
        if "body" in told:
            assert hashlib.sha256(bytes.fromhex(told["salt"]) + told["body"].encode()).hexdigest() == says["commit"]
            says["value"] = json.loads(told["body"])
        found[told["index"]] = says
    return found


def over(index: int, size: int, digest: bytes, path: list[bytes]) -> bytes:
    """Root of a tree of ``size`` leaves, from one leaf's hash and the hashes beside its way."""
    if size == 1:
        assert not path
        return digest
    half = 1 << ((size - 1).bit_length() - 1)
    *rest, beside = path
    left, right = (
        (over(index, half, digest, rest), beside)
        if index < half
        else (beside, over(index - half, size - half, digest, rest))
    )
    return hashlib.sha256(b"\1" + left + right).digest()


def test_the_page_is_one_file_whose_leaves_independent_code_verifies(gate: Path) -> None:
    page = ladder_page(made(gate))
    assert not re.search(
        r"(src|href)\s*=|url\(|@import|https?:", re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.S)
    )
    leaves = verified(page)
    kinds = [leaves[index]["kind"] for index in sorted(leaves)]
    assert kinds == ["decision", "recording_opened", "recording_closed", "ended", "answered", "recording_paused"]
    assert all("value" in each for each in leaves.values() if each["kind"] in ("answered", "ended", "recording_closed"))


def test_a_number_and_free_words_are_left_out_unless_a_reason_is_given_and_kept(gate: Path) -> None:
    page = ladder_page(made(gate))
    assert PERSON not in page and "card of" not in page
    without = [each["kind"] for each in verified(page).values() if "value" not in each]
    assert without == ["decision", "recording_paused"]
    with opened(gate) as data:
        before = data.store.call(lambda tx: tx.head()[0])
    full = ladder_page(made(gate, "complaint 17"))
    assert all("value" in each for each in verified(full).values()) and PERSON in full
    with opened(gate) as data:
        kept = data.store.call(
            lambda tx: tx.values(tuple[str, str], "SELECT subject, body FROM facts WHERE kind = 'number_shown'")
        )
        assert data.store.call(lambda tx: tx.head()[0]) > before
    assert [subject for subject, _ in kept] == [CALL] and "complaint 17" in kept[0][1]


def test_a_page_that_was_changed_anywhere_does_not_verify(gate: Path) -> None:
    page = ladder_page(made(gate))
    for old, new in (
        ('\\"codec\\":\\"PCMU\\"', '\\"codec\\":\\"PCMA\\"'),
        ('\\"kind\\":\\"ended\\"', '\\"kind\\":\\"endet\\"'),
    ):
        assert old in page
        with pytest.raises(AssertionError):
            verified(page.replace(old, new))
    size = re.search(r'"checkpoint":"[^"]*?\\n(\d+)\\n', page)
    assert size is not None
    with pytest.raises((AssertionError, InvalidSignature)):
        verified(page.replace(f"\\n{size[1]}\\n", f"\\n{int(size[1]) + 1}\\n", 1))


def test_the_console_checks_each_leaf_by_itself_and_names_what_is_wrong(gate: Path) -> None:
    evidence = made(gate).evidence
    for place, told in enumerate(evidence.leaves):
        found = proven(evidence, place)
        assert found.included and not found.signed and found.value is (None if told.body is None else True)
    place = next(at for at, each in enumerate(evidence.leaves) if each.body and "codec" in each.body)
    wrong = evidence.leaves[place]
    forged = [*evidence.leaves]
    forged[place] = replace(wrong, body=(wrong.body or "").replace("PCMU", "PCMA"))
    assert proven(replace(evidence, leaves=forged), place).value is False
    forged[place] = replace(wrong, leaf=(wrong.leaf or "").replace("answered", "answerde"))
    assert proven(replace(evidence, leaves=forged), place).included is False
    other = replace(evidence, checkpoint=evidence.checkpoint.replace("\u2014 ", "\u2014 x"))
    assert proven(other, place).signed


# --- by its own script -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(offline=True) as driver:
        yield driver


def shown(browser: Any, path: Path, page: str) -> str:
    path.write_text(page, encoding="utf-8")
    requests_of(browser), console_of(browser)
    browser.get(path.as_uri())
    until(browser, lambda driver: not one(driver, "#verdict").text.startswith("Not checked"))
    assert [each for each in requests_of(browser) if not each.startswith("file:")] == []
    return str(one(browser, "#verdict").text + "\n" + one(browser, "#faults").text)


@pytest.mark.peer
def test_the_page_checks_itself_offline_and_names_what_was_changed(browser: Any, gate: Path, tmp_path: Path) -> None:
    page = ladder_page(made(gate))
    said = shown(browser, tmp_path / "call.html", page)
    assert said.startswith("All 6 leaves are in the log, as it was signed"), said
    rows = one(browser, "#rungs").text
    assert "INVITE" in rows and "200 OK PCMU" in rows and "holds; its value is left out" in rows
    assert console_of(browser) == []
    for old, new, fault in (
        ('\\"codec\\":\\"PCMU\\"', '\\"codec\\":\\"PCMA\\"', "was changed"),
        ('"kind":"answered","actor"', '"kind":"announced","actor"', "is not what its leaf"),
        (f'"id":"{CALL}"', '"id":"call-other"', "is of another call"),
        ('<code id="key">', '<code id="key">x', "The key above is not the one"),
    ):
        assert old in page, old
        said = shown(browser, tmp_path / "changed.html", page.replace(old, new))
        assert said.startswith("This does NOT hold:") and fault in said, said


# --- as text, and by the command -------------------------------------------------------------------------------------


def test_text_has_a_line_a_rung_and_no_value(gate: Path) -> None:
    ladder = made(gate)
    text = ladder_file(ladder, "txt").decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == 1 + len(ladder.rungs) and "phones   gate     SIP" in text
    assert not any((each.body or "\0") in text or (each.salt or "\0") in text for each in ladder.evidence.leaves)
    assert PERSON not in text and ladder.evidence.checkpoint.split("\n")[2] in text
    with pytest.raises(UsageError, match="html"):
        ladder_file(ladder, "pcap")


def test_the_command_writes_both_and_prints_the_steps(gate: Path, tmp_path: Path) -> None:
    config = ("-c", str(gate / "config.toml"))
    said = dialgate("calls", "ladder", CALL, *config)
    assert said.code == 0 and "200 OK PCMU" in said.out and PERSON not in said.out
    for form in ("html", "txt"):
        done = dialgate("calls", "ladder", CALL, "-o", str(tmp_path / f"call.{form}"), *config)
        assert done.code == 0, done.err
    assert verified((tmp_path / "call.html").read_text(encoding="utf-8"))
    assert dialgate("calls", "ladder", CALL, "-o", str(tmp_path / "call.pcap"), *config).code != 0
    assert not (tmp_path / "call.pcap").exists()


# --- how the packets came ---------------------------------------------------------------------------------------------


def rtp(sequence: int, timestamp: int, kind: int = 0, ssrc: int = 7) -> bytes:
    return (
        bytes([0x80, kind])
        + sequence.to_bytes(2, "big")
        + timestamp.to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + b"x"
    )


def of(*frames: bytes) -> Stream:
    return streams([encode_map(0, {"caller": {0: "PCMU/8000", 101: "telephone-event/8000"}}) + b"".join(frames)])[
        "caller"
    ]


def steady(count: int, late: dict[int, int] | None = None, first: int = 65530) -> list[bytes]:
    """Packets of 20 ms across the wrap of their sequence numbers; ``late``: which comes later, by microseconds."""
    start = 2**32 - 800
    return [
        encode_packet(
            "caller", 20_000 * at + (late or {}).get(at, 0), rtp((first + at) % 65536, (start + 160 * at) % 2**32)
        )
        for at in range(count)
    ]


def test_jitter_is_that_of_rfc_3550() -> None:
    assert of(*steady(100)) == Stream(100, 0, 0.0, 0.0)
    once = of(*steady(3, {2: 16_000}))  # one packet 16 ms late: J = 16 / 16
    assert (once.packets, once.lost) == (3, 0) and once.jitter == pytest.approx(1.0) and once.peak == once.jitter
    back = of(*steady(4, {2: 16_000}))  # and the next in time again: J += (16 - 1) / 16
    assert back.jitter == pytest.approx(1 + 15 / 16)


def test_losses_are_counted_by_sequence_and_neither_reordering_nor_a_pause_is_one() -> None:
    frames = steady(10)
    assert of(*frames[:4], *frames[6:]).lost == 2
    assert of(*frames[:4], frames[5], frames[4], *frames[6:]).lost == 0
    paused = of(*frames[:3], encode_event(60_000, "pause"), encode_event(160_000, "resume"), *frames[8:])
    assert (paused.packets, paused.lost, paused.jitter) == (5, 0, 0.0)
    key = encode_packet("caller", 90_000, rtp((65530 + 4) % 65536, 2**32 - 800 + 160 * 3, kind=101))
    assert of(*frames[:4], key, *frames[5:]) == Stream(10, 0, 0.0, 0.0)
    other = encode_packet("caller", 300_000, rtp(9, 9, ssrc=8))
    assert of(*frames, other).lost == 0
