"""The auditor's bundle as a whole: made by a gate, opened without one, and every change to it found."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import sqlite3
import tarfile
import wave
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.core.evidence import parse_checkpoint
from gate.errors import GateError
from gate.exports.bundle import BLOCK, BundleError
from gate.exports.bundle_read import Findings, open_bundle
from gate.vault.signing import verify_note
from tests.support.audio import dominant
from tests.support.bundles import KINDS, Made, make, packed, unpacked
from tests.support.examples import examples

FLIPS = 40
"""Bits of each part of a bundle that are turned over."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def bundle(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With all kinds of calls in it; not to be changed."""
    path = tmp_path_factory.mktemp("made") / "march.bundle"
    done = made.export(path)
    assert done.code == 0, done.err
    return path


@pytest.fixture(scope="module")
def vkey(made: Made) -> str:
    return made.command("audit", "key").out.strip()


def check(data: bytes, vkey: str = "") -> Findings:
    findings = Findings()
    open_bundle(io.BytesIO(data), findings, vkeys=[vkey] if vkey else [])
    return findings


def failed(done: object) -> dict[str, str]:
    return {each["check"]: each["text"] for each in done.json["checks"] if not each["holds"]}  # type: ignore[attr-defined]


def test_what_goes_out_comes_in(made: Made, bundle: Path, vkey: str, tmp_path: Path) -> None:
    done = made.open(bundle, "--vkey", vkey, "-o", str(tmp_path / "out"), "--json")
    assert done.code == 0, done.out
    told = done.json
    assert told["ok"] and told["opened"] and told["vkey_from"] == "elsewhere"
    assert told["counts"] == {
        **{"calls": 6, "decisions": 6, "recordings": 5, "included": 3, "erased": 1, "restricted": 1},
        "facts": told["counts"]["facts"],
    }
    log = tmp_path / "out" / "log"
    calls = list(csv.DictReader((log / "calls.csv").open(newline="", encoding="utf-8")))
    assert [row["call_id"] for row in calls] == ["call-refused", *(f"call-{name}" for name in KINDS)]
    assert (calls[0]["verdict"], calls[0]["reason"]) == ("block", "listed_tps")
    assert calls[1]["raw"] == '\'=1+1,"x"\nnew line'  # no formula for a spreadsheet; the JSON line has it as it was
    assert json.loads((log / "calls.jsonl").read_text().splitlines()[1])["call"]["raw"] == '=1+1,"x"\nnew line'
    statuses = {row["recording_id"]: row for row in csv.DictReader((log / "recordings.csv").open(newline=""))}
    assert {name: row["status"] for name, row in statuses.items()} == {
        "rec-plain": "included",
        "rec-cut": "included",
        "rec-other": "included",
        "rec-restricted": "restricted",
        "rec-erased": "erased",
    }
    assert "1/26" in statuses["rec-restricted"]["why"]
    assert statuses["rec-erased"]["backups_until"] == "2026-05-01"
    erased = json.loads((log / "decisions.jsonl").read_text().splitlines()[4])
    assert erased["call_id"] == "call-erased" and erased["number"] is None
    registers = [json.loads(line) for line in (log / "registers.jsonl").read_text().splitlines()]
    assert registers == []  # those of the example were imported after the period
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["ok"] and report["checks"] == told["checks"]


def test_the_logs_as_a_database(made: Made, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert made.open(bundle, "-o", str(out), "--database").code == 0
    db = sqlite3.connect(out / "log.db")
    for name in ("calls", "decisions", "recordings", "facts", "leaves"):
        lines = (out / "log" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        assert db.execute(f"SELECT count(*) FROM {name}").fetchone() == (len(lines),)  # noqa: S608 - names of above
    why = "SELECT reason, count(*) FROM decisions WHERE verdict = 'block' GROUP BY reason"
    assert db.execute(why).fetchall() == [("listed_tps", 1)]
    sealed = db.execute("SELECT recording_id FROM recordings WHERE status = 'included' ORDER BY 1").fetchall()
    assert sealed == [("rec-cut",), ("rec-other",), ("rec-plain",)]
    asked = "SELECT DISTINCT json_extract(call, '$.raw') FROM calls WHERE json_extract(call, '$.raw') LIKE '=%'"
    assert db.execute(asked).fetchall() == [('=1+1,"x"\nnew line',)]
    db.close()


def test_a_database_needs_a_folder(made: Made, bundle: Path) -> None:
    done = made.open(bundle, "--database")
    assert (done.code, "name a new folder with -o" in done.err) == (2, True)


def test_a_recording_is_heard_with_its_announcement(made: Made, bundle: Path, tmp_path: Path) -> None:
    assert made.open(bundle, "-o", str(tmp_path / "out")).code == 0
    heard = tmp_path / "out" / "recordings"
    assert sorted(path.name for path in heard.glob("*.wav")) == ["rec-cut.wav", "rec-other.wav", "rec-plain.wav"]
    report = json.loads((heard / "rec-plain.json").read_text())
    with wave.open(str(heard / "rec-plain.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    talk = samples[round(report["recording_begins"] * 8000) :]
    assert abs(dominant(talk[:, 0]) - 400) < 5
    assert abs(dominant(talk[:, 1]) - 1000) < 5
    if report["announcement"]["to"]:  # an example without espeak-ng has a sound too, or none
        assert report["recording_begins"] > 1
        assert "announcements/notice@1.wav" in unpacked(bundle)
    assert json.loads((heard / "rec-cut.json").read_text())["interrupted"]


def test_nothing_of_the_log_can_be_read_without_the_key(bundle: Path) -> None:
    data = bundle.read_bytes()
    for secret in (b"2079460", b"account:alice", b"listed_tps", b"a claim", b"Compliance"):
        assert secret not in data, secret


def test_without_a_key_the_clear_part_is_checked(bundle: Path, vkey: str) -> None:
    findings = check(bundle.read_bytes(), vkey)
    assert findings.ok
    assert {each.name for each in findings.checks} >= {"key", "seal", "files", "checkpoint"}


def test_the_key_trusted_on_first_sight_is_said(made: Made, bundle: Path) -> None:
    done = made.open(bundle)
    assert done.code == 0
    assert "trusted on first sight" in done.out


def test_another_gates_key_is_not_believed(bundle: Path, made: Made) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gate.vault.signing import CheckpointKey

    other = CheckpointKey("dialgate-other", Ed25519PrivateKey.generate()).vkey
    done = made.open(bundle, "--vkey", other, "--json")
    assert done.code == 1
    assert "the signature does not hold under dialgate-other" in failed(done)["bundle"]


def test_another_key_does_not_open_it(made: Made, bundle: Path) -> None:
    keys = made.folder / "keys"
    own = ("--key", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))
    from tests.support.commands import dialgate

    done = dialgate("audit", "open", str(bundle), *own)
    assert done.code == 2
    assert "the bundle is for Auditor" in done.err


def test_flips_in_every_part_are_found(bundle: Path, vkey: str) -> None:
    """Every byte is the manifest's, the seal's, or determined: container, padding and end mark too. So many bits of
    each part, however small it is, its first and its last among them."""
    data = bytearray(bundle.read_bytes())
    chance = random.Random(20260302)
    parts = list(parts_of(bundle))
    assert [sum(map(len, parts))] == [len(data)] and len(parts) > 50
    for part in parts:
        inside = chance.sample(range(8 * part.start, 8 * part.stop), min(FLIPS, 8 * len(part)))
        for place in {8 * part.start, 8 * part.stop - 1, *inside}:
            data[place // 8] ^= 1 << place % 8
            with pytest.raises(BundleError):
                check(bytes(data), vkey)
            data[place // 8] ^= 1 << place % 8
    assert check(bytes(data), vkey).ok


def parts_of(bundle: Path) -> Iterator[range]:
    """Which bytes of the file are a header, a member, its padding, the end."""
    end = 0
    with tarfile.open(bundle, "r:") as tar:
        for entry in tar:
            behind = entry.offset_data + entry.size
            places = (entry.offset, entry.offset_data, behind, end := behind + -behind % BLOCK)
            yield from (range(start, stop) for start, stop in pairwise(places) if stop > start)
    yield range(end, bundle.stat().st_size)


def test_every_flip_of_a_checkpoint_is_found(bundle: Path, vkey: str) -> None:
    note = unpacked(bundle)["checkpoint.txt"]
    assert parse_checkpoint(verify_note(note.decode(), vkey))
    for place in range(8 * len(note)):
        changed = bytearray(note)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises((GateError, ValueError)):
            parse_checkpoint(verify_note(bytes(changed).decode(), vkey))


@given(st.data())
@settings(max_examples=examples(150), deadline=None)
def test_rubbish_is_refused_in_one_way(bundle: Path, data: st.DataObject) -> None:
    whole = bundle.read_bytes()
    place = data.draw(st.integers(0, len(whole)))
    middle = data.draw(st.binary(max_size=1024))
    skip = data.draw(st.integers(0, 2048))
    changed = whole[:place] + middle + whole[place + skip :]
    if changed == whole:
        return
    with pytest.raises(BundleError):
        check(changed)


@given(st.binary(max_size=3000))
@settings(max_examples=examples(150), deadline=None)
def test_noise_is_no_bundle(noise: bytes) -> None:
    with pytest.raises(BundleError):
        check(noise)


def test_every_end_of_a_cut_bundle_is_found(bundle: Path) -> None:
    data = bundle.read_bytes()
    for end in [*range(0, len(data), 997), len(data) - 1, len(data) - 512]:
        with pytest.raises(BundleError):
            check(data[:end])
    with pytest.raises(BundleError):
        check(data + b"\0")


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "recordings/../../evil.dgr", "recordings/a/b.dgr", "other.txt"]
)
def test_a_member_that_is_none_of_a_bundle_is_refused(bundle: Path, name: str) -> None:
    members = unpacked(bundle)
    closing = {key: members.pop(key) for key in ("manifest.json", "seal.txt", "seal.sig")}
    with pytest.raises(BundleError, match="not those of the manifest"):
        check(packed({**members, name: b"x", **closing}))


def test_members_exchanged_are_found(bundle: Path) -> None:
    members = unpacked(bundle)
    members["recordings/rec-plain.dgr"], members["recordings/rec-other.dgr"] = (
        members["recordings/rec-other.dgr"],
        members["recordings/rec-plain.dgr"],
    )
    with pytest.raises(BundleError, match=r"rec-plain\.dgr"):
        check(packed(members))


def test_a_failed_export_leaves_no_file(made: Made, tmp_path: Path) -> None:
    done = made.export(tmp_path / "gone.bundle", "--checkpoint", str(made.config))
    assert done.code == 2
    assert "is not a checkpoint" in done.err
    assert list(tmp_path.iterdir()) == []


def copy_of(made: Made, folder: Path) -> Made:
    return replace(made, folder=Path(shutil.copytree(made.folder, folder / "gate")))


def test_an_export_that_fails_late_leaves_no_file(made: Made, tmp_path: Path) -> None:
    copy = copy_of(made, tmp_path)
    (copy.data / "recipients" / "retired").mkdir()
    (copy.data / "recipients" / "retired" / "x.json").write_text("no recipient")
    (tmp_path / "out").mkdir()
    done = copy.export(tmp_path / "out" / "b.bundle")
    assert done.code == 1
    assert "x.json" in done.err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_recording_whose_file_is_gone_is_told_and_does_not_hold(made: Made, tmp_path: Path) -> None:
    copy = copy_of(made, tmp_path)
    next((copy.data / "recordings").rglob("rec-other.dgr")).unlink()
    done = copy.export(tmp_path / "b.bundle", "--json")
    assert (done.code, done.json["counts"]["missing"]) == (0, 1)
    opened = copy.open(tmp_path / "b.bundle", "--json")
    assert opened.code == 1
    assert "not where the gate keeps it" in failed(opened)["not_included"]


def test_a_recording_that_was_replaced_goes_out_as_it_is_and_does_not_hold(made: Made, tmp_path: Path) -> None:
    copy = copy_of(made, tmp_path)
    one, other = (next((copy.data / "recordings").rglob(f"rec-{name}.dgr")) for name in ("plain", "other"))
    shutil.copy(one, other)
    done = copy.export(tmp_path / "b.bundle", "--json")
    assert (done.code, done.json["damaged"]) == (0, ["rec-other"])
    opened = copy.open(tmp_path / "b.bundle", "-o", str(tmp_path / "out"), "--json")
    assert opened.code == 1
    assert "rec-other (not the file whose digest is in the log)" in failed(opened)["recordings"]
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.wav")) == ["rec-cut.wav", "rec-plain.wav"]
