"""Rows of data-subject requests, and of what is held of a person."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from gate.core.rows import Row


class RequestRow(Row, frozen=True):
    """A request as its table has it; what is personal is None where it was erased.

    How it stands is never kept: ``gate.operations.requests.standing.replay`` makes it from its facts.
    """

    id: str
    reference: str
    """What people call it: DSR-2026-0007."""
    opened_at: str
    asks: str
    channel: str
    received: str
    written: bool | None
    name: str | None
    contact: str | None
    numbers: list[str] | None
    """E.164."""
    about: str | None
    since: str | None
    until: str | None
    checked: str | None
    found: int | None
    carrying_at: str | None
    """When its erasure was decided."""
    carried_at: str | None
    """When it had its receipt."""
    held: int | None
    """Calls and numbers of which a hold keeps something."""
    state: str

    @property
    def lines(self) -> list[str]:
        """The numbers; none where they were erased."""
        return self.numbers or []


class HeldAttempt(Row, frozen=True):
    """An attempt to call somebody, recorded or not."""

    call_id: str
    at: str
    number: str | None
    verdict: str | None
    reason: str | None
    purpose: str | None
    topic: str | None
    on_behalf_of: str | None
    """The firm for which it was made; None: the firm itself."""
    state: str
    seconds: float | None
    bridged: int | None
    answered_at: str | None
    cause: str | None
    unrecorded_why: str | None
    recording_id: str | None
    recording: str | None
    """State of the recording."""
    recorded_seconds: float | None
    recorded_at: str | None
    """When the recording began."""
    erased_at: str | None


class HeldCall(HeldAttempt, frozen=True):
    """An attempt to call the person, recorded or not."""

    outcome: str
    """In words; of a recording in which somebody else was called, or was transferred to the call, that too."""
    by_transfer: bool
    """Somebody else was called, and the person was transferred to the call: its number and decision are theirs."""


class HeldObjection(Row, frozen=True):
    """An objection of the person, one taken back too."""

    number: str
    id: str
    made_at: str
    source: str | None
    note: str | None
    call_id: str | None
    removed_at: str | None
    removed_why: str | None
    scope: str | None
    """What it stops: ``marketing`` (None, too), ``all``."""
    on_behalf_of: str | None
    """The one instigator whose calls it stops; None: every call."""
    erased: int
    """1 where only the keyed hash of the number is left."""


class HeldConsent(Row, frozen=True):
    """A consent of the person, a withdrawn one too."""

    number: str
    id: str
    given_at: str
    how: str | None
    wording: str | None
    who: str | None
    evidence: str | None
    purpose: str | None
    topics: str | None
    caller: str | None
    on_behalf_of: str | None
    holds_until: str | None
    withdrawn_at: str | None
    withdrawn_why: str | None


class HeldSubscriber(Row, frozen=True):
    """A note of who has one of the person's numbers."""

    number: str
    id: str
    noted_at: str
    kind: str
    since: str | None
    source: str | None


class HeldContact(Row, frozen=True):
    """A row of the contact list with one of the person's numbers."""

    number: str
    reference: str
    verdict: str
    reason: str
    since: str
    """When the verdict became what it is."""
    was: str | None
    """The verdict before that."""
    imported_at: str
    on_behalf_of: str | None
    """The instigator in whose list it is; None: the firm's own."""


class HeldHold(Row, frozen=True):
    """A hold that keeps something of it."""

    id: str
    kind: str
    name: str
    made_at: str


class HeldStatement(Row, frozen=True):
    """A statement of what is right, beside a record."""

    at: str
    record: str
    id: str
    request: str
    statement: str


class EarlierRequest(Row, frozen=True):
    """Another request about these numbers."""

    reference: str
    asks: str
    received: str
    state: str


class HeldReceipt(Row, frozen=True):
    """A receipt of a call with the person."""

    call_id: str
    at: str
    code: str
    """As people read it."""
    told: int | None
    """1 where it was told them to its end."""


class Talk(Row, frozen=True):
    """A call from or to which somebody was transferred."""

    call_id: str
    number: str | None
    """None where it was erased."""


# --- what was given to others ---------------------------------------------------------------------------------------


class Taken(Row, frozen=True):
    """How a recording went to somebody."""

    on: str
    """The last day, UTC."""
    bundles: list[str] = []  # noqa: RUF012 - msgspec copies it
    """Ids of bundles that it was in."""


class Handed(Row, frozen=True, kw_only=True):
    """Something that was handed out to somebody, as a fact keeps it, by ids alone."""

    what: str
    """``bundle``, ``recording``, ``pack``."""
    recipient: str
    """Ids of keys, or the request's reference."""
    on: str
    """The last day, UTC."""
    recordings: dict[str, Taken] | UnsetType = UNSET
    bundle: str | UnsetType = UNSET
    """Set of what went besides recordings: then ``calls`` and ``entries`` are too."""
    calls: list[str] | UnsetType = UNSET
    entries: list[str] | UnsetType = UNSET
    """``consent <id>``."""


class Given(Row, frozen=True, kw_only=True):
    """What a recipient was given, as a fact keeps it: a recording, or records in a bundle."""

    on: str
    recording: str | UnsetType = UNSET
    bundles: list[str] | UnsetType = UNSET
    bundle: str | UnsetType = UNSET
    calls: list[str] | UnsetType = UNSET
    entries: list[str] | UnsetType = UNSET
