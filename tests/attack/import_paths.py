"""An account that may import lists wants the gate to read what it may not read itself, or to hang.

It speaks to the control socket itself, as no client of Dialgate's would. It names files by path (secrets with every
delimiter, so that an error shows their first line as column names; a link that is swapped meanwhile; devices and
pipes), and hands over open descriptors of what is no file::

    python -m tests.attack.import_paths data/control.sock SECRET FOLDER

FOLDER is a place of its own. It prints one line of JSON: ``asked`` (how often), ``leaked`` (answers in which something
of SECRET stood), ``hung`` (questions without an answer) and ``kept`` (how many were not refused).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SECONDS = 15.0
DELIMITERS = " -.,;:_/|abcdefghijklmnopqrstuvwxyz"
SWAPS = 60


class Attack:
    """What was achieved so far."""

    def __init__(self, control: str, secret: Path) -> None:
        self._control = control
        first = secret.read_text(errors="replace").partition("\n")[0]
        self._words = [word for word in re.split(r"\W+", first) if len(word) >= 4]
        self.asked = self.leaked = self.hung = self.kept = 0

    def ask(self, op: str, **fields: Any) -> None:
        """One question by hand."""
        self.asked += 1
        connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
        connection.sock = _connect(self._control)
        try:
            connection.request("POST", f"/v1/op/{op}", json.dumps(fields))
            said = connection.getresponse().read().decode(errors="replace")
        except OSError:
            self.hung += 1
            return
        finally:
            connection.close()
        self.leaked += any(word in said for word in self._words)
        self.kept += '"result"' in said

    def both(self, path: str, ticket: str | None = None, delimiter: str = "") -> None:
        """Both imports of one path, or of one descriptor that was handed over."""
        file = {} if ticket is None else {"file": ticket}
        self.ask("contacts_import", path=path, delimiter=delimiter, columns=["no such column"], **file)
        if ticket is None:
            self.ask("register_import", name="tps", path=path)

    def hand(self, descriptor: int, said: str) -> None:
        """Hand a descriptor over, and ask for an import of it."""
        try:
            with _connect(f"{self._control}.files") as connection:
                socket.send_fds(connection, [b"\n"], [descriptor])
                told = json.loads(connection.recv(65536) or b"{}")
                self.both(said, str(told.get("ticket", "")))
        except (FileNotFoundError, ConnectionError):
            self.asked += 1  # this gate takes no files


def main(arguments: Sequence[str] | None = None) -> int:
    """Try it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("control")
    parser.add_argument("secret", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args(arguments)
    attack = Attack(asked.control, asked.secret)
    for delimiter in DELIMITERS:
        attack.both(str(asked.secret), delimiter=delimiter)
    pipe = asked.folder / "pipe"
    os.mkfifo(pipe)
    for path in ("/dev/zero", str(pipe), str(asked.folder), "/proc/self/environ", "/proc/self/mem"):
        attack.both(path)
    _swap(attack, asked.secret, asked.folder)
    for path, flags in (
        ("/dev/zero", os.O_RDONLY),
        (str(pipe), os.O_RDWR),
        (str(asked.folder), os.O_RDONLY),
        (str(asked.secret), os.O_PATH),
        (str(_sparse(asked.folder)), os.O_RDONLY),
    ):
        descriptor = os.open(path, flags)
        attack.hand(descriptor, path)
        os.close(descriptor)
    achieved = {name: getattr(attack, name) for name in ("asked", "leaked", "hung", "kept")}
    print(json.dumps(achieved))
    return 0


def _swap(attack: Attack, secret: Path, folder: Path) -> None:
    """A link to a list of one's own that leads to the secret a moment later."""
    own, link, over = folder / "own.csv", folder / "link.csv", threading.Event()
    own.write_text("a b-c,d e-f\n1,2\n")

    def flip() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            spare = folder / f"spare{turn % 2}"
            spare.symlink_to(secret if turn % 2 else own)
            spare.replace(link)

    link.symlink_to(own)
    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for turn in range(SWAPS):
            attack.ask("contacts_import", path=str(link), delimiter="- "[turn % 2], columns=["no such column"])
    finally:
        over.set()
        thread.join()


def _sparse(folder: Path) -> Path:
    path = folder / "zeros.csv"
    with path.open("wb") as file:
        file.truncate(500 << 20)
    return path


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    parent = os.open(Path(path).parent, os.O_PATH)
    try:
        connection.connect(f"/proc/self/fd/{parent}/{Path(path).name}")
    finally:
        os.close(parent)
    return connection


if __name__ == "__main__":
    sys.exit(main())
