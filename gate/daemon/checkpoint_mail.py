"""The newest checkpoint into the firm's mailbox, once a day while a gate runs (``storage.checkpoints_mail``)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gate.clock import Clock
from gate.config import Config
from gate.core.facts.audit import CheckpointMailed
from gate.exports.checkpoint_mail import checkpoint_mail
from gate.exports.mail import MailError, send
from gate.store.store import EvidenceStore
from gate.store.transaction import StoreTransaction


class CheckpointPost:
    """Sends at most one a day (UTC). What was sent is a fact: a restart sends none twice."""

    def __init__(self, config: Config, store: EvidenceStore, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock

    def look(self) -> bool:
        """Send today's if it is due; whether one was sent. Raises ``GateError``."""
        now = self._clock.now()
        head = self._store.call(lambda tx: _due(tx, now))
        if head is None:
            return False
        self._send(head, now)
        return True

    def _send(self, head: dict[str, Any], now: datetime) -> None:
        to, note = self._config.storage.checkpoints_mail, str(head["note"])
        name = note.partition("\n")[0]
        mail = checkpoint_mail(note, log=name, size=head["size"], sender=self._config.mail_sender, to=to, now=now)
        try:
            said = send(to, mail, self._config).said
        except MailError as error:
            if not error.uncertain:
                raise
            said = error.message  # it may have arrived; another one comes tomorrow
        body = CheckpointMailed(size=head["size"], to=to, said=said)
        self._store.call(lambda tx: tx.append(body.fact("log", now, "gate")))


def _due(tx: StoreTransaction, now: datetime) -> dict[str, Any] | None:
    """The newest checkpoint, where none was mailed today. One that was mailed on a day to come holds none back: the
    clock was ahead."""
    last = tx.query(
        "SELECT at FROM facts WHERE subject = 'log' AND (call_id IS NULL OR call_id <> subject) AND kind = ?"
        " ORDER BY leaf_index DESC LIMIT 1",
        [CheckpointMailed.kind],
    )
    if last and datetime.fromisoformat(last[0]["at"]).date() == now.date():
        return None
    heads = tx.query("SELECT size, note FROM checkpoints WHERE size > 0 ORDER BY size DESC LIMIT 1")
    return heads[0] if heads else None
