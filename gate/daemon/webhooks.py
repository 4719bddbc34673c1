"""Webhooks: what happens is sent to other programs, signed as Standard Webhooks has it, in the order of the log.

The queue is the evidence log itself. A file for each webhook keeps the last leaf that was sent, so that a crash of
either side loses nothing. What a receiver has not answered with 2xx is sent again with the same id, after longer and
longer pauses; what it has refused for a day and more is put aside, and the rest goes on. What is no leaf, the state of
the gate, waits in that file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
import structlog

from gate.config import Webhook, read_secret
from gate.core.facts.calls import CalledAgainstRefusal, Decision, OneSided
from gate.core.facts.lists import Objection
from gate.core.terms import Verdict
from gate.durable import whole_file
from gate.errors import ConfigError, StoreError
from gate.operations.operation import Caller
from gate.operations.registers.in_force import RegisterStatus, register_status
from gate.operations.requests.standing import open_standings
from gate.operations.status.glance import not_ready
from gate.showing import local, many, masked

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

log = structlog.get_logger()

OF_FACTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    Objection.kind: ("objection.made", ("number", "source", "scope", "made_at", "call_id")),
    Decision.kind: ("call.refused", ("number", "reason", "purpose", "topic", "claimed_by")),
    OneSided.kind: ("call.one_sided", ("side", "seconds")),
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
_NEXT: Final = (
    "SELECT leaf_index, kind, subject, at, body FROM facts INDEXED BY facts_kind"  # noqa: S608 - the code's own
    f" WHERE kind IN ({', '.join('?' for _ in OF_FACTS)}) AND leaf_index > ? ORDER BY leaf_index LIMIT {AT_A_GO}"
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


class Progress(msgspec.Struct):
    """What is kept of a webhook between two looks. No number and no name is in it."""

    leaf: int
    """The last leaf that was looked at."""
    tries: int = 0
    """Of the event that is next."""
    again_at: str = ""
    said: str = ""
    waiting: list[Waiting] = []
    aside: list[Aside] = []
    states: dict[str, list[str]] = {}
    """As they were told last."""


class Event(NamedTuple):
    """One message."""

    id: str
    type: str
    at: str
    data: dict[str, Any]
    leaf: int | None


class WebhookPost:
    """Tells one receiver. ``look`` is called by one thread at a time."""

    def __init__(self, webhook: Webhook, folder: DataFolder, states: Callable[[], Mapping[str, list[str]]]) -> None:
        """``states``: what is so now, by the event that tells of a change."""
        self._webhook = webhook
        self._folder = folder
        self._states = states
        self._key = key_of(webhook, read_secret(folder.config.base, webhook.secret_file))
        self._file = folder.config.data / "webhooks" / f"{webhook.name}.json"
        self._progress = self._kept()

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
                    said = self._send(event, now)
                    if not said.startswith("2") and not self._given_up(event, said, now):
                        return
                self._done(event)
        finally:
            if events:  # once: what a crash forgets is sent again with the same id
                self._keep()

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
                f" ({last.said}): once that is dealt with, stop the gate and empty aside in {self._file}"
            )

    # --- what is next ---------------------------------------------------------------------------------------------

    def _next(self) -> Iterator[Event]:
        for each in self._progress.waiting:
            yield Event(each.id, each.type, each.at, each.data, None)
        values = [*OF_FACTS, self._progress.leaf]
        for row in self._folder.read(lambda tx: tx.query(_NEXT, values)):
            name, fields = OF_FACTS[row["kind"]]
            body = json.loads(row["body"]) if row["body"] else {"erased": True}
            if row["kind"] == Decision.kind and body.get("verdict", Verdict.BLOCK) != Verdict.BLOCK:
                name = ""
            data = {"subject": row["subject"]} | {each: body[each] for each in (*fields, "erased") if each in body}
            yield Event(f"leaf-{row['leaf_index']}", name, row["at"], data, row["leaf_index"])

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
        url = urlsplit(self._webhook.url)
        place = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
        try:
            with closing(_connection(url.scheme, url.hostname or "", url.port)) as connection:
                connection.request("POST", place, body, headers)
                answer = connection.getresponse()
                answer.read(4096)
                return f"{answer.status} {answer.reason}"
        except (OSError, http.client.HTTPException) as error:
            return f"no answer: {error}"

    def _given_up(self, event: Event, said: str, now: datetime) -> bool:
        """True where it was the last try: it is put aside."""
        kept = self._progress
        kept.said = said[:200]
        if kept.tries < len(PAUSES):
            kept.again_at = (now + timedelta(seconds=PAUSES[kept.tries])).isoformat()
            kept.tries += 1
            log.warning("webhook_not_taken", webhook=self._webhook.name, message=event.id, said=said, tries=kept.tries)
            return False
        kept.aside = [*kept.aside, Aside(event.id, event.type, event.at, kept.said)][-MOST_ASIDE:]
        log.error("webhook_put_aside", webhook=self._webhook.name, message=event.id, said=said)
        return True

    def _done(self, event: Event) -> None:
        kept = self._progress
        if event.leaf is None:
            kept.waiting = [each for each in kept.waiting if each.id != event.id]
        else:
            kept.leaf = event.leaf
        kept.tries, kept.again_at, kept.said = 0, "", ""

    def _kept(self) -> Progress:
        size, _ = self._folder.read(lambda tx: tx.head())
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=Progress)
        except FileNotFoundError:
            return Progress(leaf=size - 1)  # what was before nobody asked to be told
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(
                f"{self._file} cannot be read: {error}", hint="move it away: the webhook then begins with what comes"
            ) from None
        kept.leaf = min(kept.leaf, size - 1)  # of a log that was restored since, what comes is new
        return kept

    def _keep(self) -> None:
        self._file.parent.mkdir(mode=0o700, exist_ok=True)
        with whole_file(self._file) as file:
            file.write(msgspec.json.encode(self._progress))


def states_of(folder: DataFolder) -> Callable[[], dict[str, list[str]]]:
    """What is so now, by the event that tells of a change."""

    def states() -> dict[str, list[str]]:
        registers = register_status(folder, RegisterStatus(), Caller("gate:webhook")).registers
        open_ones = folder.read(lambda tx: open_standings(tx, folder.today()))
        return {
            "gate.not_ready": sorted(not_ready(folder, registers)),
            "evidence.rolled_back": [folder.trust.why_behind] if folder.trust.why_behind else [],
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


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=SECONDS)
