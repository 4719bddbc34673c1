"""sippy's traps, each handled once and here (or named here with the place that handles it).

==================================  ====================================================================================
trap (sippy 2.5.0)                  handled by
==================================  ====================================================================================
``;transport=UDP`` in capitals      ``tame``: the parameter is lower-cased, and another transport than UDP becomes UDP
raises, the BYE or ACK is lost      (the peer did reach us over UDP)
the ACK of a 3xx to 6xx goes to     ``tame``: such a response loses its Contact and Record-Route; nobody is redirected
its Contact, wherever that is
three UDP workers reorder           ``udp.Transport``: one receiving thread per socket
a send looks the address up         ``udp.Transport``: literal addresses are sent to at once
``dump_exception``, ``print``       ``quieten``: they go to the log
log to standard error               ``quieten``: ``SIPLOG_*`` is set before the import
the loop belongs to the importer    ``loop.adopt``
Contact is named Anonymous          ``legs.contact``
bytes that are no UTF-8 raise       ``tame``
``dir`` of every address (a seventh   ``quieten``: an attribute is asked for instead
of the time of a call)
``splitlines`` splits at U+2028     ``tame``
Content-Length counts characters    ``tame``: a body holds ASCII alone
no Contact in an INVITE raises      ``door``: answered 400
an exception means silence          ``door`` and ``bridge.guarded``: every entry is guarded, and an INVITE is answered
REFER and ``Also`` redirect a call  ``door`` declines REFER; ``bridge`` makes its own events, so ``Also`` goes nowhere
a failed re-INVITE forgets the SDP  ``reinvite``: the last good one is put back
a re-INVITE without SDP is a hold   ``legs.CallerLeg``: answered with our own offer
CANCEL of a re-INVITE ends a call   ``legs``
487 carries another To tag          ``legs``
a second 401 (stale) gives up       ``legs.CalleeLeg.processChallenge``
==================================  ====================================================================================
"""

from __future__ import annotations

import os
import re
import sys
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
    _log.error("sippy caught an exception", text=text[:500], exc_info=True)


def guarded(what: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` with its exceptions logged: sippy would answer them with silence."""

    def call(*values: Any, **named: Any) -> Any:
        try:
            return step(*values, **named)
        except Exception:  # noqa: BLE001 - the boundary to sippy's loop: whatever it is, the line goes on
            _log.exception("step failed", step=what)
            return None

    return call
