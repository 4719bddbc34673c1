"""A CRM file against the registers, beside a plain loop. ``python -m tests.bench.bench_screen [ROWS]``

The plain loop is what one would write: csv, phonenumbers and a SQLite database with the registers, the objections and
the consents, each with its index. Both read the same file, from the page cache, and every verdict is compared. Each is
measured in a process of its own; the loop on a sample of the rows, as it takes a minute for a million.
"""

from __future__ import annotations

import csv
import gc
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gate.ports import Fact
from tests.bench import registers_gen

ROWS = 1_000_000
SAMPLE = 100_000
TPS, CTPS = 16_700_000, 1_300_000
OWN = 20_000
"""Objections, and as many consents, at most; one in fifty rows has one of them."""
NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
PEPPER = bytes(32)
SPELLINGS = ("0{0}", "+44{0}", "0{1} {2}", "+44 {1} {2}", "0044{0}", "(0{1}) {2}", "0{1}-{2}", "+44 (0){1} {2}")
OTHERS = ("", "n/a", "+49 30 23125 000", "141 020 7946 0123", "7700 900", "0900 123")

Row = dict[str, Any]
"""``what``, ``tool``, ``figure``, ``unit``, ``ratio`` (to Dialgate's), ``rows``, ``register``."""


def run(rows: int = ROWS, *, tps: int = TPS, ctps: int = CTPS, sample: int = SAMPLE) -> list[Row]:
    """The figures for a CRM of ``rows`` rows. Raises ``AssertionError`` where one verdict differs."""
    sample = min(sample, rows)
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as name:
        place = Path(name)
        _prepare(place, rows, tps, ctps)
        ours, part = _measure("ours", place, rows), _measure("ours", place, sample)
        plain = _measure("plain", place, sample)
        compared = _compare(place / f"ours-{sample}.csv", place / f"plain-{sample}.csv")
    if compared != sample:
        raise AssertionError(f"{compared:,} rows compared, not {sample:,}")
    per_row = ours["seconds"] / rows
    base = {"rows": rows, "register": tps + ctps}
    return [
        base | {"what": "screen", "tool": "dialgate", "figure": ours["seconds"], "unit": "s", "ratio": 1.0},
        base | {"what": "a row", "tool": "dialgate", "figure": per_row * 1e6, "unit": "µs", "ratio": 1.0},
        base
        | {"what": "a row", "tool": f"csv, phonenumbers, SQLite (on {sample:,} rows)", "unit": "µs"}
        | {"figure": plain["seconds"] / sample * 1e6, "ratio": plain["seconds"] / sample / per_row},
        base | {"what": "peak memory", "tool": "dialgate", "figure": ours["mb"], "unit": "MB", "ratio": None},
        base
        | {"what": f"the same {sample:,} rows", "tool": "plain loop against dialgate", "unit": "s"}
        | {"figure": plain["seconds"], "ratio": plain["seconds"] / part["seconds"]},
    ]


def _prepare(place: Path, rows: int, tps: int, ctps: int) -> None:
    """Registers as snapshots and in SQLite, own lists in both databases, and the CRM."""
    from gate.registers.importer import import_file

    listed: dict[str, Any] = {}
    database = sqlite3.connect(place / "plain.db")
    for seed, (name, size) in enumerate((("tps", tps), ("ctps", ctps)), start=1):
        numbers = registers_gen.make(size, seed)
        source = place / f"{name}_ns.txt"
        registers_gen.write(source, numbers)
        import_file(place / "registers", name, source, as_of=date(2026, 2, 10), now=NOW)
        source.unlink()
        database.execute(f"CREATE TABLE {name}(number INTEGER PRIMARY KEY)")
        keys = ((number,) for number in _e164(numbers).tolist())
        database.executemany(f"INSERT INTO {name} VALUES (?)", keys)  # noqa: S608 - names are code's
        listed[name] = numbers
    dice = np.random.default_rng(7)
    asked = dice.choice(listed["tps"], rows)
    away = dice.random(rows) < 0.6
    asked[away] += dice.integers(-400, 400, int(away.sum()))
    asked[dice.random(rows) < 0.05] = dice.choice(listed["ctps"])
    count = min(OWN, rows // 100)
    own = _e164(dice.choice(asked, 2 * count)).tolist()
    _own_lists(place, database, own[:count], own[count:])
    database.commit()
    _write_crm(place / "crm.csv", asked.tolist(), dice)


def _e164(national: registers_gen.Numbers) -> registers_gen.Numbers:
    return national + np.where(national < 1_000_000_000, 44_000_000_000, 440_000_000_000)


def _consented(number: int, at: datetime) -> dict[str, str]:
    return {"number": f"+{number}", "given_at": at.isoformat(), "evidence": "form 1"}


def _own_lists(place: Path, database: sqlite3.Connection, objected: Sequence[int], consented: Sequence[int]) -> None:
    from gate.store.store import EvidenceStore

    earlier = NOW - timedelta(days=30)
    store = EvidenceStore(place / "gate.db", pepper=PEPPER)
    facts = [
        Fact("objection", f"o{n}", earlier, "bench", {"number": f"+{number}", "source": "list"})
        for n, number in enumerate(objected)
    ] + [Fact("consent", f"c{n}", earlier, "bench", _consented(number, earlier)) for n, number in enumerate(consented)]
    for start in range(0, len(facts), 1000):
        part = facts[start : start + 1000]
        store.call(lambda tx, part=part: [tx.append(fact) for fact in part])
    store.close()
    for name, numbers in (("objections", objected), ("consents", consented)):
        database.execute(f"CREATE TABLE {name}(number INTEGER, at TEXT)")
        entries = ((each, earlier.isoformat()) for each in numbers)
        database.executemany(f"INSERT INTO {name} VALUES (?, ?)", entries)  # noqa: S608 - names are code's
        database.execute(f"CREATE INDEX {name}_number ON {name}(number)")


def _write_crm(path: Path, numbers: Sequence[int], dice: np.random.Generator) -> None:
    spellings = dice.integers(0, len(SPELLINGS), len(numbers)).tolist()
    others = (dice.random(len(numbers)) < 0.02).tolist()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "company", "name", "phone", "email", "town", "notes"])
        for row, (number, spelling, other) in enumerate(zip(numbers, spellings, others, strict=True)):
            text = str(number)
            phone = OTHERS[row % len(OTHERS)] if other else SPELLINGS[spelling].format(text, text[:3], text[3:])
            note = "rang in May, keen" if row % 5 == 0 else "" if row % 7 else 'said "call back"'
            writer.writerow([row, "Harbour Bakery", "Siân Pryce", phone, f"c{row}@example.org", "Bristol", note])


def _compare(ours: Path, plain: Path) -> int:
    """How many rows have the same verdict, reason and number. Raises ``AssertionError`` at the first that has not."""
    with ours.open(newline="", encoding="utf-8") as one, plain.open(newline="", encoding="utf-8") as other:
        rows = 0
        for left, right in zip(csv.DictReader(one), csv.DictReader(other), strict=True):
            keys = ("id", "verdict", "reason", "number")
            if any(left[key] != right[key] for key in keys):
                raise AssertionError(f"{[left[key] for key in keys]} is not {[right[key] for key in keys]}")
            rows += 1
    return rows


def _measure(kind: str, place: Path, rows: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.bench_screen", "--measure", kind, str(place), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{kind}: {done.stderr}")
    return dict(json.loads(done.stdout))


# --- in the measuring process -----------------------------------------------------------------------------------------


def _part(place: Path, rows: int) -> Path:
    """The file with its first so many rows."""
    path = place / f"crm-{rows}.csv"
    if not path.exists():
        with (place / "crm.csv").open("rb") as whole, path.open("wb") as part:
            part.writelines(islice(whole, rows + 1))
    return path


def _peak_mb() -> float:
    """The most memory of this process, mapped files included. Not ``ru_maxrss``: a child begins with its parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def _ours(place: Path, rows: int) -> float:
    from gate.operations.contacts.bulk_screener import BulkScreener
    from gate.operations.contacts.file_screening import FileScreening
    from gate.registers.fixed import FixedRegisters
    from gate.store.own import OwnLists
    from gate.store.reader import Reader
    from tests.support.screening import ATTEMPT, RULES

    source = _part(place, rows)
    gc.disable()  # as the command does
    begun = time.perf_counter()
    with Reader(place / "gate.db") as reader:
        own = OwnLists(reader, PEPPER)
    registers = FixedRegisters(place / "registers", ("tps", "ctps"), NOW.date())
    screener = BulkScreener(registers, own, RULES, ATTEMPT, NOW)
    with source.open("rb") as file, (place / f"ours-{rows}.csv").open("wb") as out:
        FileScreening(file, out, screener, columns=["phone"]).run()
    return time.perf_counter() - begun


def _plain(place: Path, rows: int) -> float:
    import phonenumbers

    source = _part(place, rows)
    begun = time.perf_counter()
    execute = sqlite3.connect(place / "plain.db").execute
    with (
        source.open(newline="", encoding="utf-8") as file,
        (place / f"plain-{rows}.csv").open("w", newline="", encoding="utf-8") as target,
    ):
        reader = csv.reader(file)
        writer = csv.writer(target)
        header = next(reader)
        column = header.index("phone")
        writer.writerow([*header, "verdict", "reason", "number", "tps_as_of", "ctps_as_of"])
        for row in reader:
            writer.writerow(row + _plain_answer(row[column], phonenumbers, execute))
    return time.perf_counter() - begun


def _plain_answer(raw: str, phonenumbers: Any, execute: Any) -> list[str]:
    """One number, as a careful script would do it; refusals as Dialgate names them, for the comparison."""
    refused = ["block", "number_invalid", "", "", ""]
    if not raw.strip():
        return ["block", "no_number", "", "", ""]
    if raw.startswith("141"):
        return ["block", "identity_withheld", "", "", ""]
    if not raw or not raw.strip().startswith(("0", "+", "(")):
        return refused
    try:
        parsed = phonenumbers.parse(raw, "GB")
    except phonenumbers.NumberParseException:
        return refused
    if not phonenumbers.is_possible_number(parsed):
        return refused
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    days = [e164, "2026-02-10", "2026-02-10"]
    if parsed.country_code != 44:
        return ["block", "destination_not_allowed", *days]
    if len(e164) not in (12, 13) or e164[3] not in "123789" or (len(e164) == 12 and e164[3] != "1"):
        return refused
    key = int(e164[1:])
    objection = execute("SELECT max(at) FROM objections WHERE number = ?", (key,)).fetchone()[0]
    consent = execute("SELECT max(at) FROM consents WHERE number = ?", (key,)).fetchone()[0]
    if objection and not (consent and consent > objection):
        return ["block", "objected", *days]
    if consent:
        return ["allow", "consented", *days]
    for name in ("tps", "ctps"):
        if execute(f"SELECT 1 FROM {name} WHERE number = ?", (key,)).fetchone():  # noqa: S608 - names are code's
            return ["block", f"listed_{name}", *days]
    return ["allow", "not_listed", *days]


def main() -> None:
    """Print the rows as a table; the number of CRM rows as argument."""
    if sys.argv[1:2] == ["--measure"]:
        kind, place, rows = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
        seconds = _ours(place, rows) if kind == "ours" else _plain(place, rows)
        print(json.dumps({"seconds": seconds, "mb": _peak_mb()}))
        return
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    small = {"tps": TPS * wanted // ROWS, "ctps": CTPS * wanted // ROWS} if wanted < ROWS else {}
    print("| rows | numbers listed | what | tool | figure | ratio |\n|--:|--:|---|---|--:|--:|")
    for row in run(wanted, **small):
        ratio = f"{row['ratio']:.1f}" if row["ratio"] is not None else ""
        figure = f"{row['figure']:,.2f} {row['unit']}"
        print(f"| {row['rows']:,} | {row['register']:,} | {row['what']} | {row['tool']} | {figure} | {ratio} |")


if __name__ == "__main__":
    main()
