"""The table of data-subject requests: what their facts make of a row.

A request's facts are of two sorts. Those of its course (opened, and one kind for each event of
``gate.core.requests``) hold dates, codes and random ids, and stay. What a person said or is called stands in facts of
its own, so that it can be erased and the course still be told: ``request_person`` (who asks, how to reach them, which
numbers and calls; always complete, the newest counts) and ``request_words`` (reasons, questions, answers).

``state`` is that of ``gate.core.requests``, computed by the database for lists; a test compares the two.
"""

from __future__ import annotations

from gate.store.fold import Columns, Derive, LogEntry, Table
from gate.store.values import flag, number, text, texts


def _opened(fact: LogEntry) -> Columns:
    names = ("reference", "asks", "channel", "received")
    written = flag(fact.body.get("written"))
    return {
        "leaf_index": fact.leaf_index,
        "opened_at": fact.at,
        "actor": fact.actor,
        "written": written,
        **texts(fact.body, *names),
    }


def _person(fact: LogEntry) -> Columns:
    names = ("name", "contact", "about", "since", "until")
    return {"numbers": text(fact.body.get("lines")), **texts(fact.body, *names)}


def _on(column: str, **more: str | None) -> Derive:
    """The day of a step in a column; ``more``: columns that take another value of the body, None empties them."""

    def derive(fact: LogEntry) -> Columns:
        columns: Columns = {column: text(fact.body.get("on"))}
        for name, source in more.items():
            columns[name] = None if source is None else text(fact.body.get(source))
        return columns

    return derive


def _searched(fact: LogEntry) -> Columns:
    return {"searched_on": text(fact.body.get("on")), "found": number(fact.body.get("found"))}


def _carried(fact: LogEntry) -> Columns:
    held = number(fact.body.get("held"))
    return {"carried_at": fact.at, "held_back": number(fact.body.get("held_back")), "held": held}


def _carrying(fact: LogEntry) -> Columns:
    """Once more, where a hold had kept a part: it has no receipt again."""
    return {"carrying_at": fact.at, "carried_at": None}


REQUESTS = Table(
    name="requests",
    key="id",
    creates="request_opened",
    derive={
        "request_opened": _opened,
        "request_person": _person,
        "request_identity_asked": _on("identity_asked_on"),
        "request_identity_proven": _on("identified_on", checked="checked"),
        "request_clarification_asked": _on("paused_on"),
        "request_clarified": _on("clarified_on", paused_on=None, searched_on=None),
        "request_extended": _on("extended_on"),
        "request_searched": _searched,
        "request_acknowledged": _on("acknowledged_on"),
        "request_granted": _on("granted_on"),
        "request_refused": _on("refused_on", ground="ground", paused_on=None),
        "request_carrying": _carrying,
        "request_carried": _carried,
        "request_person_told": _on("person_told_on"),
        "request_authority_told": _on("authority_told_on"),
        "request_fulfilled": _on("fulfilled_on"),
        "request_withdrawn": _on("withdrawn_on", paused_on=None),
    },
    personal=("name", "contact", "numbers", "about", "since", "until"),
)

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
