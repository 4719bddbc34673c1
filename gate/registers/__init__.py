"""The Telephone Preference Service registers (TPS, CTPS) on disk: imports, storage and look-ups.

A licensee's file goes in at one end, and "is this number listed?" comes out at the other::

    tps_ns.txt ──source──▶ numbers ──build──▶ snapshot file ──snapshot_store──▶ in force ──library──▶ RegisterView

- ``packing``   what a handed-over file is by its first bytes, and the one list in a gzip or zip; the day that it names
- ``source``    a whole file, read from end to end or refused (LAW 2.3); its lines: a plain reader that is the
                reference, and a fast one for the fixed-width records that must agree with it (LAW 2.1)
- ``snapshot``  the file that a register is kept in: its format byte by byte, and the reader of it
- ``build``     sorts, compares and writes what becomes a snapshot
- ``coverage``  what a licence covers: the country, or some dialling codes (LAW 2.4); how many numbers a register holds
                at least, on a live gate (LAW 2.3)
- ``snapshot_store``  the folder: which snapshot is in force, the lock, what is kept and what is deleted
- ``importer``  the use case: read, refuse or swap, report (LAW 2.2, 2.3); ``import_process``: the same in a process of
                its own, and the report of what it did
- ``provider``  asks by HTTPS whether numbers are listed, for a firm without a licence for the files
- ``watch``     a drop folder: the daily file is taken when it has landed (LAW 2.2)
- ``library``   the look-up: trouble is a state of the answer, never an exception
- ``fixed``     the same answers from editions that do not change, for many numbers at once: a screening in bulk

This file imports nothing, so that a look-up does not load the importer; ``library`` and ``snapshot`` do without numpy.
"""
