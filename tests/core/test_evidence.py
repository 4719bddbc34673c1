"""The evidence log against the reference tree of Certificate Transparency, the RFC's own recursion, and harm."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core import evidence as ev
from tests.support.evidence import root_of
from tests.support.examples import examples

REFERENCE_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
REFERENCE_HASHES = [ev.leaf_hash(leaf) for leaf in REFERENCE_LEAVES]


# The definitions of RFC 9162 section 2.1, as naively as they are written there.


def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


# --- the tree


@pytest.mark.parametrize("size", range(9))
def test_reference_roots(size):
    assert root_of(REFERENCE_HASHES[:size]).hex() == REFERENCE_ROOTS[size]


def test_reference_inclusion_proof():
    proof = ev.inclusion_proof(0, 8, ev.nodes_of(REFERENCE_HASHES))
    assert [digest.hex() for digest in proof] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


@pytest.mark.parametrize("size", range(1, 34))
def test_every_inclusion_proof_is_the_rfcs_and_holds(size):
    leaves = [bytes([i]) * (i % 5) for i in range(size)]
    hashes = [ev.leaf_hash(leaf) for leaf in leaves]
    node, root = ev.nodes_of(hashes), mth(leaves)
    for index in range(size):
        proof = ev.inclusion_proof(index, size, node)
        assert proof == path(index, leaves)
        assert ev.verify_inclusion(hashes[index], index, size, proof, root)
        assert not ev.verify_inclusion(hashes[index] if size == 1 else hashes[index - 1], index + 1, size, proof, root)


@pytest.mark.parametrize("new", range(1, 34))
def test_every_consistency_proof_is_the_rfcs_and_holds(new):
    leaves = [bytes([i, i]) for i in range(new)]
    hashes = [ev.leaf_hash(leaf) for leaf in leaves]
    node = ev.nodes_of(hashes)
    for old in range(new + 1):
        proof = ev.consistency_proof(old, new, node)
        if old:
            assert proof == subproof(old, leaves, True)
        assert ev.verify_consistency(old, mth(leaves[:old]), new, mth(leaves), proof)


@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_no_altered_proof_holds(data):
    size = data.draw(st.integers(2, 200))
    hashes = [ev.leaf_hash(str(i).encode()) for i in range(size)]
    node, root = ev.nodes_of(hashes), root_of(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof = ev.inclusion_proof(index, size, node)
    altered = data.draw(altered_proofs(proof))
    assert not ev.verify_inclusion(hashes[index], index, size, altered, root)
    assert not ev.verify_inclusion(hashes[index], index, size, proof, flip(root, data.draw(st.integers(0, 255))))
    assert not ev.verify_inclusion(flip(hashes[index], data.draw(st.integers(0, 255))), index, size, proof, root)

    old = data.draw(st.integers(1, size - 1))
    proof = ev.consistency_proof(old, size, node)
    old_root = root_of(hashes[:old])
    assert ev.verify_consistency(old, old_root, size, root, proof)
    assert not ev.verify_consistency(old, old_root, size, root, data.draw(altered_proofs(proof)))
    assert not ev.verify_consistency(old, flip(old_root, data.draw(st.integers(0, 255))), size, root, proof)
    assert not ev.verify_consistency(old, old_root, size, flip(root, data.draw(st.integers(0, 255))), proof)


def flip(digest: bytes, bit: int) -> bytes:
    changed = bytearray(digest)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@st.composite
def altered_proofs(draw, proof):
    kind = draw(st.sampled_from(["flip", "drop", "add"]))
    place = draw(st.integers(0, len(proof) - 1))
    if kind == "flip":
        return [*proof[:place], flip(proof[place], draw(st.integers(0, 255))), *proof[place + 1 :]]
    if kind == "drop":
        return [*proof[:place], *proof[place + 1 :]]
    return [*proof[:place], draw(st.binary(min_size=32, max_size=32)), *proof[place:]]


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.binary(max_size=8), min_size=1, max_size=60), st.data())
def test_every_altered_leaf_changes_the_root(leaves, data):
    root = root_of(map(ev.leaf_hash, leaves))
    place = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.binary(max_size=8).filter(lambda leaf: leaf != leaves[place]))
    assert root_of(map(ev.leaf_hash, [*leaves[:place], other, *leaves[place + 1 :]])) != root
    assert root_of(map(ev.leaf_hash, [*leaves[:place], *leaves[place + 1 :]])) != root
    assert root_of(map(ev.leaf_hash, [*leaves[:place], other, *leaves[place:]])) != root


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 6), st.integers(0, 9), st.integers(0, 70))
def test_subtrees_pushed_whole_give_the_same_tree(level, subtrees, rest):
    width = 1 << level
    hashes = [ev.leaf_hash(str(i).encode()) for i in range(subtrees * width + rest)]
    frontier = ev.Frontier()
    for i in range(subtrees):
        frontier = frontier.push(root_of(hashes[i * width : (i + 1) * width]), level)
    for digest in hashes[subtrees * width :]:
        frontier = frontier.push(digest)
    assert frontier.root == root_of(hashes)
    assert frontier.size == len(hashes)


def test_a_subtree_only_stands_at_a_multiple_of_its_size():
    frontier = ev.Frontier().push(b"a" * 32)
    with pytest.raises(ev.EvidenceError, match="4 leaves cannot start at leaf 1"):
        frontier.push(b"b" * 32, 2)


def test_a_frontier_is_a_value():
    before = ev.Frontier().push(REFERENCE_HASHES[0])
    before.push(REFERENCE_HASHES[1])
    assert before.root.hex() == REFERENCE_ROOTS[1]
    assert before.push(REFERENCE_HASHES[1]).root.hex() == REFERENCE_ROOTS[2]


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_no_proof_of_a_leaf_that_is_not_there(index, size):
    with pytest.raises(ev.EvidenceError):
        ev.inclusion_proof(index, size, ev.nodes_of(REFERENCE_HASHES))
    assert not ev.verify_inclusion(REFERENCE_HASHES[0], index, size, [], ev.EMPTY_ROOT)


def test_no_proof_that_a_log_begins_with_a_longer_one():
    with pytest.raises(ev.EvidenceError):
        ev.consistency_proof(5, 4, ev.nodes_of(REFERENCE_HASHES))
    assert not ev.verify_consistency(5, b"", 4, b"", [])
    assert not ev.verify_consistency(3, root_of(REFERENCE_HASHES[:3]), 8, root_of(REFERENCE_HASHES), [])


# --- leaves

AT = datetime(2026, 3, 1, 9, 30, 15, 120, tzinfo=UTC)


def test_a_leaf_is_canonical_json_without_the_body():
    body = ev.canonical({"number": "+442079460000", "a": 1})
    commit = ev.commitment(b"s" * 16, body)
    leaf = ev.leaf_bytes("decision", "c1", ev.stamp(AT), "account:alice", commit)
    digest = hashlib.sha256(b"s" * 16 + b'{"a":1,"number":"+442079460000"}').hexdigest()
    assert leaf.decode() == (
        '{"actor":"account:alice","at":"2026-03-01T09:30:15.000120Z",'
        f'"commit":"{digest}","kind":"decision","subject":"c1","v":1}}'
    )


@pytest.mark.parametrize("place", ["subject", "actor"])
def test_no_number_in_a_leaf(place):
    fields = {"subject": "c1", "actor": "gate"} | {place: "account:+442079460000"}
    with pytest.raises(ev.EvidenceError, match="telephone number"):
        ev.leaf_bytes("decision", fields["subject"], ev.stamp(AT), fields["actor"], b"c" * 32)


def test_stamps_are_utc_and_of_one_width():
    zone = timezone(timedelta(hours=1))
    assert ev.stamp(datetime(2026, 7, 1, 0, 30, tzinfo=zone)) == "2026-06-30T23:30:00.000000Z"
    with pytest.raises(ev.EvidenceError, match="zone"):
        ev.stamp(datetime(2026, 7, 1))


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(timezone(timedelta(hours=-5)))))
@settings(deadline=None, max_examples=examples(60))
def test_stamps_sort_as_times_do(one, other):
    try:
        assert (ev.stamp(one) < ev.stamp(other)) == (one < other)
    except OverflowError:
        assert other.year in (1, 9999)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(150), deadline=None)
@given(json_values)
def test_canonical_json_is_a_fixed_point_and_keeps_the_value(value):
    text = ev.canonical(value)
    assert json.loads(text) == value
    assert ev.canonical(json.loads(text)) == text
    assert b"\n" not in text


def test_canonical_json_of_our_own_values():
    value = MappingProxyType({"é": (1, None), "at": AT, "day": date(2026, 3, 1), "in": MappingProxyType({"b": 1})})
    assert ev.canonical(value).decode() == (
        '{"at":"2026-03-01T09:30:15.000120Z","day":"2026-03-01","in":{"b":1},"é":[1,null]}'
    )


def test_text_that_is_not_utf8_is_kept():
    raw = b"\xff9".decode("utf-8", "surrogateescape")
    assert ev.canonical({"raw": raw, "é": 1}) == b'{"raw":"\\udcff9","\\u00e9":1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object(), {1: 1, "a": 2}])
def test_what_json_cannot_say_is_one_error(value):
    with pytest.raises(ev.EvidenceError):
        ev.canonical({"value": value})


# --- checkpoints

ROOT = root_of(REFERENCE_HASHES)
TEXT = "example.co.uk/dialgate\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"


def test_checkpoint_text():
    assert ev.format_checkpoint("example.co.uk/dialgate", 8, ROOT) == TEXT
    assert ev.parse_checkpoint(TEXT) == ev.Checkpoint("example.co.uk/dialgate", 8, ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "\n",
        TEXT + "extension\n",
        TEXT.replace("\n8\n", "\n08\n"),
        TEXT.replace("\n8\n", "\n+8\n"),
        TEXT.replace("\n8\n", "\n8 \n"),
        TEXT.replace("\n8\n", "\n٨\n"),
        TEXT.replace("\n8\n", "\n-8\n"),
        TEXT.replace("\n8\n", "\n0\n"),
        TEXT.replace("\n8\n", "\n" + "9" * 20 + "\n"),
        TEXT.replace("Qyg=", "Qyh="),
        TEXT.replace("Qyg=", "Qyg"),
        TEXT.replace("+Nw7/", "-Nw7_"),
        TEXT.replace("Xcna", ""),
        TEXT.replace("Xcna", "é"),
        TEXT.replace("\n", "\r\n"),
        "\n8\n" + TEXT.split("\n", 2)[2],
        " a\n8\n" + TEXT.split("\n", 2)[2],
    ],
)
def test_a_checkpoint_is_read_strictly(text):
    with pytest.raises(ev.EvidenceError):
        ev.parse_checkpoint(text)


@settings(max_examples=examples(300), deadline=None)
@given(st.text() | st.builds(lambda place, new: TEXT[:place] + new + TEXT[place + 1 :], st.integers(0, 70), st.text()))
def test_whatever_is_read_is_written_the_same(text):
    try:
        checkpoint = ev.parse_checkpoint(text)
    except ev.EvidenceError:
        return
    assert ev.format_checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root) == text


@pytest.mark.parametrize("origin", ["", "a\nb", " a", "a "])
def test_no_checkpoint_that_could_not_be_read_back(origin):
    with pytest.raises(ev.EvidenceError):
        ev.format_checkpoint(origin, 8, ROOT)
