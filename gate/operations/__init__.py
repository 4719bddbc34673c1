"""Operations: every request that people and phone systems can make to the gate, a package for each subject.

- ``operation``    what an operation is, and how one is declared; ``fields``: the descriptions of a request's fields;
                   ``parsing``: reads what people type, and completes ids
- ``catalogue``    all of them, by name and by request
- ``data_folder``  the container that a handler works with: store, keys, registers, clock, and what is built on them;
  what a running gate's line knows; the screening rules that a configuration sets
- ``registers``, ``lists`` (objections, consents), ``contacts``, ``calls`` (and recordings), ``retention`` (and holds),
  ``erasure``, ``requests`` (of data subjects), ``keys``, ``audit``, ``reports``: the subjects
- ``ingest``       recordings that other systems made
- ``receipts``     receipts of callees, by their code and for the firm's page
- ``backup``       what the gate hands out for a backup
- ``memory``       the second place that outlives a restore
- ``status``       the gate at a glance
- ``proposals``    acts that take two people: one asks, another confirms
- ``rehearsal``    what an act that cannot be undone would do; ``shadow``: where it is done for nothing
- ``nodes``        the gates that share a database: who takes new calls, and what is used of limits at the others
- ``webhooks``     events, sent to other programs
- ``breaches``     the register of breaches of personal data, with its 72 hours
- ``accounts``     accounts of this machine that the configuration names
"""
