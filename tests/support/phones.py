"""Many phones with real RTP in one thread: callers, or the carrier's far end, that say exactly what a test gives them.

``Phones(to=gate.address)`` calls (``dial``); ``Phones(port=gate.trunk_port)`` answers what comes in. Every ``Talk``
sends 160 bytes of µ-law each 20 ms from the moment it has somewhere to send them to, and counts (or keeps) what it
hears. Sequence numbers and times run on without a gap, so that what is missing at the other end was lost on the way.

A request, and a final answer to an INVITE, is sent again until the other side has it (RFC 3261, 13.3.1.4 and 17): a
datagram that a busy machine loses costs no call.
"""

from __future__ import annotations

import contextlib
import random
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from gate import g711
from tests.support.audio import share
from tests.support.sip_peer import Heard, read, sdp
from tests.support.waiting import PATIENCE, until

FRAME = 160
TICK = 0.02
AGAIN = (0.5, 1.5, 3.5, *range(7, 32, 4))
"""Seconds after which a message is sent again: T1, doubled up to T2, for 64 T1 (RFC 3261, 17.1.2.1)."""
KEYS = "0123456789*#"
Audio = Callable[[int], bytes]
"""The nth frame of 20 ms: 160 bytes of µ-law."""


def noise(seed: object) -> Audio:
    """Bytes that never repeat and that nobody else sends; the frames come in order."""
    source = random.Random(repr(seed))
    return lambda _: source.randbytes(FRAME)


@dataclass
class Talk:
    """One call of a phone."""

    number: str
    call_id: str
    audio: Audio
    rtp: socket.socket
    state: str = "calling"
    """``calling``, ``early``, ``up``, ``over``."""
    code: int = 0
    """The final answer to the INVITE."""
    reasons: list[str] = field(default_factory=list)
    """``Reason`` headers of refusals and BYEs that came."""
    ended_by: str = ""
    """``us`` or ``them``."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of the INVITE that came in, by lower-case name."""
    up_at: float = 0.0
    over_at: float = 0.0
    sent: list[tuple[float, bytes]] = field(default_factory=list)
    """(monotonic time, frame) where ``keep``."""
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    """(monotonic time, payload) where ``keep``."""
    packets_in: int = 0
    packets_out: int = 0
    keep: bool = False
    local: str = ""
    remote: str = ""
    target: str = ""
    cseq: int = 1
    invite: str = ""
    branch: str = ""
    asked: Heard | None = None
    """The INVITE that came in."""
    peer: tuple[str, int] | None = None
    held: bool = False
    """It is on hold."""
    _sequence: int = 0
    _keys: list[tuple[bytes, bool]] = field(default_factory=list)
    _key_stamp: int = 0
    _last: str = ""

    def press(self, keys: str) -> None:
        """Press keys, each for 100 ms and 60 ms apart (RFC 4733, payload type 101)."""
        for key in keys:
            number = KEYS.index(key)
            going = [(struct.pack("!BBH", number, 10, FRAME * n), n == 1) for n in range(1, 6)]
            end = [(struct.pack("!BBH", number, 0x8A, FRAME * 5), False)] * 3
            self._keys += [*going, *end, *[(b"", False)] * 3]


class Phones:
    """A SIP socket, a thread, and any number of talks; a context manager that hangs up what is left."""

    def __init__(
        self,
        *,
        to: tuple[str, int] | None = None,
        port: int = 0,
        audio: Callable[[str], Audio] = noise,
        keep: bool = False,
        answer_after: float = 0.05,
        answers: bool = True,
        name: str = "alice",
    ) -> None:
        """``audio`` makes a talk's sound from its number. ``answers=False`` lets incoming calls ring for ever."""
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", port))
        self.port = int(self.sip.getsockname()[1])
        self.talks: dict[str, Talk] = {}
        self._to, self._audio, self._keep = to, audio, keep
        self._answer_after, self._answers = answer_after, answers
        self.name = name
        """In From of the calls that it makes."""
        self._lock = threading.RLock()
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._awaited: set[tuple[str, str]] = set()
        """Call-ID and CSeq of the answers and ACKs that have not come yet."""
        self._count = 0
        self._stop = threading.Event()
        self.silent = False
        """Send no RTP, answer no SIP: as if the machine were gone."""
        self.ticked = 0.0
        """When it sent last (time of day)."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Phones:
        return self

    def __exit__(self, *_: object) -> None:
        for talk in self.all():
            self.hang_up(talk)
        time.sleep(0.05)
        self._stop.set()
        self._thread.join(PATIENCE)
        self.sip.close()
        for talk in self.all():
            talk.rtp.close()

    # --- what a test does -------------------------------------------------------------------------------------------

    def all(self) -> list[Talk]:
        """Every talk, in the order in which they began."""
        with self._lock:
            return list(self.talks.values())

    def dial(self, number: str) -> Talk:
        """Call; returns at once."""
        with self._lock:
            mark = self._mark()
            talk = Talk(number, f"talk-{mark}", self._audio(number), _udp(), keep=self._keep)
            talk.local = f"<sip:{self.name}@127.0.0.1:{self.port}>;tag=l{mark}"
            talk.remote = f"<sip:{number}@gate.invalid>"
            talk.target = f"sip:{number}@gate.invalid"
            talk.branch = f"z9hG4bK{mark}"
            talk.invite = self._request("INVITE", talk, talk.branch, sdp(talk.rtp.getsockname()[1]))
            self.talks[talk.call_id] = talk
            self._until((talk.call_id, "1 INVITE"), lambda: self._send(talk.invite))
            return talk

    def hang_up(self, talk: Talk) -> None:
        """BYE, or CANCEL where it is not answered yet; nothing where it is over."""
        with self._lock:
            if talk.state == "over":
                return
            if talk.state == "up":
                talk.cseq += 1
                bye = self._request("BYE", talk, f"z9hG4bK{self._mark()}")
                self._until((talk.call_id, f"{talk.cseq} BYE"), lambda: self._send(bye))
            elif talk.invite:
                self._awaited.discard((talk.call_id, "1 INVITE"))
                cancel = self._request("CANCEL", talk, talk.branch)
                self._until((talk.call_id, "1 CANCEL"), lambda: self._send(cancel))
            self._over(talk, "us")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """It does nothing meanwhile; then it goes on, and sends what was due."""
        with self._lock:
            yield

    def wait(self, talks: Iterable[Talk], state: str, seconds: float) -> list[Talk]:
        """Until every talk is in ``state``; fails the test where one is not in time."""
        talks, end = list(talks), time.monotonic() + seconds
        while time.monotonic() < end:
            if all(talk.state == state for talk in talks):
                return talks
            if state != "over" and any(talk.state == "over" for talk in talks):
                break
            time.sleep(0.02)
        found = sorted((talk.state, talk.code, tuple(talk.reasons)) for talk in talks)
        raise AssertionError(f"not all {state} within {seconds} s: {found}")

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            due += TICK
            while (left := due - time.monotonic()) > 0:
                if select.select([self.sip], [], [], left)[0]:
                    self._receive()
            with self._lock:
                now = time.monotonic()
                ready = [step for at, step in self._later if at <= now]
                self._later = [(at, step) for at, step in self._later if at > now]
                for step in ready:
                    step()
                self.ticked = time.time()
                for talk in list(self.talks.values()):
                    self._tick(talk, now)
            if time.monotonic() - due > 1.0:  # a machine that was held up does not send all of it at once
                due = time.monotonic()

    def _tick(self, talk: Talk, now: float) -> None:
        if talk.rtp.fileno() < 0:
            return
        while True:
            try:
                data = talk.rtp.recv(2048)
            except OSError:
                break
            if len(data) > 12 and data[1] & 0x7F == 0:
                talk.packets_in += 1
                if talk.keep:
                    talk.heard.append((now, data[12:]))
        if talk.peer is None or talk.state == "over" or self.silent or talk.held:
            return
        talk._sequence += 1
        stamp, kind = FRAME * talk._sequence, 0
        payload = talk.audio(talk._sequence)
        key, marked = talk._keys.pop(0) if talk._keys else (b"", False)
        if key:
            talk._key_stamp = stamp if marked else talk._key_stamp
            payload, kind, stamp = key, 101 | (0x80 if marked else 0), talk._key_stamp
        elif talk.keep:
            talk.sent.append((now, payload))
        with contextlib.suppress(OSError):
            talk.rtp.sendto(
                struct.pack("!BBHII", 0x80, kind, talk._sequence & 0xFFFF, stamp, 0x5EED) + payload, talk.peer
            )
            talk.packets_out += 1

    def _receive(self) -> None:
        try:
            data, source = self.sip.recvfrom(65535)
        except OSError:
            return
        if self.silent:
            return
        heard = read(data)
        with self._lock:
            if heard.code or heard.method == "ACK":
                self._awaited.discard((heard.get("Call-ID"), heard.get("CSeq")))
            if heard.code:
                self._response(heard)
            else:
                self._asked(heard, (source[0], source[1]))

    def _response(self, heard: Heard) -> None:
        talk = self.talks.get(heard.get("Call-ID"))
        if talk is None or "INVITE" not in heard.get("CSeq"):
            return
        if heard.code >= 200:
            to, target = heard.get("To"), heard.contact or talk.target
            if heard.code < 300:
                talk.remote, talk.target = to, target
                self._send(self._request("ACK", talk, f"z9hG4bK{self._mark()}"))
            else:
                self._send(self._request("ACK", talk, talk.branch, remote=to))
        if talk.state in ("up", "over"):
            return
        if heard.body:
            talk.peer = _media(heard.body)
        if 180 <= heard.code < 200:
            talk.state = "early" if heard.body else talk.state
        elif 200 <= heard.code < 300:
            talk.state, talk.code, talk.up_at = "up", heard.code, time.monotonic()
        elif heard.code >= 300:
            talk.code = heard.code
            talk.reasons.append(heard.get("Reason"))
            self._over(talk, "them")

    def _asked(self, heard: Heard, source: tuple[str, int]) -> None:
        talk = self.talks.get(heard.get("Call-ID"))
        if heard.method == "INVITE" and talk is None:
            self._incoming(heard, source)
        elif heard.method == "BYE":
            self._answer(heard, 200, "OK", source)
            if talk and talk.state != "over":
                talk.reasons.append(heard.get("Reason"))
                self._over(talk, "them")
        elif heard.method == "CANCEL" and talk:
            self._answer(heard, 200, "OK", source)
            if talk.state == "calling" and talk.asked is not None:
                self._answer(talk.asked, 487, "Request Terminated", source, tagged=talk.local)
                self._over(talk, "them")
        elif heard.method == "INVITE" and talk and talk._last:
            if talk.asked is not None and heard.get("CSeq") != talk.asked.get("CSeq"):
                self._offered(talk, heard, source)
            self._sip_to(talk._last, source)
        elif heard.method == "OPTIONS":
            self._answer(heard, 200, "OK", source)

    def _incoming(self, heard: Heard, source: tuple[str, int]) -> None:
        user = heard.start.split()[1].partition(":")[2].partition("@")[0]
        talk = Talk(user, heard.get("Call-ID"), self._audio(user), _udp(), keep=self._keep)
        talk.asked = heard
        talk.headers = {name.lower(): value for name, value in heard.headers}
        talk.local = f"{heard.get('To')};tag=r{self._mark()}"
        talk.remote, talk.target = heard.get("From"), heard.contact
        self.talks[talk.call_id] = talk
        self._to = source
        self._answer(heard, 180, "Ringing", source, tagged=talk.local)

        def pick_up() -> None:
            if talk.state != "calling":
                return
            talk.peer = _media(heard.body)
            talk.state, talk.up_at = "up", time.monotonic()
            talk._last = self._answer(heard, 200, "OK", source, tagged=talk.local, body=sdp(talk.rtp.getsockname()[1]))

        if self._answers:
            self._after(self._answer_after, pick_up)

    def _offered(self, talk: Talk, heard: Heard, source: tuple[str, int]) -> None:
        """A re-INVITE: taken, and on hold it is quiet."""
        talk.asked, talk.peer = heard, _media(heard.body)
        talk.held = "a=sendonly" in heard.body or "a=inactive" in heard.body
        body = sdp(talk.rtp.getsockname()[1], "recvonly" if talk.held else "sendrecv")
        talk._last = self._answer(heard, 200, "OK", source, body=body)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _mark(self) -> str:
        self._count += 1
        return f"{time.monotonic_ns():x}p{self.port}n{self._count}"

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, step))

    def _until(self, awaited: tuple[str, str], send: Callable[[], None]) -> None:
        """Send now, and again until what is awaited has come."""

        def again() -> None:
            if awaited in self._awaited and not self.silent:
                send()

        self._awaited.add(awaited)
        send()
        for after in AGAIN:
            self._after(after, again)

    def _over(self, talk: Talk, by: str) -> None:
        talk.state, talk.ended_by, talk.over_at = "over", by, time.monotonic()

    def _send(self, text: str) -> None:
        if self._to and not self.silent:
            self._sip_to(text, self._to)

    def _sip_to(self, text: str, to: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):  # the port of a killed gate
            self.sip.sendto(text.encode(), to)

    def _request(self, method: str, talk: Talk, branch: str, body: str = "", remote: str = "") -> str:
        number = 1 if method in ("INVITE", "ACK", "CANCEL") else talk.cseq
        lines = [
            f"{method} {talk.target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: {talk.local}",
            f"To: {remote or talk.remote}",
            f"Call-ID: {talk.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:alice@127.0.0.1:{self.port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def _answer(
        self, heard: Heard, code: int, phrase: str, to: tuple[str, int], *, tagged: str = "", body: str = ""
    ) -> str:
        lines = [f"SIP/2.0 {code} {phrase}", *(f"Via: {via}" for via in heard.all("Via"))]
        lines += [f"From: {heard.get('From')}", f"To: {tagged or heard.get('To')}"]
        lines += [f"Call-ID: {heard.get('Call-ID')}", f"CSeq: {heard.get('CSeq')}"]
        lines += [f"Contact: <sip:far@127.0.0.1:{self.port}>"]
        lines += [*(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}"]
        text = "\r\n".join(lines) + "\r\n\r\n" + body
        if heard.method == "INVITE" and code >= 200:
            acknowledged = heard.get("CSeq").replace("INVITE", "ACK")
            self._until((heard.get("Call-ID"), acknowledged), lambda: self._sip_to(text, to))
        else:
            self._sip_to(text, to)
        return text


def _udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


def _media(body: str) -> tuple[str, int]:
    port, address = re.search(r"m=audio (\d+)", body), re.search(r"c=IN IP4 (\S+)", body)
    assert port and address, body
    return address[1], int(port[1])


def hears(packets: int, *talks: Talk) -> None:
    """Until each has heard so many packets more, which is 20 ms of talk each."""
    whole = [talk.packets_in + packets for talk in talks]
    until(lambda: all(talk.packets_in >= enough for talk, enough in zip(talks, whole, strict=True)))


def speaking(frequency: float) -> Audio:
    """A tone for ever, of whole waves in each frame: all are the same."""
    assert frequency % (8000 / FRAME) == 0
    samples = 8000 * np.sin(2 * np.pi * frequency / 8000 * np.arange(FRAME))
    data = bytes(g711.ulaw_encode(samples.astype(np.int16)))
    return lambda _: data


@cache
def is_tone(data: bytes, frequency: float) -> bool:
    """Whether a frame of µ-law is mostly this tone."""
    return bool(share(g711.ulaw_decode(data), frequency) > 0.7)


def heard(talk: Talk, frequency: float, since: float = 0.0) -> float:
    """Seconds of this tone that a party has heard."""
    return sum(len(data) for at, data in list(talk.heard) if at >= since and is_tone(data, frequency)) / 8000
