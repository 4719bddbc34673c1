"""TPS and CTPS as they are asked for: an import with what it changes for the contacts, and the state of each.

A file that is refused leaves a fact too: who looks at a register's state sees what did not get in, and why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Final

from gate.clock import Clock
from gate.errors import GateError, RegisterError, RegisterFailed
from gate.handed_over_file import HandedOverFile
from gate.log import Logger
from gate.operations.desk_base import LONDON
from gate.operations.registers.importing import ImportDesk, Stopped
from gate.ports import Fact, Registers, Store, Transaction
from gate.service.reads import Progress, Row

log = Logger()

IMPORTED: Final = "register_imported"
REFUSED: Final = "register_refused"
REMEMBERED: Final = 500
"""Imports looked through for bytes that were imported before: more than the eight months of both registers."""


class RegisterDesk(ImportDesk):
    """The registers."""

    def register_import(
        self,
        *,
        name: str,
        file: HandedOverFile,
        as_of: date | None = None,
        coverage: str = "full",
        accept_shrink: bool = False,
        accept_older: bool = False,
        once: bool = False,
        actor: str,
        progress: Progress | None = None,
    ) -> Row:
        """Put a licensee's file in force, which was handed over, as of a day (guessed from the file where None).

        ``coverage``: ``full``, or the dialling codes that the licence covers, with commas. ``once``: bytes that were
        imported before are refused. The report's ``contacts`` says how many of them are newly listed and no longer
        listed (None without contacts). Raises ``RegisterError``; then the register in force has stayed.
        """
        cover = tuple(code.strip() for code in coverage.split(",") if code.strip())
        contacts = self._offers.contacts
        before, in_force = contacts.listing(name), self._register_now(name)
        try:
            if once:
                self._refuse_again(name, file)
            with self._stops.running(name):
                tell = self._stops.heeding(name, progress)
                report = dict(self._offers.import_register(name, file, as_of, cover, accept_shrink, accept_older, tell))
        except Stopped:
            now = self._register_now(name)
            if now.get("sha256") == in_force.get("sha256"):
                raise
            # Its process was quicker than its end: the new snapshot is in force, and so it has its fact.
            report = _edition(now)
        except RegisterFailed:
            raise
        except RegisterError as error:
            body = {"name": name, "source_name": file.name, "why": error.message, "watched": once}
            body["path_said"] = file.said
            self._keep(REFUSED, actor, body, subject=self._new_id())
            raise
        self._status()  # whoever asks from now on asks the new edition
        try:
            report["contacts"] = contacts.compared(name, before)
        except GateError as error:  # the edition is in force: its leaf waits for nothing else
            log.error("contacts_not_compared", register=name, error=error.message)
            report["contacts"] = None
        self._keep(IMPORTED, actor, report | {"path_said": file.said}, subject=self._new_id())
        if not contacts.background:
            contacts.follow(progress)
        return report

    def register_status(self, *, actor: str) -> Row:
        """Age, size, coverage and identity of each register, and the file that was last refused where none was taken
        since (``refused``: at, source_name, why); the drop folder that a running gate watches (``watch``)."""
        rows = self._status()
        refused = self._store.call(_refused)
        watched = self._config.registers.watch
        return {
            "registers": [row | {"refused": refused.get(row["name"])} for row in rows],
            "watch": str(self._config.path(watched)) if watched else None,
        }

    def _status(self) -> list[Row]:
        return self._registers.status(self._clock.now().astimezone(LONDON).date())

    def _refuse_again(self, name: str, source: HandedOverFile) -> None:
        """Raises ``RegisterError`` where these bytes were imported before as this register."""
        try:
            with source.reader() as file:
                sha256 = hashlib.sha256()
                while piece := file.read(1 << 20):
                    sha256.update(piece)
        except OSError as error:
            raise RegisterFailed(f"{source} cannot be read: {error.strerror}") from None
        for at, body in self._store.call(lambda tx: _facts(tx, IMPORTED)):
            if body.get("name") == name and body.get("source_sha256") == sha256.hexdigest():
                raise RegisterError(
                    f"{source} is refused: the same bytes were imported on {at[:10]} as of {body.get('as_of')}",
                    hint="a file that is sent again does not become newer by it: does the fetch still work?",
                )


def note_editions(store: Store, registers: Registers, clock: Clock, new_id: Callable[[], str]) -> None:
    """Keep a leaf of every edition in force that has none: the gate that imported it was ended in between."""
    now = clock.now()
    rows = [row for row in registers.status(now.astimezone(LONDON).date()) if row.get("sha256")]

    def work(tx: Transaction) -> None:
        noted = {body.get("sha256") for _, body in _facts(tx, IMPORTED)}
        for row in rows:
            if row["sha256"] not in noted:
                tx.append(Fact(IMPORTED, new_id(), now, "gate", _edition(row) | {"noted_late": True}))

    store.call(work)


def _edition(row: Row) -> Row:
    """What is known of a register in force without the report of its import."""
    return {key: row[key] for key in ("name", "count", "as_of", "sha256", "coverage", "source_name")}


def _refused(tx: Transaction) -> dict[str, Row]:
    """By register the last refusal, where no import came after it."""
    taken = {body["name"]: at for at, body in reversed(_facts(tx, IMPORTED)) if "name" in body}
    found: dict[str, Row] = {}
    for at, body in reversed(_facts(tx, REFUSED)):
        if "name" in body and at > taken.get(body["name"], ""):
            found[body["name"]] = {"at": at, "source_name": body["source_name"], "why": body["why"]}
    return found


def _facts(tx: Transaction, kind: str) -> list[tuple[str, Row]]:
    """The newest facts of a kind, newest first."""
    rows = tx.query(
        "SELECT at, body FROM facts WHERE kind = ? AND body IS NOT NULL ORDER BY leaf_index DESC LIMIT ?",
        (kind, REMEMBERED),
    )
    return [(row["at"], json.loads(row["body"])) for row in rows]
