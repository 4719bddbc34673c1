"""Leaves, the Merkle tree over them and its checkpoints: the arithmetic of the evidence log.

A leaf is the canonical JSON of ``{"actor", "at", "commit", "kind", "subject", "v"}``. It holds no personal data: it
commits to the fact's body by ``commit = SHA-256(salt || canonical JSON of body)``, and salt and body live in the row
that the leaf speaks of. Erasing the row leaves the log whole and the commitment meaningless.

The tree is that of RFC 9162 section 2.1 (the same as RFC 6962): a leaf's hash is ``SHA-256(0x00 || leaf)``, a node's
``SHA-256(0x01 || left || right)``. A checkpoint is the text form of a tree head by C2SP ``tlog-checkpoint``: origin,
decimal size, base64 root, each on a line of its own.

Proofs are made from a provider ``node(level, index) -> hash`` of complete subtrees: the one over the leaves
``[index << level, (index + 1) << level)``. Hashes are 32 bytes, proofs are lists of them, lowest sibling first.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Final, TypeVar

VERSION = 1
"""The version of the leaf's form; in every leaf as ``v``."""

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
"""Root of a log without leaves (RFC 9162 section 2.1.1)."""

Node = Callable[[int, int], bytes]
"""``node(level, index)``: hash of a complete subtree of ``2**level`` leaves."""

_NUMBER_IN_CLEAR = re.compile(r"\+[0-9]{7,}")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


LOG_BITS: Final = 40
"""Of a leaf's key: the bits of its index, 1,099,511,627,776 leaves; the number of the log stands above them."""
MOST_LOGS: Final = 1 << 13
"""Logs in one database: a key of the last one is still a whole number in every JSON (2^53)."""


def leaf_key(log: int, index: int) -> int:
    """(log, index) as one number, unique over all logs of a database: in log 0 it is the index itself."""
    return (log << LOG_BITS) + index


def log_of(key: int) -> int:
    """The log that a leaf's key names."""
    return key >> LOG_BITS


def index_of(key: int) -> int:
    """The index of a leaf in its log."""
    return key & ((1 << LOG_BITS) - 1)


def keys_of(log: int) -> range:
    """The keys that leaves of a log may have."""
    return range(leaf_key(log, 0), leaf_key(log + 1, 0))


def leaf_name(key: int, log: int = 0) -> str:
    """A leaf as a fact of a log names it: its index, and before that the log where it is another, ``3/1207``."""
    return str(index_of(key)) if log_of(key) == log else f"{log_of(key)}/{index_of(key)}"


_LEAF_NAME: Final = re.compile(r"(?:([0-9]{1,4})/)?([0-9]{1,13})").fullmatch


def leaf_named(name: str | int, log: int) -> int:
    """The key of a leaf that is named in this log: ``1207``, ``3/1207``. Raises ``EvidenceError`` where none can be."""
    found = _LEAF_NAME(str(name))
    of, index = (int(found[1] or log), int(found[2])) if found else (log, 1 << LOG_BITS)
    if of >= MOST_LOGS or index >> LOG_BITS:
        raise EvidenceError(f"not a leaf: {str(name)[:40]!r}")
    return leaf_key(of, index)


T = TypeVar("T")


def in_order(facts: Sequence[T], *, at: Callable[[T], Any], leaf: Callable[[T], int]) -> list[T]:
    """Facts, given by their leaves' keys, in the order in which they were kept: that of the log, of several logs that
    of the time (``at``). A clock that was set back puts nothing before what its own log has before it."""
    if not facts or log_of(leaf(facts[0])) == log_of(leaf(facts[-1])):
        return [*facts]
    latest: dict[int, Any] = {}
    placed: list[tuple[Any, int, T]] = []
    for each in facts:
        log = log_of(leaf(each))
        latest[log] = max(at(each), latest.get(log, at(each)))
        placed.append((latest[log], leaf(each), each))
    return [each for *_, each in sorted(placed, key=lambda place: place[:2])]


class EvidenceError(ValueError):
    """A leaf, a proof or a checkpoint that cannot be: the one error this module raises for what it is given."""


# --- leaves -------------------------------------------------------------------------------------------------------


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds and ``Z``: fixed width, so that text order is time order.

    Raises ``EvidenceError`` for a time without a zone.
    """
    if at.tzinfo is not UTC:
        if at.tzinfo is None or at.utcoffset() is None:
            raise EvidenceError(f"a time without a zone cannot be evidence: {at!r}")
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def days_between(at: str, later: str) -> int:
    """Days from one stamp to a later one; 0 where one of them is none."""
    try:
        return (date.fromisoformat(later[:10]) - date.fromisoformat(at[:10])).days
    except ValueError:
        return 0


def remnant(columns: Mapping[str, Any]) -> str:
    """What the receipt of an erasure commits to of a row that stays, though facts that made it are empty: SHA-256 over
    the canonical JSON of its columns, bytes (the keyed hash of a number, which alone keeps the person uncallable) in
    hexadecimal. No more than a hash: should one of them turn out to be personal, it can still be emptied."""
    values = {name: value.hex() if isinstance(value, bytes) else value for name, value in columns.items()}
    return sha256(canonical(values)).hexdigest()


def canonical(value: Any) -> bytes:
    """Canonical JSON: keys sorted, no spaces, UTF-8. Times become stamps, dates ``YYYY-MM-DD``.

    Text that UTF-8 cannot carry (a lone surrogate, from a SIP header that is not UTF-8) is written with ``\\u`` escapes
    throughout, so that evidence is never lost to it. Raises ``EvidenceError`` for what JSON cannot say (NaN, objects).
    """
    try:
        try:
            return _in_utf8(value).encode()
        except UnicodeEncodeError:
            return _in_ascii(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"cannot be written as JSON: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _encoder(*, ascii_only: bool) -> Callable[[Any], str]:
    """``json.JSONEncoder.encode``, whose machinery in C is made once and not for every value. It marks nothing, so what
    holds itself raises ``RecursionError``."""
    encoder = json.JSONEncoder(
        sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only, allow_nan=False, default=_plain
    )
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # another Python than CPython
        return encoder.encode
    text = json.encoder.encode_basestring_ascii if ascii_only else json.encoder.encode_basestring
    walk = make(None, _plain, text, None, ":", ",", True, False, False)  # sorted, nothing skipped, no NaN
    return lambda value: "".join(walk(value, 0))


_in_utf8 = _encoder(ascii_only=False)
_in_ascii = _encoder(ascii_only=True)


def commitment(salt: bytes, body: bytes) -> bytes:
    """``SHA-256(salt || body)``, ``body`` being canonical JSON; the salt is random, 16 bytes."""
    return sha256(salt + body).digest()


def leaf_bytes(kind: str, subject: str, at: str, actor: str, commit: bytes) -> bytes:
    """The leaf of a fact: what is hashed into the tree, and all that remains of a fact when it is erased.

    ``at`` is a ``stamp``. Raises ``EvidenceError`` where ``subject`` or ``actor`` holds a telephone number in
    international form: in a leaf it could never be erased.
    """
    if _NUMBER_IN_CLEAR.search(subject) or _NUMBER_IN_CLEAR.search(actor):
        raise EvidenceError(f"a telephone number must not stand in a leaf: {kind} of {subject!r} by {actor!r}")
    fields = {"actor": actor, "at": at, "commit": commit.hex(), "kind": kind, "subject": subject, "v": VERSION}
    return canonical(fields)


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf: ``SHA-256(0x00 || leaf)``."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: ``SHA-256(0x01 || left || right)``."""
    return sha256(b"\x01" + left + right).digest()


# --- the tree -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a growing tree: all that appending and the root need, about log2(size) hashes.

    A value: ``push`` gives a new one, so that keeping the old one is how an append is undone.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()
    """Roots of the complete subtrees from left to right, the largest first: one for each bit set in ``size``."""

    def push(self, digest: bytes, level: int = 0) -> Frontier:
        """Append a leaf's hash, or the root of a complete subtree of ``2**level`` leaves.

        Raises ``EvidenceError`` where a subtree of that size cannot stand here (``size`` is no multiple of it).
        """
        size = self.size >> level
        if size << level != self.size:
            raise EvidenceError(f"a subtree of {1 << level} leaves cannot start at leaf {self.size}")
        nodes = self.nodes
        end = len(nodes)
        while size & 1:
            end -= 1
            digest = node_hash(nodes[end], digest)
            size >>= 1
        return Frontier(self.size + (1 << level), (*nodes[:end], digest))

    @property
    def root(self) -> bytes:
        """Root of the tree so far."""
        return _fold(self.nodes)


def _fold(nodes: Sequence[bytes]) -> bytes:
    """Root over complete subtrees given from left to right, the largest first."""
    if not nodes:
        return EMPTY_ROOT
    digest = nodes[-1]
    for left in reversed(nodes[:-1]):
        digest = node_hash(left, digest)
    return digest


def nodes_of(leaf_hashes: Sequence[bytes]) -> Node:
    """A provider of subtree hashes for leaf hashes that are all in memory."""
    levels: list[list[bytes]] = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def node(level: int, index: int) -> bytes:
        return levels[level][index]

    return node


def _range_root(start: int, end: int, node: Node) -> bytes:
    """Root over the leaves ``[start, end)``, ``start`` being a multiple of a power of two not below ``end - start``."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(node(level, start >> level))
        start += 1 << level
    return _fold(nodes)


def _split(count: int) -> int:
    """The largest power of two smaller than ``count`` (``count`` > 1)."""
    return 1 << ((count - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Proof that the leaf at ``index`` is in the tree of ``size`` leaves (RFC 9162 section 2.1.3.1).

    Raises ``EvidenceError`` where there is no such leaf.
    """
    if not 0 <= index < size:
        raise EvidenceError(f"no leaf {index} in a log of {size}")
    start, end = 0, size
    path: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``proof`` shows that leaf hash ``leaf`` stands at ``index`` of the tree (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            digest = node_hash(sibling, digest)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            digest = node_hash(digest, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and digest == root


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """Proof that the tree of ``new`` leaves begins with the one of ``old`` leaves (RFC 9162 section 2.1.4.1).

    Empty where ``old`` is 0 or equals ``new``. Raises ``EvidenceError`` where ``old`` is larger.
    """
    if not 0 <= old <= new:
        raise EvidenceError(f"a log of {new} leaves cannot begin with {old}")
    if old in (0, new):
        return []
    start, end, known = 0, new, True
    path: list[bytes] = []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
            known = False
    if not known:
        path.append(_range_root(start, end, node))
    return path[::-1]


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows that the tree ``new`` begins with the tree ``old`` (RFC 9162 section 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_digest = new_digest = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_digest = node_hash(sibling, old_digest)
            new_digest = node_hash(sibling, new_digest)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new_digest = node_hash(new_digest, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and old_digest == old_root and new_digest == new_root


# --- checkpoints --------------------------------------------------------------------------------------------------


def key_id(name: str, algorithm: bytes, public: bytes) -> bytes:
    """The first four bytes of a key's hash, by which the lines of a signed note name it (C2SP signed-note)."""
    return sha256(name.encode() + b"\n" + algorithm + public).digest()[:4]


def verifier_key(vkey: str) -> tuple[str, bytes, bytes]:
    """Name, algorithm (a byte) and public key of a verifier key, ``name+hash+base64``. Raises ``EvidenceError``."""
    name, _, rest = vkey.partition("+")
    digest, _, encoded = rest.partition("+")
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise EvidenceError(f"not a verifier key: {error}") from error
    algorithm, public = decoded[:1], decoded[1:]
    canonical_form = base64.b64encode(decoded).decode() == encoded
    if not canonical_form or not name or len(public) != 32 or digest != key_id(name, algorithm, public).hex():
        raise EvidenceError("not a verifier key (name+hash+base64)")
    return name, algorithm, public


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: how many leaves, and the root over them."""

    origin: str
    """Name of the log, without scheme: ``example.co.uk/dialgate``."""
    size: int
    root: bytes


def format_checkpoint(origin: str, size: int, root: bytes) -> str:
    """The text that is signed (C2SP tlog-checkpoint): origin, size and base64 root, each line ended by a newline.

    Raises ``EvidenceError`` for what could not be read back.
    """
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    parse_checkpoint(text)
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text, strictly: what it accepts, ``format_checkpoint`` writes the same to the byte.

    Raises ``EvidenceError``, and nothing else. Extension lines are refused: this log writes none.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise EvidenceError("a checkpoint is three lines: origin, size, root")
    origin, size, root = lines[:3]
    if not origin or origin != origin.strip() or not origin.isprintable():
        raise EvidenceError(f"not an origin: {origin[:80]!r}")
    if not _DECIMAL.fullmatch(size):
        raise EvidenceError(f"not a size: {size[:80]!r}")
    try:
        digest = base64.b64decode(root, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(f"not base64: {root[:80]!r}") from error
    if len(digest) != HASH_SIZE or base64.b64encode(digest).decode() != root:
        raise EvidenceError(f"not a SHA-256 root: {root[:80]!r}")
    if size == "0" and digest != EMPTY_ROOT:
        raise EvidenceError("a log without leaves has one root only")
    return Checkpoint(origin, int(size), digest)
