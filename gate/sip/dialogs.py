"""A leg of a call as a table (RFC 3261 9, 12 to 15), what is offered inside it (RFC 3264, RFC 3311), provisional
answers that are acknowledged (RFC 3262), and the text of what is said in its dialog.

Pure: nothing is sent and no clock is read here. ``gate.sip.leg`` carries it out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from os import urandom
from typing import Any, Final, NamedTuple

from gate.core.sdp import whole
from gate.sip.header_fields import host_of, split_list, tag_of, uri_of
from gate.sip.message import SDP, Address, SipMessage, body_of, content_type, destination, marked_via
from gate.sip.peers import Endpoint

# --- a leg ----------------------------------------------------------------------------------------------------------


class Standing(StrEnum):
    """Where a leg stands."""

    NEW = "new"
    ASKED = "asked"
    """The peer's INVITE has no final answer."""
    ANSWERED = "answered"
    """It has our 200, and no ACK has come."""
    ENDING = "ending"
    """The same, and a BYE follows the ACK."""
    INVITING = "inviting"
    """Nothing has come to our INVITE."""
    RINGING = "ringing"
    """Something has."""
    UNHEARD = "unheard"
    """It is taken back before anything has come: no CANCEL may leave yet."""
    CANCELLING = "cancelling"
    CONFIRMED = "confirmed"
    OVER = "over"


class Event(StrEnum):
    """What happens to it."""

    INVITE = "we ask"
    INVITED = "the peer asks"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx to 6xx"
    AGAIN = "it has to be asked otherwise"
    """401, 407, 421, 422 that can be met."""
    ANSWER = "we answer"
    END = "we end it"
    ACK = "ACK"
    LATE = "no ACK in time"
    BYE = "BYE"
    CANCEL = "CANCEL"


class Do(StrEnum):
    """What follows."""

    TRYING = "100"
    ASKED = "tell what is asked for"
    INVITE = "send the INVITE"
    INVITE_AGAIN = "send it anew"
    RINGS = "tell that it rings"
    ANSWERED = "tell that it is answered"
    FAILED = "tell that it has failed"
    ACK = "acknowledge"
    CANCEL = "take it back"
    SILENCE = "send the INVITE no more"
    BYE = "hang up"
    LATE_ANSWER = "tell that it is answered after all"
    OK = "200"
    GONE = "tell that the peer is gone"
    REFUSE = "final answer"
    TERMINATED = "487 to the INVITE"
    ACKNOWLEDGED = "tell that our answer has arrived"
    NOT_ACKNOWLEDGED = "tell that it has not"
    ANSWER = "send the answer until its ACK comes"


class Row(NamedTuple):
    """One transition."""

    states: tuple[Standing, ...]
    event: Event
    after: Standing
    does: tuple[Do, ...]
    section: str
    """The section of RFC 3261."""


_S, _E, _D = Standing, Event, Do
_WAITING, _TAKEN_BACK = (_S.INVITING, _S.RINGING), (_S.UNHEARD, _S.CANCELLING)
ROWS: Final[tuple[Row, ...]] = (
    Row((_S.NEW,), _E.INVITE, _S.INVITING, (_D.INVITE,), "13.2.1"),
    Row(_WAITING, _E.PROVISIONAL, _S.RINGING, (_D.RINGS,), "13.2.2.1"),
    Row(_WAITING, _E.SUCCESS, _S.CONFIRMED, (_D.ACK, _D.ANSWERED), "13.2.2.4"),
    Row(_WAITING, _E.FAILURE, _S.OVER, (_D.FAILED,), "13.2.2.3"),
    Row(_WAITING, _E.AGAIN, _S.INVITING, (_D.INVITE_AGAIN,), "8.1.3.5, 22.2"),
    Row((_S.INVITING,), _E.END, _S.UNHEARD, (_D.SILENCE,), "9.1"),
    Row((_S.RINGING,), _E.END, _S.CANCELLING, (_D.CANCEL,), "9.1"),
    Row((_S.UNHEARD,), _E.PROVISIONAL, _S.CANCELLING, (_D.CANCEL,), "9.1"),
    Row(_TAKEN_BACK, _E.SUCCESS, _S.OVER, (_D.ACK, _D.BYE, _D.LATE_ANSWER), "9.1, 15"),
    Row(_TAKEN_BACK, _E.FAILURE, _S.OVER, (), "9.1"),
    Row(_TAKEN_BACK, _E.AGAIN, _S.OVER, (), "9.1"),
    Row((_S.NEW,), _E.INVITED, _S.ASKED, (_D.TRYING, _D.ASKED), "13.3.1"),
    Row((_S.ASKED,), _E.ANSWER, _S.ANSWERED, (_D.ANSWER,), "13.3.1.4"),
    Row((_S.ASKED,), _E.END, _S.OVER, (_D.REFUSE,), "13.3.1.3"),
    Row((_S.ASKED,), _E.CANCEL, _S.OVER, (_D.TERMINATED, _D.GONE), "9.2"),
    Row((_S.ASKED,), _E.BYE, _S.OVER, (_D.OK, _D.TERMINATED, _D.GONE), "15.1.2"),
    Row((_S.ANSWERED,), _E.ACK, _S.CONFIRMED, (_D.ACKNOWLEDGED,), "13.3.1.4"),
    Row((_S.ANSWERED,), _E.LATE, _S.CONFIRMED, (_D.NOT_ACKNOWLEDGED,), "13.3.1.4"),
    Row((_S.ANSWERED,), _E.BYE, _S.OVER, (_D.OK, _D.GONE), "15.1.2"),
    Row((_S.ANSWERED,), _E.END, _S.ENDING, (), "15"),
    Row((_S.ENDING,), _E.ACK, _S.OVER, (_D.BYE,), "15"),
    Row((_S.ENDING,), _E.LATE, _S.OVER, (_D.BYE,), "15"),
    Row((_S.ENDING,), _E.BYE, _S.OVER, (_D.OK,), "15.1.2"),
    Row((_S.CONFIRMED,), _E.BYE, _S.OVER, (_D.OK, _D.GONE), "15.1.2"),
    Row((_S.CONFIRMED,), _E.END, _S.OVER, (_D.BYE,), "15.1.1"),
    Row((_S.OVER,), _E.BYE, _S.OVER, (_D.OK,), "15.1.2"),
)
TABLE: Final[Mapping[tuple[Standing, Event], tuple[Standing, tuple[Do, ...]]]] = {
    (state, row.event): (row.after, row.does) for row in ROWS for state in row.states
}
"""What follows; a pair that is not in it changes nothing."""
CONNECTED: Final = frozenset({_S.ANSWERED, _S.ENDING, _S.CONFIRMED})
"""The dialog is there."""
ENDED: Final = frozenset({_S.OVER, *_TAKEN_BACK})
"""Nothing is left to end."""


# --- offers inside it -----------------------------------------------------------------------------------------------


class Offer(StrEnum):
    """Whose offer waits for an answer (RFC 3264 4, RFC 3261 14, RFC 3311)."""

    NONE = "none"
    THEIRS = "theirs"
    OURS = "ours"


class OfferEvent(StrEnum):
    """What happens to it."""

    OFFERED = "the peer offers"
    ANSWER = "we answer"
    REFUSE = "we refuse"
    CANCEL = "the peer takes it back"
    OFFER = "we offer"
    SUCCESS = "the peer answers"
    FAILURE = "the peer refuses"
    END = "the call ends"


class OfferDo(StrEnum):
    """What follows."""

    TELL = "tell"
    ANSWER = "200"
    REFUSE = "refuse it"
    PENDING = "491"
    TERMINATED = "487"
    SEND = "send it"
    ACK = "acknowledge"
    TAKE_BACK = "CANCEL"


class OfferRow(NamedTuple):
    """One transition."""

    state: Offer
    event: OfferEvent
    after: Offer
    does: tuple[OfferDo, ...]
    section: str
    """The section of RFC 3261, where it names no other."""


_O, _OE, _OD = Offer, OfferEvent, OfferDo
OFFER_ROWS: Final[tuple[OfferRow, ...]] = (
    OfferRow(_O.NONE, _OE.OFFERED, _O.THEIRS, (_OD.TELL,), "14.2"),
    OfferRow(_O.THEIRS, _OE.OFFERED, _O.THEIRS, (_OD.PENDING,), "14.2"),
    OfferRow(_O.OURS, _OE.OFFERED, _O.OURS, (_OD.PENDING,), "14.2"),
    OfferRow(_O.THEIRS, _OE.ANSWER, _O.NONE, (_OD.ANSWER,), "14.2, RFC 3311 5.2"),
    OfferRow(_O.THEIRS, _OE.REFUSE, _O.NONE, (_OD.REFUSE,), "14.2"),
    OfferRow(_O.THEIRS, _OE.CANCEL, _O.NONE, (_OD.TERMINATED, _OD.TELL), "9.2"),
    OfferRow(_O.THEIRS, _OE.END, _O.NONE, (_OD.TERMINATED,), "15.1.2"),
    OfferRow(_O.NONE, _OE.OFFER, _O.OURS, (_OD.SEND,), "14.1"),
    OfferRow(_O.OURS, _OE.SUCCESS, _O.NONE, (_OD.ACK, _OD.TELL), "14.1"),
    OfferRow(_O.OURS, _OE.FAILURE, _O.NONE, (_OD.TELL,), "14.1"),
    OfferRow(_O.OURS, _OE.END, _O.NONE, (_OD.TAKE_BACK,), "15.1.1"),
)
OFFERS: Final[Mapping[tuple[Offer, OfferEvent], tuple[Offer, tuple[OfferDo, ...]]]] = {
    (row.state, row.event): (row.after, row.does) for row in OFFER_ROWS
}


# --- provisional answers that are acknowledged ----------------------------------------------------------------------

RELIABLE = "100rel"


def requires_reliable(message: SipMessage) -> bool:
    """It requires the acknowledgement of provisional answers (RFC 3262)."""
    return any(option.lower() == RELIABLE for value in message.all("require") for option in split_list(value))


class Acknowledged:
    """The last acknowledged provisional answer of each callee (RFC 3262 section 4)."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        """By To tag: RSeq."""

    def takes(self, message: SipMessage) -> tuple[bool, int]:
        """Whether an answer is to be looked at (it has not been before, and none before it is missing), and the number
        that its PRACK names; 0: it wants none."""
        number = whole((message.get("rseq") or "").strip())
        if not number or not requires_reliable(message):
            return True, 0
        last = self.last.get(message.to_tag)
        if last is not None and number != last + 1:
            return False, 0
        self.last[message.to_tag] = number
        return True, number


# --- the text of what is said ---------------------------------------------------------------------------------------

_PLACE = re.compile(r"(?:[^@]*@)?(\[[0-9a-fA-F:.]+\]|[^:;?>]+)(?::([0-9]{1,5}))?")
_NOT_ASCII = bytes(range(128)) + b"?" * 128
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
_REMEMBERED = 1024


class Body:
    """A body as the bridge passes it on: text of a type."""

    __slots__ = ("content", "kind", "needs_update", "parsed")

    def __init__(self, text: str, kind: str = SDP) -> None:
        self.content, self.kind = text, kind
        self.needs_update = self.parsed = False

    def __str__(self) -> str:
        return self.content

    def getType(self) -> str:
        """Its media type."""
        return self.kind

    def getCopy(self) -> Body:
        """Another one."""
        return Body(self.content, self.kind)


def read_body(message: SipMessage) -> Body | None:
    """The body of a message; None for none."""
    data = body_of(message)
    if not data:
        return None
    return Body(data.translate(_NOT_ASCII).decode("ascii"), content_type(message.get("content-type")) or SDP)


@lru_cache(_REMEMBERED)
def place_of(uri: str) -> Address:
    """Where a ``sip:`` URI leads."""
    scheme, _, rest = uri.partition(":")
    found = _PLACE.match(rest)
    default = 5061 if scheme.lower() == "sips" else 5060
    return (found[1], int(found[2] or default)) if found else ("", default)


@lru_cache(_REMEMBERED)
def private(host: str) -> bool:
    """An address that means something in one network alone (RFC 1918)."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.version == 4 and address.is_private and not address.is_loopback


def from_behind_nat(message: SipMessage, at: Address) -> None:
    """A private Contact that came from a public address was written behind a NAT: it leads back to where it came
    from."""
    if private(at[0]):
        return
    for place, (name, value) in enumerate(message.headers):
        if name == "contact" and private(host_of(uri_of(value))):
            user, found, _ = uri_of(value).partition(":")[2].rpartition("@")
            message.put(place, name, f"<sip:{user}{found}{at[0]}:{at[1]}>")


def new_token() -> str:
    """A tag, a Call-ID."""
    return urandom(12).hex()


def new_branch() -> str:
    """The branch of a new transaction."""
    return "z9hG4bK" + urandom(12).hex()


def quoted(name: str) -> str:
    """A display name that ``identity.quotable`` has made, as it stands before an address; Latin-1 as all text here,
    byte for byte what is sent."""
    name = name.encode("utf-8", "replace").decode("latin-1")
    return f"{name} " if name and _TOKEN.issuperset(name) else f'"{name}" ' if name else ""


def header_lines(headers: Sequence[tuple[str, str]]) -> str:
    """Each with its line end."""
    return "".join([f"{name.title()}: {value}\r\n" for name, value in headers])


def reason_line(text: str, cause: int) -> str:
    """A Reason header (RFC 3326)."""
    printed = text if text.isprintable() else "".join(filter(str.isprintable, text))
    clean = printed.replace('"', "").replace("\\", "")[:200]
    return f'Reason: SIP; cause={cause}; text="{clean}"\r\n'


def response_head(request: SipMessage, source: Address, tag: str) -> tuple[str, Address]:
    """What all answers to a request share, between status line and Contact, and where they go. ``tag``: of ours, put
    where the request has none; empty: none is put."""
    more = "".join([f"Via: {via}\r\n" for via in request.vias[1:]])
    more += "".join([f"Record-Route: {route}\r\n" for route in request.all("record-route")])
    head = (
        f"Via: {marked_via(request, source)}\r\n{more}From: {request.get('from') or ''}\r\n"
        f"Call-ID: {request.call_id}\r\nCSeq: {request.cseq} {request.cseq_method}\r\nTo: {request.get('to') or ''}"
    )
    return tagged(head, request, tag), destination(request, source)


def tagged(head: str, request: SipMessage, tag: str) -> str:
    """It with our tag, where the request has none; To is its last line."""
    return f"{head};tag={tag}" if tag and not request.to_tag else head


def response(head: str, code: int, phrase: str, more: str = "", body: str = "") -> bytes:
    """An answer; ``more``: further headers, each with its line end."""
    if body:
        more += f"Content-Type: {SDP}\r\n"
    return f"SIP/2.0 {code} {phrase}\r\n{head}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode(
        "latin-1", "replace"
    )


_OF_ITS_INVITE = ("via:", "route:", "from:", "to:", "call-id:", "max-forwards:")


def like_invite(invite: bytes, method: str, to: str = "") -> bytes:
    """The CANCEL of an INVITE, or the ACK of its failure, with the headers of its transaction (9.1, 17.1.1.3); ``to``:
    that of the answer."""
    start, *lines = invite.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    number = next(line for line in lines if line.lower().startswith("cseq:")).partition(":")[2].split()[0]
    kept = [line for line in lines if line.lower().startswith(_OF_ITS_INVITE)]
    if to:
        kept = [f"To: {to}" if line.lower().startswith("to:") else line for line in kept]
    text = "\r\n".join([f"{method}{start[6:]}", *kept, f"CSeq: {number} {method}", "Content-Length: 0\r\n\r\n"])
    return text.encode("latin-1")


class Dialog:
    """The ids of a dialog, and where what is said in it goes (RFC 3261 12)."""

    __slots__ = (
        "call_id", "contact_more", "contact_user", "cseq", "local", "remote", "remote_cseq", "routes", "tag", "target",
        "to",
    )  # fmt: skip

    def __init__(self) -> None:
        self.tag, self.call_id = new_token(), ""
        self.cseq = 100
        self.remote_cseq: int | None = None
        self.local = self.remote = ""
        """From and To of what we say, with their tags."""
        self.target = ""
        self.routes: list[str] = []
        self.to: Address = ("", 5060)
        """The next hop."""
        self.contact_user, self.contact_more = "", ""

    @property
    def remote_tag(self) -> str:
        """The peer's."""
        return tag_of(self.remote)

    def asked_by(self, request: SipMessage) -> None:
        """The peer's INVITE makes it (12.1.1)."""
        self.call_id, self.remote_cseq = request.call_id, request.cseq
        self.local, self.remote = f"{request.get('to')};tag={self.tag}", request.get("from") or ""
        self.leads(request, request.all("record-route"))

    def answered_by(self, message: SipMessage) -> None:
        """An answer to our INVITE makes it (12.1.2)."""
        self.remote = f"{self.remote.partition(';tag=')[0]};tag={message.to_tag}" if message.to_tag else self.remote
        self.leads(message, message.all("record-route")[::-1])

    def leads(self, message: SipMessage, values: Sequence[str]) -> None:
        """Target and route set, of a first message. A strict router is put in the target's place (12.2.1.1)."""
        self.target = uri_of(message.get("contact") or "") or self.target
        routes = [each for value in values for each in split_list(value)]
        if not message.method and len(values) < len(routes):  # several in one header stand the other way round, too
            routes = [each for value in values for each in reversed(split_list(value))]
        self.routes = routes
        if routes and ";lr" not in routes[0].lower():
            self.routes = [*routes[1:], f"<{self.target}>"]
            self.target = uri_of(routes[0])
            self.to = place_of(self.target)
        else:
            self.to = place_of(uri_of(routes[0]) if routes else self.target)

    def follows(self, target: str) -> None:
        """The peer has moved (12.2.1.2)."""
        moved = not self.routes and self.to == place_of(self.target)
        self.target = target
        if moved:
            self.to = place_of(target)

    def request(self, way: Endpoint, method: str, branch: str, cseq: int, more: str = "", body: Body | None = None,
                hops: int = 70) -> bytes:  # fmt: skip
        """A request; ``more``: further headers, each with its line end."""
        (host, port), transport = way.getSIPaddr()
        text = ""
        if body is not None:
            text = str(body)
            more += f"Content-Type: {body.getType()}\r\n"
        routes = "".join([f"Route: {each}\r\n" for each in self.routes])
        return (
            f"{method} {self.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport.upper()} {host}:{port};branch={branch};rport\r\n"
            f"Max-Forwards: {hops}\r\n{routes}From: {self.local}\r\nTo: {self.remote}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n{more}Content-Length: {len(text)}\r\n\r\n{text}"
        ).encode("latin-1", "replace")

    def contact(self, way: Endpoint) -> str:
        """Our Contact's value."""
        (host, port), transport = way.getSIPaddr()
        user = f"{self.contact_user}@" if self.contact_user else ""
        by = f";transport={transport}" if transport != "udp" else ""
        return f"<sip:{user}{host}:{port}{by}>{self.contact_more}"

    def kept(self) -> dict[str, Any]:
        """What a BYE of it is made of, for the next start (``gate.sip.stored_dialogs``)."""
        return {
            "call_id": self.call_id, "local": self.local, "remote": self.remote, "target": self.target,
            "routes": self.routes, "cseq": self.cseq, "to": list(self.to),
        }  # fmt: skip

    def restore(self, kept: Mapping[str, Any], ahead: int) -> None:
        """As it was kept; ``ahead``: requests that may have left since."""
        self.tag = tag_of(str(kept["local"]))
        self.call_id, self.local, self.remote = str(kept["call_id"]), str(kept["local"]), str(kept["remote"])
        self.target, self.routes = str(kept["target"]), [str(each) for each in kept["routes"]]
        self.to = (str(kept["to"][0]), int(kept["to"][1]))
        self.cseq = int(kept["cseq"]) + ahead
