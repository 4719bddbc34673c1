"""The evidence and what is derived from it, on SQLite or PostgreSQL 17; one thread owns the connection that writes.

The seam is ``gate.sqlite_thread.Connection`` and one SQL text. Everything here queries through it, so that facts,
look-ups, projections, requests, contacts, receipts and the log are written once for both engines; the tables are made
from one list of changes. ``dialect`` translates the SQL for PostgreSQL, ``postgresql`` opens it and handles a lost
connection.

- ``store``        ``EvidenceStore``: the thread that owns the evidence, and its group commit
- ``transaction``  ``StoreTransaction``: a fact becomes a row, a leaf and what is derived from it, or nothing at all
- ``projections``  derives the tables from the facts, by the marks of ``gate.core.facts``
- ``queries``      the queries of the lists and of the counts; a question over HTTP and its call
- ``paging``       pages by key, that can be turned both ways, in the order of time or of a column
- ``rows``         rows of a SELECT as the Structs of ``gate.core.rows``
- ``reader``       opens the file, and reads it beside a running gate; ``DataLock``: one process owns a data folder
- ``past``         reads it as it stood at a moment: views that stand in for the tables
- ``dialect``      the store's SQL for PostgreSQL: a few rules, and functions with SQLite's names
- ``postgresql``   ``PostgresqlStore``: the same store on a server; one log per gate, and what fences it
- ``search``       calls and recordings found by a few typed signs
- ``figures``      a month counted; attempts by minute and reason
- ``own``          objections and consents in memory, read in one pass: for a screening in bulk
- ``contacts``     the CRM's contacts and what the last screening found; no evidence, and not derived
- ``recipients``   recipients on the terms of their newest facts: to whom something may be sealed
- ``requests``     finds what is held about a person, by number or time; ``handed_out``: who received it;
                   ``transfers``: who else is heard in a call
- ``kept``         the queries of retention: recordings by age, holds, erasures under way, tombstones
- ``slices``       a period of the log with its proofs, for a bundle; facts as they lie in the tree, for proofs
- ``tree``         the Merkle tree as it is kept; the check at the start
- ``erasure``      finds what is erased with a call, a record, a person or a term; empties facts, and keeps their
                   leaves
- ``schema``       the tables and their migrations; the tables as they are, compared with what the migrations make
- ``legs``         ``LegFile``: the legs of running calls, for the start after a crash
- ``spool``        ``Spool``: what has happened and the store has not taken yet, for the start after a crash
- ``memory``       the memory journal: acts that must outlive the store, in a signed file in a second place, written
                   after each commit that has one in it
"""
