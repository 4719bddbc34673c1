"""A release: what builds it names what there is, is given no more than it needs, and says what is in the package."""

from __future__ import annotations

import re
import tomllib

from tests.support.commands import ROOT

WORKFLOWS = {path.stem: path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")}
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_what_the_workflows_call_is_there() -> None:
    assert set(WORKFLOWS) == {"test", "release"}
    for text in WORKFLOWS.values():
        for target in re.findall(r"\bmake ([a-z-]+)", text):
            if target not in ("gcc",):  # a Debian package beside make
                assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
    assert ".ci/run" in WORKFLOWS["test"]


def test_each_job_may_do_what_it_needs_and_nothing_is_secret() -> None:
    for name, text in WORKFLOWS.items():
        top = text.partition("\njobs:\n")[0]
        assert "permissions:\n  contents: read" in top, name
        assert "secrets." not in text and "pull_request_target" not in text
        for used in re.findall(r"uses: (\S+)", text):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@(v\d+|release/v\d+)", used), used
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    build, publish = WORKFLOWS["release"].partition("  publish:\n")[::2]
    assert "attest-build-provenance" in build and "id-token: write" in build
    assert "make build" not in publish, "what is published is what was attested"


def test_the_pythons_that_are_promised_are_those_that_are_tried() -> None:
    promised = {each.rpartition(" ")[2] for each in PROJECT["project"]["classifiers"] if ":: Python :: 3." in each}
    tried = set(re.findall(r'"(3\.\d+)"', WORKFLOWS["test"])) | {"3.11"}
    assert tried == promised


def test_every_lock_has_hashes_for_all_that_it_names() -> None:
    for name in (".requirements.lock", ".runtime.lock", ".build.lock", ".uv.lock", ".release.lock"):
        lock = (ROOT / name).read_text()
        pins = re.findall(r"^[A-Za-z0-9_.-]+(?:\[[a-z,]+\])?==\S+", lock, re.MULTILINE)
        assert pins and len(re.findall(r"\\\n    --hash", lock)) >= len(pins), name
