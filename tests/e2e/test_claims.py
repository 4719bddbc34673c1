"""Purpose and topic by dialled prefix or header, through the whole gate: what leaves, and what the log says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.sip_peer import Callee, Phone

HEADER = "X-Dialgate-Purpose"
DIALLED = {LISTED: "+442079460101", UNLISTED: "+442079460123"}
OTHER = "127.0.0.2"
"""Where the PBX calls from that may claim nothing."""


class Lines:
    """A gate with a PBX at 127.0.0.1 that may claim and another that may not, and the carrier."""

    def __init__(self, folder: Path) -> None:
        self.carrier = Callee()
        self.gate = RunningGate(folder)
        self.gate.set("trunk", address=self.carrier.address)
        self.gate.add_pbx()
        self.gate.add_pbx(name="other", addresses=[OTHER])
        document = tomlkit.parse(self.gate.config.read_text())
        document["purpose_header"] = {"name": HEADER, "allowed": ["trunk:pbx"]}
        document["dial_prefix"] = [
            {"prefix": "*71", "purpose": "service", "allowed": ["trunk:pbx"]},
            {"prefix": "*72", "purpose": "marketing", "topic": "claims", "allowed": ["trunk:pbx"]},
        ]
        self.gate.config.write_text(tomlkit.dumps(document))
        self.gate.start()

    def refused(self, dialled: str, *headers: str, host: str = "127.0.0.1") -> str:
        """The reason for which a call is refused; nothing reaches the carrier."""
        with Phone(self.gate.address, host) as phone:
            phone.dial(dialled, headers=headers)
            reason = phone.recv(only="603").get("X-Dialgate-Reason")
        assert self.carrier.nothing_from(self.gate.address)
        return reason

    def let_through(self, dialled: str, *headers: str) -> str:
        """The INVITE that reaches the carrier; the caller then gives up."""
        with Phone(self.gate.address) as phone:
            phone.dial(dialled, headers=headers)
            invite = self.carrier.ring()
            phone.recv(only="180")
            phone.cancel()
            cancelled = self.carrier.recv(only="CANCEL")
            self.carrier.send(self.carrier.answer(cancelled, 200, "OK"), self.carrier.gate)
            self.carrier.say(487, "Request Terminated")
            self.carrier.recv(only="ACK")
            phone.recv(only="487")
        return str(invite.data.decode())


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    lines = Lines(tmp_path_factory.mktemp("claims") / "gate")
    yield lines
    assert lines.gate.stop() == 0
    lines.gate.verified()
    lines.carrier.sock.close()


@pytest.mark.parametrize(
    ("dialled", "headers", "through"),
    [
        (f"%2A71{LISTED}", (), "prefix *71"),
        (f"*71{LISTED[:3]}-{LISTED[3:7]}-{LISTED[7:]}", (), "prefix *71"),
        (LISTED, (f"{HEADER}: service",), f"header {HEADER}"),
        (f"*71{LISTED}", (f"{HEADER.upper()}: Service",), f"prefix *71 and header {HEADER}"),
    ],
)
def test_a_service_call_of_one_who_may_goes_out_and_its_claim_stays_here(
    lines: Lines, dialled: str, headers: tuple[str, ...], through: str
) -> None:
    invite = lines.let_through(dialled, *headers)
    assert invite.startswith(f"INVITE sip:{DIALLED[LISTED]}@")
    assert HEADER.lower() not in invite.lower() and "*71" not in invite and "service" not in invite.lower()
    told = lines.gate.decision()
    assert (told["number"], told["reason"], told["purpose"]) == (DIALLED[LISTED], "service_call", "service")
    assert (told["claimed_by"], told["claimed_through"]) == ("trunk:pbx", through)


@pytest.mark.parametrize(
    ("dialled", "headers", "host", "reason"),
    [
        (LISTED, (), "127.0.0.1", "listed_tps"),
        (f"*72{UNLISTED}", (), "127.0.0.1", "topic_needs_consent"),
        (UNLISTED, (f"{HEADER}: marketing;topic=pensions",), "127.0.0.1", "topic_needs_consent"),
        (f"*71{LISTED}", (), OTHER, "listed_tps"),  # the number's own reason comes first
        (f"*71{UNLISTED}", (), OTHER, "claim_refused"),
        (UNLISTED, (f"{HEADER}: service",), OTHER, "claim_refused"),
        (UNLISTED, (f"{HEADER}: servce",), "127.0.0.1", "claim_refused"),
        (f"*71{UNLISTED}", (f"{HEADER}: marketing",), "127.0.0.1", "claim_refused"),
        (f"*71*71{UNLISTED}", (), "127.0.0.1", "number_invalid"),
        (f"*71141{UNLISTED}", (), "127.0.0.1", "identity_withheld"),
        ("*7109098790000", (), "127.0.0.1", "destination_not_allowed"),
        (f"*70{UNLISTED}", (), "127.0.0.1", "number_invalid"),
    ],
)
def test_no_other_claim_opens_a_way(
    lines: Lines, dialled: str, headers: tuple[str, ...], host: str, reason: str
) -> None:
    assert lines.refused(dialled, *headers, host=host) == reason
    if reason == "claim_refused":
        assert lines.gate.decision()["purpose"] == "marketing"
