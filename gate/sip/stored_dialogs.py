"""What of a leg has to outlive the gate, so that the next one can end it: as JSON, and back.

A leg whose dialog is confirmed is kept as ``{"dialog": …}``: what a BYE is made of (RFC 3261 12.2.1.1). Our own INVITE
that has no final answer yet as ``{"invite": …}``, for its CANCEL; a caller's as ``{"asked": …}``, for its final answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gate.sip.endpoint import Endpoint
from gate.sip.header_fields import split_list, uri_of
from gate.sip.message import SipMessage
from gate.sip.peers import DialogPeer
from gate.sip.sippy_adapter.classes import SipCallId, SipFrom, SipHeader, SipRoute, SipTo, SipURL
from gate.sip.sippy_adapter.leg import Leg, reason

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge
    from gate.sip.routes import Route
    from gate.sip.sippy_adapter.transactions import Transactions

CSEQ_AHEAD = 1000
"""Added to the number that was kept: requests that were sent later used the next ones, and it has only to grow."""
GIVEN_UP = "given_up_"
"""What legs at trunks that were silent are called, with their number."""
_REPEATED = ("via", "route", "from", "to", "call-id", "cseq")
_KEPT = ("from", "to", "call-id", "cseq", "record-route", "contact")


def of(bridge: Bridge) -> dict[str, Any]:
    """Both legs of a call, as far as there is something to end."""
    legs: dict[str, Any] = {}
    for name, leg in (("caller", bridge.caller), ("callee", bridge.callee)):
        if leg.isConnected():
            legs[name] = {"dialog": confirmed(leg)}
    if "caller" in legs and bridge.caller.trunk:
        legs["caller"]["trunk"] = bridge.caller.trunk
    if "callee" in legs:
        legs["callee"] |= {"emergency": bridge.route.emergency, "trunk": bridge.route.name}
    elif bridge.callee.tr is not None and not bridge.callee.over:
        legs["callee"] = _invited(bridge.callee, bridge.route)
    for number, (leg, route) in enumerate(bridge.failover.given_up, 1):
        legs[f"{GIVEN_UP}{number}"] = _invited(leg, route)
    if "caller" not in legs and bridge.caller.state is not None and not bridge.caller.over:
        pending = bridge.pending
        legs["caller"] = {
            "asked": _asked(pending.request),
            "from": list(pending.endpoint.hop(pending.source)),
            **_way(pending.endpoint),
            "tag": bridge.caller.lTag,
            "refusal": bridge.refusal("gate_interrupted")[0],
            "offer": bridge.caller_sdp,
        }
    return legs


def _invited(leg: Leg, route: Route) -> dict[str, Any]:
    sent, to = _sent(str(leg.tr.data)), list(leg.rAddr[0])
    return {"invite": sent, "to": to, "emergency": route.emergency, "trunk": route.name}


def confirmed(leg: Leg) -> dict[str, Any]:
    """What a BYE of this leg is made of."""
    address = leg.rAddr[0]
    here = (leg.flow or leg.transactions.l4r.getServer(address)).getSIPaddr()
    return {
        "call_id": str(leg.cId),
        "local": leg.lUri.localStr(here),
        "remote": leg.rUri.localStr(here),
        "target": leg.rTarget.localStr(here),
        "routes": [route.localStr(here) for route in leg.routes or ()],
        "cseq": leg.lCSeq,
        "to": list(address),
        **_way(leg.flow),
    }


def _way(endpoint: Endpoint | None) -> dict[str, Any]:
    """How a caller with a connection is found again; nothing of one without."""
    return endpoint.kept() if endpoint is not None else {}


def by_answer(request: SipMessage, answer: SipMessage, to: tuple[str, int]) -> dict[str, Any]:
    """The dialog that an answer to our INVITE makes."""
    routes = [each for value in answer.all("record-route") for each in split_list(value)]
    return {
        "call_id": request.call_id,
        "local": request.get("from") or "",
        "remote": answer.get("to") or "",
        "target": uri_of(answer.get("contact") or "") or request.uri,
        "routes": routes[::-1],
        "cseq": request.cseq,
        "to": list(to),
    }


def by_request(request: SipMessage, tag: str, to: tuple[str, int]) -> dict[str, Any]:
    """The dialog that our answer, with this tag, to a caller's INVITE makes."""
    return {
        "call_id": request.call_id,
        "local": f"{request.get('to')};tag={tag}",
        "remote": request.get("from") or "",
        "target": uri_of(request.get("contact") or ""),
        "routes": [each for value in request.all("record-route") for each in split_list(value)],
        "cseq": 0,
        "to": list(to),
    }


def bye(
    transactions: Transactions,
    kept: dict[str, Any],
    why: str,
    username: str = "",
    password: str = "",
    flow: Endpoint | None = None,
) -> tuple[Leg, Any]:
    """A leg as it was kept, and its BYE, ready to be sent."""
    leg = Leg(transactions, lambda _: None, DialogPeer(), None, username, password, flow)
    leg.cId = SipCallId(kept["call_id"])
    leg.lUri, leg.rUri = SipFrom(kept["local"]), SipTo(kept["remote"])
    leg.rTarget = SipURL(kept["target"])
    leg.routes = [SipRoute(each) for each in kept["routes"]]
    leg.rAddr = ((str(kept["to"][0]), int(kept["to"][1])), "udp")
    leg.lCSeq = int(kept["cseq"]) + CSEQ_AHEAD
    for each in (leg.lUri, leg.rUri, *leg.routes):
        each.parse()
    return leg, leg.genRequest("BYE", extra_headers=(SipHeader(body=reason(why, 200)),))


def _sent(invite: str) -> str:
    """Our INVITE without what its CANCEL and its ACK do not need."""
    start, *lines = invite.partition("\r\n\r\n")[0].split("\r\n")
    return "\r\n".join([start, *(line for line in lines if line.partition(":")[0].lower() in _REPEATED)])


def _asked(request: SipMessage) -> str:
    """An INVITE without what its answer does not need."""
    lines = [f"INVITE {request.uri} SIP/2.0", *(f"Via: {via}" for via in request.vias)]
    lines += [f"{name}: {value}" for name in _KEPT for value in request.all(name)]
    return "\r\n".join(lines)
