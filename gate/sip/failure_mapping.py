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

Which code refuses whose calls: a phone system must give up upon it, and dial no other trunk.

A ``[[pbx]]`` is one by the configuration, and an ``[[account]]`` with ``phone_system``. One that signs in without is
told by what it calls itself: it gets the code of a phone system, and ``dialgate status`` asks for the configuration.
"""

from __future__ import annotations

import re
from typing import Final

from gate.config import Account, Config, Pbx
from gate.sip.message import SipMessage

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


GIVES_UP: Final = 600
"""Upon which every phone system that is known gives up (manual, Phone systems)."""
_NAMES = re.compile(
    r"asterisk|fpbx|freepbx|sangoma|issabel|freeswitch|fusionpbx|\b3cx(?!phone)|yeastar|\bucm[0-9]|kamailio|opensips"
    r"|vicidial|wazo|cucm|avaya|mitel|audiocodes|ribbon|mediant",
    re.IGNORECASE,
)
"""Phone systems, and SBCs before them, in a User-Agent."""


class PhoneSystems:
    """The codes of a configuration."""

    def __init__(self, config: Config) -> None:
        self._default = config.sip.refusal
        self._any = bool(config.pbx) or any(each.phone_system for each in config.account)
        self._unsaid: dict[str, str] = {}
        """Accounts that are phone systems by their own word alone -> what they call themselves."""

    def code(self, who: Account | Pbx | None, request: SipMessage) -> int:
        """The code that refuses this call; ``who`` calls, None: nobody knows."""
        if who is None or isinstance(who, Pbx):
            return self._default if who is None else who.refusal
        if who.phone_system:
            return who.refusal or GIVES_UP
        code = who.refusal or self._default
        if code != PHONES or not (name := _NAMES.search(request.get("user-agent") or "")):
            return code
        self._unsaid[who.username] = name[0]
        return who.refusal or GIVES_UP

    def stranger(self, code: int) -> int:
        """The same for somebody with a wrong password, or from an address that nobody knows: it may be a phone
        system."""
        return GIVES_UP if code == PHONES and self._any else code

    def warnings(self) -> list[str]:
        """A sentence for each account that seems to be a phone system. From any thread."""
        return [
            f"account:{name} seems to be a phone system ({product}), and may dial another trunk where it is refused: "
            "set phone_system = true in its [[account]], and dialgate trunk-test"
            for name, product in sorted(self._unsaid.copy().items())
        ]
