"""Which answer of the trunk the caller gets.

What the callee or the number itself says (busy, nobody there, no such number) passes as it is: the call was permitted.
So does what is the carrier's own failure (5xx, 403, 488), with its Retry-After, and nothing in it looks like a refusal:
a phone system may dial its next trunk then, which therefore has to lead through a gate, too. What speaks of our request
alone (its credentials, its form) says nothing to the caller and becomes 503.

A callee who declines (603, 607, 608) has said no for good, and gets the caller's refusal, as a redirect does: it is
never followed nor passed on, for its target was not screened.
"""

from __future__ import annotations

UNAVAILABLE = (503, "Service Unavailable")
UNREACHABLE = "trunk_unreachable"
"""Cause of the end where no carrier has answered, or all are known to be down."""
NOT_ACCEPTABLE = (488, "Not Acceptable Here")
PHONES = 603
"""The refusal code for a phone: it has no next trunk to dial, so a faulty request gets the code of its fault."""
PASSED = frozenset({403, 404, 408, 410, 480, 484, 486, 487, 488, 600, 604, 606})
_DECLINED = frozenset({603, 607, 608})


def for_caller(code: int, phrase: str) -> tuple[int, str] | None:
    """Code and phrase for the caller, from those of the trunk; None where it is the caller's refusal."""
    if code < 400 or code in _DECLINED:
        return None
    return (code, phrase) if code in PASSED or 500 <= code < 600 else UNAVAILABLE


def as_it_is(code: int, phrase: str) -> tuple[int, str]:
    """The same of an emergency route: a PBX that is refused there shall try its next one. Only a redirect, whose target
    nobody here knows, becomes 503."""
    return (code, phrase) if code >= 400 else UNAVAILABLE
