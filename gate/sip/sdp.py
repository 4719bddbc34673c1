"""What an SDP body says of audio: codec names and payload maps (RFC 4566, RFC 3551). Bodies are read, not changed,
here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gate.sip.header_fields import whole

_STATIC = {
    0: "PCMU/8000", 3: "GSM/8000", 4: "G723/8000", 5: "DVI4/8000", 6: "DVI4/16000", 7: "LPC/8000", 8: "PCMA/8000",
    9: "G722/8000", 12: "QCELP/8000", 13: "CN/8000", 15: "G728/8000", 18: "G729/8000",
}  # fmt: skip
_RTPMAP = re.compile(r"a=rtpmap:\s*(\d{1,3})\s+([A-Za-z0-9._-]+)/(\d{1,6})")
_ABOUT = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):\s*(\d{1,3})\b")
MAX_TYPES = 128
"""Payload types of one stream: there are no more (RFC 3550 section 5.1)."""
KEPT = frozenset({"PCMU", "PCMA", "G722"})
"""Codecs that announcements are made in, and recordings are heard again in."""
NOT_SPEECH = frozenset({"TELEPHONE-EVENT", "CN", "RED", "ULPFEC"})
BESIDE_SPEECH = frozenset({"TELEPHONE-EVENT", "CN"})
"""What passes beside speech: other codecs than speech carry some that nobody here can read (RFC 2198)."""
_PLAIN = "RTP/AVP"
_SPELLING = {"OPUS": "opus"}


def payload_map(body: str) -> dict[int, str]:
    """Payload type -> ``name/rate`` of the first audio stream, in the order offered; unknown dynamic types are left
    out."""
    types: list[int] = []
    names: dict[int, str] = {}
    inside = False
    for line in body.splitlines():
        if line.startswith("m="):
            if types:
                break
            parts = line[2:].split(None, 3 + MAX_TYPES)[: 3 + MAX_TYPES]
            inside = _is_plain(parts)
            if inside:
                types = [kind for part in parts[3:] if (kind := whole(part, 3)) is not None and kind < 128]
        elif inside and (found := _RTPMAP.match(line)):
            name = found[2].upper()
            names[int(found[1])] = f"{_SPELLING.get(name, found[2] if name == 'TELEPHONE-EVENT' else name)}/{found[3]}"
    return {number: name for number in types if (name := names.get(number) or _STATIC.get(number))}


def codecs(body: str) -> tuple[str, ...]:
    """Names of the speech codecs, in order: ``PCMU``, ``PCMA``, ``G722``, ``opus``, … One that announcements are made
    in counts under its own payload type alone (RFC 3551 section 6): they are sent under no other."""
    found = [_codec(number, name) for number, name in payload_map(body).items()]
    return tuple(dict.fromkeys(name for name in found if name and name.upper() not in NOT_SPEECH))


def has_plain_audio(body: str) -> bool:
    """True where a stream is plain RTP audio (``RTP/AVP``), whatever its codecs: neither SRTP nor AVPF."""
    return any(line.startswith("m=") and _is_plain(line[2:].split(None, 3)) for line in body.splitlines())


def _is_plain(parts: Sequence[str]) -> bool:
    """Of an ``m=`` line."""
    return len(parts) > 3 and parts[0] == "audio" and parts[1].split("/")[0] != "0" and parts[2].upper() == _PLAIN


def _codec(number: int, name: str) -> str:
    """The codec of a payload type; empty where it is one that announcements are made in, under another number."""
    codec = name.partition("/")[0]
    return codec if codec not in KEPT or codec == _STATIC.get(number, "").partition("/")[0] else ""


def maps_in_packets(caller: str, callee: str) -> Mapping[str, Mapping[int, str]]:
    """side -> payload type -> ``name/rate`` as it stands in the packets that side *sends*: those carry the numbers
    that the other side's body gave (RFC 3264 5.1); its own body fills in what the other's leaves out."""
    by_caller, by_callee = payload_map(caller), payload_map(callee)
    return {"caller": {**by_caller, **by_callee}, "callee": {**by_callee, **by_caller}}


def answer_to(offer: str, mine: str) -> str:
    """``mine`` (our own earlier SDP) cut to what ``offer`` still offers, as an answer to it (RFC 3264 section 6);
    empty where nothing is left. Directions are mirrored."""
    offered = payload_map(offer)
    wanted = {name.lower() for name in offered.values()}
    ours = payload_map(mine)
    keep = {number for number, name in ours.items() if name.lower() in wanted}
    if not any(ours[number].partition("/")[0].upper() not in NOT_SPEECH for number in keep):
        return ""
    lines = []
    for line in mine.splitlines():
        about = _ABOUT.match(line)
        if line.startswith("m=audio"):
            head, types = line.split()[:3], line.split()[3:]
            lines.append(" ".join([*head, *(kind for kind in types if whole(kind, 3) in keep)]))
        elif not (about and int(about[1]) not in keep) and line.strip() not in DIRECTIONS:
            lines.append(line)
    theirs = next((line.strip() for line in offer.splitlines() if line.strip() in DIRECTIONS), "a=sendrecv")
    lines.append(DIRECTIONS[theirs])
    return "\r\n".join(lines) + "\r\n"


def own_offer(address: str) -> str:
    """An offer in the place of a party that made none: audio by the codecs of ``KEPT``, to the discard port there."""
    where = f"IN {'IP6' if ':' in address else 'IP4'} {address}"
    lines = ["v=0", f"o=- 1 1 {where}", "s=-", f"c={where}", "t=0 0", "m=audio 9 RTP/AVP 8 0 9 101"]
    lines += [f"a=rtpmap:{kind} {_STATIC[kind]}" for kind in (8, 0, 9)]
    return "\r\n".join([*lines, "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=sendrecv"]) + "\r\n"


def cut(body: str, names: frozenset[str] = KEPT) -> str:
    """``body`` with the speech codecs ``names``, telephone events and comfort noise, and without every other payload
    type; empty where no speech is left. Streams that are not plain audio stay: the media relay declines them."""
    found = {number: _codec(number, name).upper() for number, name in payload_map(body).items()}
    kept = {number for number, name in found.items() if name in BESIDE_SPEECH | names}
    if not any(found[number] in names for number in kept):
        return ""
    lines, inside, changed = [], False, False
    for line in body.splitlines():
        about = _ABOUT.match(line)
        if line.startswith("m="):
            head, types = line.split()[:3], line.split()[3:]
            inside = _is_plain(line[2:].split(None, 3))
            left = [kind for kind in types if whole(kind, 3) in kept] if inside else types
            changed = changed or left != types
            lines.append(" ".join([*head, *(left or types)]))
        elif not (inside and about and int(about[1]) not in kept):
            lines.append(line)
    return "\r\n".join(lines) + "\r\n" if changed else body


def preferring(body: str, names: Sequence[str]) -> str:
    """``body`` with these speech codecs alone, in this order; empty where it has none of them."""
    left = cut(body, frozenset(names))
    ranks = {
        number: names.index(codec)
        for number, name in payload_map(left).items()
        if (codec := name.partition("/")[0]) in names
    }

    def ranked(line: str) -> str:
        if not line.startswith("m=audio"):
            return line
        head, types = line.split()[:3], line.split()[3:]
        return " ".join([*head, *sorted(types, key=lambda kind: ranks.get(whole(kind, 3) or 0, len(names)))])

    return "\r\n".join(map(ranked, left.splitlines())) + "\r\n" if left else ""


def sections(body: str) -> list[list[str]]:
    """Its lines: those of the session, then those of each stream."""
    parts: list[list[str]] = [[]]
    for line in body.splitlines():
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts


def held(body: str) -> bool:
    """True where the side of this body may rightly be silent, or hear nothing: on hold (RFC 3264 8.4), in any form."""
    for part in sections(body):
        for line in part:
            if line.strip() in ("a=sendonly", "a=recvonly", "a=inactive") or line.startswith("c=IN IP4 0.0.0.0"):
                return True
    return False


def quieted(body: str) -> str:
    """``body`` with every stream inactive: nothing is sent either way (RFC 3264 6.1)."""
    session, *streams = ([line for line in part if line.strip() not in DIRECTIONS] for part in sections(body))
    return "\r\n".join([*session, *(line for stream in streams for line in [*stream, "a=inactive"])]) + "\r\n"


def resumed(body: str) -> str:
    """``body`` with every stream both ways: off hold."""
    session, *streams = ([line for line in part if line.strip() not in DIRECTIONS] for part in sections(body))
    return "\r\n".join([*session, *(line for stream in streams for line in [*stream, "a=sendrecv"])]) + "\r\n"


def silent_answer(offer: str, address: str, address6: str = "") -> str:
    """An answer that takes the first audio stream of ``offer`` without audio either way, and no other stream."""
    return _answer(offer, address, address6, silent=True)


def only(body: str, codec: str) -> str:
    """``body`` with one speech codec alone, and telephone events."""
    kinds = payload_map(body)
    wanted = {
        number for number, name in kinds.items() if _codec(number, name).lower() in (codec.lower(), "telephone-event")
    }
    lines, inside = [], False
    for line in body.splitlines():
        about = re.match(r"a=(?:rtpmap|fmtp|rtcp-fb):\s*(\d{1,3})\b", line)
        if line.startswith("m="):
            head, types = line.split()[:3], line.split()[3:]
            inside = head[0] == "m=audio" and head[1].partition("/")[0] != "0"
            lines.append(" ".join([*head, *(each for each in types if whole(each, 3) in wanted)]) if inside else line)
        elif not (inside and about and int(about[1]) not in wanted):
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def own_answer(offer: str, codec: str, address: str, address6: str = "") -> str:
    """An answer of ours that takes the first audio stream of ``offer`` in one codec, and telephone events. The relay
    puts its own port in the place of ours."""
    return _answer(only(offer, codec), address, address6, silent=False)


def _answer(offer: str, address: str, address6: str, *, silent: bool) -> str:
    """An answer to the first stream of plain audio, and to no other (RFC 3264 section 6). Port 9 is that of discard:
    nobody of the gate's listens there."""
    session, *streams = sections(offer)
    six = any(line.startswith("c=IN IP6") for part in (session, *streams[:1]) for line in part)
    family, own = ("IP6", address6) if six and address6 else ("IP6" if ":" in address else "IP4", address)
    lines = ["v=0", f"o=- 1 1 IN {family} {own}", "s=-", f"c=IN {family} {own}", "t=0 0"]
    taken = False
    for stream in streams:
        kind, _, *rest = [*stream[0].split(), "0"][: max(2, len(stream[0].split()))]
        if taken or not _is_plain(stream[0][2:].split(None, 3)):
            lines.append(" ".join([kind, "0", *rest]))
            continue
        taken = True
        lines += [" ".join([kind, "9", *rest]), *(line for line in stream if line.startswith(("a=rtpmap:", "a=fmtp:")))]
        theirs = next((line.strip() for line in [*stream, *session] if line.strip() in DIRECTIONS), "a=sendrecv")
        lines.append("a=inactive" if silent else DIRECTIONS[theirs])
    return "\r\n".join(lines) + "\r\n"


DIRECTIONS = {
    "a=sendrecv": "a=sendrecv", "a=sendonly": "a=recvonly", "a=recvonly": "a=sendonly", "a=inactive": "a=inactive",
}  # fmt: skip
