"""The classes of sippy that the rest of ``gate.sip`` works with: nothing outside this package names sippy itself.

At the end, identity headers that sippy has no class for: P-Preferred-Identity (RFC 3325), and Remote-Party-ID, which
older carriers read.

What sippy does hundreds of times a call, done in a way that costs less; results are the same.

Measured with py-spy and by counting calls of functions (sippy 2.5.0), of what a call costs the line thread: reading the
clock through ctypes was 6 %, quoting the same few user names 3 %, comparing timers 3 %, making timers and times 4 %,
looking for headers and making them 5 %, writing and copying URIs 4 %, asking whether an address is private 1 %.
"""

from __future__ import annotations

import time
from functools import lru_cache
from heapq import heappush
from threading import get_ident
from typing import Any

from sippy import SipHeader as header_module
from sippy import SipTransactionManager
from sippy import SipURL as url_module
from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventInfo,
    CCEventPreConnect,
    CCEventRedirect,
    CCEventRing,
    CCEventTry,
    CCEventUpdate,
)
from sippy.Core.EventDispatcher import ED2, EventDispatcher2, EventListener
from sippy.ESipHeaderCSV import ESipHeaderCSV
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipConf import SipConf
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipPAssertedIdentity import SipPAssertedIdentity
from sippy.SipRequest import SipRequest
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.Time import MonoTime as time_module
from sippy.Time.Timeout import Timeout
from sippy.UA import UA

__all__ = [
    "ED2",
    "UA",
    "CCEventConnect",
    "CCEventDisconnect",
    "CCEventFail",
    "CCEventInfo",
    "CCEventPreConnect",
    "CCEventRedirect",
    "CCEventRing",
    "CCEventTry",
    "CCEventUpdate",
    "MsgBody",
    "SipAddress",
    "SipCallId",
    "SipConf",
    "SipContact",
    "SipFrom",
    "SipGenericHF",
    "SipHeader",
    "SipPAssertedIdentity",
    "SipRequest",
    "SipRoute",
    "SipTo",
    "SipURL",
    "Timeout",
]


class SipPPreferredIdentity(SipPAssertedIdentity):  # type: ignore[misc]  # sippy has no types
    """As P-Asserted-Identity."""

    hf_names = ("p-preferred-identity",)

    def getCanName(self, name: str, compact: bool = False) -> str:
        """As it is written."""
        return "P-Preferred-Identity"


class SipRemotePartyID(SipPAssertedIdentity):  # type: ignore[misc]  # sippy has no types
    """With its parameters in the address."""

    hf_names = ("remote-party-id",)

    def getCanName(self, name: str, compact: bool = False) -> str:
        """As it is written."""
        return "Remote-Party-ID"


# --- what sippy does hundreds of times a call ------------------------------------------------------------------------

_REMEMBERED = 4096
"""Texts whose quoted form is known: user parts of the numbers dialled lately."""
_REALTIME, _MONOTONIC = 0, 4
"""The clocks of sippy's times, by the numbers that it has for them (linux/time.h)."""

_clock = time.clock_gettime
_Time = time_module.MonoTime
_Header = header_module.SipHeader
_Url = url_module.SipURL
_kinds = header_module.hf_types

_make_time, _make_timer, _start_timer = _Time.__init__, EventDispatcher2.regTimer, EventListener.go
_parameters, _copy_url, _first = _Url.getParams, _Url.getCopy, SipMsg.getHFBody


def apply_speedups() -> None:
    """Put the cheaper ways in place; on the line thread, after sippy's modules are imported. Harmless twice."""
    vars(time_module)["clock_getdtime"] = _clock
    EventListener.__lt__ = _sooner
    for module, name in ((url_module, "quote"), (SipTransactionManager, "check1918")):
        known = vars(module)[name]
        if not hasattr(known, "cache_info"):
            vars(module)[name] = lru_cache(_REMEMBERED)(known)
    _Time.__init__, _Time.getOffsetCopy, _Time.getCopy = _time, _time_after, _same_time
    EventDispatcher2.regTimer, EventListener.go = _timer, _go
    _Header.__init__, _Header.getCopy = _header, _copied_header
    SipMsg.getHFBody, SipMsg.countHFs = _body_of_first, _count
    _Url.localStr, _Url.getParams, _Url.getCopy = _url_written, _url_parameters, _url_copied


# --- times and timers -----------------------------------------------------------------------------------------------


def _sooner(one: Any, other: Any) -> bool:
    """Whether a timer is due before another."""
    return bool(one.etime.monot < other.etime.monot)


def _time(self: Any, s: Any = None, monot: Any = None, realt: Any = None, trust_realt: bool = False) -> None:
    """Now, without sippy's filter: it smooths the time of day, which is for its log alone."""
    if s is not None or monot is not None or realt is not None or trust_realt:
        _make_time(self, s, monot, realt, trust_realt)
        return
    self.realt, self.monot = _clock(_REALTIME), _clock(_MONOTONIC)


def _time_after(self: Any, seconds: float) -> Any:
    later = _Time.__new__(_Time)
    later.monot, later.realt = self.monot + seconds, self.realt + seconds
    return later


def _same_time(self: Any) -> Any:
    return _time_after(self, 0.0)


def _timer(self: Any, step: Any, seconds: Any, ticks: Any = 1, absolute: bool = False, *values: Any) -> Any:
    if absolute or not ticks:
        return _make_timer(self, step, seconds, ticks, absolute, *values)
    timer = EventListener()
    timer.itime = self.last_ts = _Time()
    timer.cb_func, timer.ival, timer.nticks, timer.abs_time = step, seconds, ticks, False
    timer.cb_params, timer.ed = values, self
    return timer


def _go(self: Any) -> None:
    if self.abs_time or self.randomize_runs is not None or self.ed.my_ident != get_ident():
        _start_timer(self)
        return
    self.etime = _time_after(self.itime, self.ival)
    heappush(self.ed.tlisteners, self)


# --- headers --------------------------------------------------------------------------------------------------------


def _header(
    self: Any, s: Any = None, name: Any = None, body: Any = None, bodys: Any = None, fixname: bool = False
) -> None:
    if s is not None:
        name, colon, bodys = s.partition(":")
        if not colon:
            raise ValueError("a header line without a colon")
        name, bodys = name.strip(), bodys.strip()
    key = self.name if name is None else name.lower()
    if body is None:
        try:
            body = _kinds[key](bodys)
        except KeyError:
            body = SipGenericHF(bodys, name)
        except ESipHeaderCSV as several:
            several.name = key
            raise
    self.body = body
    self.name = body.hf_names[0] if key is None or fixname else key


def _copied_header(self: Any) -> Any:
    copy = _Header.__new__(_Header)
    copy.name, copy.body = self.name, self.body.getCopy()
    return copy


def _body_of_first(self: Any, name: str, idx: int = 0) -> Any:
    if idx:
        return _first(self, name, idx)
    for header in self.headers:
        if header.name == name:
            body = header.body
            if not body.parsed:
                body.parse()
            return body
    raise IndexError(name)


def _count(self: Any, name: str) -> int:
    count = 0
    for header in self.headers:
        if header.name == name:
            count += 1
    return count


# --- URIs -----------------------------------------------------------------------------------------------------------


def _url_written(self: Any, local_addr: Any = None) -> str:
    (here, here_port), by = local_addr if local_addr is not None else ((None, None), None)
    parts = [self.scheme, ":"]
    if self.username is not None:
        parts.append(vars(url_module)["quote"](self.username, url_module.USERNAME_SAFE))
        parts += [f";{each}" for each in self.userparams]
        if self.password is not None:
            parts.append(f":{self.password}")
        parts.append("@")
    host, port = self.host, self.port
    parts.append(host if type(host) is str else here if here is not None and hasattr(host, "my") else str(host))
    if port is not None:
        shown = here_port if here_port is not None and hasattr(port, "my") else port
        if SipConf.port_needed(shown, self.transport, by):
            parts.append(":%d" % shown)  # noqa: UP031 - sippy's own ports are objects that know %d
    parts += [f";{each}" for each in self.getParams(by)]
    if self.headers:
        quote = vars(url_module)["quote"]
        parts += ["?", "&".join(f"{name}={quote(value)}" for name, value in self.headers.items())]
    return "".join(parts)


def _url_parameters(self: Any, local_transport: Any = None) -> Any:
    plain = self.transport is None and self.usertype is None and self.ttl is None and self.maddr is None
    if plain and self.method is None and self.tag is None and not self.other and not self.lr:
        return []
    return _parameters(self, local_transport)


def _url_copied(self: Any) -> Any:
    if self.host is None:
        return _copy_url(self)
    copy = _Url.__new__(_Url)
    vars(copy).update(vars(self))
    copy.scheme, copy.original_uri = "sip", None
    copy.other, copy.userparams = list(self.other), list(self.userparams)
    return copy
