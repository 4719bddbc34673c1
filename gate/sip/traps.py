"""sippy's traps, each handled once and here (or named here with the place that handles it).

======================================================  ==========================================================
trap (sippy 2.5.0)                                      handled by
======================================================  ==========================================================
``;transport=UDP`` in capitals raises: the BYE is lost  ``tame``: lower case; another transport becomes UDP
the ACK of a 3xx to 6xx goes to its Contact             ``tame``: such a response loses Contact and Record-Route
bytes that are no UTF-8 raise                           ``tame``
``splitlines`` splits at CR, FS, U+2028 and the like    ``tame``: a header stays one line
Content-Length counts characters, not bytes             ``tame``: a body holds ASCII alone
lists and parameters take quadratic time                ``message``: bounds; ``tame``: known headers alone pass
a name with ``\\"`` or ``\\\\`` raises, or moves the URI    ``tame``: without quotes and backslashes
every unknown response is remembered for a minute       ``transactions.expects``: it is not let in
``dump_exception`` and ``print`` to standard output     ``quieten``: to the log
``dir`` of every address: a seventh of a call's time    ``quieten``: an attribute is asked for
its logger evaluates ``SIPLOG_LVL``                     ``prepare_import``
the loop belongs to the importing thread, by signals    ``loop.Pulse``, ``loop.adopt``
three UDP workers reorder messages                      ``udp.Transport``: one receiving thread per socket
every send looks its address up                         ``udp.Transport``: literal addresses are sent to at once
an INVITE without Contact raises                        ``door``: answered 400
an exception means 100, then silence                    ``door``, ``engine``, ``bridge.safely``: an answer, always
REFER and ``Also`` redirect a call                      ``door`` declines REFER; ``bridge`` makes its own events
Contact is named Anonymous                              ``legs.contact``
487 carries another To tag                              ``legs.Leg.recvRequest``
requests that a state does not know get no answer       ``legs.Leg.recvRequest``: 481
a re-INVITE without SDP is taken for a hold             ``legs.Leg``: answered with our own offer
CANCEL of a re-INVITE ends the call                     ``legs.Leg``: the offer alone is off
a second 401 (stale) gives up                           ``legs.Leg.processChallenge``
the INVITE with credentials leaves before the ACK       ``transactions.after_this``
and loses its Max-Forwards                              ``legs.Leg.genRequest``
a challenged BYE is given up                            ``legs.Leg.newTransaction``
a failed re-INVITE forgets our SDP                      ``reinvite``: the last good one is put back
a re-INVITE without an answer ends the call             ``legs.Leg.recvResponse``: the offer alone is off
a 407 to REGISTER is answered in the wrong header       ``trunk`` registers by itself
a name of letters outside ASCII goes without quotes     ``quieten``: quotes around it
======================================================  ==========================================================
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from gate.sip.fields import split_address, split_list, tag_of, usable_uri, whole
from gate.sip.message import Message, body_of, read_via

_log = structlog.get_logger("gate.sip")

_TRANSPORT = re.compile(r";\s*transport\s*=\s*[A-Za-z0-9]+", re.IGNORECASE)
_NOT_PRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_ASCII = bytes(range(128)) + b"?" * 128
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
_ADDRESSES = frozenset({"from", "to", "contact", "record-route", "route"})
_TARGETS = frozenset({"contact", "record-route"})
_NUMBERS = frozenset({"expires", "max-forwards", "rseq", "min-se"})
_PASSED = (
    _ADDRESSES
    | _NUMBERS
    | {"via", "call-id", "cseq", "content-type", "www-authenticate", "proxy-authenticate", "reason", "server"}
    | {"user-agent", "retry-after", "session-expires", "supported", "require", "allow", "warning", "rack"}
)
"""Headers that sippy is shown. The rest it does not need; some it would act on (Also, Refer-To, Replaces), and on some
it would fail (Authorization, which the door has checked)."""


def tame(message: Message) -> bytes:
    """A message that the door has read, written anew as sippy can take it; meaning is kept, for requests and responses
    alike."""
    if message.method:
        lines = [f"{message.method} {_line(_TRANSPORT.sub(';transport=udp', message.uri))} SIP/2.0"]
    else:
        lines = [f"SIP/2.0 {message.code} {_line(message.uri) or 'Unspecified'}"]
    for via in message.vias:
        hop = read_via(via)
        if hop is not None:
            port = f":{hop.port}" if hop.port else ""
            lines.append(f"Via: SIP/2.0/{hop.transport} {hop.host}{port}{_line(hop.params)}")
    for name, value in message.headers:
        if name == "via" or name not in _PASSED or (message.code >= 300 and name in _TARGETS):
            continue
        if name in _ADDRESSES:
            members = split_list(value)
            lines.extend(f"{name}: {_address(_line(each))}" for each in (members if name in _TARGETS else members[:1]))
        elif name == "cseq":
            lines.append(f"cseq: {message.cseq} {message.cseq_method}")
        elif name not in _NUMBERS or whole(value) is not None:
            lines.append(f"{name}: {_line(value)}")
    body = body_of(message)
    lines.append(f"content-length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8") + body.translate(_NOT_ASCII)


def readable(message: Message) -> bool:
    """True where sippy can read the addresses: it raises, in the middle of its work, where it cannot."""
    return all(
        usable_uri(split_address(each)[1])
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


def _address(value: str) -> str:
    """A From, To, Contact or Route value as ``"name" <uri>;params``; parameters with quotes stay away, for sippy would
    look for the name's end in them."""
    name, uri, rest = split_address(value)
    name = "".join(sign for sign in name if sign not in '"\\')
    uri = _TRANSPORT.sub(";transport=udp", uri)
    tag, params = tag_of(value), ""
    for each in rest.split(";")[1:]:
        key, equals, told = (part.strip() for part in each.partition("="))
        if key and key.lower() != "tag" and not set(each) & set('"<>,'):
            params += f";{key}{equals}{told}"
    params = f";tag={tag}{params}" if tag else params
    return f'"{name}" <{uri}>{params}' if name else f"<{uri}>{params}"


def prepare_import() -> None:
    """Before sippy is imported: its logger reads (and evaluates) these."""
    os.environ["SIPLOG_BEND"] = "none"
    os.environ.pop("SIPLOG_LVL", None)
    os.environ.pop("SIPLOG_TFORM", None)


def quieten() -> None:
    """After it is imported: what it prints and dumps on standard output goes to the log."""
    for name, module in list(sys.modules.items()):
        if (name == "sippy" or name.startswith("sippy.")) and module is not None:
            if hasattr(module, "dump_exception"):
                vars(module)["dump_exception"] = _dumped
            vars(module)["print"] = _printed
            if name in ("sippy.SipURL", "sippy.SipVia", "sippy.SipConf"):
                vars(module)["dir"] = _mine
            if name == "sippy.SipAddress":
                vars(module)["needquotes"] = _needs_quotes


def _needs_quotes(name: str, _: Any) -> bool:
    """Unless it is a token (RFC 3261 25.1)."""
    return not _TOKEN.issuperset(name)


def _mine(value: Any) -> tuple[str, ...]:
    """All that sippy asks ``dir`` is whether ``my`` is in it."""
    return ("my",) if hasattr(value, "my") else ()


def _printed(*words: Any, **_: Any) -> None:
    _log.debug("sippy says", text=" ".join(str(word) for word in words)[:500])


def _dumped(text: str, f: Any = None, extra: Any = None) -> None:
    """An exception that sippy caught. What it cannot parse is the sender's fault, and anybody may send it: one line,
    and not more than once a second. Everything else is ours, and told in full."""
    if not text.startswith("can't parse"):
        _log.error("sippy caught an exception", text=text[:500], exc_info=True)
        return
    now = time.monotonic()
    if now - _parse_faults[0] >= 1.0:
        _parse_faults[0] = now
        _log.warning("a message could not be parsed", text=text[:200], error=repr(sys.exc_info()[1])[:200])


_parse_faults = [0.0]
"""When the last one was told."""


def guarded(what: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` with its exceptions logged: sippy would answer them with silence."""

    def call(*values: Any, **named: Any) -> Any:
        try:
            return step(*values, **named)
        except Exception:  # noqa: BLE001 - the boundary to sippy's loop: whatever it is, the line goes on
            _log.exception("step failed", step=what)
            return None

    return call
