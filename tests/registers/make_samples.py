"""Writes ``sample_lists/``: small lists in the real formats, made of drama numbers only (LAW 6.5), always the same.

Run as ``python -m tests.registers.make_samples``; ``test_samples.py`` sees that the files are these.
"""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "sample_lists"

RANGES = (
    *((code + "4960", 1000) for code in ("0113", "0114", "0115", "0116", "0117", "0118")),
    *((code + "4960", 1000) for code in ("0121", "0131", "0141", "0151", "0161")),
    ("01914980", 1000),
    ("02079460", 1000),
    ("02890180", 1000),
    ("02920180", 1000),
    ("01632960", 1000),
    ("07700900", 1000),
)
"""(national number without its last three digits, how many)."""

TPS_TOO = ("02079460101", "01632960202", "02079460999")
CTPS_TOO = ("02079460150", "02079460151", "01632960250")
FREE = ("02079460123", "01632960123", "07700900123", "07700900200", "01632960100")
"""Numbers that the documentation, the demo and the tests use as not listed."""

CONSENTS = (
    ("+441632960202", "2025-11-03T10:15:00+00:00", "web form", "Yes, you may call me on this number", "Gareth Pugh",
     "form 2025-11-03 #4471"),
    ("+441134960042", "2025-12-09T16:40:00+00:00", "by telephone", "I am happy for Webeo to call me",
     "Amina Khan", "call of 2025-12-09"),
    ("+442079460150", "2026-01-12T09:05:00+00:00", "contract", "Calls about our account and new tariffs are welcome",
     "Harbour Bakery Ltd", "contract 2026/0031, section 7"),
)  # fmt: skip

OBJECTIONS = (
    ("+447700900200", "2025-10-21T13:02:00+00:00", "call", "said: do not call me again"),
    ("+441614960077", "2025-12-01T08:30:00+00:00", "email", "unsubscribed from everything"),
    ("+442920180345", "2026-01-05T15:48:00+00:00", "letter", ""),
)

CRM = (
    ("1001", "Harbour Bakery Ltd", "Siân Pryce", "020 7946 0150", "", "sian@harbour-bakery.example", "Bristol", ""),
    ("1002", "", "Gareth Pugh", "01632 960202", "07700 900 417", "g.pugh@example.org", "Hexham", "rang 3 Nov, keen"),
    ("1003", "", "Margaret O'Neill", "(020) 7946 0101", "", "", "London", "prefers mornings"),
    ("1004", "Brook & Sons", "Tom Brook", "+44 (0)20 7946 0123", "", "tom@brook.example", "London", 'said "call back"'),
    ("1005", "", "Amina Khan", "0113-496-0042", "", "amina@example.net", "Leeds", ""),
    ("1006", "", "Jürgen Weiß", "0044 1632 960123", "", "jw@example.com", "Berwick", "line one\nline two"),
    ("1007", "", "P. Nwosu", "", "+447700900200", "", "Manchester", "asked not to be called"),
    ("1008", "Tyne Joinery", "Ellie Ward", "0191 498 0612", "07700900123", "ellie@tyne.example", "Newcastle", ""),
    ("1009", "", "Rhodri Bevan", "029 2018 0345", "", "", "Cardiff", ""),
    ("1010", "Lagan Optics", "Niamh Daly", "02890 180211", "", "niamh@lagan.example", "Belfast", "a;b;c"),
    ("1011", "", "S. Pillai", "tel:+44-161-496-0077", "", "", "Salford", ""),
    ("1012", "", "Dorothy Hale", "０２０ ７９４６ ０８４２", "", "", "Harrow", "copied from a letter"),
    ("1013", "Copper Kettle", "Iain Reid", "0131 496 0333 ", "", "iain@kettle.example", "Edinburgh", ""),
    ("1014", "", "Fiona Lamb", "0141.496.0518", "", "fiona@example.org", "Glasgow", ""),
    ("1015", "", "K. Adeyemi", "00 44 (0) 115 496 0720", "", "", "Nottingham", ""),
    ("1016", "Mersey Print", "Joan Hart", "0151 496 0264 ext 12", "", "joan@mersey.example", "Liverpool", "extension"),
    ("1017", "", "B. Scott", "141 020 7946 0123", "", "", "London", "typed with 141"),
    ("1018", "", "unknown", "n/a", "", "", "", "no number yet"),
    ("1019", "", "Lena Fox", "496 0123", "", "", "Leeds", "without its dialling code"),
    ("1020", "", "Max Reuter", "+49 30 23125 000", "", "max@example.de", "Berlin", "abroad"),
    ("1021", "", "Twice Entered", "02079460101", "", "", "London", "the same as 1003"),
    ("1022", "", "Ray Dunn", "01632-960 100", "", "ray@example.com", "Alnwick", ""),
)  # fmt: skip


def numbers(seed: str, count: int, required: tuple[str, ...], avoid: tuple[str, ...]) -> list[str]:
    """National numbers in rising order: ``required``, and others from all ranges alike."""
    draw = random.Random(seed)
    chosen = set(required)
    while len(chosen) < count:
        head, size = RANGES[len(chosen) % len(RANGES)]
        number = head + f"{draw.randrange(size):03d}"
        if number not in avoid and not number.endswith("000"):
            chosen.add(number)
    return sorted(chosen)


def without_spaces(number: str) -> str:
    """A record of 12: the digits, and spaces behind them."""
    return number.ljust(12)


def with_spaces(number: str) -> str:
    """A record of 12: the dialling code in 5 on the left, the rest in 7 on the right."""
    short = number.startswith("02") or number.startswith("011") or number[3] == "1"
    code = number[:4] if short else number[:5]
    return code.ljust(5) + number[len(code) :].rjust(7)


def _csv(head: str, rows: tuple[tuple[str, ...], ...]) -> bytes:
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(head.split(","))
    table.writerows(rows)
    return out.getvalue().encode()


def files() -> dict[str, bytes]:
    """Every file of the folder, by name."""
    kept_free = (*FREE, *("0" + row[0][3:] for row in OBJECTIONS))
    tps = numbers("tps", 340, TPS_TOO, (*kept_free, *CTPS_TOO))
    ctps = numbers("ctps", 255, CTPS_TOO, (*kept_free, *TPS_TOO))
    return {
        "tps_ns.txt": "".join(without_spaces(number) + "\r\n" for number in tps).encode(),
        "ctps_ns.txt": "".join(with_spaces(number) + "\r\n" for number in ctps).encode(),
        "objections.csv": _csv("number,made_at,source,note", OBJECTIONS),
        "consents.csv": _csv("number,given_at,how,wording,who,evidence", CONSENTS),
        "crm.csv": _csv("id,company,name,phone,mobile,email,town,notes", CRM),
    }


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
