"""New calls that are sent away because there are too many: judged once each, and as cheaply as can be.

A call for help is never one of them. Which it is, is told by what was dialled: where the digits of an INVITE could hide
an emergency number, whatever prefix or area code belongs to them, it is read in full first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.sip.endpoint import Endpoint
from gate.sip.identity import raw_number
from gate.sip.message import Address
from gate.sip.pending import Pending
from gate.sip.plain_invite import plain_invite

if TYPE_CHECKING:
    from gate.sip.ingress import Ingress


class SendingAway:
    """The part of the ingress that answers ``too_many_calls``."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress
        self._engine = ingress.engine
        self._for_help = ingress.engine.config.emergency.numbers if ingress.engine.trunks.emergency else ()
        self.judged: bool | None = None
        """What ``too_many`` has said of the message in hand."""

    def too_many(self, caller: str) -> bool:
        """Whether the new call in hand has to be sent away, as ``caller`` has its share. One message is judged once."""
        if self.judged is None:
            self.judged = self._ingress.pending.full or not self._engine.overload.lets_in(caller)
        return self.judged

    def send(self, pending: Pending) -> None:
        """Its answer: kept, for the same INVITE may be under way again, and a call that its caller has given up must
        never ring anybody."""
        self._engine.overload.shed += 1
        self._ingress.refuse(pending, "too_many_calls", "", "The gate has more calls than it can carry in time.")
        self._engine.events.shed(pending.claimed_by)

    def _may_be_for_help(self, digits: str) -> bool:
        """True where any plan for dialling could find an emergency number in them."""
        return any(each in digits for each in self._for_help)

    def unread(self, data: bytes, source: Address, endpoint: Endpoint) -> bool:
        """True for a PBX's plain INVITE by UDP that has its answer now, before it is read in full: it is sent away, or
        was answered before. Looked for only while calls are sent away."""
        ingress, engine = self._ingress, self._engine
        if not (engine.overload.sheds or ingress.pending.full) or endpoint.transport != "udp":
            return False
        caller = ingress.auth.pbx_at(source, endpoint)
        if caller is None or source == engine.flood_filter.edge or (request := plain_invite(data)) is None:
            return False
        key = request.key
        if kept := ingress.responses.find(key):
            endpoint.send_to(*kept)
            return True
        if engine.orphans.asked(key) or engine.admitted(key) or engine.merged(key) or ingress.pending.merged(key):
            return False
        if self._may_be_for_help(raw_number(request)) or not self.too_many(caller.claimed_by):
            return False
        refusal, overflow = ingress.refused_with(request, caller, source, endpoint), caller.who.overflow
        self.send(Pending("", request, source, endpoint, caller.claimed_by, refusal, overflow))
        return True
