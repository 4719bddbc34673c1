"""Reads a licensee's file from end to end, or refuses it.

Refused (LAW 2.3): an empty file, one that is cut in the middle of a record, one with more than 0.1 % bad lines; and one
that changes while it is read, as a file that is still being uploaded does.

The lines (LAW 2.1) have a plain reader, and a fast one that agrees with it. A file holds numbers only, no header, one
record a line. A record is 12 characters in one of two variants, which may even be mixed: with spaces, the dialling code
left-justified in 5 and the rest right-justified in 7 (``01635 506160``, ``0207 3787244``), or without, the digits
padded on the right (``01635506160 ``). Lines end in CR LF or LF.

The rule for one line is: drop a trailing CR and all spaces; what is left is ``0`` and 9 or 10 digits. ``parse_line`` is
that rule and the only place where a line is judged to be wrong. ``read_fast`` takes whole tables of records of equal
width at once and hands every record of another look to ``parse_line``, a stretch of another shape to ``read_plain``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gate.core.terms import many
from gate.errors import RegisterFailed
from gate.handed_over_file import HandedOverFile
from gate.registers.packing import LONGEST_LINE, ListFile, refused
from gate.types import Progress

Keys = npt.NDArray[np.int64]
"""Numbers as the integers of their E.164 digits: ``442079460000``."""

NOTED_FAULTS = 100
"""How many bad lines are noted with number and fault; all of them are counted."""

TABLE_ROWS = 32_768
"""Records read at once: the table and what is made of it stay in the processor's cache."""

_SPACE, _ZERO, _LF, _CR = b" 0\n\r"
_TEN_DIGITS = 440_000_000_000
_NINE_DIGITS = 44_000_000_000


class LineError(ValueError):
    """This line is not a number; the message says why, in words that follow "line 7 "."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not a number: where, and what is wrong with it."""

    number: int
    """Counted from 1."""
    fault: str

    def __str__(self) -> str:
        return f"line {self.number:,} {self.fault}"


@dataclass(slots=True)
class LineCounts:
    """What has been read so far."""

    lines: int = 0
    bad: int = 0
    faults: list[BadLine] = field(default_factory=list)
    """The first ``NOTED_FAULTS`` bad lines."""

    def fault(self, number: int, fault: str) -> None:
        """Count a bad line."""
        self.bad += 1
        if len(self.faults) < NOTED_FAULTS:
            self.faults.append(BadLine(number, fault))


def parse_line(line: bytes) -> int:
    """The E.164 digits of one line (given without its LF) as an integer; ``LineError`` where it is not a number."""
    digits = line.removesuffix(b"\r").replace(b" ", b"")
    if digits.isdigit() and digits[0] == _ZERO and len(digits) in (10, 11):
        return int(b"44" + digits[1:])
    raise LineError(_fault(line.removesuffix(b"\r"), digits))


_ODD = {
    **dict.fromkeys(b',;\t"', ": is it a table (CSV)? A register has one number a line"),
    ord("+"): ": a register's numbers begin with 0, not with +44",
    ord("."): ": has a spreadsheet made a sum of it?",
}
"""Signs -> what they tell of a file."""


def _fault(line: bytes, digits: bytes) -> str:
    """What is wrong with a line. Nothing of it is shown: it may be somebody's number, or of a file that only the gate
    may read, and not whoever asked it to."""
    if not line:
        return "is empty"
    if not digits:
        return "holds only spaces"
    odd = next((byte for byte in digits if not 0x30 <= byte <= 0x39), None)
    if odd is not None:
        what = repr(chr(odd)) if 0x20 < odd < 0x7F else f"the byte 0x{odd:02x}"
        return f"holds {what}, which is neither a digit nor a space{_ODD.get(odd, '')}"
    if digits[0] != _ZERO:
        eaten = len(digits) in (9, 10) and digits[0] in b"12378"
        return "does not start with 0" + (": a spreadsheet has eaten it" if eaten else "")
    return f"holds {len(digits)} digits where 10 or 11 are needed"


def read_plain(data: bytes, tally: LineCounts) -> list[int]:
    """The numbers in ``data``, which must end at the end of a line; line by line."""
    keys = []
    first = tally.lines + 1
    lines = data.split(b"\n")
    lines.pop()
    for number, line in enumerate(lines, first):
        try:
            keys.append(parse_line(line))
        except LineError as error:
            tally.fault(number, str(error))
    tally.lines += len(lines)
    return keys


def read_fast(data: bytes, tally: LineCounts) -> Iterator[Keys]:
    """The numbers in ``data``, which must end at the end of a line; in the order of the lines, a table at a time."""
    start = 0
    while start < len(data):
        line_end = data.index(b"\n", start)
        stride = line_end + 1 - start
        ending = 2 if line_end > start and data[line_end - 1] == _CR else 1
        rows = min(TABLE_ROWS, (len(data) - start) // stride)
        stop = start + rows * stride
        keys = None
        if stride - ending in (11, 12):
            table = np.frombuffer(data, np.uint8, rows * stride, start).reshape(rows, stride)
            if (table[:, -1] == _LF).all() and (ending == 1 or (table[:, -2] == _CR).all()):
                keys = _read_table(table[:, :-1], stride - ending, tally)
        if keys is None:
            stop = data.index(b"\n", stop - 1) + 1
            keys = np.array(read_plain(data[start:stop], tally), np.int64)
        start = stop
        yield keys


def _read_table(table: npt.NDArray[np.uint8], width: int, tally: LineCounts) -> Keys | None:
    """The numbers of lines (without their LF) of ``width`` bytes and perhaps a CR each; None where one of them holds an
    LF, so that it is not one line.

    The usual records are those with ``0``, ten more digits and one space behind the fourth, the fifth or the last
    digit, and those with ``0``, nine more digits and two spaces at the end. All others go to ``parse_line``.
    """
    rows = len(table)
    text = np.full((12, rows), _SPACE, np.uint8)
    text[:width] = table[:, :width].T
    digit = text - np.uint8(_ZERO)
    digits = (digit < 10).sum(axis=0, dtype=np.uint8)
    space = text == _SPACE
    behind_4, behind_5 = space[4], space[5]
    zero = text[0] == _ZERO
    eleven = zero & (digits == 11) & (behind_4 | behind_5 | space[11])
    ten = zero & (digits == 10) & space[10] & space[11]
    usual = eleven | ten
    odd = np.flatnonzero(~usual)
    if odd.size and (text == _LF).any():
        return None
    _close_gap(digit, behind_4, behind_5)
    digit[10][ten] = 0
    keys = _value(digit)
    keys[ten] //= 10
    keys += np.where(ten, _NINE_DIGITS, _TEN_DIGITS)
    for row in odd.tolist():
        try:
            keys[row] = parse_line(table[row].tobytes())
            usual[row] = True
        except LineError as error:
            tally.fault(tally.lines + row + 1, str(error))
    tally.lines += rows
    return keys if usual.all() else keys[usual]


def _close_gap(digit: npt.NDArray[np.uint8], behind_4: npt.NDArray[np.bool_], behind_5: npt.NDArray[np.bool_]) -> None:
    """Move the digits behind an inner space one place to the left, in place."""
    inner = behind_4 | behind_5
    if not inner.any():
        return
    digit[4] = np.where(behind_4, digit[5], digit[4])
    for place in range(5, 11):
        digit[place] = np.where(inner, digit[place + 1], digit[place])


def _value(digit: npt.NDArray[np.uint8]) -> Keys:
    """The ten digits behind the leading 0 as integers. They are paired up so that each step needs no wider numbers
    than it must: most of the work is done on bytes. (Rows that are not usual may overflow; their value is not used.)"""
    pair = [digit[place] * np.uint8(10) + digit[place + 1] for place in (1, 3, 5, 7, 9)]
    high = pair[0] * np.uint16(100) + pair[1]
    low = pair[2] * np.uint16(100) + pair[3]
    eight = high * np.uint32(10_000) + low
    keys: Keys = eight.astype(np.int64) * 100 + pair[4]
    return keys


READ_AT_ONCE = 4 << 20
SHORTEST_RECORD = 11
"""Bytes of a number's line at least: ``0``, nine digits, LF."""

TOLERATED = 1000
"""One bad line in so many is tolerated."""

SHOWN_FAULTS = 3
"""Lines that are told of a file that is refused, each with a fault of its own."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A file that was read and found good."""

    name: str
    sha256: str
    """SHA-256 of the list's bytes, unpacked where it came packed."""
    keys: Keys
    """The number of every good line, in the order of the file."""
    tally: LineCounts


def read_source(path: HandedOverFile, progress: Progress) -> RegisterFile:
    """Read a register file. ``RegisterError`` where it is refused, with line numbers; ``OSError`` where it cannot be
    read."""
    with ListFile(path) as file:
        keys = np.empty(file.largest // SHORTEST_RECORD + 1, np.int64)  # memory that is never written to takes none
        used, read, tail, tally, sha256 = 0, 0, b"", LineCounts(), hashlib.sha256()
        while chunk := file.read(READ_AT_ONCE):
            sha256.update(chunk)
            data = tail + (chunk.removeprefix(_BYTE_ORDER_MARK) if read == 0 else chunk)
            read += len(chunk)
            end = data.rfind(b"\n") + 1
            if len(data) - end > LONGEST_LINE:
                raise refused(
                    path, f"line {tally.lines + 1 + data[:end].count(10):,} is longer than {LONGEST_LINE:,} bytes"
                )
            for part in read_fast(data[:end], tally):
                keys[used : used + part.size] = part
                used += part.size
            tail = data[end:]
            progress(min(read / path.size, 1.0), "reading")
        if (read != path.size and not file.packed) or path.changed:
            raise RegisterFailed(f"{path} changed while it was read", hint="import it when its upload is complete")
    if tail:
        raise refused(
            path,
            f"line {tally.lines + 1:,}, the last one, has no line end: the file was cut in the middle of a record",
        )
    _judge(path, tally)
    return RegisterFile(path.name, sha256.hexdigest(), keys[:used], tally)


def _judge(path: HandedOverFile, tally: LineCounts) -> None:
    """Refuse a file with too many bad lines."""
    if tally.bad * TOLERATED <= tally.lines:
        return
    first: dict[str, str] = {}
    for fault in tally.faults:
        first.setdefault(fault.fault, str(fault))
    shown = list(first.values())[:SHOWN_FAULTS]
    more = f"; and {tally.bad - len(shown):,} more" if tally.bad > len(shown) else ""
    raise refused(
        path,
        f"{many(tally.bad, 'line', 'holds')} no number, more than 0.1 % of {tally.lines:,}: {'; '.join(shown)}{more}",
    )
