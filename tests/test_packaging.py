"""What is declared is what is imported; a gate without the extras works; a package index shows the README whole."""

from __future__ import annotations

import ast
import email
import os
import pty
import re
import select
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from email.message import Message
from functools import cache
from importlib.metadata import distribution, distributions, packages_distributions
from pathlib import Path

import pytest

from gate import manual
from tests.support.commands import ROOT
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.deep

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
PARTS = {
    "gate": (),
    "gate/softphone": ("softphone",),
    "gate/store/postgresql.py": ("postgresql",),
    "gate/vault/bucket.py": ("s3",),
    "gate/traces": ("otel",),
    "console": ("console",),
}
"""Folder or file -> the extras that may be imported in it."""
NOT_IMPORTED = {"tzdata": "data of zoneinfo", "audioop-lts": "the standard library has it before Python 3.13"}


def plain(name: str) -> str:
    """A distribution's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """Distributions that are installed with these extras."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return {plain(re.match(r"[\w.-]+", line)[0]) for line in lines}  # type: ignore[index]


def imported(folder: str) -> Iterator[tuple[str, Path]]:
    """Top packages from outside that the files of a folder import; those of another part are left out."""
    inner = [ROOT / other for other in PARTS if other.startswith(f"{folder}/")]
    for path in sorted((ROOT / folder).rglob("*.py")) or [ROOT / folder]:
        if not any(path.is_relative_to(each) for each in inner):
            yield from ((top, path) for top in tops(path))


@cache
def tops(path: Path) -> frozenset[str]:
    """Top packages from outside that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        found.update(name.partition(".")[0] for name in names)
    return frozenset(found - sys.stdlib_module_names - {"gate", "console"})


@cache
def brought_by() -> dict[str, set[str]]:
    """Package -> the distributions that bring it."""
    return {name: {plain(each) for each in found} for name, found in packages_distributions().items()}


@pytest.mark.parametrize("folder", PARTS)
def test_what_is_imported_is_declared(folder: str) -> None:
    found = list(imported(folder))
    assert found
    for package, path in found:
        assert brought_by()[package] & declared(*PARTS[folder]), f"{path}: {package} is not declared"


def test_what_is_declared_is_imported() -> None:
    used = {each for folder in PARTS for package, _ in imported(folder) for each in brought_by()[package]}
    assert declared(*EXTRAS) - used == set(NOT_IMPORTED) - used


def test_lock_file_has_every_extra() -> None:
    locked = {plain(name) for name in re.findall(r"^([\w.-]+)==", (ROOT / ".requirements.lock").read_text(), re.M)}
    assert declared(*EXTRAS) <= locked


# --- without the extras -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with everything but what the extras bring."""
    home = tmp_path_factory.mktemp("bare")
    venv.create(home, symlinks=True)
    without = declared(*EXTRAS) - declared()
    here = {plain(each.name) for each in distributions()}
    gone = {str(file).partition("/")[0] for name in without & here for file in distribution(name).files or ()}
    assert {"textual", "pyVoIP"} <= gone
    target = next(home.glob("lib/python*/site-packages"))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name not in gone | {"__pycache__"}:
            (target / entry.name).symlink_to(entry)
    return home / "bin" / "python"


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-P", "-m", "gate.cli.main", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def test_without_extras_the_gate_is_whole(bare: Path) -> None:
    program = (
        "import importlib, pkgutil, gate\n"
        "for each in pkgutil.walk_packages(gate.__path__, 'gate.', onerror=print):\n"
        "    if not each.name.startswith(('gate.softphone', 'gate.store.postgresql', 'gate.traces',"
        " 'gate.vault.bucket', 'gate.cli.console_start')):\n"
        "        importlib.import_module(each.name)\n"
    )
    done = subprocess.run([bare, "-P", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) <= {"gate.softphone", "gate.traces"}


@pytest.fixture(scope="module")
def config(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example that was made without the extras."""
    folder = tmp_path_factory.mktemp("example") / "try-it"
    assert run(bare, "init", str(folder), "--example").returncode == 0
    return folder / "config.toml"


def test_without_extras_a_number_is_checked(bare: Path, config: Path) -> None:
    assert run(bare, "check", "020 7946 0101", "-c", str(config)).returncode == 3


def test_without_its_extra_the_demo_says_what_to_install(bare: Path, tmp_path: Path) -> None:
    done = run(bare, "demo", "--folder", str(tmp_path / "demo"))
    assert done.returncode == 2
    assert done.stderr == (
        'dialgate: pyVoIP is not installed, which this needs\n    hint: pip install "dialgate[softphone]"\n'
    )
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("options", [[], ["--web"]], ids=["terminal", "web"])
def test_without_its_extra_the_console_says_what_to_install(bare: Path, config: Path, options: list[str]) -> None:
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [bare, "-P", "-m", "gate.cli.main", "console", *options, "-c", config],
        cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    assert started.wait(PATIENCE) == 2
    said = os.read(ours, 65536).decode() if select.select([ours], [], [], 10)[0] else ""
    os.close(theirs)
    os.close(ours)
    assert 'pip install "dialgate[console]"' in said


# --- the package --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (each for each in file.namelist() if each.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(file.read(name))


def test_the_wheel_has_every_page_of_the_manual(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        inside = set(file.namelist())
    assert {f"gate/manual/{name}.md" for name in [manual.INDEX, *(page.name for page in manual.pages())]} <= inside
    assert {"gate/core/LAW.md", "console/web_page.html"} <= inside


def test_a_package_index_shows_the_readme_with_links_that_lead_somewhere(metadata: Message) -> None:
    from readme_renderer import markdown

    assert metadata["Description-Content-Type"] == "text/markdown"
    text = metadata.get_payload(decode=True).decode()  # type: ignore[union-attr]
    shown = markdown.render(text)
    assert shown and "<table>" in shown
    targets = re.findall(r'(?:href|src)="((?!#)[^"]*)"', shown)
    assert len(targets) > 30
    base = PROJECT["urls"]["Repository"]
    raw = base.replace("https://github.com/", "https://raw.githubusercontent.com/")
    for target in targets:
        assert target.startswith((f"{base}/blob/main/", f"{raw}/main/")), target
        inside = re.sub(rf"^({base}/blob|{raw})/main/|[?#].*$", "", target)
        assert (ROOT / inside).is_file(), target


def test_the_metadata_has_addresses_and_extras(metadata: Message) -> None:
    assert {each.partition(",")[0] for each in metadata.get_all("Project-URL", [])} >= {"Repository", "Documentation"}
    assert set(metadata.get_all("Provides-Extra", [])) == {"console", "otel", "postgresql", "s3", "softphone"}
