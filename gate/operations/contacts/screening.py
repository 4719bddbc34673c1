"""What a screening in bulk needs of the data folder, read beside a gate that may be running."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gate.config import Config
from gate.core.hours import Hours
from gate.core.screening import Attempt, Purpose, Reason, Topic
from gate.core.showing import LONDON
from gate.errors import StoreError
from gate.operations.audit.standing import ReaderLog, standing
from gate.operations.contacts.bulk_screener import BulkScreener
from gate.operations.data_folder import rules_of
from gate.registers.fixed import FixedRegisters
from gate.store.own import OwnLists
from gate.store.reader import Reader


def bulk_screener(
    config: Config,
    *,
    purpose: str,
    topic: str,
    now: datetime,
    at: datetime | None,
    actor: str,
    compared: bool = False,
) -> BulkScreener:
    """Registers, own lists and rules as of this moment.

    Where ``at`` is None, calling hours and the redial pause are left out: they are asked of every call when it is made,
    and a list screened at night is dialled by day. Else everything is decided as if all were called then.
    ``compared``: where the evidence is older than what was signed, nothing is allowed (``evidence_rolled_back``).
    Raises ``StoreError`` where own lists cannot be read.
    """
    moment = at or now
    rules = replace(rules_of(config), emergency_numbers=frozenset())  # nobody sells to them: in a list they are faults
    if at is None:
        rules = replace(rules, hours=Hours.always(), redial=timedelta(0))
    path = config.data / "number.key"
    try:
        pepper = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}", hint="run as the gate's account; restore it where it is missing"
        ) from None
    with Reader(config.data / "gate.db") as reader:
        own = OwnLists(reader, pepper)
        if compared and standing(config, ReaderLog(reader)).why:
            rules = replace(rules, evidence=Reason.EVIDENCE_ROLLED_BACK)
    registers = FixedRegisters(config.data / "registers", rules.registers, moment.astimezone(LONDON).date())
    attempt = Attempt("", Purpose(purpose), Topic(topic), config.firm.numbers[0], False, actor)
    return BulkScreener(registers, own, rules, attempt, moment)
