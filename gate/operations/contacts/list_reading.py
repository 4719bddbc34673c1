"""A CRM's list read and screened, for a running gate in a process of its own (``python -m
gate.operations.contacts.list_reading``): the one that carries calls neither waits for the file nor holds it in
memory.

Contacts go into files without a name (``Into``): an array of ``RECORD`` by rising number (in the file's order each
would be written into another page of the database), the CRM's own ids in the same order, and the digests of these ids,
sorted. Everything else is told as it comes: faults and objections in parts, then ``Read``.

For every phone column of every row a contact is a number and the CRM's own reference. What is no contact is kept apart
with its line and what is wrong with it, so that one bad row costs no other."""

from __future__ import annotations

import hashlib
import mmap
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Final, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from gate.config import Config
from gate.converting import decode
from gate.core.cells import MARK, opt_out_columns, opts_out, plain
from gate.core.numbers import repair
from gate.core.rows.lists import RegisterIdentity
from gate.core.terms import Reason
from gate.errors import GateError, RegisterError, StoreError, UsageError
from gate.handed_over_file import HandedOverFile
from gate.operations.contacts.bulk_screener import NO_NUMBER, REMEMBERED, BulkScreener, Outcome, bulk_screener
from gate.operations.contacts.csv_reader import Block, CsvReader
from gate.operations.contacts.file_screening import places_of
from gate.operations.lists.subscribers import KIND_COLUMN, SINCE_COLUMN, read_cells
from gate.registers.import_process import ChildEnded, ChildSilent, aside, end_with, follow_child
from gate.types import Progress

LONGEST: Final = 180
"""Characters of a reference or a column's name, at most: with a number before it, it is the place where a page ends."""
_FAULTS: Final = {Reason.NUMBER_INVALID: "it is no telephone number", NO_NUMBER: "it is empty"}


@dataclass(slots=True)
class ReadPart:
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
    subscribers: list[tuple[int, int, str, str]] = field(default_factory=list)
    """(digits of the number, line, kind, since) of rows that say who has it."""


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
        subscriber: tuple[str, str] = ("", ""),
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """``columns``: phone columns by name, or number from 1; those that look like phones where empty.
        ``reference``: the column of the CRM's own id. ``opt_outs``: columns, beside those known, that say that somebody
        wants no calls. ``subscriber``: the columns of who has the number and since when, where they are not called
        ``subscriber`` and ``subscriber_since``. ``tell`` is called with the bytes read so far."""
        self._read = hashlib.sha256()
        self._reader = CsvReader(source, delimiter, tell, self._read.update)
        self._wanted = columns
        self._reference_name = reference
        self._has_header = header
        self._width = 0
        self._places: list[int] = []
        self._reference: int | None = None
        self._opt_outs = opt_outs
        self._subscriber_names = subscriber
        self._subscriber: tuple[int | None, int | None] = (None, None)
        """Places of the columns of kind and day."""
        self._cells: dict[tuple[str, str], tuple[str, str, str]] = {}
        """What such cells say, as they were met."""
        self._objecting: dict[int, str] = {}
        """Columns that say so, by their places."""
        self.columns: list[str] = []
        """Names of the phone columns."""
        self.rows = 0
        self.bad_rows = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was read so far, hex."""
        return self._read.hexdigest()

    @property
    def not_utf8(self) -> int:
        """From which line on the file was read as Windows-1252; 0: it was not."""
        return self._reader.not_utf8

    def parts(self, screener: BulkScreener) -> Iterator[ReadPart]:
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
        self._subscriber = (
            self._place(self._subscriber_names[0], KIND_COLUMN, shown),
            self._place(self._subscriber_names[1], SINCE_COLUMN, shown),
        )
        if self._has_header:
            self._objecting = {place: shown[place][:LONGEST] for place in opt_out_columns(shown, self._opt_outs)}
            block.drop_first()

    def _place(self, wanted: str, known: str, shown: Sequence[str]) -> int | None:
        """The place of a column that was named, else of one that is called so."""
        if wanted:
            return places_of([wanted], shown, header=self._has_header)[0]
        named = [place for place, each in enumerate(shown) if self._has_header and each.casefold() == known]
        return named[0] if named else None

    def _part(self, block: Block, screener: BulkScreener) -> ReadPart:
        part = ReadPart()
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
        objections = self._opted_out(rows, lines)
        subscribers = self._subscribers(part, rows, lines, references, screener.now)
        for place, column in zip(self._places, self.columns, strict=True):
            values = [row[place] for row in rows]
            if len(self._places) > 1:  # a contact has a mobile or has none: an empty field says nothing
                filled = [at for at, value in enumerate(values) if value and not value.isspace()]
                if len(filled) < len(values):
                    values = [values[at] for at in filled]
                    who, where = [references[at] for at in filled], [lines[at] for at in filled]
                    self._screen(part, screener, column, values, who, where, objections, subscribers, bad)
                    continue
            self._screen(part, screener, column, values, references, lines, objections, subscribers, bad)
        self.bad_rows += len(bad)
        return part

    def _opted_out(self, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> dict[int, str]:
        """The lines of those who want no calls, and the column that says so."""
        return {
            line: column
            for place, column in self._objecting.items()
            for row, line in zip(rows, lines, strict=True)
            if opts_out(self._reader.text_of(row[place]))
        }

    def _subscribers(
        self,
        part: ReadPart,
        rows: Sequence[Sequence[str]],
        lines: Sequence[int],
        references: Sequence[str],
        now: datetime,
    ) -> dict[int, tuple[str, str]]:
        """Line -> kind and day, of the rows that say who has their numbers; a cell that cannot be read is a fault."""
        found: dict[int, tuple[str, str]] = {}
        if self._subscriber == (None, None):
            return found
        for row, line, reference in zip(rows, lines, references, strict=True):
            kind, since = (plain(self._reader.text_of(row[at])) if at is not None else "" for at in self._subscriber)
            if (kind, since) not in self._cells and len(self._cells) < REMEMBERED:
                self._cells[kind, since] = read_cells(kind, since, now)
            *known, fault = self._cells.get((kind, since)) or read_cells(kind, since, now)
            if any(known):
                found[line] = (known[0], known[1])
            if fault:
                part.faults.append((line, KIND_COLUMN, reference, fault))
        return found

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
        part: ReadPart,
        screener: BulkScreener,
        column: str,
        values: Sequence[str],
        references: Sequence[str],
        lines: Sequence[int],
        said: Mapping[int, str],
        subscribers: Mapping[int, tuple[str, str]],
        bad: set[int],
    ) -> None:
        objecting = [row for row, line in enumerate(lines) if line in said] if said else []
        screened = screener.screen(values, self._reader.text_of, objecting)
        outcomes = screened.outcomes.tolist()
        part.objections += [
            (int(screened.numbers[row]), lines[row], said[lines[row]]) for row in objecting if screened.numbers[row]
        ]
        if subscribers:
            part.subscribers += [
                (int(number), line, *subscribers[line])
                for number, line in zip(screened.numbers, lines, strict=True)
                if number and line in subscribers
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


MEMORY: Final = 3 << 30
"""Bytes that the process may have, its registers in memory included: enough for some twenty million contacts."""
STALLED_SECONDS: Final = 120.0
"""A process that reports nothing for so long is ended."""
T = TypeVar("T")
PART: Final = 1000
"""Faults, or objections, told at once."""
WRITTEN: Final = 100_000
RECORD: Final = np.dtype([("number", "<i8"), ("outcome", "<i4"), ("length", "<i4")])
"""E.164 without its plus, the place of its outcome in ``Read.outcomes``, and the bytes of its reference."""
_KINDS: Final = {each.__name__: each for each in (UsageError, RegisterError, StoreError)}

Faults = list[tuple[int, str, str, str]]
"""(line, column, reference, what is wrong)."""
Objections = list[tuple[int, int, str]]
"""(number, line, column)."""
Subscribers = list[tuple[int, int, str, str]]
"""(number, line, kind, since)."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A list to read, and how to read it."""

    config: Config
    said: str
    topic: str
    on_behalf_of: str
    now: datetime
    columns: tuple[str, ...]
    reference: str
    delimiter: str
    header: bool
    subscriber: tuple[str, str]


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of reading a list."""

    sha256: str
    columns: list[str]
    rows: int
    bad_rows: int
    not_utf8: int
    contacts: int
    """Records."""
    outcomes: list[Outcome]
    registers: list[RegisterIdentity]
    """What was screened against."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Progress that the child reports."""

    faults: Faults = []
    objections: Objections = []
    subscribers: Subscribers = []
    done: float | None = None
    """Part of the file that is read."""


class Into(NamedTuple):
    """Where the contacts of a list are written to; read again by their places."""

    records: BinaryIO
    references: BinaryIO
    digests: BinaryIO
    """The digests of the references that are not empty, by ``_digest``, in rising order."""


class Named:
    """Which references a list names, by a file of their digests: nothing of it is held in memory."""

    def __init__(self, digests: BinaryIO) -> None:
        """The file may be closed afterwards."""
        size = os.fstat(digests.fileno()).st_size
        held: Any = mmap.mmap(digests.fileno(), size, access=mmap.ACCESS_READ) if size else b""
        self._table = np.frombuffer(held, dtype=_DIGEST)

    def __contains__(self, reference: object) -> bool:
        wanted = np.frombuffer(_digest(_encoded(str(reference))), dtype=_DIGEST)
        place = int(np.searchsorted(self._table, wanted)[0])
        return place < len(self._table) and bool(self._table[place] == wanted[0])


_DIGEST: Final = np.dtype("S16")


def _digest(reference: bytes) -> bytes:
    """128 bits of SHA-256: no two references of a list have the same."""
    return hashlib.sha256(reference).digest()[:16]


def _encoded(reference: str) -> bytes:
    return reference.encode("utf-8", "surrogatepass")


class _Failed(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    message: str
    hint: str


class _ChildLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the process."""

    part: Part | None = None
    read: Read | None = None
    failed: _Failed | None = None


def read_list(job: Job, given: HandedOverFile, into: Into, tell: Callable[[Part], None]) -> Read:
    """Read and screen a list. Raises ``UsageError`` (no such column, or it cannot be read), ``RegisterError``,
    ``StoreError``, and what ``tell`` raises."""
    screener = bulk_screener(
        job.config,
        purpose="marketing",
        topic=job.topic,
        on_behalf_of=job.on_behalf_of,
        now=job.now,
        at=None,
        actor="gate",
    )  # calling hours and redial pause left out: they are asked when a call is made
    size = max(given.size, 1)
    table: list[Any] = [np.zeros(0, dtype=RECORD)]
    try:
        with given.reader() as source, tempfile.TemporaryFile(dir=job.config.data) as texts:
            file = CrmFile(
                source,
                columns=job.columns,
                reference=job.reference,
                delimiter=job.delimiter,
                header=job.header,
                opt_outs=job.config.calling.opt_out_columns,
                subscriber=job.subscriber,
                tell=lambda done: tell(Part(done=done / size)),
            )
            for part in file.parts(screener):
                names = [_encoded(text) for text in part.references]
                rows = np.zeros(len(part.numbers), dtype=RECORD)
                rows["number"], rows["outcome"] = part.numbers, part.outcomes
                rows["length"] = [len(name) for name in names]
                texts.write(b"".join(names))
                table.append(rows)
                for some in _parts(part.faults):
                    tell(Part(faults=some))
                for each in _parts(part.objections):
                    tell(Part(objections=each))
                for noted in _parts(part.subscribers):
                    tell(Part(subscribers=noted))
            count = _sorted(table, texts, into)
    except OSError as error:
        raise UsageError(f"{given} cannot be read: {error.strerror}", hint="give it again, or a copy of it") from None
    if given.changed:
        raise UsageError(f"{given} changed while it was read", hint="import it when it is complete")
    return Read(
        sha256=file.sha256,
        columns=file.columns,
        rows=file.rows,
        bad_rows=file.bad_rows,
        not_utf8=file.not_utf8,
        contacts=count,
        outcomes=screener.outcomes,
        registers=screener.registers.identities,
    )


def _sorted(table: list[npt.NDArray[np.void]], texts: BinaryIO, into: Into) -> int:
    """Write contacts and their references by rising number; how many. ``texts``: the references in the file's order."""
    whole = np.concatenate(table)
    table.clear()
    starts = np.cumsum(whole["length"], dtype=np.int64) - whole["length"]
    order = np.argsort(whole["number"], kind="stable")
    texts.flush()
    size = os.fstat(texts.fileno()).st_size
    held: Any = mmap.mmap(texts.fileno(), size, access=mmap.ACCESS_READ) if size else b""
    digests = bytearray()
    for start in range(0, len(whole), WRITTEN):
        piece = order[start : start + WRITTEN]
        into.records.write(whole[piece].tobytes())
        lengths = whole["length"][piece].tolist()
        for at, length in zip(starts[piece].tolist(), lengths, strict=True):
            reference = held[at : at + length]
            into.references.write(reference)
            if reference:
                digests += _digest(reference)
    into.digests.write(np.sort(np.frombuffer(digests, dtype=_DIGEST)).tobytes())
    for each in into:
        each.flush()
    return len(whole)


def _parts(items: Sequence[T]) -> Iterator[list[T]]:
    for start in range(0, len(items), PART):
        yield list(items[start : start + PART])


# --- in a process of its own ---------------------------------------------------------------------------------------


def in_child(
    job: Job, given: HandedOverFile, into: Into, tell: Callable[[Part], None], *, memory: int = MEMORY,
    stalled: float = STALLED_SECONDS,
) -> Read:  # fmt: skip
    """``read_list`` in a child process, with a low priority and ``memory`` bytes at most. Where ``tell`` raises, or the
    child tells nothing for ``stalled`` seconds, it is ended; it ends with this process too. Raises as that, and
    ``UsageError`` for a list that is too large."""
    descriptors = [each.fileno() for each in (given, *into)]
    arguments = [__name__, *map(str, (os.getpid(), memory, *descriptors))]

    def take(line: bytes) -> Read | None:
        heard = decode(line, _ChildLine)
        if heard.failed is not None:
            kind = _KINDS.get(heard.failed.kind, GateError)
            raise kind(heard.failed.message, hint=heard.failed.hint)
        if heard.part is not None:
            tell(heard.part)
        return heard.read

    with tempfile.TemporaryFile() as asked:
        asked.write(msgspec.json.encode(job))
        asked.seek(0)
        try:
            return follow_child(arguments, take, lambda: tell(Part()), stalled, descriptors=descriptors, stdin=asked)
        except ChildSilent:
            raise GateError(
                f"nothing was read of the list for {stalled:.0f} s", hint="is its disk sound? copy it first"
            ) from None
        except ChildEnded as ended:
            if any("MemoryError" in line for line in ended.errors[-5:]):
                raise UsageError(
                    f"{given} is too large to be read at once", hint="split it, and import the parts with --add"
                ) from None
            raise GateError(
                f"the process that reads {given} {ended.how}",
                hint="import the list again: the contacts are as they were",
            ) from None


def main(arguments: Sequence[str]) -> int:
    """The child process of ``in_child``: its parent, its memory, and the descriptors of list and ``Into``."""
    parent, memory, given_as, *descriptors = map(int, arguments)
    end_with(parent)
    aside(memory)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    reported = [0.0]

    def tell(part: Part) -> None:
        if part.done is not None:  # the newest only
            if part.done - reported[0] < 0.002:
                return
            reported[0] = part.done
        _write_line(_ChildLine(part=part))

    given = HandedOverFile(given_as, job.said)
    try:
        with ExitStack() as files:
            into = Into(*(files.enter_context(os.fdopen(each, "wb")) for each in descriptors))
            read = read_list(job, given, into, tell)
    except GateError as error:
        _write_line(_ChildLine(failed=_Failed(kind=type(error).__name__, message=error.message, hint=error.hint)))
        return 1
    _write_line(_ChildLine(read=read))
    return 0


def _write_line(line: _ChildLine) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


def progress_of(tell: Progress, part: float) -> Callable[[Part], None]:
    """A receiver of parts that reports their progress as this share of the whole."""
    last = [0.0]

    def on(told: Part) -> None:
        last[0] = max(last[0], told.done or 0.0)
        tell(last[0] * part, "reading")

    return on


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
