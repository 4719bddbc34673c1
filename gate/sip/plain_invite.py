"""An INVITE in its usual form, read as far as is needed to send it away.

Where more calls come than the line can carry, most of what it does is to send calls away, so that must cost next to
nothing: no body, no number, no caller. What is read here is less than ``gate.sip.message.parse`` reads and never
something else: where this takes an INVITE, ``parse`` finds the same in it, and nothing is wrong with it. Whatever is in
the least unusual is not taken, and is read in full.
"""

from __future__ import annotations

import re

from gate.sip.header_fields import SPACE, ambiguous, parameters
from gate.sip.message import SipMessage

LONGEST = 4096
"""Bytes of what is taken."""
MOST_LINES = 64
"""Of its head."""
MOST_HOPS = 8
# Each is written out whole, ports too: what a pattern costs is measured by its text in the source.
_START = re.compile(
    r"INVITE (sip:\+?[0-9]{1,32}@[A-Za-z0-9.:-]{1,255}(?:;transport=[A-Za-z]{2,4}|;user=phone)?) SIP/2\.0"
)
_VIA = re.compile(
    r"SIP/2\.0/UDP ([A-Za-z0-9.-]{1,255})(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
    r"((?:;[A-Za-z]{1,16}(?:=[A-Za-z0-9.*+_-]{1,128})?){1,8})"
)
_ADDRESS = re.compile(
    r'(?:"[A-Za-z0-9 +.()_-]{0,64}" ?|[A-Za-z0-9_-]{1,64} )?<sip:(?:[A-Za-z0-9+._-]{1,64}@)?'
    r"[A-Za-z0-9.-]{1,255}(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?(?:;transport=[A-Za-z]{2,4}|;user=phone)?>"
    r"(?:;tag=([A-Za-z0-9.*+_-]{1,128}))?"
)
_CONTACT = re.compile(
    r"<sip:(?:[A-Za-z0-9+._-]{1,64}@)?[A-Za-z0-9.-]{1,255}(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
    r"(?:;transport=[A-Za-z]{2,4}|;user=phone)?>"
    r"|sip:(?:[A-Za-z0-9+._-]{1,64}@)?[A-Za-z0-9.-]{1,255}(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
)
_CALL_ID = re.compile(r"[A-Za-z0-9.@*+:_-]{1,255}")
_CSEQ = re.compile(r"([0-9]{1,9}) INVITE")
_HOPS = re.compile(r"[1-9][0-9]?")
_LENGTH = re.compile(r"[0-9]{1,4}")
_SDP = re.compile(r"application/sdp")
_SESSION = re.compile(r"[1-9][0-9]{2,4}(?:;refresher=ua[cs])?")
_USUAL = {
    "via": _VIA.fullmatch,
    "from": _ADDRESS.fullmatch,
    "to": _ADDRESS.fullmatch,
    "contact": _CONTACT.fullmatch,
    "call-id": _CALL_ID.fullmatch,
    "cseq": _CSEQ.fullmatch,
    "max-forwards": _HOPS.fullmatch,
    "content-type": _SDP.fullmatch,
    "content-length": _LENGTH.fullmatch,
    "session-expires": _SESSION.fullmatch,
}
_NEEDED = _USUAL.keys() - {"max-forwards", "session-expires"}
_WITHOUT_MEANING = frozenset(
    {"user-agent", "allow", "supported", "accept", "date", "server", "organization", "subject", "allow-events"}
    | {"p-asserted-identity", "p-preferred-identity", "remote-party-id", "privacy", "timestamp", "expires"}
    | {"min-se", "content-disposition"}
)
"""Headers that say nothing of whether an INVITE is well formed; and those that begin with ``X-``."""


def plain_invite(data: bytes) -> SipMessage | None:
    """A new INVITE for a number in digits, perhaps with a ``+``; None for anything that is not quite plain. Of the
    message there is what an answer and its transaction need, and what was dialled."""
    head, gap, body = data.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    lines = text.split("\r\n")
    start = _START.fullmatch(lines[0])
    if not (start and gap and len(lines) <= MOST_LINES and len(data) <= LONGEST):
        return None
    if not text.count("\n") == text.count("\r") == len(lines) - 1:
        return None
    vias: list[str] = []
    found: dict[str, re.Match[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(SPACE)
        usual = _USUAL.get(name)
        if usual is None:
            if colon and (name in _WITHOUT_MEANING or name.startswith("x-")):
                continue
            return None
        read = usual(value)
        if read is None or (name in found and name != "via"):
            return None
        found.setdefault(name, read)
        if name == "via":
            vias.append(value)
    if not found.keys() >= _NEEDED or len(vias) > MOST_HOPS or int(found["content-length"][0]) > len(body):
        return None
    top, tags = found["via"], (found["from"][1], found["to"][1])
    if not tags[0] or tags[1] or ambiguous(vias[0]):
        return None
    return SipMessage(
        "INVITE", start[1], 0, [(name, found[name][0]) for name in ("from", "to", "call-id", "cseq")], b"", vias,
        parameters(top[3]).get("branch") or "", (top[1], int(top[2] or 5060)), found["call-id"][0],
        tags[0], "", int(found["cseq"][1]),
    )  # fmt: skip
