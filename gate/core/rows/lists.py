"""Rows of the own lists, of registers and their imports, and of the CRM's contacts."""

from __future__ import annotations

from datetime import date

from gate.core.rows import Row


class ObjectionRow(Row, frozen=True):
    """An objection; what is personal in it is None where it was erased."""

    leaf_index: int
    id: str
    number: str | None
    made_at: str
    source: str | None
    note: str | None
    actor: str | None
    call_id: str | None
    """The call in which it was told."""
    removed_at: str | None
    removed_by: str | None
    removed_why: str | None
    scope: str | None = None
    """``marketing`` (also None) or ``all``."""
    on_behalf_of: str | None = None
    """The one instigator whose calls it is to; None: every call."""


class SubscriberRow(Row, frozen=True):
    """A note of who has a line."""

    leaf_index: int
    id: str
    number: str | None
    """None where it was erased."""
    noted_at: str
    kind: str
    since: date | None
    """The day since when it is theirs; None: nobody has noted that it was another's before."""
    source: str | None
    actor: str | None


class RegisterImportRow(Row, frozen=True):
    """An import; what is None was not noted."""

    leaf_index: int
    import_id: str
    at: str
    actor: str | None
    name: str | None
    as_of: date | None
    sha256: str | None
    count: int | None
    coverage: str | None
    added: int | None
    removed: int | None
    source_name: str | None
    accepted_shrink: bool | None


class RegisterIdentity(Row, frozen=True):
    """The edition of a register that something rested on."""

    name: str
    state: str
    as_of: date | None
    count: int
    sha256: str


class RegisterState(Row, frozen=True, kw_only=True):
    """How a register stands on a day."""

    name: str
    state: str
    """``ok``, ``stale``, ``missing`` or ``damaged``."""
    problem: str
    """What is wrong with it; empty where nothing is."""
    count: int
    as_of: date | None
    days_left: int | None
    """Days that it still supports calls for: 0 on the last one, below that it is stale."""
    coverage: list[str]
    uncovered: tuple[str, ...] = ()
    """Dialling codes of its coverage of which it holds no number: calls to them are refused."""
    sha256: str
    imported_at: str | None
    source_name: str
    source_sha256: str
    """The SHA-256 of the licensee's file."""
    implausible: str = ""
    """What a live gate found odd about it, in words that follow "although "; empty where nothing."""
    accepted: str = ""
    """Why it was taken all the same; empty where it is only doubtful."""

    @property
    def identity(self) -> RegisterIdentity:
        """The edition, to be kept with what rests on it."""
        return RegisterIdentity(
            name=self.name, state=self.state, as_of=self.as_of, count=self.count, sha256=self.sha256
        )


class RefusedFile(Row, frozen=True):
    """A file that was not taken."""

    at: str
    source_name: str
    why: str


class RegisterInForce(RegisterState, frozen=True, kw_only=True):
    """One register."""

    refused: RefusedFile | None
    """The file that was last refused, where none was taken since."""


class ContactList(Row, frozen=True):
    """The CRM's list in force."""

    list: int
    topic: str
    """What calls to it are about."""
    imported_at: str
    actor: str
    source_name: str
    contacts: int
    bad_rows: int
    screened_at: str | None
    registers: tuple[RegisterIdentity, ...] | None
    """What it was screened against."""
    leaf: int
    """Own lists are taken into account up to this leaf."""
    on_behalf_of: str = ""
    """The instigator whose list it is; empty: the firm itself."""


class Contact(Row, frozen=True):
    """A contact of a list as it is kept."""

    number: int
    """The digits of an E.164 number."""
    reference: str
    """The CRM's own id; empty where it has none."""
    verdict: str
    reason: str
    since: int
    """When the verdict became what it is, in seconds since 1970."""
    was: str | None
    """The verdict before that."""


class ContactCount(Row, frozen=True):
    """Contacts of a list with one outcome."""

    verdict: str
    reason: str
    contacts: int


class ContactChanges(Row, frozen=True):
    """Contacts whose verdict changed."""

    newly_blocked: int
    newly_allowed: int
    first_blocked: int
    """Blocked from their first day on."""


class ContactFault(Row, frozen=True):
    """What in the CRM's file was no contact."""

    line: int
    field: str
    """The column; empty for the whole row."""
    reference: str
    fault: str


class ContactRow(Row, frozen=True, kw_only=True):
    """A contact, and what the last screening said of it."""

    id: str
    """It does not show the number."""
    reference: str
    number: str
    verdict: str
    reason: str
    since: str
    """From when on the verdict is what it is."""
    on_behalf_of: str = ""
    """The instigator in whose list it is; empty: the firm's own."""


class ContactChange(ContactRow, frozen=True, kw_only=True):
    """A contact whose verdict has changed."""

    change: str
    """``newly_blocked``, ``newly_allowed``, or ``first_blocked`` where it is blocked from its first day on."""


class ConsentRow(Row, frozen=True):
    """A consent; what is personal in it is None where it was erased."""

    leaf_index: int
    id: str
    number: str | None
    noted_at: str
    given_at: str
    how: str | None
    wording: str | None
    who: str | None
    evidence: str | None
    evidence_kind: str | None
    evidence_sha256: str | None
    purpose: str | None
    topics: str | None
    caller: str | None
    on_behalf_of: str | None
    holds_until: date | None
    """By its own words."""
    actor: str | None
    withdrawn_at: str | None
    withdrawn_by: str | None
    withdrawn_why: str | None
    withdrawn_leaf: int | None = None
    after_objection: bool | None = None
    """It was entered by name to lift an objection."""
    holds_longer: bool | None = None
    """Its own day is later than the firm's term, and stands in its words."""
    ends: date | None = None
    """The last day on which it holds, by the firm's term or its own words."""
