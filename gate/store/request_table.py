"""The table of data-subject requests, whose rows follow from ``gate.core.facts.requests``.

``state`` is that of ``gate.core.requests``, computed by the database for lists; a test compares the two.
"""

from __future__ import annotations

IS_OPEN = "fulfilled_on IS NULL AND withdrawn_on IS NULL AND (person_told_on IS NULL OR authority_told_on IS NULL)"
"""Condition on a row: the request is not over."""
SCHEMA = """
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
