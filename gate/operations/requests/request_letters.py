"""The letters of a request: what each has to say, rendered when asked for, and the fact that one was made or sent.

A letter is personal data and is kept nowhere in the gate: whoever asks for one gets it, and the log keeps its digest.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from typing import Final

from gate.core import request_words as events
from gate.core.letter_words import Letter, LetterFacts, LetterKind
from gate.core.request_words import Asks
from gate.core.requests import Request
from gate.errors import RefusedError, UsageError
from gate.operations.requests.request_base import READY, RequestBase, something_held
from gate.operations.requests.request_due import fits
from gate.operations.requests.request_facts import CARRIED, KINDS, MADE, PACK, SENT, last, said
from gate.store.transaction import StoreTransaction
from gate.types import Row

_SAID: Final = {
    LetterKind.IDENTITY: "proof",
    LetterKind.CLARIFICATION: "question",
    LetterKind.EXTENSION: "extension",
    LetterKind.REFUSAL: "reasons",
    LetterKind.AUTHORITY: "reasons",
}
"""Whose words stand in a letter as its reasons."""


class RequestLetters(RequestBase):
    """Letters, rendered and sent."""

    def request_letter(
        self, *, request: str, kind: str, pack: str = "", send: bool = False, on: date | None = None, actor: str
    ) -> Row:
        """A letter of a request, as text, HTML and a whole message (``eml``, base64); with ``send`` it goes by mail.

        ``pack``: the name of the file that goes with a response. ``on``: the day that stands on it. Sending is not
        telling: ``request_told`` says that the person has it. Raises ``RefusedError`` where the request is not there
        yet, or has forgotten the person, and what the templates and the mail server raise.
        """
        wanted = LetterKind(kind)

        def facts(tx: StoreTransaction) -> tuple[str, LetterFacts]:
            row, course, before = self._load(tx, request)
            _checked(row, before, wanted)
            access = wanted is LetterKind.RESPONSE and before.asks is Asks.ACCESS
            name = _pack_of(row, course, pack) if access else ""
            return row["id"], self._letter_facts(tx, row, course, before, wanted, self._day(on, before), name)

        request_id, said_in_it = self._store.call(facts)
        letter: Letter = self._offers.render_letter(said_in_it)
        digest = hashlib.sha256(letter.eml).hexdigest()
        if send and not letter.to:
            raise UsageError(
                f"{said_in_it.reference}: no e-mail address is known for this letter",
                hint="Print it and post it: -o FILE",
            )
        self._keep(MADE, actor, {"kind": wanted.value, "sha256": digest}, request_id)
        if send:
            answer = self._offers.send_letter(letter)
            self._keep(SENT, actor, {"kind": wanted.value, "sha256": digest, "server": answer}, request_id)
        return {
            "reference": said_in_it.reference,
            "asks": said_in_it.asks.value,
            "kind": wanted.value,
            "subject": letter.subject,
            "to": letter.to,
            "text": letter.text,
            "html": letter.html,
            "eml": base64.b64encode(letter.eml).decode(),
            "sha256": digest,
            "sent": send,
        }

    def _letter_facts(
        self,
        tx: StoreTransaction,
        row: Row,
        course: list[Row],
        request: Request,
        kind: LetterKind,
        today: date,
        pack: str,
    ) -> LetterFacts:
        clock, carried = request.clock_on(today), last(course, CARRIED)
        scope = last(course, KINDS[events.Searched]) if request.searched else {}
        found = self._book.calls(tx, scope.get("calls", []))
        answer, went = kind is LetterKind.RESPONSE, carried.get("recordings", 0)
        return LetterFacts(
            kind=kind,
            reference=row["reference"],
            asks=request.asks,
            received=request.received,
            today=today,
            due=clock.due if clock else None,
            ico_due=clock.ico_date if clock else None,
            decided=_decided(course),
            name=row["name"] or "",
            contact=row["contact"] or "",
            numbers=tuple(row["numbers"]),
            ground=request.ground,
            reasons=said(course, _SAID[kind]) if kind in _SAID else "",
            answer=said(course, "remark"),
            found_calls=len(found),
            found_recordings=sum(each["recording"] not in (None, "erased") for each in found),
            pack=pack,
            erased_recordings=sum(each["recording"] == "erased" for each in found) if answer else went,
            backups_until=date.fromisoformat(carried["backups_until"]) if carried else None,
            held_back=said(course, "left_out") if answer else _held_back(carried),
        )


def _checked(row: Row, request: Request, kind: LetterKind) -> None:
    """Raise where this letter would say what is not so."""
    asks, state = request.asks, request.state
    if not fits(row, request, kind):
        raise RefusedError(
            f"{row['reference']} is for {asks} and {state}: there is no {kind} letter to write",
            reason=READY,
            hint=f"See: dialgate request show {row['reference']}",
        )
    if row["name"] is None and row["contact"] is None:
        raise RefusedError(
            f"{row['reference']} has forgotten who asked: the erasure was confirmed",
            reason="erased",
            hint="The letter that was made before is all there is.",
        )


def _pack_of(row: Row, course: list[Row], name: str) -> str:
    """The name of the pack that goes with an answer; empty where nothing is held. Raises where it is not made yet."""
    if not something_held(course):
        return ""
    if not last(course, PACK):
        raise RefusedError(
            f"{row['reference']}: the answer speaks of a pack that is not made yet",
            reason=READY,
            hint=f"dialgate request fulfil {row['reference']} --key FILE -o PACK.html",
        )
    return name or f"{row['reference']}.html"


def _decided(course: list[Row]) -> date | None:
    decision = last(course, KINDS[events.Refused]) or last(course, KINDS[events.Granted])
    return date.fromisoformat(decision["on"]) if decision else None


def _held_back(carried: Row) -> str:
    if carried and not carried["whole"]:
        return "Erased are the calls that you named. What else we hold in connection with your number stays."
    if not carried.get("held_by"):
        return ""
    recordings, calls = carried["held_back"], carried["held_calls"]
    holds = [name.rpartition(" (")[0] for name in carried["held_by"]]  # ids are for the firm
    return f"Calls: {calls}, recordings: {recordings}. Kept because of: {'; '.join(holds)}."
