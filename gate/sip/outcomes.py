"""Which answer of the trunk the caller gets.

What the callee or the number itself says (busy, nobody there, no such number, declined) passes as it is: the call was
permitted. What only the trunk says (5xx, its own 401 or 403, a redirect, silence) becomes 603 with the trunk's code
in a Reason header: a PBX takes a 5xx as a reason to try its next trunk, and that one may lead around the gate, its
announcement and its record. A redirect is never followed nor passed on: its target was not screened.
"""

from __future__ import annotations

PASSED = frozenset({404, 408, 410, 480, 484, 486, 487, 488, 600, 603, 604, 606, 607, 608})


def for_caller(code: int, phrase: str) -> tuple[int, str]:
    """Code and phrase for the caller, from those of the trunk."""
    return (code, phrase) if code in PASSED else (603, "Decline")


def as_it_is(code: int, phrase: str) -> tuple[int, str]:
    """The same of an emergency route: a PBX that is refused there shall try its next one. Only a redirect, whose target
    nobody here knows, becomes 503."""
    return (code, phrase) if code >= 400 else (503, "Service Unavailable")
