"""A systemd of a test's own: the first process of namespaces that hold its processes, mounts and cgroups, and go with
it. The network is the machine's, so that peers on loopback reach its services."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE, until

PROGRAM = "/usr/lib/systemd/systemd"
_TRIES = 3
BOOT = f"""set -e
mount --make-rprivate /
if [ "$2" != / ]; then
    if [ -d "$2.upper" ]; then
        mount -t overlay overlay -o "lowerdir=/,upperdir=$2.upper,workdir=$2.work" "$2"
    else
        mount --bind "$2" "$2"
    fi
    mount --rbind /sys "$2/sys"
    mount --rbind /dev "$2/dev"
    mount -t tmpfs tmpfs "$2/dev/shm"
    mount -t proc proc "$2/proc"
    mount --bind "$1" "$2/mnt"
    cd "$2"
    pivot_root . media
    umount -l /media
    set /mnt
fi
mount -t tmpfs tmpfs /run
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/system
cp "$1"/* /run/systemd/system/
export container=test
exec {PROGRAM} --system --unit=idle.target --log-target=null
"""
"""Nothing of the machine's own units is started: the target wants none."""
NEEDS_SYSTEMD = pytest.mark.skipif(
    os.geteuid() != 0 or not Path(PROGRAM).exists() or shutil.which("nsenter") is None,
    reason="starts a service manager: needs root, systemd and nsenter",
)


class Systemd:
    """One that runs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def ctl(self, *words: str, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """``systemctl`` of it."""
        return self.run("systemctl", "--no-pager", *words, seconds=seconds)

    def run(self, *words: str, seconds: float = PATIENCE, outside: bool = False) -> subprocess.CompletedProcess[str]:
        """A command beside it, as root, in its file system. ``outside``: with the machine's network."""
        network = [] if outside else ["-n"]
        command = ["nsenter", "-t", str(self.pid), "-m", "-p", *network, "--", *words]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment, cwd="/")

    def typed(self, line: str, account: str = "root", seconds: float = PATIENCE, *, outside: bool = False) -> str:
        """What a line prints that an account types into a shell of its own; fails the test where it fails."""
        done = self.run("su", "-", account, "-c", line, seconds=seconds, outside=outside)
        assert done.returncode == 0, f"{account}: {line}\n{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        lines = self.ctl("show", unit, *(f"--property={name}" for name in names)).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)


def overlay(root: Path) -> Path:
    """A new folder for the file system of this machine as it is, in which what is written is written beside it."""
    for folder in (root, root.with_name(f"{root.name}.upper"), root.with_name(f"{root.name}.work")):
        folder.mkdir()
    return root


def debian(root: Path, *packages: str, release: str = "") -> Path:
    """A Debian of this machine's release, or of another, in a new folder, with nothing but what is named and this
    machine's way to a package index. Skips where none is to be had; fails there where the suite must be whole."""
    if shutil.which("mmdebstrap") is None:
        assert not os.environ.get("CI"), "mmdebstrap must be installed"
        pytest.skip("makes a Debian of its own: needs mmdebstrap")
    suite = next(
        line.partition("=")[2] for line in Path("/etc/os-release").read_text().splitlines() if "CODENAME" in line
    )
    lists = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.*")]
    sources = [
        str(path) for path in lists if path.exists() and re.search(rf"http.*\b{suite}\b", path.read_text(), re.S)
    ]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--skip=output/mknod", f"--include={','.join(packages)}"]
    if release and release != suite:
        places = re.findall(r"https?://\S+/debian/?(?=\s)", "\n".join(Path(each).read_text() for each in sources))
        # A mirror that is a copy of some day is out of date, and whole.
        command += ["--aptopt=Acquire::Check-Valid-Until false"]
        suite, sources = release, [f"deb {place} {release} main" for place in places[:1]]
    command += [suite, str(root), *sources]
    for _ in range(_TRIES):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if not done.returncode:
            break
        shutil.rmtree(root, ignore_errors=True)  # a mirror that did not answer
    else:
        assert not os.environ.get("CI"), f"no Debian can be made: {done.stderr[-1000:]}"
        pytest.skip(f"no Debian can be made here: {done.stderr[-300:]}")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/machine.crt")
    patient(root, cert="/etc/machine.crt")
    return root


def patient(root: Path, **options: str) -> None:
    """pip waits there for an index that is slow to answer. ``options``: more of its own."""
    kept = RawConfigParser()
    kept.read(root / "etc/pip.conf")
    kept.read_dict({"global": {"retries": "10", "timeout": "60", **options}})
    with (root / "etc/pip.conf").open("w") as file:
        kept.write(file)


@contextmanager
def systemd(units: Path, root: Path = Path("/"), *, network: bool = False) -> Iterator[Systemd]:
    """One with the unit files of a folder, on the file system in ``root``. Skips where this machine lets nobody start
    it. ``network``: with one of its own, that has loopback and a second address, 192.0.2.10."""
    (units / "idle.target").write_text("[Unit]\nDefaultDependencies=no\n")
    names = ("--pid", "--mount", "--cgroup", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc")
    own = ["--net"] if network else []
    process = subprocess.Popen(
        ["unshare", *own, *names, "sh", "-c", BOOT, "boot", str(units), str(root)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:

        def up() -> int:
            if process.poll() is not None:
                assert process.stderr is not None
                pytest.skip(f"no service manager can be started here: {process.stderr.read()[-300:]}")
            child = children.read_text().split()
            found = Systemd(int(child[0])) if child else None
            return found.pid if found and found.ctl("show", "--property=Version").returncode == 0 else 0

        manager = Systemd(until(up, "systemd does not answer"))
        if network:
            links = ("link set lo up", "link add outside type veth peer name beyond", "link set beyond up")
            for words in (*links, "link set outside up", "addr add 192.0.2.10/24 dev outside"):
                subprocess.run(["nsenter", "-t", str(manager.pid), "-n", "ip", *words.split()], check=True)
        yield manager
    finally:
        for child in children.read_text().split() if process.poll() is None else ():
            os.kill(int(child), signal.SIGKILL)  # unshare waits for it: then nothing of its namespaces is left
        process.wait(PATIENCE)
