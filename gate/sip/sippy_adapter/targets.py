"""Where a peer is reached: a Contact that changes inside a call (RFC 3261 12.2, 14). sippy 2.5.0 keeps the first one.

The ids of a dialog are no secret, and a Contact is only somebody's word: it is followed to that side's own hosts
(``gate.sip.peers``), to any port of them, and nowhere else. One that leads elsewhere changes nothing.
"""

from __future__ import annotations

from typing import Any

import structlog

_log = structlog.get_logger("gate.sip")


def refresh(leg: Any, message: Any) -> None:
    """Follow the Contact that the peer of a ``Leg`` gives in a re-INVITE, an UPDATE, or an answer to one."""
    contacts = message.getHFBodys("contact")
    if len(contacts) != 1 or contacts[0].asterisk or leg.rTarget is None:
        return
    url = contacts[0].getUrl()
    if str(url) == str(leg.rTarget):
        return
    if not all(leg.may_send_from(host) for host in leg.transactions.l4r.hosts_of(str(url.host))):
        _log.warning("a new Contact is not at that side of the call; not followed", contact=str(url))
        contacts[0].address.url = leg.rTarget.getCopy()  # an ACK would go there
        return
    sent_there = not leg.routes and leg.rAddr == leg.rTarget.getTAddr()
    leg.rTarget = url.getCopy()
    if sent_there:
        leg.rAddr = leg.rTarget.getTAddr()
