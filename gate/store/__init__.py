"""SQLite through sqlite-utils; one thread owns the connection.

- ``store``        ``EvidenceStore``: the thread that owns the evidence, and its group commit
- ``transaction``  ``StoreTransaction``: a fact becomes a row, a leaf and what is derived from it, or nothing at all
- ``projections``  what the tables say, from the facts by the marks of ``gate.core.facts``; ``fold`` is how a row
                   follows, ``values`` what stands in its columns; ``request_table``, ``receipt_table``,
                   ``contact_table``: their columns
- ``queries``      pages and counts for the lists, by key; ``reader`` asks them beside a running gate
- ``rows``         rows of a SELECT as the Structs of ``gate.core.rows``
- ``paging``       pages that can be turned both ways; ``search`` finds calls by a few typed signs,
                   ``recording_search`` recordings, ``sorting``: either by a column,
                   ``tally`` counts attempts by minute and reason, ``figures`` a month;
                   ``questions``: a question and its call are one of them
- ``own``          objections and consents in memory, read in one pass: for a screening in bulk
- ``contacts``     the CRM's contacts and what the last screening said of them; no evidence, and not derived
- ``recipients``   recipients on the terms of their newest facts: to whom something may be sealed
- ``proving``      facts as they lie in the tree, for proofs
- ``requests``     what is held of a person, found by number or time; ``handed_out``: to whom it went;
                   ``transfers``: who else is heard in a call
- ``kept``         what retention asks: recordings by age, holds, erasures under way, tombstones
- ``slices``       a period of the log with its proofs, for a bundle
- ``tree``         the Merkle tree as it is kept; the check at the start
- ``erasure``      what goes with a call, a record, a person or a term; facts emptied, their leaves kept
- ``schema``, ``connect``  the tables and their migrations; how the file is opened
- ``shape``        the tables as they are, compared with what the migrations make
- ``legs``         ``LegFile``: the legs of running calls, for the start after a crash
- ``acts``         what must outlive the store; ``journal``: the signed file of it in a second place; ``memory``:
                   written after each commit that has an act in it
- ``lock``         ``DataLock``: one process at a time owns a data folder
"""
