"""A CRM file screened: every row comes out as it was, with what the gate says of its numbers behind it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import numpy as np

from gate.core.cells import MARK, is_formula, opt_out_columns, opts_out
from gate.core.numbers import Number
from gate.core.terms import Reason
from gate.errors import UsageError
from gate.operations.calls.screening import Screened
from gate.operations.contacts.bulk_screener import NO_NUMBER, Answers, BulkScreener, read
from gate.operations.contacts.csv_reader import Block, CsvReader

NAMED: Final = 1000
"""Bad lines that a report names, at most."""

_PHONE = re.compile(
    r"(tele)?phone|tel|mobile|cell|cellphone|landline|msisdn|number|(tele)?phone ?number|(mobile|cell|tel) ?number"
    r"|(home|work|business|office|mobile|main|other|direct) ?(tele)?phone( ?number)?|phone ?\d|mobile ?\d"
).fullmatch


@dataclass
class Report:
    """What a run found. It holds no number."""

    columns: list[str]
    encoding: str = ""
    delimiter: str = ""
    rows: int = 0
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    """By column: how many rows have which reason."""
    opted_out: int = 0
    """Rows of which the file itself says that they want no calls (``gate.core.cells``)."""
    bad_rows: int = 0
    """Rows without a valid number (empty ones not counted), or with another number of fields than the header."""
    bad_lines: list[int] = field(default_factory=list)
    """The lines on which the first of them begin."""
    not_utf8: int = 0
    """From which line on the file was read as Windows-1252; 0: it was not."""
    sha256: str = ""
    """The SHA-256 of the file that was read."""
    output_sha256: str = ""


class FileScreening:
    """One run over one file."""

    def __init__(
        self,
        source: BinaryIO,
        target: BinaryIO,
        screener: BulkScreener,
        *,
        columns: Sequence[str] = (),
        delimiter: str = "",
        header: bool = True,
        prefix: str = "",
        escape: bool = False,
        opt_outs: Sequence[str] = (),
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """``columns``: names as the header has them, or numbers from 1; those that look like phones where empty.
        ``prefix``: before the names of the added columns. ``escape``: mark the file's own formulas too
        (``gate.core.cells``); else every byte stays. ``opt_outs``: columns, beside those known, that say that somebody
        wants no calls. ``tell`` is called with the bytes read so far."""
        self._read, self._written = hashlib.sha256(), hashlib.sha256()
        self._reader = CsvReader(source, delimiter, tell, self._read.update)
        self._target = target
        self._screener = screener
        self._wanted = columns
        self._has_header = header
        self._prefix = prefix
        self._escape = escape
        self._opt_outs = opt_outs
        self._places: list[int] = []
        self._objecting: list[int] = []
        """Columns that say so."""
        self._width = 0
        self.report = Report([])

    def run(self) -> Report:
        """Read, screen, write. Raises ``UsageError`` (no such file or column), ``RegisterError``, ``OSError``."""
        self._write(self._reader.dialect.mark)
        for number, block in enumerate(self._reader.blocks()):
            if number == 0:
                self._begin(block)
            if block.texts:
                self._write(self._reader.bytes_of("".join(self._rows(block))))
        report, dialect = self.report, self._reader.dialect
        report.encoding, report.delimiter = dialect.encoding, dialect.delimiter
        report.not_utf8 = self._reader.not_utf8
        report.sha256, report.output_sha256 = self._read.hexdigest(), self._written.hexdigest()
        return report

    def _write(self, raw: bytes) -> None:
        self._written.update(raw)
        self._target.write(raw)

    # --- the header

    def _begin(self, block: Block) -> None:
        """Find the columns, and write the header."""
        names = block.rows[0]
        self._width = len(names)
        shown = [self._reader.text_of(name).strip() for name in names]
        self._places = places_of(self._wanted, shown, header=self._has_header)
        columns = [_text(shown[place]) if self._has_header else str(place + 1) for place in self._places]
        self.report.columns = columns
        self.report.reasons = {column: {} for column in columns}
        if not self._has_header:
            return
        self._objecting = opt_out_columns(shown, self._opt_outs)
        added = self._added([names[place].strip() for place in self._places])
        taken = sorted(set(shown).intersection(map(self._reader.text_of, added)))
        if taken:
            raise UsageError(
                f'the file has a column "{taken[0]}" already',
                hint="name the new columns otherwise, e.g. --prefix new_, or screen the file without them",
            )
        cells = [self._cell(name) for name in added]
        own = self._own(block.texts[0], names)
        header = self._reader.dialect.delimiter.join([own, *cells]) + block.ends[0]
        self._write(self._reader.bytes_of(header))
        block.drop_first()

    def _added(self, names: Sequence[str]) -> list[str]:
        """Names of the new columns, with that of the phone column where there are several."""
        registers = [f"{name}_as_of" for name in self._screener.rules.registers]
        several = len(names) > 1
        return [
            f"{self._prefix}{name + '_' if several else ''}{new}"
            for name in names
            for new in ("verdict", "reason", "number", *registers)
        ]

    def _own(self, text: str, row: Sequence[str]) -> str:
        """A row's own text, with its formulas marked where that is asked for."""
        if not self._escape or not any(is_formula(self._reader.text_of(cell)) for cell in row):
            return text
        return self._reader.dialect.delimiter.join(map(self._cell, row))

    def _cell(self, text: str) -> str:
        quote = self._reader.dialect.quote
        if is_formula(self._reader.text_of(text)):
            text = MARK + text
        if any(sign in text for sign in (self._reader.dialect.delimiter, quote, "\n", "\r")):
            return quote + text.replace(quote, 2 * quote) + quote
        return text

    # --- the rows

    def _rows(self, block: Block) -> list[str]:
        """The rows' texts with their new columns and line ends."""
        bad: set[int] = set()
        texts = block.texts
        if self._escape:
            texts = [self._own(text, row) for text, row in zip(texts, block.rows, strict=True)]
        uneven = set(map(len, block.rows)) != {self._width}
        if uneven:
            texts = [
                self._even(place, text, row, bad)
                for place, (text, row) in enumerate(zip(texts, block.rows, strict=True))
            ]
        text_of = self._reader.text_of
        objecting = [
            at
            for at, row in enumerate(block.rows)
            if any(place < len(row) and opts_out(text_of(row[place])) for place in self._objecting)
        ]
        self.report.opted_out += len(objecting)
        for place, column in zip(self._places, self.report.columns, strict=True):
            values = (
                [row[place] if place < len(row) else "" for row in block.rows]
                if uneven
                else [row[place] for row in block.rows]
            )
            if uneven:  # where there are more fields than columns, the number may be in any of them
                values = [
                    "?" if len(row) > self._width else value for value, row in zip(values, block.rows, strict=True)
                ]
            screened = self._screener.screen(values, text_of, objecting)
            texts = self._with_answers(texts, screened)
            self._count(column, screened, values, block.rows, bad)
        for row in bad:
            block_line = block.lines[row]
            if len(self.report.bad_lines) < NAMED:
                self.report.bad_lines.append(block_line)
        self.report.bad_lines.sort()
        self.report.bad_rows += len(bad)
        blank = sum(not row for row in block.rows) if uneven else 0
        self.report.rows += len(block.rows) - blank
        if blank:
            texts = [new if row else old for new, row, old in zip(texts, block.rows, block.texts, strict=True)]
        return [text + end for text, end in zip(texts, block.ends, strict=True)]

    def _even(self, place: int, text: str, row: Sequence[str], bad: set[int]) -> str:
        """A row with too few fields gets empty ones, so that the answers stand under their names."""
        if row and len(row) != self._width:
            bad.add(place)
        return text + self._reader.dialect.delimiter * (self._width - len(row))

    def _with_answers(self, texts: Sequence[str], screened: Answers) -> list[str]:
        between = self._reader.dialect.delimiter
        before = [between.join(["", each.verdict, each.reason, ""]) for each in self._screener.outcomes]
        behind = [between.join(["", *each.as_of]) for each in self._screener.outcomes]
        return [
            text + before[outcome] + number + behind[outcome]
            for text, outcome, number in zip(texts, screened.outcomes.tolist(), screened.numbers, strict=True)
        ]

    def _count(
        self, column: str, screened: Answers, values: Sequence[str], rows: Sequence[Sequence[str]], bad: set[int]
    ) -> None:
        outcomes = self._screener.outcomes
        counted = np.bincount(screened.outcomes, minlength=len(outcomes)).tolist()
        blank = sum(not row for row in rows)
        invalid = np.array([each.reason == Reason.NUMBER_INVALID for each in outcomes], dtype=np.bool_)
        bad.update(row for row in np.flatnonzero(invalid[screened.outcomes]).tolist() if values[row].strip())
        reasons = Counter(self.report.reasons[column])
        for outcome, number in zip(outcomes, counted, strict=True):
            reasons[outcome.reason] += number
        reasons[NO_NUMBER] -= blank  # an empty line is no row
        self.report.reasons[column] = dict(+reasons)


def places_of(wanted: Sequence[str], names: Sequence[str], *, header: bool) -> list[int]:
    """The places of the phone columns. Raises ``UsageError`` that lists the columns where one is not there."""
    # One column alone may be no list at all: the error does not quote it, as the caller may not be allowed to read it.
    quoted = header and len(names) > 1
    hint = f"columns: {', '.join(names)}" if quoted else f"columns are named by their numbers, 1 to {len(names)}"
    if not wanted:
        found = [
            place for place, name in enumerate(names) if header and _PHONE(re.sub(r"[\s_-]+", " ", name.casefold()))
        ]
        if not found:
            raise UsageError("no column looks like a telephone number's: name it with --column", hint=hint)
        return found
    places = []
    for each in wanted:
        exact = [place for place, name in enumerate(names) if header and name == each]
        close = exact or [place for place, name in enumerate(names) if header and name.casefold() == each.casefold()]
        if not close and each.isascii() and each.isdigit() and 1 <= int(each) <= len(names):
            close = [int(each) - 1]
        if len(close) != 1:
            why = "is there more than once" if close else "is not there"
            raise UsageError(f'the column "{each}" {why}', hint=f"{hint}; or give its number, from 1")
        if close[0] not in places:
            places += close
    return places


def numbers_in(source: BinaryIO, columns: Sequence[str], delimiter: str, *, header: bool) -> set[str]:
    """The numbers of a file's phone columns, in E.164; what is no number is passed over. Raises as
    ``FileScreening``."""
    reader = CsvReader(source, delimiter, lambda _: None, lambda _: None)
    found: set[str] = set()
    places: list[int] = []
    for line, (_, row) in enumerate(reader.rows()):
        if line == 0:
            places = places_of(columns, [name.strip() for name in row], header=header)
            if header:
                continue
        read_ones = (read(row[place]) for place in places if place < len(row))
        found.update(each.e164 for each in read_ones if isinstance(each, Number))
    return found


def evidence(report: Report, screener: BulkScreener, *, source_name: str, timed: bool) -> Screened:
    """Return what the log keeps of a screening: counts and digests, no number."""
    return Screened(
        source_name=_text(source_name),
        sha256=report.sha256,
        output_sha256=report.output_sha256,
        columns=list(report.columns),
        rows=report.rows,
        reasons={column: dict(counts) for column, counts in report.reasons.items()},
        bad_rows=report.bad_rows,
        registers=screener.registers.identities,
        purpose=screener.attempt.purpose,
        topic=screener.attempt.topic,
        on_behalf_of=screener.attempt.on_behalf_of,
        as_of=screener.now,
        hours_applied=timed,
    )


def _text(text: str) -> str:
    """A name from outside, fit to be kept: at most 200 characters, no lone surrogates."""
    return text[-200:].encode("utf-8", "replace").decode()
