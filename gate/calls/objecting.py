"""An objection made now overrides every consent, whatever the clock says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec

from gate.core.facts.lists import Objection
from gate.ports import Fact
from gate.store.transaction import StoreTransaction


def last_word(tx: StoreTransaction, fact: Fact) -> Fact:
    """``fact`` as it is to be kept: an objection that bears no time of its own is made now, and no consent that is held
    by now is newer (PECR reg 21(1)(a)), even one whose time was written by a clock that was ahead. Any other fact, and
    an objection that was made at an earlier time (``made_at``), stay as they are."""
    body = fact.body
    if not isinstance(body, Objection) or body.made_at or not body.number:
        return fact
    made: datetime = max([fact.at, *(consent.given_at for consent in tx.consents(body.number))])
    return replace(fact, body=msgspec.structs.replace(body, made_at=made.isoformat()))
