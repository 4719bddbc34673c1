"""More calls than the line can carry: those that are too many are sent away early and by name, the rest are carried."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gate.config import Emergency, Pbx
from gate.sip.message import SipMessage
from gate.sip.overload import GOAL, LATE, LEAST, RETRY_SECONDS, SPAN, STANDS, OverloadControl
from gate.sip.peers import Endpoint
from gate.sip.pending import Pending, PendingCalls
from tests.support.clocks import Clock
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Callee, Phone, sdp
from tests.support.sipp import Sipp
from tests.support.waiting import PATIENCE, until

HERE = Path(__file__).parent / "scenarios"


def measured(overload: OverloadControl, clock: Clock, queue: str, late: float, seconds: float) -> None:
    """A sample each 50 ms."""
    for _ in range(round(seconds / SPAN)):
        clock.now += SPAN
        overload.note(queue, late)


@pytest.mark.parametrize("queue", ["datagrams", "timers", "decisions", "recorder", "media"])
def test_a_queue_that_stands_sheds_and_one_that_is_long_for_a_moment_does_not(queue):
    clock = Clock()
    overload = OverloadControl(clock)
    for _ in range(20):  # bursts: late for nearly as long as makes a queue that stands, and then not
        measured(overload, clock, queue, LATE * 3, STANDS * 0.8)
        assert not overload.sheds
        measured(overload, clock, queue, 0.0, SPAN)
    measured(overload, clock, queue, LATE, STANDS + 4 * SPAN)
    assert overload.sheds
    assert overload.lets_in(), "the first one always is"
    measured(overload, clock, queue, 0.0, 0.5)
    assert not overload.sheds, "nothing waits any more"


def test_a_stop_of_the_whole_machine_sheds_nobody():
    clock = Clock()
    overload = OverloadControl(clock)
    measured(overload, clock, "datagrams", 0.0, 1.0)
    clock.now += 30
    overload.note("timers", 30.0)
    overload.note("datagrams", 30.0)
    measured(overload, clock, "timers", 0.0, 4 * SPAN)
    assert not overload.sheds


def test_the_three_queues_do_not_excuse_each_other():
    clock = Clock()
    overload = OverloadControl(clock)
    for _ in range(40):
        measured(overload, clock, "decisions", 2.0, SPAN)
        overload.note("timers", 0.0)
        overload.note("datagrams", 0.0)
    assert overload.sheds


@pytest.mark.parametrize(
    ("delays", "reason"),
    [({"datagrams": 0.6}, "too_many_calls"), ({"inside": 0.6}, "too_many_calls"), ({"timers": 0.6}, "too_many_calls"),
     ({"decisions": 0.6, "timers": 0.1, "media": 0.3}, "decision_late"),
     ({"recorder": 0.6, "timers": 0.1, "media": 0.2}, "recorder_unavailable"),
     ({"media": 0.6, "datagrams": 0.1, "decisions": 0.2}, "media_unavailable"),
     ({"timers": 0.5, "decisions": 0.7, "media": 0.6}, "too_many_calls"),
     ({"decisions": 3.0, "timers": 0.5}, "decision_late")],
)  # fmt: skip
def test_the_reason_is_that_of_the_queue_that_is_late(delays, reason):
    """What waits for the line waits for decisions and for the relay too: they are named where most is their own."""
    clock = Clock()
    overload = OverloadControl(clock)
    for _ in range(12):
        clock.now += SPAN
        for queue, late in delays.items():
            overload.note(queue, late)
    clock.now += SPAN
    overload.note("inside", max(0.0, delays.get("inside", 0.0)))
    assert overload.sheds
    assert overload.why[0] == reason


def test_the_share_is_let_in_evenly():
    overload = OverloadControl(Clock())
    overload._carried.share = 0.25
    told = [overload.lets_in() for _ in range(40)]
    assert told == [True, *[False] * 3] * 10


@pytest.mark.parametrize("callers", [1, 3])
def test_the_share_is_the_same_number_of_calls_for_each_and_the_heaviest_is_sent_away_first(callers):
    """Ten looks a half second: some call once in it, one a hundred times, two others ten times each."""
    clock = Clock()
    overload = OverloadControl(clock)
    calls = {f"quiet{n}": 1 for n in range(callers)} | {"loud": 100, "busy1": 10, "busy2": 10}
    let_in: Counter[str] = Counter()
    for look in range(200):
        overload._carried.share = 0.25
        for who, times in calls.items():
            if look % 10 == 0 or times > 1:
                let_in[who] += sum(overload.lets_in(who) for _ in range(times))
        clock.now += SPAN
        overload.note("timers", GOAL)
    quiet = sum(let_in[f"quiet{n}"] for n in range(callers))
    assert quiet == 20 * callers, "who calls as ever is never sent away"
    assert 0.9 * 2000 < let_in["busy1"] <= 2000
    assert 0.9 * 2000 < let_in["busy2"] <= 2000
    all_of_them = sum(let_in.values()) / (200 * 120 + 20 * callers)
    assert 0.22 < all_of_them < 0.29, "and the share is the share"


T1 = 0.5
CAPACITY = 600.0
"""Calls a second of the models below."""
SENDING_AWAY = 0.02
"""What a call that is sent away costs, as a part of one that is carried. In the gate it is more, and takes its part of
the processor from the calls that are kept: here the control alone is looked at."""


def arrivals(offered: Callable[[float], float], seconds: float) -> Iterator[float]:
    """When calls come, where so many a second are offered at a time."""
    due, step = 0.0, 0.0005
    for at in range(round(seconds / step)):
        due += offered(at * step) * step
        while due >= 1:
            due -= 1
            yield at * step


Call = tuple[float, float, bool]
"""When it came, how long it waited for its answer, whether it was let in."""


def line_that_is_late(offered: Callable[[float], float], seconds: float) -> list[Call]:
    """The line thread is what there is too little of: calls wait for their turn, and are judged then."""
    clock, calls, free, swept = Clock(), [], 0.0, 0.0
    began, overload = clock.now, OverloadControl(clock)
    for came in arrivals(offered, seconds):
        turn = max(free, came)
        while swept <= turn:
            clock.now = began + swept
            overload.note("timers", 0.0)
            swept += SPAN
        clock.now = began + turn
        overload.note("datagrams", turn - came)
        let_in = overload.lets_in()
        free = turn + (1.0 if let_in else SENDING_AWAY) / CAPACITY
        calls.append((came, free - came, let_in))
    return calls


def store_that_is_late(offered: Callable[[float], float], seconds: float) -> list[Call]:
    """Decisions are what there is too little of: calls are judged as they come, and those let in wait for theirs."""
    clock, calls, free, swept = Clock(), [], 0.0, 0.0
    began, overload, pending = clock.now, OverloadControl(clock), PendingCalls(10**6, clock)
    waiting: deque[tuple[str, float]] = deque()
    for number, came in enumerate(arrivals(offered, seconds)):
        while swept <= came:
            clock.now = began + swept
            while waiting and waiting[0][1] <= swept:
                pending.take(waiting.popleft()[0])
            overload.note("decisions", pending.look())
            swept += SPAN
        clock.now = began + came
        overload.note("datagrams", 0.0)
        let_in = overload.lets_in()
        if let_in:
            free = max(free, came) + 1 / CAPACITY
            request = SipMessage("INVITE", "", 0, [], b"", call_id=str(number))
            pending.add(Pending(str(number), request, ("127.0.0.1", 5060), Endpoint()))
            waiting.append((str(number), free))
        calls.append((came, free - came if let_in else 0.0, let_in))
    return calls


MODELS = (line_that_is_late, store_that_is_late)


def kept(calls: list[Call], since: float) -> tuple[float, list[float]]:
    """Of those that came since: let in, as a part of the capacity; how long they waited, in order."""
    waits = sorted(wait for came, wait, let_in in calls if came >= since and let_in)
    return len(waits) / (calls[-1][0] - since) / CAPACITY, waits


@pytest.mark.parametrize("times", [0.5, 0.9])
@pytest.mark.parametrize("model", MODELS)
def test_below_capacity_nobody_is_sent_away(model, times):
    calls = model(lambda at: times * CAPACITY, 5.0)
    assert all(let_in and wait < 0.01 for _, wait, let_in in calls)


@pytest.mark.parametrize("times", [1.2, 2.0, 4.0])
@pytest.mark.parametrize("model", MODELS)
def test_above_capacity_as_many_are_carried_as_at_it_and_in_time(model, times):
    calls = model(lambda at: times * CAPACITY, 10.0)
    goodput, waits = kept(calls, 4.0)
    assert goodput > 0.85
    assert waits[len(waits) // 2] < LATE
    assert waits[-1] < 2 * T1
    assert max(wait for _, wait, _ in calls) < 1.5, "from the first moment on"


def test_at_eight_times_the_capacity_the_line_holds_too():
    goodput, waits = kept(line_that_is_late(lambda at: 8 * CAPACITY, 10.0), 2.0)
    assert goodput > 0.8
    assert waits[-1] < T1


@pytest.mark.parametrize("model", MODELS)
def test_once_less_comes_nobody_is_sent_away_any_more(model):
    calls = model(lambda at: (4 if at < 4 else 0.5) * CAPACITY, 8.0)
    assert all(let_in for came, _, let_in in calls if came > 5.0)


@pytest.mark.parametrize("model", MODELS)
def test_a_burst_that_drains_sheds_nobody(model):
    """Four tenths of a second's work come in one."""
    calls = model(lambda at: CAPACITY * (4 if 1 <= at < 1.1 else 0.25), 4.0)
    assert all(let_in for _, _, let_in in calls)
    assert max(wait for _, wait, _ in calls) > LATE, "there was no burst: the test shows nothing"


class Slow(ScriptedCallManager):
    """Holds the line for a time with each call that it is told of: a machine that carries so many and no more."""

    seconds = 0.02

    def incoming(self, incoming):
        time.sleep(self.seconds)
        super().incoming(incoming)


@pytest.mark.peer
def test_at_twice_what_it_can_carry_some_are_sent_away_and_none_are_lost():
    """Fifty a second is all that this line can; a hundred a second come, for eight seconds."""
    calls = 800
    call_manager = Slow()
    far = Sipp("uas", calls=calls, timeout=PATIENCE, trace=False)
    far.wait_listening()
    with RunningLine(config_for(f"127.0.0.1:{far.port}", refusal=486), call_manager) as running:
        scenario = HERE / "uac_carried_or_sent_away.xml"
        near = Sipp(scenario, remote=running.address, calls=calls, rate=100, timeout=PATIENCE, trace=False)
        called = near.result()
        far.stop()
        kinds = Counter(call_manager.kinds())
        print(kinds, "retransmissions", called.retransmissions)
        assert {what[2] for what in call_manager.seen if what[0] == "shed"} == {"too_many_calls"}
        assert (called.successful, called.failed) == (calls, 0), called.errors
        carried = kinds["incoming"]
        assert kinds["shed"] == running.line.counts()["shed"] == calls - carried
        assert kinds["shed"] > calls // 10, "there was nothing to shed: the test shows nothing"
        assert carried > calls // 10
        assert kinds["answered"] == kinds["hung_up"] == carried, "what was let in is carried to its end"
        assert not kinds["failed"]
        assert called.retransmissions < calls, "nobody had to ask again and again"


@pytest.mark.peer
def test_one_pbx_at_four_times_the_capacity_costs_another_caller_no_call():
    """Fifty a second is all that this line can. One PBX offers two hundred; meanwhile another one makes 21 calls, one
    after the other."""
    far = Sipp("uas", calls=100_000, timeout=PATIENCE, trace=False)
    far.wait_listening()
    config = config_for(f"127.0.0.1:{far.port}", refusal=486)
    config = replace(config, pbx=(*config.pbx, Pbx("pbx2", ("127.0.0.2",), PRESENTED, refusal=486)))
    with RunningLine(config, Slow()) as running:
        scenario = HERE / "uac_carried_or_sent_away.xml"
        near = Sipp(scenario, remote=running.address, calls=100_000, rate=200, timeout=PATIENCE, trace=False)
        until(lambda: running.line.counts()["shed"] > 100)
        heard = []
        for number in range(21):
            with Phone(running.address, host="127.0.0.2") as phone:
                phone.dial(f"020794600{number:02}")
                answer = phone.recv()
                while answer.code < 200:
                    answer = phone.recv()
                phone.ack(answer)
                heard.append(answer.code)
                if answer.code == 200:
                    phone.send(phone.next("BYE"))
        assert near.process.poll() is None, "there was nothing beside them: the test shows nothing"
        near.stop()
        far.stop()
        sent_away = Counter(what[1] for what in running.call_manager.seen if what[0] == "shed")
        assert heard == [200] * 21
        assert sent_away["trunk:pbx1"] > 100
        assert not sent_away["trunk:pbx2"]


def late(running: RunningLine, share: float = 0.0) -> None:
    """As if a queue stood, and the line had come to let in so many."""

    def stand() -> None:
        running.line._engine._sweeper.cancel()
        overload = running.line._engine.overload
        overload._carried.share, overload._looked = share, float("inf")
        overload._carried.due = {"trunk:pbx1": 0.0}

    running.call(stand)


@pytest.mark.parametrize("overflow", [False, True])
@pytest.mark.parametrize("late", ["decisions", "recorder", "media", "full"])
def test_a_call_is_sent_away_by_the_reason_of_what_is_late(late, overflow):
    """Decisions that do not come, recordings that do not open, commands to the relay that have no answer, as many calls
    as may wait for a decision."""
    config = config_for("127.0.0.1:9", pbx=False)
    pbx = Pbx("pbx1", ("127.0.0.1",), PRESENTED, refusal=486, overflow=overflow)
    call_manager = ScriptedCallManager(silent=True)
    with RunningLine(replace(config, pbx=(pbx,)), call_manager) as running, Phone(running.address) as phone:
        if late == "full":
            running.line._engine.ingress.pending.limit = 1
        if late == "recorder":
            call_manager.opening = 2.0
        if late == "media":
            running.relay.late = lambda: 2.0
        if late in ("recorder", "media"):
            until(lambda: running.line._engine.overload.sheds)

        def sent_away() -> bool:
            phone.dial()
            return "shed" in call_manager.kinds()

        until(sent_away)
        _, caller, reason = call_manager.wait("shed")
        why = {"recorder": "recorder_unavailable", "media": "media_unavailable"}.get(late, "decision_late")
        assert (caller, reason) == ("trunk:pbx1", why)
        heard = phone.recv(PATIENCE, only="503" if overflow else "486")
        assert heard.get("X-Dialgate-Reason") == reason
        assert f'text="{reason}"' in heard.get("Reason")
        if not overflow:
            assert ("relay" in heard.get("Warning")) == (late == "media")


@pytest.mark.parametrize("overflow", [False, True])
def test_who_may_route_elsewhere_is_told_so_and_the_others_are_refused(overflow):
    config = config_for("127.0.0.1:9", pbx=False)
    pbx = Pbx("pbx1", ("127.0.0.1",), PRESENTED, refusal=486, overflow=overflow)
    call_manager = ScriptedCallManager()
    with (
        RunningLine(replace(config, pbx=(pbx,)), call_manager) as running,
        Phone(running.address) as phone,
    ):
        late(running)
        phone.dial()
        heard = phone.recv()
        assert heard.get("X-Dialgate-Reason") == "too_many_calls"
        if overflow:
            assert (heard.code, heard.get("Retry-After")) == (503, str(RETRY_SECONDS))
        else:
            assert heard.start == "SIP/2.0 486 Declined: all lines are busy"
        assert call_manager.wait("shed")[1] == "trunk:pbx1"
        assert call_manager.kinds() == ["shed"]


def test_law_3_5_a_call_for_help_is_never_too_many():
    config = config_for("127.0.0.1:9")
    config = replace(config, emergency=Emergency("127.0.0.1:9"))
    call_manager = ScriptedCallManager(silent=True)
    with RunningLine(config, call_manager) as running, Phone(running.address) as phone:
        late(running)
        phone.dial("999")
        call_manager.wait("incoming")
        assert call_manager.kinds() == ["incoming"]


HELP = ("999", "112", "9999", "0112", "+44112", "00441121", "1-1-2", "%31%31%32", "112;phone-context=+44")
"""What spells a number for help, or has its digits in it; 00441121 has them and is none."""


def of_the_line(running: RunningLine, phone: Phone, user: str) -> bytes:
    """An INVITE that the phone would send."""
    return phone.request("INVITE", phone.new_dialog(user), body=sdp()).encode()


def test_law_3_5_nothing_that_may_be_for_help_is_answered_unread():
    config = replace(config_for("127.0.0.1:9"), emergency=Emergency("127.0.0.1:9"))
    with RunningLine(config, ScriptedCallManager(silent=True)) as running, Phone(running.address) as phone:
        late(running)
        engine = running.line._engine
        away, endpoint = engine.ingress.away, running.line._transport.getServer(("127.0.0.1", 5062))

        def unread(user: str) -> bool:
            data = of_the_line(running, phone, user)
            away.judged = None
            return away.unread(data, ("127.0.0.1", 5062), endpoint)

        assert running.call(lambda: unread("02079460000")), "else the test shows nothing"
        for user in HELP:
            assert not running.call(lambda user=user: unread(user)), user


@pytest.mark.parametrize("user", ["999", "1-1-2", "%31%31%32"])
def test_law_3_5_however_it_is_written_it_comes_through_while_all_else_is_sent_away(user):
    config = replace(config_for("127.0.0.1:9"), emergency=Emergency("127.0.0.1:9"))
    call_manager = ScriptedCallManager(silent=True)
    with RunningLine(config, call_manager) as running, Phone(running.address) as phone:
        late(running)
        phone.dial()
        assert phone.recv().get("X-Dialgate-Reason") == "too_many_calls"
        phone.dial(user)
        call_manager.wait("incoming")
        assert call_manager.kinds() == ["shed", "incoming"]


def test_what_is_sent_away_unread_gets_the_same_answer_as_what_was_read():
    """The same INVITE, once as it is usual and once with a header that has to be read; and each once more."""
    call_manager = ScriptedCallManager()
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        late(running)
        heard = []
        for headers in ((), ("Accept-Contact: *",)):
            phone.dial(headers=headers)
            first = phone.recv()
            phone.send(phone.invite)
            again = phone.recv()
            assert (first.start, first.headers, first.body) == (again.start, again.headers, again.body)
            own = ("Via", "To", "From", "Call-ID", "CSeq")
            assert all(first.get(name) for name in own)
            assert first.get("Call-ID") == phone.dialog.call_id
            heard.append((first.start, [each for each in first.headers if each[0] not in own]))
            phone.ack(first)
        assert heard[0] == heard[1]
        running.call(lambda: None)
        assert call_manager.kinds() == ["shed", "shed"], "each once, however often it is sent"
        assert running.line.counts()["shed"] == 2


def test_what_is_refused_in_any_case_is_asked_about_and_what_would_be_carried_is_sent_away():
    """Read or unread; a share of those, too, where there is no time for them; nothing of a stranger's."""
    call_manager = ScriptedCallManager(refused={"02079460001": "listed_tps"})
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        late(running)
        for headers in ((), ("Accept-Contact: *",)):
            for user, reason in (("02079460001", "listed_tps"), ("02079460002", "too_many_calls")):
                phone.dial(user, headers=headers)
                heard = phone.recv()
                assert heard.get("X-Dialgate-Reason") == reason
                phone.ack(heard)
                running.call(lambda: None)
        assert call_manager.kinds() == ["incoming", "shed"] * 2
        assert {each.late for each in call_manager.incomings} == {"too_many_calls"}

        def no_time() -> None:
            refusals = running.line._engine.overload._refused
            refusals.share, refusals.due = 0.0, {"trunk:pbx1": 0.0}

        running.call(no_time)
        for headers in ((), ("Accept-Contact: *",)):
            phone.dial("02079460001", headers=headers)
            assert phone.recv().get("X-Dialgate-Reason") == "too_many_calls"
        running.call(lambda: None)
        assert call_manager.kinds() == ["incoming", "shed"] * 2 + ["shed"] * 2


@pytest.mark.parametrize(("listed", "least"), [(0.9, LEAST), (0.1, 1.0)])
def test_refusals_are_the_last_to_be_sent_away_and_all_are_let_in_again_once_nothing_waits(listed, least):
    """Where they are few they cost less than the calls that are let in all the same, and are never sent away."""
    clock = Clock()
    overload = OverloadControl(clock)
    shares = []
    for delay in [2 * LATE] * 100 + [0.0] * 20:
        for number in range(10):
            if not overload.lets_in() and number < 10 * listed:
                overload.lets_refuse("")
        measured(overload, clock, "datagrams", delay, SPAN)
        shares.append((overload._carried.share, overload._refused.share))
    assert all(carried <= LEAST or refused == 1.0 for carried, refused in shares[:100])
    assert min(shares) == (LEAST, least)
    assert shares[-1] == (1.0, 1.0)


@pytest.mark.parametrize("where", ["waits for its decision", "was let through"])
def test_a_call_that_was_let_in_is_never_sent_away(where):
    call_manager = ScriptedCallManager(silent=where == "waits for its decision")
    with Callee() as callee:
        config = config_for(f"127.0.0.1:{callee.port}")
        with RunningLine(config, call_manager) as running, Phone(running.address) as phone:
            phone.dial()
            call_manager.wait("incoming")
            if where == "was let through":
                callee.ring()
                assert phone.recv(only="180")
            late(running)
            phone.send(phone.invite)
            phone.send(phone.request("OPTIONS", phone.new_dialog("gate")))
            while (heard := phone.recv()).get("CSeq").split()[1] != "OPTIONS":
                assert heard.code < 300
            assert call_manager.kinds()[0] == "incoming"
            assert "shed" not in call_manager.kinds()


@pytest.mark.parametrize(
    ("headers", "code"),
    [(("Require: 100rel",), 420), (("Content-Encoding: gzip",), 415), (("Contact: <sip:b@127.0.0.1>",), 400),
     (("CSeq: 9 INVITE",), 400), (("Authorization: Digest realm=x",), 603)],
)  # fmt: skip
def test_what_is_wrong_with_an_invite_is_said_though_it_is_one_too_many(headers, code):
    with RunningLine(config_for("127.0.0.1:9")) as running, Phone(running.address) as phone:
        late(running)
        phone.dial(headers=headers)
        assert phone.recv().code == code


def test_each_call_is_judged_once():
    """Every second one is let in: those that are plain, though they are looked at twice, and those that are not."""
    call_manager = ScriptedCallManager(silent=True)
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        late(running, 0.5)
        for headers in ((), ("Accept-Contact: *",)):
            for number in range(6):
                phone.dial(f"0207946000{number}", headers=headers)
        call_manager.wait("incoming", count=6)
        call_manager.wait("shed", count=6)
        assert call_manager.kinds() == ["shed", "incoming"] * 6


@pytest.mark.parametrize("user", ["101", "999", "9999"])
@pytest.mark.parametrize("plain", [True, False])
def test_law_3_5_for_help_it_is_sent_away_to_the_next_trunk(user, plain):
    """Without a route, and with too many calls: read or unread, by no code upon which a phone system gives up."""
    config = config_for("127.0.0.1:9", pbx=False)
    pbx = Pbx("pbx1", ("127.0.0.1",), PRESENTED, refusal=486, strip="9" if user == "9999" else "")
    with RunningLine(replace(config, pbx=(pbx,)), ScriptedCallManager()) as running, Phone(running.address) as phone:
        late(running)
        for number, code in (("02079460000", 486), (user, 503)):
            phone.dial(number, headers=() if plain else ("Accept-Contact: *",))
            heard = phone.recv()
            assert (heard.code, heard.get("X-Dialgate-Reason")) == (code, "too_many_calls")


def test_what_cannot_be_sent_away_unread_is_read_and_gets_its_answer(monkeypatch):
    def fails(_data):
        raise ZeroDivisionError

    monkeypatch.setattr("gate.sip.overload.plain_invite", fails)
    with RunningLine(config_for("127.0.0.1:9"), ScriptedCallManager()) as running, Phone(running.address) as phone:
        late(running)
        phone.dial()
        assert phone.recv().get("X-Dialgate-Reason") == "too_many_calls"
