"""The SDP of a recording session (RFC 7866 section 7): streams that the other side sends, and our answer to them.

Each stream is answered in its place, with its label (RFC 4574): two of audio that can be kept are taken, ``recvonly``,
or ``inactive`` where the other side pauses; the others are declined with port 0 (RFC 3264 section 6).

What the metadata of a recording session says (RFC 7865): whose call it is, who is heard, and in which stream.

It comes from another machine's program, so it is read as hostile: no document type, hence no entities of any kind; at
most ``MOST_BYTES``, ``MOST_ELEMENTS`` and ``DEEPEST``. Names are looked at without their namespace, and identifiers by
both names that they have had (``id`` of the drafts that Oracle and AudioCodes speak, ``session_id`` and the like of the
RFC). The Call-ID of the recorded call stands in ``sipSessionID`` (OpenSIPS, jambonz; RFC 7989 has a UUID there), or in
an extension of the vendor's: ``callid`` (Ribbon) and its spellings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from xml.parsers import expat

from gate.core import sdp
from gate.core.sdp import whole

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


def read_streams(body: str) -> list[Stream]:
    """The streams of an offer, in order. Raises ``OfferError`` where it is none, or not one of those that are still
    there can be taken."""
    session, offered = sdp.read(body)
    if not 0 < len(offered) <= MOST_STREAMS:
        raise OfferError("no streams, or too many")
    streams = [_stream(session, each) for each in offered]
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


def _stream(session: Sequence[str], offered: sdp.MediaStream) -> Stream:
    head, part = offered
    if len(head) < 4:
        raise OfferError("a stream without codecs")
    where = next((line for line in [*part, *session] if line.startswith("c=")), "").split()
    family, address = (where[1].upper(), where[2].partition("/")[0]) if len(where) == 3 else ("", "")
    if family not in NOBODY:
        raise OfferError("a stream without an address")
    port = whole(head[1].partition("/")[0], 5) or 0
    payloads = {
        number: name for number, name in offered.payloads.items() if _codec(name) in sdp.KEPT | sdp.BESIDE_SPEECH
    }
    directions = [line.strip() for line in [*session, *part] if line.strip() in sdp.DIRECTIONS]
    sends = (directions or ["a=sendrecv"])[-1] in ("a=sendrecv", "a=sendonly") and address not in ("0.0.0.0", "::")  # noqa: S104 - "on hold" (RFC 2543)
    return Stream(
        head=head,
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


MOST_BYTES: Final = 65_536
"""More than a SIP message may have."""
MOST_ELEMENTS: Final = 512
DEEPEST: Final = 16
MOST_TEXT: Final = 1024
"""Characters of a text or an attribute that are kept."""
_CALL_IDS: Final = frozenset({"sipsessionid", "callid", "sipcallid", "originalcallid"})


class MetadataError(ValueError):
    """The metadata cannot be taken; the message says why, and quotes nothing of it."""


class Person(NamedTuple):
    """A participant."""

    aor: str
    """Address of record: ``sip:``, ``tel:``, or a bare one."""
    name: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is used of it."""

    call_ids: tuple[str, ...]
    """That the recorded call may have, the likeliest first."""
    people: tuple[Person, ...]
    """In the order in which they are named: the one who called first, as all clients that were read do it."""
    heard: dict[str, tuple[Person, ...]] = field(default_factory=dict)
    """Label of a stream -> who is heard in it; a label that nobody is said to send is not there."""


@dataclass(slots=True)
class _Element:
    name: str
    values: dict[str, str]
    text: str = ""
    inside: list[_Element] = field(default_factory=list)

    def all(self, *names: str) -> Iterator[_Element]:
        """Elements inside it, at any depth, of these names."""
        for each in self.inside:
            if each.name in names:
                yield each
            yield from each.all(*names)

    def id(self) -> str:
        """Its own identifier."""
        return self.values.get(f"{self.name}_id") or self.values.get("id", "")


def read_metadata(data: bytes) -> Metadata:
    """Raises ``MetadataError``."""
    root = _tree(data)
    if root.name != "recording":
        raise MetadataError("it is no recording metadata")
    labels = {each.id(): label.text for each in root.all("stream") for label in each.all("label") if label.text}
    people: dict[str, Person] = {}
    sends: dict[str, list[str]] = {}
    for number, each in enumerate(root.all("participant")):
        who = each.id() or f"#{number}"
        people[who] = _person(each)
        sends.setdefault(who, []).extend(sent.text for sent in each.all("send"))
    for each in root.all("participantstreamassoc"):
        who = each.values.get("participant_id") or each.values.get("participant", "")
        sends.setdefault(who, []).extend(sent.text for sent in each.all("send"))
    heard: dict[str, tuple[Person, ...]] = {}
    for who, streams in sends.items():
        for stream in dict.fromkeys(streams):
            if who in people and (label := labels.get(stream)):
                heard[label] = (*heard.get(label, ()), people[who])
    return Metadata(tuple(_call_ids(root)), tuple(people.values()), heard)


def _person(element: _Element) -> Person:
    address = next((each.values["aor"] for each in element.all("nameid") if "aor" in each.values), "")
    address = address or next((each.text for each in element.all("aor")), "")
    return Person(address, next((each.text for each in element.all("name")), ""))


def _call_ids(root: _Element) -> Iterator[str]:
    """Each once. Of a Session-ID (RFC 7989) what stands before the far end's half."""
    found: dict[str, None] = {}
    for each in root.all(*_CALL_IDS):
        found |= dict.fromkeys(text for text in (each.text, each.text.partition(";")[0].strip()) if text)
    yield from sorted(found, key=lambda text: ";" in text)


def _tree(data: bytes) -> _Element:
    if len(data) > MOST_BYTES:
        raise MetadataError("it is too long")
    top = _Element("", {})
    open_ones = [top]
    count = 0

    def begin(name: str, values: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_ELEMENTS or len(open_ones) > DEEPEST:
            raise MetadataError("it has too many elements")
        known = {_plain(key): value[:MOST_TEXT].strip() for key, value in values.items()}
        element = _Element(_plain(name), known)
        open_ones[-1].inside.append(element)
        open_ones.append(element)

    def end(_name: str) -> None:
        element = open_ones.pop()
        element.text = element.text.strip()

    def text(part: str) -> None:
        element = open_ones[-1]
        element.text += part[: MOST_TEXT - len(element.text)]

    def declared(*_: object) -> None:
        raise MetadataError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = declared
    try:
        parser.Parse(data.strip(), True)
    except (expat.ExpatError, UnicodeError, LookupError, ValueError) as error:
        raise error if isinstance(error, MetadataError) else MetadataError("it is no XML") from None
    return top.inside[0] if top.inside else top


def _plain(name: str) -> str:
    """Without namespace, prefix and case; ``call-id`` is ``callid``."""
    local = name.rpartition(":")[2].lower()
    joined = local.replace("-", "").replace("_", "")
    return joined if joined in _CALL_IDS else local
