"""The log as C2SP tlog-tiles, verified by a reader that knows the specification and nothing of the gate."""

from __future__ import annotations

import base64
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gate.audit.checkpoints import write_tiles
from gate.core.evidence import Frontier, format_checkpoint, leaf_hash
from gate.errors import AuditError
from gate.store.reader import open_writer
from tests.support.bundles import make

# --- a reader of https://c2sp.org/tlog-tiles, https://c2sp.org/signed-note and RFC 6962 section 2.1 ---------------


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root_over(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return node(root_over(hashes[:half]), root_over(hashes[half:]))


def path_of(kind: str, number: int, width: int) -> str:
    text = f"{number:03}"
    text = text.zfill(-(-len(text) // 3) * 3)
    groups = [text[at : at + 3] for at in range(0, len(text), 3)]
    name = "/".join([*(f"x{each}" for each in groups[:-1]), groups[-1]])
    return f"tile/{kind}/{name}" + (f".p/{width}" if width < 256 else "")


def read(folder: Path, vkey: str | None) -> tuple[int, bytes, list[bytes]]:
    """Size, root and entries, once every tile, entry and the signature hold; ``vkey``: None where nothing is signed."""
    note = (folder / "checkpoint").read_text()
    text, _, signatures = note.partition("\n\n")
    origin, number, root, *_ = text.split("\n")
    size = int(number)
    if vkey is not None:
        name, key_hash, key = vkey.split("+", 2)
        assert name == origin
        public = base64.b64decode(key)
        assert public[0] == 1, "Ed25519"
        assert sha256(name.encode() + b"\n" + public).digest()[:4].hex() == key_hash
        (line,) = [each for each in signatures.splitlines() if each.startswith(f"\u2014 {name} ")]
        signed = base64.b64decode(line.split(" ")[2])
        assert signed[:4].hex() == key_hash
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(signed[4:], (text + "\n").encode())
    below: list[bytes] = []
    entries: list[bytes] = []
    count, level = size, 0
    while count:
        hashes: list[bytes] = []
        for tile in range(-(-count // 256)):
            width = min(256, count - tile * 256)
            content = (folder / path_of(str(level), tile, width)).read_bytes()
            assert len(content) == 32 * width
            hashes += [content[at : at + 32] for at in range(0, len(content), 32)]
            if not level:
                bundle = (folder / path_of("entries", tile, width)).read_bytes()
                while bundle:
                    length = int.from_bytes(bundle[:2], "big")
                    entries.append(bundle[2 : 2 + length])
                    bundle = bundle[2 + length :]
        if level:
            assert hashes == [root_over(below[at : at + 256]) for at in range(0, len(below) - 255, 256)]
        else:
            leaves = hashes
            assert [sha256(b"\0" + entry).digest() for entry in entries] == leaves
        below, count, level = hashes, count // 256, level + 1
    assert root_over(leaves) == base64.b64decode(root)
    return size, base64.b64decode(root), entries


# --- what the gate writes ---------------------------------------------------------------------------------------------


def a_log(path: Path, size: int, start: int = 0) -> bytes:
    """Leaves, tiles and a checkpoint of a log of that size; its root."""
    with closing(open_writer(path)) as connection:
        leaves = [f"leaf {n}".encode() for n in range(size)]
        frontier, tile = Frontier(), Frontier()
        for n, leaf in enumerate(leaves):
            frontier, tile = frontier.push(leaf_hash(leaf)), tile.push(leaf_hash(leaf))
            if n >= start:
                connection.execute("INSERT INTO leaves VALUES (?, ?, ?)", (n, leaf, leaf_hash(leaf)))
            if tile.size == 256:
                if n >= start:
                    connection.execute("INSERT INTO tiles VALUES (?, ?)", (n // 256, tile.root))
                tile = Frontier()
        note = format_checkpoint("example.co.uk/log", size, frontier.root) + "\n\u2014 x AAAA\n"
        connection.execute("INSERT INTO checkpoints VALUES (?, ?, ?, '')", (size, frontier.root, note))
        return frontier.root


def written(path: Path, folder: Path) -> int:
    """How many files were."""
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        return write_tiles(connection, folder).files


def test_a_log_that_grows_is_verified_at_every_size_and_only_what_is_new_is_written(tmp_path: Path) -> None:
    """70,000 is the specification's own example: 273 full tiles and one of 112; a full one and one of 17; one of 1."""
    path, folder, had = tmp_path / "gate.db", tmp_path / "tiles", 0
    for size, files in ((1, 2), (255, 2), (256, 3), (257, 2), (70_000, 2 * 273 + 3)):
        root = a_log(path, size, had)
        assert written(path, folder) == files, size
        assert read(folder, None)[:2] == (size, root)
        assert written(path, folder) == 0
        had = size
    assert (folder / "tile/2/000.p/1").exists()
    assert (folder / "tile/1/001.p/17").exists()
    assert (folder / "tile/0/273.p/112").exists()
    assert not (folder / "tile/0/000.p").exists(), "a full tile is there"


def test_a_folder_of_another_log_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    a_log(tmp_path / "one.db", 300)
    a_log(tmp_path / "short.db", 200)
    written(tmp_path / "one.db", folder)
    with pytest.raises(AuditError, match="another log, or more"):
        written(tmp_path / "short.db", folder)
    (folder / "checkpoint").write_text("no note")
    with pytest.raises(AuditError, match="no checkpoint"):
        written(tmp_path / "one.db", folder)


def test_a_log_that_is_not_what_was_signed_is_not_written(tmp_path: Path) -> None:
    a_log(tmp_path / "gate.db", 300)
    with closing(sqlite3.connect(tmp_path / "gate.db")) as connection:
        connection.execute("UPDATE leaves SET hash = zeroblob(32) WHERE leaf_index = 299")
        connection.commit()
    with pytest.raises(AuditError, match="not those that were signed"):
        written(tmp_path / "gate.db", tmp_path / "tiles")
    assert not list((tmp_path / "tiles").iterdir())


def test_the_command_writes_what_its_verifier_key_verifies(tmp_path: Path) -> None:
    made = make(tmp_path / "gate")
    folder = tmp_path / "tiles"
    assert made.command("audit", "checkpoint").code == 0
    done = made.command("audit", "tiles", "--to", str(folder), "--json")
    assert done.code == 0, done.err
    vkey = made.command("audit", "key").out.strip()
    size, root, entries = read(folder, vkey)
    assert (done.json["size"], done.json["root"]) == (size, root.hex())
    assert any(b'"kind":"decision"' in entry for entry in entries)
    shutil.rmtree(folder / "tile" / "entries")
    with pytest.raises(FileNotFoundError):
        read(folder, vkey)
