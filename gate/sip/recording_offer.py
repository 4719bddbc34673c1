"""The SDP of a recording session (RFC 7866 section 7): streams that the other side sends, and our answer to them.

Each stream is answered in its place, with its label (RFC 4574): two of audio that can be kept are taken, ``recvonly``,
or ``inactive`` where the other side pauses; the others are declined with port 0 (RFC 3264 section 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from gate.sip import sdp
from gate.sip.header_fields import whole

MOST_STREAMS: Final = 16
NOBODY: Final = {"IP4": "192.0.0.8", "IP6": "100::"}
"""Addresses that nothing comes from (RFC 7600, RFC 6666): where a stream is taken from that is not to be heard."""
_KEPT_LINES: Final = ("a=rtpmap:", "a=fmtp:", "a=ptime:", "a=maxptime:")


class OfferError(ValueError):
    """The body offers nothing that can be recorded; the message says why."""


class Stream(NamedTuple):
    """An ``m=`` line with what belongs to it."""

    head: tuple[str, ...]
    """``audio``, port, ``RTP/AVP`` and payload types, as they came."""
    label: str
    family: str
    """``IP4`` or ``IP6``."""
    address: str
    port: int
    """0: it is not there, or no more."""
    sends: bool
    """False while it is paused."""
    payloads: Mapping[int, str]
    """Payload type -> ``name/rate``, of what can be kept."""
    lines: tuple[str, ...]
    """About those types, to be repeated in the answer."""

    @property
    def usable(self) -> bool:
        """Plain audio, in a codec in which a recording can be heard again."""
        plain = self.head[0] == "audio" and self.head[2].upper() == "RTP/AVP" and self.port > 0
        return plain and any(_codec(name) in sdp.KEPT for name in self.payloads.values())

    def towards_relay(self, *, heard: bool) -> str:
        """A body with this stream alone, as the media relay takes it; not ``heard``: from nobody."""
        address, port = (self.address, self.port) if heard else (NOBODY[self.family], 9)
        types = " ".join(map(str, self.payloads))
        return _body(self.family, address, [f"m=audio {port} RTP/AVP {types}", *self.lines, "a=sendrecv"])


def silent(family: str) -> str:
    """A body in the place of a stream that there is not."""
    return _body(family, NOBODY[family], ["m=audio 9 RTP/AVP 8", "a=sendrecv"])


def read(body: str) -> list[Stream]:
    """The streams of an offer, in order. Raises ``OfferError`` where it is none, or not one of those that are still
    there can be taken."""
    session, *parts = sdp.sections(body)
    if not 0 < len(parts) <= MOST_STREAMS:
        raise OfferError("no streams, or too many")
    streams = [_stream(session, part) for part in parts]
    if any(each.port for each in streams) and not any(each.usable for each in streams):
        raise OfferError("no plain RTP audio (RTP/AVP) in PCMA, PCMU or G722")
    return streams


def answer(streams: Sequence[Stream], taken: Mapping[int, tuple[str, int]], origin: str, own: str) -> str:
    """Our body: ``taken`` has address and port of the gate's for each place in ``streams`` that is taken; ``origin`` is
    session id and version, ``own`` an address of the gate's."""
    lines = ["v=0", f"o=- {origin} {_where(own)}", "s=-", f"c={_where(own)}", "t=0 0"]
    for place, stream in enumerate(streams):
        if place in taken:
            address, port = taken[place]
            lines.append(f"m=audio {port} RTP/AVP {' '.join(map(str, stream.payloads))}")
            lines += [f"c={_where(address)}", *stream.lines, "a=recvonly" if stream.sends else "a=inactive"]
        else:
            lines.append(" ".join(["m=" + stream.head[0], "0", *stream.head[2:]]))
        if stream.label:
            lines.append(f"a=label:{stream.label}")
    return "\r\n".join(lines) + "\r\n"


def _stream(session: list[str], part: list[str]) -> Stream:
    head = part[0][2:].split(None, 3 + sdp.MAX_TYPES)[: 3 + sdp.MAX_TYPES]
    if len(head) < 4:
        raise OfferError("a stream without codecs")
    where = next((line for line in [*part, *session] if line.startswith("c=")), "").split()
    family, address = (where[1].upper(), where[2].partition("/")[0]) if len(where) == 3 else ("", "")
    if family not in NOBODY:
        raise OfferError("a stream without an address")
    port = whole(head[1].partition("/")[0], 5) or 0
    found = sdp.payload_map("\r\n".join([f"m={' '.join([head[0], '9', *head[2:]])}", *part[1:]]))
    payloads = {number: name for number, name in found.items() if _codec(name) in sdp.KEPT | sdp.BESIDE_SPEECH}
    directions = [line.strip() for line in [*session, *part] if line.strip() in sdp.DIRECTIONS]
    sends = (directions or ["a=sendrecv"])[-1] in ("a=sendrecv", "a=sendonly") and address not in ("0.0.0.0", "::")  # noqa: S104 - "on hold" (RFC 2543)
    return Stream(
        head=tuple(head),
        label=next((line[8:].strip() for line in part if line.startswith("a=label:")), ""),
        family=family,
        address=address,
        port=port if port < 65536 else 0,
        sends=sends,
        payloads=payloads,
        lines=tuple(line for line in part if line.startswith(_KEPT_LINES) and _is_about(line, payloads)),
    )


def _is_about(line: str, payloads: Mapping[int, str]) -> bool:
    number = line.partition(":")[2].split(None, 1)[:1]
    return line.startswith(("a=ptime:", "a=maxptime:")) or (bool(number) and whole(number[0], 3) in payloads)


def _codec(name: str) -> str:
    return name.partition("/")[0].upper()


def _body(family: str, address: str, lines: list[str]) -> str:
    where = f"IN {family} {address}"
    return "\r\n".join(["v=0", f"o=- 1 1 {where}", "s=-", f"c={where}", "t=0 0", *lines]) + "\r\n"


def _where(address: str) -> str:
    return f"IN {'IP6' if ':' in address else 'IP4'} {address}"
