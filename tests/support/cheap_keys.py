"""Private keys that cost little.

A private key's file says what its passphrase costs: 64 MiB, three times over, a third of a second of processor to make
it and each time that it is opened. Those that are made here ask for the least that a file may ask for.
``tests/vault/test_keyfile.py`` looks at what the gate itself asks for, and so do the tests that start it by an
interpreter of its own.
"""

from __future__ import annotations

from gate.vault import keyfile

AS_THE_GATE_ASKS = keyfile._Kdf


class Least(AS_THE_GATE_ASKS, frozen=True, forbid_unknown_fields=True):  # type: ignore[misc, valid-type]
    iterations: int = 1
    lanes: int = 1
    memory_kib: int = 1024


def ask_for_least() -> None:
    """From now on the keys that this process makes, or closes with another passphrase, open at once."""
    keyfile._Kdf = Least  # type: ignore[misc]
