"""What is well and what is not, on the machine of the gate and in the gate itself: each with the command that mends it.

Nothing is changed. What this account may not look at is said, and is no fault.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from gate.client.gate import Gate
from gate.clock import SystemClock
from gate.config import Config, in_clear, load, undecided
from gate.core.facts.audit import BackupMade
from gate.errors import ConfigError, RefusedError, VaultError
from gate.operations.audit.leaves import AuditLeaves
from gate.operations.calls.recordings import RecordingList
from gate.operations.keys.recipients import KeyList
from gate.operations.status.glance import GateStatus, Status
from gate.operations.status.trunk_tests import DAYS, Outcome
from gate.showing import many
from gate.store.spool import NAME as SPOOL
from gate.vault.sealed_files import bucket_of

FULL_PERCENT: Final = 90
BACKUP_DAYS: Final = 2
_TIME_ERROR: Final = 5
"""adjtimex(2): the kernel's clock is not synchronised."""


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    """Calls are not made, evidence is not safe, or secrets are open."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    state: State
    subject: str
    text: str
    mend: str = ""
    """The command that mends it."""


def examine(path: Path, gate: Gate | None, *, running: bool) -> Iterator[Finding]:
    """Everything, one after another.

    ``path``: the configuration. ``gate``: the running one, or its opened folder; None where neither is to be had.
    """
    try:
        config = load(path, secrets=False)
    except ConfigError as error:
        for line in error.message.splitlines():
            yield Finding(State.FAIL, "configuration", line, "dialgate config show")
        return
    yield Finding(State.OK, "configuration", f"{path} can be read")
    yield from _permissions(config, path)
    yield _clock()
    yield from _disk(config)
    yield from _spool(config, running=running)
    yield from _names(config)
    yield from _bucket(config)
    yield from _sounds(config)
    for each in (*undecided(config), *in_clear(config)):
        yield Finding(State.WARN, "set-up", each, "dialgate manual emergency-calls" if "emergency" in each else "")
    if not running:
        yield from _ports(config)
        yield Finding(State.FAIL, "gate", "it is not running: no call can be made", "systemctl start dialgate")
    if gate is not None:
        yield from _gate_findings(config, gate, running=running)


def _permissions(config: Config, path: Path) -> Iterator[Finding]:
    """Data, secrets and keys are open to the gate's account alone."""
    files = [each.password_file for each in config.account] + [each.password_file for each in config.trunk]
    files += [config.emergency.password_file, config.mail.password_file, *(each.token_file for each in config.token)]
    names = {config.path(name) for name in files if name and not name.startswith("env:")}
    found = False
    for each in sorted({config.data, *names}):
        try:
            mode = each.stat().st_mode
        except OSError as error:
            found = True
            away = isinstance(error, FileNotFoundError)
            text = f"{each}: {'it is not there' if away else 'this account may not look at it'}"
            yield Finding(State.FAIL if away else State.WARN, "permissions", text)
            continue
        if wrong := stat.S_IMODE(mode) & (0o077 if stat.S_ISDIR(mode) else 0o007):
            found = True
            right = "700" if stat.S_ISDIR(mode) else "600"
            yield Finding(State.FAIL, "permissions", f"{each} is open to others ({wrong:03o})", f"chmod {right} {each}")
    if not found:
        yield Finding(State.OK, "permissions", "data, passwords and tokens are open to the gate's account alone")
    for key in sorted((path.parent / "keys").glob("*.key")) if os.access(path.parent / "keys", os.R_OK) else ():
        text = f"{key} opens recordings, and lies on the gate's machine: it belongs elsewhere"
        yield Finding(State.WARN, "keys", text, f"mv {key} /media/elsewhere/")


def _clock() -> Finding:
    """Registers age by it, and the log is dated by it."""
    # struct timex begins with modes; 0 asks, and changes nothing. It is 208 bytes long on 64-bit Linux.
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    if answer in (-1, _TIME_ERROR):
        text = "the kernel's clock is not synchronised" if answer == _TIME_ERROR else "the kernel does not say"
        return Finding(State.WARN, "clock", text, "timedatectl set-ntp true")
    return Finding(State.OK, "clock", f"synchronised; it is {SystemClock().now():%A %d %B %Y %H:%M %Z}")


def _disk(config: Config) -> Iterator[Finding]:
    try:
        usage = shutil.disk_usage(config.data)
    except OSError as error:
        yield Finding(State.FAIL, "disk", f"{config.data}: {error.strerror}", "dialgate init")
        return
    percent, free = 100 * usage.used // usage.total, usage.free >> 20
    text = f"{percent} % full, {free:,} MB are free for {config.data}"
    yield Finding(State.WARN if percent >= FULL_PERCENT else State.OK, "disk", text, f"df -h {config.data}")


def _spool(config: Config, *, running: bool) -> Iterator[Finding]:
    """What has happened and the log lacks, for whoever may look into the data folder."""
    with suppress(OSError):
        if size := (config.data / SPOOL).stat().st_size:
            text = f"{many(size, 'byte')} of evidence wait in {config.data / SPOOL}: the store did not take them"
            yield Finding(State.WARN, "spool", text, "dialgate status" if running else "systemctl start dialgate")


def _names(config: Config) -> Iterator[Finding]:
    """The carriers' names are found."""
    for name, address in ((each.name, each.address) for each in config.trunk):
        host, port = address.rpartition(":")[0].strip("[]"), address.rpartition(":")[2]
        try:
            found = sorted({str(each[4][0]) for each in socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)})
        except (OSError, UnicodeError) as error:
            yield Finding(State.FAIL, "DNS", f"{host} of the trunk {name}: {error}", f"getent hosts {host}")
        else:
            if host not in found:
                yield Finding(State.OK, "DNS", f"{host} of the trunk {name} is {', '.join(found)}")


def _bucket(config: Config) -> Iterator[Finding]:
    try:
        bucket = bucket_of(config)
        if bucket is None:
            return
        bucket.check()
    except ConfigError as error:
        yield Finding(State.WARN, "bucket", f"it was not asked: {error.message}", "run this as the gate's account")
    except VaultError as error:
        yield Finding(State.FAIL, "bucket", error.message, "dialgate manual bucket")
    else:
        yield Finding(State.OK, "bucket", f"{bucket.place} answers, and lies where the configuration says")


def _sounds(config: Config) -> Iterator[Finding]:
    text = config.announcement.text and not config.announcement.wav
    if text and shutil.which("espeak-ng") is None:
        yield Finding(
            State.FAIL, "announcement", "it is a text, and espeak-ng is not here to speak it", "apt install espeak-ng"
        )


def _ports(config: Config) -> Iterator[Finding]:
    """What the gate would listen at is free."""
    listens = [("UDP", config.sip.listen, socket.SOCK_DGRAM)]
    streams = ",".join((config.sip.tcp, config.sip.tls)).split(",")
    listens += [("TCP", each.strip(), socket.SOCK_STREAM) for each in streams if each.strip()]
    if config.control.http:
        listens.append(("HTTP", config.control.http, socket.SOCK_STREAM))
    for protocol, address, kind in listens:
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        with closing(socket.socket(family, kind)) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host.strip("[]"), int(port)))
            except OSError as error:
                text = f"the gate cannot listen at {address} ({protocol}): {error.strerror}"
                yield Finding(State.FAIL, "ports", text, f"ss -lnp 'sport = :{port}'")
            else:
                yield Finding(State.OK, "ports", f"{address} ({protocol}) is free")


def _gate_findings(config: Config, gate: Gate, *, running: bool) -> Iterator[Finding]:
    status = gate.ask(Status())
    if running:
        text = "it takes marketing calls" if status.ok else f"it refuses marketing calls: {', '.join(status.not_ready)}"
        yield Finding(State.OK if status.ok else State.FAIL, "gate", text, "" if status.ok else "dialgate status")
    yield from _evidence(status)
    yield from _trunks(status)
    yield from _phone_systems(status)
    yield from _registers(status)
    now = datetime.fromisoformat(status.at)
    for subject, part in (("keys", _keys(gate)), ("backup", _backups(gate, now)), ("audio", _heard(gate, now))):
        try:
            yield from part
        except RefusedError as error:  # another role may look at it
            yield Finding(State.WARN, subject, error.message)
    yield from (Finding(State.FAIL, "alarm", each, "dialgate status") for each in status.alarms)
    yield from (Finding(State.WARN, "status", each) for each in status.warnings if not each.startswith("Set-up: "))


def _evidence(status: GateStatus) -> Iterator[Finding]:
    if behind := status.evidence.rolled_back:
        yield Finding(State.FAIL, "evidence", behind, "dialgate manual audit")
    elif status.evidence.unsigned_seconds > 600:
        text = f"entries of the log are {status.evidence.unsigned_seconds // 60} minutes old and not signed"
        yield Finding(State.FAIL, "evidence", text, "dialgate audit checkpoint")
    else:
        standbys = ", ".join(
            f"{each.name} ({'synchronous' if each.synchronous else 'asynchronous'})"
            for each in status.evidence.standbys
        )
        where = f" in {status.evidence.store}" + (f", with the standbys {standbys}" if standbys else "")
        yield Finding(State.OK, "evidence", f"the log{where} is signed, and agrees with its signatures")


def _trunks(status: GateStatus) -> Iterator[Finding]:
    for each in status.trunks:
        if each.up is False:
            yield Finding(State.FAIL, "trunk", f"{each.name} does not answer", "dialgate manual carriers")
        elif each.registered is False:
            text = f"{each.name} does not take the gate's registration (its last answer: {each.code or 'none'})"
            yield Finding(State.FAIL, "trunk", text, "dialgate manual carriers")
        elif each.up is None and each.registered is None:
            yield Finding(State.WARN, "trunk", f"{each.name} is not asked whether it is there", "dialgate config show")
        else:
            registered = ", and has taken the registration" if each.registered else ""
            yield Finding(State.OK, "trunk", f"{each.name} answers{registered}")


def _phone_systems(status: GateStatus) -> Iterator[Finding]:
    for each in status.trunk_tests:
        name, test = each.claimed_by, f"dialgate trunk-test {each.claimed_by.partition(':')[2]}"
        if each.outcome is None or each.at is None:
            text = f"nobody has tested whether {name} obeys a refusal: its second trunk may ring whom the gate refuses"
            yield Finding(State.WARN, "second trunk", text, test)
        elif each.outcome is not Outcome.OBEYED:
            text = f"{name}, at its last test: {each.outcome.replace('_', ' ')}"
            yield Finding(State.FAIL, "second trunk", text, test)
        elif datetime.fromisoformat(each.at) < datetime.fromisoformat(status.at) - timedelta(days=DAYS):
            yield Finding(State.WARN, "second trunk", f"{name} obeyed, more than {DAYS} days ago", test)
        else:
            yield Finding(State.OK, "second trunk", f"{name} obeyed a refusal on {each.at[:10]}")


def _registers(status: GateStatus) -> Iterator[Finding]:
    for each in status.registers:
        name, mend = each.name.upper(), f"dialgate register import {each.name} FILE"
        if each.state != "ok" or each.days_left is None or each.days_left < 0:
            yield Finding(State.FAIL, "lists", f"{name} supports no calls ({each.state})", mend)
        else:
            left = many(each.days_left, "day")
            yield Finding(State.OK, "lists", f"{name} of {each.as_of} supports calls for {left} more")


def _keys(gate: Gate) -> Iterator[Finding]:
    opens = [each.name for each in gate.ask(KeyList()).recipients if each.seals]
    if not opens:
        yield Finding(State.FAIL, "keys", "recordings are sealed to nobody", "dialgate key add FILE.recipient")
    elif len(opens) > 1:
        yield Finding(State.OK, "keys", f"recordings are sealed to {', '.join(opens)}")


def _backups(gate: Gate, now: datetime) -> Iterator[Finding]:
    mend = f"dialgate backup /mnt/backup/{now:%Y-%m-%d} --keys /mnt/keys/{now:%Y-%m-%d}"
    made = gate.ask(AuditLeaves(kind=BackupMade.kind, limit=1)).items
    if not made:
        yield Finding(State.WARN, "backup", "none was made", mend)
        return
    old = now - datetime.fromisoformat(made[0].at) > timedelta(days=BACKUP_DAYS)
    text = f"the last one was made on {made[0].at[:16].replace('T', ' ')} UTC"
    yield Finding(State.WARN if old else State.OK, "backup", text, mend if old else "")


def _heard(gate: Gate, now: datetime) -> Iterator[Finding]:
    """Audio from both sides, in the last call that was recorded."""
    last = next((each for each in gate.ask(RecordingList(limit=20)).items if each.closed_at), None)
    if last is None or now - datetime.fromisoformat(last.opened_at) > timedelta(days=7):
        text = "no call was recorded in the last seven days"
        yield Finding(State.WARN, "audio", text, "dialgate doctor --call NUMBER")
        return
    heard = last.packets or {}
    text = f"packets of the last call that was recorded ({last.recording_id[:12]}): " + ", ".join(
        f"{side} {heard.get(side, 0):,}" for side in ("caller", "callee")
    )
    if last.silent or not all(heard.get(side) for side in ("caller", "callee")):
        yield Finding(State.FAIL, "audio", text, "dialgate manual troubleshooting")
    else:
        yield Finding(State.OK, "audio", text)
