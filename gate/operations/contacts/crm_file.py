"""A CRM file as contacts: for every phone column of every row a number and the CRM's own reference.

What is no contact is kept apart with its line and what is wrong with it, so that one bad row costs no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from gate.core.cells import MARK, opt_out_columns, opts_out, plain
from gate.core.numbers import repair
from gate.core.terms import Reason
from gate.operations.contacts.bulk_screener import NO_NUMBER, BulkScreener
from gate.operations.contacts.csv_reader import Block, CsvReader
from gate.operations.contacts.file_screening import places_of

LONGEST: Final = 180
"""Characters of a reference or a column's name, at most: with a number before it, it is the place where a page ends."""
_FAULTS: Final = {Reason.NUMBER_INVALID: "it is no telephone number", NO_NUMBER: "it is empty"}


@dataclass(slots=True)
class Part:
    """Some rows of the file."""

    numbers: list[int] = field(default_factory=list)
    """The digits of each contact's E.164 form."""
    references: list[str] = field(default_factory=list)
    outcomes: list[int] = field(default_factory=list)
    """Places in ``BulkScreener.outcomes``."""
    faults: list[tuple[int, str, str, str]] = field(default_factory=list)
    """(line, column or empty for the whole row, reference, what is wrong)."""
    objections: list[tuple[int, int, str]] = field(default_factory=list)
    """(digits of the number, line, column that says so)."""


class CrmFile:
    """One run over one file. ``parts`` gives its contacts, once."""

    def __init__(
        self,
        source: BinaryIO,
        *,
        columns: Sequence[str] = (),
        reference: str = "",
        delimiter: str = "",
        header: bool = True,
        opt_outs: Sequence[str] = (),
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """``columns``: phone columns by name, or number from 1; those that look like phones where empty.
        ``reference``: the column of the CRM's own id. ``opt_outs``: columns, beside those known, that say that somebody
        wants no calls. ``tell`` is called with the bytes read so far."""
        self._read = hashlib.sha256()
        self._reader = CsvReader(source, delimiter, tell, self._read.update)
        self._wanted = columns
        self._reference_name = reference
        self._has_header = header
        self._width = 0
        self._places: list[int] = []
        self._reference: int | None = None
        self._opt_outs = opt_outs
        self._objecting: dict[int, str] = {}
        """Columns that say so, by their places."""
        self.columns: list[str] = []
        """Names of the phone columns."""
        self.rows = 0
        self.bad_rows = 0

    @property
    def sha256(self) -> str:
        """Of what was read so far, hex."""
        return self._read.hexdigest()

    @property
    def not_utf8(self) -> int:
        """From which line on the file was read as Windows-1252; 0: it was not."""
        return self._reader.not_utf8

    def parts(self, screener: BulkScreener) -> Iterator[Part]:
        """Every contact with its outcome. Raises ``UsageError`` (no such file or column), ``RegisterError``."""
        for number, block in enumerate(self._reader.blocks()):
            if number == 0:
                self._begin(block)
            if block.rows:
                yield self._part(block, screener)

    def _begin(self, block: Block) -> None:
        names = block.rows[0]
        self._width = len(names)
        shown = [self._reader.text_of(name).strip() for name in names]
        self._places = places_of(self._wanted, shown, header=self._has_header)
        self.columns = [shown[place][:LONGEST] if self._has_header else str(place + 1) for place in self._places]
        if self._reference_name:
            (self._reference,) = places_of([self._reference_name], shown, header=self._has_header)
        if self._has_header:
            self._objecting = {place: shown[place][:LONGEST] for place in opt_out_columns(shown, self._opt_outs)}
            block.drop_first()

    def _part(self, block: Block, screener: BulkScreener) -> Part:
        part = Part()
        bad: set[int] = set()
        rows, lines = block.rows, block.lines
        if set(map(len, rows)) != {self._width}:
            even = []
            for place, row in enumerate(rows):
                if len(row) == self._width:
                    even.append(place)
                elif row:
                    bad.add(lines[place])
                    fault = f"it has {len(row)} fields and the header {self._width}"
                    part.faults.append((lines[place], "", "", fault))
            rows, lines = [rows[place] for place in even], [lines[place] for place in even]
        self.rows += len(rows) + len(bad)
        references = self._references(rows)
        said = self._said(rows, lines)
        for place, column in zip(self._places, self.columns, strict=True):
            values = [row[place] for row in rows]
            if len(self._places) > 1:  # a contact has a mobile or has none: an empty field says nothing
                filled = [at for at, value in enumerate(values) if value and not value.isspace()]
                if len(filled) < len(values):
                    values = [values[at] for at in filled]
                    who, where = [references[at] for at in filled], [lines[at] for at in filled]
                    self._screen(part, screener, column, values, who, where, said, bad)
                    continue
            self._screen(part, screener, column, values, references, lines, said, bad)
        self.bad_rows += len(bad)
        return part

    def _said(self, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> dict[int, str]:
        """The lines of those who want no calls, and the column that says so."""
        return {
            line: column
            for place, column in self._objecting.items()
            for row, line in zip(rows, lines, strict=True)
            if opts_out(self._reader.text_of(row[place]))
        }

    def _references(self, rows: Sequence[Sequence[str]]) -> list[str]:
        if self._reference is None:
            return [""] * len(rows)
        at, text_of = self._reference, self._reader.text_of
        return [
            text if len(text) <= LONGEST and text.isascii() and text[:1] != MARK else plain(text_of(text))[:LONGEST]
            for text in (row[at].strip() for row in rows)
        ]

    def _screen(
        self,
        part: Part,
        screener: BulkScreener,
        column: str,
        values: Sequence[str],
        references: Sequence[str],
        lines: Sequence[int],
        said: Mapping[int, str],
        bad: set[int],
    ) -> None:
        objecting = [row for row, line in enumerate(lines) if line in said] if said else []
        screened = screener.screen(values, self._reader.text_of, objecting)
        outcomes = screened.outcomes.tolist()
        part.objections += [
            (int(screened.numbers[row]), lines[row], said[lines[row]]) for row in objecting if screened.numbers[row]
        ]
        if "" not in screened.numbers:
            part.numbers += map(int, screened.numbers)
            part.references += references
            part.outcomes += outcomes
            return
        for row, number in enumerate(screened.numbers):
            if number:
                part.numbers.append(int(number))
                part.references.append(references[row])
                part.outcomes.append(outcomes[row])
                continue
            bad.add(lines[row])
            reason = screener.outcomes[outcomes[row]].reason
            fault = _FAULTS.get(reason, "it is an emergency or short number")
            if reason == Reason.NUMBER_INVALID and (proposed := repair(values[row])):
                fault += f": {proposed}"
            part.faults.append((lines[row], column, references[row], fault))
