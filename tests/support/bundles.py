"""A gate with calls of every kind, made through its own rooms, and bundles of them, made by the command line."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gate import g711
from gate.config import load
from gate.core.rtp import encode_event, encode_map, encode_packet
from gate.daemon.opening import open_folder
from gate.exports.bundle import CLOSING, LOGS, Manifest, json_line, manifest_bytes, seal_text
from gate.operations.data_folder import DataFolder
from gate.ports import Fact
from gate.store.erasure import erase_facts
from gate.vault.keyfile import PrivateKey, save_private
from gate.vault.sealer import Seal, sealer
from gate.vault.signing import CheckpointKey
from tests.support.audio import tone
from tests.support.commands import Done, dialgate
from tests.support.databases import query
from tests.support.evidence import decision
from tests.support.settings import secret
from tests.support.vault import PASSPHRASE, close_again, new_key

BEGAN = datetime(2026, 3, 2, 10, 0, 0, tzinfo=UTC)
PERIOD = ("--from", "2026-03-02", "--to", "2026-03-02")
PAYLOADS = {"caller": {0: "PCMU/8000"}, "callee": {0: "PCMU/8000"}}
NOTICE = {"announcement": "notice", "version": "1", "completed": True}
KINDS = ("plain", "cut", "restricted", "erased", "other")


@dataclass
class Made:
    """A gate, and the auditor that it may export to."""

    folder: Path
    key: Path
    passphrase: Path
    recipient: Path
    private: PrivateKey

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def command(self, *arguments: str) -> Done:
        return dialgate(*arguments, "-c", str(self.config))

    def export(self, output: Path, *more: str, period: tuple[str, ...] = PERIOD) -> Done:
        """With the first key of the example, so that all recordings can be opened."""
        keys = self.folder / "keys"
        own = ("--key", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))
        told = ("--recipient", "Auditor", "--purpose", "annual audit", "-o", str(output))
        return self.command("audit", "export", *period, *told, *own, *more)

    def open(self, bundle: Path, *more: str) -> Done:
        """With the auditor's key, and no configuration."""
        key = ("--key", str(self.key), "--passphrase-file", str(self.passphrase))
        return dialgate("audit", "open", str(bundle), *key, *more)


def make(folder: Path, purpose: str = "regulator") -> Made:
    """An example gate: a refused call and one of each of ``KINDS`` on the day of ``PERIOD``, and one the day after."""
    done = dialgate("init", str(folder / "gate"), "--example", "--json")
    assert done.code == 0, done.err
    first = folder / "gate" / "keys" / "first"
    close_again(first.with_suffix(".key"), first.with_suffix(".passphrase").read_text().strip())
    private, recipient = new_key("Auditor", "auditor")
    key, text = folder / "auditor.key", folder / "auditor.recipient"
    save_private(key, private)
    text.write_text(recipient.to_text())
    made = Made(folder / "gate", key, secret(folder / "auditor.passphrase", PASSPHRASE + "\n"), text, private)
    terms = ("--exports-only", "--purpose", purpose) if purpose else ()
    assert made.command("key", "add", str(text), *terms).code == 0
    with ExitStack() as stack:
        config = load(made.config)
        data = open_folder(config, stack)
        put(data, decision("call-refused", "+442079460101", at=BEGAN, reason="listed_tps"))
        seal = sealer(config.data / "recipients")
        for minute, name in enumerate(KINDS, 1):
            record(data, seal, name, BEGAN + timedelta(minutes=10 * minute), interrupted=name == "cut")
        record(data, seal, "later", BEGAN + timedelta(days=1))
        _restrict_and_erase(data)
    return made


def put(data: DataFolder, *facts: Fact) -> list[int]:
    """Facts, as the gate keeps them."""
    leaves: list[int] = data.store.call(lambda tx: [tx.append(fact) for fact in facts])
    return leaves


def record(data: DataFolder, seal: Any, name: str, at: datetime, *, interrupted: bool = False) -> None:
    """A call of a second, recorded and sealed as the gate does it."""
    call, path = f"call-{name}", f"{at:%Y/%m/%d}/rec-{name}.dgr"
    key: Seal = seal(f"rec-{name}", {"call_id": call})
    failed: list[Exception | None] = []
    data.keys.put(f"rec-{name}", key.key_id, key.wraps, failed.append)
    place = data.config.data / "recordings" / path
    writer = key.create(place)
    started = at + timedelta(seconds=9)
    head = encode_map(0, PAYLOADS) + encode_event(0, "start", {"at": started.isoformat()})
    wav = data.config.data / "prompts" / "notice@1" / "announcement.wav"
    sound = {"sha256": hashlib.sha256(wav.read_bytes()).hexdigest()} if wav.is_file() else {}
    played = NOTICE | sound | {"started": at.isoformat(), "ended": started.isoformat()}
    writer.write_chunk(head + encode_event(0, "announcement", played) + talk())
    writer.abandon() if interrupted else writer.close({"interrupted": False})
    data.keys.wraps(f"rec-{name}")  # behind the ``put``, on the same thread
    assert failed == [None]
    digest, size = hashlib.sha256(place.read_bytes()).hexdigest(), place.stat().st_size
    opened = {"call_id": call, "key_id": key.key_id, "path": path, "recipients": [who for who, _ in key.wraps]}
    closed = {"call_id": call, "sha256": digest, "size": size, "seconds": 1.0, "chunks": 1, "interrupted": interrupted}
    put(
        data,
        decision(call, "+442079460123", at=at, raw='=1+1,"x"\nnew line'),
        Fact("answered", call, at, "gate", {"codec": "PCMU"}),
        Fact("announced", call, started, "gate", played),
        Fact("recording_opened", f"rec-{name}", started, "gate", opened),
        Fact("connected", call, started, "gate", {"recorded": True}),
        Fact("recording_closed", f"rec-{name}", started + timedelta(seconds=1), "gate", closed),
        Fact("ended", call, started + timedelta(seconds=1), "gate", {"by": "callee", "seconds": 1.0, "bridged": True}),
    )


def talk() -> bytes:
    """A second of two tones."""
    frames = b""
    for number in range(50):
        for side, frequency in (("caller", 400.0), ("callee", 1000.0)):
            samples = tone(frequency, 1.0)[number * 160 : number * 160 + 160]
            rtp = bytes([0x80, 0, *number.to_bytes(2, "big"), *(number * 160).to_bytes(4, "big"), 0, 0, 0, 1])
            frames += encode_packet(side, number * 20_000, rtp + g711.ulaw_encode(samples))
    return frames


def _restrict_and_erase(data: DataFolder) -> None:
    hold = {
        "kind": "restriction",
        "target": "recording",
        "recording_id": "rec-restricted",
        "call_id": "call-restricted",
    }
    later = BEGAN + timedelta(days=30)
    put(data, Fact("hold", "hold-1", later, "test", hold | {"number": None, "reason": "a claim", "reference": "1/26"}))
    (row,) = data.store.call(
        lambda tx: query(tx, "SELECT path, key_id FROM recordings WHERE recording_id = 'rec-erased'")
    )
    gone = {"call_id": "call-erased", "key_id": row["key_id"], "basis": "request"}
    put(data, Fact("recording_erasing", "rec-erased", later, "test", gone))
    data.keys.shred(["rec-erased"])
    (data.config.data / "recordings" / row["path"]).unlink()
    put(data, Fact("recording_erased", "rec-erased", later, "test", gone | {"backups_until": "2026-05-01"}))
    (leaf,) = data.store.call(
        lambda tx: query(tx, "SELECT leaf_index FROM facts WHERE subject = 'call-erased' AND kind = 'decision'")
    )
    data.store.call(
        lambda tx: erase_facts(
            tx, [leaf["leaf_index"]], subject="req-1", at=later, actor="test", basis="request", what="facts"
        )
    )


def unpacked(bundle: Path) -> dict[str, bytes]:
    """The members of a bundle, read by the standard library."""
    with tarfile.open(bundle, "r:") as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def packed(members: dict[str, bytes]) -> bytes:
    """The inverse, by the product's own writer."""
    from gate.exports.bundle import TarWriter

    file = io.BytesIO()
    tar = TarWriter(file)
    for name, data in members.items():
        tar.add(name, data)
    tar.finish()
    return file.getvalue()


def clear_logs(made: Made, bundle: Path) -> dict[str, bytes]:
    """The logs of a bundle, opened with the vault alone."""
    from gate.vault.reader import open_recording

    members = unpacked(bundle)
    keys = {each["id"]: each for each in map(json.loads, members["keys.jsonl"].splitlines())}
    number = json.loads(members["manifest.json"])["bundle"]
    logs = {}
    for name in LOGS:
        place = bundle.with_name("one.dgr")
        place.write_bytes(members[f"log/{name}.dgr"])
        key = keys[f"{number}/{name}"]
        _, chunks = open_recording(place, [(key["recipient"], base64.b64decode(key["wrap"]))], made.private)
        logs[name] = b"".join(chunks)
        place.unlink()
    return logs


def signed_anew(made: Made, bundle: Path, changed: dict[str, bytes], folder: Path) -> bytes:
    """What a gate that lies can make: logs (``calls.jsonl``) or clear members exchanged, sealed and signed as ever."""
    members = unpacked(bundle)
    wraps = changed.get("wraps.jsonl", members.pop("wraps.jsonl"))
    manifest = json.loads(members.pop("manifest.json"))
    del members["seal.txt"], members["seal.sig"]
    keys = [json.loads(line) for line in members["keys.jsonl"].splitlines()]
    for name, data in changed.items():
        if name in members or name == "wraps.jsonl":
            members |= {} if name == "wraps.jsonl" else {name: data}
            continue
        what, place = f"{manifest['bundle']}/{name}", folder / "sealed"
        seal = Seal(what, {}, (made.private.recipient,))
        writer = seal.create(place)
        writer.write_chunk(data)
        writer.close({})
        members[f"log/{name}.dgr"] = place.read_bytes()
        place.unlink()
        wrap = base64.b64encode(seal.wraps[0][1]).decode()
        keys = [each | {"key_id": seal.key_id, "wrap": wrap} if each["id"] == what else each for each in keys]
    if "keys.jsonl" not in changed:
        members["keys.jsonl"] = b"".join(json_line(each) for each in keys)
    return resealed(made, bundle, {**members, "wraps.jsonl": wraps})


def resealed(made: Made, bundle: Path, members: dict[str, bytes], **changed: Any) -> bytes:
    """A bundle of other members, signed as ever: the manifest lists them; ``changed``: fields of it."""
    manifest = json.loads(unpacked(bundle)["manifest.json"]) | changed
    manifest = {name: value for name, value in manifest.items() if value is not msgspec.UNSET}
    members = {name: data for name, data in members.items() if name not in CLOSING}
    wraps = members.pop("wraps.jsonl")
    manifest["members"] = [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in members.items()
    ]
    text = manifest_bytes(msgspec.convert(manifest, Manifest))
    seal_ = seal_text(manifest["bundle"], hashlib.sha256(text).hexdigest()).encode()
    signature = CheckpointKey.load(made.data / "gate.key").sign(seal_)
    return packed({**members, "manifest.json": text, "seal.txt": seal_, "seal.sig": signature, "wraps.jsonl": wraps})
