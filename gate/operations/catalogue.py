"""Every operation of the gate by its name. Loads all of their modules: whoever asks with a request needs none of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gate.operations import ids, proposals
from gate.operations.audit import checkpoints, exported_parts, exporting, leaves, verifying
from gate.operations.backup import backup
from gate.operations.calls import calls, pausing, recordings, screening
from gate.operations.contacts import crm_import, forecast, forgetting, pages, rescreening, screening_log
from gate.operations.erasure import asked, terms
from gate.operations.ingest import ingesting
from gate.operations.keys import dropping, recipients, wraps
from gate.operations.lists import consents, objections
from gate.operations.memory import memory
from gate.operations.operation import Operation
from gate.operations.receipts import publishing, showing
from gate.operations.registers import importing, in_force
from gate.operations.reports import article30, month
from gate.operations.requests import (
    contents,
    course,
    letters,
    listing,
    opening,
    proving,
    rectifying,
    searching,
)
from gate.operations.retention import holds, schedule
from gate.operations.status import glance, session, trunk_tests

_MODULES: Final = (
    article30,
    asked,
    backup,
    calls,
    checkpoints,
    consents,
    contents,
    course,
    crm_import,
    dropping,
    exported_parts,
    exporting,
    forecast,
    forgetting,
    glance,
    holds,
    ids,
    importing,
    in_force,
    ingesting,
    leaves,
    letters,
    listing,
    memory,
    month,
    publishing,
    showing,
    objections,
    opening,
    pages,
    pausing,
    proposals,
    proving,
    recipients,
    rectifying,
    recordings,
    rescreening,
    schedule,
    session,
    screening,
    screening_log,
    searching,
    terms,
    trunk_tests,
    verifying,
    wraps,
)

OPERATIONS: Final[Mapping[str, Operation[Any, Any]]] = {
    found.name: found for module in _MODULES for found in vars(module).values() if isinstance(found, Operation)
}
