"""A release: what builds it names what there is, is given no more than it needs, and says what is in the package."""

from __future__ import annotations

import re
import subprocess
import tomllib
from typing import Any

import yaml

from tests.support.commands import ROOT

WORKFLOWS = {path.stem: path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")}
JOBS: dict[str, dict[str, Any]] = {name: yaml.safe_load(text)["jobs"] for name, text in WORKFLOWS.items()}
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
    assert set(JOBS["test"]["python"]["strategy"]["matrix"]["python"]) | {"3.13"} == promised, "Debian 13 has 3.13"


def test_a_step_is_an_action_or_a_script_that_its_shell_reads() -> None:
    for name, jobs in JOBS.items():
        for job, each in jobs.items():
            for step in each["steps"]:
                assert ("uses" in step) != ("run" in step), (name, job, step)
                shell = subprocess.run(["bash", "-n"], input=step.get("run", ""), text=True, capture_output=True)
                assert shell.returncode == 0, (name, job, shell.stderr)


def test_a_privileged_container_says_why() -> None:
    lines = [line.strip() for text in WORKFLOWS.values() for line in text.splitlines()]
    privileged = [at for at, line in enumerate(lines) if "--privileged" in line]
    assert len(privileged) == 1 and lines[privileged[0] - 1].startswith("# Privileged: ")


def test_one_release_of_debian_is_meant_everywhere() -> None:
    """The image, the edge of the manual, the package, and where CI runs: one that has the peers in other versions, or
    lacks one, tries something else."""
    containers = [each["container"] for jobs in JOBS.values() for each in jobs.values() if "container" in each]
    releases = {str(each["image"] if isinstance(each, dict) else each) for each in containers}
    base = re.search(r"BASE=\S+/(debian:\d+)-slim", (ROOT / ".packages/Containerfile").read_text())
    assert base and releases == {base[1]}
    edge = (ROOT / "gate/manual/edge.md").read_text()
    assert re.search(r"\(Debian (\d+): `kamailio`", edge)[1] == base[1].partition(":")[2]  # type: ignore[index]


def test_every_lock_has_hashes_for_all_that_it_names() -> None:
    for name in (".requirements.lock", ".runtime.lock", ".build.lock", ".uv.lock", ".release.lock"):
        lock = (ROOT / name).read_text()
        pins = re.findall(r"^[A-Za-z0-9_.-]+(?:\[[a-z,]+\])?==\S+", lock, re.MULTILINE)
        assert pins and len(re.findall(r"\\\n    --hash", lock)) >= len(pins), name
