"""Provisional answers that want to be acknowledged (RFC 3262): PRACK. sippy sends none.

The gate asks for them only where a trunk says that it cannot do without (421). What SDP they carry opens nothing: it is
early media as any other (``gate.sip.bridge``).
"""

from __future__ import annotations

from typing import Any

from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader

from gate.sip.header_fields import split_list, whole
from gate.sip.sippy_adapter.patches import guarded

OPTION = "100rel"


def required(message: Any) -> bool:
    """The message requires reliable provisional answers."""
    values = [str(body) for body in message.getHFBodys("require")]
    return any(option.lower() == OPTION for value in values for option in split_list(value))


def acknowledge(leg: Any, resp: Any) -> bool:
    """Send the PRACK of a provisional answer that wants one. True where the answer is not to be looked at: it has been
    before, or others before it have not (RFC 3262 section 4)."""
    numbers = [whole(str(body).strip()) for body in resp.getHFBodys("rseq")]
    if not required(resp) or not numbers or numbers[0] is None:
        return False
    tag, number = resp.getHFBody("to").getTag(), numbers[0]
    last = leg.acknowledged.get(tag)
    if last is not None and number != last + 1:
        return True
    leg.acknowledged[tag] = number
    guarded("PRACK", _send)(leg, resp, tag, number)
    return False


def _send(leg: Any, resp: Any, tag: str, number: int) -> None:
    """In the dialog that the answer has begun (RFC 3261 12.1.2); the call may go on with another one."""
    request = leg.genRequest("PRACK")
    to = leg.rUri.getCopy()
    to.setTag(tag)
    request.replaceHeader(request.getHF("to"), SipHeader(name="to", body=to))
    routes = [each.getCopy() for each in resp.getHFBodys("record-route")][::-1]
    target = resp.getHFBody("contact").getUrl().getCopy() if resp.countHFs("contact") else leg.rTarget.getCopy()
    request.setRURI(target)
    request.setTarget((routes[0] if routes else target).getTAddr())
    request.delHFs("route")
    request.appendHeaders([SipHeader(name="route", body=each) for each in routes])
    cseq, method = resp.getHFBody("cseq").getCSeq()
    request.appendHeader(SipHeader(name="rack", body=SipGenericHF(f"{number} {cseq} {method}", "rack")))
    leg.send_plain(request)
