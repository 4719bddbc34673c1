"""A SIP endpoint made of one UDP socket: says exactly what a test tells it to, and shows exactly what came."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass, field

from tests.support.waiting import PATIENCE

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
)


def sdp(port: int = 40000, direction: str = "sendrecv") -> str:
    return SDP.format(port=port, direction=direction)


@dataclass
class Heard:
    """A message that came."""

    start: str
    headers: list[tuple[str, str]]
    body: str
    data: bytes

    @property
    def code(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return "" if self.code else self.start.split()[0]

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def contact(self) -> str:
        return self.get("Contact").partition("<")[2].partition(">")[0] or self.get("Contact")

    @property
    def to_tag(self) -> str:
        found = re.search(r";tag=([^;]+)", self.get("To"))
        return found[1] if found else ""


def read(data: bytes) -> Heard:
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    return Heard(lines[0], headers, body, data)


@dataclass
class Dialog:
    """What one call of a peer needs to be written."""

    call_id: str
    local: str
    remote: str
    target: str
    cseq: int = 1
    routes: list[str] = field(default_factory=list)


class Peer:
    """``send`` text, ``recv`` what comes (retransmissions included, unless ``skip`` names them)."""

    _count = 0
    _given: frozenset[tuple[str, str, str]] | set[tuple[str, str, str]] = frozenset()

    def __init__(self, host: str = "127.0.0.1", to: tuple[str, int] | None = None, port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((host, port))
        self.host = f"[{host}]" if ":" in host else host
        self.port = int(self.sock.getsockname()[1])
        self.to = to

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def send(self, data: str | bytes, to: tuple[str, int] | None = None) -> None:
        target = to or self.to
        assert target
        self.sock.sendto(data if isinstance(data, bytes) else data.encode(), target)

    def recv(self, seconds: float = PATIENCE, *, only: str = "") -> Heard:
        """The next message; ``only``: a method or a code, everything else is passed over."""
        end = time.monotonic() + seconds
        while True:
            self.sock.settimeout(max(0.001, end - time.monotonic()))
            try:
                data, self.last_from = self.sock.recvfrom(65535)
            except TimeoutError:
                raise AssertionError(f"nothing {only} came in {seconds} s") from None
            heard = read(data)
            if not only or only in (heard.method, str(heard.code)):
                return heard

    def fresh(self, method: str) -> Heard:
        """The next request of this method that ``fresh`` has not given before: a slow test hears some again."""
        while True:
            heard = self.recv(only=method)
            key = (heard.get("Call-ID"), heard.get("CSeq"), heard.get("To"))
            if key not in self._given:
                self._given = {*self._given, key}
                return heard

    def nothing_from(self, gate: tuple[str, int]) -> bool:
        """True where the gate has sent nothing here by the time at which it answers a question of somebody else: what
        came to it before is done with then."""
        with Peer("::1" if ":" in gate[0] else "127.0.0.1", gate) as other:
            other.send(other.request("OPTIONS", other.new_dialog()))
            other.recv()
        return self.quiet(0.0)

    def quiet(self, seconds: float) -> bool:
        """True where nothing comes for so long: what a timer would send."""
        self.sock.settimeout(seconds)
        try:
            self.sock.recvfrom(65535)
        except (TimeoutError, BlockingIOError):
            return True
        return False

    def drain(self) -> None:
        self.sock.settimeout(0.01)
        try:
            while True:
                self.sock.recvfrom(65535)
        except TimeoutError:
            return

    # --- writing ----------------------------------------------------------------------------------------------------

    def new_dialog(self, user: str = "02079460000", host: str = "gate.invalid", name: str = "alice") -> Dialog:
        Peer._count += 1
        mark = f"{time.monotonic_ns():x}{Peer._count}"
        return Dialog(
            f"call-{mark}", f"<sip:{name}@{self.address}>;tag=l{mark}", f"<sip:{user}@{host}>", f"sip:{user}@{host}"
        )

    def request(
        self, method: str, dialog: Dialog, *, body: str = "", headers: tuple[str, ...] = (), branch: str = "",
        cseq: int | None = None, content_type: str = "application/sdp", contact: str = "", hops: int = 70,
        cseq_method: str = "",
    ) -> str:  # fmt: skip
        Peer._count += 1
        branch = branch or f"z9hG4bK{time.monotonic_ns():x}{Peer._count}"
        number = dialog.cseq if cseq is None else cseq
        lines = [
            f"{method} {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address};branch={branch};rport",
            f"Max-Forwards: {hops}",
            f"From: {dialog.local}",
            f"To: {dialog.remote}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {number} {cseq_method or method}",
            *headers,
        ]
        if method in ("INVITE", "REGISTER") and contact != "none":
            lines.append(f"Contact: {contact or f'<sip:alice@{self.address}>'}")
        if body:
            lines.append(f"Content-Type: {content_type}")
        lines.append(f"Content-Length: {len(body.encode())}")
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def answer(
        self,
        request: Heard,
        code: int,
        phrase: str,
        *,
        tag: str = "",
        body: str = "",
        headers: tuple[str, ...] = (),
        contact: str = "",
    ) -> str:
        lines = [f"SIP/2.0 {code} {phrase}"]
        lines += [f"Via: {via}" for via in request.all("Via")]
        lines += [f"Record-Route: {route}" for route in request.all("Record-Route")]
        to = request.get("To")
        if tag and ";tag=" not in to:
            to += f";tag={tag}"
        lines += [f"From: {request.get('From')}", f"To: {to}"]
        lines += [f"Call-ID: {request.get('Call-ID')}", f"CSeq: {request.get('CSeq')}", *headers]
        if code > 100:
            lines.append(f"Contact: {contact or f'<sip:bob@{self.address}>'}")
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body.encode())}")
        return "\r\n".join(lines) + "\r\n\r\n" + body


class Phone(Peer):
    """The caller's side of one call."""

    def __init__(self, to: tuple[str, int], host: str = "127.0.0.1") -> None:
        super().__init__(host, to)

    def dial(
        self, user: str = "02079460000", *, body: str | None = None, headers: tuple[str, ...] = (), sender: str = ""
    ) -> Dialog:  # fmt: skip
        """``sender``: the address in From."""
        self.dialog = self.new_dialog(user)
        if sender:
            self.dialog.local = f"{sender};tag={self.dialog.local.partition(';tag=')[2]}"
        self.branch = f"z9hG4bKd{time.monotonic_ns():x}"
        self.invite = self.request(
            "INVITE", self.dialog, body=sdp() if body is None else body, headers=headers, branch=self.branch
        )
        self.send(self.invite)
        return self.dialog

    def cancel(self) -> None:
        self.send(self.request("CANCEL", self.dialog, branch=self.branch))

    def ack(self, heard: Heard, *, body: str = "") -> None:
        """ACK of a final answer; the dialog takes its tag and target from it."""
        number = int(heard.get("CSeq").split()[0])
        self.dialog.remote = heard.get("To")
        if 200 <= heard.code < 300:
            self.dialog.target = heard.contact
            self.send(self.request("ACK", self.dialog, cseq=number, body=body))
        else:
            self.send(self.request("ACK", self.dialog, cseq=number, branch=self.branch))

    def next(self, method: str, **named: object) -> str:
        """A request inside the dialog."""
        self.dialog.cseq += 1
        return self.request(method, self.dialog, **named)  # type: ignore[arg-type]


class Callee(Peer):
    """The trunk's side of one call."""

    def ring(self, code: int = 180, body: str = "") -> Heard:
        self.invite = self.fresh("INVITE")
        self.tag = f"r{time.monotonic_ns():x}"
        self.gate = (self.last_from[0], self.last_from[1])
        self.say(code, "Ringing", body=body)
        return self.invite

    def say(self, code: int, phrase: str, **named: object) -> None:
        self.send(self.answer(self.invite, code, phrase, tag=self.tag if code > 100 else "", **named), self.gate)  # type: ignore[arg-type]

    def pick_up(self, body: str | None = None, **named: object) -> Heard:
        """200; returns the ACK."""
        self.say(200, "OK", body=sdp(41000) if body is None else body, **named)
        return self.recv(only="ACK")

    def dialog(self) -> Dialog:
        return Dialog(
            self.invite.get("Call-ID"),
            f"{self.invite.get('To')};tag={self.tag}",
            self.invite.get("From"),
            self.invite.contact,
        )
