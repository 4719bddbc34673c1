"""RTPProxy inside the process (rtp.io), started with the gate's addresses and ports; and which address media uses
towards whom: bound by RTPProxy, named in SDP.

What has to be known of it:

- Its module ``acct_csv``, loaded by default, writes call ids to a file in the working directory: no modules.
- ``-R``: no RTCP in the copies, for it would go to the port beside a tap, which may be another call's.
- A session whose RTP stops for ``-T`` seconds is deleted and cannot come back, on hold too; before its answer ``-W``
  counts. Both are longer than the longest call, and silence is watched in ``relay``, where a hold is known.
- The sockets of a deleted session are closed by threads that sleep until a packet or a new session wakes them. Where
  no call has RTP and all ports are used up, neither comes: ``pulse`` wakes them.
"""

from __future__ import annotations

import ipaddress
import os
import re
import resource
import socket
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import structlog

from gate import ports
from gate.config import Config
from gate.config.rules import PORTS_PER_CALL
from gate.core.sdp import Audio, UnusableSdpError
from gate.errors import ConfigError, MediaError
from gate.media.worker import Job, T, Task, Worker, asked

DISCARD = 9


@dataclass(frozen=True, slots=True)
class Addresses:
    """The gate's media addresses by family (``IP4``, ``IP6``; empty where there is none)."""

    by_family: dict[str, str]
    listen: tuple[str, ...]
    """RTPProxy's own options for them."""
    named: str
    """The address for SDP where RTPProxy answers with a port alone: behind a NAT, where it listens on every address."""
    translated: bool
    """True where the first address is not this machine's: a NAT's outer address."""
    trunk_family: str

    @classmethod
    def from_config(cls, config: Config) -> Addresses:
        """From the configuration; ``ConfigError`` where the trunk's family has no media address."""
        media = config.media
        by_family: dict[str, str] = {}
        for key, text in (("media.address", media.address), ("media.address6", media.address6)):
            if text:
                by_family.setdefault(_family(text, key), text)
        first = _family(media.address, "media.address")
        translated = not _is_ours(media.address)
        wildcard = "0.0.0.0" if first == "IP4" else "::"  # noqa: S104 - behind a NAT there is no one address to bind
        listen = ("-l" if first == "IP4" else "-6", wildcard if translated else media.address)
        trunks = [_trunk_family(each.address) for each in config.trunk]
        for trunk, each in zip(trunks, config.trunk, strict=True):
            if trunk not in by_family:
                raise ConfigError(
                    f"the trunk {each.address} is reached over {_SPOKEN[trunk]}, and [media] has no such address",
                    hint="set media.address6" if trunk == "IP6" else "set media.address to an IPv4 address",
                )
        if len(set(trunks)) > 1:
            raise ConfigError(
                "some trunks are reached over IPv4 and others over IPv6", hint="name addresses of one kind for all"
            )
        return cls(by_family, listen, media.address, translated, trunks[0])

    def facing(self, family: str) -> Facing:
        """The gate's own address towards a party of this family; ``UnusableSdpError`` where it has none."""
        address = self.by_family.get(family)
        if address is None:
            raise UnusableSdpError(f"no {_SPOKEN.get(family, family)} media address is configured")
        return Facing(family, address, self.listen[1] if self.translated and address == self.named else address)

    def nobody(self, audio: Audio) -> bool:
        """True for the gate's own answer to a call in: its address, and the port of discard. No phone is rung yet."""
        return audio.port == DISCARD and audio.address in self.by_family.values()


@dataclass(frozen=True, slots=True)
class Facing:
    """One of them, as one party sees it."""

    family: str
    named: str
    """What SDP says."""
    bound: str
    """What the sockets are bound to: behind a NAT, every address of the family."""


def expected(audio: Audio, signalled: str, *, phone: bool) -> tuple[str, bool]:
    """Whom audio is taken from: the address in a caller's SDP, or the one that its INVITE came from where the SDP was
    written behind a NAT; and whether that is so.

    A phone that signs in sends audio from where it signals from: a private address in its SDP that is another one is
    what it calls itself behind its NAT. Behind a PBX the phones have addresses of their own, private ones too: they are
    believed unless the PBX itself is reached by a public address.
    """
    signalled = signalled.strip("[]")
    if not signalled or audio.nowhere or signalled == audio.address:
        return audio.address, False
    named, seen = ipaddress.ip_address(audio.address), ipaddress.ip_address(signalled)
    if named.version != seen.version or named.is_global or not (phone or seen.is_global):
        return audio.address, False
    return signalled, True


def beside(audio: Audio, signalled: str, facing: Facing) -> tuple[str, ...]:
    """The addresses that audio of a party on this machine may come from, beside that of its SDP. Empty where what it
    signals from and what its SDP names are not both this machine's, or are the gate's own.

    Such a phone names the address of an interface, signals from it or from loopback, and its audio comes from neither
    but from the gate's own address: what is sent to an address of the same machine comes from that address, unless its
    sender has bound itself to another (Linux, ``ip route get``).
    """
    signalled = signalled.strip("[]")
    others = tuple(dict.fromkeys(each for each in (signalled, facing.bound) if each != audio.address))
    if audio.nowhere or not signalled or any((":" in each) != (":" in audio.address) for each in others):
        return ()
    if not (others and _is_ours(audio.address) and _is_ours(signalled)):
        return ()
    return tuple(each for each in others if not ipaddress.ip_address(each).is_unspecified)


_SPOKEN = {"IP4": "IPv4", "IP6": "IPv6"}


def _family(text: str, key: str) -> str:
    try:
        return "IP6" if ipaddress.ip_address(text).version == 6 else "IP4"
    except ValueError as error:
        raise ConfigError(f"{key}: {text!r} is not an IP address", hint="SDP needs a number, not a name") from error


def _is_ours(address: str) -> bool:
    """False for a name, too, which is not looked up."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        ipaddress.ip_address(address)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except (OSError, ValueError):
        return False
    return True


def _trunk_family(address: str) -> str:
    """The family of ``host:port`` or ``[v6]:port``; a name is looked up once, at the start. IPv4 where that fails."""
    if address.startswith("["):
        return "IP6"
    host = address.rpartition(":")[0] or address
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return "IP4"
    return "IP6" if all(entry[0] == socket.AF_INET6 for entry in found) else "IP4"


_log = structlog.get_logger("gate.media")

_FILES_PER_CALL, _FILES_BESIDE = PORTS_PER_CALL + 2, 512
"""Open files that a call takes, and all the rest together."""
_PULSE_AFTER = 0.05
_PULSE_RENEWED = 1800.0


class Proxy:
    """The running RTPProxy. Built and used on the line thread; ``MediaError`` where it does not start."""

    def __init__(self, config: Config, addresses: Addresses, loop: ports.Loop) -> None:
        _raise_file_limit(config.limits.max_calls + sum(each.sessions for each in config.siprec))
        self._loop = loop
        self._library = _start(config, addresses)
        self._worker = Worker(self._library.rtpp_sock, loop.post)
        self._pulse_to = _Pulse(self, addresses)
        self._pulse_due = False
        self._kept: dict[Hashable, list[Task]] = {}
        """What goes out with the next that is asked for a call."""
        self._numbers = count()
        self._asked: dict[int, float] = {}
        """Jobs whose result is waited for, the oldest first: when each was asked for."""
        self._renew()

    def run(
        self, call: Hashable, job: Job[T], done: Callable[[T | None], None] | None = None, *, more: bool = False
    ) -> None:
        """Have a job done by the worker, after those of the same call before it; ``done`` gets its result on the line
        thread, None where it could not be done. ``more``: what this step of the line asks for the call next does not
        rest on it, and its commands go out together with these."""
        answered = done
        if done is not None:
            if self._library is None:
                self._loop.post(lambda: done(None))
                return
            number = next(self._numbers)
            self._asked[number] = time.monotonic()

            def answered(result: T | None) -> None:
                del self._asked[number]
                done(result)

        tasks = self._kept.pop(call, [])
        tasks.append(Task(job, answered))
        if more:
            self._kept[call] = tasks
            self._loop.post(lambda: self._put_kept(call))
        else:
            self._worker.put(call, *tasks)

    def _put_kept(self, call: Hashable) -> None:
        if tasks := self._kept.pop(call, []):
            self._worker.put(call, *tasks)

    @property
    def late(self) -> float:
        """Seconds that the oldest job has waited for its answer; 0.0 where there is none."""
        first = next(iter(self._asked.values()), None)
        return 0.0 if first is None else time.monotonic() - first

    def freed(self) -> None:
        """A session was deleted: have its ports freed soon."""
        if not self._pulse_due:
            self._pulse_due = True
            self._loop.after(_PULSE_AFTER, self._pulse)

    def shutdown(self) -> None:
        """End it; every session with it."""
        self._pulse_to.close()
        for call in list(self._kept):
            self._put_kept(call)
        self._worker.stop()
        self._library = None

    def _pulse(self) -> None:
        self._pulse_due = False
        self._pulse_to.send()

    def _renew(self) -> None:
        self._pulse_to.open()
        self._loop.after(_PULSE_RENEWED, self._renew)


class _Pulse:
    """A session of RTPProxy's that carries nothing: a datagram to its ports wakes both of RTPProxy's threads."""

    def __init__(self, proxy: Proxy, addresses: Addresses) -> None:
        family = socket.AF_INET6 if ":" in addresses.named else socket.AF_INET
        loopback = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self._proxy = proxy
        self._name = f"pulse-{token_hex(8)}"
        self._option = "6" if family == socket.AF_INET6 else ""
        self._to = loopback if addresses.translated else addresses.named
        self._port = 0
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def open(self) -> None:
        """Make the session, or restart its timer."""

        def job() -> Job[int]:
            (answer,) = yield from asked(f"U{self._option} {self._name} {self._to} 9 {self._name}")
            return int(answer[0])

        def made(port: int | None) -> None:
            self._port = port or self._port

        self._proxy.run(self, job(), made)

    def send(self) -> None:
        for port in (self._port, self._port + 1):
            try:
                self._socket.sendto(b"\0", (self._to, port))
            except OSError:
                return  # a full buffer, or no session: the next one will do

    def close(self) -> None:
        self._socket.close()


def speakable(folder: Path) -> str:
    """The folder in a form that fits a command, whose words end at a space."""
    text = str(folder.resolve())
    if not re.search(r"\s", text):
        return text
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # stays open as long as the process
    return f"/proc/self/fd/{handle}"


def _start(config: Config, addresses: Addresses) -> Any:
    from rtp.io import rtpproxy

    longest = str(config.limits.max_call_seconds + config.sip.no_answer_seconds + 3600)
    arguments = ["-d", "CRIT", "-F", "-R", *addresses.listen]
    arguments += ["-m", str(config.media.port_min), "-M", str(config.media.port_max), "-T", longest, "-W", longest]
    try:
        return rtpproxy(extra_args=arguments, modules=())
    except (RuntimeError, OSError) as error:
        hint = "check [media] address and ports, and how much memory the process may have"
        raise MediaError(f"RTPProxy does not start ({error})", hint=hint) from error


def _raise_file_limit(calls: int) -> None:
    """Allow as many open sockets as that many calls need, as far as the hard limit goes. Raises ``MediaError`` where
    that is not far enough for one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted, most = calls * _FILES_PER_CALL + _FILES_BESIDE, float("inf") if hard == resource.RLIM_INFINITY else hard
    if most < wanted:
        hint = "raise it: ulimit -Hn in a shell, LimitNOFILE= in a unit of systemd"
        if most < _FILES_PER_CALL + _FILES_BESIDE:
            raise MediaError(f"this process may open {hard} files, too few for one call", hint=hint)
        _log.warning("few_open_files", limit=hard, calls=(hard - _FILES_BESIDE) // _FILES_PER_CALL, hint=hint)
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
