"""What takes two people: asked for by one, confirmed by another within a day.

A *proposal* is a fact ``proposed``, about the thing it would touch (a hold, a request, a recipient): its body has an
id, the operation, the fields of its request, what that would take now, the digest of these three, and until when it
waits. The request names the digest of its plan, so that what was shown is done or nothing: where the plan has changed,
the proposal is over. ``proposal_confirmed`` is the
second person's word and stands before what is done; ``proposal_closed`` ends it, done or withdrawn. Confirming runs the
operation's own handler with the same request, in the name of who asked; where it fails, the proposal waits on. Nothing
else is kept: what waits is read from the log, so that a restart forgets and invents nothing.

An operation says at its declaration that it may take two people (``gate.operations.operation.SecondPerson``). Whether
they are needed is the configuration's (``roles.dual_control``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec.structs import asdict

from gate.converting import convert, json_fields
from gate.core.evidence import canonical, stamp
from gate.core.facts import keys as facts
from gate.core.rows.calls import FactRow
from gate.errors import RefusedError, UsageError
from gate.operations.accounts import nobody_confirms
from gate.operations.operation import (
    KEEPERS,
    PLAN_CHANGED,
    READERS,
    AsOf,
    Caller,
    Line,
    Operation,
    Proposed,
    Request,
    Response,
    Waits,
    about,
    operation,
)
from gate.showing import local
from gate.store.queries import Source, came_after
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

LASTS: Final = timedelta(hours=24)
SAME_PERSON: Final = "same_person"
_UID: Final = re.compile(r"\(([0-9]+)\)$")
MOST: Final = 100
"""Proposals that wait at once: more are refused, so that the list stays one that somebody reads."""

_WAITING: Final = f"""
SELECT * FROM facts AS asked
WHERE kind = '{facts.Proposed.kind}' AND at > ? AND body IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM facts AS over INDEXED BY facts_kind
    WHERE over.kind = '{facts.ProposalClosed.kind}' AND {came_after("over", "asked")}
        AND json_extract(over.body, '$.id') = json_extract(asked.body, '$.id'))
ORDER BY at, leaf_index
"""  # noqa: S608 - names of the code

# --- the proposals of a data folder --------------------------------------------------------------------------------


class Proposal(Response, frozen=True):
    """One that waits."""

    id: str
    op: str
    arguments: dict[str, object]
    """The fields of the request."""
    takes: str
    """What it would take, counted: ``2 recordings``."""
    digest: str
    """The digest of these three."""
    until: str
    what: str
    """In words."""
    plan: str
    """Digest of exactly what it would take: where it has changed, nothing is done (``plan_changed``)."""
    subject: str
    at: str
    asked_by: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A proposal with what confirming it runs."""

    row: Proposal
    operation: Operation[Any, Any]
    request: Request[Any]


class Proposals:
    """What waits for a second person in this data folder. Blocking and thread-safe."""

    def __init__(self, folder: DataFolder, operations: Callable[[], Mapping[str, Operation[Any, Any]]]) -> None:
        self._folder = folder
        self._operations = operations

    def add(self, op: str, proposed: Proposed[Any], actor: str) -> Waits:
        """Keep a request until another person confirms it. Whoever asks for the same twice is told of the first.

        Raises ``RefusedError`` where too much waits.
        """
        arguments = json_fields(proposed.request)
        plan, until = str(arguments["digest"]), stamp(self._folder.clock.now() + LASTS)
        body = facts.Proposed(
            id=self._folder.new_id(), op=op, arguments=arguments, takes=proposed.takes, digest="", until=until
        )
        body = msgspec.structs.replace(body, digest=_digest(body))

        def work(tx: StoreTransaction) -> Waits:
            waiting = [each.row for each in self._waiting(tx)]
            for row in waiting:
                if (row.digest, row.asked_by) == (body.digest, actor):
                    return Waits(id=row.id, until=row.until, takes=row.takes, plan=plan)
            if len(waiting) >= MOST:
                raise RefusedError(
                    f"{len(waiting)} things wait for a second person already",
                    reason="too_many_proposals",
                    hint="dialgate proposal list; confirm or withdraw some first",
                )
            tx.append(self._folder.fact(body, proposed.subject, actor))
            return Waits(id=body.id, until=until, takes=proposed.takes, plan=plan)

        return self._folder.store.call(work)

    def waiting(self) -> list[Proposal]:
        """What waits, the oldest first."""
        return self._folder.read(lambda tx: [each.row for each in self._waiting(tx)])

    def confirm(self, proposal_id: str, caller: Caller) -> tuple[Proposal, Response]:
        """Do what another person has asked for: the proposal, and the operation's response.

        Raises ``UsageError`` where nothing of this id waits; ``RefusedError`` (``same_person``) for who asked, under
        whatever name; and what the handler raises: then it waits on, but after ``plan_changed`` it is over.
        """

        def work(tx: StoreTransaction) -> _Waiting:
            found = self._one(tx, proposal_id)
            if _person(found.row.asked_by) == _person(caller.actor):
                raise RefusedError(
                    f"{caller.actor} has asked for it: another person confirms",
                    reason=SAME_PERSON,
                    hint="or take it back: dialgate proposal withdraw",
                )
            body = facts.ProposalConfirmed(id=proposal_id, digest=found.row.digest)
            tx.append(self._folder.fact(body, found.row.subject, caller.actor))
            return found

        found = self._folder.store.call(work)
        asker = Caller(found.row.asked_by, caller.progress)
        try:
            response: Response = found.operation.handler(self._folder, found.request, asker)
        except RefusedError as error:
            if error.reason == PLAN_CHANGED:
                self._close(found, caller.actor, PLAN_CHANGED)
            raise
        self._close(found, caller.actor, "done")
        return found.row, response

    def _close(self, found: _Waiting, actor: str, how: str) -> None:
        self._folder.keep(facts.ProposalClosed(id=found.row.id, how=how), found.row.subject, actor)

    def withdraw(self, proposal_id: str, actor: str) -> Proposal:
        """What waits is not to be done. Raises ``UsageError`` where nothing of this id waits."""

        def work(tx: StoreTransaction) -> Proposal:
            row = self._one(tx, proposal_id).row
            tx.append(self._folder.fact(facts.ProposalClosed(id=proposal_id, how="withdrawn"), row.subject, actor))
            return row

        return self._folder.store.call(work)

    def warnings(self) -> list[str]:
        """The lines of ``status`` about what waits, and who could confirm it."""
        alone = nobody_confirms(self._folder.config)
        return [alone] * bool(alone) + [
            f"{row.what} ({row.takes}) waits for a second person: asked for by {row.asked_by}, until"
            f" {local(row.until)}. dialgate proposal confirm {row.id}"
            for row in self.waiting()
        ]

    def _one(self, tx: StoreTransaction, proposal_id: str) -> _Waiting:
        for each in self._waiting(tx):
            if each.row.id == proposal_id:
                return each
        raise UsageError(
            f"nothing of id {proposal_id} waits for a second person",
            hint="It was done, withdrawn, or its day is over: dialgate proposal list",
        )

    def _waiting(self, tx: Source) -> list[_Waiting]:
        since = stamp(self._folder.clock.now() - LASTS)
        read = map(self._read, tx.rows(FactRow, _WAITING, [since]))
        return [each for each in read if each is not None]

    def _read(self, row: FactRow) -> _Waiting | None:
        """None where it is not a request of today's operations: it is of another version, or somebody has changed it
        in the database. It is not to be guessed at."""
        try:
            body = facts.Proposed.read(row.body or {})
            found = self._operations().get(body.op)
            if found is None or found.second_person is None or body.takes is msgspec.UNSET:
                return None
            request = convert(body.arguments, found.request)
        except msgspec.ValidationError:
            return None
        plan = str(body.arguments.get("digest") or "")
        if body.digest != _digest(body):
            return None
        if not found.second_person.needed(request) or not plan:
            return None
        what, who = found.second_person.what(request), row.actor or ""
        more = Proposal(**asdict(body), what=what, plan=plan, subject=row.subject, at=row.at, asked_by=who)
        return _Waiting(more, found, request)


def _digest(body: facts.Proposed) -> str:
    return sha256(canonical({name: getattr(body, name) for name in ("op", "arguments", "takes")})).hexdigest()


def _person(actor: str) -> str:
    """Who an actor is: two names of one uid are one person."""
    uid = _UID.search(actor)
    return uid[1] if uid else actor


# --- the list ------------------------------------------------------------------------------------------------------


class ProposalsWaiting(Response, frozen=True):
    """What waits."""

    items: list[Proposal]


class ProposalList(Request[ProposalsWaiting], frozen=True):
    """What waits for a second person."""

    as_of: AsOf = None


@operation(ProposalList, "proposal_list", roles=READERS)
def proposal_list(folder: DataFolder, asked: ProposalList, caller: Caller) -> ProposalsWaiting:
    """The proposals that wait for a second person, the oldest first."""
    return ProposalsWaiting(items=folder.proposals.waiting())


# --- confirming and withdrawing ------------------------------------------------------------------------------------


class ProposalConfirmed(Response, frozen=True):
    """The outcome of the confirmed request."""

    id: str
    what: str
    asked_by: str
    answer: object
    """The response of the operation."""


class ProposalConfirm(Request[ProposalConfirmed], frozen=True):
    """Do what another person has asked for."""

    proposal_id: Annotated[Line, about("Id of the proposal, or its beginning.", metavar="ID", ids=("proposal",))]


@operation(ProposalConfirm, "proposal_confirm", roles=KEEPERS, streams=True, final=True)
def proposal_confirm(folder: DataFolder, asked: ProposalConfirm, caller: Caller) -> ProposalConfirmed:
    """Do what another person has asked for, exactly as it was asked."""
    row, response = folder.proposals.confirm(asked.proposal_id, caller)
    return ProposalConfirmed(id=row.id, what=row.what, asked_by=row.asked_by, answer=response)


class ProposalWithdrawn(Response, frozen=True):
    """The proposal that is over."""

    id: str
    what: str
    asked_by: str


class ProposalWithdraw(Request[ProposalWithdrawn], frozen=True):
    """What waits is not to be done."""

    proposal_id: Annotated[Line, about("Id of the proposal, or its beginning.", metavar="ID", ids=("proposal",))]


@operation(ProposalWithdraw, "proposal_withdraw", roles=KEEPERS)
def proposal_withdraw(folder: DataFolder, asked: ProposalWithdraw, caller: Caller) -> ProposalWithdrawn:
    """Take back what waits: both the one who asked and the one who was to confirm may."""
    row = folder.proposals.withdraw(asked.proposal_id, caller.actor)
    return ProposalWithdrawn(id=row.id, what=row.what, asked_by=row.asked_by)
