"""The eraser: what goes, why and until when is planned, carried out in an order that survives a kill, and proven.

- ``plan``        what the erasure of a person takes and what it leaves, by the holds and the marks of the facts
- ``eraser``      a plan carried out: recordings, facts, contacts, the write-ahead log, the receipt; after a restore
                  too; the erasure as people ask for it
- ``recordings``  recordings erased: key, ciphertext, receipt; also for the sweep (``gate.operations.retention``)
- ``terms``       what is personal beside recordings and past its term: shown, and swept

What is emptied is found, and emptied, in ``gate.store.erasure``.
"""
