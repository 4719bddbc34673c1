"""Rows of the evidence log, and of the ledger of copies in clear."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import UNSET, UnsetType

from gate.core.rows import Heading, Row

ALONE: Final = "Evidence alone: no recordings by request."
"""How a bundle without recordings is named, before anything else is said of it; ``reader.py`` has the same words."""


class Leaf(Row, frozen=True):
    """A leaf of the log."""

    index: Annotated[int, Heading("Leaf")]
    kind: Annotated[str, Heading("What")]
    subject: Annotated[str, Heading("Of")]
    at: str
    actor: Annotated[str, Heading("By")]
    hash: str
    """Hexadecimal."""
    said: Annotated[str, Heading("What happened")] = ""
    """The fact in a sentence, numbers hidden in part."""
    folded: int = 0
    """Leaves that this one stands for in the list, besides itself: the recordings of a bundle."""


class LeafShown(Row, frozen=True):
    """A leaf with what it commits to."""

    index: int
    kind: str
    subject: str
    at: str
    actor: str
    call_id: str | None
    leaf: str
    """The canonical text; ``hash`` is the hash of it (RFC 9162: of a zero byte and it)."""
    hash: str
    commit: str | None
    """The salted hash of the body."""
    erased: bool
    body: dict[str, object] | None
    """None where it was erased."""
    signed: int | None
    """The size of the first checkpoint over it."""
    said: str = ""
    """As ``Leaf.said``."""


class LeafKept(Row, frozen=True):
    """A leaf with its value, as both are kept: salt and body (canonical JSON) are None where it was erased."""

    leaf: bytes
    hash: bytes
    salt: bytes | None
    body: str | None


class BodyKept(Row, frozen=True):
    """The body of a leaf's fact as it is kept; None where it was erased."""

    leaf_index: int
    body: str | None


class SignedNote(Row, frozen=True):
    """A checkpoint as it was signed."""

    size: int
    note: str


class CheckpointRow(Row, frozen=True):
    """A signed head."""

    size: Annotated[int, Heading("Entries")]
    root: str
    """Base64."""
    at: Annotated[str, Heading("Signed")]
    note: str
    copies: Annotated[list[str], Heading("Files")]
    """Where it lies as a file: ``folder``, ``second place``."""


class LogFault(Row, frozen=True):
    """Something that does not hold."""

    what: str
    """One of the words in ``gate.audit``; ``memory_differs`` where memory journal, log and rows disagree."""
    message: str
    leaf_index: int | None


class LogHead(Row, frozen=True):
    """The newest signed head."""

    size: int
    root: str
    """Base64."""
    at: str


class LastVerification(Row, frozen=True):
    """The last verification, and what it found."""

    at: str
    actor: str
    ok: bool | UnsetType = UNSET
    size: int | UnsetType = UNSET
    root: str | UnsetType = UNSET
    first_fault: LogFault | UnsetType | None = UNSET


class LogNow(Row, frozen=True):
    """How the log stands."""

    size: int
    checkpoint: LogHead | None
    verified: LastVerification | None
    """None where it never was."""


class CopyKind(StrEnum):
    """What a copy in clear is."""

    RECORDING = "recording"
    """A recording that was opened: a WAV."""
    PACK = "pack"
    """The file that answers an access request."""
    LIST = "list"
    """Objections, consents or contacts as CSV."""
    BUNDLE = "bundle"
    """A bundle of evidence that was opened."""
    DATA = "data"
    """Anything else that was made of recordings or records: a transcript, JSON."""


class CopyRow(Row, frozen=True, kw_only=True):
    """A copy in clear, as the ledger has it."""

    leaf_index: Annotated[int, Heading("Leaf")]
    id: Annotated[str, Heading("Copy")]
    made_at: Annotated[str, Heading("Made")]
    actor: Annotated[str, Heading("By")]
    what: CopyKind
    of: str
    """The list, the request's reference or the bundle's id; empty of a recording."""
    calls: list[str]
    """Calls that it is of, where they are known."""
    place: Annotated[str, Heading("Where")]
    why: Annotated[str | None, Heading("Why")]
    until: Annotated[str, Heading("Until")]
    """The day by which it is to be destroyed."""
    written_at: Annotated[str | None, Heading("Written")] = None
    """When it lay there, whole; None while it is written, where that was cut off, and where it was entered by hand."""
    sha256: str | None = None
    destroyed_at: Annotated[str | None, Heading("Destroyed")] = None
    """When that was entered."""
    destroyed_on: str | None = None
    """The day on which it happened, as was said."""
    destroyed_by: str | None = None
    how: str | None = None


class ProvenFact(Row, frozen=True):
    """A fact as it lies in the tree, to be shown with its proof."""

    leaf_index: int
    kind: str
    subject: str
    salt: bytes | None
    body: str | None
    """The text that the leaf commits to; None where it was erased."""
    leaf: bytes


class InPeriod(Row, frozen=True, kw_only=True):
    """A recording whose call was decided in a period, for a bundle."""

    recording_id: str
    call_id: str
    key_id: str | None
    path: str | None
    """Relative to the folder of recordings."""
    sha256: str | None
    size: int | None
    state: str
    closed_at: str | None
    at: str
    leaf_index: int
    stored_in: str | None = None
    """The bucket in which its sealed file lies, if it does."""


class ForBundle(InPeriod, frozen=True, kw_only=True):
    """What becomes of it; ``path`` is absolute."""

    status: str
    """See ``gate.exports.bundle.STATUSES``."""
    why: str
    holds: list[str]
    """Restrictions that bear on it."""


class RecordingNow(Row, frozen=True):
    """How a recording stands."""

    recording_id: str
    state: str
    sha256: str | None
    size: int | None


class VerifierKey(Row, frozen=True):
    """What all signatures of this gate are checked with."""

    name: str
    vkey: str
    """C2SP: ``name+hash+base64``."""
    pem: str


class TilesWritten(Row, frozen=True):
    """The log as tiles, in a folder."""

    size: int
    """Entries."""
    root: str
    files: int
    """Those that were written now."""


class LogVerified(Row, frozen=True):
    """What a verification found; see ``gate.audit.heads.Report``."""

    ok: bool
    size: int
    root: str
    first_fault: LogFault | None
    faults: list[LogFault]
    fault_count: int
    checked: dict[str, int]
    proven: list[str]
    not_proven: list[str]
    """What it cannot show, in sentences."""
    vkey: str
    vkey_from: str
    """``elsewhere`` or ``gate.key``."""


class LeafProof(Row, frozen=True, kw_only=True, omit_defaults=True):
    """A leaf with its proof: with its value, or its hash alone."""

    index: int
    proof: list[str]
    """Base64, the lowest sibling first."""
    leaf: str | None = None
    salt: str | None = None
    body: str | None = None
    hash: str | None = None


class LogProof(Row, frozen=True, kw_only=True):
    """What a page checks (``gate.exports.page``): leaves of the tree under a signed checkpoint."""

    checkpoint: str
    """A signed note (C2SP)."""
    vkey: str
    """The key that it is signed with."""
    leaves: list[LeafProof]


class NewestAt(Row, frozen=True):
    """A place, and the size of the newest checkpoint that lies there."""

    place: str
    size: int


class LogBehind(Row, frozen=True):
    """What a restore gives up."""

    after: int
    to: int
    """Checkpoints after the one size, up to the other, are given up."""
    places: list[NewestAt]


class Erasure(Row, frozen=True, kw_only=True):
    """An act that has erased, since then, some of what the gate held."""

    at: str
    actor: str
    why: str
    """Reference of the request, or the basis in words: ``retention``."""
    facts: int
    recordings: int


class EnteredLate(Row, frozen=True, kw_only=True):
    """An objection or a consent that was dated before the moment and entered after it: it was not known then."""

    kind: str
    id: str
    dated: str
    entered: str
