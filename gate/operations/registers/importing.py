"""Imports of registers: a file put in force with what it changes for the contacts, cancelling that, and their list.

A file that is refused leaves a fact too: ``register_status`` shows what was not taken, and why.

The bytes of a register file never become newer than they were when they came first. Every import leaves a fact with the
SHA-256 of what was read, a refused one too. ``touch``, another name, another way in and ``--as-of`` change nothing
about what a file holds, so they give it no other days (LAW 2.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from gate.config import Registers, read_secret
from gate.converting import convert
from gate.core.days import london_day, short_day
from gate.core.evidence import stamp
from gate.core.facts import lists as facts
from gate.core.numbers import NumberRefused, parse
from gate.core.rows.calls import FactRow
from gate.core.rows.lists import RegisterImportRow, RegisterState
from gate.errors import GateError, RegisterError, RegisterFailed, UsageError
from gate.handed_over_file import LARGEST
from gate.log import Logger
from gate.operations.contacts.rescreening import Contacts
from gate.operations.data_folder import AT_ONCE, Cancellations
from gate.operations.operation import (
    KEEPERS,
    READERS,
    AsOf,
    Caller,
    Line,
    Note,
    Page,
    Paged,
    Request,
    Response,
    about,
    operation,
)
from gate.operations.registers.in_force import newest, states, written
from gate.registers.coverage import ASKED
from gate.registers.import_process import import_in_process
from gate.registers.packing import ListFile, guess_as_of
from gate.registers.watch import DropFolder
from gate.store import queries

if TYPE_CHECKING:
    from gate.handed_over_file import HandedOverFile
    from gate.operations.contacts.states import Listed
    from gate.operations.data_folder import DataFolder
    from gate.registers.provider import Answers
    from gate.store.transaction import StoreTransaction


class FirstSeen(NamedTuple):
    """When the same bytes came for the first time."""

    day: date
    """In London, on which they came first; taken or refused, and as whichever register."""
    as_of: date | None
    """The earliest day as of which they were imported; None where they were only ever refused."""
    names: frozenset[str]
    """Registers as which they were imported."""

    @property
    def came(self) -> str:
        """In words: the day, and as of which they were imported."""
        day = short_day(self.day)
        return f"were imported on {day} as of {short_day(self.as_of)}" if self.as_of else f"came on {day} already"

    @property
    def latest(self) -> date:
        """The latest day that they may speak of."""
        return min(self.day, self.as_of) if self.as_of else self.day


def sha256_of(source: HandedOverFile) -> str:
    """The SHA-256 of a list's bytes, unpacked where it is packed. Raises ``RegisterError`` where the file is no list,
    ``RegisterFailed`` where it cannot be read."""
    try:
        with ListFile(source) as file:
            sha256 = hashlib.sha256()
            while piece := file.read(1 << 20):
                sha256.update(piece)
    except OSError as error:
        raise RegisterFailed(f"{source} cannot be read: {error.strerror}") from None
    return sha256.hexdigest()


def first_seen(folder: DataFolder, sha256: str) -> FirstSeen | None:
    """Find when the same bytes came before; None where they never did."""
    rows = folder.store.call(
        lambda tx: tx.rows(
            FactRow,
            "SELECT * FROM facts WHERE kind IN (?, ?) AND json_extract(body, '$.source_sha256') = ?",
            (facts.RegisterImported.kind, facts.RegisterRefused.kind, sha256),
        )
    )
    if not rows:
        return None
    taken = written(rows, facts.RegisterImported)
    return FirstSeen(
        min(london_day(row.at) for row in rows),
        min((date.fromisoformat(body.as_of) for _, body in taken if body.as_of), default=None),
        frozenset(body.name for _, body in taken),
    )


def refuse_again(source: HandedOverFile, name: str, seen: FirstSeen | None) -> None:
    """Raises ``RegisterError`` where these bytes were imported before as this register."""
    if seen and name in seen.names:
        raise RegisterError(
            f"{source} is refused: the same bytes {seen.came}",
            hint="a file that is sent again does not become newer by it: does the fetch still work?",
        )


def day_of(source: HandedOverFile, asked: date | None, guessed: date, seen: FirstSeen | None) -> date:
    """The day that the file speaks of: the one ``asked`` for, else the one ``guessed``, and never a later one than
    these bytes had before. Raises ``RegisterError`` where a later one is asked for."""
    if seen is None:
        return asked or guessed
    if asked is None:
        return min(guessed, seen.latest)
    if asked > seen.latest:
        raise RegisterError(
            f"{source} is refused: the same bytes {seen.came}, and cannot speak of a later day: {short_day(asked)}",
            hint="fetch the licensee's newest file; without --as-of these bytes keep their day",
        )
    return asked


log = Logger()

TOO_LATE: Final = 0.9
"""An import of which this part is done is about to put the new snapshot in force: it is not cancelled any more."""
RegisterName = Literal["tps", "ctps"]
REGISTERS: Final[tuple[RegisterName, ...]] = ("tps", "ctps")


class Cancelled(RegisterFailed):
    """The import was cancelled."""


def imports_under_way(_folder: DataFolder) -> Cancellations:
    """The imports under way, by the register's name."""
    return Cancellations(
        lambda name: RegisterFailed(f"{AT_ONCE} imports of {name.upper()} are under way already", hint="wait for them")
    )


# --- an import -----------------------------------------------------------------------------------------------------


class ContactsListed(Response, frozen=True):
    """What an import changes for the contacts: how many the register lists now and did not before, and vice versa."""

    newly_listed: int
    no_longer_listed: int


class RegisterImported(Response, frozen=True, kw_only=True, omit_defaults=True):
    """What an import did (``gate.registers.import_process.ImportReport``)."""

    name: str
    count: int
    sha256: str
    """SHA-256 of the snapshot."""
    as_of: date
    coverage: list[str]
    source_name: str
    contacts: ContactsListed | None
    """None without contacts, or where they could not be compared."""
    source_sha256: str | None = None
    """None, as all that follows, where the import was cancelled after its snapshot had come in force."""
    added: int | None = None
    removed: int | None = None
    lines: int | None = None
    duplicates: int | None = None
    bad: int | None = None
    """Lines that are no numbers and were left out."""
    bad_lines: list[tuple[int, str]] | None = None
    """Line number and what is wrong with it, of the first hundred."""
    accepted_shrink: bool | None = None
    implausible: str = ""
    """What a live gate found odd about the file; empty where nothing."""
    accepted: str = ""
    """Why it was taken all the same."""
    previous_sha256: str | None = None
    """SHA-256 of the snapshot before; empty where there was none."""
    first_seen: date | None = None
    """The day on which the same bytes came first, where they had come before: they keep their day."""


class RegisterImport(Request[RegisterImported], frozen=True):
    """Put a register file in force: one that was handed over (``gate.control.files``)."""

    name: Annotated[RegisterName, about("Which register.", "Register")]
    path: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=4096),
        about(
            "The file, on the machine of whoever asks; kept as its name, and opened there.",
            "File on this machine",
            eg=("/srv/tps/tps_ns.txt",),
        ),
    ]
    file: Annotated[Line, about("Ticket of the file, which was handed over before.")] = ""
    as_of: Annotated[
        date | None, about("The day of the file.", "The day of the file", absent="taken from the file")
    ] = None
    coverage: Annotated[
        Note,
        about(
            "The dialling codes that the licence covers; outside them, absence is not clearance.",
            "Coverage",
            eg=("full", "0161,020"),
            metavar="full|CODE,…",
        ),
    ] = "full"
    accept_shrink: Annotated[
        bool, about("Accept a file that is much smaller than the one in force.", "Accept that it shrinks")
    ] = False
    accept_older: Annotated[bool, about("Accept a file of an earlier day than the one in force.")] = False
    accept_narrower: Annotated[
        bool, about("Accept a coverage of fewer dialling codes than the one in force.", "Accept a narrower coverage")
    ] = False
    accept_implausible: Annotated[
        Note,
        about(
            "Why a live gate takes a file that cannot be the whole register. A warning as long as it is in force.",
            metavar="WHY",
        ),
    ] = ""
    once: Annotated[
        bool, about("Refuse bytes that were imported before: a file that is sent again does not become newer by it.")
    ] = False


@operation(RegisterImport, "register_import", roles=KEEPERS, streams=True, file=LARGEST)
def register_import(folder: DataFolder, asked: RegisterImport, caller: Caller) -> RegisterImported:
    """Put a licensee's file in force.

    Raises ``RegisterError``; then the register in force has stayed.
    """
    file, name = caller.opened, asked.name
    before, sha256 = folder.one(Contacts).listed(name), _sha256_in_force(folder, name)
    source_sha256 = ""
    try:
        source_sha256 = sha256_of(file)
        seen = first_seen(folder, source_sha256)
        if asked.once:
            refuse_again(file, name, seen)
        with folder.one(imports_under_way).running(name):
            report = _import(folder, asked, caller, source_sha256, seen)
    except Cancelled:
        if _sha256_in_force(folder, name) == sha256:
            raise
        # The new snapshot was in force before its process could be ended, and so it has its fact.
        report = _edition(next(row for row in states(folder) if row.name == name))
    except RegisterFailed:
        raise
    except RegisterError as error:
        refused = facts.RegisterRefused(
            name=name,
            source_name=file.name,
            why=error.message,
            watched=asked.once,
            source_sha256=source_sha256,
            path_said=file.said,
        )
        folder.keep(refused, folder.new_id(), caller.actor)
        raise
    states(folder)  # from now on everybody is answered from the new snapshot
    return convert(_kept(folder, replace(report, path_said=file.said), before, caller).values(), RegisterImported)


def _kept(
    folder: DataFolder, report: facts.RegisterImported, before: Listed | None, caller: Caller
) -> facts.RegisterImported:
    """The fact of what has come in force, kept with what it changes for the contacts."""
    contacts = folder.one(Contacts)
    try:
        compared = contacts.compared(report.name, before)
    except GateError as error:  # the snapshot is in force: its leaf waits for nothing else
        log.error("contacts_not_compared", register=report.name, error=error.message)
        compared = None
    report = replace(report, contacts=compared)
    folder.keep(report, folder.new_id(), caller.actor)
    if not contacts.background:
        contacts.follow(caller.progress)
    return report


def _import(
    folder: DataFolder, asked: RegisterImport, caller: Caller, source_sha256: str, seen: FirstSeen | None
) -> facts.RegisterImported:
    name, now = asked.name, folder.clock.now()
    report = import_in_process(
        folder.config.data / "registers",
        name,
        caller.opened,
        as_of=day_of(caller.opened, asked.as_of, guess_as_of(caller.opened, now), seen),
        now=now,
        coverage=tuple(code.strip() for code in asked.coverage.split(",") if code.strip()),
        accept_shrink=asked.accept_shrink,
        accept_older=asked.accept_older,
        accept_narrower=asked.accept_narrower,
        source_sha256=source_sha256,
        live=folder.config.calling.live,
        accept_implausible=asked.accept_implausible,
        progress=folder.one(imports_under_way).checked(
            name,
            caller.progress,
            lambda actor: Cancelled(
                f"the import of {name.upper()} was stopped by {actor}",
                hint="the register in force has stayed as it was",
            ),
            until=TOO_LATE,
        ),
    )
    first = seen.day.isoformat() if seen else None
    return facts.RegisterImported(**asdict(report) | {"as_of": report.as_of.isoformat(), "first_seen": first})


def _sha256_in_force(folder: DataFolder, name: str) -> str:
    return next((row.sha256 for row in states(folder) if row.name == name), "")


# --- a provider's answers -------------------------------------------------------------------------------------------


class RegistersAsked(Response, frozen=True, kw_only=True):
    """What a provider has answered."""

    provider: str
    asked: int
    """Numbers."""
    listed: dict[str, int]
    """How many of them are on each register."""
    as_of: date
    """The earliest day that the answers speak of."""
    references: list[str]
    """The provider's own, of each answer; empty texts where it gives none."""


class RegisterAsk(Request[RegistersAsked], frozen=True, kw_only=True):
    """Ask the provider of the configuration about numbers, one a line in E.164, in a file that was handed over."""

    provider: Annotated[Line, about("Whose answers are wanted: its name or address in the configuration.")]
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=4096), about("What the file is called.")]
    file: Annotated[Line, about("Ticket of the file, which was handed over before.")] = ""


@operation(RegisterAsk, "register_ask", roles=KEEPERS, streams=True, file=8 << 20)
def register_ask(folder: DataFolder, asked: RegisterAsk, caller: Caller) -> RegistersAsked:
    """Ask a provider whether numbers are on the registers, and screen calls to these numbers by its answers.

    Raises ``RegisterError`` where it does not answer for each of them; then nothing has changed.
    """
    from gate.registers import importer, provider  # with HTTP and NumPy: where a provider is asked

    config, section = folder.config, folder.config.provider
    if not section.url or asked.provider not in (section.name, section.url):
        known = f"the configuration has {section.name}, {section.url}" if section.url else "see the section [provider]"
        raise UsageError(f"{asked.provider} is no provider of the configuration", hint=known)
    try:
        numbers = list(
            dict.fromkeys(parse(line.strip()).e164 for line in caller.opened.reader().read().decode().split())
        )
    except (NumberRefused, UnicodeDecodeError):
        raise UsageError("the file holds what is no number", hint="one in E.164 on each line") from None
    if not numbers:
        raise UsageError("the file holds no number", hint="one in E.164 on each line")
    token, names = read_secret(config.base, section.token_file), config.calling.registers
    for row in states(folder):  # before anything is paid for
        if row.coverage != [ASKED] and row.days_left is not None and row.days_left >= 0:
            raise RegisterError(
                f"a file of the {row.name.upper()} is in force, as of {row.as_of}",
                hint="a provider is asked where there is no licence for the files: leave --via out",
            )
    answers = provider.ask(section, token, Path(config.base), numbers, names, folder.clock.now, caller.progress)
    for name in names:
        place, before = config.data / "registers", folder.one(Contacts).listed(name)
        importer.import_answers(place, name, answers.listed[name], answers.asked, folder.clock.now())
        _answered(folder, name, answers, before, caller)
    of = answers.asked
    counts = {name: len(answers.listed[name]) for name in names}
    return RegistersAsked(
        provider=of.provider, asked=len(numbers), listed=counts, as_of=of.as_of, references=list(of.references)
    )


def _answered(folder: DataFolder, name: str, answers: Answers, before: Listed | None, caller: Caller) -> None:
    of = answers.asked
    row = next(each for each in states(folder) if each.name == name)  # everybody is answered from it from now on
    body = replace(
        _edition(row),
        provider=of.provider,
        asked=len(of.numbers),
        asked_at=stamp(of.at),
        references=list(of.references),
        answers_sha256=list(of.sha256),
    )
    _kept(folder, body, before, caller)


# --- a snapshot without its fact ------------------------------------------------------------------------------------


def note_editions(folder: DataFolder) -> None:
    """Keep a fact of every snapshot in force that has none: the gate that imported it was ended in between."""
    rows = [row for row in states(folder) if row.sha256]

    def work(tx: StoreTransaction) -> None:
        noted = {body.sha256 for _, body in newest(tx, facts.RegisterImported)}
        for row in rows:
            if row.sha256 not in noted:
                tx.append(folder.fact(replace(_edition(row), noted_late=True), folder.new_id(), "gate"))

    folder.store.call(work)


def _edition(row: RegisterState) -> facts.RegisterImported:
    """Describe a register in force without the report of its import."""
    return facts.RegisterImported(
        name=row.name,
        count=row.count,
        as_of=row.as_of.isoformat() if row.as_of else None,
        sha256=row.sha256,
        coverage=row.coverage,
        source_name=row.source_name,
        source_sha256=row.source_sha256,
    )


# --- cancelling ----------------------------------------------------------------------------------------------------


class RegisterCancelled(Response, frozen=True):
    """The import ends soon."""

    name: str


class RegisterCancel(Request[RegisterCancelled], frozen=True):
    """Cancel the import of a register."""

    name: Annotated[RegisterName, about("Which register.", "Register")]


@operation(RegisterCancel, "register_cancel", roles=KEEPERS)
def register_cancel(folder: DataFolder, asked: RegisterCancel, caller: Caller) -> RegisterCancelled:
    """Cancel an import that is under way; the register in force stays. One that is nearly done is let through."""
    if not folder.one(imports_under_way).cancel(asked.name, caller.actor):
        raise UsageError(f"no import of {asked.name.upper()} is under way", hint="See: dialgate register status")
    return RegisterCancelled(name=asked.name)


# --- the list ------------------------------------------------------------------------------------------------------


class RegisterImports(Paged[Page[RegisterImportRow]], frozen=True):
    """The imports of both registers."""

    as_of: AsOf = None


@operation(RegisterImports, "register_imports", roles=READERS)
def register_imports(folder: DataFolder, asked: RegisterImports, caller: Caller) -> Page[RegisterImportRow]:
    """Imports, newest first: day, count, how many numbers were added and removed, by whom, from which file."""
    return folder.store.call(lambda tx: queries.register_imports_page(tx, asked.after, asked.limit))


# --- a folder to drop files in ----------------------------------------------------------------------------------------

Ask = Callable[[RegisterImport, "HandedOverFile"], RegisterImported]
"""Imports a file; raises ``GateError``."""


def drop_folder(section: Registers, folder: Path, ask: Ask, settle: float | None = None) -> DropFolder:
    """The folder as the configuration names its files."""

    def take(name: str, file: HandedOverFile) -> RegisterImported:
        fields = {"name": name, "path": file.said, "coverage": section.coverage, "once": True}
        fields["accept_narrower"] = True  # it stands in the configuration
        return ask(convert(fields, RegisterImport), file)

    names = {"tps": section.tps_names, "ctps": section.ctps_names}
    return DropFolder(folder.resolve(), names, section.settle_seconds if settle is None else settle, take)
