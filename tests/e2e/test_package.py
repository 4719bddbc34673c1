"""The Debian package on a clean Debian under its own systemd: installed, upgraded with calls kept, removed, purged.

The root of that machine is made anew of nothing but the release's packages, so what the package needs it has to name.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.config.write import amend
from tests.support.accounts import NEEDS_ROOT
from tests.support.phones import Phones, heard, speaking
from tests.support.running_gate import LISTED, UNLISTED, free_port
from tests.support.systemd import NEEDS_SYSTEMD, Systemd, debian, systemd
from tests.support.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
MEGABYTES = 150
EXPOSURE = 2.0
NEAR, FAR = 1000.0, 600.0
"""What the two sides of a call say, in Hz."""
MARK = "usr/lib/dialgate/of_an_older_version"
PBX = """
[[pbx]]
name = "pbx"
addresses = ["127.0.0.1"]
presentation = "+442079460000"
refusal = 603
"""
UNITS = ("dialgate.service", "dialgate-backup.service", "dialgate-sweep.service")

pytestmark = [
    pytest.mark.packages,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="makes a Debian package: needs dpkg-deb"),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this source."""
    folder = tmp_path_factory.mktemp("package")
    subprocess.run([ROOT / ".packages/deb/build", folder], check=True, capture_output=True, timeout=600)
    (made,) = folder.glob("*.deb")
    return made


@pytest.fixture(scope="module")
def unpacked(package: Path) -> Path:
    """What is in it; its control files in ``DEBIAN``."""
    subprocess.run(["dpkg-deb", "-R", package, package.parent / "unpacked"], check=True)
    return package.parent / "unpacked"


@pytest.fixture(scope="module")
def older(package: Path, unpacked: Path) -> Path:
    """The same under a lower version, with a file that the newer one lacks."""
    tree = package.parent / "older"
    shutil.copytree(unpacked, tree, symlinks=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 0~"))
    default = tree / "etc/default/dialgate"
    default.write_text("# As it was.\n" + default.read_text())
    (tree / MARK).touch()
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, tree.with_suffix(".deb")], check=True
    )
    return tree.with_suffix(".deb")


# --- the files ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is missing")
def test_lintian_finds_no_error_and_nothing_to_warn_of(package: Path) -> None:
    done = subprocess.run(["lintian", "--fail-on", "error,warning", package], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_nothing_tells_where_or_when_it_was_built(package: Path, unpacked: Path) -> None:
    """So the same source makes the same bytes."""
    places = [str(path) for path in unpacked.rglob("*") if path.name in ("RECORD", "direct_url.json", "__pycache__")]
    assert places == []
    listed = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    assert len({" ".join(line.split()[3:5]) for line in listed.splitlines()}) == 1, "one time stamp"
    for file in ("usr/lib/dialgate/pyvenv.cfg", "usr/lib/dialgate/bin/dialgate"):
        assert "/tmp" not in (unpacked / file).read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing (package systemd)")
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_exposed_no_further_than_it_must_be(unpacked: Path, name: str) -> None:
    unit = unpacked / "usr/lib/systemd/system" / name
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", unit]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# --- on a machine -------------------------------------------------------------------------------------------------


class Machine:
    """A clean Debian that has the packages' files in /srv."""

    def __init__(self, root: Path, manager: Systemd) -> None:
        self.root, self.manager = root, manager
        self.port, self.trunk_port = free_port(), free_port()

    @property
    def data(self) -> Path:
        """The gate's data folder, from outside."""
        return self.root / "etc/dialgate/data"

    def dpkg(self, *words: str, **environment: str) -> str:
        """``dpkg``, as a person at that machine would."""
        assigned = [f"{name}={value}" for name, value in {"DEBIAN_FRONTEND": "noninteractive", **environment}.items()]
        done = self.manager.run("env", *assigned, "dpkg", *words, seconds=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def gate(self, words: str) -> str:
        """A command of the gate's account."""
        return self.manager.typed(f"dialgate {words} -c /etc/dialgate/config.toml", "dialgate")

    def active(self, unit: str = "dialgate.service") -> str:
        return self.manager.show(unit, "ActiveState")["ActiveState"]

    def digests(self) -> dict[str, bytes]:
        """What a firm may not lose: log, keys, recordings."""
        kept = [*self.data.glob("*.db"), *self.data.glob("*.key"), *self.data.rglob("*.dgr")]
        return {str(path.relative_to(self.data)): path.read_bytes() for path in kept}


@pytest.fixture(scope="module")
def machine(package: Path, older: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    try:
        root = debian(folder / "root", "python3", "systemd")
        shutil.copy(package, root / "srv/dialgate.deb")
        shutil.copy(older, root / "srv/older.deb")
        (folder / "units").mkdir()
        with systemd(folder / "units", root) as manager:
            yield Machine(root, manager)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@NEEDS_ROOT
@NEEDS_SYSTEMD
def test_installed_upgraded_removed_and_purged_it_loses_nothing(machine: Machine) -> None:
    """One life of a machine, in its order."""
    manager = machine.manager

    # Installed: what it needs is there, an account, folders and units; nothing runs before somebody has set it up.
    machine.dpkg("-i", "/srv/older.deb")
    assert machine.active() == "inactive"
    assert manager.ctl("is-enabled", *UNITS[:1], "dialgate-backup.timer", "dialgate-sweep.timer").returncode == 0
    assert manager.typed("stat -c '%U:%G %a' /etc/dialgate").strip() == "dialgate:dialgate-users 2750"
    size = sum(path.lstat().st_blocks * 512 for path in (machine.root / "usr/lib/dialgate").rglob("*"))
    assert size < MEGABYTES * 1024 * 1024, f"{size / 1024 / 1024:.0f} MB"

    # Set up and started: it carries, refuses and records under the sandbox of its unit.
    machine.manager.typed("dialgate init /etc/dialgate --example", "dialgate")
    config = machine.root / "etc/dialgate/config.toml"
    config.write_text(config.read_text() + PBX)
    amend(
        config,
        {
            "sip": {"listen": f"127.0.0.1:{machine.port}"},
            "trunk": {"address": f"127.0.0.1:{machine.trunk_port}", "options_seconds": 0},
            "control": {"socket": "/run/dialgate/control.sock", "group": "dialgate-users"},
        },
    )
    assert manager.ctl("start", "dialgate.service").returncode == 0, manager.ctl("status", "dialgate.service").stdout
    call(machine, 1)
    (recording,) = machine.data.rglob("*.dgr")

    # The timers' work: a backup where places are named, none where not; the sweep waits where the gate's does.
    assert manager.ctl("start", "dialgate-backup.service").returncode == 0
    default = machine.root / "etc/default/dialgate"
    manager.typed("install -d -o dialgate /srv/data /srv/keys")
    default.write_text(default.read_text().replace("BACKUP=", "BACKUP=/srv/data").replace("KEYS=", "KEYS=/srv/keys"))
    assert manager.ctl("start", "dialgate-backup.service").returncode == 0
    assert len(list(machine.root.glob("srv/*/20*/backup.json"))) == 2
    assert manager.ctl("start", "dialgate-sweep.service").returncode == 0
    assert json.loads(machine.gate("retention status --json"))["last"]
    amend(config, {"retention": {"months": 6}})
    assert manager.ctl("restart", "dialgate.service").returncode == 0
    assert manager.ctl("start", "dialgate-sweep.service").returncode, "shorter terms are looked at by a person first"
    amend(config, {"retention": {"months": 12}})

    # Upgraded while it runs: it drains, stops, runs again as the new one; what was edited stays.
    before = manager.show("dialgate.service", "MainPID")
    assert (machine.root / MARK).exists()
    machine.dpkg("--force-confold", "-i", "/srv/dialgate.deb")
    assert not (machine.root / MARK).exists() and "BACKUP=/srv/data" in default.read_text()
    assert machine.active() == "active" and manager.show("dialgate.service", "MainPID") != before
    assert json.loads(machine.gate("audit verify --json"))["ok"] and recording.exists()
    call(machine, 2)

    # Removed: nothing of the program is left, all that was kept is; installed again, the log holds.
    assert manager.ctl("stop", "dialgate.service").returncode == 0
    kept = machine.digests()
    assert len([name for name in kept if name.endswith(".dgr")]) == 2
    machine.dpkg("--remove", "dialgate")
    assert not (machine.root / "usr/lib/dialgate").exists() and machine.digests() == kept
    said = machine.dpkg("--purge", "dialgate")
    assert "kept /etc/dialgate" in said and machine.digests() == kept
    assert not default.exists()
    machine.dpkg("-i", "/srv/dialgate.deb")
    assert json.loads(machine.gate("audit verify --json"))["ok"]
    recorded = json.loads(machine.gate("recording list --json"))["items"][0]["recording_id"]
    opens = "-k /etc/dialgate/keys/first.key --passphrase-file /etc/dialgate/keys/first.passphrase"
    machine.gate(f"recording export {recorded} {opens} -o /var/lib/dialgate/a.wav --purpose test")
    assert (machine.root / "var/lib/dialgate/a.wav").stat().st_size > 8000

    # Purged by who says so in words: all of it goes.
    machine.dpkg("--purge", "dialgate", DIALGATE_PURGE="evidence")
    assert not (machine.root / "etc/dialgate").exists() and not (machine.root / "var/lib/dialgate").exists()


def call(machine: Machine, calls: int) -> None:
    """A refused call, and one that is announced and recorded: the ``calls``th that ends."""
    far = Phones(port=machine.trunk_port, audio=lambda _: speaking(FAR), keep=True)
    near = Phones(to=("127.0.0.1", machine.port), audio=lambda _: speaking(NEAR), keep=True)
    with far, near:
        refused = near.dial(LISTED)
        near.wait([refused], "over", PATIENCE)
        assert "listed_tps" in refused.reasons[0] and not far.talks
        talk = near.dial(UNLISTED)
        near.wait([talk], "up", PATIENCE)
        (answered,) = far.all()
        # A call that is hung up within two seconds counts as abandoned, and its number is not called again.
        until(lambda: heard(talk, FAR) > 3 and heard(answered, NEAR) > 3, "they do not hear each other")
        near.hang_up(talk)
        near.wait([talk], "over", PATIENCE)
    ended = '"state": "ended"'
    until(lambda: machine.gate("calls list --json").count(ended) == calls, "the call is left")
