"""The second place (``storage.memory``): a restore forgets no objection and un-erases nothing.

- ``place``      the journal of a data folder: made, compared at every opening, written again when it was away; what
                 people ask of it
- ``replaying``  what the store lacks, kept anew: numbers blocked by their keyed hash, recordings shredded again, holds
                 put on, erasures of people carried out again

The file is ``gate.store.memory``.
"""
