"""What of a leg has to outlive the gate, so that the next one can end it: as JSON, and back.

A leg whose dialog is confirmed is kept as ``{"dialog": …}``: what a BYE is made of (RFC 3261 12.2.1.1). Our own INVITE
that has no final answer yet as ``{"invite": …}``, for its CANCEL; a caller's as ``{"asked": …}``, for its final answer.

Dialogs that a killed gate left open are ended at the next start. Line thread.

The parties of such a call hear nothing more, and wait until they give up. So each leg gets what it still needs: a BYE;
a CANCEL where it was ringing; a final answer where the caller had none. Where the callee had picked up that answer is
200, then BYE, as while the gate runs: a failure would make a phone system dial its next trunk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from gate.core import sdp
from gate.sip.header_fields import split_list, uri_of
from gate.sip.message import Address, SipMessage, TransactionKey, answer, destination, parse
from gate.sip.peers import DialogPeer, Endpoint
from gate.sip.response_cache import refusal
from gate.sip.sippy_adapter.leg import Leg
from gate.sip.sippy_adapter.patches import guarded
from gate.sip.streams import RETURN_SECONDS, StreamEndpoint

if TYPE_CHECKING:
    from gate.sip.bridge import Bridge
    from gate.sip.engine import Engine
    from gate.sip.routes import Route
    from gate.sip.sippy_adapter.transactions import Transactions


CSEQ_AHEAD = 1000
"""Added to the number that was kept: requests that were sent later used the next ones, and it has only to grow."""
GIVEN_UP = "given_up_"
"""What legs at trunks that were silent are called, with their number."""
_REPEATED = re.compile(r"^(?:via|route|from|to|call-id|cseq):[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_KEPT = frozenset({"from", "to", "call-id", "cseq", "record-route", "contact"})


def legs_of(bridge: Bridge) -> dict[str, Any]:
    """Both legs of a call, as far as there is something to end."""
    legs: dict[str, Any] = {}
    for name, leg in (("caller", bridge.caller), ("callee", bridge.callee)):
        if leg.isConnected():
            legs[name] = {"dialog": leg.kept()}
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
            "tag": bridge.caller.ids[1],
            "refusal": bridge.refusal("gate_interrupted")[0],
            "offer": bridge.caller_sdp,
        }
    return legs


def _invited(leg: Leg, route: Route) -> dict[str, Any]:
    sent, to = leg.invite_kept()
    return {"invite": _sent(sent), "to": list(to), "emergency": route.emergency, "trunk": route.name}


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


def restored(
    transactions: Transactions, kept: dict[str, Any], username: str = "", password: str = "",
    flow: Endpoint | None = None,
) -> Leg:  # fmt: skip
    """A leg as it was kept, for its BYE."""
    leg: Leg = transactions.leg(lambda _: None, DialogPeer(), None, username, password, flow)
    leg.restore(kept, CSEQ_AHEAD)
    return leg


def _sent(invite: str) -> str:
    """Our INVITE without what its CANCEL and its ACK do not need."""
    head = invite.partition("\r\n\r\n")[0]
    return "\r\n".join([head.partition("\r\n")[0], *_REPEATED.findall(head)])


def _asked(request: SipMessage) -> str:
    """An INVITE without what its answer does not need."""
    lines = [f"INVITE {request.uri} SIP/2.0", *[f"Via: {via}" for via in request.vias]]
    lines += [f"{name}: {value}" for name, value in request.headers if name in _KEPT]
    return "\r\n".join(lines)


_log = structlog.get_logger("gate.sip")

WHY = "gate_interrupted"
AT_ONCE = 40
EVERY = 0.05
"""So many calls are ended at once, and the next so many seconds later: 1,000 are done in little more than a second."""
AGAIN = (0.0, 0.5, 1.5, 3.5)
"""When what has no transaction of its own is sent."""
PATIENCE = 34.0
"""Seconds until a leg counts as unanswered: longer than a transaction (RFC 3261, timer F)."""


class OrphanedDialogs:
    """What is left of earlier calls; ``on_ended(call_id, outcomes)`` once for each, with ``caller``, ``callee`` and
    ``given_up_1`` as far as they were left: ``BYE 200``, ``CANCEL 487``, ``INVITE 600``, ``BYE no answer``."""

    def __init__(self, engine: Engine, on_ended: Callable[[str, Mapping[str, str]], None]) -> None:
        self._engine = engine
        self._on_ended = on_ended
        self._ringing: dict[str, tuple[SipMessage, Address, Route | None, Callable[[str], None]]] = {}
        """SIP Call-ID of an INVITE of ours whose CANCEL is under way."""
        self._asked: set[TransactionKey] = set()

    def asked(self, key: TransactionKey) -> bool:
        """True for an INVITE of a caller whose call was cut off: sent again it is no new call, which would ring the
        callee once more, and its answer is on its way."""
        return key in self._asked

    def end(self, left: Mapping[str, Any]) -> None:
        """Begin."""
        if left:
            _log.warning("legs of an earlier run are ended", calls=len(left))
        self._asked = {key for legs in left.values() if (key := _asked_by(legs)) is not None}
        self._engine.after(PATIENCE, self._asked.clear)
        for number, (call_id, legs) in enumerate(left.items()):
            self._engine.after(number // AT_ONCE * EVERY, partial(self._end, call_id, legs))

    def _end(self, call_id: str, legs: Mapping[str, Any]) -> None:
        outcomes: dict[str, str] = {}
        sides = [side for side in legs if side in ("caller", "callee") or side.startswith(GIVEN_UP)]

        def outcome(side: str, what: str) -> None:
            if side in outcomes:
                return
            outcomes[side] = what
            if "invite" in legs[side] and what.startswith("BYE"):  # it was answered before the CANCEL was there
                self._engine.events.unattended(call_id, str(legs[side].get("trunk", "")))
            if len(outcomes) == len(sides):
                self._on_ended(call_id, outcomes)

        def late() -> None:
            for side in sides:
                outcome(side, "no answer")

        picked_up = "dialog" in legs.get("callee", {})
        for side in sides:
            try:
                self._end_leg(side, legs[side], picked_up, partial(outcome, side))
            except Exception as error:  # noqa: BLE001 - a line of the file may hold anything: the other legs are ended
                _log.warning("a leg that was left cannot be ended", call_id=call_id, side=side, error=repr(error))
                outcome(side, "cannot be read")
        kept = [each for leg in legs.values() if isinstance(leg, dict) for each in (leg, *leg.values())]
        returns = RETURN_SECONDS if any("way" in each for each in kept if isinstance(each, dict)) else 0
        self._engine.after(PATIENCE + returns, late)

    def _end_leg(self, side: str, leg: Mapping[str, Any], picked_up: bool, done: Callable[[str], None]) -> None:
        if "dialog" in leg:
            route = self._route(leg) if side != "caller" or "trunk" in leg else None
            self._bye(leg["dialog"], done, route)
        elif "invite" in leg:
            self._cancel(leg, done)
        else:
            self._answer(leg, picked_up, done)

    def _route(self, leg: Mapping[str, Any]) -> Route | None:
        """The trunk that a leg was at."""
        return self._engine.trunks.named(str(leg.get("trunk", "")), emergency=bool(leg.get("emergency")))

    def _bye(self, kept: dict[str, Any], done: Callable[[str], None], route: Route | None = None) -> None:
        flow = self._engine.streams.found(kept)
        username, password = (route.username, route.password) if route else ("", "")
        way = self._engine.flow_of(route) or flow
        leg = restored(self._engine.transactions, kept, username, password, way)

        def answered(code: int) -> None:
            done("BYE no answer" if code == 408 else f"BYE {code}")

        self._when_there(flow, partial(leg.say_bye, WHY, 200, answered))

    def _when_there(self, flow: StreamEndpoint | None, step: Callable[[], object]) -> None:
        """At once; a caller that had a connection is told when it has one again."""
        if flow is None:
            step()
        else:
            self._engine.streams.when_back(flow, guarded("a leg that was left", step))

    # --- a caller without a final answer ------------------------------------------------------------------------------

    def _answer(self, kept: Mapping[str, Any], picked_up: bool, done: Callable[[str], None]) -> None:
        request = parse((kept["asked"] + "\r\n\r\n").encode("latin-1"))
        source = (str(kept["from"][0]), int(kept["from"][1]))
        flow, tag = self._engine.streams.found(kept), str(kept["tag"])
        endpoint: Endpoint = flow or self._engine.transactions.l4r.getServer(source)
        if not picked_up:
            data = refusal(request, source, tag, int(kept["refusal"]), WHY, "", "The gate was interrupted.")

            def refuse() -> None:
                self._again(endpoint, data, destination(request, source), AGAIN[:1] if flow else AGAIN)
                done(f"INVITE {kept['refusal']}")

            self._when_there(flow, refuse)
            return
        media, (host, port) = self._engine.config.media, endpoint.address
        by = f";transport={flow.transport}" if flow else ""
        body = sdp.silent_answer(kept["offer"], media.address, media.address6)
        headers = [("Contact", f"<sip:{host}:{port}{by}>"), ("Content-Type", "application/sdp")]
        head = answer(request, 200, "OK", source, headers, tag).removesuffix(b"Content-Length: 0\r\n\r\n")
        data = head + f"Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1", "replace")
        dialog = by_request(request, tag, source) | (flow.kept() if flow else {})

        def accept() -> None:
            self._again(endpoint, data, destination(request, source), AGAIN[:2])
            self._engine.after(AGAIN[2], partial(self._bye, dialog, done))

        self._when_there(flow, accept)

    # --- a callee that rings ------------------------------------------------------------------------------------------

    def _cancel(self, kept: Mapping[str, Any], done: Callable[[str], None]) -> None:
        request = parse((kept["invite"] + "\r\n\r\n").encode("utf-8"))
        to = (str(kept["to"][0]), int(kept["to"][1]))
        route = self._route(kept)
        flow = self._engine.flow_of(route)
        endpoint: Endpoint = flow or self._engine.transactions.l4r.getServer(to)
        self._ringing[request.call_id] = (request, to, route, done)
        self._again(endpoint, _like(request, "CANCEL"), to, AGAIN[1:] if flow else AGAIN)
        self._engine.after(PATIENCE, partial(self._forget, request.call_id))

    def _forget(self, sip_call_id: str) -> None:
        self._ringing.pop(sip_call_id, None)

    def takes(self, response: SipMessage, source: Address, endpoint: Endpoint) -> bool:
        """True for a final response to an INVITE of an earlier run: it is acknowledged, and the dialog ended."""
        found = self._ringing.get(response.call_id)
        if found is None or response.cseq_method != "INVITE" or response.code < 200:
            return False
        request, to, route, done = found
        flow = self._engine.flow_of(route)
        if flow is not None and not flow.same_peer(endpoint):
            return False
        if flow is None and source[0] not in self._engine.transactions.l4r.hosts_of(to[0]):
            return False
        if response.code >= 300:
            endpoint.send_to(_like(request, "ACK", response.get("to") or ""), to)
            done(f"CANCEL {response.code}")
        else:
            dialog = by_answer(request, response, to)
            endpoint.send_to(_like(request, "ACK", dialog["remote"], dialog["target"], "z9hG4bK" + response.to_tag), to)
            self._bye(dialog, done, route)
        return True

    def _again(self, endpoint: Endpoint, data: bytes, to: Address, when: tuple[float, ...] = AGAIN) -> None:
        for seconds in when:
            self._engine.after(seconds, partial(endpoint.send_to, data, to))


def _asked_by(legs: Any) -> TransactionKey | None:
    """The caller's INVITE that has no answer yet. None for an emergency call, which is let through again, and where a
    line of the file cannot be read."""
    try:
        if legs.get("callee", {}).get("emergency"):
            return None
        return parse((legs["caller"]["asked"] + "\r\n\r\n").encode("latin-1")).key
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _like(request: SipMessage, method: str, to: str = "", uri: str = "", branch: str = "") -> bytes:
    """CANCEL or ACK of an INVITE: its transaction's own headers (RFC 3261 9.1, 17.1.1.3); an ACK of a 2xx has a branch
    of its own."""
    via = request.vias[0]
    if branch:
        via = via.replace(request.branch, branch)
    lines = [f"{method} {uri or request.uri} SIP/2.0", f"Via: {via}", "Max-Forwards: 70"]
    lines += [f"Route: {route}" for route in request.all("route")]
    lines += [f"From: {request.get('from')}", f"To: {to or request.get('to')}", f"Call-ID: {request.call_id}"]
    lines += [f"CSeq: {request.cseq} {method}", "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")
