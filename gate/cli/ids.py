"""Ids as they are typed: whole, or their beginning."""

from __future__ import annotations

import re
from typing import Final

from gate.cli.command import Completed
from gate.cli.output import View
from gate.cli.reach import ask
from gate.errors import UsageError
from gate.operations.ids import Identified, IdFind

_BEGINNING: Final = re.compile(r"[0-9a-f]{4,31}")


class Id(Completed):
    """An id, or the beginning of one, from four signs on."""

    name = "id"

    def __init__(self, *kinds: str, or_number: bool = False) -> None:
        """``kinds``: of what it may be the id (``Identified``). ``or_number``: it may be a telephone number, too, and
        is one where it has no letter."""
        self._kinds = kinds
        self._or_number = or_number

    def whole(self, view: View, typed: str) -> str:
        """The whole id; what is typed where none begins so. Raises ``UsageError`` where several do."""
        beginning = typed.strip().rstrip("….").lower()
        if not _BEGINNING.fullmatch(beginning) or (self._or_number and beginning.isdigit()):
            return typed
        found: list[str] = []
        for kind in self._kinds:
            found += ask(view, IdFind(kind=Identified(kind), beginning=beginning)).ids
        if len(found) > 1:
            raise UsageError(f"more than one id begins with {beginning}: {', '.join(found)}", hint="Give more of it.")
        return found[0] if found else typed
