"""Every kind of fact, one Struct each: its fields are the body, its marks are the rules that the rest of the gate
follows.

- ``fact``       a fact, how a kind is declared, and its marks: what a field holds, which column it sets, how long its
                 personal content is kept, …
- ``calls``, ``recordings``, ``lists`` (objections, consents, registers, contacts), ``retention``, ``requests``,
  ``keys``, ``audit``, ``gate`` (and breaches)  the kinds, by subject
- ``derived``    the sets that follow from the marks: the kinds about a call, the acts, those erased with a person, …

A kind is added by one class here, and its test (``tests/core/test_facts.py``).
"""

from __future__ import annotations

from gate.core.facts import audit, calls, gate, keys, lists, recordings, requests, retention
from gate.core.facts.fact import CATALOGUE, Body, Fact, read

__all__ = [
    "CATALOGUE", "Body", "Fact", "audit", "calls", "gate", "keys", "lists", "read", "recordings",
    "requests", "retention",
]  # fmt: skip
