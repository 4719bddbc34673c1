"""A UAS for the demo and for tests, in the carrier's place: answers calls with a tone, and tells what it heard.

``python -m gate.cli.test_uas --listen 127.0.0.1:0 --tone 1000`` runs it in a process of its own. On standard output,
one JSON object a line: ``{"event": "listening", "address": "127.0.0.1:5071"}``, ``{"event": "invite", …}`` as each call
comes in and ``{"event": "call", …}`` as it ends:

- ``user``, ``from``, ``pai``, ``privacy``: what the INVITE showed; ``call_id``; ``answered``, ``ended_by``
  (``caller``, ``callee``, ``cancel``), ``seconds``; ``codec``; ``packets_in``, ``packets_out``
- ``heard``: ``[second, hertz, share]`` for each 200 ms from the answer on: the strongest frequency in Hz (null for
  silence) and how much of the power it holds, near 1.0 for a pure tone and well below for speech

Ends at SIGTERM, or after ``--calls`` calls; what still runs is hung up and told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gate import g711
from gate.sip import message
from gate.sip.peers import Endpoint
from gate.sip.sippy_adapter import patches
from gate.sip.sippy_adapter.classes import (
    ED2,
    UA,
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventRing,
    CCEventTry,
    CCEventUpdate,
    MsgBody,
    Timeout,
)
from gate.sip.sippy_adapter.event_loop import StepQueue, adopt_loop
from gate.sip.sippy_adapter.leg import contact
from gate.sip.sippy_adapter.transactions import Transactions
from gate.sip.udp import Transport

WINDOW = 0.2
_FRAME = 160
_DIGITS = "0123456789*#ABCD"
_TYPES = {"PCMU": 0, "PCMA": 8}
_DECODE = {0: g711.ulaw_decode, 8: g711.alaw_decode}
_ENCODE = {0: g711.ulaw_encode, 8: g711.alaw_encode}


@dataclass(frozen=True, slots=True)
class Options:
    """How it behaves; see ``--help``."""

    listen: str = "127.0.0.1:0"
    tone: float = 1000.0
    codec: str = ""
    ring_after: float = 0.05
    answer_after: float = 0.3
    hangup_after: float = 0.0
    digits: tuple[tuple[str, float], ...] = ()
    refuse: int = 0
    no_answer: bool = False
    early_media: bool = False
    calls: int = 0


def strongest(samples: npt.NDArray[np.float64]) -> tuple[float | None, float]:
    """The strongest frequency in Hz and its share of the power; (None, 0.0) for what is as quiet as silence."""
    if len(samples) < _FRAME or np.sqrt(np.mean(samples**2)) < 100:
        return None, 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8000)) ** 2
    peak = int(np.argmax(spectrum))
    width = 4 * 8000 // len(samples)
    near = spectrum[max(0, peak - width) : peak + width + 1].sum()
    return float(peak), round(float(near / spectrum.sum()), 3)


class RtpStream:
    """One call's RTP: a tone out, what comes in kept by the 200 ms in which it came."""

    def __init__(self, host: str, tone: float) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.packets_in = self.packets_out = 0
        self._tone = tone
        self._windows: dict[int, list[bytes]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._events: list[tuple[float, str]] = []
        self._heard_from: float | None = None

    def start(self, peer: tuple[str, int], payload_type: int, digits: Sequence[tuple[str, float]]) -> None:
        """Begin to talk to ``peer``; digits are pressed so many seconds after the first audio was heard."""
        self._type, self._peer = payload_type, peer
        self._events = sorted((at, digit) for digit, at in digits)
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def talk_to(self, peer: tuple[str, int]) -> None:
        """The other side moved, or went on hold (an address of zeros)."""
        self._peer = peer

    def stop(self) -> list[tuple[float, float | None, float]]:
        """End; what was heard, as in the module's docstring."""
        self._stop.set()
        if self._thread:
            self._thread.join()
        self._socket.close()
        if not self._windows:
            return []
        heard = []
        for index in range(max(self._windows) + 1):
            sound = _DECODE[self._type](b"".join(self._windows.get(index, []))).astype(np.float64)
            hertz, share = strongest(sound)
            heard.append((round(index * WINDOW, 1), hertz, share))
        return heard

    def _run(self) -> None:
        sine = 8000 * np.sin(2 * np.pi * self._tone * np.arange(8000) / 8000)
        encoded = _ENCODE[self._type](np.rint(sine).astype(np.int16)) * 2
        sequence, due, pressed = 1, self._began, 0
        event: list[tuple[bytes, int, int]] = []
        while not self._stop.is_set():
            self._listen()
            stamp = 160 * sequence
            listened = time.monotonic() - self._heard_from if self._heard_from is not None else -1.0
            if pressed < len(self._events) and listened >= self._events[pressed][0]:
                event += _event(_DIGITS.index(self._events[pressed][1]), stamp)
                pressed += 1
            at = stamp % 8000
            packet = (encoded[at : at + _FRAME], self._type, stamp)
            payload, kind, shown = event.pop(0) if event else packet
            header = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, shown, 0x0FA2E0D)
            with contextlib.suppress(OSError):
                self._socket.sendto(header + payload, self._peer)
                self.packets_out += 1
            sequence += 1
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))

    def _listen(self) -> None:
        while True:
            try:
                data = self._socket.recv(2048)
            except OSError:
                return
            if len(data) > 12 and data[1] & 0x7F == self._type:
                self.packets_in += 1
                self._heard_from = self._heard_from or time.monotonic()
                self._windows.setdefault(int((time.monotonic() - self._began) / WINDOW), []).append(data[12:])


def _event(digit: int, stamp: int) -> list[tuple[bytes, int, int]]:
    """The packets of a key pressed for 100 ms (RFC 4733), payload type 101."""
    going = [(struct.pack("!BBH", digit, 10, 160 * n), 101 | (0x80 if n == 1 else 0), stamp) for n in range(1, 6)]
    return [*going, *[(struct.pack("!BBH", digit, 0x8A, 800), 101, stamp)] * 3]


@dataclass(slots=True)
class _Call:
    leg: Any
    shown: dict[str, Any]
    stream: RtpStream
    codec: str = ""
    answered: float | None = None
    timers: list[Any] = field(default_factory=list)
    over: bool = False


class TestUas:
    """The UAS on its own loop. ``run`` returns after ``stop``; ``tell`` gets what is printed."""

    def __init__(self, options: Options, write_line: Callable[[dict[str, Any]], None]) -> None:
        self._options, self._tell = options, write_line
        self._steps = StepQueue()
        self._transport = Transport(options.listen, self._steps, self._received)
        self._calls: dict[str, _Call] = {}
        self._shown: dict[str, Any] = {}
        self._ended = 0

    def run(self) -> None:
        """Serve until stopped."""
        loop = adopt_loop()
        patches.apply_patches()
        self._transport.open()
        self._transactions = Transactions(self._transport, self._request)
        self._steps.start(lambda: loop.callFromThread(self._steps.drain))
        self._transport.start()
        host, port = self._transport.addresses[0]
        self._tell({"event": "listening", "address": f"{host}:{port}"})
        loop.loop()
        self._transport.close()

    def stop(self) -> None:
        """Hang up what runs and end ``run``; from any thread, or a signal handler."""
        self._steps.post(self._leave)

    def _leave(self) -> None:
        for call in list(self._calls.values()):
            call.leg.recvEvent(CCEventDisconnect())
            self._end(call, "callee")
        self._after(0.2, ED2.breakLoop)  # time for the BYEs to leave

    def _received(self, data: bytes, source: message.Address, endpoint: Endpoint) -> None:
        with contextlib.suppress(message.BadMessage):
            asked = message.parse(data)
            if asked.method == "INVITE" and not asked.to_tag:
                self._shown = {
                    "user": asked.uri.partition(":")[2].partition("@")[0],
                    "from": asked.get("from"),
                    "pai": asked.get("p-asserted-identity"),
                    "privacy": asked.get("privacy"),
                    "call_id": asked.call_id,
                }
            self._transactions.feed(asked, source, endpoint)

    def _request(self, request: Any, transaction: Any) -> Any:
        method = request.getMethod()
        if method == "OPTIONS":
            return (request.genResponse(200, "OK"), None, None)
        if method != "INVITE" or request.getHFBody("to").getTag() is not None:
            return (request.genResponse(481, "Call/Transaction Does Not Exist"), None, None)
        name = str(request.getHFBody("call-id"))
        leg = UA(self._transactions.global_config, event_cb=lambda event, _: self._event(name, event))
        leg.lContact = contact()
        host = self._transport.addresses[0][0].strip("[]")
        self._calls[name] = _Call(leg, dict(self._shown), RtpStream(host, self._options.tone))
        self._tell({"event": "invite", **self._shown})
        return leg.recvRequest(request, transaction)

    def _event(self, name: str, event: Any) -> None:
        call = self._calls.get(name)
        if call is None:
            return
        if isinstance(event, CCEventTry):
            self._tried(call, event.getData()[3])
        elif isinstance(event, CCEventUpdate):
            body = event.getData()
            call.stream.talk_to(_peer(body))
            call.leg.recvEvent(CCEventConnect((200, "OK", self._answer(call))))
        elif isinstance(event, CCEventDisconnect | CCEventFail):
            self._end(call, "caller" if call.answered is not None else "cancel")

    def _tried(self, call: _Call, body: Any) -> None:
        options = self._options
        if body is None or not self._choose(call, body):
            call.leg.recvEvent(CCEventFail((488, "Not Acceptable Here")))
            self._end(call, "callee")
        elif options.refuse:
            phrase = {486: "Busy Here", 404: "Not Found", 503: "Service Unavailable"}.get(options.refuse, "Refused")
            call.leg.recvEvent(CCEventFail((options.refuse, phrase)))
            self._end(call, "callee")
        else:
            early = (183, "Session Progress", self._answer(call)) if options.early_media else (180, "Ringing", None)
            self._after(options.ring_after, lambda: self._ring(call, CCEventRing(early), body))
            if not options.no_answer:
                call.timers.append(self._after(options.answer_after, lambda: self._pick_up(call, body)))

    def _ring(self, call: _Call, event: Any, body: Any) -> None:
        if not call.over and call.answered is None:
            call.leg.recvEvent(event)
            if self._options.early_media:
                call.stream.start(_peer(body), _TYPES[call.codec], ())

    def _pick_up(self, call: _Call, body: Any) -> None:
        call.answered = time.monotonic()
        if not self._options.early_media:
            call.stream.start(_peer(body), _TYPES[call.codec], self._options.digits)
        call.leg.recvEvent(CCEventConnect((200, "OK", self._answer(call))))

        def hang_up() -> None:
            call.leg.recvEvent(CCEventDisconnect())
            self._end(call, "callee")

        if self._options.hangup_after:
            call.timers.append(self._after(self._options.hangup_after, hang_up))

    def _choose(self, call: _Call, body: Any) -> bool:
        body.parse()
        offered = body.content.sections[0].m_header.formats if body.content.sections else []
        wanted = {self._options.codec} if self._options.codec else set(_TYPES)
        fitting = [name for number in offered for name, own in _TYPES.items() if own == number and name in wanted]
        call.codec = fitting[0] if fitting else ""
        return bool(fitting)

    def _answer(self, call: _Call) -> Any:
        host = self._transport.addresses[0][0].strip("[]")
        number, where = _TYPES[call.codec], f"{'IP6' if ':' in host else 'IP4'} {host}"
        return MsgBody(
            f"v=0\r\no=- 1 1 IN {where}\r\ns=-\r\nc=IN {where}\r\nt=0 0\r\n"
            f"m=audio {call.stream.port} RTP/AVP {number} 101\r\na=rtpmap:{number} {call.codec}/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
        )

    def _end(self, call: _Call, by: str) -> None:
        if call.over:
            return
        call.over = True
        for timer in call.timers:
            timer.cancel()
        heard = call.stream.stop()
        stream, answered = call.stream, call.answered is not None
        self._calls.pop(call.shown["call_id"], None)
        self._tell(
            {"event": "call", **call.shown, "answered": answered, "ended_by": by, "codec": call.codec,
             "seconds": round(time.monotonic() - call.answered, 2) if call.answered else 0.0,
             "packets_in": stream.packets_in, "packets_out": stream.packets_out, "heard": heard}
        )  # fmt: skip
        self._ended += 1
        if self._options.calls and self._ended >= self._options.calls:
            self._leave()

    def _after(self, seconds: float, step: Callable[[], None]) -> Any:
        return Timeout(patches.guarded("test UAS", step), seconds)


def _peer(body: Any) -> tuple[str, int]:
    body.parse()
    section = body.content.sections[0]
    return section.c_header.addr, section.m_header.port


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m gate.cli.test_uas", description="A UAS for demos and tests.")
    parser.add_argument("--listen", default="127.0.0.1:0", help="address:port, UDP; port 0 takes a free one")
    parser.add_argument("--tone", type=float, default=1000.0, metavar="HZ")
    parser.add_argument("--codec", choices=sorted(_TYPES), default="", help="the only one taken (either otherwise)")
    parser.add_argument("--ring-after", type=float, default=0.05, metavar="S")
    parser.add_argument("--answer-after", type=float, default=0.3, metavar="S")
    parser.add_argument("--hangup-after", type=float, default=0.0, metavar="S", help="from the answer; 0 waits for BYE")
    parser.add_argument(
        "--digit", action="append", default=[], metavar="D@S", help="press D, S seconds after the first audio is heard"
    )
    parser.add_argument("--busy", action="store_true", help="486 to every call")
    parser.add_argument("--refuse", type=int, default=0, metavar="CODE")
    parser.add_argument("--no-answer", action="store_true", help="ring for ever")
    parser.add_argument("--early-media", action="store_true", help="183 with the tone instead of 180")
    parser.add_argument("--calls", type=int, default=0, metavar="N", help="end after N calls")
    given = vars(parser.parse_args(arguments))
    pressed = [entry.partition("@") for entry in given.pop("digit")]
    given["digits"] = tuple((digit, float(at)) for digit, _, at in pressed)
    given["refuse"] = 486 if given.pop("busy") else given["refuse"]
    return Options(**given)


def main(arguments: Sequence[str] | None = None) -> int:
    """The process: serve until SIGTERM, SIGINT or the last call."""

    def write_line(what: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    uas = TestUas(_options(sys.argv[1:] if arguments is None else arguments), write_line)
    for number in (signal.SIGTERM, signal.SIGINT):  # by a thread, for a handler must not wait for a lock
        signal.signal(number, lambda *_: threading.Thread(target=uas.stop).start())
    uas.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
