"""Operations: everything that people and phone systems can ask of the gate, a package for each subject.

- ``operation``    what an operation is, and how one is declared; ``fields``: what the fields of a request are to
                   people; ``parsing``: what people type, read, and ids that begin with it
- ``catalogue``    all of them, by name and by request
- ``data_folder``  the container that a handler works with: store, keys, registers, clock, and what is built on them;
  what a running gate's line knows; the screening rules that a configuration sets
- ``registers``, ``lists`` (objections, consents), ``contacts``, ``calls`` (and recordings), ``retention`` (and holds),
  ``erasure``, ``requests`` (of data subjects), ``keys``, ``audit``, ``reports``: the subjects
- ``ingest``       recordings that other systems made
- ``receipts``     receipts of callees, by their code and for the firm's page
- ``backup``       what is given out for a backup
- ``memory``       the second place that outlives a restore
- ``status``       the gate at a glance
- ``proposals``    what takes two people: asked for by one, confirmed by another
- ``webhooks``     what happens, sent to other programs
- ``breaches``     the register of breaches of personal data, with its 72 hours
- ``accounts``     accounts of this machine that the configuration names
"""
