"""What is kept, for how long, and what may not go.

- ``holds``     holds and restrictions: put, released, listed
- ``copies``    the ledger of copies in clear, which no erasure reaches
- ``schedule``  what is erased when: retention as it stands, the sweep, the forecast
- ``sweeper``   what is due, the dry run, and the sweep

Recordings are erased, and what is personal beside them, in ``gate.operations.erasure``.
"""
