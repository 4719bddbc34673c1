"""A PBX that keeps its media: screened, and then sent to the carrier by 302, with who announces and records it in the
log. Nothing of its calls leaves the gate, and help is carried as ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.converting import convert
from gate.core.pack_words import outcome
from gate.core.rows.requests import HeldAttempt
from tests.support.running_gate import LISTED, UNLISTED, RunningGate
from tests.support.sip_peer import Callee, Phone

SAID = {"announced_by": "the PBX plays notice.wav before it connects", "recorded_by": "the PBX, handed in each day"}


class Lines:
    """A gate before such a PBX, the carrier, and the emergency route."""

    def __init__(self, folder: Path) -> None:
        self.carrier, self.help = Callee(), Callee()
        self.gate = RunningGate(folder)
        self.gate.set("trunk", address=self.carrier.address, number_format="0")
        self.gate.set("emergency", trunk=self.help.address, numbers=["999", "112"])
        self.gate.add_pbx(refusal=600, mode="redirect", **SAID)
        self.gate.start()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    lines = Lines(tmp_path_factory.mktemp("redirected") / "gate")
    yield lines
    assert lines.gate.stop() == 0
    lines.gate.verified()
    lines.carrier.sock.close()
    lines.help.sock.close()


def test_what_may_be_dialled_is_sent_to_the_carrier(lines: Lines) -> None:
    with Phone(lines.gate.address) as phone:
        phone.dial(UNLISTED)
        answer = phone.recv(only="302")
        phone.ack(answer)
        assert answer.get("Contact") == f"<sip:02079460123@{lines.carrier.address}>;q=1.0"
        phone.send(phone.invite)  # it had not come: the same answer, and no second attempt
        assert phone.recv(only="302").get("Contact") == answer.get("Contact")
        said = lines.gate.decision()
        assert (said["verdict"], said["redirect"], said["sip_call_id"]) == ("allow", SAID, phone.dialog.call_id)
        assert answer.get("X-Dialgate-Decision")
        assert said["to_be_shown_by"] == "trunk:pbx"  # what the carrier is shown is in that PBX's hands
    assert lines.carrier.nothing_from(lines.gate.address)
    row = lines.gate.wait(
        lambda: lines.gate.rows("SELECT * FROM calls WHERE ended_at IS NOT NULL"), 5.0, "the call has no end in the log"
    )[0]
    assert (row["cause"], row["code"], row["recorded"], row["bridged"]) == ("redirected", 302, None, 0)
    recording = dict.fromkeys(("recording_id", "recording", "recorded_seconds", "recorded_at", "erased_at"))
    assert outcome(convert({**row, **recording}, HeldAttempt)) == "allowed to the phone system, which dials by itself"
    assert len(lines.gate.rows("SELECT 1 FROM calls")) == 1


def test_what_may_not_be_dialled_is_refused_as_ever(lines: Lines) -> None:
    with Phone(lines.gate.address) as phone:
        phone.dial(LISTED)
        answer = phone.recv(only="600")
        phone.ack(answer)
        assert answer.get("X-Dialgate-Reason") == "listed_tps"
    assert lines.carrier.nothing_from(lines.gate.address)


def test_a_call_for_help_is_carried(lines: Lines) -> None:
    with Phone(lines.gate.address) as phone:
        phone.dial("999")
        lines.help.ring()
        phone.recv(only="180")
        phone.cancel()
        cancelled = lines.help.recv(only="CANCEL")
        lines.help.send(lines.help.answer(cancelled, 200, "OK"), lines.help.gate)
        lines.help.say(487, "Request Terminated")
        lines.help.recv(only="ACK")
        phone.recv(only="487")
    assert lines.carrier.nothing_from(lines.gate.address)


def test_the_firm_sees_what_it_has_said(lines: Lines) -> None:
    told = lines.gate.client.call("status")["redirects"]
    assert told == [{"name": "pbx", **SAID}]
    record = lines.gate.client.call("report_article30")["activities"]
    (activity,) = [each for each in record if each["name"] == "Calls that pbx carries by itself"]
    assert SAID["announced_by"] in activity["purpose"]
    assert SAID["recorded_by"] in activity["purpose"]
