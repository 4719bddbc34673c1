"""The second place (``storage.memory``): a restore forgets no objection and un-erases nothing.

- ``place``      the journal of a data folder: made, compared at every opening, written again when it was away
- ``replaying``  what the store lacks, kept anew: numbers blocked by their keyed hash, recordings shredded again, holds
                 put on, erasures of people carried out again
- ``memory``     what people ask: how it is, and a new journal in the place of one that is lost

The file is ``gate.store.memory``; what goes into it, ``gate.store.memory``; when, ``gate.store.memory``.
"""
