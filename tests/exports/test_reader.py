"""``reader.py``, which each bundle carries: run with Python and cryptography alone, on a bundle and on false ones."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cryptography
import pytest

from gate.core.facts.audit import BundleExported
from gate.exports import bundle as form
from gate.exports import reader
from gate.operations.audit import exporting
from tests.support.bundles import Made, clear_logs, make, packed, resealed, signed_anew, unpacked
from tests.support.commands import dialgate
from tests.support.vault import PASSPHRASE

MANUAL = Path(__file__).parents[2] / "gate" / "manual"
PACKAGES = ("cryptography", "cffi", "_cffi_backend*", "pycparser")
"""What ``pip install cryptography`` brings, and nothing else."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def bundle(made: Made) -> Path:
    first, path = made.folder.parent / "first.bundle", made.folder.parent / "second.bundle"
    assert made.export(first).code == 0
    done = made.export(path)
    assert done.code == 0 and form.reader_sha256() in done.err, "the export says the digest of its reader"
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with cryptography, and what it needs, alone."""
    folder = tmp_path_factory.mktemp("packages")
    for pattern in PACKAGES:
        for path in Path(cryptography.__file__).parents[1].glob(pattern):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def vkey(made: Made) -> str:
    return str(made.command("audit", "key", "--json").json["vkey"])


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(made: Made, bundle: Path, alone: Path, vkey: str, tmp_path: Path) -> Run:
    """The reader of the bundle, as an auditor has it: no site packages, no environment, no Dialgate."""
    program = tmp_path / "reader.py"
    program.write_bytes(unpacked(bundle)["reader.py"])
    start = f"import sys, runpy; sys.path[:0] = [{str(alone)!r}]; sys.argv = sys.argv[1:]; "
    start += "runpy.run_path(sys.argv[0], run_name='__main__')"

    def reads(path: Path, *more: str, key: Path = made.key, of: str = vkey) -> subprocess.CompletedProcess[str]:
        options = ("--vkey", of, "--key", str(key), "--passphrase-file", str(made.passphrase))
        command = [sys.executable, "-I", "-S", "-c", start, str(program), str(path), *options, *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    return reads


def test_there_is_nothing_of_dialgate_where_it_runs(alone: Path, tmp_path: Path) -> None:
    tried = f"import sys; sys.path[:0] = [{str(alone)!r}]; import cryptography; import {{}}"
    for name, code in (("json", 0), ("gate", 1), ("msgspec", 1)):
        command = [sys.executable, "-I", "-S", "-c", tried.format(name)]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == code, name


def test_a_bundle_is_opened_and_checked(run: Run, made: Made, bundle: Path, tmp_path: Path) -> None:
    done = run(bundle, "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every file is as the gate sealed it, under your key" in done.stdout
    assert "none is left out" in done.stdout and "3 recordings are those of the log" in done.stdout
    assert "All that this program looks at holds." in done.stdout
    whole = made.open(bundle, "-o", str(tmp_path / "whole"))
    assert whole.code == 0, whole.err
    for name in form.LOGS:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / "log" / name).read_bytes(), name
    assert len((tmp_path / "out" / "rec-plain.clear").read_bytes()) > 16_000


def test_a_key_trusted_on_first_sight_is_said(run: Run, bundle: Path) -> None:
    assert "its OWN, UNCOMPARED key" in run(bundle, of="").stdout


def test_another_gates_key_and_another_passphrase_are_refused(
    run: Run, made: Made, bundle: Path, tmp_path: Path
) -> None:
    other = dialgate("init", str(tmp_path / "other"), "--example", "--json")
    assert other.code == 0
    key = dialgate("audit", "key", "--json", "-c", str(tmp_path / "other" / "config.toml")).json["vkey"]
    assert run(bundle, of=key).returncode == 1
    words = made.passphrase.read_text()
    made.passphrase.write_text("another passphrase\n")
    try:
        done = run(bundle)
    finally:
        made.passphrase.write_text(words)
    assert done.returncode == 1 and "the passphrase does not open the key file" in done.stdout
    first = made.folder / "keys" / "first.key"
    assert run(bundle, key=first).returncode == 1, "the bundle is not wrapped to the firm's own key"


def test_an_auditor_reads_it_in_one_sitting() -> None:
    lines = form.reader_source().decode().splitlines()
    assert len([line for line in lines if line.strip()]) <= 355 and max(map(len, lines)) <= 120


# --- twenty and more bundles that were tampered with ---------------------------------------------------------------


def _flip(name: str) -> Callable[[Made, Path, Path], bytes]:
    def changed(made: Made, bundle: Path, folder: Path) -> bytes:
        members = unpacked(bundle)
        data = bytearray(members[name])
        data[len(data) // 2] ^= 1
        return packed({**members, name: bytes(data)})

    return changed


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Made, Path, Path], bytes]:
    return lambda made, bundle, folder: change(bundle.read_bytes())


def _log(name: str, change: Callable[[bytes], bytes]) -> Callable[[Made, Path, Path], bytes]:
    """A log that was changed by the gate itself, sealed and signed as ever."""

    def changed(made: Made, bundle: Path, folder: Path) -> bytes:
        before = clear_logs(made, bundle)[name]
        after = change(before)
        assert after != before
        return signed_anew(made, bundle, {name: after}, folder)

    return changed


def _without_line(data: bytes, words: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(line for line in lines if words not in line)


def _fewer_facts(data: bytes) -> bytes:
    lines = [json.loads(line) for line in data.splitlines()]
    for line in lines:
        line["facts"] = [fact for fact in line["facts"] if fact["kind"] != "connected"]
    return b"".join(form.json_line(line) for line in lines)


def _other_proof(data: bytes) -> bytes:
    lines = [json.loads(line) for line in data.splitlines()]
    lines[3]["proof"] = "A" * 42 + "=" + lines[3]["proof"][44:]
    return b"".join(form.json_line(line) for line in lines)


def _member(change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> Callable[[Made, Path, Path], bytes]:
    return lambda made, bundle, folder: packed(change(unpacked(bundle)))


def _exchanged(members: dict[str, bytes]) -> dict[str, bytes]:
    one, other = (name for name in members if name.startswith("recordings/") and "cut" not in name)
    return {**members, one: members[other], other: members[one]}


def _resealed(change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> Callable[[Made, Path, Path], bytes]:
    """Signed by the gate's own key, so that only the contents tell."""
    return lambda made, bundle, folder: resealed(made, bundle, change(unpacked(bundle)))


def _first_wrap_twice(members: dict[str, bytes]) -> dict[str, bytes]:
    lines = [json.loads(line) for line in members["keys.jsonl"].splitlines()]
    lines[0]["wrap"] = lines[1]["wrap"]
    return {**members, "keys.jsonl": b"".join(form.json_line(line) for line in lines)}


def _no_recording(members: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in members.items() if name != "recordings/rec-plain.dgr"}


TAMPERED: dict[str, Callable[[Made, Path, Path], bytes]] = {
    **{
        f"a bit of {name} is flipped": _flip(name)
        for name in ("README.txt", "reader.py", "gate.vkey", "gate.pem", "checkpoint.txt", "consistency.jsonl")
    },
    **{
        f"a bit of {name} is flipped": _flip(name)
        for name in ("log/calls.jsonl.dgr", "recordings/rec-plain.dgr", "keys.jsonl", "manifest.json", "seal.txt")
    },
    **{f"a bit of {name} is flipped": _flip(name) for name in ("seal.sig", "wraps.jsonl")},
    "the end is cut off": _bytes(lambda data: data[:-1024]),
    "the last member is cut off": _bytes(lambda data: data[:-3000]),
    "something stands after the end": _bytes(lambda data: data + bytes(512)),
    "a mode of a member is another": _bytes(lambda data: data[:100] + b"0000755" + data[107:]),
    "it is empty": _bytes(lambda data: b""),
    "a member is there twice": _bytes(lambda data: data[: 512 * (2 + len(data) % 1)] + data),
    "two recordings change places": _member(_exchanged),
    "a member more": _member(lambda members: {"more.txt": b"x", **members}),
    "a recording is left out, and signed so": _resealed(_no_recording),
    "a log's key is another one's, and signed so": _resealed(_first_wrap_twice),
    "a refusal is made an allowed call": _log("calls.jsonl", lambda data: data.replace(b"listed_tps", b"not_listed")),
    "a call is left out": _log("calls.jsonl", lambda data: _without_line(data, b"call-refused")),
    "a fact of a call is left out": _log("calls.jsonl", _fewer_facts),
    "the time of a fact is another": _log("calls.jsonl", lambda data: data.replace(b"T10:00", b"T11:00")),
    "the receipt of an erasure is left out": _log("facts.jsonl", lambda data: _without_line(data, b"facts_erased")),
    "a leaf is left out": _log("leaves.jsonl", lambda data: b"".join(data.splitlines(keepends=True)[:-2])),
    "a leaf names another account": _log("leaves.jsonl", lambda data: data.replace(b"account:alice", b"account:bob")),
    "a proof is another": _log("leaves.jsonl", _other_proof),
    "a recording's digest is another": _log(
        "recordings.jsonl", lambda data: re.sub(rb'"sha256":"[0-9a-f]{2}', b'"sha256":"00', data)
    ),
}


def test_there_are_twenty_and_more() -> None:
    assert len(TAMPERED) >= 20


@pytest.mark.parametrize("how", TAMPERED)
def test_a_bundle_that_was_tampered_with_does_not_hold(
    run: Run, made: Made, bundle: Path, tmp_path: Path, how: str
) -> None:
    false = tmp_path / "false.bundle"
    false.write_bytes(TAMPERED[how](made, bundle, tmp_path))
    assert false.read_bytes() != bundle.read_bytes()
    done = run(false)
    assert done.returncode == 1 and "DOES NOT HOLD" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


# --- its digest by other ways, and the formats ---------------------------------------------------------------------


def test_its_digest_is_in_the_log_and_in_the_manual(made: Made, bundle: Path) -> None:
    digest = hashlib.sha256(unpacked(bundle)["reader.py"]).hexdigest()
    assert digest == form.reader_sha256()
    (exported,) = {
        fact["body"] and json.loads(fact["body"])["reader"]
        for fact in map(json.loads, clear_logs(made, bundle)["facts.jsonl"].splitlines())
        if fact["kind"] == "bundle_exported"
    }
    assert exported == digest
    assert digest in (MANUAL / "formats.md").read_text(encoding="utf-8")


def test_a_program_that_is_not_the_one_of_the_log_is_told(made: Made, bundle: Path, tmp_path: Path) -> None:
    false = tmp_path / "false.bundle"
    members = unpacked(bundle)
    false.write_bytes(resealed(made, bundle, {**members, "reader.py": members["reader.py"] + b"\n# harmless\n"}))
    done = made.open(false)
    assert done.code == 1 and "reader.py is not the program whose digest is in the log" in done.out


def test_a_bundle_from_before_there_was_a_reader_holds(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Older:
        """As a fact of 0.1."""

        kind, read = BundleExported.kind, BundleExported.read

        def __new__(cls, **fields: Any) -> BundleExported:  # type: ignore[misc]
            return BundleExported(**{name: value for name, value in fields.items() if name != "reader"})

    exported, older = tmp_path / "exported.bundle", tmp_path / "older.bundle"
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "BundleExported", Older)
        assert made.export(exported).code == 0
    members = {name: data for name, data in unpacked(exported).items() if name != "reader.py"}
    older.write_bytes(resealed(made, exported, members))
    done = made.open(older)
    assert done.code == 0 and "reader.py" not in done.out, done.out


def test_the_vectors_of_the_manual_hold() -> None:
    """Each format from the page alone: these functions are those that an auditor runs."""
    vectors = json.loads((MANUAL / "vectors.json").read_text(encoding="utf-8"))
    private = reader.open_key(json.dumps(vectors["key file"]["file"]), vectors["key file"]["passphrase"])
    assert vectors["key file"]["passphrase"] == PASSPHRASE

    class OneFile:
        def read(self, name: str) -> bytes:
            if name == "keys.jsonl":
                return (json.dumps(vectors["wrap"]["line"]) + "\n").encode()
            return b"" if name == "wraps.jsonl" else bytes.fromhex(vectors["sealed file"]["hex"])

    sealed = reader.Sealed(OneFile(), private)  # type: ignore[arg-type]  # what it asks of a bundle
    clear = sealed.open("file", vectors["wrap"]["line"]["id"])
    assert clear == vectors["sealed file"]["clear"].encode()
    origin, size, root = reader.verified_note(vectors["checkpoint"]["note"], vectors["checkpoint"]["vkey"])
    assert (origin, size, root.hex()) == tuple(vectors["checkpoint"][name] for name in ("name", "size", "root"))
