"""SIP by hand, for the attacks: one UDP socket, text out, text in. The standard library alone."""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import time

SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
)


def address(text: str) -> tuple[str, int]:
    """``host:port``."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def header(message: str, name: str) -> str:
    """The first value of a header; empty where there is none."""
    found = re.search(rf"^{name}[ \t]*:[ \t]*(.*?)\r?$", message, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def code_of(message: str) -> int:
    """The status code of an answer; 0 for a request."""
    return int(message[8:11]) if message.startswith("SIP/2.0 ") else 0


def authorization(challenge: str, username: str, password: str, method: str, uri: str) -> str:
    """An ``Authorization`` line (RFC 7616, MD5 or SHA-256) for a ``WWW-Authenticate`` value."""
    asked = {
        name.lower(): quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([\w-]+))', challenge)
    }

    def h(text: str) -> str:
        return hashlib.new("sha256" if "SHA" in asked["algorithm"] else "md5", text.encode()).hexdigest()

    first, second = h(f"{username}:{asked['realm']}:{password}"), h(f"{method}:{uri}")
    cnonce = secrets.token_hex(4)
    response = h(f"{first}:{asked['nonce']}:00000001:{cnonce}:auth:{second}")
    return (
        f'Authorization: Digest username="{username}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", '
        f'uri="{uri}", response="{response}", algorithm={asked["algorithm"]}, qop=auth, nc=00000001, cnonce="{cnonce}"'
    )


class Wire:
    """One socket."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.host, self.port = self.socket.getsockname()
        self.source: tuple[str, int] = ("", 0)
        """Where the last message came from."""

    def send(self, text: str, to: tuple[str, int]) -> None:
        """Send a message."""
        self.socket.sendto(text.encode(), to)

    def receive(self, seconds: float, only: str = "") -> str:
        """The next message, of a method or a code (``only``); empty where none came in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data, self.source = self.socket.recvfrom(65535)
            except (TimeoutError, ConnectionRefusedError):
                continue
            text = data.decode("utf-8", "replace")
            if only in ("", text.partition(" ")[0], str(code_of(text))):
                return text
        return ""

    def final(self, seconds: float) -> str:
        """The next final answer."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if code_of(text := self.receive(left)) >= 200:
                return text
        return ""

    def request(
        self, method: str, uri: str, *, sender: str = "", to: str = "", call_id: str = "", cseq: int = 1,
        branch: str = "", headers: tuple[str, ...] = (), body: str = "", rtp: int = 40000,
    ) -> str:  # fmt: skip
        """A request; what is not said is made up. An INVITE offers PCMU."""
        if method == "INVITE" and not body:
            body = SDP.format(host=self.host, port=rtp)
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};rport;branch={branch or 'z9hG4bK' + secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: {sender or f'<sip:phone@{self.host}>;tag=' + secrets.token_hex(4)}",
            f"To: {to or f'<{uri}>'}",
            f"Call-ID: {call_id or secrets.token_hex(8)}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:phone@{self.host}:{self.port}>",
            *headers,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def answer(self, request: str, code: int, phrase: str, *, tag: str = "", body: str = "") -> str:
        """An answer to a request that came."""
        vias = re.findall(r"^(Via:.*?)\r?$", request, re.MULTILINE)
        to = header(request, "To") + (f";tag={tag}" if tag and ";tag=" not in header(request, "To") else "")
        lines = [
            f"SIP/2.0 {code} {phrase}",
            *vias,
            *(f"{name}: {header(request, name)}" for name in ("From", "Call-ID", "CSeq")),
            f"To: {to}",
            f"Contact: <sip:far@{self.host}:{self.port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body
