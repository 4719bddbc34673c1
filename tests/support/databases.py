"""The evidence database before its first fact: made once a process, then copied.

Making one takes 36 ms of a processor, for each change of the tables is applied in its turn; a copy takes one. The suite
makes thousands. How one is made from nothing is tested in ``tests/store/test_schema.py``, which opens it as a gate
does, and by every gate that is started by an interpreter of its own.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from gate.audit import verify as verifying
from gate.config import Config
from gate.sqlite_thread import Connection
from gate.store import reader, schema, store
from gate.store.reader import Reader, open_writer
from gate.store.transaction import StoreTransaction
from tests.support.evidence import Engine


def query(source: StoreTransaction | Reader, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows of any statement, by name of column."""
    cursor = source._connection.execute(sql, values)
    return [dict(zip([column[0] for column in cursor.description], row, strict=True)) for row in cursor]


@cache
def empty(steps: tuple[schema.Step, ...] = schema.STEPS) -> bytes:
    """What a new database's file holds once ``steps`` were taken, which a test may have changed."""
    with tempfile.TemporaryDirectory(prefix="dialgate-empty-") as folder:
        path = Path(folder) / "gate.db"
        open_writer(path).close()
        return path.read_bytes()


def _open(path: Path) -> sqlite3.Connection:
    with suppress(OSError):  # no room, no folder, no right to it: opening it says so
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            made = empty(schema.STEPS)
            if os.write(descriptor, made) < len(made):
                os.ftruncate(descriptor, 0)
        except OSError:
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)
    return open_writer(path)


def copy_empty() -> None:
    """From now on the stores that this process opens begin with a copy."""
    store.open_writer = _open


def put_in_place(source: Path, target: Path) -> None:
    """Have a gate's data folder be what another one is, with its database: how an older state is kept, and put back."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    if Engine.name == "postgresql":
        from tests.support import postgresql  # psycopg is an extra

        postgresql.drop_all(target)
        postgresql.place_of(target)


def use_postgresql() -> None:
    """From now on what stands for a folder's ``gate.db`` is a database of PostgreSQL's (``--store postgresql``): in
    this process by whatever is opened, in a program that it starts by ``[store]`` in its configuration."""
    from tests.support import postgresql, programs

    def at(place: reader.Place) -> reader.Place:
        return postgresql.place_of(place.parent) if isinstance(place, Path) else place

    def of(config: Config) -> reader.Place:
        return postgresql.place_of(config.data)

    def opened(place: reader.Place, pepper: bytes) -> store.EvidenceStore:
        return store_at(at(place), pepper)

    def read(place: reader.Place) -> Connection:
        return open_reader(at(place))

    def verified(place: reader.Place, *arguments: Any, **more: Any) -> Any:
        return verify(at(place), *arguments, **more)

    def unlike(connection: Connection, proof: bytes | None = None) -> Any:
        own = isinstance(connection, sqlite3.Connection)
        return differences(connection, proof) if own else server.differences(connection, proof)

    instead: dict[Any, Any] = {
        reader.place_of: of,
        store.store_at: opened,
        reader.open_reader: read,
        verifying.verify: verified,
        schema.differences: unlike,
    }
    store_at, open_reader, verify = store.store_at, reader.open_reader, verifying.verify
    differences, server = schema.differences, postgresql.Postgresql("")
    for name, module in list(sys.modules.items()):
        if name.startswith(("gate.", "tests.")) and module is not postgresql:  # which takes over what is in a file
            for each, value in list(vars(module).items()):
                if isinstance(value, FunctionType) and value in instead:
                    setattr(module, each, instead[value])
    programs.adapt = postgresql.configured
    Engine.name = "postgresql"
