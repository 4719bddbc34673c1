"""The tables of the CRM's contacts (``gate.store.contacts``): no evidence, copies of what the CRM holds."""

from __future__ import annotations

from typing import Final

SCHEMA: Final = """
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
