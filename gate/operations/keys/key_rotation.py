"""Wrapped keys on their way to another recipient, and taken from one that is not to open them any more.

Nothing is opened here: wraps are given out to whoever holds the private key, and come back closed to somebody else,
with proof (``gate.vault.proof``). The three steps are apart, because they are three people's: ``key_rewrap`` adds
(whoever holds the old key), ``key_prove`` shows that a wrap opens (whoever holds the new one), ``key_drop`` takes
away (an admin, and a second person where ``roles.dual_control`` asks for one). Nothing is dropped that its new holder
has not proven to open, nor what is held.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence

from gate.core.retention import asked
from gate.errors import RefusedError, UsageError
from gate.operations.keys.keys import EXPORTS_ONLY
from gate.operations.keys.proposals import Act, Proposals
from gate.operations.retention.erasing import KeptReads, hold_of, recording_of
from gate.ports import Transaction
from gate.service.reads import Progress, Row

UNPROVEN = "wrap_not_proven"
REWRAPPED = "keys_rewrapped"
DROPPED = "keys_dropped"
PAGE = 200
"""Recordings of one transaction and one shredding: what a call's decision may have to wait for."""
_COMMITTED = """
SELECT subject, json_extract(body, '$.commitments') AS known FROM facts
WHERE kind = 'recording_opened' AND (call_id IS NULL OR call_id <> subject) AND body IS NOT NULL
    AND subject IN (SELECT value FROM json_each(?))
"""


class KeyRotation(Proposals):
    """Rotation of keys."""

    def key_wraps(self, *, source: str, target: str, after: str = "", limit: int = 64, actor: str) -> Row:
        """A page of what ``source`` can open, for whoever holds its private key to close it to ``target``; a wrap that
        is given out is in the log before."""
        to = self._in_force(source, target)
        keyring = self._offers.keyring()
        page = keyring.held(source, target, after, limit)
        given = [each.recording_id for each in page if not each.there]
        if given:
            self._keep("keys_given_out", actor, {"to": target, "recordings": given}, subject=source)
        items = [
            {
                "recording_id": each.recording_id,
                "key_id": each.key_id,
                "wrap": None if each.there else base64.b64encode(each.wrap).decode(),
            }
            for each in page
        ]
        answer: Row = {"items": items, "next": page[-1].recording_id if len(page) == limit else None}
        if not after:
            answer |= {"target": to, "worth": keyring.worth(source)}
        return answer

    def key_rewrap(
        self, *, source: str, target: str, wraps: Mapping[str, str], proofs: Mapping[str, str], actor: str
    ) -> Row:
        """Keep what ``key_wraps`` gave out, closed to ``target``; each with its proof, recording id -> base64.

        Raises ``RefusedError`` (``wrap_not_proven``) where one does not hold: then none is kept. A recording that was
        sealed before there were commitments needs none, and nobody's wrap of it can be dropped.
        """
        self._in_force(source, target)
        given, shown = _decoded("a wrap", wraps), _decoded("a proof", proofs)
        keyring, known = self._offers.keyring(), self._known(list(given))
        for recording_id, wrapped in given.items():
            if commitments := known.get(recording_id):
                proof = shown.get(recording_id, b"")
                if not keyring.holds(proof, commitments, wrapped, target):
                    raise RefusedError(
                        f"the wrap for recording {recording_id} is not proven: what it is said to hold was not known"
                        " to whoever made it",
                        reason=UNPROVEN,
                        hint="Make it with the private key: dialgate key rotate KEY --to RECIPIENT",
                    )
        self._keep(REWRAPPED, actor, {"from": source, "recordings": sorted(given)}, subject=target)
        return {"added": keyring.give(source, target, given)}

    def key_unproven(self, *, recipient_id: str, after: str = "", limit: int = 64, actor: str) -> Row:
        """A page of a recipient's wraps that have not been shown to open, and in ``challenge`` what only its private
        key can answer. Those of recordings without a commitment come with no wrap: there is nothing to prove."""
        keyring = self._offers.keyring()
        challenge = keyring.challenge(recipient_id)
        page = keyring.unproven(recipient_id, after, limit)
        known = self._known([each.recording_id for each in page])
        given = [each.recording_id for each in page if known.get(each.recording_id)]
        if given:
            self._keep("keys_given_out", actor, {"to": recipient_id, "recordings": given}, subject=recipient_id)
        items = [
            {
                "recording_id": each.recording_id,
                "key_id": each.key_id,
                "wrap": base64.b64encode(each.wrap).decode() if known.get(each.recording_id) else None,
            }
            for each in page
        ]
        following = page[-1].recording_id if len(page) == limit else None
        return {"items": items, "next": following, "challenge": base64.b64encode(challenge).decode()}

    def key_prove(self, *, recipient_id: str, proofs: Mapping[str, str], actor: str) -> Row:
        """Note which of a recipient's wraps open, by the proofs of whoever has opened them; ``failed``: the others."""
        keyring, shown = self._offers.keyring(), _decoded("a proof", proofs)
        good, bad = keyring.prove(recipient_id, shown, self._known(list(shown)))
        if good:
            self._keep("keys_proven", actor, {"recordings": sorted(good)}, subject=recipient_id)
        return {"proven": keyring.keep_proven(recipient_id, good), "failed": sorted(bad)}

    def key_drop(self, *, source: str, target: str, dry_run: bool = False, actor: str) -> Row:
        """Take from ``source`` every recording that ``target`` is proven to open and that nothing holds: ``dropped``
        (or what would be, in a ``dry_run``), ``held`` and ``unproven``: what stays."""
        self._in_force(source, target)
        if not dry_run and (waits := self._second_person("key_drop", source, actor, source=source, target=target)):
            return self._go_through(source, target, actor, dry_run=True) | {"dropped": 0} | waits
        return self._go_through(source, target, actor, dry_run=dry_run)

    def _drop_now(self, *, source: str, target: str, actor: str, progress: Progress | None = None) -> Row:
        self._in_force(source, target)
        return self._go_through(source, target, actor, dry_run=False)

    def _acts(self) -> dict[str, tuple[str, Act]]:
        words = "taking from key {source} what key {target} opens"
        return super()._acts() | {"key_drop": (words, self._drop_now)}

    def _go_through(self, source: str, target: str, actor: str, *, dry_run: bool) -> Row:
        keyring, after = self._offers.keyring(), ""
        done = dict.fromkeys(("recordings", "dropped", "held", "unproven"), 0)
        while page := keyring.held(source, target, after, PAGE):
            after = page[-1].recording_id
            proven = [each.recording_id for each in page if each.proven]
            done["recordings"] += len(page)
            done["unproven"] += len(page) - len(proven)

            def decide(tx: Transaction, ids: list[str] = proven) -> list[str]:
                free = unheld(tx, self._kept, ids)
                if free and not dry_run:
                    tx.append(self._fact(DROPPED, actor, {"from": source, "recordings": free}, target))
                return free

            free = self._store.call(decide) if proven else []
            done["held"] += len(proven) - len(free)
            done["dropped"] += len(free) if dry_run else keyring.drop(source, target, free)
        return {"dry_run": dry_run, "waits": None} | done

    def _known(self, recording_ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """The commitments that were made when these recordings were sealed; a recording without any is left out."""
        rows = self._store.call(lambda tx: tx.query(_COMMITTED, [json.dumps(recording_ids)]))
        return {row["subject"]: json.loads(row["known"]) for row in rows if row["known"] not in (None, "{}")}

    def _in_force(self, source: str, target: str) -> Row:
        if source == target:
            raise UsageError("a key is rotated to another one, not to itself")
        for row in self._offers.keyring().recipients():
            if row["id"] == target and not row["seals"]:
                raise RefusedError(
                    f"{row['name']} is on the register for exports only",
                    reason=EXPORTS_ONLY,
                    hint="Give them an export: dialgate audit export; or first: dialgate key change ID --seal",
                )
            if row["id"] == target:
                return row
        raise UsageError(
            f"there is no recipient {target} in force",
            hint="Put it on the register first: dialgate key add FILE",
        )


def unheld(tx: Transaction, kept: KeptReads, recording_ids: Sequence[str]) -> list[str]:
    """Those of these recordings that the log knows, that are not being erased, and that nothing holds."""
    rows = [row for row in kept.these(tx, recording_ids) if not row["erasing_at"]]
    ids = [row["recording_id"] for row in rows]
    holds = [hold_of(row) for row in kept.holds_on(tx, ids)]
    return sorted(each.id for each in asked(map(recording_of, rows), holds).due)


def _decoded(what: str, texts: Mapping[str, str]) -> dict[str, bytes]:
    try:
        return {recording_id: base64.b64decode(text, validate=True) for recording_id, text in texts.items()}
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{what} is base64: {error}") from error
