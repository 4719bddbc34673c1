"""The eraser. It plans what is erased and why, carries that out in an order that survives a kill, and proves it.

- ``plan``        what the erasure of a person takes and what it leaves, by the holds and the marks of the facts
- ``eraser``      a plan carried out: recordings, facts, contacts, the write-ahead log, the receipt; after a restore
                  too; the erasure as people ask for it
- ``recordings``  recordings erased: key, ciphertext, receipt; also for the sweep (``gate.operations.retention``)
- ``terms``       personal content beside recordings that is past its term: shown, and swept

``gate.store.erasure`` finds what is to be emptied, and empties it.
"""
