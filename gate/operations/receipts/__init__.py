"""Receipts of callees (``gate.core.receipts``).

- ``showing``     one receipt by its code, with its proof; wrong codes are counted (``guesses``)
- ``publishing``  every receipt that is kept, with its proof, for the page that a firm hosts
- ``proofs``      the proof of a receipt: its leaf with its value, the decision's by its hash alone
"""
