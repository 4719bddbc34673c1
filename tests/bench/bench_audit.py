"""Bundles for auditors: ``python -m tests.bench.bench_audit [LEAVES] [RECORDINGS]``.

A log of so many leaves goes out and is verified again, and so many recordings (ten seconds of talk each, sealed to
another key than the auditor's) are exported with their keys wrapped anew and opened to WAV. Making and opening run in
processes of their own: what they hold at most is theirs alone.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from gate import g711
from gate.audit.checkpoints import Checkpointer
from gate.core.evidence import stamp
from gate.core.rows.keys import RegisteredKey
from gate.core.rtp import encode_event, encode_map, encode_packet
from gate.exports.audio import export_wav
from gate.exports.bundle import Period, To
from gate.exports.bundle_check import Workplace, check_contents
from gate.exports.bundle_read import Findings, open_bundle
from gate.exports.bundle_write import Contents, Recorded, assemble, write_parts
from gate.operations.audit import bundles
from gate.ports import Fact
from gate.store.recipients import TERMS
from gate.store.slices import LogSlice
from gate.vault.files import to_base64
from gate.vault.keyfile import PrivateKey, generate, load_private, save_private
from gate.vault.keystore import KeyStoreDb
from gate.vault.publickey import Recipient
from gate.vault.sealer import Seal
from gate.vault.signing import CheckpointKey, public_pem
from tests.bench.bench_store import Row, keep, pump, row
from tests.support.audio import tone
from tests.support.bundles import PAYLOADS
from tests.support.databases import query
from tests.support.evidence import START, a_call, decision, open_store
from tests.support.vault import NOW, PASSPHRASE

SECONDS = 10
BUNDLE = "ab" * 16
WITHOUT_RECORDING = frozenset({"decision", "answered", "announced", "connected", "ended"})


def prepare(folder: Path, leaves: int, recordings: int) -> None:
    """A data folder with calls that were not recorded, then some that were, a checkpoint over all, and both keys."""
    for name in ("compliance", "auditor"):
        save_private(folder / f"{name}.key", generate(name, "auditor", PASSPHRASE, NOW)[0])
    key = CheckpointKey.create(folder / "gate.key", "dialgate-bench")
    store, keys = open_store(folder), KeyStoreDb(folder / "keys.db")
    calls = max(leaves // len(WITHOUT_RECORDING), 1)
    pump(store, [keep(*(fact for fact in a_call(n) if fact.kind in WITHOUT_RECORDING)) for n in range(calls)])
    owner, sound = load_private(folder / "compliance.key", PASSPHRASE).recipient, list(_talk())
    kept: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
    for n in range(recordings):
        seal = Seal(f"rec-{n}", {"call_id": f"rec-call-{n}"}, (owner,))
        keys.put(f"rec-{n}", seal.key_id, seal.wraps, kept.put)
        writer = seal.create(folder / "recordings" / f"rec-{n}.dgr")
        for chunk in sound:
            writer.write_chunk(chunk)
        done = writer.close({"interrupted": False})
        at, call = START + timedelta(minutes=10 * calls, seconds=n), f"rec-call-{n}"
        opened = {"call_id": call, "key_id": seal.key_id, "path": f"rec-{n}.dgr", "recipients": [owner.id]}
        closed = {"call_id": call, "sha256": done.sha256, "size": done.size, "interrupted": False}
        facts = [decision(call, at=at), Fact("recording_opened", f"rec-{n}", at, "gate", opened)]
        facts.append(Fact("recording_closed", f"rec-{n}", at, "gate", closed))
        facts.append(Fact("exported", f"rec-{n}", at, "gate", {"call_id": call, "bundle": BUNDLE}))
        store.call(lambda tx, facts=facts: [tx.append(fact) for fact in facts])
        assert kept.get() is None
    told = _auditor(folder).row()
    terms = {name: getattr(told, name) for name in TERMS}
    store.call(lambda tx: tx.append(Fact("recipient_added", told.id, START, "gate", terms)))
    Checkpointer(store, key.sign_note, origin=key.name, folder=folder / "checkpoints").write(START)
    keys.close()
    store.close()


def _auditor(folder: Path) -> Recipient:
    return load_private(folder / "auditor.key", PASSPHRASE).recipient


def _talk() -> Iterator[bytes]:
    yield encode_map(0, PAYLOADS) + encode_event(0, "start", {})
    voices = [("caller", tone(400.0, SECONDS)), ("callee", tone(1000.0, SECONDS))]
    for second in range(SECONDS):
        chunk = b""
        for number in range(second * 50, second * 50 + 50):
            for side, samples in voices:
                rtp = bytes([0x80, 0, *number.to_bytes(2, "big"), *(number * 160).to_bytes(4, "big"), 0, 0, 0, 1])
                chunk += encode_packet(
                    side, number * 20_000, rtp + g711.ulaw_encode(samples[number * 160 : number * 160 + 160])
                )
        yield chunk
    yield encode_event(SECONDS * 1_000_000, "end", {"interrupted": False})


# --- steps, each in a process of its own


def make(folder: Path) -> dict[str, Any]:
    """The bundle, as the command line makes it without the desk."""
    auditor = _auditor(folder)
    owner = load_private(folder / "compliance.key", PASSPHRASE)
    keys, key = KeyStoreDb(folder / "keys.db"), CheckpointKey.load(folder / "gate.key")
    note = max((folder / "checkpoints").iterdir()).read_text()
    size = int(note.split("\n")[1])
    period = Period("2026-01-01T00:00:00.000000Z", "2126-01-01T00:00:00.000000Z")
    began = time.perf_counter()
    log = LogSlice(folder / "gate.db", size=size, since=period.since, until=period.until)
    wrapped = bundles.Wrapped(folder / "wraps")
    statuses, recorded = {}, []
    for recording_id in _ids(folder):
        (row,) = _rows(folder, recording_id)
        ids = {"recording_id": recording_id, "key_id": row["key_id"]}
        given = bundles.rewrapped(keys.wraps(recording_id), [owner], auditor, **ids)
        wrapped.add(Path(row["path"]), row["sha256"], given, auditor.id, **ids)
        recorded.append(Recorded(recording_id, row["key_id"], Path(row["path"]), row["sha256"]))
        statuses[recording_id] = ("included", "")
    wrapped.close()
    wraps = time.perf_counter() - began
    contents = Contents(
        bundle=BUNDLE,
        made=stamp(START),
        firm="Bench Ltd",
        vkey=key.vkey,
        pem=public_pem(key.vkey),
        checkpoint=note,
        period=period,
        recipient=To(auditor.id, auditor.name, "regulator", auditor.fingerprint),
        recipients=[RegisteredKey(**asdict(auditor.row()), public=to_base64(auditor.public), retired=False)],
        statuses=statuses,
    )
    with (folder / "head").open("xb") as head, (folder / "tail").open("xb") as tail:
        parts = write_parts(head, tail, contents, log, recorded, seal=bundles.sealing(auditor), folder=folder)
    bundles.Bundles(folder, folder / "gate.db").sign(contents.bundle, parts.sha256, str(folder))
    with (
        (folder / "b.bundle").open("xb") as file,
        (folder / "head").open("rb") as head,
        (folder / "tail").open("rb") as tail,
    ):
        assemble(file, head, tail, wrapped.recordings, wrapped.lines())
        written = file.tell()
    keys.close()
    return {"seconds": time.perf_counter() - began, "wraps": wraps, "bytes": written}


def _ids(folder: Path) -> list[str]:
    return sorted((path.stem for path in (folder / "recordings").glob("*.dgr")), key=lambda name: int(name[4:]))


def _rows(folder: Path, recording_id: str) -> list[dict[str, Any]]:
    from gate.store.reader import Reader

    with Reader(folder / "gate.db") as reader:
        rows = query(reader, "SELECT * FROM recordings WHERE recording_id = ?", [recording_id])
    return [found | {"path": str(folder / "recordings" / found["path"])} for found in rows]


def check(folder: Path) -> dict[str, Any]:
    """The bundle verified and opened, nothing kept."""
    return _opened(folder, wav=False)


def listen(folder: Path) -> dict[str, Any]:
    """The same, with WAV files."""
    return _opened(folder, wav=True)


def _opened(folder: Path, *, wav: bool) -> dict[str, Any]:
    private: PrivateKey = load_private(folder / "auditor.key", PASSPHRASE)
    findings = Findings()

    def to_wav(chunks: Iterator[bytes], name: str, announcement: bytes | None) -> None:
        export_wav(chunks, folder / "wav" / f"{name}.wav")

    began = time.perf_counter()
    with (folder / "b.bundle").open("rb") as file, tempfile.TemporaryDirectory(dir=folder) as sealed:
        bundle = open_bundle(file, findings)
        container = time.perf_counter() - began
        (folder / "wav").mkdir(exist_ok=True)
        check_contents(bundle, private, findings, Workplace(Path(sealed), None, to_wav if wav else None))
    assert findings.ok, [each.text for each in findings.checks if not each.ok]
    return {"seconds": time.perf_counter() - began, "container": container}


STEPS: dict[str, Callable[[Path], dict[str, Any]]] = {each.__name__: each for each in (make, check, listen)}


def step(name: str, folder: Path) -> dict[str, Any]:
    """Run one in a process of its own; its figures, and ``mb``: what it held at most."""
    command = [sys.executable, "-m", "tests.bench.bench_audit", "--step", name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def run(leaves: int = 1_000_000, recordings: int = 1_000) -> list[Row]:
    """Every figure as ``name``, ``value``, ``unit``, ``note``."""
    rows = []
    for what, size, sounds in (("log", leaves, 0), ("recordings", 100, recordings)):
        with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as name:
            folder = Path(name)
            prepare(folder, size, sounds)
            made, checked = step("make", folder), step("check", folder)
            told = f"{made['bytes'] / 1e6:,.0f} MB, peak {made['mb']:.0f} MB of memory"
            many = f"{size:,} leaves" if what == "log" else f"{sounds:,} recordings of {SECONDS} s"
            rows.append(row(f"{what}: made", made["seconds"], "s", f"{many}, {told}"))
            note = f"of it every byte against the manifest {checked['container']:.1f} s, peak {checked['mb']:.0f} MB"
            rows.append(row(f"{what}: verified and opened", checked["seconds"], "s", note))
            if sounds:
                rows.append(row("recordings: keys wrapped to the auditor", made["wraps"], "s", many))
                heard = step("listen", folder)
                rows.append(row("recordings: opened to WAV", heard["seconds"], "s", f"peak {heard['mb']:.0f} MB"))
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(STEPS[sys.argv[2]](Path(sys.argv[3])) | {"mb": _peak_mb()}))
    else:
        for line in run(*map(int, sys.argv[1:])):
            print(line)
