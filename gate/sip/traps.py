"""sippy's traps, each handled once and here (or named here with the place that handles it).

======================================================  ==========================================================
trap (sippy 2.5.0)                                      handled by
======================================================  ==========================================================
``;transport=UDP`` in capitals raises: the BYE is lost  ``tame``: lower case; another transport becomes UDP
the ACK of a 3xx to 6xx goes to its Contact             ``tame``: such a response loses Contact and Record-Route
bytes that are no UTF-8 raise                           ``tame``
``splitlines`` splits at U+2028 and the like            ``tame``
Content-Length counts characters, not bytes             ``tame``: a body holds ASCII alone
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
a 407 to REGISTER is answered in the wrong header       ``trunk`` registers by itself
names with ``\\\\`` or ``\\"`` before the last quote raise  ``names``: read as RFC 3261 25.1 writes them
names of letters outside ASCII go without quotes        ``names``
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

_log = structlog.get_logger("gate.sip")

_TRANSPORT = re.compile(rb";(\s*)transport(\s*)=(\s*)[A-Za-z0-9]+", re.IGNORECASE)
_REJECTED = (b"SIP/2.0 3", b"SIP/2.0 4", b"SIP/2.0 5", b"SIP/2.0 6")
_TARGETS = re.compile(rb"\r\n(?:Contact|m|Record-Route)[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*", re.IGNORECASE)
_SPLITTERS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_NOT_ASCII = bytes(range(128)) + b"?" * 128


def tame(data: bytes) -> bytes:
    """A datagram as sippy can take it; meaning is kept, for requests and responses alike."""
    head, gap, body = data.partition(b"\r\n\r\n")
    if head.startswith(_REJECTED):
        head = _TARGETS.sub(b"", head)
    if b"ransport" in head or b"RANSPORT" in head:
        head = _TRANSPORT.sub(rb";transport=udp", head)
    if not head.isascii():
        text = head.decode("utf-8", "replace")
        head = _SPLITTERS.sub("?", text).encode("utf-8")
    if body and not body.isascii():
        body = body.translate(_NOT_ASCII)
    return head + gap + body


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
