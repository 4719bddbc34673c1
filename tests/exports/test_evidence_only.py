"""A bundle of evidence alone, for a key that opens no recording: made, opened, and never taken for a whole one."""

from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import cryptography
import pytest
from msgspec import UNSET

from gate.core.facts.audit import BundleExported
from gate.exports import bundle as form
from gate.exports.bundle import BundleError
from gate.exports.bundle_read import Findings, open_bundle
from gate.operations.audit import exporting
from tests.exports.test_bundle import FLIPS, parts_of
from tests.support.bundles import PERIOD, Made, clear_logs, make, resealed, unpacked
from tests.support.commands import Done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("alone"))


def without_keys(made: Made, output: Path, *more: str) -> Done:
    """An export by somebody who can open nothing."""
    told = ("--recipient", "Auditor", "--purpose", "annual audit", "-o", str(output))
    return made.command("audit", "export", *PERIOD, *told, *more)


@pytest.fixture(scope="module")
def bundle(made: Made) -> Path:
    path = made.folder.parent / "alone.bundle"
    done = without_keys(made, path, "--evidence-only", "--json")
    assert done.code == 0 and form.ALONE in done.err, done.err
    assert done.json["evidence_only"] is True and "included" not in done.json["counts"]
    return path


def rows(made: Made, bundle: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in clear_logs(made, bundle)[name].splitlines()]


def test_without_the_flag_it_is_refused_and_names_the_flag(made: Made, tmp_path: Path) -> None:
    done = without_keys(made, tmp_path / "none.bundle")
    assert done.code == 2 and "nor to a key that you gave: 3" in done.err and "--evidence-only" in done.err
    assert not (tmp_path / "none.bundle").exists()


def test_all_evidence_is_in_it_and_each_recording_has_its_word(made: Made, bundle: Path, tmp_path: Path) -> None:
    assert not [name for name in unpacked(bundle) if name.startswith(("recordings/", "announcements/"))]
    told = {row["recording_id"]: row["status"] for row in rows(made, bundle, "recordings.jsonl")}
    asked = dict.fromkeys(("rec-plain", "rec-cut", "rec-other"), "not_asked")
    assert told == asked | {"rec-restricted": "restricted", "rec-erased": "erased"}
    facts = [fact for fact in rows(made, bundle, "facts.jsonl") if fact["subject"] == manifest(bundle)["bundle"]]
    assert [json.loads(fact["body"]).get("evidence_only") for fact in facts if fact["kind"] == "bundle_exported"] == [
        True
    ]
    given = [fact for call in rows(made, bundle, "calls.jsonl") for fact in call["facts"]]
    of_this = [fact for fact in given if manifest(bundle)["bundle"] in str(fact.get("body"))]
    assert not of_this, "no leaf says that a recording went out"
    whole = tmp_path / "whole.bundle"
    assert made.export(whole).code == 0
    assert "evidence_only" not in manifest(whole) and "not_asked" not in manifest(whole)["counts"]
    for name in ("calls.csv", "decisions.csv", "decisions.jsonl", "registers.jsonl"):
        assert clear_logs(made, bundle)[name] == clear_logs(made, whole)[name], name


def manifest(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unpacked(bundle)["manifest.json"])
    return found


def test_it_is_opened_and_says_first_what_it_is(made: Made, bundle: Path, tmp_path: Path) -> None:
    done = made.open(bundle, "-o", str(tmp_path / "out"))
    assert done.code == 0, done.out + done.err
    assert done.out.splitlines()[0] == f"holds  {form.ALONE}"
    assert f"3 {form.STATUSES['not_asked']}" in done.out
    assert not list((tmp_path / "out" / "recordings").iterdir())
    assert json.loads((tmp_path / "out" / "report.json").read_text())["evidence_only"] is True
    whole = tmp_path / "whole.bundle"
    assert made.export(whole).code == 0
    assert "vidence alone" not in made.open(whole).out


def test_every_flip_is_found(bundle: Path) -> None:
    data, chance = bytearray(bundle.read_bytes()), random.Random(20260302)
    for part in parts_of(bundle):
        for place in {8 * part.start, *chance.sample(range(8 * part.start, 8 * part.stop), min(FLIPS, 8 * len(part)))}:
            data[place // 8] ^= 1 << place % 8
            with pytest.raises(BundleError):
                open_bundle(io.BytesIO(data), Findings())
            data[place // 8] ^= 1 << place % 8
    findings = Findings()
    open_bundle(io.BytesIO(data), findings)
    assert findings.ok


# --- passed for a whole one ----------------------------------------------------------------------------------------


def whole_in_name(made: Made, bundle: Path, **changed: Any) -> bytes:
    """The gate's own key signs a manifest that does not say what it is."""
    return resealed(made, bundle, unpacked(bundle), evidence_only=UNSET, **changed)


@pytest.fixture
def reader(made: Made, tmp_path: Path) -> Any:
    """``reader.py`` with cryptography alone: nothing of Dialgate."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for pattern in ("cryptography", "cffi", "_cffi_backend*", "pycparser"):
        for path in Path(cryptography.__file__).parents[1].glob(pattern):
            (packages / path.name).symlink_to(path)

    def reads(bundle: Path) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "reader.py"
        program.write_bytes(unpacked(bundle)["reader.py"])
        start = f"import sys, runpy; sys.path[:0] = [{str(packages)!r}]; sys.argv = sys.argv[1:]; "
        start += "runpy.run_path(sys.argv[0], run_name='__main__')"
        options = ("--key", str(made.key), "--passphrase-file", str(made.passphrase))
        command = [sys.executable, "-I", "-S", "-c", start, str(program), str(bundle), *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    return reads


def test_the_reader_in_it_says_first_what_it_is(reader: Any, bundle: Path) -> None:
    done = reader(bundle)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == form.ALONE
    assert "none is left out" in done.stdout


@pytest.mark.parametrize("counts", ["as it was", "as of none", "as included"])
def test_it_passes_for_no_whole_one_even_with_the_gates_own_key(
    made: Made, bundle: Path, reader: Any, tmp_path: Path, counts: str
) -> None:
    changed = manifest(bundle)["counts"]
    if counts != "as it was":
        del changed["not_asked"]
    changed |= {"included": 3} if counts == "as included" else {}
    false = tmp_path / "false.bundle"
    false.write_bytes(whole_in_name(made, bundle, counts=changed))
    done, read = made.open(false), reader(false)
    told = "whether recordings were asked for" if counts == "as it was" else "was begun as one of evidence alone"
    assert done.code == 1 and told in done.out, done.out
    assert read.returncode == 1 and "DOES NOT HOLD" in read.stdout, read.stdout


def test_a_whole_one_is_not_named_evidence_alone(made: Made, reader: Any, tmp_path: Path) -> None:
    whole, false = tmp_path / "whole.bundle", tmp_path / "false.bundle"
    assert made.export(whole).code == 0
    false.write_bytes(resealed(made, whole, unpacked(whole), evidence_only=True))
    done = made.open(false)
    assert done.code == 1 and "another word than its counts" in done.out
    assert reader(false).returncode == 1


def test_what_the_log_does_not_have_so_is_found(
    made: Made, reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate whose leaf keeps silent of it, and whose bundle says it."""

    class Silent:
        kind = BundleExported.kind

        def __new__(cls, **fields: Any) -> BundleExported:  # type: ignore[misc]
            return BundleExported(**fields | {"evidence_only": UNSET})

        @staticmethod
        def read(values: dict[str, Any]) -> BundleExported:
            return BundleExported.read(values | {"evidence_only": True})

    false = tmp_path / "false.bundle"
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "BundleExported", Silent)
        assert without_keys(made, false, "--evidence-only").code == 0
    done, read = made.open(false), reader(false)
    assert done.code == 1 and "The log does not have it so" in done.out, done.out
    assert read.returncode == 1 and "the log has another word" in read.stdout, read.stdout


def test_the_words_are_the_same_in_both_readers(bundle: Path) -> None:
    assert form.ALONE.encode() in unpacked(bundle)["reader.py"]
    assert hashlib.sha256(unpacked(bundle)["reader.py"]).hexdigest() == form.reader_sha256()
