"""The pyVoIP hook: a phone for Python diallers that cannot dial what the gate refuses.

    ask = ask_gate("http://127.0.0.1:8080", token)
    with GatedPhone(ask, "192.0.2.1", 5060, "alice", "secret", my_ip="192.0.2.7") as phone:
        call = phone.call("020 7946 0000")      # CallRefused before any INVITE, or the call

In the process that holds the data folder ``ask`` is
``lambda number: Answer.from_json(carry_out(folder, Decide(number=number), Caller(…)))``.

``GatedPhone`` and ``GatedCall`` are pyVoIP's phone and call, with one way to dial.

- ``gate_query`` ``Answer``, ``CallRefused``, ``ask_gate``: the question to the gate, and its answer as a value
- ``sip_client`` the SIP client: pyVoIP's registration, our own INVITE, ACK, CANCEL and BYE

pyVoIP (1.6.8) is mended here and nowhere else; each fault is described where it is mended. Of its RTP client
(``RtpClient``):

- it files what arrives under its RTP timestamp: when the far end's stream changes (an announcement, then a person) a
  timestamp far ahead allocates gigabytes: here sound is queued in order of arrival, a minute of it at most
- what was sent and heard is kept for ever: here what was read is gone
- A-law is encoded as µ-law: here as A-law
- sequence numbers are not wrapped, and a packet goes out a byte short: here they are
- it sends on a schedule that only ever slips, and cannot press keys: here the clock is kept, and ``press`` is RFC 4733
- its threads keep the process alive: here they are daemons
"""

from __future__ import annotations

import audioop
import contextlib
import math
import random
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pyVoIP.VoIP  # before the rest of it, whose modules import each other in a circle
from pyVoIP import RTP, SIP
from pyVoIP.VoIP import CallState, PhoneStatus, VoIPCall, VoIPPhone

from gate.errors import GateError
from gate.softphone.gate_query import Answer as Answer
from gate.softphone.gate_query import CallRefused as CallRefused
from gate.softphone.gate_query import ask_gate as ask_gate
from gate.softphone.gate_query import permitted
from gate.softphone.sip_client import Invite, Signals

FRAME = 160
"""Samples of a packet: 20 ms at 8 kHz."""
_SILENCE = b"\x80"
_LONGEST = 60 * 8000
_DIGITS = "0123456789*#ABCD"


def tone(frequency: float, seconds: float, amplitude: float = 0.5) -> bytes:
    """A sine as pyVoIP takes sound: 8-bit unsigned, 8 kHz, mono."""
    step = 2 * math.pi * frequency / 8000
    return bytes(128 + round(127 * amplitude * math.sin(step * at)) for at in range(round(seconds * 8000)))


class _Queue:
    """Sound in order, in pyVoIP's buffer interface: ``write(offset, data)``, ``read(length)``."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._lock = threading.Lock()

    def write(self, _offset: int, data: bytes) -> None:
        """Add at the end; beyond a minute the oldest goes."""
        with self._lock:
            self._held += data
            if len(self._held) > _LONGEST:
                del self._held[: len(self._held) - _LONGEST]

    def read(self, length: int = FRAME) -> bytes:
        """Take from the front; silence where there is not enough."""
        with self._lock:
            taken = bytes(self._held[:length])
            del self._held[:length]
        return taken + _SILENCE * (length - len(taken))

    def take(self) -> bytes:
        """Take all there is."""
        with self._lock:
            taken, self._held = bytes(self._held), bytearray()
        return taken


class RtpClient(RTP.RTPClient):  # type: ignore[misc]  # pyVoIP has no usable types
    """One RTP stream both ways."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.pmin, self.pmout = _Queue(), _Queue()
        self._keys: deque[tuple[bytes, bool]] = deque()
        self.packets_in = self.packets_out = 0
        """Audio and keys that were understood; all that was sent."""

    def start(self) -> None:
        """Bind and run."""
        self.sin = self.sout = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sin.bind((self.inIP, self.inPort))
        self.sin.settimeout(0.05)
        for name, work in (("RTP in", self.recv), ("RTP out", self.trans)):
            threading.Thread(target=work, name=name, daemon=True).start()

    def press(self, digit: str, milliseconds: int = 100) -> None:
        """Send a key (RFC 4733): a packet every 20 ms, its end sent three times, then a pause of 60 ms."""
        event = _DIGITS.index(digit)
        for passed in range(0, milliseconds, 20):
            self._keys.append((struct.pack("!BBH", event, 10, (passed + 20) * 8), passed == 0))
        self._keys.extend([(struct.pack("!BBH", event, 0x8A, milliseconds * 8), False)] * 3)
        self._keys.extend([(b"", False)] * 3)

    def heard(self) -> bytes:
        """All that was heard and not yet read: 8-bit unsigned, 8 kHz."""
        return self.pmin.take()

    def recv(self) -> None:
        """The receiving thread."""
        while self.NSD:
            try:
                self.parse_packet(self.sin.recv(8192))
                self.packets_in += 1
            except (OSError, RTP.RTPParseError, ValueError, IndexError, audioop.error):
                continue  # closed, quiet, or no packet of ours: the next one

    def trans(self) -> None:
        """The sending thread."""
        events = [number for number, name in self.assoc.items() if name == RTP.PayloadType.EVENT]
        due, event_stamp = time.monotonic(), 0
        while self.NSD:
            sound = self.encode_packet(self.pmout.read(FRAME))
            kind, stamp, payload = int(self.preference), self.outTimestamp & 0xFFFFFFFF, sound
            key, first = self._keys.popleft() if self._keys else (b"", False)
            if key and events:
                event_stamp = stamp if first else event_stamp
                kind, stamp, payload = events[0] | (0x80 if first else 0), event_stamp, key
            header = struct.pack("!BBHII", 0x80, kind, self.outSequence & 0xFFFF, stamp, self.outSSRC)
            with contextlib.suppress(OSError):  # closed, or nobody there yet
                self.sout.sendto(header + payload, (self.outIP, self.outPort))
                self.packets_out += 1
            self.outSequence += 1
            self.outTimestamp += FRAME
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))

    def encode_packet(self, payload: bytes) -> bytes:
        """Into the codec that was agreed on."""
        if self.preference == RTP.PayloadType.PCMA:
            return bytes(self.encode_pcma(payload))
        return bytes(super().encode_packet(payload))


class GatedCall(VoIPCall):  # type: ignore[misc]  # pyVoIP has no usable types
    """A call that the gate allowed; pyVoIP's call with an end that can be seen.

    ``number`` is what was dialled, ``decision`` the gate's answer. ``code`` is the SIP answer that ended the attempt
    (0 while there is none, 408 where nothing was heard), ``why`` the text of its Reason header or its phrase.
    """

    number = ""
    decision: Answer | None = None
    code = 0
    why = ""
    dialog: Invite | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.changed = threading.Event()
        super().__init__(*arguments, **named)

    def wait_answered(self, timeout: float) -> bool:
        """Wait until the call is answered or over; True where it is answered."""
        self.changed.wait(timeout)
        return bool(self.state == CallState.ANSWERED)

    def heard(self) -> bytes:
        """All that was heard and not yet read: 8-bit unsigned, 8 kHz, mono."""
        return b"".join(voice.heard() for voice in self.RTPClients)

    def press(self, digits: str) -> None:
        """Press keys (RFC 4733), e.g. ``*5`` to pause the recording."""
        for digit in digits:
            for voice in self.RTPClients:
                voice.press(digit)

    def hangup(self) -> None:
        """End the call, or give it up while it rings; harmless where it is over."""
        if self.state == CallState.ANSWERED:
            super().hangup()
        elif self.state == CallState.DIALING and self.dialog is not None:
            self.phone.sip.cancel(self.dialog)

    def create_rtp_clients(self, codecs: Any, ip: str, port: int, request: Any, baseport: int) -> None:
        """pyVoIP's, with our voice."""
        for index, connection in enumerate(request.body["c"]):
            address = connection["address"]
            voice = RtpClient(codecs, ip, port, address, baseport + index, self.sendmode, dtmf=self.dtmf_callback)
            self.RTPClients.append(voice)

    def bye(self) -> None:
        """The other side hung up."""
        super().bye()
        self.phone.sip.invites.pop(self.call_id, None)

    def settled(self, message: Any) -> None:
        """The final answer to our INVITE (None: nothing was heard)."""
        if message is not None and 200 <= int(message.status) < 300:
            self.code = int(message.status)
            self.answered(message)
        else:
            self.code = int(message.status) if message is not None else 408
            self.why = _why(message)
            self.state = CallState.ENDED
            self.phone.calls.pop(self.call_id, None)
        self.changed.set()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # pyVoIP frees its ports twice, and an error here has no one to go to
            super().__del__()


class GatedPhone(VoIPPhone):  # type: ignore[misc]  # pyVoIP has no usable types
    """A softphone that dials only what the gate allows. ``call`` is the only way: pyVoIP's own way to dial is closed.

    ``ask`` answers for a number as it was typed, ``ask_gate(...)`` or any callable of a gate in the same process.
    ``server`` and ``port`` are where it registers and where its INVITEs go. ``sip_port`` 0 takes a free one. As a
    context manager it is registered inside and gone outside.
    """

    def __init__(
        self,
        ask: Callable[[str], Answer],
        server: str,
        port: int,
        username: str,
        password: str,
        *,
        my_ip: str = "127.0.0.1",
        sip_port: int = 0,
        rtp_ports: tuple[int, int] = (10000, 19999),
        on_call: Callable[[VoIPCall], None] | None = None,
    ) -> None:
        sip_port = sip_port or _free_port(my_ip)
        super().__init__(server, port, username, password, my_ip, on_call, sip_port, *rtp_ports)
        self._ask = ask
        self.sip = Signals(
            server, port, username, password, phone=self, myIP=my_ip, myPort=sip_port,
            callCallback=self.callback, fatalCallback=self.fatal,
        )  # fmt: skip

    def __enter__(self) -> GatedPhone:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Register; ``GateError`` where the server does not take the registration."""
        super().start()
        if self.get_status() != PhoneStatus.REGISTERED:
            self.stop()
            raise GateError(
                f"{self.username} could not register with {self.server}:{self.port}",
                hint="check the account, its password and that the gate is running",
            )

    def stop(self, failed: bool = False) -> None:
        """End every call and the registration."""
        for call in list(self.calls.values()):
            with contextlib.suppress(Exception):  # whatever state it is in, the next one must still be ended
                call.hangup()
        super().stop(failed)

    def call(self, number: str) -> GatedCall:
        """Ask the gate, then dial the number that it answers with, never the one that was typed.

        Raises ``CallRefused`` with the gate's reason, and before anything is sent; ``internal_error`` where the gate
        cannot be asked or does not answer with a clear *allow*.
        """
        decision = permitted(self._ask, number)
        port = self.request_port()
        media = {port: {0: RTP.PayloadType.PCMU, 8: RTP.PayloadType.PCMA, 101: RTP.PayloadType.EVENT}}
        dialog = self.sip.prepare(decision, media, RTP.TransmitType.SENDRECV)
        request = SIP.SIPMessage(dialog.text.encode())
        session = int(re.search(r"^o=\S+ (\d+)", dialog.text, re.MULTILINE)[1])  # type: ignore[index]  # we wrote it
        call = GatedCall(self, CallState.DIALING, request, session, self.myIP, ms=media, sendmode=self.sendmode)
        call.number, call.decision, call.dialog = decision.number, decision, dialog
        dialog.on_answer = call.settled
        self.calls[dialog.call_id] = call
        self.sip.dial(dialog)
        return call

    def request_port(self, blocking: bool = True) -> int:
        """An RTP port that is free on this machine, not only in this phone's list."""
        choices = [port for port in range(self.rtpPortLow, self.rtpPortHigh + 1, 2) if port not in self.assignedPorts]
        for port in random.sample(choices, min(200, len(choices))):
            if _bindable(self.myIP, port):
                self.assignedPorts.append(port)
                return port
        raise pyVoIP.VoIP.NoPortsAvailableError("no RTP port is free")


def _why(message: Any) -> str:
    """The text of a Reason header, or the answer's phrase."""
    if message is None:
        return "no answer"
    text = message.raw.decode("utf-8", "replace")
    found = re.search(r'^Reason:.*?text="([^"]*)"', text, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else text.partition("\r\n")[0].split(" ", 2)[-1]


def _bindable(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
