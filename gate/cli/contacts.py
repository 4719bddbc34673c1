"""``dialgate contacts``: the CRM's numbers, kept, and screened again whenever a register or an own list changes."""

from __future__ import annotations

import gc
from pathlib import Path

import click
from msgspec.structs import asdict, replace

from gate.cli.asking import Day, Since, ask, asks, delimiter_of, narrate_rehearsal, option, reach, rows_found
from gate.cli.command import FILE, FILE_OR_DASH, make
from gate.cli.output import View, narrate
from gate.cli.retention import narrate_copy
from gate.client.files import output_file
from gate.client.gate import Gate, copy_of, pages, written
from gate.core.cells import csv_text
from gate.core.rows.audit import CopyKind
from gate.operations.contacts.forecast import ContactsForecast
from gate.operations.contacts.list_import import ContactsImport, ContactsImported
from gate.operations.contacts.pages import (
    CHANGE_COLUMNS,
    ContactsChanges,
    ContactsDrop,
    ContactsFaults,
    ContactsForget,
    ContactsList,
    ContactsStatus,
)
from gate.operations.contacts.rescreening import ContactsRescreen
from gate.operations.parsing import Findable
from gate.showing import many

_PAGE = 1000
_SHOWN = 20
"""Bad rows named on the terminal; ``contacts list --bad`` has all of them."""

_HEADINGS = [
    ("on_behalf_of", "For"),
    ("reference", "Reference"),
    ("number", "Number"),
    ("verdict", "Verdict"),
    ("reason", "Reason"),
    ("since", "Since"),
]


@click.group("contacts")
def command() -> None:
    """The CRM's numbers: kept, and screened again whenever a register or an own list changes.

    What is kept is for reports. It decides no call: the gate screens every call when it is made.
    """


@make(
    "import",
    group=command,
    example="dialgate contacts import crm.csv --reference id\n"
    "dialgate contacts import new_leads.csv --reference id --column mobile --add",
)
@click.argument("file", type=FILE)
@asks(ContactsImport, names={"columns": "--column"}, without=["path", "delimiter", "only"])
@option(ContactsImport, "delimiter", default="")
def import_(view: View, asked: ContactsImport, file: Path, delimiter: str) -> None:
    """Keep and screen the numbers of FILE, any CSV. Rows without a number are kept apart, with their line.

    The file is the whole list: contacts that are not in it are gone. With --add it is merged instead: its contacts are
    added, and the numbers of a reference that it names replace those that were kept for it. A verdict that stays the
    same keeps its time.
    """
    asked = replace(asked, path=str(file.resolve()), delimiter=delimiter_of(delimiter))
    with view.progress(f"Importing {file.name}") as progress:
        gc.disable()  # without a gate it is done here: rows hold no cycles, and looking for some takes its time
        try:
            imported = ask(view, asked, progress=progress)
        finally:
            gc.enable()
    if view.json:
        view.data(imported)
        return
    _narrate(imported)
    if asked.dry_run:
        narrate("Nothing was kept." + (" It would need --accept-shrink." if imported.shrinks else ""))
    view.data({key: getattr(imported, key) for key in ("contacts", "new", "before", "reasons", "bad_rows", "sha256")})


def _narrate(imported: ContactsImported) -> None:
    if imported.not_utf8:
        narrate(f"Line {imported.not_utf8} is not UTF-8: such fields were read as Windows-1252.")
    if imported.objections:
        narrate(f"Kept as objections: {many(imported.objections, 'number')} whose row in the file wants no calls.")
    if imported.subscribers:
        narrate(f"{many(imported.subscribers, 'number')}: the file has who has their line, which was not noted before.")
    for each in imported.faults[:_SHOWN]:
        where = f"line {each.line}" + (f", {each.column}" if each.column else "")
        narrate(f"{where}{' (' + each.reference + ')' if each.reference else ''}: {each.fault}")
    if imported.bad_rows:
        narrate(f"Kept apart: {many(imported.bad_rows, 'row')}. See them: dialgate contacts list --bad")


@make("status", group=command, example="dialgate contacts status --since 2026-03-01")
@asks(ContactsStatus, types={"since": Since()}, defaults={"since": "yesterday"})
def status(view: View, asked: ContactsStatus) -> None:
    """Counts by verdict and reason, recent changes, and the registers that were used."""
    now = ask(view, asked)
    if view.json:
        view.data(now)
        return
    if not now.contacts:
        of = f" on behalf of {now.on_behalf_of}" if now.on_behalf_of else ""
        narrate(f"There are no contacts{of}: dialgate contacts import FILE")
    elif now.up_to_date is False:
        narrate("A register has changed: the contacts are being screened again.")
    for name, count in now.others.items():
        whose = f"on behalf of {name}: --on-behalf-of {name}" if name else "of the firm's own"
        narrate(f"{many(count, 'contact')} {whose}")
    registers = [{key: getattr(each, key) for key in ("name", "state", "as_of", "count")} for each in now.registers]
    shown = {key: value for key, value in asdict(now).items() if key != "others" and value != ""}
    view.data(shown | {"registers": registers})


@make("rescreen", group=command, example="dialgate contacts rescreen")
def rescreen(view: View) -> None:
    """Screen all of them now. It happens by itself when a register or an own list changes."""
    with view.progress("Screening the contacts") as progress:
        found = ask(view, ContactsRescreen(), progress=progress)
    view.data(
        found if view.json else {key: getattr(found, key) for key in ("contacts", "newly_blocked", "newly_allowed")}
    )


@make(
    "list",
    group=command,
    numbers=True,
    example="dialgate contacts list --verdict block --show-numbers\ndialgate contacts list blocked not listed",
)
@click.argument("words", nargs=-1)
@asks(ContactsList, without=["text"])
@click.option("--bad", is_flag=True, help="List the rows of the file without a valid number, instead of contacts.")
def list_(view: View, asked: ContactsList, words: tuple[str, ...], bad: bool) -> None:
    """Contacts with the result of their last screening, sorted by number or by a column.

    WORDS search as in `calls list`: a verdict and the days since when it holds, words of a reason, a number or its
    beginning, part of a reference.
    """
    if not bad:
        rows_found(view, Findable.CONTACTS, words, asked, _HEADINGS, "There is no such contact.")
        return
    columns = [("line", "Line"), ("field", "Column"), ("reference", "Reference"), ("fault", "What is wrong")]
    faults = ask(view, ContactsFaults(after=asked.after, limit=asked.limit, on_behalf_of=asked.on_behalf_of or ""))
    view.rows(faults, "items", columns, none="No row was kept apart.")


@make(
    "changes",
    group=command,
    numbers=True,
    example="dialgate contacts changes --since yesterday\n"
    "dialgate contacts changes --since 2026-03-01 -o for_the_crm.csv",
)
@asks(ContactsChanges, types={"since": Since()}, defaults={"since": "yesterday"}, without=["export"])
@click.option(
    "-o",
    "--output",
    metavar="FILE.csv",
    type=FILE_OR_DASH,
    help="Write all of them as CSV, numbers in full, for the CRM to take back; - for standard output. It is logged.",
)
def changes(view: View, asked: ContactsChanges, output: Path | None) -> None:
    """What is newly blocked or allowed. Contacts that were blocked from the start are listed too, as
    first_blocked."""
    with reach(view.config) as gate:
        if output is None:
            page = gate.ask(asked)
            heads = [*_HEADINGS[:3], ("change", "Change"), *_HEADINGS[3:]]
            view.rows(page, "items", heads, none="Nothing has changed.")
            return
        counts = _export(gate, asked, output)
    narrate(
        f"{many(sum(counts.values()), 'change')} written: " + ", ".join(f"{n:,} {name}" for name, n in counts.items())
    )
    if view.json and str(output) != "-":
        view.data({"file": str(output)} | counts)


def _export(gate: Gate, asked: ContactsChanges, output: Path) -> dict[str, int]:
    counts = dict.fromkeys(("newly_blocked", "newly_allowed", "first_blocked"), 0)
    copy = copy_of(CopyKind.LIST, output, "changes of contacts taken out as a list", of="contacts")
    with written(gate, copy) as entered, output_file(output) as file:
        file.write(csv_text([CHANGE_COLUMNS]).encode())
        for page in pages(gate, replace(asked, limit=_PAGE, export=True)):
            file.write(csv_text([getattr(item, name) for name in CHANGE_COLUMNS] for item in page.items).encode())
            for item in page.items:
                counts[item.change] += 1
    narrate_copy(entered)
    return counts


@make("forecast", group=command, example="dialgate contacts forecast\ndialgate contacts forecast --day 2026-12-25")
@asks(ContactsForecast, types={"day": Day(ahead=True)})
def forecast(view: View, asked: ContactsForecast) -> None:
    """Who will be closed, stale or listed: all contacts as of tomorrow, if nothing changes meanwhile.

    They are screened for the time at which that day's calling begins. The result is not kept.
    """
    with view.progress("Screening the contacts"):
        then = ask(view, asked)
    if not view.json:
        if then.closed:
            narrate(f"Nobody may be called on {then.day}: {then.closed}.")
        for each in then.registers:
            if each.days_left is not None and each.days_left < 0:
                narrate(f"{each.name.upper()} is too old by then: import a newer file.")
    shown = ("day", "at", "contacts", "may_be_called", "reasons", "no_longer", "again")
    view.data(then if view.json else {name: getattr(then, name) for name in shown})


@make("drop", group=command, example='dialgate contacts drop acme --reason "the contract is over"')
@asks(ContactsDrop, "on_behalf_of")
def drop(view: View, asked: ContactsDrop) -> None:
    """Delete the whole list that is kept on behalf of INSTIGATOR. Objections and consents stay."""
    view.data(ask(view, asked))


@make("forget", group=command, numbers=True, example='dialgate contacts forget "020 7946 0123"')
@asks(ContactsForget, "number", without=["id", "execute"])
def forget(view: View, asked: ContactsForget) -> None:
    """Delete what is kept of a number's contacts. Objections and consents stay."""
    answer = ask(view, asked)
    if asked.dry_run and answer.forgotten and not view.json:
        narrate_rehearsal(view, replace(asked, dry_run=False, execute=answer.digest))
    narrate(
        "Nothing was deleted." if asked.dry_run else "Take it out of the CRM too: its next list brings the number back."
    )
    view.data(answer)
