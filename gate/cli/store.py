"""``dialgate store``: where the evidence is, how it goes from SQLite to PostgreSQL and back, and how PostgreSQL lets go
of what was erased (``rewrite``).

Nothing of it changes on the way: each leaf is verified before and after, and every row is compared byte for byte. The
configuration is changed when the other store has all of it, and the one that was left is put aside under another name.
Whatever it was stopped at, the same command goes on from there.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from types import ModuleType
from typing import Any, Final

import click

from gate.audit.verify import verified_log
from gate.cli.asking import ask, asks
from gate.cli.command import make
from gate.cli.output import View, narrate
from gate.clock import SystemClock, today
from gate.config.load import judged
from gate.config.write import amended, put_text
from gate.core.rows.audit import LogVerified
from gate.daemon.opening import OWN_FILES
from gate.durable import sync_folder
from gate.errors import AuditError, StoreError, UsageError
from gate.operations.erasure.eraser import StoreRewrite
from gate.store.reader import DataLock, Place, database_of, open_reader, open_writer
from gate.types import Progress

SQLITE: Final = "sqlite"


@click.group("store")
def command() -> None:
    """Where the evidence is: in the data folder (SQLite), or in PostgreSQL."""


@make(
    "move",
    group=command,
    example="dialgate store move --to postgresql://dialgate@db1.example,db2.example/dialgate"
    " --password-file secrets/store.password --ca-file ca.pem\n"
    "dialgate store move --to sqlite",
)
@click.option("--to", required=True, metavar="DSN|sqlite", help="Where it goes: a DSN of PostgreSQL, or sqlite.")
@click.option("--password-file", default="", metavar="FILE", help="As [store] password_file.")
@click.option("--ca-file", default="", metavar="FILE", help="As [store] ca_file.")
@click.option("--log", "log", type=int, default=0, metavar="NUMBER", help="As [store] log.")
def move(view: View, to: str, password_file: str, ca_file: str, log: int) -> None:
    """Take the evidence over into PostgreSQL, or back into SQLite, and change the configuration. The gate must not run.

    The database must be one that no gate has written to. Rows, leaves and signatures stay as they are; the log is
    verified before and after. What was left is kept under another name: delete it within retention.backup_days, for it
    forgets no more.
    """
    os.umask(OWN_FILES)
    data = view.config.data
    with DataLock(data), view.progress("Moving") as progress:
        if to == SQLITE:
            found, left = _into_sqlite(view, progress)
        else:
            given = {"dsn": to, "password_file": password_file, "ca_file": ca_file, "log": log}
            found, left = _into_postgresql(view, {name: value for name, value in given.items() if value}, progress)
    view.data({"to": to, "leaves": found.size, "root": found.root, "left": left})
    until = today() + timedelta(days=view.config.retention.backup_days)
    narrate(f"{left} still holds the evidence as it was: delete it by the end of {until}.")


@make("rewrite", group=command, example="dialgate store rewrite")
@asks(StoreRewrite)
def rewrite(view: View, asked: StoreRewrite) -> None:
    """Have PostgreSQL write its tables anew, so that no file of them holds what was erased.

    The gate does it by itself after each erasure, but for tables of more than 256 MB: decisions wait meanwhile. Run it
    at a quiet hour: new calls are refused until it is done, emergency calls pass and talks go on. Erasures that wait
    for it get their receipt.
    """
    with view.progress("Writing anew") as progress:
        view.data(ask(view, asked, progress=progress))


def _into_postgresql(view: View, section: dict[str, Any], progress: Progress | None) -> tuple[LogVerified, str]:
    text = amended(view.path, {"store": section})
    target, file = database_of(judged(text, view.path)), view.config.data / "gate.db"
    if not file.exists():
        raise UsageError(f"there is no {file}: the evidence is not in SQLite", hint="see [store] in the configuration")
    found = _take_over(view, file, target, progress)
    put_text(view.path, text)
    open_writer(file).close()  # its write-ahead log goes with it
    left = file.with_name(f"gate.db.moved-{_stamp()}")
    file.rename(left)
    sync_folder(left.parent)
    return found, str(left)


def _into_sqlite(view: View, progress: Progress | None) -> tuple[LogVerified, str]:
    config = view.config
    if not config.store.dsn:
        raise UsageError("the evidence is in SQLite already: there is no [store] in the configuration")
    source, file = database_of(config), config.data / "gate.db"
    part = file if file.exists() else file.with_name("gate.db.part")
    if part != file:
        part.unlink(missing_ok=True)
    found = _take_over(view, source, part, progress)
    owner = config.data.stat()
    os.chown(part, owner.st_uid, owner.st_gid)
    part.rename(file)
    sync_folder(file.parent)
    put_text(view.path, amended(view.path, {"store": {}}))
    name = f"dialgate_moved_{_stamp().lower()}"
    _server().put_aside(source, name)
    return found, f"The schema {name} of {source}"


def _take_over(view: View, source: Place, target: Place, progress: Progress | None) -> LogVerified:
    """All of it into a store that has nothing, unless it is there already; the log as it is there."""
    server = _server()
    open_writer(source).close()  # its tables are those of this version from here on
    before = _verified(view, source, progress)
    try:
        with closing(open_reader(source)) as here, closing(open_writer(target)) as there:
            here.execute("BEGIN")
            if len(server.logs_of(here)) > 1:
                raise StoreError(
                    f"{source} has the logs of several gates", hint="what they share cannot be taken away from them"
                )
            there.execute("BEGIN")
            taken_over = bool(server.logs_of(there)) and not server.unlike(here, there)
            there.rollback()
            if not taken_over:
                server.copy_rows(here, there)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}", hint="is there room?") from error
    after = _verified(view, target, progress)
    if (after.size, after.root) != (before.size, before.root):
        raise AuditError(f"the log in {target} is not that of {source}", hint="nothing uses it; drop it, and try again")
    return after


def _server() -> ModuleType:
    """``gate.store.postgresql``, once it is known that psycopg, an extra, is there."""
    return importlib.import_module("gate.store.postgresql")


def _verified(view: View, place: Place, progress: Progress | None) -> LogVerified:
    data = view.config.data
    try:
        pepper = (data / "number.key").read_bytes()
    except OSError as error:
        raise StoreError(
            f"{error.filename} cannot be read: {error.strerror}", hint="run as the gate's account"
        ) from error
    found = verified_log(data, place, pepper, [data / "checkpoints"], "", (), progress)
    if found.first_fault is not None:
        raise AuditError(
            f"the log in {place} does not hold: {found.first_fault.message}", hint="see: dialgate audit verify"
        )
    return found


def _stamp() -> str:
    return f"{SystemClock().now():%Y%m%dT%H%M%S}"
