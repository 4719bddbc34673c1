"""A PBX's numbers through the whole gate: which one the callee's telephone shows, which one is dialled where people
dial an outside line or a local number, and what the log says of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.sip_peer import Callee, Phone

OWN, SECOND, FIRMS, OTHER = "+442079460000", "+441632960100", "+441632960101", "+447700900123"
NAME = "Example Sales"
SALES = "127.0.0.2"
"""Where the PBX calls from whose calls are marketing."""
LOCAL_LISTED = LISTED.removeprefix("020")


class Lines:
    """A gate, the carrier and the emergency route. The PBX at 127.0.0.1 may ask for ``SECOND``, and its people dial 9
    for an outside line, and local numbers of London; so do those of ``SALES``, whose calls are marketing."""

    def __init__(self, folder: Path) -> None:
        self.carrier, self.help = Callee(), Callee()
        self.gate = RunningGate(folder)
        self.gate.set("trunk", address=self.carrier.address)
        self.gate.set("firm", trading_name=NAME, numbers=[OWN, SECOND, FIRMS])
        self.gate.set("emergency", trunk=self.help.address, numbers=["999", "112"])
        plan = {"strip": "9", "area_code": "020"}
        self.gate.add_pbx(purpose="service", may_present=[SECOND], **plan)
        self.gate.add_pbx(name="sales", addresses=[SALES], **plan)
        self.gate.start()

    def let_through(self, sender: str, *headers: str, dialled: str = UNLISTED, helps: bool = False) -> str:
        """The INVITE that reaches the carrier, or the emergency route; the caller then gives up."""
        far, other = (self.help, self.carrier) if helps else (self.carrier, self.help)
        with Phone(self.gate.address) as phone:
            phone.dial(dialled, headers=headers, sender=sender)
            invite = far.ring()
            phone.recv(only="180")
            phone.cancel()
            cancelled = far.recv(only="CANCEL")
            far.send(far.answer(cancelled, 200, "OK"), far.gate)
            far.say(487, "Request Terminated")
            far.recv(only="ACK")
            phone.recv(only="487")
        assert other.nothing_from(self.gate.address)
        return str(invite.data.decode())

    def refused(self, sender: str, *headers: str, dialled: str = UNLISTED, host: str = "127.0.0.1") -> str:
        """The reason for which a call is refused; nothing reaches the carrier or the emergency route."""
        with Phone(self.gate.address, host) as phone:
            phone.dial(dialled, headers=headers, sender=sender)
            reason = phone.recv(only="603").get("X-Dialgate-Reason")
        assert self.carrier.nothing_from(self.gate.address) and self.help.quiet(0.0)
        return reason


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    lines = Lines(tmp_path_factory.mktemp("shown") / "gate")
    yield lines
    assert lines.gate.stop() == 0
    lines.gate.verified()
    lines.carrier.sock.close()
    lines.help.sock.close()


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
    told = lines.gate.decision()
    assert (told["verdict"], told["presentation"], told["display_name"]) == ("allow", shown, NAME)


@pytest.mark.parametrize("header", ["Diversion", "History-Info"])
def test_law_3_1_a_forwarded_call_shows_the_number_it_was_forwarded_from_and_the_log_says_by_which_header(
    lines: Lines, header: str
) -> None:
    invite = lines.let_through(f"<sip:{OTHER}@pbx.invalid>", f"{header}: <sip:01632960100@pbx.invalid>")
    assert f"<sip:{SECOND}@" in invite and OTHER[-6:] not in invite and header not in invite
    told = lines.gate.decision()
    assert (told["verdict"], told["presentation"], told["shown_from"]) == ("allow", SECOND, header.lower())
    assert OTHER[-6:] not in json.dumps(told)


@pytest.mark.parametrize("asked", [OTHER, FIRMS, "07700900123", "00000000000"])
def test_law_3_2_any_other_number_is_refused_the_firms_own_too(lines: Lines, asked: str) -> None:
    assert lines.refused(f"<sip:{asked}@pbx.invalid>") == "cli_not_owned"
    told = lines.gate.decision()
    assert (told["verdict"], told["reason"]) == ("block", "cli_not_owned")
    assert "*" in told["presentation"] and asked[-6:] not in json.dumps(told)


def test_law_3_2_a_withheld_caller_stays_refused(lines: Lines) -> None:
    asserted = f"P-Asserted-Identity: <sip:{SECOND}@pbx.invalid>"
    assert lines.refused("<sip:anonymous@anonymous.invalid>", asserted) == "identity_withheld"
    assert lines.refused("", asserted, "Privacy: id") == "identity_withheld"


@pytest.mark.parametrize(
    "dialled", [f"9{UNLISTED}", f"9-{UNLISTED[3:]}", UNLISTED[3:], "9+44 (0)20 7946 0123", UNLISTED]
)
def test_law_6_2_the_number_in_full_is_dialled_and_the_log_has_what_came(lines: Lines, dialled: str) -> None:
    invite = lines.let_through("", dialled=dialled.replace(" ", "%20"))
    assert invite.startswith("INVITE sip:+442079460123@")
    told = lines.gate.decision()
    assert (told["number"], told["raw"], told["verdict"]) == ("+442079460123", dialled, "allow")


@pytest.mark.parametrize("dialled", [LISTED, f"9{LISTED}", LOCAL_LISTED, f"9{LOCAL_LISTED}", f"9-{LOCAL_LISTED}"])
def test_law_6_2_a_listed_number_is_refused_however_it_is_dialled(lines: Lines, dialled: str) -> None:
    assert lines.refused("", dialled=dialled, host=SALES) == "listed_tps"
    told = lines.gate.decision()
    assert (told["number"], told["raw"], told["claimed_by"]) == ("+442079460101", dialled, "trunk:sales")


@pytest.mark.parametrize("dialled", ["999", "9999", "112", "9112"])
def test_law_3_5_help_is_reached_with_and_without_the_prefix_and_called_back_at_a_number_of_ours(
    lines: Lines, dialled: str
) -> None:
    invite = lines.let_through(f"<sip:{OTHER}@pbx.invalid>", dialled=dialled, helps=True)
    assert invite.startswith(f"INVITE sip:{dialled[-3:]}@")
    assert OWN in invite and OTHER not in invite


@pytest.mark.parametrize("dialled", ["99999", "99112", "999112", "9990", "99990", "960123"])
def test_law_3_5_no_other_number_gets_there(lines: Lines, dialled: str) -> None:
    assert lines.refused("", dialled=dialled) == "number_invalid"
    assert lines.gate.decision()["raw"] == dialled
