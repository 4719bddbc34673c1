"""Which number the callee's telephone shows, through the whole gate: what a PBX may ask for, and what the log says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gatehouse import UNLISTED, Gatehouse
from tests.support.sip_peer import Callee, Phone

OWN, SECOND, FIRMS, OTHER = "+442079460000", "+441632960100", "+441632960101", "+447700900123"
NAME = "Example Sales"


class Lines:
    """A gate with a PBX that may ask for ``SECOND``, and the carrier."""

    def __init__(self, folder: Path) -> None:
        self.carrier = Callee()
        self.gate = Gatehouse(folder)
        self.gate.set("trunk", address=self.carrier.address)
        self.gate.set("firm", trading_name=NAME, numbers=[OWN, SECOND, FIRMS])
        self.gate.add_pbx(purpose="service", may_present=[SECOND])
        self.gate.start()

    def let_through(self, sender: str, *headers: str, dialled: str = UNLISTED) -> str:
        """The INVITE that reaches the carrier; the caller then gives up."""
        with Phone(self.gate.address) as phone:
            phone.dial(dialled, headers=headers, sender=sender)
            invite = self.carrier.ring()
            phone.recv(only="180")
            phone.cancel()
            cancelled = self.carrier.recv(only="CANCEL")
            self.carrier.send(self.carrier.answer(cancelled, 200, "OK"), self.carrier.gate)
            self.carrier.say(487, "Request Terminated")
            self.carrier.recv(only="ACK")
            phone.recv(only="487")
        return str(invite.data.decode())

    def refused(self, sender: str, *headers: str, dialled: str = UNLISTED) -> str:
        """The reason for which a call is refused; nothing reaches the carrier."""
        with Phone(self.gate.address) as phone:
            phone.dial(dialled, headers=headers, sender=sender)
            reason = phone.recv(only="603").get("X-Dialgate-Reason")
        assert self.carrier.quiet(0.1)
        return reason

    def decision(self) -> dict[str, Any]:
        """What the log says of the last attempt."""
        (row,) = self.gate.rows("SELECT body FROM facts WHERE kind = 'decision' ORDER BY leaf_index DESC LIMIT 1")
        return dict(json.loads(row["body"]))


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    lines = Lines(tmp_path_factory.mktemp("shown") / "gate")
    yield lines
    assert lines.gate.stop() == 0
    lines.gate.verified()
    lines.carrier.sock.close()


@pytest.mark.parametrize(
    ("sender", "headers", "shown"),
    [
        ('"Barclays" <sip:01632960100@pbx.invalid>', (), SECOND),
        ("<sip:201@pbx.invalid>", ('P-Asserted-Identity: "Barclays" <tel:+44-1632-960100>',), SECOND),
        ('"Barclays" <sip:201@pbx.invalid>', (), OWN),
        ("<sip:pbx.invalid>", (), OWN),
    ],
)
def test_law_3_1_the_callee_sees_the_number_that_the_pbx_may_ask_for(
    lines: Lines, sender: str, headers: tuple[str, ...], shown: str
) -> None:
    invite = lines.let_through(sender, *headers)
    for header in ("From", "P-Asserted-Identity"):
        (line,) = (each for each in invite.split("\r\n") if each.lower().startswith(f"{header.lower()}:"))
        assert f'"{NAME}" <sip:{shown}@' in line
    assert "Barclays" not in invite and "Privacy: none" in invite
    told = lines.decision()
    assert (told["verdict"], told["presentation"], told["display_name"]) == ("allow", shown, NAME)


@pytest.mark.parametrize("asked", [OTHER, FIRMS, "07700900123", "00000000000"])
def test_law_3_2_any_other_number_is_refused_the_firms_own_too(lines: Lines, asked: str) -> None:
    assert lines.refused(f"<sip:{asked}@pbx.invalid>") == "cli_not_owned"
    told = lines.decision()
    assert (told["verdict"], told["reason"]) == ("block", "cli_not_owned")
    assert "*" in told["presentation"] and asked[-6:] not in json.dumps(told)


def test_law_3_2_a_withheld_caller_stays_refused(lines: Lines) -> None:
    asserted = f"P-Asserted-Identity: <sip:{SECOND}@pbx.invalid>"
    assert lines.refused("<sip:anonymous@anonymous.invalid>", asserted) == "identity_withheld"
    assert lines.refused("", asserted, "Privacy: id") == "identity_withheld"
