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
from gate.core.rows import heading
from gate.showing import clean


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
    """What a row has, under the headings of its fields: first what people read, then ids and digests. The path of a
    file is left out, in which digits are hidden as those of a number are, and so is what is not there."""
    pairs: list[tuple[str, words.Shown]] = []
    ids: list[tuple[str, words.Shown]] = []
    for name, value in fields_of(row).items():
        shown = _shown(name, value, row)
        if name != "path" and (shown != words.NOTHING or name == "number"):
            is_id = name in ("id", "hash", "root", "subject") or name.endswith("_id") or "sha256" in name
            (ids if is_id else pairs).append((label_of(row, name), shown))
    return [Section("", pairs), *([Section("Ids and digests", ids)] if ids else [])]


def label_of(of: Any, name: str) -> str:
    """What stands before a field: its heading, where it has one."""
    if isinstance(of, Struct):
        return clean(heading(type(of), name).replace("Sha256", "SHA-256").replace("sha256", "SHA-256"))
    said = str(name).replace("_", " ")
    return clean(said[:1].upper() + said[1:])


def _shown(name: str, value: Any, row: Row) -> words.Shown:
    if value is None or value in ("", [], {}) or (name == "folded" and not value):
        unknown = name in ("number", "raw") and value is None and (field_of(row, "target") or "number") == "number"
        return words.number(value) if unknown else words.NOTHING
    if name in ("number", "raw"):
        return words.number(value)
    if name in ("id", "hash", "root", "subject") or name.endswith("_id") or "sha256" in name:
        return words.ident(value)
    if name == "reason" and field_of(row, "verdict") is not None:
        return words.reason(value)
    if name == "state":
        return words.state(value)
    if name == "verdict":
        return words.verdict(value)
    if name in ("seconds", "talked", "kept") and isinstance(value, int | float) and not isinstance(value, bool):
        return words.length(value)
    if name == "size" and isinstance(value, int):
        return words.size(value) if field_of(row, "root") is None else words.count(value)
    if name in ("gaps", "lost"):
        return words.text(", ".join(f"{words.length(since)[0]} to {words.length(to)[0]}" for since, to in value))
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
    if isinstance(value, str) and is_code(value):
        return words.text(value.replace("_", " "))
    if isinstance(value, bool):
        return ("yes" if value else "no"), PLAIN
    if isinstance(value, int):
        return words.count(value)
    if isinstance(value, Mapping):
        return words.text(", ".join(f"{str(key).replace('_', ' ')} {inner}" for key, inner in value.items()))
    if isinstance(value, list | tuple):
        return words.coverage(value)
    return words.text(value)


is_code = re.compile(r"[a-z]+(_[a-z]+)+").fullmatch
"""Of a code of the gate's own, which is shown in words."""
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}[\d:.]*(?:Z|[+-]\d{2}:\d{2}))?").fullmatch


def is_time(text: str) -> bool:
    """A day, or a time with its zone, as the gate writes them."""
    return _STAMP(text) is not None
