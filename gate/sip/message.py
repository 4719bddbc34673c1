"""SIP messages as the ingress sees them: parsed once, cheaply, before any transaction exists (RFC 3261 section 7).

This parser answers what must be answered without a dialog (refusals, challenges, registrations) and reads what a
decision rests on. sippy gets what this parser has understood, written anew
(``gate.sip.sippy_adapter.rewriting.rewrite``), so the two never read a message differently.

A message in its usual form is read in about half the time (``read_usual``), any other with care (``read_any``); what
the first takes, the second would read the same.

Anybody may send a datagram. So nothing here takes more time than in proportion to its length, and the bounds below hold
for every message; what is over them is answered by name, from the message alone, and kept nowhere.

Text is Latin-1 inside: every byte survives, so that what is echoed in an answer is byte for byte what came.

Bodies of several parts (RFC 2046, RFC 5621): the SDP among them is taken for the body, the rest stays here.

ISUP of a carrier, the place of a caller, metadata: the gate passes nothing of it on. A part that its sender wants
understood (``handling=required``) is refused; one that does not say so is passed over.
The metadata of a recording session is put aside: ``gate.sip.recording_sessions`` reads it, where there is such a thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from gate.core.sdp import whole
from gate.sip.header_fields import SPACE, ambiguous, parameters, split_list, tag_of

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "k": "supported", "s": "subject", "e": "content-encoding", "o": "event", "u": "allow-events", "r": "refer-to",
    "b": "referred-by", "x": "session-expires", "d": "request-disposition", "j": "reject-contact",
    "a": "accept-contact", "n": "identity-info", "y": "identity",
}  # fmt: skip
_FOLD = re.compile(rb"\r?\n[ \t]+")
_TOKENS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
"""What the name of a header is made of, in small letters (RFC 3261 25.1)."""
_METHOD = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,32}")
_HOST = re.compile(r"\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+")

MAX_MESSAGE = 16384
"""Bytes of a message. An INVITE of a browser with two video streams has about 8,000."""
MAX_HEADERS = 128
"""Header lines. A call that has passed several carriers has about 50."""
MAX_VALUE = 4096
"""Bytes of one header's value, unfolded. A signed identity (RFC 8224), the longest in use, has about 1,500."""
MAX_URI = 1024
"""Characters of the Request-URI."""
MAX_VIAS = 70
"""Hops that a message may have passed: as many as Max-Forwards lets it (RFC 3261 section 8.1.1.6)."""
MAX_MEMBERS = 512
"""Parameters and members of lists in all address headers together."""
_ADDRESSES = frozenset({"from", "to", "contact", "record-route", "route", "via"})

_REMEMBERED = 512
"""Names of headers; and hops, for those of a message are read again when it is written anew."""

Address = tuple[str, int]
"""Host (IPv6 in brackets) and port, as sippy writes it."""
TransactionKey = tuple[str, str, int, str, str]
"""Call-ID, From tag, CSeq number, top Via branch and sent-by: what makes two datagrams the same request."""
Attempted = tuple[str, str, int]
"""Its first three: what copies of a request that came by different ways share (RFC 3261 8.2.2.2)."""


class BadMessage(ValueError):
    """A datagram that is no SIP message this gate accepts. ``message`` holds what could be read of a request that may
    still be answered (it has a Via), else None; ``code`` and ``phrase`` are the answer."""

    def __init__(
        self, why: str, *, message: SipMessage | None = None, code: int = 400, phrase: str = "Bad Request"
    ) -> None:
        super().__init__(why)
        self.message = message
        self.code = code
        self.phrase = phrase


@dataclass(slots=True)
class SipMessage:
    """One SIP message: ``headers`` in order, names lower-case and long, values unfolded; ``body`` untouched."""

    method: str
    """The method of a request; empty for a response."""
    uri: str
    """The URI of a request; a response's phrase."""
    code: int
    """The code of a response; 0 for a request."""
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
    metadata: bytes = b""
    """The metadata of a recording session, from a part of the body (``gate.sip.message``)."""
    usual: bool = field(default=False, compare=False)
    """Read by ``read_usual``: each of its addresses can be called and written again."""
    _by_name: dict[str, list[str]] | None = field(default=None, init=False, repr=False, compare=False)
    _key: TransactionKey | None = field(default=None, init=False, repr=False, compare=False)

    def get(self, name: str) -> str | None:
        """The first value of a header, or None."""
        values = (self._by_name or self._sorted()).get(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return (self._by_name or self._sorted()).get(name) or []

    def _sorted(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            if name in found:
                found[name].append(value)
            else:
                found[name] = [value]
        self._by_name = found
        return found

    def put(self, place: int, name: str, value: str) -> None:
        """Put another header at this place of ``headers``."""
        self.headers[place] = (name, value)
        self._by_name = None

    def put_all(self, headers: list[tuple[str, str]]) -> None:
        """Other headers in the place of all."""
        self.headers, self._by_name = headers, None

    @property
    def key(self) -> TransactionKey:
        """The key shared by a request, its copies, its CANCEL and the ACK of a refusal (RFC 3261 17.2.3)."""
        if self._key is None:
            host, port = self.sent_by
            self._key = (self.call_id, self.from_tag, self.cseq, self.branch, f"{host}:{port}")
        return self._key


class Via(NamedTuple):
    """One hop: ``SIP/2.0/UDP host:port;params``."""

    transport: str
    host: str
    """IPv6 in brackets."""
    port: int
    """0 where none is given."""
    params: str
    """As they came, from the first semicolon on."""


def parse(data: bytes) -> SipMessage:
    """Read a datagram: a request, or a response.

    Raises:
        BadMessage: not SIP, or SIP with a fault that RFC 3261 says to answer with 400, 505 or the like; a faulty
            response is never answered.
    """
    return read_usual(data) or read_any(data)


# --- a message in its usual form ------------------------------------------------------------------------------------

_REQUEST = re.compile(
    r"([A-Z]{3,10}) (sip:(?:[A-Za-z0-9+*#._%-]{1,128}@)?[A-Za-z0-9.:-]{1,255}"
    r"(?:;transport=[A-Za-z]{2,4}|;user=phone|;lr)?) SIP/2\.0"
)
"""One parameter at most, so that none stands twice."""
_RESPONSE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) ([ -~]{0,128})")
_LINE = re.compile(r"^([A-Za-z0-9-]{1,64}):[ \t]{0,8}(?! )([^\r\n\t]{0,1024})\r\n", re.MULTILINE)
"""A whole header line, neither folded nor with white space that would have to be taken off its value."""
_USUAL_VIA = re.compile(
    r"SIP/2\.0/(UDP|TCP|TLS) ([A-Za-z0-9.-]{1,255})((?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?)"
    r"((?:;[A-Za-z]{1,16}(?:=[A-Za-z0-9.*+_-]{1,128})?){1,8})"
)
_ADDRESS = re.compile(
    r'(?:"[A-Za-z0-9 +.()_-]{0,64}" ?|[A-Za-z0-9_-]{1,64} )?<sip:(?:[A-Za-z0-9+._-]{1,64}@)?[A-Za-z0-9.-]{1,255}'
    r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?(?:;transport=[A-Za-z]{2,4}|;user=phone|;lr)?>"
    r"(?:;tag=([A-Za-z0-9.*+_-]{1,128}))?"
    r"|sip:(?:[A-Za-z0-9+._-]{1,64}@)?[A-Za-z0-9.-]{1,255}(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
)
"""In brackets; or bare, and without parameters."""
_CALL_ID = re.compile(r"[A-Za-z0-9.@*+:_/-]{1,255}")
_CSEQ = re.compile(r"([0-9]{1,10}) ([A-Z]{3,10})")
_LENGTH = re.compile(r"[0-9]{1,5}")
_ONCE = ("from", "to", "call-id", "cseq", "content-length")
_OTHERS = frozenset({"contact", "record-route", "route"})
_USUAL_VIAS = 16
"""Hops; with as many headers as there may be, that is still less than ``MAX_MEMBERS``."""


class _Names(dict[str, str]):
    """The names of headers in small letters. Bounded, for anybody may send any."""

    def __missing__(self, name: str) -> str:
        lower = name.lower()
        if len(self) < _REMEMBERED:
            self[name] = lower
        return lower


_NAMES = _Names()


def read_usual(data: bytes) -> SipMessage | None:
    """A message in the form that almost all have, in about half the time; None for any other. What this takes,
    ``read_any`` would take and read the same, and its addresses are such as can be called and written again."""
    if len(data) > MAX_MESSAGE:
        return None
    head, gap, body = data.partition(b"\r\n\r\n")
    start, _, lines = head.decode("latin-1").partition("\r\n")
    lines += "\r\n"
    pairs = _LINE.findall(lines)
    count = len(pairs)
    if not gap or count > MAX_HEADERS or not count == lines.count("\n") == lines.count("\r") or " \r" in lines:
        return None
    headers = [(_NAMES[name], value) for name, value in pairs]
    first = dict(reversed(headers))
    vias = [first.get("via", "")]
    if len(first) != count:
        names = [name for name, _ in headers]
        vias = [value for name, value in headers if name == "via"] or [""]
        if len(vias) > _USUAL_VIAS or max(map(names.count, _ONCE)) > 1:
            return None
    if not _COMPACT.keys().isdisjoint(first):
        return None
    via, caller, callee, call_id, cseq, length = (
        _USUAL_VIA.fullmatch(vias[0]), _ADDRESS.fullmatch(first.get("from", "")),
        _ADDRESS.fullmatch(first.get("to", "")), _CALL_ID.fullmatch(first.get("call-id", "")),
        _CSEQ.fullmatch(first.get("cseq", "")), _LENGTH.fullmatch(first.get("content-length", "0")),
    )  # fmt: skip
    if not (via and caller and callee and call_id and cseq and length) or int(cseq[1]) >= 2**31:
        return None
    branch = via[4].removeprefix(";branch=")
    if branch == via[4] or ";" in branch:  # not that alone
        params = parameters(via[4])
        branch = params.get("branch", "")
        if len(params) != via[4].count(";"):
            return None
    if not branch:
        return None
    if not all(map(_USUAL_VIA.fullmatch, vias[1:])):
        return None
    for name, value in headers:
        if name in _OTHERS and not _ADDRESS.fullmatch(value):
            return None
    if request := _REQUEST.fullmatch(start):
        method, uri, code = request[1], request[2], 0
        if method != cseq[2] or int(length[0]) > len(body):
            return None
    elif response := _RESPONSE.fullmatch(start):
        method, uri, code = "", response[2].rstrip(" "), int(response[1])
    else:
        return None
    sent_by = (via[2], int(via[3][1:] or (5061 if via[1] == "TLS" else 5060)))
    return SipMessage(
        method, uri, code, headers, body, vias, branch, sent_by, call_id[0], caller[1] or "", callee[1] or "",
        int(cseq[1]), cseq[2], usual=True,
    )  # fmt: skip


# --- any message ----------------------------------------------------------------------------------------------------


def read_any(data: bytes) -> SipMessage:
    """As ``parse``, whatever the form."""
    head, body = _split(data.lstrip(b"\r\n"))
    lines = lines_of(head)
    message, fault = _start(lines[0].strip(SPACE))
    if len(data) > MAX_MESSAGE:
        fault = fault or BadMessage("too long", message=message, code=513, phrase="Message Too Large")
    read = _read_headers(message, lines[1:])
    fault = fault or read
    if not message.vias:
        raise BadMessage("no Via: there is nowhere to answer to")
    read = _read_vias(message)
    fault = fault or read or _check(message, body)
    if not fault:
        message.body = body
        return message
    try:
        raise fault if message.method else BadMessage(str(fault))
    finally:
        # A name for it here would be a cycle (it knows this frame): the datagram would stay until the collector comes.
        del fault, read


_FOR_ACK = frozenset({"via", "from", "to", "call-id", "cseq", "contact", "record-route"})


def for_ack(data: bytes) -> bytes:
    """An answer that cannot be read as it is (too long, a header that is none), with what its ACK and its BYE need
    alone: whoever has picked up is told so, and hung up on."""
    first, *lines = lines_of(_split(data.lstrip(b"\r\n"))[0])
    kept, size = [first[:256]], 0
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip(SPACE).lower()
        if colon and _COMPACT.get(name, name) in _FOR_ACK and len(value) <= MAX_VALUE:
            size += len(line) + 2
            kept += [line] if size < MAX_MESSAGE // 2 and len(kept) < MAX_HEADERS // 2 else []
    return ("\r\n".join(kept) + "\r\nContent-Length: 0\r\n\r\n").encode("latin-1")


def lines_of(head: bytes) -> list[str]:
    """The lines of a head, folded ones joined."""
    return _FOLD.sub(b" ", head).replace(b"\r\n", b"\n").decode("latin-1").split("\n")


def content_length(head: bytes) -> int | None:
    """What a head says of its body's length, read as ``parse`` reads it; None where it says nothing.

    Raises:
        ValueError: it is no number, or there are two that differ.
    """
    lengths = set()
    for line in lines_of(head)[1:]:
        name, _, value = line.partition(":")
        name = name.strip(SPACE).lower()
        if _COMPACT.get(name, name) == "content-length":
            lengths.add(whole(value.strip(SPACE)))
    if len(lengths) > 1 or None in lengths:
        raise ValueError("no length")
    return lengths.pop() if lengths else None


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Head and body; a bare LF is taken for a line end as most stacks do."""
    for gap in (b"\r\n\r\n", b"\n\n"):
        head, found, body = data.partition(gap)
        if found:
            return head, body
    return data.rstrip(b"\r\n"), b""


def _start(line: str) -> tuple[SipMessage, BadMessage | None]:
    """The start line. Raises BadMessage where it is no SIP at all."""
    if line.startswith("SIP/2.0 "):
        code = whole(line[8:11])
        if code is None or code < 100 or line[11:12] not in ("", " "):
            raise BadMessage("no status code")
        return SipMessage("", line[12:], code, [], b""), None
    parts = line.split()
    if len(parts) < 2 or not parts[-1].upper().startswith("SIP/") or not _METHOD.fullmatch(parts[0]):
        raise BadMessage("no start line")
    message = SipMessage(parts[0], parts[1] if len(parts) > 2 else "", 0, [], b"")
    if parts[-1].upper() != "SIP/2.0":
        return message, BadMessage("another version", message=message, code=505, phrase="Version Not Supported")
    if len(parts) != 3 or line != " ".join(parts):
        return message, BadMessage("white space in the Request-URI", message=message)
    if len(message.uri) > MAX_URI:
        return message, BadMessage("too long a URI", message=message, code=414, phrase="Request-URI Too Long")
    return message, None


def _read_headers(message: SipMessage, lines: list[str]) -> BadMessage | None:
    """Fill ``headers`` and ``vias``; the first fault is returned, the rest is still read so that it can be answered."""
    fault, members = None, 0
    for line in lines:
        if not line:
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip(SPACE).lower()
        if not colon or not name or not _TOKENS.issuperset(name):
            if message.method or not colon:  # an answer is not lost for a header that nobody knows
                fault = fault or BadMessage("a header line without a name", message=message)
            continue
        if len(message.headers) >= MAX_HEADERS:
            return fault or BadMessage("too many headers", message=message, phrase="Too Many Header Fields")
        name = _COMPACT.get(name, name)
        value = value.strip(SPACE)
        message.headers.append((name, value))
        if len(value) > MAX_VALUE or len(name) > MAX_VALUE:
            fault = fault or BadMessage("too long a header", message=message, phrase="Header Field Too Long")
        elif "\r" in value:
            fault = fault or BadMessage("a line end inside a line", message=message)
        if name in _ADDRESSES:
            members += value.count(";") + value.count(",")
        if members > MAX_MEMBERS:
            fault = fault or BadMessage("too many parameters", message=message, phrase="Too Many Parameters")
        elif name == "via":
            message.vias.extend(split_list(value))
    return fault


def _read_vias(message: SipMessage) -> BadMessage | None:
    """The top Via, which is where the answer goes, and whether the others can be read."""
    top = read_via(message.vias[0])
    if top is None:
        raise BadMessage("the top Via cannot be read")
    message.sent_by = (top.host, top.port or (5061 if top.transport.upper() == "TLS" else 5060))
    message.branch = parameters(top.params).get("branch") or ""
    if len(message.vias) > MAX_VIAS:
        return BadMessage("too many hops", message=message, phrase="Too Many Via Header Fields")
    if any(read_via(via) is None for via in message.vias[1:]):
        return BadMessage("a Via cannot be read", message=message)
    return None


@lru_cache(_REMEMBERED)
def read_via(text: str) -> Via | None:
    """Parse one Via value; None where it is malformed. White space may stand around the slashes and the colon (RFC 3261
    25.1)."""
    hop, semicolon, params = text.partition(";")
    protocol, _, rest = hop.partition("/")
    version, _, rest = rest.partition("/")
    transport, _, where = rest.replace("\t", " ").strip(" ").partition(" ")
    if protocol.strip(SPACE).upper() != "SIP" or version.strip(SPACE) != "2.0" or not transport.isalnum():
        return None
    where = where.lstrip(" ")
    host = _HOST.match(where)
    if not host:
        return None
    colon, text = where[host.end() :].lstrip(" ")[:1], where[host.end() :].lstrip(" ")[1:].strip(" ")
    port = whole(text, 5) if colon == ":" else 0 if not colon else None
    if port is None or (colon and port == 0) or port > 65535:
        return None
    return Via(transport.upper(), host[0], port, semicolon + params)


def _check(message: SipMessage, body: bytes) -> BadMessage | None:
    """Fill the ids; what RFC 3261 section 8.1.1 requires must be there, once."""
    first: dict[str, str] = {}
    several: set[str] = set()
    for name, value in message.headers:
        if name in first:
            several.add(name)
        else:
            first[name] = value
    for name in ("from", "to", "call-id", "cseq"):
        if name not in first or name in several:
            return BadMessage(f"not exactly one {name}", message=message)
    message.call_id = first["call-id"]
    message.from_tag = tag_of(first["from"])
    message.to_tag = tag_of(first["to"])
    number, _, method = first["cseq"].replace("\t", " ").partition(" ")
    count, method = whole(number), method.lstrip(" ")
    if count is None or count >= 2**31 or not _METHOD.fullmatch(method) or method != (message.method or method):
        return BadMessage("the CSeq does not fit the request", message=message)
    message.cseq, message.cseq_method = count, method
    if not message.call_id:
        return BadMessage("an empty Call-ID", message=message)
    contacts = (member for name, value in message.headers if name == "contact" for member in split_list(value))
    addresses = (f"<{message.uri}>", first["from"], first["to"], message.vias[0], *contacts) if message.method else ()
    if any(ambiguous(each) for each in addresses):
        return BadMessage("a parameter twice", message=message, phrase="Parameter Twice")
    declared = first.get("content-length")
    length = 0 if declared is None else whole(declared)
    if length is None or (message.method and length > len(body)):
        return BadMessage("Content-Length is not what came", message=message)
    return None


def body_of(message: SipMessage) -> bytes:
    """The body as long as Content-Length says (what follows it in a datagram is dropped, RFC 3261 18.3)."""
    declared = message.get("content-length")
    return message.body if declared is None else message.body[: whole(declared)]


# --- answers --------------------------------------------------------------------------------------------------------


def answer(
    request: SipMessage,
    code: int,
    phrase: str,
    source: Address,
    headers: Iterable[tuple[str, str]] = (),
    to_tag: str = "",
) -> bytes:
    """A response without a body, made from the request alone (RFC 3261 8.2.6, 8.2.7, 18.2.1; rport RFC 3581).

    ``to_tag`` must be the same for every retransmission; it is not added where the request has one, nor to a 100.
    """
    lines = [f"SIP/2.0 {code} {phrase}", f"Via: {marked_via(request, source)}"]
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
    lines.append("Content-Length: 0\r\n\r\n")
    return "\r\n".join(lines).encode("latin-1", "replace")


def _says_where(via: str) -> bool:
    """A Via may have ``received`` or ``rport``."""
    small = via.lower()
    return "rport" in small or "received" in small


def marked_via(request: SipMessage, source: Address) -> str:
    """The top Via with ``received`` and, where asked for, ``rport``."""
    via, elsewhere = request.vias[0], request.sent_by[0] != source[0]
    if not _says_where(via):
        return f"{via};received={source[0].strip('[]')}" if elsewhere else via
    hop, *params = via.split(";")
    names = [param.partition("=")[0].strip(SPACE).lower() for param in params]
    kept = [
        f"rport={source[1]}" if name == "rport" else param
        for name, param in zip(names, params, strict=True)
        if name != "received"
    ]
    if "rport" in names or elsewhere:
        kept.append(f"received={source[0].strip('[]')}")
    return ";".join([hop, *kept])


def destination(request: SipMessage, source: Address) -> Address:
    """Address of an answer: the source address, with its port where rport asks for it, else with the Via's."""
    via = request.vias[0]
    params = via.split(";")[1:] if _says_where(via) else ()
    if any(param.partition("=")[0].strip(SPACE).lower() == "rport" for param in params):
        return source
    return (source[0], request.sent_by[1])


SDP = "application/sdp"
METADATA = frozenset({"application/rs-metadata+xml", "application/rs-metadata"})
"""The content types of the metadata of a recording session (RFC 7866 9.1), and what some clients call it."""
MAX_PARTS = 16


def content_type(value: str | None) -> str:
    """The media type of a Content-Type value, without its parameters."""
    return (value or "").partition(";")[0].strip().lower()


def unpack(message: SipMessage) -> None:
    """Leave the SDP part alone in ``message``, as if it had come so; one that cannot be taken apart stays as it is, and
    is refused for its type."""
    kind = content_type(message.get("content-type")) if message.body else ""
    if kind in METADATA:
        message.metadata = body_of(message)
    if not kind.startswith("multipart/"):
        return
    found = _sdp_in(message, last=kind == "multipart/alternative")
    if found is None:
        return
    kept = [(name, value) for name, value in message.headers if name not in ("content-type", "content-length")]
    message.put_all([*kept, ("content-type", SDP), ("content-length", str(len(found)))])
    message.body = found


def _sdp_in(message: SipMessage, *, last: bool) -> bytes | None:
    """The SDP part (RFC 2046 5.1.4: of alternatives the last one is meant); None where there is none, or where another
    part has to be understood."""
    boundary = parameters((message.get("content-type") or "").partition(";")[2]).get("boundary", "")
    if not boundary:
        return None
    parts = (b"\r\n" + body_of(message)).split(b"\r\n--" + boundary.encode("latin-1"), MAX_PARTS + 2)[1:]
    closed = [at for at, part in enumerate(parts) if part.startswith(b"--")]
    if not closed:
        return None
    found: list[bytes] = []
    for part in parts[: closed[0]]:
        head, _, body = part.partition(b"\r\n\r\n")
        headers = _headers(head)
        kind = content_type(headers.get("content-type"))
        if kind == SDP:
            found.append(body)
        elif kind in METADATA:
            message.metadata = body
        elif parameters(headers.get("content-disposition", "")).get("handling", "").lower() == "required":
            return None
    return (found[-1] if last else found[0]) if found else None


def _headers(head: bytes) -> dict[str, str]:
    """The headers of a part, names lower-case."""
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}
