"""A PostgreSQL server of the tests' own, started by the first test that needs it, and a database for each folder."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg

from gate.config import load
from gate.config.write import amend
from gate.errors import GateError
from gate.store.postgresql import Postgresql, PostgresqlStore, copy_rows
from gate.store.reader import open_reader, open_writer
from tests.support.waiting import until

PROGRAMS: Final = Path("/usr/lib/postgresql/17/bin")
_SETTINGS: Final = {"listen_addresses": "", "max_connections": "60", "shared_buffers": "64MB", "autovacuum": "off"}
"""Durable as in production: fsync stays on."""
_numbers = count(1)


class Server:
    """A cluster, and its process: it ends with this one."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None, *, made: bool = False) -> None:
        """``made``: there is a cluster in the folder already, a standby's copy for instance."""
        self.folder = folder
        self.data = folder / "data"
        self._settings = _SETTINGS | (settings or {})
        self.port = self._settings.get("port", "5432")
        if not made:
            self.run(
                "initdb",
                "-D",
                str(self.data),
                "-U",
                "dialgate",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--wal-segsize=1",
            )
        self.start()

    def dsn(self, database: str = "postgres") -> str:
        """For libpq."""
        return f"host={self.folder} port={self.port} dbname={database} user=dialgate"

    def start(self) -> None:
        """Start it and wait until it answers."""
        given = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [*_as_postgres(), str(PROGRAMS / "postgres"), "-D", str(self.data), "-k", str(self.folder), *given]
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        atexit.register(self.stop)
        until(self._answers, "it does not answer")

    def _answers(self) -> bool:
        assert self.process.poll() is None, "it has ended"
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn()).close()
            return True
        return False

    def standby(self, *, synchronous: bool = True) -> Server:
        """A copy that follows it; ``synchronous``: each commit waits for it."""
        folder = folder_of_server()
        where = ("-h", str(self.folder), "-U", "dialgate", "-D", str(folder / "data"))
        self.run("pg_basebackup", *where, "-R", "-X", "stream", "-c", "fast")
        made = Server(folder, self._settings, made=True)
        if synchronous:
            self.do("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.do("SELECT pg_reload_conf()")
        wanted = [("sync" if synchronous else "async",)]
        until(lambda: self.do("SELECT sync_state FROM pg_stat_replication") == wanted)
        return made

    def stop(self) -> None:
        """End it at once; harmless twice."""
        with suppress(OSError):
            self.process.send_signal(2)  # SIGINT: sessions are ended
        self.process.wait()

    def kill(self) -> None:
        """As a power cut does."""
        for each in subprocess.run(
            ["ps", "--ppid", str(self.process.pid), "-o", "pid="], capture_output=True, text=True, check=False
        ).stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(each), 9)
        self.process.kill()
        self.process.wait()

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs."""
        command = [*_as_postgres(), str(PROGRAMS / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr

    def set(self, name: str, value: str) -> None:
        """Change a setting of the running server, and wait until it holds."""
        self.do(f"ALTER SYSTEM SET {name} = {value}")
        self.do("SELECT pg_reload_conf()")
        until(lambda: self.do(f"SHOW {name}") == [(value,)])

    def do(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """A statement in a session of its own."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            found = connection.execute(sql)  # type: ignore[call-overload]
            return found.fetchall() if found.description else []


def _as_postgres() -> list[str]:
    """PostgreSQL refuses to run as root."""
    ends = ["--pdeathsig=INT"]
    return (
        ["setpriv", *ends]
        if os.geteuid()
        else ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *ends]
    )


def folder_of_server() -> Path:
    """A new folder that the server may use; its path is short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="pg-"))
    made.chmod(0o755)  # a gate runs as an account of its own
    if not os.geteuid():
        user = pwd.getpwnam("postgres")
        os.chown(made, user.pw_uid, user.pw_gid)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def server() -> Server:
    """The one that tests share."""
    made = Server(folder_of_server())
    made.do("CREATE DATABASE empty")
    PostgresqlStore(Postgresql(made.dsn("empty")), pepper=b"p" * 32).close()
    made.do("DELETE FROM dialgate.number_key", "empty")
    return made


_places: dict[Path, Postgresql] = {}
_NAME: Final = ".database"
"""File in a folder with the name of its database: a copy of the folder gets a copy of the database."""


def place_of(folder: Path) -> Postgresql:
    """The database that stands for a folder's ``gate.db``."""
    found = _places.get(folder)
    if found is None:
        name = f"store_{next(_numbers)}"
        copied_from = folder / _NAME
        template = copied_from.read_text() if copied_from.exists() else "empty"
        server().do(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")  # in half of the time
        found = _places[folder] = Postgresql(server().dsn(name))
        if (file := folder / "gate.db").exists() and not copied_from.exists():
            open_writer(file).close()  # one of an earlier version gets the tables of this one, as by store move
            with closing(open_reader(file)) as source, closing(found.open_writer()) as target:
                source.execute("BEGIN")
                copy_rows(source, target)
        copied_from.write_text(name)
    return found


def configured(arguments: Sequence[str]) -> None:
    """Let the configuration that a program is started with name the database that stands for its folder's."""
    words = list(arguments)
    path = Path(words[words.index("-c") + 1]) if "-c" in words[:-1] else None
    if path is None or not path.is_file():
        return
    with suppress(GateError):
        config = load(path, secrets=False)
        place = place_of(config.data)
        for file in config.data.glob("gate.db*"):
            file.unlink()
        dsn = f"postgresql://dialgate@/{place.dsn.split('dbname=')[1].split()[0]}?host={server().folder}"
        if config.store.dsn != dsn:
            amend(path, {"store": {"dsn": dsn}})


def drop_all(below: Path = Path("/")) -> None:
    """The databases that a test has made for folders there."""
    for folder in [each for each in _places if each.is_relative_to(below)]:
        name = _places.pop(folder).dsn.split("dbname=")[1].split()[0]
        server().do(f"DROP DATABASE {name} WITH (FORCE)")


def open_store(folder: Path, pepper: bytes) -> PostgresqlStore:
    """The store that stands for a folder's."""
    return PostgresqlStore(place_of(folder), pepper=pepper)
