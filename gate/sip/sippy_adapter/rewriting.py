"""Messages written anew before sippy reads them. Upstream faults (sippy 2.5.0) that this answers:

- ``;transport=UDP`` in capitals raises "unsupported transport", and the BYE or ACK is lost: written in lower case; in
  what came by UDP another transport becomes UDP, for nothing that came by it is answered in another way
- the ACK of a 3xx to 6xx goes to the response's Contact: such a response loses Contact and Record-Route
- bytes that are not UTF-8 raise: they are replaced
- headers are split with ``str.splitlines``, which takes FS, NEL, U+2028 and others for line ends: they are replaced
- Content-Length counts characters, not bytes: a body holds ASCII alone
- lists and parameters take quadratic time: known headers alone pass; ``gate.sip.message`` bounds all sizes
- an answer goes wherever ``received`` says in the request's own Via: ``_hop_params``
- requests of a dialog go to the peer's Contact, whatever that is, and raise where From or To cannot be read: ``mend``
- a display name with ``\\"`` or ``\\\\`` raises, or moves the URI: names lose quotes and backslashes
- ``urn:service:sos`` raises, and ``tel:`` in a To comes back without a host, which nobody can read: ``_located``
- an unreadable address raises in the middle of sippy's work: ``parsable`` is asked first
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from gate.core.numbers import asks_for_help
from gate.core.sdp import whole
from gate.sip.header_fields import host_of, split_address, split_list, tag_of, usable_uri
from gate.sip.message import Address, SipMessage, body_of, read_via

_TRANSPORT = re.compile(r";\s*transport\s*=\s*([A-Za-z0-9]+)", re.IGNORECASE)
_PORT = re.compile(r":([0-9]{1,5})(?=;|$)")
_NOT_PRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_ASCII = bytes(range(128)) + b"?" * 128
_UNFIT = frozenset('"<>,')
_REMEMBERED = 512
"""Addresses whose form is known: the same ones stand in all messages of a call."""
_ADDRESSES = frozenset({"from", "to", "contact", "record-route", "route"})
_TARGETS = frozenset({"contact", "record-route"})
_NOWHERE = frozenset({"", "0.0.0.0", "255.255.255.255", "[::]"})  # noqa: S104 - in a message, not to bind
_NUMBERS = frozenset({"expires", "max-forwards", "rseq", "min-se"})
_PASSED = (
    _ADDRESSES
    | _NUMBERS
    | {"via", "call-id", "cseq", "content-type", "www-authenticate", "proxy-authenticate", "reason", "server"}
    | {"user-agent", "retry-after", "session-expires", "supported", "require", "allow", "warning", "rack"}
)
"""Headers that sippy is shown. The rest it does not need; some it would act on (Also, Refer-To, Replaces), and on some
it would fail (Authorization, which the ingress has checked)."""


def rewrite(message: SipMessage, by: str = "udp") -> bytes:
    """A message that the ingress has read, written anew as sippy can take it; meaning is kept, for requests and
    responses alike. ``by``: the transport that it came by."""
    if message.method:
        lines = [f"{message.method} {_line(_transport(_located(message.uri), by))} SIP/2.0"]
    else:
        lines = [f"SIP/2.0 {message.code} {_line(message.uri) or 'Unspecified'}"]
    for at, via in enumerate(message.vias):
        hop = read_via(via)
        if hop is not None:
            port = f":{hop.port}" if hop.port else ""
            params = _hop_params(hop.params, own=at == 0 and bool(message.method))
            lines.append(f"Via: SIP/2.0/{hop.transport} {hop.host}{port}{_line(params)}")
    first = _first_hop(message)
    for name, value in message.headers:
        if name == "via" or name not in _PASSED or (message.code >= 300 and name in _TARGETS):
            continue
        if name in _ADDRESSES:
            members = split_list(value)
            lines.extend(
                f"{name}: {_address(_line(each), by if name != 'record-route' or each is first else '')}"
                for each in (members if name in _TARGETS else members[:1])
            )
        elif name == "cseq":
            lines.append(f"cseq: {message.cseq} {message.cseq_method}")
        elif name not in _NUMBERS or whole(value) is not None:
            lines.append(f"{name}: {_line(value)}")
    body = body_of(message)
    lines.append(f"content-length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8") + body.translate(_NOT_ASCII)


def _hop_params(params: str, *, own: bool) -> str:
    """The parameters of a Via without those that have quotes, which sippy cannot read. ``own``: it is that of who sends
    the request, and may not say where it was received from (RFC 3261 18.2.1): the answers would go there."""
    if not (own and "received" in params.lower()) and _UNFIT.isdisjoint(params):
        return params
    _, *each = params.split(";")
    kept = [one for one in each if _UNFIT.isdisjoint(one) and not (own and one.strip().lower().startswith("received"))]
    return "".join(f";{one}" for one in kept)


def _first_hop(message: SipMessage) -> str:
    """The proxy that our requests in the dialog go to first: how it is reached is known. Those behind it are reached as
    they say (RFC 3261 12.1)."""
    routes = [each for value in message.all("record-route") for each in split_list(value)]
    return (routes[0] if message.method else routes[-1]) if routes else ""


def mend(message: SipMessage, source: Address, leads_nowhere: Callable[[str, int, Address], bool] | None) -> None:
    """A message that makes a dialog, or changes where its peer is, so that what the gate says in it can arrive: the ACK
    of an answer must, or the callee is up, and alone (RFC 3261 13.2.2.4).

    A Contact or first Record-Route that leads nowhere (``tel:``, no host, nothing that can be read, another transport
    than the message came by, or ``leads_nowhere(host, port, source)``; None: neither counts) leads back to where the
    message came from. Of a response's From and To that cannot be read the tag is kept, which alone counts."""
    if message.cseq_method not in ("INVITE", "UPDATE"):  # a registrar's Contacts are our own
        return
    if message.usual and not message.all("record-route") and len(message.all("contact")) < 2:
        _mend_usual(message, source, leads_nowhere)
        return
    first = _first_hop(message)
    for at, (name, value) in enumerate(message.headers):
        if name == "contact" and message.code < 300 and not first:
            uri = split_address((split_list(value) or [""])[0])[1]
            if value.strip() != "*" or not message.method:
                message.put(at, name, _led(value, uri, message, source, leads_nowhere))
        elif name == "record-route" and message.code < 300 and first and first in value:
            uri = split_address(first)[1]
            led = _led(first, uri, message, source, leads_nowhere, ";lr")
            message.put(at, name, value.replace(first, led))
        elif name in ("from", "to") and not message.method and not usable_uri(_located(split_address(value)[1])):
            message.put(at, name, f"<sip:unreadable.invalid>;tag={tag_of(value)}")


def _mend_usual(
    message: SipMessage, source: Address, leads_nowhere: Callable[[str, int, Address], bool] | None
) -> None:
    """The same of a message whose addresses can all be read, with one Contact and no proxy."""
    value = message.get("contact")
    if value is None or message.code >= 300:
        return
    led = _led(value, split_address(value)[1], message, source, leads_nowhere)
    if led != value:
        place = next(place for place, (name, _) in enumerate(message.headers) if name == "contact")
        message.put(place, "contact", led)


def _led(
    value: str, uri: str, message: SipMessage, source: Address,
    leads_nowhere: Callable[[str, int, Address], bool] | None, more: str = "",
) -> str:  # fmt: skip
    """The value of an address header as it is, or one that leads to ``source``."""
    back = f"{source[0]}:{source[1]}{more}"
    if uri.partition(":")[0].lower() not in ("sip", "sips") or host_of(uri) in _NOWHERE or not usable_uri(uri):
        return f"<sip:{back}>"
    if leads_nowhere is None:
        return value
    user, at, place = uri.partition(":")[2].rpartition("@")
    port = _PORT.search(place)
    other = _TRANSPORT.search(place)
    came = read_via(message.vias[0]) if other and message.vias else None
    if (other and came and other[1].lower() != came.transport.lower()) or leads_nowhere(
        host_of(uri), int(port[1]) if port else 5060, source
    ):
        return f"<sip:{user}{at}{back}>"
    return value


def parsable(message: SipMessage) -> bool:
    """True where sippy can read the addresses as they are written anew: it raises, in the middle of its work, where it
    cannot."""
    return message.usual or all(
        usable_uri(_located(split_address(_line(each))[1]))
        for name, value in message.headers
        if name in _ADDRESSES and not (message.code >= 300 and name in _TARGETS)
        for each in split_list(value)
        if each.strip() != "*"
    )


def _line(latin: str) -> str:
    """Text that stays on its line, as the UTF-8 that it is; what is none, and what is not printed, becomes a mark."""
    if latin.isascii() and latin.isprintable():
        return latin
    return _NOT_PRINTED.sub("\ufffd", latin.encode("latin-1", "replace").decode("utf-8", "replace"))


def _located(uri: str) -> str:
    """A ``tel:`` number, or the emergency service by its name (RFC 5031), as an address that sippy can read and write
    again; others as they are. Nothing is ever sent there: the gate dials its own numbers."""
    if asks_for_help(uri):
        return f"sip:{uri.rpartition(':')[2]}@service.invalid"
    if uri[:4].lower() == "tel:":
        return f"sip:{uri[4:].partition(';')[0]}@tel.invalid"
    return uri


def _transport(uri: str, by: str) -> str:
    """A URI with its transport as sippy reads it."""
    if ";" not in uri:
        return uri
    return _TRANSPORT.sub(lambda found: f";transport={'udp' if by == 'udp' else found[1].lower()}", uri)


@lru_cache(_REMEMBERED)
def _address(value: str, by: str = "udp") -> str:
    """A From, To, Contact or Route value as ``"name" <uri>;params``; parameters with quotes stay away, for sippy would
    look for the name's end in them."""
    name, uri, rest = split_address(value)
    name = name.replace('"', "").replace("\\", "")
    uri = _transport(_located(uri), by)
    tag, params = tag_of(value), ""
    for each in rest.split(";")[1:]:
        key, equals, setting = (part.strip() for part in each.partition("="))
        if key and key.lower() != "tag" and _UNFIT.isdisjoint(each):
            params += f";{key}{equals}{setting}"
    params = f";tag={tag}{params}" if tag else params
    return f'"{name}" <{uri}>{params}' if name else f"<{uri}>{params}"
