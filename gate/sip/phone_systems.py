"""Which code refuses whose calls: a phone system must give up upon it, and dial no other trunk.

A ``[[pbx]]`` is one by the configuration, and an ``[[account]]`` with ``phone_system``. One that signs in without is
told by what it calls itself: it gets the code of a phone system, and ``dialgate status`` asks for the configuration.
"""

from __future__ import annotations

import re
from typing import Final

from gate.config import Account, Config, Pbx
from gate.sip.failure_mapping import PHONES
from gate.sip.message import SipMessage

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
