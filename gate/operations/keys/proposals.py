"""What takes two people: asked for by one, confirmed by another within a day.

A *proposal* is a fact ``proposed``, about the thing it would touch (a hold, a request, a recipient): its body has an
id, the operation, its arguments with their digest, and until when it waits. ``proposal_confirmed`` is the second
person's word and stands before what is done; ``proposal_closed`` ends it, done or withdrawn. What is done is exactly
what was asked for, in the name of who asked; where it fails, the proposal waits on. Nothing else is kept: what waits is
read from the log, so that a restart forgets and invents nothing.

Whether two people are needed is the configuration's (``roles.dual_control``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from gate.core.evidence import canonical, stamp
from gate.core.showing import local
from gate.errors import RefusedError, UsageError
from gate.operations.desk_base import DeskBase
from gate.ports import Transaction
from gate.service.reads import Progress, Row, Source

PROPOSED: Final = "proposed"
CONFIRMED: Final = "proposal_confirmed"
CLOSED: Final = "proposal_closed"
LASTS: Final = timedelta(hours=24)
SAME_PERSON: Final = "same_person"
MOST: Final = 100
"""Proposals that wait at once: more are refused, so that the list stays one that somebody reads."""

_WAITING: Final = """
SELECT leaf_index, subject, at, actor, body FROM facts AS asked
WHERE kind = 'proposed' AND at > ? AND body IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM facts AS over INDEXED BY facts_kind
    WHERE over.kind = 'proposal_closed' AND over.leaf_index > asked.leaf_index
        AND json_extract(over.body, '$.id') = json_extract(asked.body, '$.id'))
ORDER BY leaf_index
"""

Act = Callable[..., Row]
"""``act(actor=…, progress=…, **arguments)``: does what was proposed."""


class Proposals(DeskBase):
    """The one mechanism of dual control; ``_acts`` names what goes through it."""

    def _acts(self) -> dict[str, tuple[str, Act]]:
        """Operation -> what it does in words, with the thing's name put in; and the act itself."""
        return {}

    def _second_person(self, op: str, subject: str, actor: str, **arguments: Any) -> Row | None:
        """None where one person is enough: go on. Else what was asked for now waits: ``{"waits": {"id", "until"}}``.

        Whoever asks for the same twice is told of the first. Raises ``RefusedError`` where too much waits.
        """
        if not self._offers.two_people():
            return None
        digest = sha256(canonical({"op": op, "arguments": arguments})).hexdigest()

        def work(tx: Transaction) -> Row:
            waiting = self._waiting(tx)
            for row in waiting:
                if (row["digest"], row["asked_by"]) == (digest, actor):
                    return {"id": row["id"], "until": row["until"]}
            if len(waiting) >= MOST:
                raise RefusedError(
                    f"{len(waiting)} things wait for a second person already",
                    reason="too_many_proposals",
                    hint="dialgate proposal list; confirm or withdraw some first",
                )
            now = self._clock.now()
            body = {"id": self._new_id(), "op": op, "arguments": arguments, "digest": digest}
            body |= {"until": stamp(now + LASTS)}
            tx.append(self._fact(PROPOSED, actor, body, subject))
            return {"id": body["id"], "until": body["until"]}

        return {"waits": self._store.call(work)}

    def proposal_list(self, *, actor: str) -> Row:
        """What waits for a second person, the oldest first."""
        return {"items": self._store.call(self._waiting)}

    def proposal_confirm(self, *, proposal_id: str, actor: str, progress: Progress | None = None) -> Row:
        """Do what another person has asked for.

        Raises ``UsageError`` where nothing of this id waits; ``RefusedError`` (``same_person``) for who asked; and what
        the act raises: then it waits on.
        """

        def confirm(tx: Transaction) -> Row:
            row = self._one(tx, proposal_id)
            if row["asked_by"] == actor:
                raise RefusedError(
                    f"{actor} has asked for it: another person confirms",
                    reason=SAME_PERSON,
                    hint="or take it back: dialgate proposal withdraw",
                )
            tx.append(self._fact(CONFIRMED, actor, {"id": row["id"], "digest": row["digest"]}, row["subject"]))
            return row

        row = self._store.call(confirm)
        _, act = self._acts()[row["op"]]
        answer = act(**row["arguments"], actor=row["asked_by"], progress=progress)
        self._keep(CLOSED, actor, {"id": row["id"], "how": "done"}, row["subject"])
        return {"id": row["id"], "what": row["what"], "asked_by": row["asked_by"], "answer": answer}

    def proposal_withdraw(self, *, proposal_id: str, actor: str) -> Row:
        """What waits is not to be done: by who asked, or by the second person."""

        def work(tx: Transaction) -> Row:
            row = self._one(tx, proposal_id)
            tx.append(self._fact(CLOSED, actor, {"id": row["id"], "how": "withdrawn"}, row["subject"]))
            return {"id": row["id"], "what": row["what"], "asked_by": row["asked_by"]}

        withdrawn: Row = self._store.call(work)
        return withdrawn

    def _one(self, tx: Transaction, proposal_id: str) -> Row:
        for row in self._waiting(tx):
            if row["id"] == proposal_id:
                return row
        raise UsageError(
            f"nothing of id {proposal_id} waits for a second person",
            hint="It was done, withdrawn, or its day is over: dialgate proposal list",
        )

    def _waiting(self, tx: Source) -> list[Row]:
        """Unknown operations are left out: of another version, and not to be guessed at."""
        acts, found = self._acts(), []
        for row in tx.query(_WAITING, [stamp(self._clock.now() - LASTS)]):
            body = json.loads(row["body"])
            if body["op"] in acts and body["digest"] == _digest(body):
                what = acts[body["op"]][0].format(subject=row["subject"], **body["arguments"])
                found.append(
                    body | {"what": what, "subject": row["subject"], "at": row["at"], "asked_by": row["actor"]}
                )
        return found

    def _proposal_warnings(self) -> list[str]:
        """What ``status`` says of what waits."""
        return [
            f"{row['what']} waits for a second person: asked for by {row['asked_by']}, until"
            f" {local(row['until'])}. dialgate proposal confirm {row['id']}"
            for row in self._store.call(self._waiting)
        ]


def _digest(body: Row) -> str:
    return sha256(canonical({"op": body["op"], "arguments": body["arguments"]})).hexdigest()
