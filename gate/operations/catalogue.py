"""Every operation of the gate by its name. Loads all of their modules: whoever asks with a request needs none of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gate.operations import backup, breaches, nodes, parsing, proposals, receipts, rehearsal, webhooks
from gate.operations.audit import checkpoints, exporting, leaves, witnesses
from gate.operations.calls import calls, campaigns, recordings, screening, warnings
from gate.operations.contacts import forecast, list_import, pages, rescreening
from gate.operations.erasure import eraser, terms
from gate.operations.ingest import ingesting
from gate.operations.keys import recipients, wraps
from gate.operations.lists import consents, objections, subscribers
from gate.operations.memory import place
from gate.operations.operation import Operation
from gate.operations.registers import importing, in_force
from gate.operations.reports import article30, month
from gate.operations.requests import complaints, course, letters, listing, searching
from gate.operations.retention import copies, holds, schedule
from gate.operations.status import glance, session, trunk_tests

_MODULES: Final = (
    *(checkpoints, exporting, leaves, witnesses),
    *(calls, campaigns, recordings, screening, warnings),
    *(forecast, list_import, pages, rescreening),
    *(eraser, terms, copies, holds, schedule),
    *(ingesting, recipients, wraps, consents, objections, subscribers, place),
    *(importing, in_force, article30, month),
    *(complaints, course, letters, listing, searching),
    *(breaches, glance, session, trunk_tests, backup, nodes, parsing, proposals, receipts, rehearsal, webhooks),
)

OPERATIONS: Final[Mapping[str, Operation[Any, Any]]] = {
    found.name: found for module in _MODULES for found in vars(module).values() if isinstance(found, Operation)
}
