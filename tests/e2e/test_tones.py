"""Tones on both sides of a real gate, in every state of a call: zero packets where it is closed, both voices where it
is open, all of it in the recording."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

import pytest

from gate.config import load
from gate.store.reader import open_writer, place_of
from tests.media.line_process import ports_of
from tests.support.audio import Party, decoded, read_wav, share
from tests.support.ends import AGENT, CUSTOMER, Ends, both_ends, prepared, sounds_like, ssrc
from tests.support.evidence import Engine
from tests.support.running_gate import UNLISTED, RunningGate
from tests.support.sip_peer import Callee, Phone, sdp
from tests.support.waiting import PATIENCE, until

NOTICE = 700.0
LENGTH = 2.0


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RunningGate]:
    gate = prepared(tmp_path / "gate", LENGTH)
    yield gate
    if gate.process is not None:
        gate.stop()


@contextmanager
def locked(gate: RunningGate) -> Iterator[None]:
    """Somebody else writes to the evidence database: no commit of the gate's goes through."""
    with closing(open_writer(place_of(load(gate.config, secrets=False)))) as other:
        other.execute("BEGIN IMMEDIATE")
        if Engine.name == "postgresql":
            other.execute("LOCK TABLE dialgate.facts IN EXCLUSIVE MODE")
        yield
        other.execute("ROLLBACK")


def assert_closed(ends: Ends, seconds: float, state: str) -> None:
    """Both speak and neither hears the other."""
    with ends.span() as of:
        time.sleep(seconds)
        assert ends.state() == state
    assert of().leaked == (0, 0), state


def test_until_the_evidence_is_durable_neither_hears_the_other_and_from_then_on_both_do(gate: RunningGate) -> None:
    gate.start()
    with both_ends(gate) as ends:
        ends.dial(UNLISTED)
        assert_closed(ends, 0.4, "dialling")
        ends.ring(early=True)
        assert ends.phone.recv(PATIENCE, only="180").body == ""
        assert_closed(ends, 0.4, "ringing")

        os.kill(gate.recorder_pid(), signal.SIGSTOP)
        ends.pick_up()
        assert_closed(ends, 0.4, "preparing")
        os.kill(gate.recorder_pid(), signal.SIGCONT)

        ends.listen_to(183)
        ends.reaches("announcing")
        with ends.span() as of:
            time.sleep(LENGTH / 2)
            assert ends.state() == "announcing"
        heard = of()
        assert heard.leaked == (0, 0)
        assert sounds_like(heard.of_prompts, NOTICE)
        assert heard.of_pips and not sounds_like(heard.of_pips, CUSTOMER)

        with locked(gate):  # the gate cannot be asked for its state now, which needs the database
            with ends.span() as of:
                time.sleep(LENGTH / 2 + 1.2)
            heard = of()
            assert heard.leaked == (0, 0)
            assert time.monotonic() - heard.of_prompts[-1].at > 0.7, "the announcement has been over for a while"
            assert ends.phone.nothing_from(gate.address), "the caller is not answered before the evidence is there"
        ends.listen_to(200)
        ends.reaches("talking")
        with ends.span() as of:
            until(lambda: min(of().leaked) >= 48)
            assert ends.state() == "talking"
        heard = of()
        assert sounds_like(heard.callee_heard, AGENT)
        assert sounds_like(heard.caller_heard, CUSTOMER)
        assert heard.of_prompts == heard.of_pips == []

        os.kill(gate.recorder_pid(), signal.SIGKILL)
        ends.reaches("goodbye")
        with ends.span() as of:
            time.sleep(0.5)
            assert ends.state() == "goodbye"
        assert of().leaked == (0, 0)
        assert of().of_prompts
        ends.trunk.recv(PATIENCE, only="BYE")
        with ends.span() as of:
            time.sleep(0.5)
        assert of().leaked == (0, 0)
        gate.wait(lambda: ends.state() == "", PATIENCE, "the call is left")

        told = ends.announced()
        assert (told["completed"], told["to"], told["as_in_sdp"], told["holds"]) == (True, "callee", True, 0)
        assert told["packets"] == told["packets_whole"] == int((LENGTH + 0.1) * 50)


def test_early_media_passes_from_the_callee_alone_where_it_may_and_stops_with_the_answer(gate: RunningGate) -> None:
    gate.set("media", early=["marketing"])
    gate.start()
    with both_ends(gate) as ends:
        ends.dial(UNLISTED)
        ends.ring(early=True)
        ends.listen_to(183)
        with ends.span() as of:
            until(lambda: len(of().caller_heard) >= 28)
            assert ends.state() == "ringing"
        heard = of()
        assert len(heard.callee_heard) == 0
        assert sounds_like(heard.caller_heard, CUSTOMER)
        ends.pick_up()
        ends.reaches("announcing")
        assert_closed(ends, LENGTH / 2, "announcing")
        ends.reaches("talking")
        ends.listen_to(200)
        with ends.span() as of:
            until(lambda: min(of().leaked) >= 23)
        ends.phone.send(ends.phone.next("BYE"))
        gate.wait(lambda: ends.state() == "", PATIENCE, "the call is left")
        (row,) = gate.rows("SELECT answered_at, announced, bridged FROM calls")
        assert row["announced"] == row["bridged"] == 1


def test_a_call_for_help_is_open_at_once_both_ways(gate: RunningGate) -> None:
    gate.set("emergency", trunk=f"127.0.0.1:{gate.trunk_port}")
    gate.start()
    with both_ends(gate) as ends:
        ends.dial("999")
        ends.ring(early=True)
        ends.listen_to(183)
        with ends.span() as of:
            until(lambda: min(of().leaked) >= 23)
            assert ends.state() == "ringing"
        ends.pick_up()
        ends.listen_to(200)
        with ends.span() as of:
            until(lambda: min(of().leaked) >= 23)
            assert ends.state() == "talking"
        heard = of()
        assert sounds_like(heard.callee_heard, AGENT) and sounds_like(heard.caller_heard, CUSTOMER)
        assert heard.of_prompts == []
        ends.phone.send(ends.phone.next("BYE"))


CODECS = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 18: "G729/8000", 96: "opus/48000/2"}
KEPT = (8, 0, 9)


@dataclass
class Chosen:
    """One call: the caller's list of codecs, what the callee takes of what it was offered and its own list, and the
    number of telephone events."""

    number: str
    order: tuple[int, ...]
    taken: int
    theirs: tuple[int, ...]
    event: int
    phone: Phone
    agent: Party
    customer: Party

    def body(self, port: int, kinds: Sequence[int]) -> str:
        names = CODECS | {self.event: "telephone-event/8000"}
        lines = [f"m=audio {port} RTP/AVP {' '.join(map(str, kinds))}"]
        lines += [f"a=rtpmap:{kind} {names[kind]}" for kind in kinds]
        head = [line for line in sdp(port).split("\r\n") if line and line[0] in "vosct"]
        return "\r\n".join([*head, *lines, ""])

    def set_up(self, trunk: Callee) -> None:
        """The callee answers in the codec that it likes best, and names those that it was not offered, too: before it,
        or after it."""
        self.phone.dial(self.number, body=self.body(self.agent.port, [*self.order, self.event]))
        offer = trunk.ring()
        assert kinds_of(offer.body) == [*(kind for kind in self.order if kind in KEPT), self.event]
        trunk.pick_up(self.body(self.customer.port, [*self.theirs, self.event]))
        self.customer.talk_to(ports_of(offer.body))

    def connected(self) -> None:
        """The caller is answered in that codec, and with nothing else."""
        answer = self.phone.recv(PATIENCE, only="200")
        self.phone.ack(answer)
        assert kinds_of(answer.body) == [self.taken, self.event]
        self.agent.talk_to(ports_of(answer.body))

    def check(self) -> None:
        """The announcement in the codec chosen, then the agent; both are heard as they speak, and nothing else is."""
        heard = list(self.customer.heard)
        own = ssrc(self.agent)
        first = next(place for place, packet in enumerate(heard) if packet.ssrc == own)
        assert {packet.payload_type for packet in [*heard, *self.agent.heard]} == {self.taken}
        assert {packet.ssrc == own for packet in heard[first:]} == {True}
        assert share(decoded(heard[:first]), NOTICE) > 0.8
        assert share(self.customer.samples(own), AGENT) > 0.8
        assert share(self.agent.samples(ssrc(self.customer)), CUSTOMER) > 0.8


def kinds_of(body: str) -> list[int]:
    (line,) = (line for line in body.splitlines() if line.startswith("m="))
    return [int(kind) for kind in line.split()[3:]]


def test_calls_with_codec_lists_of_every_kind_are_announced_heard_recorded_and_objected_to(gate: RunningGate) -> None:
    """Each codec comes first in the caller's list and each that can be recorded is the callee's choice; the numbers of
    telephone events go from 97 to 127. All at once."""
    gate.start()
    lists = [(first, *(each for each in CODECS if each != first)) for first in CODECS]
    lists = [order if place % 2 else (order[0], *order[:0:-1]) for place, order in enumerate(lists)]
    cases = list(product(lists, KEPT))
    theirs = [order for place in range(3) for order in permutations((0, 18, 96)) if order[place] == 0]
    with ExitStack() as open_until, Callee(port=gate.trunk_port) as trunk:
        calls = [
            Chosen(
                f"0113496{500 + place:04d}", order, taken,
                tuple(kind or taken for kind in theirs[place % len(theirs)]), 97 + place * 30 // (len(cases) - 1),
                open_until.enter_context(Phone(gate.address)),
                open_until.enter_context(Party(AGENT, taken)),
                open_until.enter_context(Party(CUSTOMER, taken)),
            )
            for place, (order, taken) in enumerate(cases)
        ]  # fmt: skip
        for call in calls:
            call.set_up(trunk)
        for call in calls:
            call.connected()
        for call in calls:
            call.agent.speaks(0.6)
            call.check()

        def objected() -> bool:
            rows = gate.rows("SELECT body FROM facts WHERE kind = 'objection' AND actor = 'callee'")
            return {json.loads(row["body"])["number"] for row in rows} == {"+44" + call.number[1:] for call in calls}

        for call in calls:
            call.customer.press("9", payload_type=call.event)
        gate.wait(objected, PATIENCE, "not every 9 is heard")
        for call in calls:
            call.phone.send(call.phone.next("BYE"))
        gate.wait(lambda: ends_with(gate) == len(calls), PATIENCE, "not all are closed")
    for row in gate.rows("SELECT packets FROM recordings"):
        assert min(json.loads(row["packets"])[side] for side in ("caller", "callee")) >= 25


def ends_with(gate: RunningGate) -> int:
    """Recordings that are closed."""
    return len(gate.rows("SELECT 1 FROM recordings WHERE state = 'closed'"))


@pytest.mark.parametrize("state", ["announcing", "talking"])
def test_a_nine_from_another_port_of_the_callees_address_is_heard(gate: RunningGate, state: str) -> None:
    """A NAT has bound anew: its first port is silent from then on."""
    gate.start()
    with both_ends(gate) as ends, Party(CUSTOMER) as moved:
        ends.dial(UNLISTED)
        ends.ring(early=False)
        ends.pick_up()
        ends.listen_to(183 if state == "announcing" else 200)
        ends.reaches(state)
        moved.talk_to(ends.customer._peer)
        ends.customer.talk_to(None)

        def objected() -> bool:
            moved.press("9")
            return bool(gate.rows("SELECT 1 FROM facts WHERE kind = 'objection' AND actor = 'callee'"))

        gate.wait(objected, PATIENCE, "the 9 is not heard")
        ends.phone.dial(UNLISTED, body=sdp(ends.agent.port))
        assert ends.phone.recv(PATIENCE, only="603")


def test_the_recording_holds_all_that_either_heard(gate: RunningGate, tmp_path: Path) -> None:
    gate.start()
    with both_ends(gate) as ends:
        ends.dial(UNLISTED)
        ends.ring(early=False)
        ends.pick_up()
        ends.listen_to(183)
        ends.reaches("talking")
        ends.listen_to(200)
        with ends.span() as of:
            until(lambda: min(of().leaked) > 60)
        ends.phone.send(ends.phone.next("BYE"))
        gate.wait(lambda: ends.state() == "", PATIENCE, "the call is left")
        of_agent = sum(packet.ssrc == 0x1234 + ends.agent.port for packet in ends.customer.heard)
        of_customer = sum(packet.ssrc == 0x1234 + ends.customer.port for packet in ends.agent.heard)
    (row,) = gate.rows("SELECT recording_id, packets FROM recordings WHERE state = 'closed'")
    kept = json.loads(row["packets"])
    assert kept["caller"] >= of_agent > 60
    assert kept["callee"] >= of_customer > 60
    gate.export(row["recording_id"], tmp_path / "talk.wav")
    sound, rate = read_wav(tmp_path / "talk.wav")
    assert share(sound[-rate:, 0], AGENT, rate) > 0.8
    assert share(sound[-rate:, 1], CUSTOMER, rate) > 0.8


def test_a_callee_that_holds_in_the_announcement_is_told_all_of_it_before_anybody_is_heard(gate: RunningGate) -> None:
    gate.start()
    with both_ends(gate) as ends:
        ends.dial(UNLISTED)
        ends.ring(early=False)
        ends.pick_up()
        ends.listen_to(183)
        ends.reaches("announcing")
        time.sleep(LENGTH / 2)
        theirs = ends.trunk.dialog()
        ends.trunk.send(ends.trunk.request("INVITE", theirs, body=sdp(ends.customer.port, "sendonly")), ends.trunk.gate)
        held = ends.trunk.recv(PATIENCE, only="200")
        ends.trunk.send(ends.trunk.request("ACK", theirs, cseq=1), ends.trunk.gate)
        assert "a=recvonly" in held.body
        with ends.span() as of:
            time.sleep(LENGTH + 0.5)
            assert ends.state() == "announcing"
        assert of().leaked == (0, 0) and of().of_prompts == []

        theirs.cseq += 1
        ends.trunk.send(ends.trunk.request("INVITE", theirs, body=sdp(ends.customer.port)), ends.trunk.gate)
        ends.trunk.recv(PATIENCE, only="200")
        ends.trunk.send(ends.trunk.request("ACK", theirs), ends.trunk.gate)
        resumed = time.monotonic()
        ends.reaches("talking")
        told = ends.announced()
        again = [
            packet for packet in ends.customer.heard if packet.at >= resumed and packet.ssrc != 0x1234 + ends.agent.port
        ]
        assert (told["completed"], told["holds"]) == (True, 1)
        assert len(again) >= told["packets"] - 2 == told["packets_whole"] - 2
        assert sounds_like(again[: int(LENGTH * 50)], NOTICE)
        ends.phone.send(ends.phone.next("BYE"))


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_an_offer_that_is_refused_moves_nobodys_audio(gate: RunningGate, side: str) -> None:
    """The party goes on from where it was; nothing of it may be lost, on the line or in the recording."""
    gate.start()
    with both_ends(gate) as ends:
        ends.dial(UNLISTED)
        ends.ring(early=False)
        ends.pick_up()
        ends.listen_to(200)
        ends.reaches("talking")
        asker, asked = (ends.phone, ends.trunk) if side == "caller" else (ends.trunk, ends.phone)
        dialog = ends.phone.dialog if side == "caller" else ends.trunk.dialog()
        asker.send(asker.request("INVITE", dialog, body=sdp(43000, "sendonly"), cseq=7), ends.trunk.gate)
        offer = asked.recv(only="INVITE")
        asked.send(asked.answer(offer, 488, "Not Acceptable Here"), ends.trunk.gate)
        assert asker.recv(only="488")
        with ends.span() as of:
            until(lambda: min(of().leaked) >= 25)
        ends.phone.send(ends.phone.next("BYE", cseq=8))
        gate.wait(lambda: ends.state() == "", PATIENCE, "the call is left")
