"""The rules, as pure functions: no clock, file, socket, thread or randomness.

- ``numbers``    any spelling -> one E.164 value, or a refusal with its reason
- ``screening``  ``decide(...)``: may this attempt be dialled, and why (not)
- ``calls``      the life of a call: events in, commands out, one transition table
- ``evidence``   leaves, Merkle root, inclusion and consistency proofs (RFC 9162)
"""
