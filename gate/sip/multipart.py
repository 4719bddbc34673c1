"""Bodies of several parts (RFC 2046, RFC 5621): the SDP among them is taken for the body, the rest stays here.

ISUP of a carrier, the place of a caller, metadata: the gate passes nothing of it on. A part that its sender wants
understood (``handling=required``) is refused; one that does not say so is passed over.
The metadata of a recording session is put aside: ``gate.sip.recording_sessions`` reads it, where there is such a thing.
"""

from __future__ import annotations

from gate.sip.header_fields import parameters
from gate.sip.message import SipMessage, body_of

SDP = "application/sdp"
METADATA = frozenset({"application/rs-metadata+xml", "application/rs-metadata"})
"""Of a recording session (RFC 7866 9.1), and what some clients call it."""
MAX_PARTS = 16


def content_type(value: str | None) -> str:
    """The media type of a Content-Type value, without its parameters."""
    return (value or "").partition(";")[0].strip().lower()


def unpack(message: SipMessage) -> None:
    """Leave the SDP part alone in ``message``, as if it had come so; one that cannot be taken apart stays as it is, and
    is refused for its type."""
    kind = content_type(message.get("content-type"))
    if kind in METADATA:
        message.metadata = body_of(message)
    if not kind.startswith("multipart/"):
        return
    found = _sdp_in(message, last=kind == "multipart/alternative")
    if found is None:
        return
    kept = [(name, value) for name, value in message.headers if name not in ("content-type", "content-length")]
    message.headers = [*kept, ("content-type", SDP), ("content-length", str(len(found)))]
    message.body = found


def _sdp_in(message: SipMessage, *, last: bool) -> bytes | None:
    """The SDP part (RFC 2046 5.1.4: of alternatives the last one is meant); None where there is none, or where another
    part has to be understood."""
    boundary = parameters((message.get("content-type") or "").partition(";")[2]).get("boundary", "")
    if not boundary:
        return None
    parts = (b"\r\n" + body_of(message)).split(b"\r\n--" + boundary.encode("latin-1"), MAX_PARTS + 2)[1:]
    closed = [at for at, part in enumerate(parts) if part.startswith(b"--")]
    if not closed:
        return None
    found: list[bytes] = []
    for part in parts[: closed[0]]:
        head, _, body = part.partition(b"\r\n\r\n")
        headers = _headers(head)
        kind = content_type(headers.get("content-type"))
        if kind == SDP:
            found.append(body)
        elif kind in METADATA:
            message.metadata = body
        elif parameters(headers.get("content-disposition", "")).get("handling", "").lower() == "required":
            return None
    return (found[-1] if last else found[0]) if found else None


def _headers(head: bytes) -> dict[str, str]:
    """The headers of a part, names lower-case."""
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}
