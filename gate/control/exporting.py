"""Exports to auditors, and proof: what is asked, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from gate.control.answers import Response
from gate.control.request import Line, Moment, Note, Request

CheckpointText = Annotated[str, msgspec.Meta(max_length=8000)]


class AuditVerify(Request, frozen=True):
    """Recompute the whole evidence log from its rows."""

    vkey: Note = ""
    """The verifier key as it is known from elsewhere; empty: that of the gate's own key file."""
    checkpoints: Annotated[list[tuple[Line, CheckpointText]], msgspec.Meta(max_length=100)] = msgspec.field(
        default_factory=list
    )
    """Checkpoints from elsewhere: (where, signed note). The log must have grown from each."""


class AuditCancel(Request, frozen=True):
    """End a verification of one's own that is under way."""


class AuditRestore(Request, frozen=True):
    """Go on with evidence that is older than what was signed: what came after it is given up."""

    reason: Note


class Restored(Response, frozen=True):
    """The answer to ``audit_restore``."""

    after: int
    to: int
    """Checkpoints after the one size, up to the other, are given up."""
    size: int
    rolled_back: bool


class AuditKey(Request, frozen=True):
    """The verifier key, for auditors."""


class AuditExport(Request, frozen=True):
    """Begin an export; refused unless its recipient is on the register with a purpose."""

    since: Moment
    until: Moment
    """Not included."""
    recipient: Line
    """Id, name or fingerprint on the register."""
    purpose: Note
    """Why; kept in the log before the first byte leaves."""
    openers: Annotated[list[Line], msgspec.Meta(max_length=16)] = msgspec.field(default_factory=list)
    """Ids of the private keys that whoever asks has at hand."""


class AuditExportTake(Request, frozen=True):
    """A page of the recordings of an export, with their wrapped keys."""

    bundle: Line
    after: Line | None = None


class AuditExportMake(Request, frozen=True):
    """Make and sign a bundle, once every page of it was taken: all but its recordings, from the gate's own log."""

    bundle: Line
    checkpoints: Annotated[list[tuple[Line, CheckpointText]], msgspec.Meta(max_length=100)] = msgspec.field(
        default_factory=list
    )
    """What its recipient holds: (where, signed note). The log must have grown from each."""


class VerifierKey(Response, frozen=True):
    """The answer to ``audit_key``."""

    name: str
    vkey: str
    """C2SP: ``name+hash+base64``."""
    pem: str


class Begun(Response, frozen=True):
    """The answer to ``audit_export``."""

    bundle: str
    recipient: dict[str, Any]


class Taken(Response, frozen=True):
    """The answer to ``audit_export_take``."""

    items: list[dict[str, Any]]
    next: str | None = None


class Made(Response, frozen=True):
    """The answer to ``audit_export_make``."""

    folder: str
    """In the data folder: ``head`` and ``tail`` of the tar, with the recordings to be put between them."""
    checkpoint: int
    counts: dict[str, int]
    damaged: list[str]
