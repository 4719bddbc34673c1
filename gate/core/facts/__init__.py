"""Every kind of fact, one Struct each: its fields are the body, its marks say what follows from it.

- ``fact``       a fact, how a kind is declared, and its marks: what stands in a field, which column it sets, how long
                 what is personal is kept, …
- ``calls``, ``recordings``, ``lists`` (objections, consents, registers, contacts), ``retention``, ``requests``,
  ``keys``, ``audit``, ``gate`` (and breaches)  the kinds, by subject
- ``derived``    what the marks say of all kinds together: which are about a call, are acts, go with a person, …

A kind is added by one class here, and its test (``tests/core/test_facts.py``).
"""

from __future__ import annotations

from gate.core.facts import audit, calls, gate, keys, lists, recordings, requests, retention
from gate.core.facts.fact import CATALOGUE, Body, Fact, read

__all__ = [
    "CATALOGUE", "Body", "Fact", "audit", "calls", "gate", "keys", "lists", "read", "recordings",
    "requests", "retention",
]  # fmt: skip
