"""Two trunks, of which one fails in each state of a call: nobody is rung twice, and nothing that rings is forgotten.

What a trunk says too late is said when the test says that it has been silent for long enough: no test depends on time.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from gate.config import Emergency, Trunk
from gate.core.bridging import Stage
from gate.sip.bridge import Bridge
from tests.sip.test_emergency_route import Helping
from tests.sip.test_orphaned_dialogs import Book
from tests.support.sip_line import RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Callee, Heard, Peer, Phone, sdp
from tests.support.timers import send_late
from tests.support.waiting import PATIENCE, until

CHALLENGE = 'Proxy-Authenticate: Digest realm="carrier", nonce="n1", algorithm=MD5, qop="auth"'


class TwoTrunks:
    """A line with trunk ``a`` before trunk ``b``, and a phone."""

    def __init__(
        self, *, silent_seconds: int = 3600, first: Mapping[str, Any] | None = None, book: Book | None = None,
        sip: Mapping[str, Any] | None = None, emergency: bool = False, refusal: int = 603,
        second: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.a, self.b, self.help = Callee(), Callee(), Callee()
        config = config_for(self.a.address, sip=sip, refusal=refusal)
        options = {"options_seconds": 0, "silent_seconds": silent_seconds, **(first or {})}
        trunks = (
            Trunk(self.a.address, "a", **options),
            Trunk(self.b.address, "b", order=2, **{"options_seconds": 0, **(second or {})}),
        )
        config = msgspec.structs.replace(config, trunk=trunks)
        if emergency:
            route = Emergency(trunk=self.help.address, then=("b", "a"), silent_seconds=silent_seconds)
            config = msgspec.structs.replace(config, emergency=route)
        self.running = RunningLine(config, Helping() if emergency else ScriptedCallManager())
        if book is not None:
            self.running.line._book = book
        self.call_manager = self.running.call_manager

    def __enter__(self) -> TwoTrunks:
        self.running.__enter__()
        self.phone = Phone(self.running.address)
        return self

    def __exit__(self, *what: object) -> None:
        self.running.__exit__(*what)
        for peer in (self.phone, self.a, self.b, self.help):
            peer.sock.close()

    @property
    def bridge(self) -> Bridge:
        (bridge,) = self.running.line._engine.bridges.values()
        return bridge

    def dial(self, at: Callee | None = None, number: str = "02079460000") -> None:
        """Call; the INVITE is at its first trunk."""
        self.phone.dial(number)
        taken(at or self.a)

    def silence(self) -> None:
        """The trunk has been silent for long enough."""
        self.running.call(lambda: self.bridge.failover._heard(self.bridge.callee))

    def passed_over(self) -> None:
        """The first trunk was silent, and the INVITE is at the second."""
        self.dial()
        self.silence()
        taken(self.b)

    def until(self, so: Callable[[], Any]) -> None:
        until(lambda: self.running.call(so))


def taken(peer: Callee) -> Heard:
    """The next INVITE at a trunk that says nothing yet."""
    peer.invite = peer.recv(PATIENCE, only="INVITE")
    peer.tag = f"r{time.monotonic_ns():x}"
    peer.gate = (peer.last_from[0], peer.last_from[1])
    return peer.invite


def no_invite(peer: Callee, seconds: float = 0.3) -> bool:
    """True where no INVITE waits at a trunk, and none comes."""
    peer.sock.settimeout(seconds)
    while True:
        try:
            data = peer.sock.recv(65535)
        except TimeoutError:
            return True
        if data.startswith(b"INVITE"):
            return False


def test_a_trunk_that_says_nothing_is_passed_over_by_itself() -> None:
    with TwoTrunks(silent_seconds=1) as two:
        two.dial()
        two.b.ring()
        two.phone.recv(only="180")
        two.b.pick_up()
        answer = two.phone.recv(only="200")
        two.phone.ack(answer)
        assert two.call_manager.trunks == ["b"]
        two.a.drain()
        assert two.running.nothing_to(two.a, 1.5), "an INVITE that was given up is sent again"
        two.phone.send(two.phone.next("BYE"))
        assert two.b.recv(only="BYE")
        assert two.running.line.counts()["passed_over"] == 1


def test_each_trunk_gets_an_invite_of_its_own_and_the_same_call() -> None:
    with TwoTrunks() as two:
        two.passed_over()
        first, second = two.a.invite, two.b.invite
        assert first.get("Call-ID") != second.get("Call-ID")
        assert second.start == f"INVITE sip:+442079460000@{two.b.address} SIP/2.0"
        for name in ("P-Asserted-Identity", "Privacy", "Max-Forwards"):
            assert first.get(name) == second.get(name)
        assert first.body == second.body


@pytest.mark.parametrize("code", [500, 502, 503, 403, 407])
def test_a_trunk_that_fails_by_itself_is_passed_over(code: int) -> None:
    with TwoTrunks() as two:
        two.dial()
        two.a.say(code, "No", headers=(CHALLENGE,) if code == 407 else ())
        two.b.ring()
        assert two.phone.recv(only="180")
        two.b.pick_up()
        assert two.phone.recv(only="200")
        assert two.call_manager.trunks == ["b"]


@pytest.mark.parametrize("code", [600, 603, 604, 606, 699, 799, 486, 480, 404, 410, 484, 488, 408, 504, 302])
def test_an_answer_about_the_callee_or_the_number_is_the_end(code: int) -> None:
    with TwoTrunks() as two:
        two.dial()
        two.a.say(code, "No")
        assert two.phone.recv().code >= 100
        two.call_manager.wait("failed", PATIENCE)
        assert no_invite(two.b)


@pytest.mark.parametrize("code", [503, 500, 403])
def test_after_ringing_no_failure_leads_to_another_trunk(code: int) -> None:
    with TwoTrunks() as two:
        two.dial()
        two.a.say(180, "Ringing")
        two.phone.recv(only="180")
        two.a.say(code, "Gone")
        two.call_manager.wait("failed", PATIENCE)
        assert no_invite(two.b)


def test_a_trunk_that_dies_after_its_100_is_waited_for() -> None:
    with TwoTrunks(sip={"no_answer_seconds": 1}) as two:
        two.dial()
        two.a.say(100, "Trying")
        two.until(lambda: two.bridge.progress.heard or two.bridge.stage is Stage.OVER)
        two.silence()
        assert two.phone.recv(only="480")
        assert no_invite(two.b)


def test_what_only_says_100_too_late_is_cancelled_and_the_call_goes_on() -> None:
    with TwoTrunks() as two:
        two.passed_over()
        two.a.say(100, "Trying")
        assert two.a.recv(PATIENCE, only="CANCEL").get("Call-ID") == two.a.invite.get("Call-ID")
        two.a.say(487, "Request Terminated")
        assert two.a.recv(PATIENCE, only="ACK").to_tag == two.a.tag
        two.b.say(180, "Ringing")
        assert two.phone.recv(only="180")
        two.b.pick_up()
        assert two.phone.recv(only="200")


def test_law_3_4_what_rings_too_late_is_not_rung_again_by_the_next_trunk() -> None:
    with TwoTrunks() as two:
        two.passed_over()
        two.b.say(100, "Trying")
        two.until(lambda: two.bridge.progress.heard)
        two.a.say(180, "Ringing")
        assert two.a.recv(PATIENCE, only="CANCEL")
        assert two.b.recv(PATIENCE, only="CANCEL")
        assert two.phone.recv(only="603"), "no code upon which a phone system dials its next trunk"
        assert two.call_manager.wait("failed", PATIENCE)[3] == "rang_late"


def test_who_picks_up_too_late_is_hung_up_on_and_nobody_rings_them_again() -> None:
    with TwoTrunks(refusal=600) as two:
        two.passed_over()
        two.b.say(100, "Trying")
        two.until(lambda: two.bridge.progress.heard)
        two.a.say(200, "OK", body=sdp(41000))
        assert [two.a.recv(PATIENCE).method for _ in range(2)] == ["ACK", "BYE"]
        assert two.b.recv(PATIENCE, only="CANCEL")
        answer = two.phone.recv(only="200")
        assert "a=inactive" in answer.body, "a failure would make a phone system dial its next trunk"
        two.phone.ack(answer)
        assert two.phone.recv(only="BYE")
        assert two.call_manager.wait("unattended", PATIENCE)[2] == "a"
        assert two.call_manager.wait("failed", PATIENCE)[3] == "answered_late"
        assert two.call_manager.trunks == []


@pytest.mark.parametrize("code", [180, 200])
def test_what_comes_too_late_beside_a_call_that_rings_ends_alone(code: int) -> None:
    with TwoTrunks() as two:
        two.passed_over()
        two.b.say(180, "Ringing")
        two.phone.recv(only="180")
        two.a.say(code, "Late", body=sdp(41000))
        assert two.a.recv(PATIENCE, only="CANCEL" if code == 180 else "BYE")
        two.b.pick_up()
        assert two.phone.recv(only="200")
        assert two.call_manager.trunks == ["b"]
        assert two.call_manager.kinds().count("unattended") == (code == 200)


def test_a_late_answer_after_the_end_of_the_call_is_hung_up_on() -> None:
    with TwoTrunks() as two:
        two.passed_over()
        two.phone.cancel()
        two.phone.recv(only="487")
        two.call_manager.wait("hung_up", PATIENCE)
        two.running.call(lambda: two.running.line.forget(two.call_manager.incomings[0].call_id))
        two.a.say(200, "OK", body=sdp(41000))
        assert [two.a.recv(PATIENCE).method for _ in range(2)] == ["ACK", "BYE"]
        assert two.call_manager.wait("unattended", PATIENCE)[2] == "a"


def test_a_challenge_that_comes_too_late_is_not_answered_with_another_invite() -> None:
    with TwoTrunks(first={"username": "firm", "password_file": "x"}) as two:
        two.passed_over()
        two.a.say(407, "Who", headers=(CHALLENGE,))
        assert two.a.recv(PATIENCE, only="ACK")
        two.b.say(180, "Ringing")
        assert two.phone.recv(only="180")
        assert no_invite(two.a)


def test_a_challenge_after_the_callers_cancel_rings_nobody() -> None:
    with TwoTrunks(first={"username": "firm", "password_file": "x"}) as two:
        two.dial()
        two.phone.cancel()
        two.phone.recv(only="487")
        two.a.say(407, "Who", headers=(CHALLENGE,))
        assert two.a.recv(PATIENCE, only="ACK")
        assert no_invite(two.a)


def test_credentials_are_waited_for_anew() -> None:
    with TwoTrunks(first={"username": "firm", "password_file": "x"}) as two:
        two.dial()
        two.a.say(407, "Who", headers=(CHALLENGE,))
        taken(two.a)
        two.silence()
        two.a.say(180, "Ringing")
        assert two.phone.recv(only="180")
        assert no_invite(two.b)


def down(two: TwoTrunks) -> None:
    """The second trunk is known to be down."""
    asked = two.b.recv(PATIENCE, only="OPTIONS")
    two.b.send(two.b.answer(asked, 503, "Away"), two.b.last_from)
    two.until(lambda: [each.up for each in two.running.line.trunks()] == [None, False])


@pytest.mark.parametrize("silent", [False, True])
def test_a_next_trunk_that_is_down_is_not_waited_for(silent: bool) -> None:
    with TwoTrunks(second={"options_seconds": 3600}) as two:
        down(two)
        two.dial()
        if silent:
            two.silence()
            assert two.running.call(lambda: two.bridge.stage) == "dialling"
            two.a.say(180, "Ringing")
            assert two.phone.recv(only="180")
        else:
            two.a.say(503, "Busy")
            assert two.phone.recv(only="503")
        assert no_invite(two.b)


def test_law_3_5_a_call_for_help_is_tried_at_a_trunk_that_is_down() -> None:
    with TwoTrunks(second={"options_seconds": 3600}, emergency=True) as two:
        down(two)
        two.phone.dial("999")
        taken(two.help)
        two.help.say(503, "Away")
        taken(two.a)
        two.a.say(503, "Away")
        taken(two.b)


def again(two: TwoTrunks) -> list[tuple[str, ...]]:
    """Trunk and reason of each INVITE that was asked for before it left."""
    return [what[2:] for what in two.call_manager.seen if what[0] == "dialling_again"]


def test_each_further_invite_is_asked_for_before_it_leaves() -> None:
    """Credentials, a longer session, acknowledged ringing; the next trunk upon a failure or silence."""
    with TwoTrunks(first={"username": "firm", "password_file": "x"}) as two:
        two.dial()
        assert again(two) == []
        for code, header in ((407, CHALLENGE), (422, "Min-SE: 3000"), (421, "Require: 100rel")):
            two.a.say(code, "No", headers=(header,))
            two.a.recv(PATIENCE, only="ACK")
            taken(two.a)
        two.a.say(503, "Busy")
        taken(two.b)
        assert again(two) == [("a", "407"), ("a", "422"), ("a", "421"), ("b", "503")]


@pytest.mark.parametrize(
    ("code", "header"),
    [(407, CHALLENGE), (422, "Min-SE: 3000"), (421, "Require: 100rel"), (503, ""), (0, "")],
)
def test_who_may_not_be_called_any_more_is_sent_no_further_invite(code: int, header: str) -> None:
    with TwoTrunks(first={"username": "firm", "password_file": "x"}, refusal=600) as two:
        two.dial()
        two.call_manager.not_again = "objected"
        if code:
            two.a.say(code, "No", headers=(header,) if header else ())
        else:
            two.silence()
        assert two.phone.recv(only="600")
        assert no_invite(two.b)
        assert no_invite(two.a)
        assert again(two)


@pytest.mark.parametrize("may", [True, False])
def test_an_invite_that_had_no_answer_for_seconds_is_asked_for_before_it_is_sent_again(may: bool) -> None:
    with TwoTrunks(refusal=600) as two:
        two.dial()
        two.call_manager.not_again = "" if may else "objected"
        two.a.drain()
        send_late(two.running)
        assert again(two) == [("a", "no_answer")]
        if may:
            assert two.a.recv(PATIENCE, only="INVITE").data == two.a.invite.data
            two.a.say(180, "Ringing")
            assert two.phone.recv(only="180")
        else:
            assert two.phone.recv(only="600")
            assert no_invite(two.a)
            assert no_invite(two.b)


@pytest.mark.parametrize("code", [407, 503])
def test_the_caller_gives_up_while_a_further_invite_is_asked_for(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with TwoTrunks(first={"username": "firm", "password_file": "x"}) as two:
        asked: list[str] = []
        monkeypatch.setattr(two.call_manager, "dialling_again", lambda call_id, trunk, after: asked.append(call_id))
        two.dial()
        two.a.say(code, "No", headers=(CHALLENGE,))
        two.until(lambda: asked)
        two.phone.cancel()
        assert two.phone.recv(only="487")
        two.running.call(lambda: two.running.line.dial_again(asked[0]))
        assert no_invite(two.a)
        assert no_invite(two.b)


def test_an_invite_that_the_caller_has_taken_back_is_not_sent_again() -> None:
    """A trunk that comes back would ring somebody for nothing; what it says all the same is cancelled."""
    with TwoTrunks() as two:
        two.dial()
        two.phone.cancel()
        two.phone.recv(only="487")
        two.call_manager.wait("hung_up", PATIENCE)
        two.a.drain()
        assert no_invite(two.a, 1.6)
        two.a.say(180, "Ringing")
        assert two.a.recv(PATIENCE, only="CANCEL")


def test_an_invite_that_is_asked_for_is_not_taken_for_silence() -> None:
    with TwoTrunks(first={"username": "firm", "password_file": "x"}) as two:
        asked: list[str] = []
        two.call_manager.dialling_again = lambda call_id, trunk, after: asked.append(call_id)  # type: ignore[method-assign]
        two.dial()
        two.a.say(407, "Who", headers=(CHALLENGE,))
        two.until(lambda: asked)
        two.silence()
        assert two.running.call(lambda: two.bridge.route.name) == "a"
        two.running.call(lambda: two.running.line.dial_again(asked[0]))
        taken(two.a)


@pytest.mark.parametrize("code", [180, 200])
def test_an_answer_from_elsewhere_connects_nothing_and_nothing_else_is_tried(code: int) -> None:
    with TwoTrunks() as two, Peer("127.0.0.2") as stranger:
        two.dial()
        stranger.send(stranger.answer(two.a.invite, code, "Hello", tag="x", body=sdp(41000)), two.a.gate)
        two.until(lambda: two.bridge.callee.told_from_elsewhere)
        two.silence()
        assert two.phone.recv(only="603")
        assert two.call_manager.wait("failed", PATIENCE)[3] == "answer_not_from_trunk"
        assert no_invite(two.b)
        assert two.call_manager.trunks == []


def test_a_trunk_that_options_shows_as_down_is_not_even_tried() -> None:
    with TwoTrunks(first={"options_seconds": 3600}) as two:
        asked = two.a.recv(PATIENCE, only="OPTIONS")
        two.a.send(two.a.answer(asked, 503, "Away"), two.a.last_from)
        two.until(lambda: [each.up for each in two.running.line.trunks()] == [False, None])
        two.dial(two.b)
        assert no_invite(two.a)


# --- killed in between ------------------------------------------------------------------------------------------------


class Watched(Book):
    """A leg book that looks, whenever it is told of an INVITE for the first time, whether the trunk has it already."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk: Callee | None = None
        self.too_late: list[bool] = []
        self._seen: set[str] = set()

    def keep(self, call_id: str, legs: Mapping[str, Any]) -> None:
        super().keep(call_id, legs)
        invite = legs.get("callee", {}).get("invite")
        if self.trunk is None or invite is None or invite in self._seen:
            return
        self._seen.add(invite)
        with socket.socket(fileno=os.dup(self.trunk.sock.fileno())) as look, suppress(BlockingIOError):
            look.settimeout(0)
            self.too_late.append(look.recv(65535, socket.MSG_PEEK).startswith(b"INVITE"))
            return
        self.too_late.append(False)


def test_an_invite_is_in_the_book_before_it_leaves() -> None:
    """With credentials, too, and at the second trunk: a kill in between would leave somebody ringing."""
    book = Watched()
    with TwoTrunks(book=book, first={"username": "firm", "password_file": "x"}) as two:
        book.trunk = two.a
        two.dial()
        assert book.too_late == [False]
        two.a.say(407, "Who", headers=(CHALLENGE,))
        two.a.recv(only="ACK")
        taken(two.a)
        assert book.too_late == [False, False]
        book.trunk = two.b
        two.a.say(503, "Busy")
        taken(two.b)
        assert book.too_late == [False, False, False]


def legs_of(two: TwoTrunks, book: Book) -> dict[str, Any]:
    copied: dict[str, Any] = two.running.call(lambda: json.loads(json.dumps(book.kept)))
    return copied


def test_the_next_start_ends_what_a_silent_trunk_still_has() -> None:
    book = Book()
    with TwoTrunks(book=book, refusal=486) as two:
        two.passed_over()
        kept = legs_of(two, book)
        ((call_id, legs),) = kept.items()
        assert sorted(legs) == ["callee", "caller", "given_up_1"]
        assert (legs["given_up_1"]["trunk"], legs["callee"]["trunk"]) == ("a", "b")
        with Callee() as elsewhere:
            config = msgspec.structs.replace(two.running.line._config, trunk=(Trunk(elsewhere.address),))
            again = RunningLine(config)
            again.line._book = Book(kept)
            with again:
                assert two.a.recv(PATIENCE, only="CANCEL").get("Call-ID") == two.a.invite.get("Call-ID")
                assert two.b.recv(PATIENCE, only="CANCEL").get("Call-ID") == two.b.invite.get("Call-ID")
                host = again.address
                two.a.gate = two.b.gate = host
                two.a.say(200, "OK", body=sdp(41000))
                assert two.a.recv(PATIENCE, only="ACK").to_tag == two.a.tag
                bye = two.a.recv(PATIENCE, only="BYE")
                two.a.send(two.a.answer(bye, 200, "OK"), host)
                two.b.say(487, "Gone")
                told = again.call_manager.wait("legs_ended", PATIENCE)
                assert told == (
                    "legs_ended", call_id, "callee CANCEL 487", "caller INVITE 486", "given_up_1 BYE 200",
                )  # fmt: skip


def test_what_a_silent_trunk_may_yet_answer_outlives_a_stop_and_a_call() -> None:
    book = Book()
    with TwoTrunks(book=book) as two:
        two.passed_over()
        two.phone.cancel()
        two.phone.recv(only="487")
        two.call_manager.wait("hung_up", PATIENCE)
        ((_, legs),) = legs_of(two, book).items()
        assert list(legs) == ["given_up_1"]
    assert list(book.kept.values()) == [legs]


def test_what_has_had_its_end_is_forgotten() -> None:
    book = Book()
    with TwoTrunks(book=book) as two:
        two.passed_over()
        two.phone.cancel()
        two.phone.recv(only="487")
        two.call_manager.wait("hung_up", PATIENCE)
        two.a.say(503, "Late")
        assert two.a.recv(PATIENCE, only="ACK")
        two.until(lambda: book.kept == {})


# --- emergency calls --------------------------------------------------------------------------------------------------


def test_law_3_5_an_emergency_call_has_an_order_of_its_own() -> None:
    with TwoTrunks(emergency=True) as two:
        two.phone.dial("999")
        taken(two.help)
        two.silence()
        two.b.ring()
        assert two.b.invite.start.startswith("INVITE sip:999@")
        assert two.phone.recv(only="180")
        two.b.pick_up()
        assert two.phone.recv(only="200")
        assert no_invite(two.a)


@pytest.mark.parametrize("code", [503, 404, 486, 302])
def test_law_3_5_it_goes_on_after_any_failure_that_does_not_ring(code: int) -> None:
    with TwoTrunks(emergency=True) as two:
        two.phone.dial("112")
        taken(two.help)
        two.help.say(code, "No")
        taken(two.b).get("Call-ID")
        two.b.say(500, "No")
        two.a.ring()
        assert two.phone.recv(only="180")


def test_law_3_5_what_is_late_does_not_stop_it() -> None:
    with TwoTrunks(emergency=True) as two:
        two.phone.dial("999")
        taken(two.help)
        two.silence()
        taken(two.b)
        two.help.say(180, "Ringing")
        assert two.help.recv(PATIENCE, only="CANCEL")
        two.b.say(180, "Ringing")
        assert two.phone.recv(only="180")
        two.b.pick_up()
        assert two.phone.recv(only="200")
