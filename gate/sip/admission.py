"""Checks on a new INVITE, and the attempt that the call manager is given.

Calls that have come back: an INVITE of ours that somebody sends to us again.

A proxy leaves the Call-ID as it is, a back-to-back user agent often leaves headers that it does not know. So both tell
a loop: the Call-ID that our INVITE has, and a mark in a header of its own (``identity.LOOP_HEADER``). The mark is
random, made for one INVITE and forgotten with its call: whoever is shown it learns nothing of the gate or of other
calls, and holds nothing that makes another call look like a loop once this one is over.

What a call says it is for: of its account or PBX, by a dialled prefix, or in a header (LAW 1.7).

The prefix is cut off before anything looks at the number, so what is screened is what is dialled, and the trunk sees
neither prefix nor header: its INVITE is made anew. A claim is a way past the registers. So it is taken from those whom
the configuration names and from nobody else; and what is not taken refuses the call rather than being passed over, for
whoever claims would otherwise believe that the call was made under the claim.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from gate.config import Account, Config, DialPrefix, Pbx
from gate.core import sdp
from gate.core.abandoned import campaign_named
from gate.core.dial_plan import forwarded, in_full, presented
from gate.core.sdp import whole
from gate.core.terms import UNPROVEN, Attempt, Purpose, Topic
from gate.ports import Incoming
from gate.sip import identity
from gate.sip.auth import ProvenCaller
from gate.sip.header_fields import split_list
from gate.sip.identity import LOOP_HEADER
from gate.sip.message import SDP, Address, SipMessage, body_of, content_type
from gate.sip.session_timers import OPTION, longer
from gate.sip.sippy_adapter.rewriting import parsable


class Claimed(NamedTuple):
    """What a call is for, and for whom: the instigator's name, empty where the firm calls for itself."""

    purpose: Purpose
    topic: Topic
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True)
class PurposeClaim:
    """The purpose of a call, with who claims it and by which way."""

    number: str
    """What was dialled, without the prefix; not yet looked at."""
    purpose: Purpose = Purpose.MARKETING
    topic: Topic = Topic.GENERAL
    through: str = ""
    """As ``Attempt.claimed_through``."""
    refused: bool = False
    """Claimed by a caller who may not, or with an unknown value: the strictest purpose is presumed."""
    on_behalf_of: str = ""
    campaign: str = ""
    """As ``Attempt.campaign``, and so the next."""
    dedicated_agent: bool = False

    @property
    def claimed(self) -> Claimed:
        """The claim."""
        return Claimed(self.purpose, self.topic, self.on_behalf_of)


class PurposeClaims:
    """Reads them as the configuration says."""

    def __init__(self, config: Config) -> None:
        self._prefixes = config.dial_prefix
        self._header = config.purpose_header
        self._calling = config.calling

    def claim(self, request: SipMessage, dialled: str, caller: ProvenCaller | None) -> PurposeClaim:
        """The claim of an INVITE; ``dialled`` is its number as it came.

        Somebody who has not proven who they are claims nothing: marketing is presumed.
        """
        claim = self._purpose(request, dialled, caller)
        values = request.all(self._calling.campaign_header.lower()) if self._calling.campaign_header and caller else []
        if not values or caller is None:
            return claim
        named = campaign_named(values[0]) if len(values) == 1 else None
        if named is None or (named[1] and caller.claimed_by not in self._calling.agent_claims):
            through = f"{claim.through} and header {self._calling.campaign_header}"
            return replace(claim, through=through, refused=True)
        return replace(claim, campaign=named[0], dedicated_agent=named[1])

    def _purpose(self, request: SipMessage, dialled: str, caller: ProvenCaller | None) -> PurposeClaim:
        prefix = next((each for each in self._prefixes if dialled.startswith(each.prefix)), None)
        claim = PurposeClaim(dialled[len(prefix.prefix) :] if prefix else dialled)
        if caller is None:
            return claim
        own = Claimed(Purpose(caller.who.purpose), Topic(caller.who.topic), caller.who.on_behalf_of)
        both = self._by_prefix(prefix, caller, own), self._by_header(request, caller, own)
        claims = [each for each in both if each is not None]
        if not claims:
            return claim_of(claim.number, own, "configuration")
        through = " and ".join(each.through for each in claims)
        if any(each.refused or each.claimed != claims[0].claimed for each in claims):
            return replace(claim, through=through, refused=True)
        return claim_of(claim.number, claims[0].claimed, through)

    def _by_prefix(self, prefix: DialPrefix | None, caller: ProvenCaller, own: Claimed) -> PurposeClaim | None:
        if prefix is None:
            return None
        topic = Topic(prefix.topic) if prefix.topic else own.topic
        claimed = Claimed(Purpose(prefix.purpose), topic, prefix.on_behalf_of or own.on_behalf_of)
        refused = caller.claimed_by not in prefix.allowed
        return claim_of("", claimed, f"prefix {prefix.prefix}", refused=refused)

    def _by_header(self, request: SipMessage, caller: ProvenCaller, own: Claimed) -> PurposeClaim | None:
        values = request.all(self._header.name.lower()) if self._header.name else []
        if not values:
            return None
        through = f"header {self._header.name}"
        understood = _understood(values[0], own) if len(values) == 1 else None
        if understood is None or caller.claimed_by not in self._header.allowed:
            return PurposeClaim("", through=through, refused=True)
        return claim_of("", understood, through)


def claim_of(number: str, claimed: Claimed, through: str, *, refused: bool = False) -> PurposeClaim:
    """The claim that says this."""
    return PurposeClaim(number, claimed.purpose, claimed.topic, through, refused, claimed.on_behalf_of)


def _understood(value: str, own: Claimed) -> Claimed | None:
    """``service``, ``marketing``, ``marketing;topic=claims;on-behalf-of=acme``, in any case; None for anything else."""
    purpose, *parameters = (part.strip().lower() for part in value.split(";"))
    given = [tuple(part.strip() for part in each.partition("=")) for each in parameters]
    named = {name: text for name, _, text in given}
    if len(named) != len(given) or not named.keys() <= {"topic", "on-behalf-of"} or "" in named.values():
        return None
    try:
        topic = Topic(named.get("topic", own.topic))
        return Claimed(Purpose(purpose), topic, named.get("on-behalf-of", own.on_behalf_of))
    except ValueError:
        return None


def passed_through(request: SipMessage, address: Address) -> bool:
    """True for an INVITE of ours that has come back through proxies: our Via is among those it passed."""
    ours = f"{address[0]}:{address[1]}"
    return any(ours in via.replace(" ", "") for via in request.vias[1:])


class LoopDetector:
    """The INVITEs that went to the trunk and whose calls are not over."""

    def __init__(self) -> None:
        self._signs: dict[str, tuple[str, str]] = {}
        """Call -> the Call-ID and the mark of its INVITE."""
        self._known: set[str] = set()

    def mark(self, call_id: str, sip_call_id: str) -> str:
        """The mark for the INVITE that leaves for a call of ours with this Call-ID."""
        self.over(call_id)
        signs = (sip_call_id, secrets.token_hex(16))
        self._signs[call_id] = signs
        self._known.update(signs)
        return signs[1]

    def back(self, request: SipMessage) -> bool:
        """True for an INVITE that is one of these, come back."""
        return request.call_id in self._known or request.get(LOOP_HEADER) in self._known

    def over(self, call_id: str) -> None:
        """The call is over, or never went out."""
        self._known.difference_update(self._signs.pop(call_id, ()))


ALLOWED = [("Allow", f"{identity.ALLOW}, {identity.REFER}, REGISTER"), ("Supported", OPTION)]
SDP_ONLY = [("Accept", "application/sdp, multipart/mixed")]
SUPPORTED = frozenset({OPTION})
"""Options that a request may require (RFC 3261 20.32)."""
IN_DIALOG = frozenset({"INVITE", "BYE", "INFO", "OPTIONS", "UPDATE"})
"""Methods that belong to a call."""
KNOWN = IN_DIALOG | {
    "ACK",
    "CANCEL",
    "REGISTER",
    "PRACK",
    "MESSAGE",
    "NOTIFY",
    "SUBSCRIBE",
    "REFER",
    "PUBLISH",
}
"""Methods there are; any other one is not implemented."""


def usable_contact(request: SipMessage) -> bool:
    """Exactly what sippy needs: one contact with a SIP URI."""
    if request.usual:
        return len(request.all("contact")) == 1
    contacts = [part for value in request.all("contact") for part in split_list(value)]
    return len(contacts) == 1 and any(scheme in contacts[0].lower() for scheme in ("sip:", "sips:"))


def usable_names(request: SipMessage) -> bool:
    """From and To are one address each (RFC 3261 20.20, 20.39), and every address can be read."""
    if request.usual:
        return True
    one = all(len(split_list(value)) == 1 for value in request.all("from") + request.all("to"))
    return one and parsable(request)


Fault = tuple[int, str, list[tuple[str, str]]]
"""Code, phrase and headers."""


def extension_fault(request: SipMessage, supported: frozenset[str] = SUPPORTED) -> Fault | None:
    """420 where a request requires an option that is not there, whatever its method (RFC 3261 8.2.2.3)."""
    required = [option for value in request.all("require") for option in split_list(value) if option]
    unknown = [option for option in required if option.lower() not in supported]
    return (420, "Bad Extension", [("Unsupported", ", ".join(unknown))]) if unknown else None


def interval_fault(request: SipMessage) -> Fault | None:
    """422 for a session timer that would run out too soon."""
    least = longer(request.get("session-expires"), request.all("supported"))
    return (422, "Session Interval Too Small", [("Min-SE", str(least))]) if least else None


def in_dialog_fault(request: SipMessage) -> Fault | None:
    """What RFC 3261 8.2 says to answer to a request inside a call before the call is told; None where all is well."""
    if request.method not in IN_DIALOG:
        return (405, "Method Not Allowed", ALLOWED) if request.method in KNOWN else (501, "Not Implemented", ALLOWED)
    if fault := extension_fault(request):
        return fault
    if not usable_names(request) or (request.method == "INVITE" and not usable_contact(request)):
        return 400, "Bad Request", []
    if request.method in ("INVITE", "UPDATE"):
        return _body_fault(request) or interval_fault(request)
    return None


def _body_fault(request: SipMessage) -> Fault | None:
    """415 for a body that is no SDP, or written in a way that nobody here reads."""
    if body_of(request):
        if content_type(request.get("content-type")) != SDP:
            return 415, "Unsupported Media Type", SDP_ONLY
        if (request.get("content-encoding") or "identity").lower() != "identity":
            return 415, "Unsupported Media Type", [("Accept-Encoding", "identity")]
    return None


def invite_fault(request: SipMessage, supported: frozenset[str] = SUPPORTED) -> Fault | None:
    """What RFC 3261 8.2 says to answer before the call is looked at: code, phrase, headers; None where all is well."""
    forwards = request.get("max-forwards")
    hops = 70 if forwards is None else whole(forwards)
    if hops is None or hops > 255:
        return 400, "Bad Request", []
    if hops == 0:
        return 483, "Too Many Hops", []
    if request.uri.partition(":")[0].lower() not in ("sip", "tel"):
        return 416, "Unsupported URI Scheme", []
    if fault := extension_fault(request, supported):
        return fault
    if not usable_contact(request) or not usable_names(request):
        return 400, "Bad Request", []
    return _body_fault(request) or interval_fault(request)


def attempt_of(
    request: SipMessage, source: Address, caller: ProvenCaller | None, looped: bool, call_id: str,
    claims: PurposeClaims, for_help: Callable[[str], bool],
) -> Incoming:  # fmt: skip
    """The attempt as the call manager gets it. Without a ``caller`` nothing is presumed: marketing, no presentation.
    ``for_help``: tells an emergency number that has a route."""
    body = body_of(request).decode("utf-8", "replace")
    claim = claims.claim(request, identity.raw_number(request)[:128], caller)
    number = _in_full(claim.number, caller)
    problem = "" if caller else "not_authenticated"
    shown, read_from = _presentation(request, caller.who, for_help(number)) if caller else ("", "")
    return Incoming(
        call_id=call_id,
        attempt=Attempt(
            raw_number=number,
            purpose=claim.purpose,
            topic=claim.topic,
            on_behalf_of=claim.on_behalf_of,
            presentation=shown,
            shown_from=read_from,
            withheld=identity.withheld(request) or identity.hides(claim.number) or identity.hides(number),
            claimed_by=caller.claimed_by if caller else UNPROVEN,
            claimed_through=claim.through,
            as_dialled=claim.number if number != claim.number else "",
            campaign=claim.campaign,
            dedicated_agent=claim.dedicated_agent,
        ),
        source=f"{source[0]}:{source[1]}",
        codecs=sdp.codecs(body or sdp.own_offer("0.0.0.0")),  # noqa: S104
        carried=not body or sdp.has_plain_audio(body),
        problem="loop_detected" if looped else problem or ("claim_refused" if claim.refused else ""),
        display_name=caller.who.display_name if caller else "",
        sip_call_id=request.call_id[:256], invite=request.key[:3],
    )  # fmt: skip


def number_of(request: SipMessage, caller: ProvenCaller | None) -> str:
    """What an INVITE dials, as the dial plan of its caller reads it; a prefix for the purpose is still before it."""
    return _in_full(identity.raw_number(request)[:128], caller)


def _in_full(number: str, caller: ProvenCaller | None) -> str:
    return in_full(number, caller.who.strip, caller.who.area_code) if caller else number


def _presentation(request: SipMessage, who: Account | Pbx, helps: bool) -> tuple[str, str]:
    """The number that the call shows, or one that is refused, and the header by which a call of somebody else's has one
    of the firm's. An emergency call shows the PBX's own in place of one that is refused."""
    if not isinstance(who, Pbx):
        return who.presentation, ""
    number = presented(identity.asked_numbers(request), who.may_present, who.presentation)
    if number in (who.presentation, *who.may_present):
        return number, ""
    own, header = forwarded(identity.diverted_from(request), who.may_present, who.presentation)
    return (own, header) if own else (who.presentation if helps else number, "")
