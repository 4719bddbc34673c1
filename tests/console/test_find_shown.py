"""Find knows every word that a row shows: what stands on the screen, typed again, finds that row, and no row that shows
another word in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from console import words
from console.modes.calls import Mode as Calls
from console.modes.contacts import Mode as Contacts
from console.modes.recordings import Mode as Recordings
from console.modes.requests import Mode as Requests
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.operation import Request
from tests.support.asking import ask
from tests.support.month import ANN, NOW, Month, filled

LISTS = {"calls": Calls, "recordings": Recordings, "contacts": Contacts, "requests": Requests}
MEASURED = {"Talk", "Leaf", "Length", "Pauses", "Size", "Left", "Line", "Recording", "Call"}
"""Columns that are not asked for here: what they show is counted, or the beginning of an id, which tests spell out."""
OTHER_DAYS = {"Due", "Regulator"}
"""Days on which a request was not received: a day that is typed is that of its receipt, and it is said so."""
MOST = 60
"""Questions of one column."""


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("month")
    month = filled(folder)
    words.it_is(NOW)
    crm = folder / "crm.csv"
    crm.write_text("id,phone\n" + "".join(f"C-{n},02079460{n:03}\n" for n in range(90)) + "C-90,07700900001\nC-91,12\n")
    ask(month.folder, ContactsImport(path=str(crm), columns=("phone",), reference="id"), ANN)
    yield month
    month.close()


def page(month: Month, view: Any, **more: Any) -> list[Any]:
    fields: Mapping[str, Any] = {**view.fields, **more}
    request: Request[Any] = view.request(limit=1000, **fields)
    rows: list[Any] = getattr(ask(month.folder, request, ANN), view.items)
    return rows


@pytest.mark.parametrize("name", LISTS)
def test_what_a_row_shows_finds_it(month: Month, name: str) -> None:
    view = LISTS[name].VIEWS[LISTS[name].FOUND]
    rows = page(month, view)
    asked: dict[tuple[str, str], list[Any]] = {}
    for column in view.columns:
        if column.heading in MEASURED | OTHER_DAYS:
            continue
        shown: dict[str, list[Any]] = {}
        for row in rows:
            shown.setdefault(column.show(row)[0].strip(), []).append(getattr(row, view.key))
        for text, ids in [*shown.items()][:MOST]:
            if text and text != "-":
                asked[column.heading, text] = ids
    faults = []
    for (title, text), ids in asked.items():
        found = {getattr(row, view.key) for row in page(month, view, **view.filters(text))}
        if missed := [each for each in ids if each not in found]:
            faults.append(f"{title} {text!r}: {len(missed)} of {len(ids)} not found")
        elif title in ("Verdict", "Reason", "State", "Purpose", "From", "Asks for") and found != set(ids):
            faults.append(f"{title} {text!r}: {len(found) - len(ids)} more than show it")
    assert not faults, f"{len(asked)} asked\n" + "\n".join(faults)
