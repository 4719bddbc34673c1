"""The recipe of an image, and the composition with an edge: built where a builder runs, else read as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.accounts import NEEDS_ROOT
from tests.support.systemd import debian

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / ".packages/Containerfile"
COMPOSE = ROOT / ".packages/compose.yml"
KNOWN = {"ARG", "FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "STOPSIGNAL", "ENTRYPOINT", "CMD"}

pytestmark = [pytest.mark.packages, pytest.mark.timeout(900)]


def instructions() -> list[tuple[str, str]]:
    """Each of the recipe, continued lines joined."""
    text = re.sub(r"^#.*\n", "", RECIPE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def test_the_recipe_copies_what_is_there_and_ends_without_root() -> None:
    found = instructions()
    assert {word for word, _ in found} <= KNOWN
    stages = [rest.rpartition(" AS ")[2] for word, rest in found if word == "FROM"]
    assert stages == ["built", "edge", "gate"], "the gate is what is built where nothing is asked for"
    for word, rest in found:
        if word == "COPY" and "--from=" in rest:
            assert re.search(r"--from=(\w+)", rest)[1] in stages  # type: ignore[index]
        if word == "RUN":
            for path in re.findall(r"/source/(\S+)", rest):
                assert os.access(ROOT / path, os.X_OK), path
    last = found[max(at for at, (word, _) in enumerate(found) if word == "FROM") :]
    assert ("USER", "dialgate") in last and ("VOLUME", "/etc/dialgate") in last
    assert json.loads(dict(last)["ENTRYPOINT"]) == ["dialgate"] and json.loads(dict(last)["CMD"]) == ["serve"]


def test_what_the_builder_is_given_is_what_the_environment_needs() -> None:
    given = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / name).exists() for name in given)
    assert {".build.lock", ".runtime.lock", "pyproject.toml", "gate", "console", "sample_lists", "LICENSE"} <= given


def test_the_composition_reads_the_edges_files_and_may_do_little() -> None:
    composed = yaml.safe_load(COMPOSE.read_text())
    stages = [rest.rpartition(" AS ")[2] for word, rest in instructions() if word == "FROM"]
    services = composed["services"]
    assert set(services) == {"gate", "kamailio", "rtpengine"}
    for service in services.values():
        assert service["cap_drop"] == ["ALL"] and service["read_only"] and service["network_mode"] == "host"
        assert service["build"]["target"] in stages
        assert (COMPOSE.parent / service["build"]["dockerfile"].rpartition("/")[2]).exists()
    written = {"kamailio": "kamailio.cfg", "rtpengine": "rtpengine.conf"}
    source = (ROOT / "gate/edge/__init__.py").read_text()
    for name, file in written.items():
        (last,) = [word for word in services[name]["command"] if file in word]
        folder = services[name]["volumes"][0].split(":")[1]
        assert last.rpartition("=")[2] == f"{folder}/{file}" and file in source
    assert services["gate"]["stop_grace_period"] == "90s"


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """``buildah`` on a store of its own, with a base image made from the release's packages."""
    if shutil.which("buildah") is None:
        assert not os.environ.get("CI"), "buildah must be installed"
        pytest.skip("builds an image: needs buildah")
    folder = tmp_path_factory.mktemp("image")
    options = ["--root", folder / "root", "--runroot", folder / "run", "--storage-driver", "vfs"]
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}

    def buildah(*words: object) -> str:
        done = subprocess.run(
            ["buildah", *map(str, options), *map(str, words)],
            capture_output=True, text=True, env=environment, cwd=ROOT, timeout=600, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
        return done.stdout.strip()

    root = debian(folder / "debian", "python3", "ca-certificates")
    base = buildah("from", "scratch")
    buildah("copy", "-q", base, root, "/")
    buildah("commit", "-q", base, "localhost/base")
    try:
        yield buildah
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@NEEDS_ROOT
def test_the_debian_that_ci_runs_on_has_all_that_it_installs(tmp_path: Path) -> None:
    suite = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]["suite"]
    assert suite["container"]["image"] == "debian:13"
    scripts = "\n".join([(ROOT / ".ci/run").read_text(), *(step.get("run", "") for step in suite["steps"])])
    wanted = re.findall(r"apt-get install -y -qq --no-install-recommends ([^>&\n]+)", scripts)
    assert len(wanted) == 4
    place = Path("/dev/shm") / f"ci-{tmp_path.name}"
    try:
        root = debian(place, "ca-certificates", release="trixie")
        for words in ("update -qq", f"install -s -qq --no-install-recommends {' '.join(wanted)}"):
            done = subprocess.run(
                ["chroot", root, "apt-get", *words.split()], capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stderr[-2000:]
    finally:
        shutil.rmtree(place, ignore_errors=True)


@NEEDS_ROOT
@pytest.mark.peer
def test_the_image_is_built_and_decides(builder: Callable[..., str]) -> None:
    bounds = [f"--ulimit={name}=1024:1024" for name in ("nofile", "nproc")]
    builder("build", "-q", *bounds, "--build-arg=BASE=localhost/base", "-f", RECIPE, "-t", "dialgate", ".")
    container = builder("from", *bounds, "localhost/dialgate")
    run = ("run", "--user", "dialgate", container, "--")
    builder(*run, "dialgate", "init", "/etc/dialgate/try", "--example")
    answer = json.loads(
        builder(*run, "dialgate", "check", "01632960202", "--json", "-c", "/etc/dialgate/try/config.toml")
    )
    assert (answer["verdict"], answer["reason"]) == ("allow", "consented")
    assert builder(*run, "id", "-u") == "990"
