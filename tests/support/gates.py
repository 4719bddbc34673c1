"""Gates of one firm: each a process with a log, keys and recordings of its own, on one PostgreSQL database."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gate.vault.signing import CheckpointKey
from tests.support import postgresql
from tests.support.running_gate import RunningGate, dialgate, free_port


@contextmanager
def gates_on_one_database(folder: Path, count: int, dsn: str = "", **pbx: Any) -> Iterator[list[RunningGate]]:
    """So many gates that are not started yet: of logs 0, 1, …, with one key of the number hashes. ``dsn``: of a
    database that is there, and empty; ``pbx``: of their PBX."""
    server = None if dsn else postgresql.Server(postgresql.folder_of_server())
    if server is not None:
        server.do("CREATE DATABASE evidence")
        dsn = f"postgresql://dialgate@/evidence?host={server.folder}"
    made: list[RunningGate] = []
    try:
        for log in range(count):
            gate = RunningGate(folder / f"gate{log}", announcement=0.6)
            gate.add_pbx(**pbx)
            gate.http = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
            gate.set("control", http=gate.http)
            gate.add_token("dialler", purposes=["marketing"])
            made.append(gate)
        first, *others = made
        dialgate("store", "move", "--to", dsn, config=first.config)
        for log, each in enumerate(others, 1):
            shutil.rmtree(each.data)
            shutil.copytree(first.data, each.data, ignore=shutil.ignore_patterns("gate.db*", "gate.key", "checkpoints"))
            CheckpointKey.create(each.data / "gate.key", f"gate{log}.example/log")
            each.set("store", dsn=dsn, log=log)
        yield made
    finally:
        for each in made:
            each.kill()
        if server is not None:
            server.stop()
