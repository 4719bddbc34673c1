"""Webhooks: what happens is sent to other programs, signed as Standard Webhooks has it, in the order of the log.

The queue is the evidence log itself. A file for each webhook keeps the last leaf that was sent, so that a crash of
either side loses nothing. What a receiver has not answered with 2xx is sent again with the same id, after longer and
longer pauses; what it has refused for a day and more is put aside, and the rest goes on: somebody has it sent again, or
drops it. What is no leaf, the state of the gate, waits in that file. Contacts that are newly blocked are looked for in
the list of contacts itself, by when their verdict changed.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import msgspec
import structlog

from gate.config import Webhook, read_secret
from gate.core.facts.calls import CalledAgainstRefusal, Decision, OneSided
from gate.core.facts.gate import CampaignStopped, ManyAbandoned, WebhookDropped
from gate.core.facts.lists import Objection
from gate.core.rows.calls import FactRow
from gate.core.terms import Verdict
from gate.durable import whole_file
from gate.errors import ConfigError, StoreError, UsageError
from gate.operations.breaches import rows_of
from gate.operations.calls.calls import not_ready
from gate.operations.contacts.rescreening import Contacts
from gate.operations.operation import ADMINS, READERS, Caller, Line, Request, Response, about, operation
from gate.operations.registers.in_force import RegisterStatus, register_status
from gate.operations.requests.standing import open_standings
from gate.outgoing import NoAnswer, request
from gate.showing import local, many, masked

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder
    from gate.store.contacts import ContactRow

log = structlog.get_logger()

OF_FACTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    Objection.kind: ("objection.made", ("number", "source", "scope", "made_at", "call_id")),
    Decision.kind: ("call.refused", ("number", "reason", "purpose", "topic", "claimed_by")),
    OneSided.kind: ("call.one_sided", ("side", "seconds")),
    ManyAbandoned.kind: ("campaign.alarm", ("claimed_by", "campaign", "day", "abandoned", "live")),
    CampaignStopped.kind: ("campaign.stopped", ("claimed_by", "campaign", "day", "abandoned", "live")),
    CalledAgainstRefusal.kind: ("call.against_refusal", ("call_id", "recording_id", "reason")),
}
"""Kind of a fact -> the event that it is, and the fields of it that are told."""
PAUSES: Final = (5, 30, 300, 1800, 7200, 18000, 36000, 36000)
"""Seconds before each further try; after the last an event is put aside."""
AT_A_GO: Final = 100
SECONDS: Final = 10.0
"""How long a receiver may take to answer."""
MOST_ASIDE: Final = 1000
"""Events put aside whose ids are kept."""
NEWLY_BLOCKED: Final = "contact.newly_blocked"
CONTACTS_AT_ONCE: Final = 5000
"""Newly blocked contacts that are read at once: the rest waits in the list of contacts."""
_NEXT: Final = (
    "SELECT leaf_index, kind, subject, at, actor, body FROM facts INDEXED BY facts_kind"  # noqa: S608 - the code's own
    f" WHERE kind IN ({', '.join('?' for _ in OF_FACTS)}) AND leaf_index > ? AND leaf_index < ?"
    f" ORDER BY leaf_index LIMIT {AT_A_GO}"
)


class Waiting(msgspec.Struct, frozen=True):
    """An event that is no leaf."""

    id: str
    type: str
    at: str
    data: dict[str, Any]


class Aside(msgspec.Struct, frozen=True):
    """An event that its receiver did not take."""

    id: str
    type: str
    at: str
    said: str
    """Its last answer."""
    data: dict[str, Any] | None = None
    """The content of an event that is neither a leaf nor a contact."""


class Mark(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A contact's place among those that changed: that of the last one that was told. Its number and its reference
    are kept as a keyed hash."""

    since: int
    """The second in which its verdict changed."""
    hash: str = ""


class Progress(msgspec.Struct):
    """How far a webhook is, kept between two looks. No number and no name is in it."""

    leaf: int
    """The last leaf that was looked at."""
    tries: int = 0
    """The tries of the event that is next."""
    again_at: str = ""
    said: str = ""
    waiting: list[Waiting] = []
    aside: list[Aside] = []
    states: dict[str, list[str]] = {}
    """As they were told last."""
    contacts: Mark | None = None
    """The newly blocked contact that was looked at last; None: they are not told."""


class Event(NamedTuple):
    """One message."""

    id: str
    type: str
    at: str
    data: dict[str, Any]
    leaf: int | None = None
    mark: Mark | None = None


class WebhookPost:
    """Sends events to one receiver. ``look`` is called by one thread at a time, the rest by any."""

    def __init__(self, webhook: Webhook, folder: DataFolder, states: Callable[[], Mapping[str, list[str]]]) -> None:
        """``states``: what is so now, by the event that tells of a change."""
        self._webhook = webhook
        self._folder = folder
        self._states = states
        self._key = key_of(webhook, read_secret(folder.config.base, webhook.secret_file))
        self._file = folder.config.data / "webhooks" / f"{webhook.name}.json"
        self._lock = threading.Lock()
        """The lock of what is kept; nobody waits for a receiver under it."""
        self._progress = self._kept()
        self._contacts: list[Event] = []
        self._listed: object = None
        """The state of the contacts' list in which all that is newly blocked was read."""

    @property
    def name(self) -> str:
        """The webhook's name in the configuration."""
        return self._webhook.name

    def look(self) -> None:
        """Tell what there is to tell, unless the receiver is left alone for a while. Raises ``StoreError``."""
        now = self._folder.clock.now()
        self._note_states(now)
        if self._progress.again_at and now < datetime.fromisoformat(self._progress.again_at):
            return
        events = list(self._next())
        try:
            for event in events:
                if self._wanted(event):
                    answer = self._send(event, now)
                    if not answer.startswith("2") and not self._given_up(event, answer, now):
                        return
                self._done(event)
        finally:
            if events:  # once: what a crash forgets is sent again with the same id
                with self._lock:
                    self._keep()

    def standing(self) -> WebhookStanding:
        """How it stands."""
        with self._lock:
            kept = self._progress
            return WebhookStanding(
                name=self.name,
                url=self._webhook.url,
                tries=kept.tries,
                again_at=kept.again_at or None,
                answer=kept.said,
                aside=[DeadLetter(id=each.id, type=each.type, at=each.at, answer=each.said) for each in kept.aside],
            )

    def retry(self, event: str | None, progress: Callable[[float, str], None]) -> tuple[list[str], str]:
        """Send what was put aside (None: all of it), in its order, until one is not taken: the ids of those that were,
        and the last answer."""
        taken: list[str] = []
        answer = ""
        chosen = self._chosen(event)
        for done, each in enumerate(chosen):
            progress(done / len(chosen), "sending")
            found = self._found(each)
            answer = self._send(found, self._folder.clock.now()) if found else "204 it is there no more"
            if not answer.startswith("2"):
                break
            taken.append(each.id)
            self._forget({each.id})
        return taken, answer

    def drop(self, event: str | None) -> list[str]:
        """Never send it (None: all of them); the ids."""
        ids = [each.id for each in self._chosen(event)]
        self._forget(set(ids))
        return ids

    def _chosen(self, event: str | None) -> list[Aside]:
        with self._lock:
            aside = list(self._progress.aside)
        chosen = [each for each in aside if event in (None, each.id)]
        if event and not chosen:
            raise UsageError(
                f"the webhook {self.name} has put aside no event {event}", hint="dialgate webhook list has their ids"
            )
        return chosen

    def _forget(self, ids: set[str]) -> None:
        with self._lock:
            self._progress.aside = [each for each in self._progress.aside if each.id not in ids]
            self._keep()

    def _found(self, aside: Aside) -> Event | None:
        """Find an event that was put aside, as it is now; None where it was erased meanwhile."""
        if aside.type == NEWLY_BLOCKED:
            since = int(aside.id.split("-")[1])

            def that(rows: Iterator[ContactRow]) -> Event | None:
                return next((each for each in map(self._of_contact, rows) if each.id == aside.id), None)

            return self._folder.one(Contacts).newly_blocked(since, since, that)
        if aside.data is not None:
            return Event(aside.id, aside.type, aside.at, aside.data)
        leaf = int(aside.id.removeprefix("leaf-"))
        return next((each for each in self._leaves(leaf - 1) if each.leaf == leaf), None)

    def warnings(self) -> Iterator[str]:
        """What somebody must see to."""
        kept, name = self._progress, self._webhook.name
        if kept.tries > 2:
            again = local(kept.again_at) if kept.again_at else "at once"
            yield f"The webhook {name} is not taken ({kept.said or 'no answer'}); it is tried again {again}"
        if kept.aside:
            last = kept.aside[-1]
            yield (
                f"{many(len(kept.aside), 'event')} of the webhook {name} put aside, the last at {local(last.at)}"
                f" ({last.said}): dialgate webhook retry {name}, or drop"
            )

    # --- what is next ---------------------------------------------------------------------------------------------

    def _next(self) -> Iterator[Event]:
        for each in list(self._progress.waiting):
            yield Event(each.id, each.type, each.at, each.data)
        yield from self._leaves(self._progress.leaf)
        yield from self._newly_blocked()

    def _leaves(self, after: int) -> Iterator[Event]:
        for row in self._folder.read(lambda tx: tx.rows(FactRow, _NEXT, [*OF_FACTS, after, tx.own.stop])):
            name, fields = OF_FACTS[row.kind]
            body = {"erased": True} if row.body is None else row.body
            if row.kind == Decision.kind and body.get("verdict", Verdict.BLOCK) != Verdict.BLOCK:
                name = ""
            data = {"subject": row.subject} | {each: body[each] for each in (*fields, "erased") if each in body}
            yield Event(f"leaf-{row.leaf_index}", name, row.at, data, leaf=row.leaf_index)

    def _newly_blocked(self) -> Iterator[Event]:
        """Contacts whose verdict was allow and became block, in the order in which that happened.

        Of a second that is not over nothing is taken, nor while a screening goes on: what comes later comes behind.
        """
        kept, now = self._progress, int(self._folder.clock.now().timestamp())
        if self._webhook.events and NEWLY_BLOCKED not in self._webhook.events:
            kept.contacts = None
            return
        if kept.contacts is None or kept.contacts.since > now:  # who has just asked to be told; a clock that was set
            kept.contacts = Mark(now)
            with self._lock:
                self._keep()
        if not self._contacts:
            self._contacts = self._read_contacts(kept.contacts, now)
        yield from self._contacts[:AT_A_GO]

    def _read_contacts(self, after: Mark, now: int) -> list[Event]:
        """Those that come next behind a mark, as many as are read at once."""
        contacts = self._folder.one(Contacts)
        listed = contacts.state()
        if listed is None or listed == self._listed:
            return []
        early = True

        def over(rows: Iterator[ContactRow]) -> Iterator[Event]:
            nonlocal early
            for row in rows:
                event = self._of_contact(row)
                if row.since >= now:
                    early = False
                elif event.mark and event.mark > after:
                    yield event

        found = contacts.newly_blocked(
            after.since, None, lambda rows: heapq.nsmallest(CONTACTS_AT_ONCE + 1, over(rows), key=_place)
        )
        if found is not None and early and len(found) <= CONTACTS_AT_ONCE:
            self._listed = listed  # there is nothing more before the list changes
        return (found or [])[:CONTACTS_AT_ONCE]

    def _of_contact(self, row: ContactRow) -> Event:
        named = f"{row.number} {row.reference}" + (f"\0{row.on_behalf_of}" if row.on_behalf_of else "")
        digest = hmac.new(self._key, named.encode(), hashlib.sha256).hexdigest()[:32]
        at = datetime.fromtimestamp(row.since, UTC).isoformat()
        data = {"number": f"+{row.number}", "reference": row.reference, "reason": row.reason}
        data |= {"on_behalf_of": row.on_behalf_of} if row.on_behalf_of else {}
        return Event(f"contact-{row.since}-{digest}", NEWLY_BLOCKED, at, data, mark=Mark(row.since, digest))

    def _wanted(self, event: Event) -> bool:
        return bool(event.type) and (not self._webhook.events or event.type in self._webhook.events)

    def _note_states(self, now: datetime) -> None:
        changed = False
        for name, holds in self._states().items():
            before = self._progress.states.get(name, [])
            if holds == before:
                continue
            data = {"now": holds, "begun": sorted(set(holds) - set(before)), "over": sorted(set(before) - set(holds))}
            event = Waiting(f"state-{secrets.token_hex(8)}", name, now.isoformat(), data)
            self._progress.states[name] = holds
            self._progress.waiting.append(event)
            changed = True
        if changed:
            with self._lock:
                self._keep()

    # --- sending --------------------------------------------------------------------------------------------------

    def _send(self, event: Event, now: datetime) -> str:
        """The status and reason of the answer, or why there is none."""
        data = event.data if self._webhook.numbers else masked(event.data)
        body = msgspec.json.encode({"type": event.type, "timestamp": event.at, "data": data})
        seconds = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": seconds,
            "webhook-signature": signature(self._key, event.id, seconds, body),
        }
        try:
            answer = request("POST", self._webhook.url, body, headers, seconds=SECONDS, most=4096)
        except NoAnswer as error:
            return f"no answer: {error}"
        return f"{answer.status} {answer.reason}"

    def _given_up(self, event: Event, answer: str, now: datetime) -> bool:
        """True where it was the last try: it is put aside."""
        kept = self._progress
        kept.said = answer[:200]
        if kept.tries < len(PAUSES):
            kept.again_at = (now + timedelta(seconds=PAUSES[kept.tries])).isoformat()
            kept.tries += 1
            log.warning(
                "webhook_not_taken", webhook=self._webhook.name, message=event.id, said=answer, tries=kept.tries
            )
            return False
        data = event.data if event.leaf is None and event.mark is None else None
        with self._lock:
            kept.aside = [*kept.aside, Aside(event.id, event.type, event.at, kept.said, data)][-MOST_ASIDE:]
        log.error("webhook_put_aside", webhook=self._webhook.name, message=event.id, said=answer)
        return True

    def _done(self, event: Event) -> None:
        kept = self._progress
        if event.leaf is not None:
            kept.leaf = event.leaf
        elif event.mark is not None:
            kept.contacts = event.mark
            self._contacts.pop(0)
        else:
            kept.waiting = [each for each in kept.waiting if each.id != event.id]
        kept.tries, kept.again_at, kept.said = 0, "", ""

    def _kept(self) -> Progress:
        last = self._folder.read(lambda tx: tx.own[tx.head()[0]] - 1)
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=Progress)
        except FileNotFoundError:
            return Progress(leaf=last)  # what was before nobody asked to be told
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(
                f"{self._file} cannot be read: {error}", hint="move it away: the webhook then begins with what comes"
            ) from None
        kept.leaf = min(kept.leaf, last)  # of a log that was restored since, what comes is new
        return kept

    def _keep(self) -> None:
        if self._folder.rehearses:
            return
        self._file.parent.mkdir(mode=0o700, exist_ok=True)
        with whole_file(self._file) as file:
            file.write(msgspec.json.encode(self._progress))


def _place(event: Event) -> Mark:
    return event.mark or Mark(0)


def posts(folder: DataFolder) -> list[WebhookPost]:
    """One for each webhook of the configuration. Raises ``GateError``."""
    return [WebhookPost(each, folder, states_of(folder)) for each in folder.config.webhook]


def states_of(folder: DataFolder) -> Callable[[], dict[str, list[str]]]:
    """Return the states that events report on when they change, by event."""

    def states() -> dict[str, list[str]]:
        registers = register_status(folder, RegisterStatus(), Caller("gate:webhook")).registers
        breaches = folder.read(lambda tx: rows_of(tx, folder.clock.now()))
        open_ones = folder.read(lambda tx: open_standings(tx, folder.today()))
        return {
            "gate.not_ready": sorted(not_ready(folder, registers)),
            "evidence.rolled_back": [folder.trust.why_behind] if folder.trust.why_behind else [],
            "breaches.due": sorted(each.reference for each in breaches if each.warning),
            "requests.due": sorted(each.reference for each in open_ones if each.warning),
        }

    return states


def key_of(webhook: Webhook, secret: str) -> bytes:
    """The bytes of a secret: ``whsec_`` and base64, as receivers are given it, or a text of one's own. Raises
    ``ConfigError``."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ConfigError(
            f"the secret of the webhook {webhook.name} is not base64 after whsec_",
            hint=f"see {webhook.secret_file}: copy it whole, on the first line",
        ) from None


def signature(key: bytes, message_id: str, seconds: str, body: bytes) -> str:
    """The header ``webhook-signature`` (Standard Webhooks 1.0, symmetric)."""
    digest = hmac.new(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


# --- the operations ------------------------------------------------------------------------------------------------


class DeadLetter(Response, frozen=True, kw_only=True):
    """An event that a receiver has not taken for longer than a day."""

    id: str
    type: str
    at: str
    answer: str
    """The receiver's last, or why there was none."""


class WebhookStanding(Response, frozen=True, kw_only=True):
    """How a webhook stands."""

    name: str
    url: str
    tries: int
    """How often the next event was sent in vain."""
    again_at: str | None
    """When it is sent again; None: as soon as there is something."""
    answer: str
    """To the last that was not taken."""
    aside: list[DeadLetter]


class Webhooks(Response, frozen=True):
    """The state of each webhook."""

    webhooks: list[WebhookStanding]


class WebhookTaken(Response, frozen=True, kw_only=True):
    """What became of events that were put aside."""

    name: str
    ids: list[str]
    """Those that the receiver has taken, or that were dropped."""
    left: int
    """How many are aside still."""
    answer: str
    """The receiver's last; empty where it was not asked."""


Named = Annotated[Line, about("The webhook, as the configuration names it.", metavar="NAME", eg=("crm",))]
Put = Annotated[Line | None, about("An event that was put aside, by its id; none: all of them.", metavar="EVENT")]


class WebhookList(Request[Webhooks], frozen=True):
    """The webhooks."""


class WebhookRetry(Request[WebhookTaken], frozen=True, kw_only=True):
    """Send once more."""

    name: Named
    event: Put = None


class WebhookDrop(Request[WebhookTaken], frozen=True, kw_only=True):
    """Send never."""

    name: Named
    event: Put = None


@operation(WebhookList, "webhook_list", roles=READERS)
def webhook_list(folder: DataFolder, asked: WebhookList, caller: Caller) -> Webhooks:
    """Show each webhook: whether its receiver takes what it is sent, and what was put aside."""
    return Webhooks([each.standing() for each in folder.one(posts)])


@operation(WebhookRetry, "webhook_retry", roles=ADMINS, streams=True)
def webhook_retry(folder: DataFolder, asked: WebhookRetry, caller: Caller) -> WebhookTaken:
    """Send once more what a webhook's receiver has not taken, in its order, until one is not taken again."""
    post = _named(folder, asked.name)
    taken, answer = post.retry(asked.event, caller.progress)
    return WebhookTaken(name=post.name, ids=taken, left=len(post.standing().aside), answer=answer)


@operation(WebhookDrop, "webhook_drop", roles=ADMINS, final=True)
def webhook_drop(folder: DataFolder, asked: WebhookDrop, caller: Caller) -> WebhookTaken:
    """Never send what a webhook's receiver has not taken. Who dropped what stays in the log."""
    post = _named(folder, asked.name)
    if dropped := post.drop(asked.event):
        folder.keep(WebhookDropped(name=post.name, events=dropped), "gate", caller.actor)
    return WebhookTaken(name=post.name, ids=dropped, left=len(post.standing().aside), answer="")


def _named(folder: DataFolder, name: str) -> WebhookPost:
    for each in folder.one(posts):
        if each.name == name:
            return each
    known = ", ".join(each.name for each in folder.config.webhook) or "none"
    raise UsageError(f"there is no webhook {name}", hint=f"known: {known}")
