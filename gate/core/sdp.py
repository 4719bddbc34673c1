"""SDP bodies as text (RFC 4566, RFC 3264, RFC 3551): one reader, and the bodies that are made from what it read.

What of a body may pass through the media relay (``narrow``, ``anchor``): one audio stream, and nothing that leads
around the gate. Everything that lets two endpoints find each other without it would carry a call that is neither
announced nor recorded. So there is a list of what passes, not of what is stopped: the first ``RTP/AVP`` audio stream
with the plain attributes of its codecs. Other streams (video, fax, chat, a second audio) are declined with port 0 (RFC
3264 section 6); ICE candidates, alternative addresses, multiplexed RTCP and keys are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

_STATIC = {
    0: "PCMU/8000", 3: "GSM/8000", 4: "G723/8000", 5: "DVI4/8000", 6: "DVI4/16000", 7: "LPC/8000", 8: "PCMA/8000",
    9: "G722/8000", 12: "QCELP/8000", 13: "CN/8000", 15: "G728/8000", 18: "G729/8000",
}  # fmt: skip
_RTPMAP = re.compile(r"a=rtpmap:\s*(\d{1,3})\s+([A-Za-z0-9._-]+)/(\d{1,6})")
_ABOUT = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):\s*(\d{1,3})\b")
_REMEMBERED = 512
"""Bodies whose payload types are known: those of a call are asked for several times. One has 16 KB at most."""
MAX_TYPES = 128
"""Payload types of one stream: there are no more (RFC 3550 section 5.1)."""
KEPT = frozenset({"PCMU", "PCMA", "G722"})
"""Codecs that announcements are made in, and recordings are heard again in."""
NOT_SPEECH = frozenset({"TELEPHONE-EVENT", "CN", "RED", "ULPFEC"})
BESIDE_SPEECH = frozenset({"TELEPHONE-EVENT", "CN"})
"""What passes beside speech: other codecs than speech carry some that nobody here can read (RFC 2198)."""
_PLAIN = "RTP/AVP"
_SPELLING = {"OPUS": "opus"}
DIRECTIONS = {
    "a=sendrecv": "a=sendrecv", "a=sendonly": "a=recvonly", "a=recvonly": "a=sendonly", "a=inactive": "a=inactive",
}  # fmt: skip
"""A direction, and its mirror in the answer."""


def whole(text: str, digits: int = 10) -> int | None:
    """A number of ASCII digits, at most so many; None for anything else (``²`` is a digit to Python, and no number)."""
    return int(text) if 0 < len(text) <= digits and text.isascii() and text.isdigit() else None


class MediaStream(NamedTuple):
    """An ``m=`` line and the lines that follow it."""

    head: tuple[str, ...]
    """Medium, port, transport, then payload types; fewer where the line was cut short."""
    lines: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """True where it is RTP audio that is neither encrypted nor declined (``RTP/AVP``, a port but 0)."""
        medium, port, transport = (*self.head[:3], "", "", "")[:3]
        return len(self.head) > 3 and (medium, transport.upper()) == ("audio", _PLAIN) and port.split("/")[0] != "0"

    @property
    def payloads(self) -> dict[int, str]:
        """Payload type -> ``name/rate``, in the order of the ``m=`` line; unknown dynamic types are left out."""
        names: dict[int, str] = {}
        for line in self.lines:
            if found := _RTPMAP.match(line):
                name = found[2].upper()
                name = _SPELLING.get(name, found[2] if name == "TELEPHONE-EVENT" else name)
                names[int(found[1])] = f"{name}/{found[3]}"
        types = [kind for part in self.head[3:] if (kind := whole(part, 3)) is not None and kind < 128]
        return {number: name for number in types if (name := names.get(number) or _STATIC.get(number))}

    def keep(self, numbers: Collection[int]) -> MediaStream:
        """The stream with these payload types alone; declined where it has none of them."""
        types = tuple(kind for kind in self.head[3:] if whole(kind, 3) in numbers)
        lines = (line for line in self.lines if not (about := _ABOUT.match(line)) or int(about[1]) in numbers)
        return MediaStream((*self.head[:3], *types), tuple(lines)) if types else self.declined()

    def directed(self, direction: str) -> MediaStream:
        """The stream with this direction, e.g. ``a=inactive``, in place of its own."""
        return self._replace(lines=(*_undirected(self.lines), direction))

    def declined(self) -> MediaStream:
        """Our answer where the stream is not taken: port 0 (RFC 3264 section 6)."""
        return MediaStream((*self.head[:1], "0", *self.head[2:]), ())


class Description(NamedTuple):
    """An SDP body."""

    session: tuple[str, ...]
    """The lines before the first stream."""
    streams: tuple[MediaStream, ...]

    def __str__(self) -> str:
        lines = list(self.session)
        for stream in self.streams:
            lines += ["m=" + " ".join(stream.head), *stream.lines]
        return "\r\n".join(lines) + "\r\n"

    @property
    def direction(self) -> str:
        """The first direction of the body; ``a=sendrecv`` where it has none."""
        parts = (self.session, *(stream.lines for stream in self.streams))
        return next((line.strip() for part in parts for line in part if line.strip() in DIRECTIONS), "a=sendrecv")

    def keep(self, numbers: Collection[int]) -> Description:
        """The body with these payload types alone in its plain audio. Other streams stay: the relay declines them."""
        return self._replace(streams=tuple(each.keep(numbers) if each.plain else each for each in self.streams))

    def directed(self, direction: str) -> Description:
        """The body with this direction for every stream."""
        return Description(_undirected(self.session), tuple(each.directed(direction) for each in self.streams))


def read(body: str) -> Description:
    """The body's parts. Nothing is checked: a line that is no SDP is a line."""
    parts: list[list[str]] = [[]]
    for line in body.splitlines():
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    most = 3 + MAX_TYPES
    streams = (MediaStream(tuple(part[0][2:].split(None, most)[:most]), tuple(part[1:])) for part in parts[1:])
    return Description(tuple(parts[0]), tuple(streams))


def _undirected(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.strip() not in DIRECTIONS)


@lru_cache(_REMEMBERED)
def payload_map(body: str) -> Mapping[int, str]:
    """Payload type -> ``name/rate`` of the first plain audio stream, in the order offered."""
    return next((stream.payloads for stream in read(body).streams if stream.plain), {})


def codecs(body: str) -> tuple[str, ...]:
    """Names of the speech codecs, in order: ``PCMU``, ``PCMA``, ``G722``, ``opus``, … One that announcements are made
    in counts under its own payload type alone (RFC 3551 section 6): they are sent under no other."""
    found = [_codec(number, name) for number, name in payload_map(body).items()]
    return tuple(dict.fromkeys(name for name in found if name and name.upper() not in NOT_SPEECH))


def has_plain_audio(body: str) -> bool:
    """True where a stream is plain RTP audio (``RTP/AVP``), whatever its codecs: neither SRTP nor AVPF."""
    return any(stream.plain for stream in read(body).streams)


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
    wanted = {name.lower() for name in payload_map(offer).values()}
    kept = {number: name for number, name in payload_map(mine).items() if name.lower() in wanted}
    if not any(name.partition("/")[0].upper() not in NOT_SPEECH for name in kept.values()):
        return ""
    return str(read(mine).keep(kept).directed(DIRECTIONS[read(offer).direction]))


def own_offer(address: str) -> str:
    """An offer in the place of a party that made none: audio by the codecs of ``KEPT``, to the discard port there."""
    lines = [*_own_session(address), "m=audio 9 RTP/AVP 8 0 9 101"]
    lines += [f"a=rtpmap:{kind} {_STATIC[kind]}" for kind in (8, 0, 9)]
    return "\r\n".join([*lines, "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=sendrecv"]) + "\r\n"


def cut(body: str, names: frozenset[str] = KEPT) -> str:
    """``body`` with the speech codecs ``names``, telephone events and comfort noise, and without every other payload
    type; empty where no speech is left. Streams that are not plain audio stay: the media relay declines them."""
    found = {number: _codec(number, name).upper() for number, name in payload_map(body).items()}
    if not names.intersection(found.values()):
        return ""
    kept = {number for number, name in found.items() if name in BESIDE_SPEECH | names}
    if body.count("m=") == 1:  # the one stream, as a rule with nothing to cut
        types = body.partition("m=")[2].partition("\n")[0].split()[3:]
        if len(types) <= MAX_TYPES and {str(number) for number in kept}.issuperset(types):
            return body
    before = read(body)
    after = before.keep(kept)
    same = [stream.head for stream in after.streams] == [stream.head for stream in before.streams]
    return body if same else str(after)


def preferring(body: str, names: Sequence[str]) -> str:
    """``body`` with these speech codecs alone, in this order; empty where it has none of them."""
    left = cut(body, frozenset(names))
    places = {number: name.partition("/")[0] for number, name in payload_map(left).items()}
    ranks = {number: names.index(codec) for number, codec in places.items() if codec in names}

    def ranked(stream: MediaStream) -> MediaStream:
        types = sorted(stream.head[3:], key=lambda kind: ranks.get(whole(kind, 3) or 0, len(names)))
        return stream._replace(head=(*stream.head[:3], *types))

    description = read(left)
    streams = tuple(ranked(each) if each.plain else each for each in description.streams)
    return str(description._replace(streams=streams)) if left else ""


def held(body: str) -> bool:
    """True where the side of this body may rightly be silent, or hear nothing: on hold (RFC 3264 8.4), in any form."""
    lines = (line.strip() for line in body.splitlines())
    return any(
        line in ("a=sendonly", "a=recvonly", "a=inactive") or line.startswith("c=IN IP4 0.0.0.0") for line in lines
    )


def quieted(body: str) -> str:
    """``body`` with every stream inactive: nothing is sent either way (RFC 3264 6.1)."""
    return str(read(body).directed("a=inactive"))


def resumed(body: str) -> str:
    """``body`` with every stream both ways: off hold."""
    return str(read(body).directed("a=sendrecv"))


def silent_answer(offer: str, address: str, address6: str = "") -> str:
    """An answer that takes the first audio stream of ``offer`` without audio either way, and no other stream."""
    return _answer(offer, address, address6, silent=True)


def only(body: str, codec: str) -> str:
    """``body`` with one speech codec alone, and telephone events."""
    names = (codec.lower(), "telephone-event")
    kept = {number for number, name in payload_map(body).items() if _codec(number, name).lower() in names}
    return str(read(body).keep(kept))


def own_answer(offer: str, codec: str, address: str, address6: str = "") -> str:
    """An answer of ours that takes the first audio stream of ``offer`` in one codec, and telephone events. The relay
    puts its own port in the place of ours."""
    return _answer(only(offer, codec), address, address6, silent=False)


def _answer(offer: str, address: str, address6: str, *, silent: bool) -> str:
    """An answer to the first stream of plain audio, and to no other (RFC 3264 section 6). Port 9 is that of discard:
    nobody of the gate's listens there."""
    session, offered = read(offer)
    parts = (session, *(stream.lines for stream in offered[:1]))
    six = any(line.startswith("c=IN IP6") for part in parts for line in part)
    streams: list[MediaStream] = []
    taken = next((place for place, stream in enumerate(offered) if stream.plain), -1)
    for place, stream in enumerate(offered):
        if place != taken:
            streams.append(stream.declined())
            continue
        own = "a=inactive" if silent else DIRECTIONS[Description((*stream.lines, *session), ()).direction]
        lines = (line for line in stream.lines if line.startswith(("a=rtpmap:", "a=fmtp:")))
        streams.append(MediaStream((stream.head[0], "9", *stream.head[2:]), (*lines, own)))
    return str(Description(_own_session(address6 if six and address6 else address), tuple(streams)))


def _own_session(address: str) -> tuple[str, ...]:
    where = f"IN {'IP6' if ':' in address else 'IP4'} {address}"
    return ("v=0", f"o=- 1 1 {where}", "s=-", f"c={where}", "t=0 0")


# --- what passes the media relay ------------------------------------------------------------------------------------

_SESSION_ATTRIBUTES = frozenset(
    {"sendrecv", "sendonly", "recvonly", "inactive", "lang", "sdplang", "charset", "tool", "type"}
)
_STREAM_ATTRIBUTES = frozenset(
    {"sendrecv", "sendonly", "recvonly", "inactive"}
    | {"rtpmap", "fmtp", "ptime", "maxptime", "minptime", "silenceSupp", "ecan", "gpmd"}
    | {"rtcp", "rtcp-fb", "rtcp-xr", "extmap", "ssrc", "lang", "content", "label", "quality"}
)
_SESSION_FIELDS, _STREAM_FIELDS = "vosiuepcbtrzk", "icbk"
"""In the order of RFC 4566 section 5; of each the last one counts. Attributes follow."""
_NOWHERE = {"IP4": "0.0.0.0", "IP6": "::"}  # noqa: S104 - "on hold" in SDP (RFC 2543), not an address to bind
_IP_VERSIONS = {"IP4": 4, "IP6": 6}
_USUAL_MS = 20
_BROADCAST = ip_address("255.255.255.255")


class UnusableSdpError(ValueError):
    """The body offers no audio that the gate can stand in; the message says why."""


class Origin(NamedTuple):
    """An ``o=`` line without its address: which session, and which version of it."""

    session: str
    version: str


class Audio(NamedTuple):
    """The one audio stream of a body, as its sender described it, and what of the body passes."""

    session: tuple[str, ...]
    """Lines before the first stream; without ``o=`` and ``c=``, which ``anchor`` puts in after the first."""
    streams: tuple[MediaStream, ...]
    """This one, and the declined ones, in their order; without ``c=``."""
    place: int
    """Which of them it is."""
    origin: Origin
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


def narrow(body: str) -> Audio:
    """Read what of a body passes.

    Raises:
        UnusableSdpError: it has no plain audio to one host by number, or is no SDP.
    """
    session, streams = read(body.strip())
    fields, attributes = _fields(session, _SESSION_FIELDS)
    origin = fields.get("o", "").split()
    if not {"v", "s", "t"} <= fields.keys() or len(origin) != 6:
        raise UnusableSdpError("the session has no whole v=, o=, s= and t=")
    parts = [(stream, *_fields(stream.lines, _STREAM_FIELDS)) for stream in streams]
    if any(len(stream.head) < 3 or not (own.get("c") or fields.get("c")) for stream, own, _ in parts):
        raise UnusableSdpError("a stream has no whole m= or c=")
    place = next((at for at, stream in enumerate(streams) if stream.plain), -1)
    if place < 0:
        raise UnusableSdpError("no plain RTP audio stream (RTP/AVP) in the session description")
    taken, own, about = parts[place]
    family, address, port = _connection(own.get("c") or fields["c"], taken.head)
    about = [line for line in about if _name(line) in _STREAM_ATTRIBUTES]
    attributes = [line for line in attributes if _name(line) in _SESSION_ATTRIBUTES]
    told = [f"a={_name(line)}" for line in (*attributes, *about) if f"a={_name(line)}" in DIRECTIONS]
    kept = [each.declined()._replace(lines=_lines(own, "ib")) for each, own, _ in parts]
    kept[place] = taken._replace(lines=(*_lines(own, "ib"), *about))
    return Audio(
        (*_lines(fields, "vsiuepbtrz"), *attributes), tuple(kept), place, Origin(origin[1], origin[2]),
        family, address, port, told[-1][2:] if told else "sendrecv", address == _NOWHERE[family],
        any(_is_short(line) for line in about),
    )  # fmt: skip


def anchor(audio: Audio, origin: Origin, family: str, address: str, port: int) -> str:
    """The body that ``narrow`` has read, with the relay's address and port in it, and an origin of the gate's own. An
    address that is nowhere is told in today's words, for the relay's is not nowhere."""
    where, lines = f"IN {family} {address}", list(audio.streams[audio.place].lines)
    if audio.nowhere:
        direction = "sendonly" if audio.direction == "sendrecv" else audio.direction
        lines = [*_undirected(lines), f"a={direction}"]
    lines = [f"a=rtcp:{port + 1} {where}" if _name(line) == "rtcp" else line for line in lines]
    head = audio.streams[audio.place].head
    streams = list(audio.streams)
    streams[audio.place] = MediaStream((head[0], str(port), *head[2:]), tuple(lines))
    alone = len(streams) == 1
    session = (
        audio.session[0], f"o=- {origin.session} {origin.version} {where}",
        *_with_connection(audio.session[1:], "siuep", where if alone else ""),
    )  # fmt: skip
    if not alone:
        streams = [
            each._replace(lines=_with_connection(each.lines, "i", where if at == audio.place else "IN IP4 0.0.0.0"))
            for at, each in enumerate(streams)
        ]
    return str(Description(session, tuple(streams)))


def _fields(lines: Iterable[str], letters: str) -> tuple[dict[str, str], list[str]]:
    """The fields of a session or a stream, and its attribute lines."""
    fields, attributes = {}, []
    for line in lines:
        if line[:2] == "a=":
            attributes.append(line)
        elif line[1:2] == "=" and line[0] in letters:
            fields[line[0]] = line[2:]
        elif line.strip():
            raise UnusableSdpError(f"{line[:32]!r} is no line of a session description")
    return fields, attributes


def _lines(fields: Mapping[str, str], letters: str) -> tuple[str, ...]:
    return tuple(f"{letter}={fields[letter]}" for letter in letters if letter in fields)


def _with_connection(lines: Iterable[str], before: str, where: str) -> tuple[str, ...]:
    """Lines with ``c=`` after those that come before it."""
    lines = tuple(lines)
    at = next((at for at, line in enumerate(lines) if line[0] not in before), len(lines))
    return (*lines[:at], f"c={where}", *lines[at:]) if where else lines


def _name(line: str) -> str:
    """The name of an attribute."""
    return line[2:].partition(":")[0].strip()


def _connection(text: str, head: Sequence[str]) -> tuple[str, str, int]:
    """Family, address and port of a stream."""
    words = text.split()
    family, address = words[1].upper() if len(words) > 2 else "", words[2] if len(words) > 2 else ""
    if family not in _NOWHERE:
        raise UnusableSdpError(f"unknown address family {family}")
    if not _is_one_host(family, address):
        raise UnusableSdpError("the address is not one host's, by number")
    port = whole(head[1], 5)
    if port is None or not 0 < port < 65536:  # RTPProxy would take the rest of it, and send to somebody else's
        raise UnusableSdpError(f"{head[1]} is no port")
    if not all(whole(kind, 3) is not None for kind in head[3:]):
        raise UnusableSdpError("a payload type is no number")
    return family, address, port


def _is_one_host(family: str, address: str) -> bool:
    try:
        number = ip_address(address)
    except ValueError:
        return False
    return _IP_VERSIONS[family] == number.version and not number.is_multicast and number != _BROADCAST


def _is_short(line: str) -> bool:
    name, _, milliseconds = line[2:].partition(":")
    try:
        return name in ("ptime", "maxptime") and 0 < float(milliseconds) < _USUAL_MS
    except ValueError:
        return False
