"""Witnesses of the log (C2SP tlog-witness): servers of somebody else that see each signed head.

A witness cosigns a head only where it was shown that the log has grown from the one it cosigned last. So whoever takes
the gate, its key and every copy of its checkpoints cannot rewrite what a witness has seen, nor put an older state back
unseen. It is sent heads and hashes alone: no entry, no number, no name.

The cosigned note lies among the checkpoint files. What a witness says that it has seen is one of the places that the
log is compared with (``signed_log.places``).
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gate.audit.heads import LARGEST, file_name, note_text
from gate.config import Witness
from gate.core.evidence import consistency_proof, parse_checkpoint
from gate.durable import read_regular, whole_file
from gate.errors import NoteInvalid, StoreError
from gate.log import Logger
from gate.operations.audit.signed_log import asked_witness, name_of
from gate.operations.operation import READERS, Caller, Request, Response, operation
from gate.showing import local, many
from gate.store.reader import Place, Reader
from gate.store.slices import nodes

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

log = Logger()

GAP: Final = timedelta(hours=1)
"""A signed head may wait so long for its cosignatures before somebody must see to it."""
TRIES: Final = 3
"""Tries for one head at one witness: it reports what it has seen, and is asked again from there."""
LOOKED_AT: Final = 1000
"""Cosigned files that are read, at most, to know what was cosigned before a start."""


_REFUSALS: Final = {
    403: "it does not know the key of this log",
    404: "it does not know this log",
    422: "the log has not grown from what it has seen: it was rewritten, or restored",
}


def _cosigned_at(note: str, vkey: str) -> datetime:
    from gate.vault.signing import cosigned_at  # with cryptography: to ask how they stand must not pay for it

    return cosigned_at(note, vkey)


def _signature_line(note: str, text: str, vkey: str) -> str:
    """The line of an answer that is the witness's own and holds: what else it wrote is not kept. Raises
    ``NoteInvalid``."""
    for line in text.splitlines():
        with suppress(NoteInvalid):
            _cosigned_at(f"{note}{line}\n", vkey)
            return f"{line}\n"
    _cosigned_at(note + text, vkey)  # for its reason
    raise NoteInvalid("no line of its answer is its signature")


class WitnessRow(Response, frozen=True, kw_only=True):
    """What a witness has seen."""

    name: str
    url: str
    size: int
    """Entries under the newest head that it has cosigned."""
    at: str | None
    """When, by the witness's clock."""
    fault: str
    """Why it has not cosigned what it was shown last; empty where it has."""


class LogWitnesses(Response, frozen=True, kw_only=True):
    """How far others have seen the log."""

    required: int
    """Cosignatures that a head needs; 0 without witnesses."""
    size: int
    """Entries that so many witnesses have seen."""
    waiting_since: str | None
    """When the oldest head was signed that lacks cosignatures; None where none does."""
    witnesses: list[WitnessRow]


@dataclass(slots=True)
class _Seen:
    """The state of a witness, as the gate knows it."""

    size: int = 0
    """Entries under the newest head that it has cosigned."""
    at: datetime | None = None
    """When, by its own clock."""
    fault: str = ""
    """Why it has not cosigned what it was shown last; empty where it has."""
    refuses: bool = False
    """It answered, and does not cosign this log."""


def _proof(place: Place, old: int, size: int) -> list[str]:
    with Reader(place) as reader:
        return [base64.b64encode(each).decode() for each in consistency_proof(old, size, nodes(reader))]


class Witnesses:
    """Shows signed heads to the witnesses of the configuration and keeps what they sign. Any thread."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._all = folder.config.witness
        self._lock = threading.Lock()
        self._seen = self._kept()

    # --- asking ----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Show the newest head where a witness has not cosigned it. Raises ``GateError``."""
        if not self._all:
            return
        sql = "SELECT size, note FROM checkpoints WHERE size > 0 ORDER BY size DESC LIMIT 1"
        for size, note in self._folder.read(lambda reader: reader.values(tuple[int, str], sql)):
            if any(seen.size < size for seen in self._seen.values()):
                self.cosigned(size, note)

    def cosigned(self, size: int, note: str) -> str:
        """The note of a signed head with the cosignatures that its witnesses give now, kept as a file; as it came where
        none does. Raises ``GateError``."""
        if not self._all:
            return note
        with self._lock, ThreadPoolExecutor(len(self._all), "witness") as pool:
            lines = [*pool.map(lambda witness: self._ask(witness, size, note), self._all)]
            cosigned = note + "".join(lines)
            if any(lines):
                self._keep(size, cosigned)
            back = [line for line, seen in zip(lines, self._seen.values(), strict=True) if line and seen.fault]
            for witness, line in zip(self._all, lines, strict=True):
                if line:
                    self._seen[witness.key] = _Seen(size, _cosigned_at(cosigned, witness.key))
        if back:  # what it has seen could not be compared with the log while it was away
            self._folder.trust.look()
        return cosigned

    def cosigned_of(self, place: Place, size: int, note: str) -> str:
        """The same of a head of another gate's log, which lies at ``place``; whether it is cosigned is that gate's
        care: nothing is kept or noted here. Raises ``GateError``."""

        def ask(witness: Witness) -> str:
            with suppress(OSError, NoteInvalid):
                return self._answer(witness, size, size, note, place)[0]
            return ""

        if not self._all:
            return note
        with ThreadPoolExecutor(len(self._all), "witness") as pool:
            return note + "".join(pool.map(ask, self._all))

    def _ask(self, witness: Witness, size: int, note: str) -> str:
        """Its signature line; empty where it gives none, which is noted."""
        try:
            old = self._seen[witness.key].size
            line, refusal = self._answer(witness, old, size, note, self._folder.place)
        except (OSError, NoteInvalid) as error:
            self._not_cosigned(witness, str(error), refuses=False)
            return ""
        if refusal:
            self._not_cosigned(witness, refusal, refuses=True)
        return line

    def _answer(self, witness: Witness, old: int, size: int, note: str, place: Place) -> tuple[str, str]:
        """Its signature line, and why it gives none; ``old``: the entries that it has seen, as far as is known."""
        for _ in range(TRIES):
            lines = (f"old {old}", *_proof(place, old, size), "", note)
            body = "\n".join(lines).encode()
            answer = asked_witness(witness, self._folder.config, "POST", witness.url, "add-checkpoint", body)
            text = answer.body.decode("utf-8", "replace")
            if answer.status == 200:
                return _signature_line(note, text, witness.key), ""
            if answer.status != 409 or not text[:20].strip().isdecimal():
                return "", f"{_REFUSALS.get(answer.status, answer.reason)} ({answer.status})"[:200]
            old = int(text[:20])
            if old > size:
                return "", f"it has seen {many(old, 'entry')}, and this log had {size:,} when it was shown"
        return "", "it does not cosign from the size that it names itself"

    def _not_cosigned(self, witness: Witness, why: str, *, refuses: bool) -> None:
        seen = self._seen[witness.key]
        if why != seen.fault:
            log.error("not_cosigned", witness=name_of(witness), why=why)
        seen.fault, seen.refuses = why, refuses

    # --- kept ------------------------------------------------------------------------------------------------------

    @property
    def _folders(self) -> list[Path]:
        second = self._folder.config.storage.checkpoints_copy
        return [self._folder.config.data / "checkpoints", *([self._folder.config.path(second)] if second else [])]

    def _keep(self, size: int, note: str) -> None:
        own, *others = self._folders
        try:
            with whole_file(own / file_name(size, note)) as file:
                file.write(note.encode())
        except OSError as error:
            raise StoreError(f"cannot write to {own}: {error.strerror or error}") from error
        for folder in others:
            # where it is away, each checkpoint warns of that
            with suppress(OSError), whole_file(folder / file_name(size, note)) as file:
                file.write(note.encode())

    def _kept(self) -> dict[str, _Seen]:
        """Read the cosigned checkpoints of earlier runs from their files."""
        found: dict[str, _Seen] = {witness.key: _Seen() for witness in self._all}
        names = sorted(self._folders[0].glob("*-*.txt"), reverse=True) if found else []
        for path in names[:LOOKED_AT]:
            for key in [key for key, seen in found.items() if not seen.size]:
                with suppress(OSError, ValueError, NoteInvalid):
                    note = read_regular(path, LARGEST).decode()
                    found[key] = _Seen(parse_checkpoint(note_text(note)).size, _cosigned_at(note, key))
        return found

    # --- how it stands ---------------------------------------------------------------------------------------------

    def standing(self) -> LogWitnesses:
        """What each has seen. Raises ``StoreError``."""
        rows = [
            WitnessRow(
                name=name_of(each),
                url=each.url,
                size=(seen := self._seen[each.key]).size,
                at=seen.at.isoformat() if seen.at else None,
                fault=seen.fault,
            )
            for each in self._all
        ]
        if not rows:
            return LogWitnesses(required=0, size=0, waiting_since=None, witnesses=rows)
        required = self._folder.config.storage.witnesses_required
        agreed = sorted((row.size for row in rows), reverse=True)[required - 1]
        sql = "SELECT coalesce(min(at), '') FROM checkpoints WHERE size > ?"
        (waiting,) = self._folder.read(lambda reader: reader.values(str, sql, [agreed]))
        return LogWitnesses(required=required, size=agreed, waiting_since=waiting or None, witnesses=rows)

    def waited(self) -> timedelta:
        """How long a signed head has lacked cosignatures; 0 where none does. Raises ``StoreError``."""
        since = self.standing().waiting_since
        return self._folder.clock.now() - datetime.fromisoformat(since) if since else timedelta()

    def warnings(self) -> Iterator[str]:
        """What somebody must see to, in sentences. Raises ``StoreError``."""
        for witness in self._all:
            seen = self._seen[witness.key]
            if seen.refuses:
                yield f"The witness {name_of(witness)} does not sign this log: {seen.fault}. dialgate audit witnesses"
        now = self.standing()
        if now.waiting_since and self.waited() > GAP:
            yield (
                f"Since {local(now.waiting_since)} the log lacks {many(now.required, 'cosignature')}: "
                f"witnesses have seen {many(now.size, 'entry')}, and nothing after. dialgate audit witnesses"
            )


class AuditWitnesses(Request[LogWitnesses], frozen=True):
    """How far others have seen the log."""


@operation(AuditWitnesses, "audit_witnesses", roles=READERS)
def audit_witnesses(folder: DataFolder, asked: AuditWitnesses, caller: Caller) -> LogWitnesses:
    """Show what each witness of the log has seen and signed, and why one does not."""
    return folder.one(Witnesses).standing()
