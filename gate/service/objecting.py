"""An objection made now overrides every consent, whatever the clock says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gate.ports import Fact
from gate.store.transaction import StoreTransaction


def last_word(tx: StoreTransaction, fact: Fact) -> Fact:
    """``fact`` as it is to be kept: an objection that bears no time of its own is made now, and no consent that is held
    by now is newer (PECR reg 21(1)(a)), even one whose time was written by a clock that was ahead. Any other fact, and
    an objection that was made at an earlier time (``made_at``), stay as they are."""
    number = fact.values().get("number")
    if fact.kind != "objection" or fact.values().get("made_at") or not isinstance(number, str):
        return fact
    made: datetime = max([fact.at, *(consent.given_at for consent in tx.consents(number))])
    return replace(fact, body={**fact.values(), "made_at": made.isoformat()})
