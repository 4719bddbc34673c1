"""Functions of sippy that are replaced. Upstream faults (sippy 2.5.0) that this answers:

- its logger evaluates ``$SIPLOG_LVL`` as Python when it is imported: ``prepare_environment``
- it prints to standard output, and dumps exceptions there: ``apply_patches`` sends both to the log
- it calls ``dir`` on every address it writes, a seventh of a call's time: an attribute is asked for instead
- a display name of letters outside ASCII goes without quotes: ``apply_patches`` quotes all but tokens
- its requests name a product whether one is told or not: ``apply_patches`` takes that away
- an exception in a callback means 100, then silence: ``guarded``
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

_log = structlog.get_logger("gate.sip")

_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


def prepare_environment() -> None:
    """Before sippy is imported: its logger reads (and evaluates) these."""
    os.environ["SIPLOG_BEND"] = "none"
    os.environ.pop("SIPLOG_LVL", None)
    os.environ.pop("SIPLOG_TFORM", None)


def apply_patches() -> None:
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
            if name == "sippy.SipRequest" and not hasattr(vars(module)["SipRequest"], "nameless"):
                _make_nameless(vars(module)["SipRequest"])


def _make_nameless(kind: Any) -> None:
    """sippy's requests name no product where none is given."""
    make = kind.__init__

    def made(request: Any, buf: Any = None, *values: Any, **named: Any) -> None:
        make(request, buf, *values, **named)
        if buf is None and named.get("user_agent") is None:
            request.delHFs("user-agent")

    kind.__init__, kind.nameless = made, True


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
    and not more than once a second. Everything else is ours, and logged in full."""
    if not text.startswith("can't parse"):
        _log.error("sippy caught an exception", text=text[:500], exc_info=True)
        return
    now = time.monotonic()
    if now - _parse_faults[0] >= 1.0:
        _parse_faults[0] = now
        _log.warning("a message could not be parsed", text=text[:200], error=repr(sys.exc_info()[1])[:200])


_parse_faults = [0.0]
"""When the last one was logged."""


def guarded(what: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` with its exceptions logged: sippy would answer them with silence."""

    def call(*values: Any, **named: Any) -> Any:
        try:
            return step(*values, **named)
        except Exception:  # noqa: BLE001 - the boundary to sippy's loop: whatever it is, the line goes on
            _log.exception("step failed", step=what)
            return None

    return call
