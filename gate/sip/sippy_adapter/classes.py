"""The classes of sippy that the rest of ``gate.sip`` works with: nothing outside this package names sippy itself.

At the end, identity headers that sippy has no class for: P-Preferred-Identity (RFC 3325), and Remote-Party-ID, which
older carriers read.
"""

from __future__ import annotations

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
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipConf import SipConf
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.SipPAssertedIdentity import SipPAssertedIdentity
from sippy.SipRequest import SipRequest
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
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
