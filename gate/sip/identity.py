"""Who calls whom: what the caller asks (number, withheld), and what the trunk is shown.

Nothing of the caller's own identity goes on, its display name neither: From, P-Asserted-Identity and Privacy are made
here from a number and the name that the configuration gives the caller; a PBX may choose among its numbers (LAW: PECR
reg 21(A1), reg 24; SIP: RFC 3323, RFC 3325).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gate.core.numbers import asks_for_help
from gate.showing import shown_name
from gate.sip.header_fields import host_of, split_list, uri_of, user_of
from gate.sip.message import SipMessage
from gate.sip.sippy_adapter.classes import (
    SipAddress,
    SipGenericHF,
    SipHeader,
    SipPAssertedIdentity,
    SipPPreferredIdentity,
    SipRemotePartyID,
)

_HIDING = {"id", "user", "header"}
_PREFIX = re.compile(r"\D*(?:141|#31#|\*31#)")
_PRIVATE = re.compile(r"[;?&]\s*privacy\s*=\s*\"?(?!off|none)", re.IGNORECASE)
_IDENTITIES = ("from", "p-asserted-identity", "p-preferred-identity", "remote-party-id")


def raw_number(request: SipMessage) -> str:
    """What was dialled, as it came: the user part of the Request-URI, a ``tel:`` URI's number, or the emergency service
    by its name (RFC 5031)."""
    return request.uri if asks_for_help(request.uri) else user_of(request.uri)


def asked_numbers(request: SipMessage) -> list[str]:
    """What a PBX asks to be shown: the user parts of P-Asserted-Identity, else that of From; empty where none has one.

    For PBXs alone: an account's word on who it is counts for nothing (RFC 3325 section 5)."""
    for name in ("p-asserted-identity", "from"):
        values = [part for value in request.all(name) for part in split_list(value)]
        if asked := [user for value in values if (user := user_of(uri_of(value)))]:
            return asked
    return []


def diverted_from(request: SipMessage) -> list[tuple[str, str]]:
    """Header and user part of each whom a call was diverted from, the newest first: Diversion (RFC 5806), whose first
    entry is the newest, then History-Info (RFC 7044), whose last is. For PBXs alone, as ``asked_numbers``; who asks for
    privacy there is left out."""
    diversions = [part for value in request.all("diversion") for part in split_list(value)]
    history = [part for value in request.all("history-info") for part in split_list(value)]
    parts = [("diversion", part) for part in diversions] + [("history-info", part) for part in reversed(history)]
    return [(name, user) for name, part in parts if not _PRIVATE.search(part) and (user := user_of(uri_of(part)))]


def withheld(request: SipMessage) -> bool:
    """The caller asks to hide: Privacy id, user or header, an anonymous From or asserted identity, Remote-Party-ID with
    privacy, or a prefix as in ``hides``. Such a call is refused, not repaired (LAW 3.2)."""
    tokens = {token.strip().lower() for value in request.all("privacy") for token in value.split(";")}
    if tokens & _HIDING:
        return True
    for name in _IDENTITIES:
        for value in request.all(name):
            if any(_anonymous(part) for part in split_list(value)):
                return True
    if any(
        re.search(r";\s*privacy\s*=\s*\"?(full|uri|name)", value, re.IGNORECASE)
        for value in request.all("remote-party-id")
    ):
        return True
    return hides(raw_number(request))


def hides(dialled: str) -> bool:
    """True where a number is dialled with 141, #31# or *31# before it."""
    return _PREFIX.match(dialled) is not None


def _anonymous(value: str) -> bool:
    """``anonymous@…``, or the domain that RFC 3323 keeps for it."""
    uri = uri_of(value)
    user, host = user_of(uri).lower(), host_of(uri)
    return user in ("anonymous", "unavailable", "restricted") or host == "anonymous.invalid"


def quotable(name: str) -> str:
    """A display name for inside quotes: bounded, printable, quotes and backslashes escaped (RFC 3261 25.1)."""
    return shown_name(name).replace("\\", "\\\\").replace('"', '\\"')


_SHOWN: dict[str, Any] = {
    "pai": SipPAssertedIdentity,
    "ppi": SipPPreferredIdentity,
    "rpid": SipRemotePartyID,
}


def headers_for_trunk(ua: Any, mark: str, identity: Sequence[str] = ("pai",)) -> list[Any]:
    """Headers of the INVITE to the trunk (``sippy.SipHeader``), made from the leg's own From; ``identity``: those of
    ``trunk.identity``."""
    shown = ua.lUri.getUri()
    headers = []
    for name in identity:
        address = SipAddress(name=shown.name, url=shown.url.getCopy(), hadbrace=True)
        if name == "rpid":
            for key, value in (("party", "calling"), ("privacy", "off"), ("screen", "yes")):
                address.setParam(key, value)
        headers.append(SipHeader(name=_SHOWN[name].hf_names[0], body=_SHOWN[name](address=address)))
    return [
        *headers,
        SipHeader(name="privacy", body=SipGenericHF("none", "privacy")),
        SipHeader(name="allow", body=SipGenericHF(ALLOW, "allow")),
        SipHeader(name=LOOP_HEADER, body=SipGenericHF(mark, LOOP_HEADER)),
    ]


ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"
REFER = "REFER"
"""Beside it, for callers."""
LOOP_HEADER = "x-dialgate-hop"
"""Carries the mark of one call (``gate.sip.admission``): an INVITE that comes back with it is a loop."""
