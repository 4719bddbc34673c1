"""Keys: what is asked of the register of recipients, and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gate.control.answers import Response
from gate.control.request import Line, Request

Role = Literal["", "compliance", "auditor", "escrow"]
Purpose = Literal["", "regulator", "court", "internal_audit", "data_subject"]
Half = Literal["", "first", "second"]
BATCH = 64
"""Wrapped keys in one message: its size is bounded (``wire.LARGEST_BODY``)."""
Proofs = Annotated[dict[Line, Annotated[str, msgspec.Meta(max_length=128)]], msgspec.Meta(max_length=BATCH)]
"""Recording id -> base64 of 64 bytes (``gate.vault.proof``)."""


class KeyList(Request, frozen=True):
    """The register of recipients: whom recordings are sealed to, to whom exports may go."""


class KeyAdd(Request, frozen=True):
    """Put a public key on the register of recipients."""

    text: Annotated[str, msgspec.Meta(max_length=20_000)]
    """The recipient text that ``dialgate key new`` printed."""
    role: Role = ""
    """In place of the role that the text names; empty to keep it."""
    purpose: Purpose = ""
    """What exports may go to it for; empty: none may."""
    half: Half = ""
    """Its share of a two-person key."""
    exports_only: bool = False
    """New recordings are not sealed to it."""


class KeyChange(Request, frozen=True):
    """Put a recipient on other terms; what is not given stays, an empty text takes away."""

    recipient_id: Line
    role: Role = ""
    purpose: Purpose | None = None
    half: Half | None = None
    seals: bool | None = None
    """New recordings are sealed to it."""


class KeyRetire(Request, frozen=True):
    """Seal nothing more to a recipient; refused where only its key opens a recording."""

    recipient_id: Line
    dry_run: bool = False
    """Say what would be, and do nothing."""


class KeyWraps(Request, frozen=True):
    """A page of the wrapped keys that ``source`` opens, to be closed to ``target``; logged before the answer."""

    source: Line
    target: Line
    after: Line = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=BATCH)] = BATCH


class KeyRewrap(Request, frozen=True):
    """Wrapped keys of ``source``, closed to ``target``, each with the proof that what is in it is what was sealed."""

    source: Line
    target: Line
    wraps: Annotated[dict[Line, Annotated[str, msgspec.Meta(max_length=4096)]], msgspec.Meta(max_length=BATCH)]
    """Recording id -> base64."""
    proofs: Proofs = msgspec.field(default_factory=dict)
    """Recordings that were sealed before there were commitments need none."""


class KeyUnproven(Request, frozen=True):
    """A page of a recipient's wraps that have not been shown to open; logged before the answer."""

    recipient_id: Line
    after: Line = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=BATCH)] = BATCH


class KeyProve(Request, frozen=True):
    """Proofs that a recipient's wraps open, made with its private key."""

    recipient_id: Line
    proofs: Proofs


class KeyDrop(Request, frozen=True):
    """Take from ``source`` what ``target`` is proven to open and nothing holds."""

    source: Line
    target: Line
    dry_run: bool = False
    """Say what would be dropped, and do nothing."""


class Recipients(Response, frozen=True):
    """The answer to ``key_list``."""

    recipients: list[dict[str, Any]]
    retired: list[dict[str, Any]]
    """Those no longer in force whose keys still open something."""
    warnings: list[str]


class Added(Response, frozen=True):
    """The answer to ``key_add`` and ``key_change``."""

    id: str


class Retired(Response, frozen=True):
    """The answer to ``key_retire``."""

    id: str
    recordings: int
    """What its key opens."""
    alone: int
    """Of these: what no other recipient in force could open."""
    retired: bool


class HeldKey(Response, frozen=True):
    """One of ``key_wraps``."""

    recording_id: str
    key_id: str
    wrap: str | None
    """Base64; None where the target has it already."""


class HeldKeys(Response, frozen=True):
    """The answer to ``key_wraps``."""

    items: list[HeldKey]
    next: str | None


class Rewrapped(Response, frozen=True):
    """The answer to ``key_rewrap``."""

    added: int


class Unproven(Response, frozen=True):
    """The answer to ``key_unproven``."""

    items: list[HeldKey]
    """``wrap`` is None where there is no commitment to prove it by."""
    next: str | None
    challenge: str
    """Base64: what only the recipient's private key can answer."""


class Proven(Response, frozen=True):
    """The answer to ``key_prove``."""

    proven: int
    failed: list[str]
    """Recordings whose proof does not hold."""


class Dropped(Response, frozen=True):
    """The answer to ``key_drop``."""

    recordings: int
    """What ``source`` opened."""
    dropped: int
    held: int
    """Stays, because a hold keeps it."""
    unproven: int
    """Stays, because ``target`` has not shown that it opens it."""
    waits: dict[str, Any] | None
    """``id`` and ``until`` of the proposal that another person confirms."""
