"""What the metadata of a recording session says (RFC 7865): whose call it is, who is heard, and in which stream.

It comes from another machine's program, so it is read as hostile: no document type, hence no entities of any kind; at
most ``MOST_BYTES``, ``MOST_ELEMENTS`` and ``DEEPEST``. Names are looked at without their namespace, and identifiers by
both names that they have had (``id`` of the drafts that Oracle and AudioCodes speak, ``session_id`` and the like of the
RFC). The Call-ID of the recorded call stands in ``sipSessionID`` (OpenSIPS, jambonz; RFC 7989 has a UUID there), or in
an extension of the vendor's: ``callid`` (Ribbon) and its spellings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from xml.parsers import expat

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


def read(data: bytes) -> Metadata:
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
