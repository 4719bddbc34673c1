"""Every reader that faces outside, by kind: what takes a stranger's bytes as the gate does, and what it may raise."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from gate.control.messages import parsed
from gate.control.work import fields_of
from gate.core import numbers, rtp, sdp
from gate.core.evidence import EvidenceError, parse_checkpoint
from gate.errors import GateError, SealedFault
from gate.exports.bundle import from_line, parse_manifest
from gate.exports.bundle_read import Findings, open_bundle
from gate.operations.catalogue import OPERATIONS
from gate.registers.source import LineCounts, read_fast, read_plain
from gate.showing import masked
from gate.sip import header_fields, recording_offer
from gate.sip.admission import invite_fault
from gate.sip.auth import credentials, digest
from gate.sip.bridge import digits_of
from gate.sip.identity import raw_number, withheld
from gate.sip.message import BadMessage, answer, body_of, destination, parse
from gate.sip.sippy_adapter.rewriting import rewrite
from gate.vault.reader import SealedReader
from gate.vault.signing import verify_note

SOURCE = ("127.0.0.2", 5060)


def sip(data: bytes) -> None:
    """A datagram: read, looked at, answered, and written anew for sippy, which reads it, too."""
    try:
        message = parse(data)
    except BadMessage as bad:
        if bad.message is not None:
            answer(bad.message, bad.code, bad.phrase, SOURCE, to_tag="t")
        return
    if message.method:
        answer(message, 404, "Not Found", SOURCE, to_tag="t")
        destination(message, SOURCE)
        withheld(message)
        invite_fault(message)
        with suppress(numbers.NumberRefused):
            numbers.parse(raw_number(message)[:128])
    for name in ("authorization", "proxy-authorization"):
        for value in message.all(name):
            _credentials(value)
    _values(message.get("from") or "")
    _sdp(body_of(message).decode("utf-8", "replace"))
    _sippy(rewrite(message).decode(), bool(message.method))


def _values(value: str) -> None:
    for read in (header_fields.tag_of, header_fields.uri_of, header_fields.parameters_of, header_fields.split_address):
        read(value)
    header_fields.user_of(value), header_fields.host_of(value), header_fields.split_list(value)


def _credentials(value: str) -> None:
    given = credentials(value)
    digest("SHA-256", "0" * 64, "INVITE", given)


def _sdp(body: str) -> None:
    sdp.codecs(body)
    sdp.answer_to(body, OURS)
    digits_of("application/dtmf-relay", body)
    digits_of("application/dtmf", body)


OURS = "v=0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"


def _sippy(text: str, request: bool) -> None:
    """What sippy reads before anything of a call's own code runs. It raises for what it cannot take, and its manager
    catches that."""
    from sippy.SipRequest import SipRequest
    from sippy.SipResponse import SipResponse

    with suppress(Exception):
        message = SipRequest(text) if request else SipResponse(text)
        for header in message.headers:
            with suppress(Exception):
                str(header.getBody())
        if message.getBody() is not None:
            message.getBody().parse()


def metadata(data: bytes) -> None:
    """The metadata of a recording session."""
    with suppress(recording_offer.MetadataError):
        recording_offer.read_metadata(data)


def offer(data: bytes) -> None:
    """The SDP of a recording session, and our answer to it."""
    with suppress(recording_offer.OfferError):
        streams = recording_offer.read_streams(data.decode("utf-8", "replace"))
        taken = {place: ("127.0.0.1", 4000) for place, each in enumerate(streams) if each.usable}
        recording_offer.answer(streams, taken, "1 1", "127.0.0.1")
        for place in taken:
            streams[place].towards_relay(heard=streams[place].sends)


def packet(data: bytes) -> None:
    """RTP as the recorder's taps read it."""
    read = rtp.parse(data)
    if read is not None:
        rtp.key_press(read.payload)


def control(data: bytes) -> None:
    """A request to the control interface, as each operation there is."""
    with suppress(GateError):
        value = fields_of(data)
        for name in OPERATIONS:
            with suppress(GateError):
                parsed(name, value)
        masked(value)


def lines(data: bytes) -> None:
    """A stretch of a register's file: the plain reader, and the fast one, which must agree with it."""
    whole = data + b"\n"
    plain, fast = LineCounts(), LineCounts()
    kept = read_plain(whole, plain)
    assert [key for keys in read_fast(whole, fast) for key in keys.tolist()] == kept
    assert (plain.lines, plain.bad, plain.faults) == (fast.lines, fast.bad, fast.faults)


def bundle(data: bytes) -> None:
    """A file said to be an auditor's bundle; and what stands inside one."""
    with suppress(GateError):
        open_bundle(io.BytesIO(data), Findings())
    with suppress(GateError):
        parse_manifest(data)
    with suppress(GateError):
        from_line(data, "a line")
    with suppress(EvidenceError):
        parse_checkpoint(data.decode("latin-1"))
    with suppress(GateError, ValueError):
        verify_note(data.decode("latin-1"), "dialgate.invalid+00000000+" + base64.b64encode(b"\1" * 33).decode())


def sealed(data: bytes) -> None:
    """A file said to be a sealed recording."""
    with suppress(SealedFault), SealedReader(_in_memory(data)) as reader:
        reader.scan()
        list(reader.open(b"\0" * 32))


@cache
def _memory() -> int:
    return os.memfd_create("outside")


def _in_memory(data: bytes) -> Path:
    os.ftruncate(_memory(), 0)
    os.pwrite(_memory(), data, 0)
    return Path(f"/proc/self/fd/{_memory()}")


READERS: dict[str, Callable[[bytes], None]] = {
    "sip": sip, "answer": sip, "sdp": sip, "digest": sip, "info": sip, "rtp": packet, "control": control, "line": lines,
    "metadata": metadata, "offer": offer, "bundle": bundle, "sealed": sealed,
}  # fmt: skip
"""Kind, as ``tests.attack.fuzz`` has them, -> what reads it. None raises for any bytes."""
