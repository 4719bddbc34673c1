"""The bundle's own description is enough: its commands are run as they stand, and a second reader is written from it,
with nothing of the product but the auditor's private key."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.support.bundles import Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("byhand"))


@pytest.fixture(scope="module")
def bundle(made: Made) -> Path:
    first = made.folder.parent / "first.bundle"
    path = made.folder.parent / "second.bundle"
    assert made.export(first).code == 0
    assert made.export(path).code == 0
    return path


def required(*programs: str) -> None:
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        assert not os.environ.get("CI"), f"must be installed: {missing}"
        pytest.skip(f"not installed: {missing}")


def commands(text: str) -> list[str]:
    """The commands under TO CHECK IT BY HAND."""
    part = text.split("TO CHECK IT BY HAND", 1)[1].split("\nTHE TAR\n", 1)[0]
    return re.findall(r"^  (\S.*)$", part, re.MULTILINE)


@pytest.mark.peer
def test_the_commands_of_the_description_hold(bundle: Path, tmp_path: Path) -> None:
    required("tar", "sha256sum", "openssl", "jq", "sed", "base64")
    with tarfile.open(bundle) as tar:
        lines = commands(tar.extractfile("README.txt").read().decode())  # type: ignore[union-attr]
    assert len(lines) == 7
    script = "set -e -o pipefail\n" + "\n".join(line.replace("FILE", str(bundle)) if line.startswith("tar") else line
                                               for line in lines)  # fmt: skip
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 2
    assert done.stdout.count(": OK") > 15
    assert "FAILED" not in done.stdout
    for changed, line in (("manifest.json", lines[1]), ("seal.txt", lines[2]), ("keys.jsonl", lines[3])):
        path = tmp_path / changed
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"a", b"b", 1))
        assert subprocess.run(["bash", "-c", f"set -o pipefail\n{line}"], cwd=tmp_path, capture_output=True).returncode
        path.write_bytes(whole)


# --- a second reader, from README.txt alone ------------------------------------------------------------------------


class Reader:
    def __init__(self, path: Path, private: object) -> None:
        with tarfile.open(path, "r:") as tar:
            self.members = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
        self.private = private
        self.manifest = json.loads(self.members["manifest.json"])
        *wraps, last = self.members["wraps.jsonl"].splitlines(keepends=True)
        assert json.loads(last) == {"sha256": hashlib.sha256(b"".join(wraps)).hexdigest()}
        keys = [*self.lines_of(self.members["keys.jsonl"]), *map(json.loads, wraps)]
        self.keys = {each["id"]: each for each in keys}

    @staticmethod
    def lines_of(data: bytes) -> list[dict]:
        return [json.loads(line) for line in data.decode().split("\n")[:-1]]

    def check_seal(self) -> None:
        public = load_pem_public_key(self.members["gate.pem"])
        public.verify(self.members["seal.sig"], self.members["seal.txt"])  # type: ignore[union-attr, call-arg]
        last = self.members["seal.txt"].decode().split("\n")[2]
        assert last == hashlib.sha256(self.members["manifest.json"]).hexdigest() + "  manifest.json"
        for each in self.manifest["members"]:
            data = self.members[each["name"]]
            assert (len(data), hashlib.sha256(data).hexdigest()) == (each["size"], each["sha256"])
        name, number, encoded = self.manifest["vkey"].split("+", 2)
        raw = base64.b64decode(encoded)
        assert hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == number
        assert raw[1:] == public.public_bytes_raw()  # type: ignore[union-attr]
        text, signature = self.members["checkpoint.txt"].decode().split("\n\n")
        public.verify(base64.b64decode(signature.split()[-1])[4:], (text + "\n").encode())  # type: ignore[union-attr, call-arg]
        origin, size, root = text.split("\n")
        assert (origin, int(size), root) == (self.manifest["log"], *self.manifest["checkpoint"].values())

    def data_key(self, what: str) -> bytes:
        key = self.keys[what]
        wrap = base64.b64decode(key["wrap"])
        assert (wrap[0], len(wrap)) == (1, 1169)
        info = b"dialgate/wrap/1"
        for one in (what, key["key_id"]):
            info += len(one.encode()).to_bytes(2, "big") + one.encode()
        suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        return suite.decrypt(wrap[1:], self.private, info=info)  # type: ignore[arg-type]

    def unseal(self, data: bytes, *, whole: bool = True) -> tuple[dict, bytes]:
        magic, version, length, salt, check = struct.unpack_from(">8sHI16s32s", data)
        assert (magic, version) == (bytes.fromhex("8A4447520D0A1A0A"), 1)
        header = json.loads(data[62 : 62 + length])
        at = 62 + length
        digest = data[at : at + 32]
        assert hashlib.sha256(data[:at]).digest() == digest
        derived = HKDF(SHA256(), 64, salt, b"dialgate sealed recording 1").derive(self.data_key(header["recording_id"]))
        assert derived[32:] == check
        cipher = AESGCM(derived[:32])
        cipher.decrypt(bytes(12), data[at + 32 : at + 48], digest)
        at, number, last, clear = at + 48, 0, 0, b""
        while at < len(data):
            number += 1
            size, found, last, tag, crc = struct.unpack_from(">IIB16sI", data, at)
            frame = data[at : at + 29]
            assert (found, tag, crc) == (number, digest[:16], zlib.crc32(frame[:25]))
            nonce = bytes(7) + number.to_bytes(4, "big") + bytes([last])
            payload = cipher.decrypt(nonce, data[at + 29 : at + 29 + size], digest + frame)
            clear += b"" if last else payload
            at += 29 + size
        assert last == 1 or not whole
        return header, clear

    def log(self, name: str) -> bytes:
        header, clear = self.unseal(self.members[f"log/{name}.dgr"])
        assert header["recording_id"] == f"{self.manifest['bundle']}/{name}"
        return clear


def inner(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_from(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2."""
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        assert sn
        if fn & 1 or fn == sn:
            r = inner(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = inner(r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


def grown_from(first: int, old: bytes, second: int, new: bytes, proof: list[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2."""
    if first & (first - 1) == 0:
        proof = [old, *proof]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if fn & 1 or fn == sn:
            fr, sr = inner(c, fr), inner(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = inner(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr) == (old, new)


def hashes(text: str) -> list[bytes]:
    data = base64.b64decode(text)
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def test_a_second_reader_written_from_the_description(made: Made, bundle: Path) -> None:
    reader = Reader(bundle, made.private.key)
    reader.check_seal()
    manifest = reader.manifest
    size, root = manifest["checkpoint"]["size"], base64.b64decode(manifest["checkpoint"]["root"])

    leaves = {}
    for each in reader.lines_of(reader.log("leaves.jsonl")):
        digest = hashlib.sha256(b"\0" + each["leaf"].encode()).digest()
        assert root_from(digest, each["index"], size, hashes(each["proof"])) == root
        leaves[each["index"]] = each["leaf"]
    assert len(leaves) == manifest["leaves"]["count"]
    first, last = manifest["leaves"]["first"], manifest["leaves"]["last"]
    assert set(range(first - 1, last + 2)) <= set(leaves)

    calls = reader.lines_of(reader.log("calls.jsonl"))
    facts = [fact for call in calls for fact in call["facts"]] + reader.lines_of(reader.log("facts.jsonl"))
    told = set()
    for fact in facts:
        commit = fact.get("commit")
        if commit is None:
            commit = hashlib.sha256(bytes.fromhex(fact["salt"]) + fact["body"].encode()).hexdigest()
        leaf = {name: fact[name] for name in ("actor", "at", "kind", "subject")} | {"commit": commit, "v": 1}
        text = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert leaves[fact["index"]] == text
        told.add(fact["index"])
    period = manifest["period"]
    due = {index for index, leaf in leaves.items() if period["since"] <= json.loads(leaf)["at"] < period["until"]}
    assert due <= told
    emptied = {fact["index"] for fact in facts if "commit" in fact}
    receipts = [json.loads(fact["body"])["leaves"] for fact in facts if fact["kind"] == "facts_erased"]
    assert emptied and emptied <= {leaf for some in receipts for leaf in some}

    rows = list(csv.DictReader(io.StringIO(reader.log("calls.csv").decode(), newline="")))
    assert [row["call_id"] for row in rows] == [call["call"]["call_id"] for call in calls]
    recordings = reader.lines_of(reader.log("recordings.jsonl"))
    included = [each for each in recordings if each["status"] == "included"]
    assert len(included) == 3
    for each in included:
        data = reader.members[f"recordings/{each['recording_id']}.dgr"]
        assert hashlib.sha256(data).hexdigest() == each["sha256"]
        header, clear = reader.unseal(data, whole=not each["interrupted"])
        assert header["key_id"] == each["key_id"]
        assert len(clear) > 16_000  # two sides of a second
    older = reader.lines_of(reader.members["consistency.jsonl"])
    assert older
    for each in older:
        assert grown_from(each["size"], base64.b64decode(each["root"]), size, root, hashes(each["proof"]))
    assert {each["purpose"] for each in reader.lines_of(reader.log("recipients.jsonl"))} == {"", "regulator"}
