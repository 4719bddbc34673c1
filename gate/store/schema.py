"""The tables of ``gate.db``, built by migrations: a change is a new one at the end, never an edit.

``facts`` and ``leaves`` are the evidence; ``tiles`` holds the root of every complete run of 256 leaves, so that proofs
and a start need not read them all; ``checkpoints`` are the signed heads. Every other table is derived from the facts
(``gate.store.projections``) and could be built again from them; ``leaf_index`` there is the fact that made the row.
Those of the CRM's contacts (``gate.store.contacts``) are neither: copies of what the CRM holds.

Times are stamps (``gate.core.evidence.stamp``): text whose order is that of time.

The rows of data-subject requests follow from ``gate.core.facts.requests``; their ``state`` is that of
``gate.core.requests``, computed by the database for lists; a test compares the two. A receipt's own number is its code:
as the number of an objection it goes when the call's data are erased, and its keyed hash stays, so that the code is
known for what it was.

The database's own form is compared with what the migrations make: tables, generated columns, indexes, and what may not
lie beside them. A trigger, a generated column or an index that says something else changes what is written, or what
every list shows, and no row of evidence with it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, NamedTuple

from gate.errors import StoreError
from gate.sqlite_thread import Connection
from gate.store.paging import LENGTHS
from gate.store.queries import ASKED, TRIED
from gate.store.queries import SCHEMA as QUESTIONS
from gate.store.transfers import SCHEMA as TRANSFERS

if TYPE_CHECKING:
    from sqlite_utils import Database


CONTACTS: Final = """
CREATE TABLE contact_lists (
    list INTEGER PRIMARY KEY,
    state TEXT NOT NULL,       -- loading, in_force, gone (on its way out)
    imported_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    source_name TEXT NOT NULL, sha256 TEXT NOT NULL,
    topic TEXT NOT NULL,       -- what the calls are about: it decides with the registers
    contacts INTEGER NOT NULL DEFAULT 0,
    bad_rows INTEGER NOT NULL DEFAULT 0,
    screened_at TEXT,          -- when all of it was last screened
    registers TEXT,            -- JSON: the editions that this rested on
    leaf INTEGER NOT NULL DEFAULT 0 -- own lists are taken into account up to this leaf
) STRICT;
CREATE UNIQUE INDEX contact_list_in_force ON contact_lists (state) WHERE state = 'in_force';

CREATE TABLE contacts (
    list INTEGER NOT NULL,
    number INTEGER NOT NULL,   -- the digits of its E.164 form
    reference TEXT NOT NULL,   -- the CRM's own id; empty where none was given
    outcome INTEGER NOT NULL,
    since INTEGER NOT NULL,    -- when the verdict became what it is, in seconds since 1970
    was TEXT,                  -- the verdict before that; NULL: it came to the list then
    PRIMARY KEY (list, number, reference)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_outcomes (
    outcome INTEGER PRIMARY KEY, verdict TEXT NOT NULL, reason TEXT NOT NULL, UNIQUE (verdict, reason)
) STRICT;

CREATE TABLE contact_faults (
    list INTEGER NOT NULL, line INTEGER NOT NULL, field TEXT NOT NULL,
    reference TEXT NOT NULL, fault TEXT NOT NULL,
    PRIMARY KEY (list, line, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_forgotten (
    list INTEGER NOT NULL, number INTEGER NOT NULL, -- forgotten while its list was loading
    PRIMARY KEY (list, number)
) STRICT, WITHOUT ROWID;
"""


RECEIPTS: Final = """
CREATE TABLE receipts (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    number TEXT,               -- its code; NULL after erasure
    number_hash BLOB,          -- keyed; stays
    issued_at TEXT NOT NULL,
    call_id TEXT,
    decision INTEGER,          -- leaf of the decision
    told_how TEXT, told INTEGER, why TEXT
) STRICT;
CREATE INDEX receipts_hash ON receipts (number_hash);
"""


COPIES: Final = """
CREATE TABLE copies (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    made_at TEXT NOT NULL, actor TEXT,
    what TEXT, calls TEXT, of TEXT, place TEXT, until TEXT,
    why TEXT, how TEXT,        -- NULL after erasure
    destroyed_at TEXT, destroyed_by TEXT, destroyed_on TEXT
) STRICT;
CREATE INDEX copies_made ON copies (made_at, id);
CREATE INDEX copies_open ON copies (until) WHERE destroyed_at IS NULL;
"""
CAMPAIGNS: Final = """
ALTER TABLE calls ADD COLUMN campaign TEXT;
ALTER TABLE calls ADD COLUMN abandoned_why TEXT;
ALTER TABLE calls ADD COLUMN informed INTEGER;
CREATE INDEX calls_answered ON calls
    (answered_at, claimed_by, campaign, purpose, topic, reason, ended_at, ended_by, bridged, abandoned_why, informed)
    WHERE answered_at IS NOT NULL;
CREATE INDEX calls_abandoned ON calls (number, answered_at) WHERE abandoned_why IS NOT NULL;
CREATE INDEX calls_unknown ON calls (at, claimed_by, campaign, purpose, topic, reason, call_id)
    WHERE verdict = 'allow' AND answered_at IS NULL
    AND (source = 'ask' AND ended_at IS NULL OR cause = 'redirected' AND bridged = 0);
CREATE TABLE campaign_stops (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    stopped_at TEXT NOT NULL,
    claimed_by TEXT, campaign TEXT,
    released_at TEXT, released_by TEXT,
    why TEXT                   -- NULL after erasure
) STRICT;
CREATE INDEX campaign_stops_of ON campaign_stops (claimed_by, campaign, leaf_index);
CREATE INDEX campaign_stops_standing ON campaign_stops (claimed_by, campaign) WHERE released_at IS NULL;
"""
IS_OPEN = "fulfilled_on IS NULL AND withdrawn_on IS NULL AND (person_told_on IS NULL OR authority_told_on IS NULL)"
"""Condition on a row: the request is not over."""
REQUESTS = """
CREATE TABLE requests (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    reference TEXT UNIQUE, -- what people call it: DSR-2026-0007
    opened_at TEXT NOT NULL,
    actor TEXT,
    asks TEXT, channel TEXT, received TEXT,
    written INTEGER,
    name TEXT, contact TEXT,        -- these six: NULL after erasure
    numbers TEXT,                   -- JSON list of E.164
    about TEXT, since TEXT, until TEXT,
    identity_asked_on TEXT, identified_on TEXT, checked TEXT,
    paused_on TEXT, clarified_on TEXT, extended_on TEXT,
    searched_on TEXT, found INTEGER,
    acknowledged_on TEXT,
    granted_on TEXT, refused_on TEXT, ground TEXT,
    carrying_at TEXT, carried_at TEXT, held_back INTEGER,
    person_told_on TEXT, authority_told_on TEXT, fulfilled_on TEXT, withdrawn_on TEXT,
    state TEXT NOT NULL AS (CASE
        WHEN fulfilled_on IS NOT NULL THEN 'done'
        WHEN withdrawn_on IS NOT NULL THEN 'closed'
        WHEN person_told_on IS NOT NULL AND authority_told_on IS NOT NULL THEN 'closed'
        WHEN refused_on IS NOT NULL THEN 'refused'
        WHEN granted_on IS NOT NULL THEN 'granted'
        WHEN paused_on IS NOT NULL THEN 'clarifying'
        WHEN identified_on IS NOT NULL THEN 'in_hand'
        WHEN identity_asked_on IS NOT NULL THEN 'identity_asked'
        ELSE 'received' END) VIRTUAL
) STRICT;
CREATE INDEX requests_opened ON requests (opened_at, id);
CREATE INDEX requests_open ON requests (received, id)
    WHERE fulfilled_on IS NULL AND withdrawn_on IS NULL
    AND (person_told_on IS NULL OR authority_told_on IS NULL);
CREATE INDEX requests_carrying ON requests (id) WHERE carrying_at IS NOT NULL AND carried_at IS NULL;
"""

PARTLY_DONE = """
ALTER TABLE requests DROP COLUMN state;
ALTER TABLE requests ADD COLUMN held INTEGER;
ALTER TABLE requests ADD COLUMN state TEXT NOT NULL AS (CASE
        WHEN fulfilled_on IS NOT NULL THEN 'done'
        WHEN withdrawn_on IS NOT NULL THEN 'closed'
        WHEN person_told_on IS NOT NULL AND authority_told_on IS NOT NULL THEN 'closed'
        WHEN refused_on IS NOT NULL THEN 'refused'
        WHEN granted_on IS NOT NULL AND held > 0 THEN 'partly_done'
        WHEN granted_on IS NOT NULL THEN 'granted'
        WHEN paused_on IS NOT NULL THEN 'clarifying'
        WHEN identified_on IS NOT NULL THEN 'in_hand'
        WHEN identity_asked_on IS NOT NULL THEN 'identity_asked'
        ELSE 'received' END) VIRTUAL;
"""


MIGRATION_SET: Final = "gate"

EVIDENCE = """
CREATE TABLE facts (
    leaf_index INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    call_id TEXT, -- the call that the fact speaks of, where there is one
    salt BLOB,    -- NULL after erasure, as the body
    body TEXT     -- canonical JSON
) STRICT;
CREATE INDEX facts_call ON facts (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX facts_subject ON facts (subject) WHERE call_id IS NULL OR call_id <> subject;

CREATE TABLE leaves (leaf_index INTEGER PRIMARY KEY, leaf BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE tiles (tile INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
CREATE TABLE number_key (
    proof BLOB NOT NULL -- one row: the hash of no number, to know the key again
) STRICT;
CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, root BLOB NOT NULL, note TEXT NOT NULL, at TEXT NOT NULL) STRICT;
"""

CALLS = """
CREATE TABLE calls (
    leaf_index INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    number TEXT, raw TEXT, presentation TEXT, purpose TEXT, topic TEXT, claimed_by TEXT, source TEXT,
    verdict TEXT, reason TEXT, consent_id TEXT, objection_id TEXT,
    answered_at TEXT, codec TEXT,
    announced INTEGER,    -- 1: to its end
    connected_at TEXT,
    recording_id TEXT,
    recorded INTEGER,
    unrecorded_why TEXT,
    objected INTEGER,     -- 1: the callee pressed the opt-out digit, or objected to this call later
    ended_at TEXT, ended_by TEXT, cause TEXT, code INTEGER, seconds REAL,
    bridged INTEGER,      -- 0: the parties never heard each other
    state TEXT NOT NULL AS (CASE
        WHEN verdict IS NOT 'allow' THEN 'refused'
        WHEN source = 'ask' THEN 'asked' -- a phone system that dials by itself: no more is known of the call
        WHEN ended_at IS NOT NULL THEN 'ended'
        WHEN connected_at IS NOT NULL THEN 'talking'
        WHEN answered_at IS NOT NULL THEN 'answered'
        ELSE 'dialling' END) VIRTUAL
) STRICT;
CREATE INDEX calls_at ON calls (at, call_id, reason);
CREATE INDEX calls_number ON calls (number, at, call_id);
CREATE INDEX calls_reason ON calls (reason, at, call_id);
CREATE INDEX calls_open ON calls (at, call_id) WHERE verdict = 'allow' AND ended_at IS NULL AND source IS NOT 'ask';
CREATE INDEX calls_unattended ON calls (number, answered_at)
    WHERE answered_at IS NOT NULL AND ended_at IS NOT NULL AND bridged = 0;
"""

RECORDINGS = """
CREATE TABLE recordings (
    leaf_index INTEGER PRIMARY KEY,
    recording_id TEXT NOT NULL UNIQUE,
    call_id TEXT,
    opened_at TEXT NOT NULL,
    path TEXT, key_id TEXT, recipients TEXT, purpose TEXT,
    closed_at TEXT, sha256 TEXT, size INTEGER, seconds REAL, chunks INTEGER, packets TEXT, gaps TEXT,
    interrupted INTEGER, cause TEXT,
    erased_at TEXT,
    state TEXT NOT NULL AS (CASE
        WHEN erased_at IS NOT NULL THEN 'erased'
        WHEN closed_at IS NULL THEN 'open'
        WHEN interrupted = 1 THEN 'interrupted'
        ELSE 'closed' END) VIRTUAL
) STRICT;
CREATE INDEX recordings_opened ON recordings (opened_at, recording_id);
CREATE INDEX recordings_call ON recordings (call_id);
CREATE INDEX recordings_open ON recordings (opened_at) WHERE closed_at IS NULL AND erased_at IS NULL;
"""

OWN_LISTS = """
CREATE TABLE objections (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    number TEXT,               -- NULL after erasure
    number_hash BLOB NOT NULL, -- keyed; stays, so that an erased person stays uncallable
    made_at TEXT NOT NULL,
    source TEXT, note TEXT, actor TEXT, call_id TEXT,
    removed_at TEXT, removed_by TEXT, removed_why TEXT
) STRICT;
CREATE INDEX objections_hash ON objections (number_hash, made_at);
CREATE INDEX objections_made ON objections (made_at, id);

CREATE TABLE consents (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    number TEXT,
    number_hash BLOB,
    noted_at TEXT NOT NULL,
    given_at TEXT NOT NULL,
    how TEXT, wording TEXT, who TEXT, evidence TEXT, actor TEXT,
    withdrawn_at TEXT, withdrawn_by TEXT, withdrawn_why TEXT
) STRICT;
CREATE INDEX consents_hash ON consents (number_hash, given_at);
CREATE INDEX consents_noted ON consents (noted_at, id);

CREATE TABLE register_imports (
    leaf_index INTEGER PRIMARY KEY,
    import_id TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    actor TEXT, name TEXT, as_of TEXT, sha256 TEXT, count INTEGER, coverage TEXT, added INTEGER, removed INTEGER,
    source_name TEXT, accepted_shrink INTEGER
) STRICT;
CREATE INDEX register_imports_at ON register_imports (at, import_id);
"""

RETENTION = """
CREATE TABLE holds (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    made_at TEXT NOT NULL,
    actor TEXT,
    kind TEXT,         -- hold: not erased; restriction: not opened either
    target TEXT,       -- recording, call or number: which of the next three it is put on
    recording_id TEXT, call_id TEXT, number TEXT,
    reason TEXT, reference TEXT,
    released_at TEXT, released_by TEXT, released_why TEXT
) STRICT;
CREATE INDEX holds_made ON holds (made_at, id);
CREATE INDEX holds_recording ON holds (recording_id) WHERE target = 'recording' AND released_at IS NULL;
CREATE INDEX holds_call ON holds (call_id) WHERE target = 'call' AND released_at IS NULL;
CREATE INDEX holds_number ON holds (number) WHERE target = 'number' AND released_at IS NULL;

ALTER TABLE recordings DROP COLUMN state;
ALTER TABLE recordings ADD COLUMN erasing_at TEXT;
ALTER TABLE recordings ADD COLUMN erasing_basis TEXT;
ALTER TABLE recordings ADD COLUMN state TEXT NOT NULL AS (CASE
    WHEN erased_at IS NOT NULL THEN 'erased'
    WHEN erasing_at IS NOT NULL THEN 'erasing' -- decided: whatever happens now, it is carried out
    WHEN closed_at IS NULL THEN 'open'
    WHEN interrupted = 1 THEN 'interrupted'
    ELSE 'closed' END) VIRTUAL;
CREATE INDEX recordings_kept ON recordings (opened_at, recording_id) WHERE erased_at IS NULL;
CREATE INDEX recordings_erasing ON recordings (recording_id) WHERE erasing_at IS NOT NULL AND erased_at IS NULL;
"""

LOOKING = """
DROP INDEX calls_at;
CREATE INDEX calls_at ON calls (at, call_id, reason, number);
CREATE INDEX calls_claimed ON calls (claimed_by, at, call_id);
CREATE INDEX facts_kind ON facts (kind);
"""

MEMORY: Final = """
CREATE TABLE memory (
    number INTEGER NOT NULL, -- one row: the journal's last entry,
    digest BLOB NOT NULL,    -- the SHA-256 of its line, and where it ends
    size INTEGER NOT NULL,
    leaf INTEGER NOT NULL    -- the journal holds the acts up to this leaf
) STRICT;
"""

ORDER_OF_WORDS = """
ALTER TABLE consents ADD COLUMN withdrawn_leaf INTEGER;
ALTER TABLE consents ADD COLUMN after_objection INTEGER;
UPDATE consents SET withdrawn_leaf = (SELECT min(leaf_index) FROM facts WHERE subject = consents.id
    AND (call_id IS NULL OR call_id <> subject) AND kind = 'consent_withdrawn' AND leaf_index > consents.leaf_index)
    WHERE withdrawn_at IS NOT NULL;
CREATE INDEX requests_stopping ON requests
    (asks, numbers, reference, fulfilled_on, withdrawn_on, person_told_on, authority_told_on)
    WHERE numbers IS NOT NULL AND fulfilled_on IS NULL AND withdrawn_on IS NULL
    AND (person_told_on IS NULL OR authority_told_on IS NULL);
"""

CONSENT_ENDS: Final = """
ALTER TABLE consents ADD COLUMN purpose TEXT;
ALTER TABLE consents ADD COLUMN holds_until TEXT;
ALTER TABLE consents ADD COLUMN holds_longer INTEGER;
"""

LISTED_SERVICE: Final = """
ALTER TABLE calls ADD COLUMN listed_service INTEGER;
UPDATE calls SET listed_service = (SELECT EXISTS (SELECT 1 FROM json_each(facts.body, '$.registers')
    WHERE json_extract(value, '$.listed')) FROM facts WHERE leaf_index = calls.leaf_index AND body IS NOT NULL)
    WHERE reason = 'service_call';
CREATE INDEX calls_let_through ON calls (claimed_by, at, listed_service, reason, source) WHERE verdict = 'allow';
"""


AGAINST_REFUSAL: Final = """
ALTER TABLE calls ADD COLUMN against_at TEXT;
UPDATE calls SET against_at = (SELECT at FROM facts WHERE kind = 'called_against_refusal'
    AND facts.call_id = calls.call_id ORDER BY leaf_index DESC LIMIT 1)
    WHERE call_id IN (SELECT call_id FROM facts WHERE kind = 'called_against_refusal');
ALTER TABLE calls DROP COLUMN state;
ALTER TABLE calls ADD COLUMN state TEXT NOT NULL AS (CASE
    WHEN against_at IS NOT NULL THEN 'called_against_refusal'
    WHEN verdict IS NOT 'allow' THEN 'refused'
    WHEN source = 'ask' THEN 'asked'
    WHEN ended_at IS NOT NULL THEN 'ended'
    WHEN connected_at IS NOT NULL THEN 'talking'
    WHEN answered_at IS NOT NULL THEN 'answered'
    ELSE 'dialling' END) VIRTUAL;
CREATE INDEX calls_against ON calls (against_at, call_id) WHERE against_at IS NOT NULL;
"""

KEPT: Final = """
ALTER TABLE recordings ADD COLUMN talked REAL;
ALTER TABLE recordings ADD COLUMN kept REAL;
ALTER TABLE recordings ADD COLUMN lost TEXT;
ALTER TABLE recordings ADD COLUMN silent TEXT;
"""


SUBSCRIBERS: Final = """
CREATE TABLE subscribers (
    leaf_index INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    number TEXT,               -- NULL after erasure
    number_hash BLOB NOT NULL, -- keyed; stays, so that no consent of an earlier subscriber counts again
    noted_at TEXT NOT NULL,
    kind TEXT, since TEXT,     -- who has the line, and since when
    source TEXT, actor TEXT
) STRICT;
CREATE INDEX subscribers_hash ON subscribers (number_hash, leaf_index);
"""


NOTED: Final = """
ALTER TABLE objections ADD COLUMN noted_at TEXT;
UPDATE objections SET noted_at = (SELECT at FROM facts WHERE facts.leaf_index = objections.leaf_index);
ALTER TABLE consents ADD COLUMN withdrawn_noted TEXT;
UPDATE consents SET withdrawn_noted = (SELECT at FROM facts WHERE facts.leaf_index = consents.withdrawn_leaf)
    WHERE withdrawn_leaf IS NOT NULL;
"""


ATTEMPTS: Final = """
CREATE TABLE attempts (
    attempt TEXT NOT NULL UNIQUE, -- SHA-256 of Call-ID, From tag and CSeq of an INVITE that a gate decides on
    at TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_at ON attempts (at);
"""
"""No evidence, and kept for an hour: of gates that share a database one makes a call."""


NODES: Final = """
CREATE TABLE nodes (
    gate INTEGER PRIMARY KEY, -- the number of its log
    address TEXT NOT NULL,   -- where it takes calls
    version TEXT NOT NULL,
    state TEXT NOT NULL,     -- open, drained, leaving; stopped, left
    wanted TEXT NOT NULL,    -- what another gate was asked of it: drain, resume, leave; empty once it is done
    calls INTEGER NOT NULL,  -- in hand
    used TEXT NOT NULL,      -- JSON: what each account, PBX and token uses of its limits there
    seen_at TEXT NOT NULL    -- it wrote this row
) STRICT;
CREATE INDEX calls_in_hand ON calls (claimed_by, leaf_index)
    WHERE verdict = 'allow' AND ended_at IS NULL AND source IS NOT 'ask';
"""
"""No evidence: of gates that share a database each writes its own row again and again."""


BESIDE: Final = "_beside"
"""The end of the name of a change that only adds: gates of the version before it go on beside gates of its own, on
PostgreSQL, until each is replaced. What that version reads goes with a later one, whose name does not end so."""


class Step(NamedTuple):
    """A change of the tables."""

    name: str
    """Stored in the database: it never changes."""
    sql: str
    """Its statements, each ended by a semicolon at the end of a line."""


def _columns(table: str, *names: str) -> str:
    return "".join(f"ALTER TABLE {table} ADD COLUMN {name} TEXT;\n" for name in names)


STEPS: Final = (
    Step("m001_evidence_and_what_is_derived", EVIDENCE + CALLS + RECORDINGS + OWN_LISTS),
    Step("m002_retention", RETENTION),
    Step("m003_requests", REQUESTS),
    Step("m004_looking_for_calls_and_facts", LOOKING),
    Step("m005_contacts", CONTACTS),
    Step("m006_facts_by_actor", "CREATE INDEX facts_actor ON facts (actor)"),
    # Where a hold's matter is kept is what somebody wrote: it goes with the rest of an erased one.
    Step(
        "m007_references_of_erased_holds",
        "UPDATE holds SET reference = NULL WHERE leaf_index IN (SELECT leaf_index FROM facts WHERE body IS NULL)",
    ),
    Step("m008_memory", MEMORY),
    # Objections, consents and withdrawals by the order in which they were learnt; open requests stop marketing.
    Step("m009_the_order_of_words", ORDER_OF_WORDS),
    # A consent that was kept before was given for general calls.
    Step("m010_the_scope_of_consents", _columns("consents", "topics", "caller", "evidence_kind", "evidence_sha256")),
    # An erasure that a hold stops in part is a state of its own.
    Step("m011_requests_partly_done", PARTLY_DONE),
    # An objection that was kept before stops marketing.
    Step("m012_the_scope_of_objections", _columns("objections", "scope")),
    # Of a service call that was kept before it is not known whether they objected.
    Step("m013_service_calls_to_the_listed", LISTED_SERVICE),
    Step("m014_receipts", RECEIPTS),
    # A consent that was kept before was given for marketing, for as long as the firm's term.
    Step("m015_the_ends_of_consents", CONSENT_ENDS),
    Step("m016_calls_and_recordings_by_length", LENGTHS),
    # A question and the call that came of it are one attempt; calls are found by the Call-ID of their INVITE.
    Step("m017_questions_and_call_ids", QUESTIONS),
    Step(
        "m018_recordings_from_elsewhere",
        _columns("recordings", "source_sha256", "bound_by")
        + "CREATE INDEX recordings_source ON recordings (source_sha256) WHERE source_sha256 IS NOT NULL",
    ),
    Step("m019_transfers", TRANSFERS),
    Step("m020_questions_alone", ASKED),
    Step("m021_attempts_let_through", TRIED),
    # A call that was refused and made all the same is not merely refused.
    Step("m022_calls_against_refusals", AGAINST_REFUSAL),
    # Of a recording that was closed before it is not known.
    Step("m023_how_much_is_kept", KEPT),
    # Of a hold that was kept before no ground is known: it stands until somebody says one.
    Step("m024_the_grounds_of_holds", _columns("holds", "ground", "law", "review_on")),
    Step("m025_copies_in_clear", COPIES),
    # Of a copy that was entered before it is not known whether it was written.
    Step("m026_copies_written", _columns("copies", "written_at", "sha256")),
    # What was kept before is of the firm's own calls: an objection stops every call.
    Step(
        "m027_calls_for_others", "".join(_columns(each, "on_behalf_of") for each in ("objections", "consents", "calls"))
    ),
    # Of a call that was kept before it is known only whether the parties were put through.
    Step("m028_abandoned_calls", CAMPAIGNS),
    Step(
        "m029_abandoned_calls_replayed",
        "CREATE INDEX facts_abandoned ON facts (json_extract(body, '$.number_hash'))"
        " WHERE kind = 'abandoned_replayed';",
    ),
    # Of a number that was kept before nobody has noted whose it is.
    Step("m030_subscribers", SUBSCRIBERS),
    # What was imported before is the firm's own list.
    Step(
        "m031_contact_lists_apart",
        "ALTER TABLE contact_lists ADD COLUMN on_behalf_of TEXT NOT NULL DEFAULT '';\n"
        "DROP INDEX contact_list_in_force;\n"
        "CREATE UNIQUE INDEX contact_list_in_force ON contact_lists (on_behalf_of) WHERE state = 'in_force';\n",
    ),
    # What was closed before lies in the folder of recordings.
    Step("m032_recordings_in_a_bucket", _columns("recordings", "stored_at", "stored_in")),
    # Words that came through two gates are in the order of the times when they were entered.
    Step("m033_logs_of_many_gates", NOTED),
    Step("m034_attempts_at_many_gates", ATTEMPTS),
    # Of a gate of an earlier version the others do not know that it runs, nor what it uses.
    Step("m035_gates_of_one_database", NODES),
)
"""Every change of the tables, in order."""


def _carry_out(db: Database, sql: str) -> None:
    for statement in sql.split(";\n"):  # not as one script, which would end the transaction around it
        if statement.strip():
            db.execute(statement)


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Apply the changes that a database lacks. Raises ``sqlite3.Error``, or ``StoreError`` as ``refuse_newer`` does.

    Nearly always it lacks none, which one SELECT tells: sqlite-utils is imported only where there is work for it, as
    that alone takes longer than a whole ``dialgate check``.
    """
    if {step.name for step in STEPS} <= refuse_newer(connection):
        return
    from sqlite_utils import Database, Migrations

    steps = Migrations(MIGRATION_SET)
    for step in STEPS:
        steps(name=step.name)(partial(_carry_out, sql=step.sql))
    steps.apply(Database(connection))


def refuse_newer(connection: Connection) -> set[str]:
    """The names of the changes that a database has had. Raises ``StoreError`` where one of them is not known here: what
    the rows mean then is not known either, and what is written beside them may be lost to the version that knows."""
    return unknown(_applied(connection))


def unknown(applied: set[str], *, beside: bool = False) -> set[str]:
    """These changes. Raises ``StoreError`` where one of them is not known here; ``beside``: and is not one that only
    adds."""
    newer = sorted(each for each in applied - {step.name for step in STEPS} if not (beside and each.endswith(BESIDE)))
    if newer:
        raise StoreError(
            f"the database is of a newer version of Dialgate: it has had {', '.join(newer)}",
            hint="run that version, or restore the backup from before it was first started",
        )
    return applied


def _applied(connection: Connection) -> set[str]:
    kept = connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_sqlite_migrations'")
    if kept.fetchone() is None:
        return set()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (MIGRATION_SET,))
    return {name for (name,) in rows}


MIGRATIONS: Final = "_sqlite_migrations"
"""Made and indexed by sqlite-utils, whose spelling of it is its own: only what it says is compared."""
Made = tuple[str, str, str]
"""Kind of an object, the table that it belongs to, its SQL."""
Difference = tuple[str, str]
"""What it is, in a word of ``gate.audit``, and a sentence."""


def differences(connection: Connection, number_proof: bytes | None = None) -> Iterator[Difference]:
    """Everything that is not as a gate of this version makes it. ``number_proof``: what ``number_key`` must hold; None
    where the key of the number hashes is not known. Raises ``sqlite3.Error`` for a damaged file."""
    wanted, found = made_by(STEPS), _objects(connection)
    steps = {(MIGRATION_SET, step.name) for step in STEPS}
    for name, (kind, *_) in found.items():
        if kind in ("trigger", "view") or (name not in wanted and MIGRATIONS not in name):
            yield "foreign_object", f"the database holds a {kind} that is not the gate's: {name}"
    for name, made in wanted.items():
        if name not in found:
            yield "foreign_object", f"the database has no {made[0]} {name}"
        elif found[name] != made:
            yield "schema_changed", f"{made[0]} {name} is not made as the gate makes it"
    if found.get(MIGRATIONS, ("",))[0] != "table":
        yield "foreign_object", f"the database has no table {MIGRATIONS}"
    elif set(connection.execute(f"SELECT migration_set, name FROM {MIGRATIONS}")) != steps:  # noqa: S608 - a constant
        yield "schema_changed", f"{MIGRATIONS} does not name the changes that this version of the gate has made"
    for pragma in ("user_version", "application_id"):
        if connection.execute(f"PRAGMA {pragma}").fetchone() != (0,):
            yield "schema_changed", f"the database's {pragma} is not 0"
    if number_proof is not None and "number_key" in found:
        yield from other_number_key(connection, number_proof)


def other_number_key(connection: Connection, number_proof: bytes) -> Iterator[Difference]:
    """Report where the numbers' hashes are of another key."""
    if connection.execute("SELECT proof FROM number_key").fetchall() != [(number_proof,)]:
        yield "number_key_changed", "number_key is not that of number.key: nobody could tell who objected"


@lru_cache(maxsize=1)
def made_by(steps: tuple[Step, ...]) -> Mapping[str, Made]:
    """Return what these changes make, by name."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in steps:
            connection.executescript(step.sql)
        return _objects(connection)


def _objects(connection: Connection) -> dict[str, Made]:
    """All that lies in a database, by name. The SQL is without comments, and each run of spaces is one:
    what SQLite keeps of an ALTER TABLE depends on its version. It is empty for an index that a constraint made."""
    rows = connection.execute("SELECT name, type, tbl_name, sql FROM sqlite_schema").fetchall()
    return {name: (kind, table, _plain(sql or "")) for name, kind, table, sql in rows}


@lru_cache(maxsize=256)
def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", sql)).strip()
