"""The metadata of recording sessions, as clients write it; and what is refused of it."""

from __future__ import annotations

import pytest

from gate.sip.recording_offer import MOST_BYTES, MOST_ELEMENTS, MetadataError, Person, read_metadata
from tests.support.siprec import metadata

ALICE, BOB = Person("sip:1001@pbx", "N0"), Person("sip:02079460123@pbx", "N1")

DRAFT = """
<?xml version='1.0' encoding='UTF-8'?>
<recording xmlns='urn:ietf:params:xml:ns:recording' xmlns:ac="http://AudioCodes">
 <datamode>complete</datamode>
 <session id="s"><associate-time>2026-11-29T20:00:00</associate-time></session>
 <participant id="a" session="s"><nameID aor="1001"/><send>x</send><recv>y</recv></participant>
 <participant id="b" session="s"><aor>tel:+442079460123</aor><name>B</name><send>y</send></participant>
 <stream id="x" session="s"><label>1</label></stream><stream id="y" session="s"><label>2</label></stream>
</recording>"""
"""The drafts that came before the RFC: jambonz's other form, Oracle."""
PREFIXED = """<ns:recording xmlns:ns="urn:ietf:params:xml:ns:recording:1"><ns:group group_id="g">
<s:callData xmlns:s="urn:x"><s:fromhdr>x</s:fromhdr><s:callid>2@sbc</s:callid></s:callData></ns:group>
<ns:session session_id="s"/><ns:participant participant_id="a"><ns:nameID aor="sip:1@x"/></ns:participant>
</ns:recording>"""


def test_as_the_rfc_has_it() -> None:
    found = read_metadata(metadata("call@pbx", [ALICE.aor, BOB.aor]).encode())
    assert (found.call_ids, found.people, found.heard) == (("call@pbx",), (ALICE, BOB), {"1": (ALICE,), "2": (BOB,)})


def test_as_the_drafts_have_it() -> None:
    found = read_metadata(DRAFT.encode())
    one, two = Person("1001", ""), Person("tel:+442079460123", "B")
    assert (found.call_ids, found.people, found.heard) == ((), (one, two), {"1": (one,), "2": (two,)})


def test_with_prefixes_and_a_vendors_call_id() -> None:
    found = read_metadata(PREFIXED.encode())
    assert (found.call_ids, found.people, found.heard) == (("2@sbc",), (Person("sip:1@x", ""),), {})


def test_of_a_session_id_the_near_half_is_tried_first() -> None:
    near, far = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2"
    assert read_metadata(metadata(f"{near};remote={far}", []).encode()).call_ids == (near, f"{near};remote={far}")


def test_a_mixed_stream_has_both() -> None:
    xml = metadata("c", [ALICE.aor, BOB.aor], ("1", "1"))
    assert read_metadata(xml.encode()).heard == {"1": (ALICE, BOB)}


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"", "no XML"),
        (b"\xff\xfe\x00", "no XML"),
        (b'<?xml version="1.0" encoding="no-such"?><recording/>', "no XML"),
        (b"<recording/><recording/>", "no XML"),
        (b"<recording>&undeclared;</recording>", "no XML"),
        (b"<session/>", "no recording metadata"),
        (b"<!DOCTYPE recording><recording/>", "document type"),
        (b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1/"> %p;]><recording/>', "document type"),
        (b"<recording>" + b"<a/>" * MOST_ELEMENTS + b"</recording>", "too many"),
        (b"<a>" * 1000, "too many"),
        (b"<recording>" + b" " * MOST_BYTES + b"</recording>", "too long"),
    ],
)
def test_refused(xml: bytes, why: str) -> None:
    with pytest.raises(MetadataError, match=why):
        read_metadata(xml)


def test_long_texts_are_cut() -> None:
    xml = metadata("c" * 5000, ["sip:" + "1" * 5000 + "@x"])
    found = read_metadata(xml.encode())
    assert len(found.call_ids[0]) == len(found.people[0].aor) == 1024
