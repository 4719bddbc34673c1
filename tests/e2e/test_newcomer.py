"""A newcomer types what the manual says: from a fresh clone to a recording that is heard and a bundle that is opened.

Under a systemd and a network of the test's own: so accounts, units, absolute paths and ports are those of the manual.
Each Python that is here has its turn: Debian's on a clean Debian that has what the manual says to install, any other on
this machine's file system with all that is written kept beside it. A line is taken from its page as it stands; what is
put in another's place is named.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.config.write import amend
from tests.support.accounts import NEEDS_ROOT
from tests.support.audio import Samples, read_wav, windows
from tests.support.baresip import Baresip, required
from tests.support.documents import page
from tests.support.systemd import NEEDS_SYSTEMD, Systemd, debian, overlay, patient, systemd
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
RELEASES = {"3.13": "trixie", "3.14": "forky"}
"""Debian's, by their Python."""
MOVING = frozenset({"forky"})
"""Not out yet: what is in them changes any day, so that no change of ours waits for them."""
NEEDED = ("adduser", "baresip-core", "ca-certificates", "curl", "iproute2", "systemd")
"""What the pages take for granted, and the phones."""
MEGABYTES = 150
"""What a gate runs with, compiled, takes less."""
NEAR, FAR = 700.0, 1000.0
"""What the phone says, and the UAS that the page has in the carrier's place, in Hz."""

pytestmark = [NEEDS_ROOT, NEEDS_SYSTEMD, pytest.mark.packages, pytest.mark.peer, pytest.mark.timeout(900)]


def interpreter(version: str) -> str:
    """One that makes environments; empty where this machine has none."""
    kept = sorted(str(each) for each in Path("/root/.pyenv/versions").glob(f"{version}.*/bin/python{version}"))
    for path in (f"/usr/bin/python{version}", f"/usr/local/bin/python{version}", *kept):
        if Path(path).exists() and not subprocess.run([path, "-c", "import ensurepip"], capture_output=True).returncode:
            return path
    return ""


PYTHONS = [each for each in ("3.11", "3.12", "3.13", "3.14") if each in RELEASES or interpreter(each)]


def line(name: str, start: str, *, other: str = "", **instead: str) -> str:
    """The one line of a page's commands that begins so, continued ones joined, and has not ``other`` in it.

    ``instead``: words of it -> what a reader puts in their place."""
    text = re.sub(r"\\\n\s*", "", "\n".join(block.text for block in page(name).blocks if block.language == "sh"))
    lines = {each.strip() for each in text.splitlines() if each.strip().startswith(start)}
    (found,) = {each for each in lines if not other or other not in each}
    for word, given in instead.items():
        assert word in found, f"{name} has no {word} any more: {found}"
        found = found.replace(word, given)
    return found


class Newcomer:
    """Somebody at the machine, with the accounts that they make."""

    def __init__(self, manager: Systemd, python: str) -> None:
        self.manager, self.python = manager, python
        self.root = Path(f"/proc/{manager.pid}/root")

    def types(self, account: str, *lines: str, folder: str = "~") -> str:
        """Lines in one shell of an account; fails the test where the last fails."""
        return self.manager.typed("\n".join([f"cd {folder}", *lines]), account)


@pytest.fixture(
    params=[pytest.param(each, marks=pytest.mark.moving if RELEASES.get(each) in MOVING else ()) for each in PYTHONS]
)
def newcomer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Newcomer]:
    required()
    release = RELEASES.get(request.param, "")
    place = Path("/dev/shm") / f"newcomer-{tmp_path.name}"
    place.mkdir(mode=0o755)
    (tmp_path / "units").mkdir()
    try:
        root = debian(place / "root", *NEEDED, release=release) if release else overlay(place / "root")
        with systemd(tmp_path / "units", root, network=True) as manager:
            python = (
                f"/usr/bin/python{request.param}" if release else readable(manager, Path(interpreter(request.param)))
            )
            newcomer = Newcomer(manager, python)
            if release:
                manager.typed("apt-get update -qq -o Acquire::Check-Valid-Until=false", seconds=300, outside=True)
                for name in ("getting-started", "deployment"):
                    wanted = line(name, "apt install git", **{"install": "install -y -qq --no-install-recommends"})
                    manager.typed(f"DEBIAN_FRONTEND=noninteractive {wanted}", seconds=300, outside=True)
            else:
                patient(newcomer.root)
            yield newcomer
    finally:
        shutil.rmtree(place, ignore_errors=True)


def readable(manager: Systemd, python: Path) -> str:
    """An interpreter where every account and unit may read it: one in /root is in /opt, too, with its library."""
    if not python.is_relative_to("/root"):
        return str(python)
    place = f"/opt/{python.name}"
    manager.typed(f"mkdir {place} && mount --bind {python.parents[1]} {place}")
    manager.typed(f"echo {place}/lib > /etc/ld.so.conf.d/{python.name}.conf && ldconfig")
    return f"{place}/bin/{python.name}"


def test_what_the_manual_says_ends_in_a_recording_heard_and_a_bundle_opened(newcomer: Newcomer, tmp_path: Path) -> None:
    machine = newcomer.manager
    machine.typed("useradd -m -s /bin/bash newcomer")
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    shutil.copytree(tmp_path / "clone", newcomer.root / "home/newcomer/dialgate", symlinks=True)
    machine.typed("chown -R newcomer: ~newcomer/dialgate")
    first_call(newcomer)
    second_phone(newcomer)
    bundle(newcomer)
    in_service(newcomer)


def first_call(newcomer: Newcomer) -> None:
    """The page First call: the phone as its maker left it, but for account, password and proxy."""
    install = line("deployment", "make install", **{"/opt/dialgate/.venv": ".venv"}) + f" PYTHON={newcomer.python}"
    newcomer.manager.typed(f"cd ~/dialgate\n{install}", "newcomer", 600, outside=True)
    activate = line("getting-started", ". .venv")
    newcomer.types("newcomer", activate, line("getting-started", "dialgate init"), folder="~/dialgate")
    starts_gate(newcomer)
    home = newcomer.root / "home/newcomer/dialgate"
    uas = line("getting-started", "python -m gate.cli.test_uas")
    newcomer.types("newcomer", activate, f"nohup {uas} > uas.log 2>&1 & echo $! > uas.pid", folder="~/dialgate")
    until(lambda: "5070" in machine_ports(newcomer), lambda: (home / "uas.log").read_text()[-2000:])
    near = phone_of_the_page(newcomer)
    try:
        switch_on(newcomer, near, number_that("listed_tps"), seconds=12)
        near.wait("603 Declined: on the TPS")
        switch_on(newcomer, near, number_that("goes to the trunk"), seconds=30)
        near.wait("Call established")
        near.finish()
    finally:
        near.end()

    environment = line("getting-started", "export DIALGATE_CONFIG")
    seen = newcomer.types(
        "newcomer", activate, environment, line("getting-started", "dialgate calls list"), folder="~/dialgate"
    )
    assert "listed_tps" in seen and "not_listed" in seen, seen
    kept = newcomer.types(
        "newcomer",
        activate,
        environment,
        line("getting-started", "dialgate recording list") + " --json",
        folder="~/dialgate",
    )
    (recording,) = json.loads(kept)["items"]
    export = line("getting-started", "dialgate recording export", ID=recording["recording_id"])
    newcomer.types(
        "newcomer", activate, environment, export, line("getting-started", "dialgate audit verify"), folder="~/dialgate"
    )
    samples, rate = read_wav(home / "call.wav")
    for side, tone in enumerate((NEAR, FAR)):
        assert sounds(samples[:, side], rate, tone), side


def sounds(samples: Samples, rate: int, tone: float) -> bool:
    """More than a second of this tone."""
    return sum(each is not None and abs(each - tone) < 20 for each in windows(samples, rate=rate)) > 10


def starts_gate(newcomer: Newcomer) -> None:
    """In a terminal of its own, as the page has it."""
    serve = f"nohup {line('getting-started', 'dialgate serve')} > gate.log 2>&1 & echo $! > gate.pid"
    newcomer.types("newcomer", line("getting-started", ". .venv"), serve, folder="~/dialgate")
    log = newcomer.root / "home/newcomer/dialgate/gate.log"
    until(lambda: "5060" in machine_ports(newcomer), lambda: log.read_text()[-2000:])


def number_that(does: str) -> str:
    """A number of the page's table, by what happens."""
    rows = re.findall(r"^\| `([0-9 ]+)` \| (.+) \|$", page("getting-started").text, re.MULTILINE)
    return next(number for number, what in rows if does in what).replace(" ", "")


def phone_of_the_page(newcomer: Newcomer) -> Baresip:
    """As its maker left it, but for the settings of the page."""
    settings = dict(re.findall(r"^\| ([a-z ]+) \| (.+) \|$", page("getting-started").text, re.MULTILINE))
    file = re.search(r"`(try-it/\S+)`", settings["password"])[1]  # type: ignore[index]
    host, port = re.search(r"`([\d.]+):(\d+)`", settings["registrar and outbound proxy"]).groups()
    password = (newcomer.root / "home/newcomer/dialgate" / file).read_text().splitlines()[0]
    return phone(newcomer, "near", (host, int(port)), settings["user name"].strip("`"), password, NEAR, listen="")


def second_phone(newcomer: Newcomer) -> None:
    """It takes the UAS's place, as the page allows: two phones as their maker left them, at the machine's interface."""
    newcomer.types("newcomer", "kill $(cat gate.pid uas.pid)", folder="~/dialgate")
    until(lambda: "5060" not in machine_ports(newcomer), "the gate does not end")
    newcomer.types("newcomer", "sed -i s/127.0.0.1:5070/192.0.2.10:5070/ try-it/config.toml", folder="~/dialgate")
    listens = "sip_listen 0.0.0.0:5070"  # to baresip every interface but loopback
    far = phone(newcomer, "far", ("127.0.0.1", 9), "far", "", FAR, answers=True, listen=listens)
    number = number_that("consented")
    (far.folder / "accounts").write_text(f"<sip:+44{number[1:]}@127.0.0.1>;regint=0;answermode=auto\n")
    near = phone_of_the_page(newcomer)
    try:
        switch_on(newcomer, far)
        far.wait("baresip is ready")
        starts_gate(newcomer)
        switch_on(newcomer, near, number, seconds=30)
        near.wait("Call established")
        near.finish()
        # the length of what it heard is in its WAV a moment after the call
        until(lambda: sounds(far.heard(), 8000, NEAR), lambda: f"the other phone hears nothing:\n{far.said[-3000:]}")
    finally:
        near.end()
        far.end()
    assert sounds(near.heard(), 8000, FAR)


def bundle(newcomer: Newcomer) -> None:
    """The page Audit: the auditor has a folder of their own, and nothing of the gate's."""
    activate, environment = line("getting-started", ". .venv"), line("getting-started", "export DIALGATE_CONFIG")
    words = "export DIALGATE_PASSPHRASE_FILE=$HOME/words"
    ours = [activate, environment, words]
    newcomer.types(
        "newcomer",
        "mkdir auditor",
        "echo a long and quiet passphrase > words",
        "chmod 600 words",
        "cp dialgate/try-it/keys/first.passphrase first.words",
    )
    newcomer.types(
        "newcomer", ". ~/dialgate/.venv/bin/activate", words, line("audit", "dialgate key new"), folder="~/auditor"
    )
    add = line("audit", "dialgate key add", **{"ico.recipient": "../auditor/ico.recipient"})
    newcomer.types("newcomer", *ours, add, folder="~/dialgate")
    today, now = newcomer.types("newcomer", "TZ=Europe/London date '+%F %FT%T'").split()  # the period has to be over
    export = line(
        "audit",
        "dialgate audit export",
        **{
            "2026-03-01": today,
            "2026-03-31": now,
            "ico.recipient": "../auditor/ico.recipient",
            "ann.key": "try-it/keys/first.key",
            "march.bundle": "../auditor/march.bundle",
        },
    )
    newcomer.types(
        "newcomer",
        activate,
        environment,
        "export DIALGATE_PASSPHRASE_FILE=$HOME/first.words",
        export,
        folder="~/dialgate",
    )
    key = line("audit", "dialgate audit key", **{"dialgate.vkey": "../auditor/dialgate.vkey"})
    newcomer.types("newcomer", *ours, key, "kill $(cat gate.pid)", folder="~/dialgate")
    opened = line(
        "audit",
        "dialgate audit open march.bundle --key ico.key --vkey dialgate.vkey --checkpoint",
        **{" --checkpoint february.checkpoint": ""},
    )
    newcomer.types("newcomer", ". ~/dialgate/.venv/bin/activate", words, opened, folder="~/auditor")
    assert list((newcomer.root / "home/newcomer/auditor/march").rglob("*.wav"))
    until(lambda: "5060" not in machine_ports(newcomer), "the first gate does not end")


def in_service(newcomer: Newcomer) -> None:
    """The pages Into service, Accounts and HTTP: as root, as the gate's account, and as four people."""
    machine = newcomer.manager
    install = line("deployment", "make install") + f" PYTHON={newcomer.python}"
    machine.typed(f"cd ~newcomer/dialgate\n{install}", seconds=600, outside=True)
    assert int(machine.typed("du -sm /opt/dialgate/.venv").split()[0]) < MEGABYTES
    for start in ("addgroup", "adduser --system", "adduser dialgate", "install -d"):
        machine.typed(line("deployment", start))
    activate, environment = line("deployment", ". /opt"), line("deployment", "export DIALGATE_CONFIG")
    newcomer.types(
        "dialgate",
        activate,
        line("deployment", "dialgate init") + " --example",
        environment,
        line("deployment", "dialgate config show"),
    )
    config = newcomer.root / "etc/dialgate/config.toml"
    for name in ("accounts", "http-api"):
        shown = tomllib.loads(next(block.text for block in page(name).blocks if block.language == "toml"))
        amend(config, {section: keys for section, keys in shown.items() if section != "token"})
    token = newcomer.types("dialgate", activate, environment, line("http-api", "dialgate token add dialler"))
    machine.typed(line("deployment", "/opt/dialgate/.venv/bin/dialgate manual dialgate.service"))
    for start in ("systemctl daemon-reload", "systemctl enable --now"):
        machine.typed(line("deployment", start))
    assert machine.show("dialgate.service", "ActiveState")["ActiveState"] == "active", machine.typed(
        "journalctl -n 20; true"
    )
    ready = json.loads(newcomer.types("newcomer", line("http-api", "curl -s http://127.0.0.1:8080/readyz")))
    assert ready["state"] == "ok", ready
    asked = line("http-api", "curl -s http://127.0.0.1:8080/v1/decision -H")
    (newcomer.root / "home/newcomer/dialler.token").write_text(token.split()[-1] + "\n")
    assert json.loads(newcomer.types("newcomer", asked))["verdict"] == "allow"

    machine.typed(
        "groupadd dialgate-admins; groupadd auditors; for name in ann wallboard olu kim; do useradd -m $name; done"
    )
    machine.typed("usermod -aG dialgate-admins kim; usermod -aG auditors olu")
    for name in ("ann", "wallboard", "olu", "kim"):
        machine.typed(line("accounts", "adduser ann", ann=name))
    may = {"kim": "retention sweep", "ann": "retention sweep", "olu": "objection list", "wallboard": "calls list"}
    for name, command in may.items():
        there = [line("accounts", ". /opt"), line("accounts", "export DIALGATE_CONFIG")]
        newcomer.types(name, *there, line("accounts", "dialgate status") + " || test $? = 1", f"dialgate {command}")
    for name in ("olu", "wallboard"):
        done = machine.run("su", "-", name, "-c", "\n".join([*there, "dialgate retention sweep"]))
        assert done.returncode and "role" in done.stderr, done
    doctor = newcomer.types(
        "dialgate",
        activate,
        environment,
        line("troubleshooting", "dialgate doctor", other="--call") + " || test $? = 1",
    )
    assert re.search(r"^ok ", doctor, re.MULTILINE) and "Traceback" not in doctor, doctor


def machine_ports(newcomer: Newcomer) -> str:
    """UDP ports of 127.0.0.1 that somebody listens on there."""
    return newcomer.manager.run("ss", "-lnuH").stdout


def phone(
    newcomer: Newcomer, name: str, server: tuple[str, int], user: str, password: str, tone: float, **options: object
) -> Baresip:
    """A phone of the machine, as its maker left it but for the account."""
    return Baresip(newcomer.root / "srv" / name, server, user, password, tone, **options)  # type: ignore[arg-type]


def switch_on(newcomer: Newcomer, phone: Baresip, number: str = "", seconds: int = 120) -> None:
    """Start it there, to dial a number; it ends by itself. Its folder is written as its own file system has it."""
    inside = "/" + str(phone.folder.relative_to(newcomer.root))
    config = phone.folder / "config"
    config.write_text(config.read_text().replace(str(phone.folder), inside))
    words = ["-e", f"/dial sip:{number}@{phone.server}"] if number else []
    command = [
        "nsenter",
        "-t",
        str(newcomer.manager.pid),
        "-m",
        "-p",
        "-n",
        "--",
        "baresip",
        "-f",
        inside,
        *words,
        "-t",
        str(seconds),
    ]
    with (phone.folder / "said").open("wb") as said:
        phone.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
