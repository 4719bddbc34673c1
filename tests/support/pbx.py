"""Phone systems as they treat a failed trunk: which answers make them dial the next one.

``FREEPBX`` was measured (Asterisk with FreePBX's macro-dialout-trunk); ``FUSIONPBX`` and ``THREE_CX`` are their sources
read: FusionPBX goes on upon the Q.850 causes of ``continue_on_fail`` in its outbound routes, to which FreeSWITCH maps
SIP codes. ``Pbx`` is one of them with two trunks: the gate, and a way around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.sip_peer import Heard, Phone
from tests.support.waiting import PATIENCE

_FREEPBX_GIVES_UP = frozenset({404, 410, 480, 484, 486, 600, 604})
_FREESWITCH_CAUSES = {
    404: 1, 604: 3, 485: 3, 410: 22, 480: 18, 408: 102, 504: 102, 484: 28, 486: 17, 600: 17, 488: 88, 606: 88,
    401: 21, 402: 21, 403: 21, 407: 21, 603: 21, 608: 21, 607: 607, 400: 41, 481: 41, 500: 41, 503: 41, 502: 38,
}  # fmt: skip
_CONTINUE_ON_FAIL = frozenset(
    {1, 2, 3, 6, 18, 21, 27, 28, 31, 34, 38, 41, 42, 44, 58, 88, 111, 403, 501, 602, 607, 809}
)


def freepbx(code: int) -> bool:
    """True where it dials the next trunk."""
    return code not in _FREEPBX_GIVES_UP


def fusionpbx(code: int) -> bool:
    """True where it dials the next route."""
    return _FREESWITCH_CAUSES.get(code, 41) in _CONTINUE_ON_FAIL


def three_cx(code: int) -> bool:
    """True where it takes the next route."""
    return code not in (486, 600)


SYSTEMS: dict[str, Callable[[int], bool]] = {"freepbx": freepbx, "fusionpbx": fusionpbx, "3cx": three_cx}


@dataclass
class Pbx:
    """A call of such a system: an INVITE to the gate, and what becomes of it."""

    goes_on: Callable[[int], bool]
    phone: Phone
    second_trunk: list[str] = field(default_factory=list)
    """Numbers that the next trunk was dialled with."""
    answered: bool = False

    def dial(self, number: str) -> None:
        self._number = number
        self.phone.dial(number)

    def until_over(self) -> Heard:
        """The message that ended the call: a failure, upon which the next trunk may be dialled, or a BYE."""
        while True:
            heard = self.phone.recv(PATIENCE)
            if heard.method == "BYE":
                self.phone.send(self.phone.answer(heard, 200, "OK"))
                return heard
            if heard.method == "OPTIONS":
                self.phone.send(self.phone.answer(heard, 200, "OK"))
            elif heard.code >= 200 and "INVITE" in heard.get("CSeq"):
                self.phone.ack(heard)
                self.answered = self.answered or heard.code < 300
                if heard.code >= 300:
                    if self.goes_on(heard.code):
                        self.second_trunk.append(self._number)
                    return heard
