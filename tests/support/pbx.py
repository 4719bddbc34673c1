"""Phone systems as they treat a failed trunk: which answers make them dial the next one.

``FREEPBX`` was measured (Asterisk with FreePBX's macro-dialout-trunk); ``FUSIONPBX`` and ``THREE_CX`` are their sources
read: FusionPBX goes on upon the Q.850 causes of ``continue_on_fail`` in its outbound routes, to which FreeSWITCH maps
SIP codes. ``Pbx`` is one of them with two trunks: the gate, and a way around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.sip_digest import authorization, challenge
from tests.support.sip_peer import Dialog, Heard, Phone, sdp
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


@dataclass
class Asterisk:
    """FreePBX's macro-dialout-trunk on an Asterisk with two trunks, each a socket: the gate, and a way around it."""

    gate: tuple[str, int]
    second: tuple[str, int]
    host: str = "127.0.0.1"
    account: tuple[str, str] | None = None
    """Name and password by which it signs in."""
    continue_if_busy: bool = False
    """The setting of a trunk by which it dials on after 486 and 600, too."""
    product: str = "Asterisk PBX 22.5.1"
    hook: Callable[[str], bool] | None = None
    """Asked before each trunk (macro-dialout-trunk-predial-hook): may it be dialled? False hangs up."""
    patience: float = PATIENCE
    """Seconds within which a trunk that is there has answered."""
    ends: list[int] = field(default_factory=list)
    """How each trunk that was dialled ended the call; 0: it did not answer."""

    def dial(self, number: str) -> None:
        """Dial the trunks in their order, until one ends the call."""
        for trunk in (self.gate, self.second):
            if self.hook is not None and not self.hook(number):
                return
            code = self._try(trunk, number)
            self.ends.append(code)
            if code and not (freepbx(code) or self.continue_if_busy):
                return

    def _try(self, trunk: tuple[str, int], number: str) -> int:
        with Phone(trunk, host=self.host) as phone:
            dialog = phone.new_dialog(number, name=self.account[0] if self.account else "1001")
            agent = f"User-Agent: {self.product}"
            code, heard = self._answer(phone, dialog, agent)
            if code == 401 and self.account and heard is not None:
                dialog.remote = f"<{dialog.target}>"
                dialog.cseq += 1
                asked = challenge(heard.get("WWW-Authenticate"))
                line = authorization(asked, *self.account, "INVITE", dialog.target)
                code, _ = self._answer(phone, dialog, agent, line)
            return code

    def _answer(self, phone: Phone, dialog: Dialog, *headers: str) -> tuple[int, Heard | None]:
        phone.dialog, phone.branch = dialog, f"z9hG4bK{dialog.call_id}{dialog.cseq}"
        phone.send(phone.request("INVITE", dialog, body=sdp(), headers=headers, branch=phone.branch))
        try:
            while (heard := phone.recv(self.patience)).code < 200:
                pass
        except (AssertionError, ConnectionRefusedError):
            return 0, None
        phone.ack(heard)
        return heard.code, heard
