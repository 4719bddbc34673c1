"""Which answer of the trunk the caller gets.

What the callee or the number itself says (busy, nobody there, no such number) passes as it is: the call was permitted.
So does what is the carrier's own failure (5xx, 403), with its Retry-After, and nothing in it looks like a refusal: a
phone system may dial its next trunk then, which therefore has to lead through a gate, too. A 488 is of the offer that
the gate has cut, and a phone alone gets it (``Bridge.not_acceptable``). What speaks of our request
alone (its credentials, its form) says nothing to the caller and becomes 503.

A global failure (6xx, RFC 3261 21.6: the callee declines, or is nowhere) is an answer for good, and the caller gets its
own refusal, the code upon which its phone system gives up; 600 is one for every system, and passes. So is what is no
SIP code at all (700 and above): it may be the callee's. A redirect gets the refusal, too: it is never followed nor
passed on, for its target was not screened.
"""

from __future__ import annotations

UNAVAILABLE = (503, "Service Unavailable")
UNREACHABLE = "trunk_unreachable"
"""Cause of the end where no carrier has answered (408), or none was asked, for all are known to be down (503)."""
NOT_ACCEPTABLE = (488, "Not Acceptable Here")
PHONES = 603
"""The refusal code for a phone: it has no next trunk to dial, so a faulty request gets the code of its fault."""
PASSED = frozenset({403, 404, 408, 410, 480, 484, 486, 487, 488, 600})


def for_caller(code: int, phrase: str) -> tuple[int, str] | None:
    """Code and phrase for the caller, from those of the trunk; None where it is the caller's refusal."""
    if code < 400 or code > 600:
        return None
    return (code, phrase) if code in PASSED or 500 <= code < 600 else UNAVAILABLE


def as_it_is(code: int, phrase: str) -> tuple[int, str]:
    """The same of an emergency route: a PBX that is refused there shall try its next one. Only a redirect, whose target
    nobody here knows, and what is no SIP code become 503."""
    return (code, phrase) if 400 <= code < 700 else UNAVAILABLE
