"""SIP messages as the door sees them: parsed once, cheaply, before any transaction exists (RFC 3261 section 7).

This parser answers what must be answered without a dialog (refusals, challenges, registrations) and reads what a
decision rests on. What goes on into a dialog is parsed a second time by sippy; nothing that this parser says is
dialled.

Text is Latin-1 inside: every byte survives, so that what is echoed in an answer is byte for byte what came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gate.sip.fields import parameters, split_list, tag_of

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "k": "supported", "s": "subject", "e": "content-encoding", "o": "event", "u": "allow-events", "r": "refer-to",
    "b": "referred-by", "x": "session-expires", "d": "request-disposition", "j": "reject-contact",
    "a": "accept-contact", "n": "identity-info", "y": "identity",
}  # fmt: skip
_FOLD = re.compile(rb"\r?\n[ \t]+")
_VIA = re.compile(
    r"\s*SIP\s*/\s*2\.0\s*/\s*\w+\s+(\[[0-9a-fA-F:.]+\]|[^\s;:\[\]]+)\s*(?::\s*(\d{1,5}))?\s*((?:;.*)?)$", re.DOTALL
)
_METHOD = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,32}$")
_CSEQ = re.compile(r"\s*(\d{1,10})\s+(\S+)\s*$")

MAX_HEADERS = 128

Address = tuple[str, int]
"""Host (IPv6 in brackets) and port, as sippy writes it."""
TransactionKey = tuple[str, str, int, str, str]
"""Call-ID, From tag, CSeq number, top Via branch and sent-by: what makes two datagrams the same request."""


class BadMessage(ValueError):
    """A datagram that is no SIP message this gate accepts. ``message`` holds what could be read of a request that may
    still be answered (it has a Via), else None; ``code`` and ``phrase`` are the answer."""

    def __init__(
        self, why: str, *, message: Message | None = None, code: int = 400, phrase: str = "Bad Request"
    ) -> None:
        super().__init__(why)
        self.message = message
        self.code = code
        self.phrase = phrase


@dataclass(slots=True)
class Message:
    """One SIP message: ``headers`` in order, names lower-case and long, values unfolded; ``body`` untouched."""

    method: str
    """Of a request; empty for a response."""
    uri: str
    code: int
    headers: list[tuple[str, str]]
    body: bytes
    vias: list[str] = field(default_factory=list)
    branch: str = ""
    sent_by: Address = ("", 5060)
    call_id: str = ""
    from_tag: str = ""
    to_tag: str = ""
    cseq: int = 0
    cseq_method: str = ""

    def get(self, name: str) -> str | None:
        """The first value of a header, or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def key(self) -> TransactionKey:
        """What a retransmission, its CANCEL and the ACK of a refusal share with the request (RFC 3261 17.2.3)."""
        return (self.call_id, self.from_tag, self.cseq, self.branch, f"{self.sent_by[0]}:{self.sent_by[1]}")


def parse(data: bytes) -> Message:
    """Read a datagram.

    Raises:
        BadMessage: not SIP, or SIP with a fault that RFC 3261 says to answer with 400, 505 or the like.
    """
    head, body = _split(data)
    lines = _FOLD.sub(b" ", head).replace(b"\r\n", b"\n").decode("latin-1").split("\n")
    start = lines[0].strip()
    message, fault = _start(start)
    fault = _read_headers(message, lines[1:]) or fault
    if not message.vias:
        raise BadMessage("no Via: there is nowhere to answer to")
    fault = _read_via(message) or fault
    if message.method:
        fault = fault or _check(message, body)
        if fault:
            raise fault
    message.body = body
    return message


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Head and body; a bare LF is taken for a line end as most stacks do."""
    for gap in (b"\r\n\r\n", b"\n\n"):
        head, found, body = data.partition(gap)
        if found:
            return head, body
    return data.rstrip(b"\r\n"), b""


def _start(line: str) -> tuple[Message, BadMessage | None]:
    """The start line. Raises BadMessage where it is no SIP at all."""
    if line.startswith("SIP/2.0 "):
        code = line[8:11]
        if not code.isdigit():
            raise BadMessage("no status code")
        return Message("", "", int(code), [], b""), None
    parts = line.split()
    if len(parts) < 2 or not parts[-1].upper().startswith("SIP/") or not _METHOD.match(parts[0]):
        raise BadMessage("no start line")
    message = Message(parts[0], parts[1] if len(parts) > 2 else "", 0, [], b"")
    if parts[-1].upper() != "SIP/2.0":
        return message, BadMessage("another version", message=message, code=505, phrase="Version Not Supported")
    if len(parts) != 3 or line != " ".join(parts):
        return message, BadMessage("white space in the Request-URI", message=message)
    return message, None


def _read_headers(message: Message, lines: list[str]) -> BadMessage | None:
    """Fill ``headers`` and ``vias``; the first fault is told, the rest is still read so that it can be answered."""
    fault = None
    for line in lines:
        if not line:
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name or len(message.headers) >= MAX_HEADERS:
            fault = fault or BadMessage("a header line without a name, or too many", message=message)
            continue
        name = _COMPACT.get(name, name)
        value = value.strip()
        message.headers.append((name, value))
        if name == "via":
            message.vias.extend(split_list(value))
    return fault


def _read_via(message: Message) -> BadMessage | None:
    """The top Via: where the answer goes."""
    found = _VIA.match(message.vias[0])
    if not found:
        raise BadMessage("the top Via cannot be read")
    port = int(found[2] or 5060)
    if not 0 < port < 65536:
        raise BadMessage("the top Via has no such port")
    message.sent_by = (found[1], port)
    message.branch = parameters(found[3]).get("branch") or ""
    return None


def _check(message: Message, body: bytes) -> BadMessage | None:
    """Fill the ids of a request; what RFC 3261 section 8.1.1 requires must be there, once."""
    for name in ("from", "to", "call-id", "cseq"):
        if len(message.all(name)) != 1:
            return BadMessage(f"not exactly one {name}", message=message)
    message.call_id = message.get("call-id") or ""
    message.from_tag = tag_of(message.get("from") or "")
    message.to_tag = tag_of(message.get("to") or "")
    cseq = _CSEQ.match(message.get("cseq") or "")
    if not cseq or int(cseq[1]) >= 2**31 or cseq[2] != message.method:
        return BadMessage("the CSeq does not fit the request", message=message)
    message.cseq, message.cseq_method = int(cseq[1]), cseq[2]
    if not message.call_id:
        return BadMessage("an empty Call-ID", message=message)
    length = message.get("content-length")
    if length is not None and (not length.isdigit() or int(length) > len(body)):
        return BadMessage("Content-Length is not what came", message=message)
    return None


def body_of(message: Message) -> bytes:
    """The body as long as Content-Length says (what follows it in a datagram is dropped, RFC 3261 18.3)."""
    length = message.get("content-length")
    return message.body[: int(length)] if length is not None and length.isdigit() else message.body


# --- answers --------------------------------------------------------------------------------------------------------


def answer(
    request: Message, code: int, phrase: str, source: Address, headers: Iterable[tuple[str, str]] = (), to_tag: str = ""
) -> bytes:
    """A response without a body, made from the request alone (RFC 3261 8.2.6, 8.2.7, 18.2.1; rport RFC 3581).

    ``to_tag`` must be the same for every retransmission; it is not added where the request has one, nor to a 100.
    """
    lines = [f"SIP/2.0 {code} {phrase}", f"Via: {_marked_via(request, source)}"]
    lines.extend(f"Via: {via}" for via in request.vias[1:])
    lines.extend(f"Record-Route: {route}" for route in request.all("record-route"))
    for name, title in (("from", "From"), ("to", "To"), ("call-id", "Call-ID"), ("cseq", "CSeq")):
        value = request.get(name)
        if value is None:
            continue
        if name == "to" and code > 100 and to_tag and not tag_of(value):
            value = f"{value};tag={to_tag}"
        lines.append(f"{title}: {value}")
    lines.extend(f"{name}: {value}" for name, value in headers)
    lines.append("Server: Dialgate")
    lines.append("Content-Length: 0\r\n\r\n")
    return "\r\n".join(lines).encode("latin-1", "replace")


def _marked_via(request: Message, source: Address) -> str:
    """The top Via with ``received`` and, where asked for, ``rport``."""
    via = re.sub(r";\s*received\s*=\s*[^;]*", "", request.vias[0])
    via, asked = re.subn(r";\s*rport(\s*=\s*\d*)?(?=\s*(;|$))", f";rport={source[1]}", via)
    return f"{via};received={source[0].strip('[]')}" if asked or request.sent_by[0] != source[0] else via


def destination(request: Message, source: Address) -> Address:
    """Where an answer goes: back to the source address; its port where rport asks for it, else the Via's."""
    if re.search(r";\s*rport", request.vias[0]):
        return source
    return (source[0], request.sent_by[1])
