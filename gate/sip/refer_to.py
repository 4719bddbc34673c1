"""What a REFER asks for: the one number, or the one call, that ``Refer-To`` names (RFC 3515 2.1, RFC 3891)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from gate.sip.header_fields import host_of, parameters, split_address, split_list, user_of
from gate.sip.message import SipMessage


@dataclass(frozen=True, slots=True)
class ReferTo:
    """A target that can be thought about."""

    uri: str
    """Without the headers that stand in it."""
    host: str
    """Empty for a ``tel:`` URI."""
    replaces: tuple[str, str, str] | None = None
    """Call-ID, the far end's tag and the transferor's own of a call that is to be joined (RFC 3891)."""


def read(request: SipMessage) -> ReferTo | None:
    """What is asked for; None where that is not the call of one number: not one ``Refer-To``, no number, another URI,
    another method than INVITE."""
    values = [each for value in request.all("refer-to") for each in split_list(value)]
    if len(values) != 1:
        return None
    uri, _, headers = split_address(values[0])[1].partition("?")
    scheme = uri.partition(":")[0].lower()
    said = parameters(uri.partition(";")[2])
    if scheme not in ("sip", "sips", "tel") or not user_of(uri) or said.get("method", "INVITE").upper() != "INVITE":
        return None
    named = [(name.lower(), value) for name, _, value in (each.partition("=") for each in headers.split("&"))]
    host = "" if scheme == "tel" else host_of(uri)
    found = [unquote(value) for name, value in named if name == "replaces"]
    if not found:
        return ReferTo(uri, host)
    call_id, _, tags = found[0].partition(";")
    told = parameters(tags)
    if len(found) > 1 or not call_id or not told.get("to-tag") or not told.get("from-tag"):
        return None
    return ReferTo(uri, host, (call_id.strip(), told["to-tag"], told["from-tag"]))
