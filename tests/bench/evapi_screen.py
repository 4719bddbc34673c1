"""Screening as a firm might write it for Kamailio: a number made E.164 by phonenumbers, looked up in SQLite.

    python -m tests.bench.evapi_screen PORT LISTED [LISTED …]

It connects to Kamailio at 127.0.0.1:PORT, prints what that greets it with, and answers each question
``INDEX:LABEL:NUMBER`` with ``INDEX:LABEL:allow`` or ``INDEX:LABEL:block``, all as netstrings, until Kamailio is gone.
It keeps no evidence.
"""

from __future__ import annotations

import socket
import sqlite3
import sys
from collections.abc import Callable

import phonenumbers


def taken(buffer: bytearray) -> list[bytes]:
    """The whole netstrings at its start, which are taken out of it. Raises ``ValueError`` where it is none."""
    found = []
    while (colon := buffer.find(b":", 0, 10)) > 0:
        end = colon + 1 + int(buffer[:colon])
        if len(buffer) <= end:
            break
        if buffer[end] != ord(","):
            raise ValueError(f"no netstring: {bytes(buffer[:40])!r}")
        found.append(bytes(buffer[colon + 1 : end]))
        del buffer[: end + 1]
    return found


def e164(number: str) -> str:
    """As dialled in the United Kingdom. Raises ``NumberParseException``."""
    return phonenumbers.format_number(phonenumbers.parse(number, "GB"), phonenumbers.PhoneNumberFormat.E164)


def told(question: bytes, is_listed: Callable[[str], bool]) -> bytes:
    """The answer, as a netstring."""
    transaction, number = question.rsplit(b":", 1)
    try:
        verdict = b"block" if is_listed(e164(number.decode())) else b"allow"
    except (phonenumbers.NumberParseException, UnicodeDecodeError):
        verdict = b"block"
    answer = b"%s:%s" % (transaction, verdict)
    return b"%d:%s," % (len(answer), answer)


def main() -> None:
    """Answer until the other side closes."""
    register = sqlite3.connect(":memory:")
    register.execute("CREATE TABLE listed (number TEXT PRIMARY KEY) WITHOUT ROWID")
    register.executemany("INSERT INTO listed VALUES (?)", [(e164(number),) for number in sys.argv[2:]])

    def is_listed(number: str) -> bool:
        return register.execute("SELECT 1 FROM listed WHERE number = ?", (number,)).fetchone() is not None

    buffer, greeted = bytearray(), False
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
        while came := line.recv(65536):
            buffer += came
            questions = taken(buffer)
            if questions and not greeted:  # what Kamailio asks before it has seen this client is asked of nobody
                greeted = True
                print(questions.pop(0).decode(), flush=True)
            line.sendall(b"".join(told(question, is_listed) for question in questions))


if __name__ == "__main__":
    main()
