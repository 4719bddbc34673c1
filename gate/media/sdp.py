"""What of an SDP body may pass: one audio stream, through the gate, and nothing that leads around it.

Everything that lets two endpoints find each other without the gate would carry a call that is neither announced nor
recorded. So this is a list of what passes, not of what is stopped: the first ``RTP/AVP`` audio stream with the plain
attributes of its codecs. Other streams (video, fax, chat, a second audio) are declined with port 0 (RFC 3264 section
6); ICE candidates, alternative addresses, multiplexed RTCP and keys are left out.

Works on ``sippy.SdpBody`` objects, in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from sippy.SdpOrigin import SdpOrigin

_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_SESSION_ATTRIBUTES = _DIRECTIONS | {"lang", "sdplang", "charset", "tool", "type"}
_SECTION_ATTRIBUTES = (
    _DIRECTIONS
    | {"rtpmap", "fmtp", "ptime", "maxptime", "minptime", "silenceSupp", "ecan", "gpmd"}
    | {"rtcp", "rtcp-fb", "rtcp-xr", "extmap", "ssrc", "lang", "content", "label", "quality"}
)
_NOWHERE = {"IP4": "0.0.0.0", "IP6": "::"}  # noqa: S104 - "on hold" in SDP (RFC 2543), not an address to bind
_VERSIONS = {"IP4": 4, "IP6": 6}
_USUAL_MS = 20
_BROADCAST = ip_address("255.255.255.255")


class UnusableSdpError(Exception):
    """The body offers no audio that the gate can stand in; the message says why."""


@dataclass(frozen=True, slots=True)
class Audio:
    """The one audio stream of a body, as its sender described it."""

    section: Any
    """Its ``sippy.SdpMediaDescription``, to be given the relay's address and port."""
    family: str
    """``IP4`` or ``IP6``."""
    address: str
    port: int
    direction: str
    """``sendrecv``, ``sendonly``, ``recvonly`` or ``inactive``, as the sender sees itself."""
    nowhere: bool
    """The old way to hold: no address to send to."""
    short: bool = False
    """Its sender asks for packets that last less than the usual 20 ms (``ptime``, ``maxptime``; RFC 8866 section
    6.4)."""

    @property
    def hears(self) -> bool:
        """True where the sender of this body takes audio: what is played to it arrives."""
        return not self.nowhere and self.direction in ("sendrecv", "recvonly")


def narrow(content: Any) -> Audio:
    """Cut a parsed ``SdpBody`` down to its one audio stream; ``UnusableSdpError`` where it has none."""
    content.a_headers = [header for header in content.a_headers if header.name in _SESSION_ATTRIBUTES]
    content.k_header = None
    chosen = next((section for section in content.sections if _is_plain_audio(section)), None)
    if chosen is None:
        raise UnusableSdpError("no plain RTP audio stream (RTP/AVP) in the session description")
    for section in content.sections:
        if section is not chosen:
            _decline(section)
    chosen.k_header = None
    chosen.a_headers = [header for header in chosen.a_headers if header.name in _SECTION_ATTRIBUTES]
    family, address = chosen.c_header.atype.upper(), chosen.c_header.addr
    if family not in _NOWHERE:
        raise UnusableSdpError(f"unknown address family {family}")
    if not _is_one_host(family, address):
        raise UnusableSdpError("the address is not one host's, by number")
    if not 0 < chosen.m_header.port < 65536:  # RTPProxy would take the rest of it, and send to somebody else's
        raise UnusableSdpError(f"{chosen.m_header.port} is no port")
    own = [header.name for header in chosen.a_headers if header.name in _DIRECTIONS]
    whole = [header.name for header in content.a_headers if header.name in _DIRECTIONS]
    direction = (own or whole or ["sendrecv"])[-1]
    nowhere = address == _NOWHERE[family]
    short = any(header.name in ("ptime", "maxptime") and _is_short(header.value) for header in chosen.a_headers)
    return Audio(chosen, family, address, chosen.m_header.port, direction, nowhere, short)


def _is_short(milliseconds: str | None) -> bool:
    try:
        return 0 < float(milliseconds or "") < _USUAL_MS
    except ValueError:
        return False


def anchor(content: Any, audio: Audio, family: str, address: str, port: int) -> None:
    """Put the relay's address and port into a body that ``narrow`` has cut down."""
    section = audio.section
    section.c_header.atype, section.c_header.addr = family, address
    content.c_header = None  # each section has its own; a session-wide one would keep the endpoint's address
    section.m_header.port = port
    for header in section.a_headers:
        if header.name == "rtcp":
            header.value = f"{port + 1} IN {family} {address}"
    if audio.nowhere:  # told in today's words, for the relay's address is not nowhere
        section.a_headers = [header for header in section.a_headers if header.name not in _DIRECTIONS]
        section.addHeader("a", "sendonly" if audio.direction == "sendrecv" else audio.direction)


def _is_one_host(family: str, address: str) -> bool:
    try:
        number = ip_address(address)
    except ValueError:
        return False
    return _VERSIONS[family] == number.version and not number.is_multicast and number != _BROADCAST


def _is_plain_audio(section: Any) -> bool:
    header = section.m_header
    return bool(header.stype.lower() == "audio" and header.transport.upper() == "RTP/AVP" and header.port != 0)


def _decline(section: Any) -> None:
    section.m_header.port = 0
    section.a_headers = []
    section.k_header = None
    section.c_header.atype, section.c_header.addr = "IP4", _NOWHERE["IP4"]


def origin(side: Any, remote: Any) -> Any:
    """The gate's own ``o=`` line for a side of a call: one session, its version raised as often as the endpoint's is.
    ``side``: keeps it as ``origin``, and the endpoint's last one as ``told``."""
    if side.origin is None:
        side.origin = SdpOrigin()
    elif (side.told.session_id, side.told.version) != (remote.session_id, remote.version):
        side.origin.version += 1
    side.told = remote.getCopy()
    return side.origin.getCopy()
