"""The evidence log: signed, verified, compared, exported.

- ``signed_log``   the log of a data folder: signed, compared with where its checkpoints lie, verified
- ``leaves``       its leaves page by page, and its status
- ``checkpoints``  its signed heads: made, listed; an older state accepted knowingly; the log verified
- ``witnesses``    servers of somebody else: each gets its heads, signs them, and reports how far it has seen the log
- ``exporting``    bundles for auditors: who may have one, what is logged before it leaves, its parts by piece
- ``bundles``      the part of a bundle that the gate makes and signs, in a process of its own
"""
