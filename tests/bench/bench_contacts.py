"""The CRM's contacts, kept and screened again. ``python -m tests.bench.bench_contacts [CONTACTS [TPS]]``

Imported, imported again, screened again after a register import that lists some of them, and after one objection.
Beside each a thread asks for decisions all the time: what a call has to wait for while a million contacts are written.
"""

from __future__ import annotations

import csv
import gc
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gate.operations.calls.screening import Check
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.contacts.pages import ContactsStatus
from gate.operations.contacts.rescreening import Contacts, ContactsRescreen
from gate.operations.lists.objections import ObjectionAdd
from gate.operations.registers.importing import RegisterImport, RegisterImported, RegisterName
from tests.bench import registers_gen
from tests.support.asking import ask

CONTACTS = 1_000_000
TPS = 16_700_000
ACTOR = "bench"

Row = dict[str, Any]
"""``what``, ``tool``, ``figure``, ``unit``, ``note``."""


def run(contacts: int = CONTACTS, tps: int = TPS, *, ctps: int | None = None) -> list[Row]:
    """The figures. Raises ``AssertionError`` where the contacts are not what they must be."""
    from gate.config import load
    from gate.daemon.opening import open_folder
    from tests.support.running_gate import dialgate

    rows: list[Row] = []
    ctps = max(tps // 13, 100) if ctps is None else ctps
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as name, ExitStack() as stack:
        place = Path(name)
        dialgate("init", str(place / "gate"), "--example")
        config = load(place / "gate" / "config.toml")
        data = open_folder(config, stack)
        numbers = {}
        sizes: tuple[tuple[RegisterName, int], ...] = (("tps", tps), ("ctps", ctps))
        for seed, (register, size) in enumerate(sizes, start=1):
            numbers[register] = registers_gen.make(size, seed)
            _import(data, place, register, numbers[register])
        asked = _crm(place / "crm.csv", numbers["tps"], contacts)
        crm = str(place / "crm.csv")
        with _timed(rows, data, "import and screen", contacts):
            answer = ask(data, ContactsImport(path=str(crm), reference="id"), ACTOR)
        assert answer.contacts == contacts, answer
        with _timed(rows, data, "import the same list again", contacts):
            answer = ask(data, ContactsImport(path=str(crm), reference="id"), ACTOR)
        assert answer.new == 0, answer
        with _timed(rows, data, "screen all again, nothing changed", contacts):
            assert ask(data, ContactsRescreen(), ACTOR).newly_blocked == 0
        data.one(Contacts).background = True  # the import alone, then what follows it
        fresh = np.setdiff1d(asked, np.concatenate([numbers["tps"], numbers["ctps"]]))[: max(contacts // 1000, 1)]
        report = _import(data, place, "tps", np.sort(np.concatenate([numbers["tps"], fresh])))
        with _timed(rows, data, f"follow a register that lists {len(fresh):,} more", contacts):
            data.one(Contacts).follow()
        assert report.contacts is not None
        assert report.contacts.newly_listed == ask(data, ContactsStatus(), ACTOR).newly_blocked
        ask(data, ObjectionAdd(number=f"0{asked[0]}"), ACTOR)
        with _timed(rows, data, "follow one objection", contacts):
            data.one(Contacts).follow()
        with _timed(rows, data, "status", contacts):
            ask(data, ContactsStatus(), ACTOR)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        note = "with the numbers that were made for it"
        rows.append({"what": "peak memory", "tool": "contacts", "figure": peak, "unit": "MB", "note": note})
    return rows


def _import(data: Any, place: Path, register: RegisterName, numbers: registers_gen.Numbers) -> RegisterImported:
    source = place / f"{register}_ns.txt"
    registers_gen.write(source, numbers)
    report = ask(data, RegisterImport(name=register, path=str(source), accept_shrink=True), ACTOR)
    source.unlink()
    return report


def _crm(path: Path, listed: registers_gen.Numbers, contacts: int) -> registers_gen.Numbers:
    """A list of so many different numbers, about two in five of them on the register; returns them."""
    dice = np.random.default_rng(11)
    asked = np.unique(np.concatenate([dice.choice(listed, contacts), dice.choice(listed, 2 * contacts) + 1]))
    asked = dice.permutation(asked[(asked >= 1_000_000_000) & (asked < 8_000_000_000)])[:contacts]
    assert len(asked) == contacts
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "company", "phone", "town"])
        writer.writerows(
            [f"C{n:07}", "Harbour Bakery", f"0{number}", "Bristol"] for n, number in enumerate(asked.tolist())
        )
    return asked


@contextmanager
def _timed(rows: list[Row], data: Any, what: str, contacts: int) -> Iterator[None]:
    """Seconds of what is done inside, and the longest that a decision had to wait meanwhile."""
    waits: list[float] = []
    over = threading.Event()

    def asks() -> None:
        while not over.is_set():
            began = time.monotonic()
            ask(data, Check(number="020 7946 0123"), ACTOR)
            waits.append(time.monotonic() - began)
            over.wait(0.01)

    gc.collect()
    asker = threading.Thread(target=asks)
    asker.start()
    began = time.monotonic()
    try:
        yield
        seconds = time.monotonic() - began
    finally:
        over.set()
        asker.join()
    ordered = sorted(waits)
    half, worst = ordered[len(ordered) // 2] * 1000, ordered[-1] * 1000
    note = f"a decision meanwhile took {half:.1f} ms, the slowest {worst:.0f} ms"
    rows.append({"what": what, "tool": "contacts", "figure": seconds, "unit": "s", "note": note, "rows": contacts})


def main(show: Callable[..., None] = print) -> None:
    """The figures on standard output."""
    sizes = dict(zip(("contacts", "tps"), map(int, sys.argv[1:3]), strict=False))
    for row in run(**sizes):
        show(f"{row['what']:<48} {row['figure']:>10.3f} {row['unit']:<3} {row['note']}")


if __name__ == "__main__":
    main()
