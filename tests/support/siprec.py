"""A SIPREC client (RFC 7866) made of a UDP socket and two RTP streams: what an SBC sends to have a call recorded."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from tests.support.audio import Party
from tests.support.sip_peer import Dialog, Heard, Peer
from tests.support.sip_stream import OverStream, by
from tests.support.waiting import PATIENCE

AGENT, CUSTOMER = 500.0, 1250.0
BOUNDARY = "boundary-x"
NAMES = {
    0: "PCMU/8000",
    8: "PCMA/8000",
    9: "G722/8000",
    18: "G729/8000",
    96: "opus/48000/2",
    101: "telephone-event/8000",
}


def offer(
    ports: Sequence[int], *, labels: Sequence[str] = ("1", "2", "3"), directions: Sequence[str] = (),
    types: Sequence[int] = (8, 0), proto: str = "RTP/AVP", version: int = 1, host: str = "127.0.0.1",
) -> str:  # fmt: skip
    """An SDP with a stream for each port."""
    lines = ["v=0", f"o=src 77 {version} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    for place, port in enumerate(ports):
        lines.append(f"m=audio {port} {proto} {' '.join(map(str, types))}")
        lines += [f"a=rtpmap:{kind} {NAMES[kind]}" for kind in types]
        lines.append(f"a={directions[place] if directions else 'sendonly'}")
        lines += [f"a=label:{labels[place]}"] if labels[place] else []
    return "\r\n".join(lines) + "\r\n"


def metadata(call_id: str, people: Sequence[str], labels: Sequence[str] = ("1", "2")) -> str:
    """As jambonz and OpenSIPS write it: each participant sends the stream in its place."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>', '<recording xmlns="urn:ietf:params:xml:ns:recording:1">']
    parts += ["<datamode>complete</datamode>", '<session session_id="s1">']
    parts += [f"<sipSessionID>{call_id}</sipSessionID>"] if call_id else []
    parts.append("</session>")
    for place, aor in enumerate(people):
        parts.append(
            f'<participant participant_id="p{place}"><nameID aor="{aor}"><name>N{place}</name></nameID></participant>'
        )
        parts.append(f'<participantsessionassoc participant_id="p{place}" session_id="s1"/>')
    for place, label in enumerate(labels):
        parts.append(f'<stream stream_id="m{place}" session_id="s1"><label>{label}</label></stream>')
        parts.append(
            f'<participantstreamassoc participant_id="p{place}"><send>m{place}</send></participantstreamassoc>'
        )
    return "\r\n".join([*parts, "</recording>"])


def multipart(sdp: str, xml: str) -> str:
    """Both in one body."""
    first = f"Content-Type: application/sdp\r\nContent-Disposition: session;handling=required\r\n\r\n{sdp}"
    second = f"Content-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n{xml}"
    return f"--{BOUNDARY}\r\n{first}\r\n--{BOUNDARY}\r\n{second}\r\n--{BOUNDARY}--\r\n"


def ports_of(sdp: str) -> list[int]:
    """The port of each stream."""
    return [int(port) for port in re.findall(r"^m=\w+ (\d+)", sdp, re.MULTILINE)]


class Client(Peer):
    """One session at a time; ``parties`` speak once the answer has come."""

    def __init__(
        self, to: tuple[str, int], *, host: str = "127.0.0.1", tones: Sequence[float] = (AGENT, CUSTOMER)
    ) -> None:
        super().__init__(host, to)
        self._stack = ExitStack()
        self.parties = [Party(each, 8, host) for each in tones]
        self.dialog: Dialog
        self.branch = ""
        self.up = False
        """A session goes on."""

    def __enter__(self) -> Client:
        for party in self.parties:
            self._stack.enter_context(party)
        return self

    def __exit__(self, *what: object) -> None:
        self._stack.close()
        if self.up:
            self.send(self.next_bye())
        super().__exit__(*what)

    @property
    def ports(self) -> list[int]:
        return [party.port for party in self.parties]

    def invite(
        self, call_id: str = "", people: Sequence[str] = ("sip:1001@pbx.invalid", "sip:02079460123@pbx.invalid"), *,
        sdp: str = "", xml: str = "", body: str = "", headers: Sequence[str] = ("Require: siprec",),
        content_type: str = f"multipart/mixed;boundary={BOUNDARY}",
    ) -> None:  # fmt: skip
        """Ask for a session; ``call_id``: of the call that is to be recorded."""
        self.dialog = self.new_dialog("srs", name="src")
        self.branch = f"z9hG4bK{self.dialog.call_id}"
        sdp = sdp or offer(self.ports, host=self.host)
        body = body or multipart(sdp, xml or metadata(call_id, people, ("1", "2")[: len(self.parties)]))
        self.sent = self.request(
            "INVITE", self.dialog, body=body, headers=tuple(headers), branch=self.branch, content_type=content_type,
            contact=f"<sip:src@{self.address}>;+sip.src",
        )  # fmt: skip
        self.send(self.sent)

    def ack(self, heard: Heard) -> None:
        self.dialog.remote = heard.get("To")
        number = int(heard.get("CSeq").split()[0])
        self.up = self.up or heard.code < 300
        if heard.code < 300:
            self.dialog.target = heard.contact
            self.send(self.request("ACK", self.dialog, cseq=number))
        else:
            self.send(self.request("ACK", self.dialog, cseq=number, branch=self.branch))

    def final(self) -> Heard:
        """The final answer, acknowledged."""
        while (heard := self.recv()).code < 200:
            pass
        self.ack(heard)
        return heard

    def begin(self, call_id: str = "", **named: Any) -> Heard:
        """A session that is taken, and its tones going."""
        self.invite(call_id, **named)
        heard = self.final()
        assert heard.code == 200, heard.data
        self.speak(heard)
        return heard

    def speak(self, heard: Heard) -> None:
        """Send each tone to its stream's port."""
        for party, port in zip(self.parties, ports_of(heard.body), strict=False):
            party.talk_to((self.to[0], port) if self.to and port else None)

    def again(self, sdp: str, method: str = "INVITE", **named: Any) -> Heard:
        """An offer inside the session, and its answer."""
        self.dialog.cseq += 1
        contact = f"<sip:src@{self.address}>"
        headers = (f"Contact: {contact}",) if method == "UPDATE" else ()
        self.send(self.request(method, self.dialog, body=sdp, contact=contact, headers=headers, **named))
        while (heard := self.recv()).code < 200 or heard.get("CSeq") != f"{self.dialog.cseq} {method}":
            pass
        if method == "INVITE":
            self.ack(heard)
        return heard

    def bye(self) -> Heard:
        """The end."""
        for party in self.parties:
            party.talk_to(None)
        self.send(self.next_bye())
        return self.recv(only="200")

    def next_bye(self) -> str:
        self.up = False
        self.dialog.cseq += 1
        return self.request("BYE", self.dialog)


class StreamClient(OverStream, Client):
    """The same by a connection."""

    def __init__(self, to: tuple[str, int], media: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        super().__init__((media, 0))
        self.sock.close()
        self.to, self.tls = (media, 0), tls
        plain = socket.create_connection(to, timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = tls.wrap_socket(plain, server_hostname="gate.invalid") if tls else plain
        self.port = int(self.sock.getsockname()[1])

    def request(self, method: str, dialog: Dialog, **named: Any) -> str:
        return by(super().request(method, dialog, **named), self)
