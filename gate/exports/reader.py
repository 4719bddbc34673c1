"""Opens and checks an auditor's bundle of Dialgate, with Python 3.10 or later and the package cryptography
(48 or later, for HPKE with ML-KEM) alone.

    python3 reader.py march.bundle --vkey VKEY                         what can be checked without a key
    python3 reader.py march.bundle --vkey VKEY --key auditor.key -o march     all of it; logs and sound into a folder

Give --vkey as you know it from another way than the bundle. Compare the SHA-256 of this program with that in the manual
(Formats), in the output of the export, or in the log (bundle_exported) before you trust it. Exit code 0: all that it
looks at holds; 1: something does not.

It compares each fact with its leaf, each leaf with the signed log, each recording with its digest, and looks that
nothing of the period is left out. It does not compare the tables (CSV, "call" in calls.jsonl) with the facts: read the
facts, or use dialgate audit open.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import hashlib
import json
import os
import struct
import sys
import tarfile
import unicodedata
import zlib
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLOSING = ["manifest.json", "seal.txt", "seal.sig", "wraps.jsonl"]
LOGS = ["calls.jsonl", "calls.csv", "decisions.jsonl", "decisions.csv", "recordings.jsonl", "recordings.csv"]
LOGS += ["facts.jsonl", "registers.jsonl", "leaves.jsonl", "recipients.jsonl"]
FRAME = struct.Struct(">IIB16sI")


class Wrong(Exception):
    """Something does not hold."""


def need(holds: bool, what: str) -> None:
    """Raise ``Wrong`` where something does not hold."""
    if not holds:
        raise Wrong(what)


def say(text: str) -> None:
    """A line of the output."""
    sys.stdout.write(text + "\n")


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def b64(text: str) -> bytes:
    """Strict base64."""
    return base64.b64decode(text, validate=True)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and without spaces: UTF-8, or escapes throughout where a text cannot be UTF-8."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def open_key(text: str, passphrase: str) -> MLKEM768X25519PrivateKey:
    """The private key in a key file."""
    fields = json.loads(text)
    need(fields.pop("sha256") == sha256(canonical(fields)).hex(), "the key file is damaged: its checksum is another")
    kdf, sealed = fields["kdf"], b64(fields.pop("sealed"))
    need(kdf["name"] == "argon2id" and kdf["memory_kib"] <= 1048576, "the key file is of another kind")
    work = {"iterations": kdf["iterations"], "lanes": kdf["lanes"], "memory_cost": kdf["memory_kib"]}
    argon = Argon2id(salt=b64(kdf["salt"]), length=32, **work)
    key = argon.derive(unicodedata.normalize("NFC", passphrase).encode())
    try:
        secret = AESGCM(key).decrypt(bytes(12), sealed, canonical(fields))
    except InvalidTag:
        raise Wrong("the passphrase does not open the key file") from None
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(secret[:64]), X25519PrivateKey.from_private_bytes(secret[64:])
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    need(b64(fields["recipient"]["public"]) == public, "the key file holds another key than it says")
    return MLKEM768X25519PrivateKey(mlkem, x25519)


class Bundle:
    """The members of the tar, where they lie; nothing but what the gate writes is taken."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb")
        self.places: dict[str, tuple[int, int]] = {}
        end, at = os.fstat(self.file.fileno()).st_size, 0
        while True:
            head = self._at(at, 512)
            if head == bytes(512):
                break
            name, size = head[:100].rstrip(b"\0").decode("ascii"), int(head[124:135], 8)
            entry = tarfile.TarInfo(name)
            entry.size = size
            need(entry.tobuf(tarfile.USTAR_FORMAT, "ascii") == head, f"the header of {name!r} was changed")
            after = at + 512 + size + -size % 512
            need(after <= end and name not in self.places, f"{name} is cut off, or there twice")
            need(not any(self._at(at + 512 + size, -size % 512)), f"the padding after {name} was changed")
            self.places[name], at = (at + 512, size), after
        need(end == at + 1024 and not any(self._at(at, 1024)), "the end of the bundle was changed")

    def _at(self, place: int, size: int) -> bytes:
        self.file.seek(place)
        data = self.file.read(size)
        need(len(data) == size, "the bundle is cut off")
        return data

    def read(self, name: str) -> bytes:
        """A whole member."""
        need(name in self.places, f"there is no {name}")
        return self._at(*self.places[name])

    def digest(self, name: str) -> str:
        """SHA-256 of a member, read in pieces of a mebibyte."""
        digest, (place, size) = hashlib.sha256(), self.places[name]
        for at in range(0, size, 1 << 20):
            digest.update(self._at(place + at, min(1 << 20, size - at)))
        return digest.hexdigest()


def public_of(vkey: str) -> Ed25519PublicKey:
    """The key of a C2SP verifier key: name+hash+base64(01, key)."""
    name, key_id, encoded = vkey.split("+", 2)
    raw = b64(encoded)
    need(raw[:1] == b"\x01" and sha256(name.encode() + b"\n" + raw)[:4].hex() == key_id, "not a verifier key")
    return Ed25519PublicKey.from_public_bytes(raw[1:])


def verified_note(note: str, vkey: str) -> tuple[str, int, bytes]:
    """Name, size and root of a signed checkpoint."""
    text, _, signatures = note.partition("\n\n")
    name, key_id, _ = vkey.split("+", 2)
    for line in signatures.splitlines():
        if line.startswith(f"\u2014 {name} "):
            raw = b64(line.split(" ")[2])
            if raw[:4].hex() == key_id:
                public_of(vkey).verify(raw[4:], text.encode() + b"\n")
                origin, size, root = text.split("\n")
                return origin, int(size), b64(root)
    raise Wrong("a checkpoint is not signed with the gate's key")


def hashes(text: str) -> list[bytes]:
    """The hashes of a proof."""
    data = b64(text)
    need(len(data) % 32 == 0, "a proof is no row of hashes")
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def climbed(at: int, last: int, proof: list[bytes], digests: list[bytes]) -> list[bytes]:
    """The roots to which a proof leads from node ``at`` of a level whose last is ``last``: of the tree as it was, where
    there are two digests, and as it is. Empty where the proof is too long or too short."""
    for each in proof:
        if last == 0:
            return []
        if at & 1 or at == last:
            digests = [sha256(b"\x01" + each + digest) for digest in digests]
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digests = [*digests[:-1], sha256(b"\x01" + digests[-1] + each)]
        at, last = at >> 1, last >> 1
    return digests if last == 0 else []


def included(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2."""
    return 0 <= index < size and climbed(index, size - 1, proof, [leaf]) == [root]


def grown(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2."""
    if old in (0, new):
        return not proof and old_root == (new_root if old else sha256(b""))
    path = [old_root, *proof] if old & (old - 1) == 0 else proof
    if not path or not 0 < old < new:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    return climbed(at, last, path[1:], [path[0], path[0]]) == [old_root, new_root]


def logs_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """All logs of a bundle, that of the gate that made it first, each with the folder of its files as "place"."""
    others = [{**log, "place": f"logs/{log['number']}/"} for log in manifest.get("others", [])]
    logs = [{"number": 0, **manifest, "place": ""}, *others]
    need(len({log["number"] for log in logs}) == len(logs), "a log is there twice")
    return logs


def check_clear(bundle: Bundle, vkey: str) -> dict[str, Any]:
    """Seal, files, keys and checkpoints; the manifest."""
    data, seal = bundle.read("manifest.json"), bundle.read("seal.txt")
    manifest: dict[str, Any] = json.loads(data)
    need((manifest["dialgate"], manifest["version"]) == ("audit bundle", 2), "a bundle of another version")
    wanted = f"dialgate audit bundle 2\nbundle {manifest['bundle']}\n{sha256(data).hex()}  manifest.json\n"
    need(seal == wanted.encode(), "the manifest is not the one that is sealed")
    public_of(vkey or manifest["vkey"]).verify(bundle.read("seal.sig"), seal)
    need(not vkey or vkey == manifest["vkey"], "the bundle names another key")
    need(not manifest["counts"].get("included" if manifest.get("evidence_only") else "not_asked"), "false counts")
    names = [each["name"] for each in manifest["members"]]
    need([*bundle.places] == [*names, *CLOSING], "the files are not those of the manifest, in its order")
    for each in manifest["members"]:
        need(each["size"] == bundle.places[each["name"]][1], f"{each['name']} has another size")
        need(each["sha256"] == bundle.digest(each["name"]), f"{each['name']} was changed")
    *lines, last = bundle.read("wraps.jsonl").splitlines(keepends=True)
    need(last == canonical({"sha256": sha256(b"".join(lines)).hex()}) + b"\n", "wraps.jsonl was changed")
    for log in logs_of(manifest):
        check_heads(bundle, log, log["place"])
    return manifest


def check_heads(bundle: Bundle, log: dict[str, Any], place: str) -> None:
    """The key and the checkpoint of a log, and that it has grown from the older ones."""
    pem = public_of(log["vkey"]).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    need(bundle.read(f"{place}gate.vkey") == log["vkey"].encode() + b"\n", f"{place}gate.vkey is another key")
    need(bundle.read(f"{place}gate.pem") == pem, f"{place}gate.pem is another key")
    origin, size, root = head = verified_note(bundle.read(f"{place}checkpoint.txt").decode(), log["vkey"])
    told = (log["log"], log["checkpoint"]["size"], b64(log["checkpoint"]["root"]))
    need(head == told, f"{place}checkpoint.txt is not that of the manifest")
    for line in json_lines(bundle.read(f"{place}consistency.jsonl")):
        old, old_root, note = line["size"], b64(line["root"]), line["note"]
        need(grown(old, old_root, size, root, hashes(line["proof"])), f"the log did not grow from {old} entries")
        signed = note is None or verified_note(note, log["vkey"]) == (origin, old, old_root)
        need(signed, f"checkpoint {old} is another")
    if place:
        say(f"holds: log {log['number']} is signed with {log['vkey']}; compare that with what you know of its gate")


def json_lines(data: bytes) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    need(not data or data.endswith(b"\n"), "a file of lines is cut off")
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


class Sealed:
    """Opens what is wrapped to the recipient."""

    def __init__(self, bundle: Bundle, private: MLKEM768X25519PrivateKey) -> None:
        self.bundle, self.private = bundle, private
        wraps = bundle.read("wraps.jsonl").rstrip(b"\n").rpartition(b"\n")
        lines = json_lines(bundle.read("keys.jsonl")) + json_lines(wraps[0] + wraps[1])
        self.keys = {line["id"]: line for line in lines}

    def open(self, name: str, what: str, *, whole: bool = True) -> bytes:
        """The clear chunks of a sealed file, one after the other."""
        data = self.bundle.read(name)
        magic, version, length, salt, check = struct.unpack_from(">8sHI16s32s", data)
        need((magic, version) == (b"\x8aDGR\r\n\x1a\n", 1), f"{name} is no sealed file")
        at = 62 + length
        digest = data[at : at + 32]
        need(digest == sha256(data[:at]), f"the header of {name} was changed")
        header, key = json.loads(data[62:at]), self.keys[what]
        need((header["recording_id"], header["key_id"]) == (what, key["key_id"]), f"{name}: its key is another one's")
        wrap, info = b64(key["wrap"]), b"dialgate/wrap/1"
        for each in (what, key["key_id"]):
            info += len(each.encode()).to_bytes(2, "big") + each.encode()
        need(wrap[:1] == b"\x01" and len(wrap) == 1169, f"{name}: its key is no whole one")
        suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        data_key = suite.decrypt(wrap[1:], self.private, info=info)
        derived = HKDF(SHA256(), 64, salt, b"dialgate sealed recording 1").derive(data_key)
        need(derived[32:] == check, f"{name} was sealed with another key")
        cipher = AESGCM(derived[:32])
        cipher.decrypt(bytes(12), data[at + 32 : at + 48], digest)
        clear, at, number, last = [], at + 48, 0, 0
        while not last and at < len(data):
            number, frame = number + 1, data[at : at + 29]
            if not whole and (len(frame) < 29 or at + 29 + FRAME.unpack(frame)[0] > len(data) or not any(frame)):
                break  # the gate died in the middle of this chunk
            size, found, last, tag, crc = FRAME.unpack(frame)
            meant = (found, tag, crc) == (number, digest[:16], zlib.crc32(frame[:25])) and last < 2
            need(meant, f"{name}: chunk {number}")
            nonce = bytes(7) + number.to_bytes(4, "big") + bytes([last])
            payload = cipher.decrypt(nonce, data[at + 29 : at + 29 + size], digest + frame)
            clear += [] if last else [payload]
            at += 29 + size
        need(not whole or (at == len(data) and last == 1), f"{name} is cut off, or goes on after its end")
        return b"".join(clear)


def key_of(leaf: dict[str, Any]) -> int:
    """A leaf's index, above it the number of its log: unique over the logs of a bundle."""
    return (int(leaf.get("log", 0)) << 40) + int(leaf["index"])


def check_run(log: dict[str, Any], period: dict[str, str], leaves: dict[int, bytes]) -> set[int]:
    """That all leaves of the period are there, of one log; the keys of those of it."""
    own = range(log["number"] << 40, (log["number"] << 40) + log["checkpoint"]["size"])
    at = {key: json.loads(leaf)["at"] for key, leaf in leaves.items() if key in own}
    told, since, until = log["leaves"], period["since"], period["until"]
    need(len(at) == told["count"], "leaves are missing")
    first, last, gap = told["first"], told["last"], told.get("gap")
    begin, end = (gap - 1, gap) if first is None else (first - 1, last + 1)
    run = own[max(begin, 0) : end + 1]
    need(all(key in at for key in run), "the run of leaves is broken")
    of_period = {key for key in at if since <= at[key] < until}
    need(run.start in (own.start, own[first or 0]) or run.start not in of_period, "leaves are before the first")
    need(run.stop == own.stop or run[-1] not in of_period, "the period goes on after its last leaf")
    if log["place"]:  # of another gate: was it signed after the period, or had its gate stopped?
        signed, before = (json.loads(leaves.get(key, b"{}")) for key in (own[-1], own[-2]))
        over = signed.get("at", "") >= until or before.get("kind") == "gate_stopped"
        need(over and signed.get("kind") == "log_signed", f"log {log['number']} was not signed after the period")
    return of_period


def check_log(manifest: dict[str, Any], logs: dict[str, bytes]) -> tuple[int, int]:
    """Leaves against the checkpoints, facts against their leaves, and nothing left out; how many there are of both."""
    period, leaves, of_period = manifest["period"], dict[int, bytes](), set[int]()
    numbers = {log["number"]: log for log in logs_of(manifest)}
    for line in json_lines(logs["leaves.jsonl"]):
        head, leaf = numbers[line.get("log", 0)]["checkpoint"], line["leaf"].encode("utf-8", "surrogatepass")
        proven = included(sha256(b"\x00" + leaf), line["index"], head["size"], hashes(line["proof"]), b64(head["root"]))
        need(proven, f"leaf {line['index']}")
        leaves[key_of(line)] = leaf
    for log in numbers.values():
        of_period |= check_run(log, period, leaves)
    calls, others = json_lines(logs["calls.jsonl"]), json_lines(logs["facts.jsonl"])
    given = [fact for call in calls for fact in call["facts"]]
    met, emptied, receipts = set[int](), set[int](), set[int]()
    for fact in [*given, *others]:
        if "commit" in fact:
            commit = fact["commit"]
            emptied.add(key_of(fact))
        else:
            commit = sha256(bytes.fromhex(fact["salt"]) + fact["body"].encode("utf-8", "surrogatepass")).hex()
            body = json.loads(fact["body"]) if fact["kind"] == "facts_erased" else {}
            receipts |= {key_of({**fact, "index": index}) for index in body.get("leaves", [])}
            of_others = (each.split("/") for each in body.get("elsewhere", []))  # "3/1207": of log 3
            receipts |= {key_of({"log": log, "index": index}) for log, index in of_others}
        value = {name: fact[name] for name in ("actor", "at", "kind", "subject")}
        leaf = canonical({**value, "commit": commit, "v": 1})
        need(leaves.get(key_of(fact)) == leaf, f"fact {fact['index']} is another")
        met.add(key_of(fact))
    need(of_period <= met, "facts of the period are left out")
    need(emptied <= receipts, "a fact is empty, and no receipt says that it was erased")
    ids = {call["call"]["call_id"] for call in calls}
    need(not any(fact["subject"] in ids for fact in others), "facts of a call stand apart from it")
    need(manifest["counts"].items() >= {"calls": len(calls), "facts": len(given) + len(others)}.items(), "false counts")
    made = [fact for fact in others if (fact["kind"], fact["subject"]) == ("bundle_exported", manifest["bundle"])]
    need(not made or period["until"] <= made[0]["at"], "the period was not over when it was exported")
    alone = [json.loads(fact["body"]).get("evidence_only") for fact in made]
    need(alone == [manifest.get("evidence_only")], "the log has another word on whether recordings were asked for")
    return len(leaves), len(met)


def check_sealed(bundle: Bundle, manifest: dict[str, Any], private: MLKEM768X25519PrivateKey, out: Path | None) -> None:
    """All that takes the private key; with ``out`` the logs, and what was recorded, are written there."""
    sealed = Sealed(bundle, private)
    logs = {name: sealed.open(f"log/{name}.dgr", f"{manifest['bundle']}/{name}") for name in LOGS}
    if out:
        out.mkdir()
        for name, data in logs.items():
            (out / name).write_bytes(data)
    leaves, facts = check_log(manifest, logs)
    say(f"holds: {leaves} leaves are in the signed log, {facts} facts are those of their leaves, none is left out")
    rows = [row for row in json_lines(logs["recordings.jsonl"]) if row["status"] == "included"]
    names = [f"recordings/{row['recording_id']}.dgr" for row in rows]
    need(names == [name for name in bundle.places if name.startswith("recordings/")], "its recordings are others")
    for row, name in zip(rows, names, strict=True):
        need(bundle.digest(name) == row["sha256"], f"{name} is not the one of the log")
        clear = sealed.open(name, row["recording_id"], whole=not row["interrupted"])
        if out:
            (out / f"{row['recording_id']}.clear").write_bytes(clear)
    say(f"holds: {len(rows)} recordings are those of the log, and open with your key")


def main() -> int:
    """The command line; its exit code."""
    parser = argparse.ArgumentParser(description="Opens and checks an auditor's bundle of Dialgate.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--vkey", default="", help="the gate's verifier key, as you know it from another way")
    parser.add_argument("--key", type=Path, help="your key file")
    parser.add_argument("--passphrase-file", type=Path, help="its passphrase (default: asked for)")
    parser.add_argument("-o", "--output", type=Path, help="a new folder for the logs and what was recorded")
    given = parser.parse_args()
    try:
        bundle = Bundle(given.bundle)
        manifest = check_clear(bundle, given.vkey.strip())
        if manifest.get("evidence_only"):
            say("Evidence alone: no recordings by request.")
        say(f"holds: every file is as the gate sealed it, under {'your' if given.vkey else 'its OWN, UNCOMPARED'} key")
        if given.key:
            file = given.passphrase_file
            words = file.read_text(encoding="utf-8").rstrip("\r\n") if file else getpass.getpass("Passphrase: ")
            check_sealed(bundle, manifest, open_key(given.key.read_text(encoding="utf-8"), words), given.output)
    except (Wrong, InvalidSignature, InvalidTag, OSError) as error:
        say(f"DOES NOT HOLD: {error or 'a signature or a seal is not the one that it must be'}")
        return 1
    except (LookupError, TypeError, ValueError, AttributeError, struct.error, RecursionError) as error:
        say(f"DOES NOT HOLD: it is not written as a bundle is ({type(error).__name__}: {error})")
        return 1
    say("All that this program looks at holds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
