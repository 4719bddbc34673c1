"""One row of a list with every field: what Enter shows where a mode has no more to say of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from console import words
from console.modes.detail import DetailScreen
from console.theme import PLAIN
from console.widgets.report import Section
from console.widgets.rows import Row, field_of


class RowDetail(DetailScreen):
    """Every field of a row."""

    def __init__(self, mode: str, title: str, row: Row) -> None:
        super().__init__(mode, title)
        self._row = row

    async def sections(self) -> Sequence[Section]:
        """One section."""
        return row_sections(self._row)

    def copied(self) -> str:
        """Its id, or the digest of a register."""
        row = self._row
        return str(field_of(row, "id") or field_of(row, "sha256") or field_of(row, "import_id") or "")


def fields_of(row: Any) -> Mapping[str, Any]:
    """The fields of a row, or of a part of a report that has names of its own."""
    return row if isinstance(row, Mapping) else asdict(row)


def row_sections(row: Row) -> list[Section]:
    """Every field of a row but the path of a file, in which digits are hidden as those of a number are."""
    pairs = [
        (name.replace("_", " "), _shown(name, value, row)) for name, value in fields_of(row).items() if name != "path"
    ]
    return [Section("", pairs)]


def _shown(name: str, value: Any, row: Row) -> words.Shown:
    if name in ("number", "raw"):
        return (
            words.NOTHING
            if value is None and (field_of(row, "target") or "number") != "number"
            else words.number(value)
        )
    if name == "id" or name.endswith("_id") or "sha256" in name:
        return words.ident(value)
    if name == "reason" and field_of(row, "verdict") is not None:
        return words.reason(value)
    if name == "state":
        return words.state(value)
    if name == "verdict":
        return words.verdict(value)
    if name in _CODES:
        return words.text(None if value is None else str(value).replace("_", " "))
    if name.endswith("_at") or name == "at":
        return words.moment(value)
    if name == "coverage" and isinstance(value, str) and value.startswith("["):
        return words.coverage(json.loads(value))
    if isinstance(value, date):
        return words.day(value)
    if isinstance(value, Struct):
        value = asdict(value)
    if isinstance(value, str) and is_time(value):
        return words.moment(value) if "T" in value else words.day(value)
    if isinstance(value, bool):
        return ("yes" if value else "no"), PLAIN
    if isinstance(value, int):
        return words.count(value)
    if isinstance(value, Mapping):
        return words.text(", ".join(f"{key} {inner}" for key, inner in value.items()))
    if isinstance(value, list | tuple):
        return words.coverage(value)
    return words.text(value)


_CODES = frozenset({"change", "how", "bound_by", "cause", "erasing_basis", "evidence_kind", "scope"})
"""Fields whose values are codes: said in words."""
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}[\d:.]*(?:Z|[+-]\d{2}:\d{2}))?").fullmatch


def is_time(text: str) -> bool:
    """A day, or a time with its zone, as the gate writes them."""
    return _STAMP(text) is not None
