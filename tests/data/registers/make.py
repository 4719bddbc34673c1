"""Writes the register files in this folder, each named for its fault. Drama numbers only (LAW 6.5).

Run as ``python tests/data/registers/make.py``; ``tests/registers/test_source.py`` sees that the files are these.
"""

from __future__ import annotations

from pathlib import Path

GOOD = [f"01632960{number:03d}" for number in range(20)]


def _records(numbers: list[str], ending: str = "\r\n") -> bytes:
    return "".join(number.ljust(12) + ending for number in numbers).encode()


def _with(line: int, text: str) -> bytes:
    """Twenty records, the given line (from 1) replaced."""
    return _records([*GOOD[: line - 1], text, *GOOD[line:]])


FILES = {
    "empty.txt": b"",
    "only_line_ends.txt": b"\r\n\r\n\r\n",
    "cut_in_a_number.txt": _records(GOOD)[:-9],
    "cut_before_its_line_end.txt": _records(GOOD)[:-2],
    "cut_between_cr_and_lf.txt": _records(GOOD)[:-1],
    "cut_to_what_looks_like_a_shorter_number.txt": b"".join(number.encode() + b"\n" for number in GOOD)[:-2],
    "letter_in_line_7.txt": _with(7, "O1632960007"),
    "international_in_line_3.txt": _with(3, "441632960003"),
    "too_short_in_line_12.txt": _with(12, "016329600"),
    "too_long_in_line_1.txt": _with(1, "016329600001"),
    "blank_line_5.txt": _with(5, ""),
    "tab_in_line_9.txt": _with(9, "01632\t960009"),
    "header_line.txt": b"telephone number\r\n" + _records(GOOD),
    "utf16.txt": _records(GOOD).decode().encode("utf-16"),
    "old_mac_line_ends.txt": _records(GOOD, "\r"),
    "zip_archive.txt": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(range(256)) * 4,
    "seven_bad_lines.txt": _records([*GOOD[:3], *(f"bad line {n}" for n in range(7)), *GOOD[3:]]),
}


def main() -> None:
    """Write them."""
    for name, content in FILES.items():
        (Path(__file__).parent / name).write_bytes(content)


if __name__ == "__main__":
    main()
