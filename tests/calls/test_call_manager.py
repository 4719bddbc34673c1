"""The call manager: what it tells the rooms, in which order, and what is in the log by then."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.core.call_words import Committed, HangUpAsked, PauseAsked, Policy
from gate.core.rules import AttemptLimits
from gate.errors import StoreError
from gate.ports import Fact
from tests.support.databases import query
from tests.support.logs import logged
from tests.support.playbook import LISTED, NOW, NUMBER, OWN, Play
from tests.support.waiting import PATIENCE


def announced(play: Play) -> dict[str, Any]:
    """The body of the one fact of an announcement."""
    (row,) = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'announced'"))
    return dict(json.loads(row["body"]))


def test_an_unlisted_number_is_dialled_in_its_one_form_with_the_firms_name(play: Play) -> None:
    play.attempt("(020) 7946-0123")
    assert play.told() == [f"invite {NUMBER} as {OWN} Webeo"]
    assert play.kinds() == ["decision"]


def test_a_listed_number_is_refused_with_its_reason_and_a_sentence(play: Play) -> None:
    play.attempt(LISTED)
    assert play.told() == ["refuse listed_tps"]
    assert "Telephone Preference Service" in play.stage.refused[0][1]
    assert play.call_manager.active == 0
    assert play.call()["reason"] == "listed_tps"


def test_evidence_comes_before_the_effect_it_allows(play: Play) -> None:
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    assert play.told()[1:] == ["open recorder", "tap", "listen to 3 and 4", "early media", "announce"]
    assert play.kinds() == ["decision", "answered"]
    play.over("announcement")
    told = play.told()
    assert told == ["keep keys", "record", "join", "connect"]
    assert play.kinds() == ["decision", "answered", "announced", "recording_opened", "connected"]


def test_the_recorder_knows_the_codecs_that_hold_from_its_opening_on(play: Play) -> None:
    agreed, other = {"callee": {0: "PCMU/8000"}}, {"callee": {8: "PCMA/8000"}}
    play.attempt()
    play.call_manager.media_changed("call", agreed)
    play.stage.waiting["recorder"] = lambda: play.call_manager.media_changed("call", other)
    play.told()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    told = play.told()
    assert told[:3] == ["open recorder with codecs", "codecs", "tap"], "those that came while it was opened, too"
    assert "codecs" not in told[3:]


def test_the_recorder_listens_until_neither_party_is_passed_on(play: Play) -> None:
    play.talk()
    play.told()
    play.stage.passes_on = True
    play.call_manager.hung_up("call", "callee")
    play.settle()
    assert play.told() == ["stop playing"]
    play.stage.waiting.pop("quiet")()
    play.settle()
    assert play.told() == ["close recording", "forget"]


def test_the_end_is_kept_with_the_recordings_digest(play: Play) -> None:
    play.talk()
    play.told()
    play.call_manager.hung_up("call", "callee")
    play.settle()
    assert play.told() == ["stop playing", "close recording", "forget"]
    assert play.kinds()[-2:] == ["recording_closed", "ended"]
    row = play.call()
    assert (row["state"], row["ended_by"], row["bridged"]) == ("ended", "callee", 1)


def test_no_room_for_the_decision_refuses_and_is_told_when_there_is_room(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = play.store.submit

    def no_room(work: Any, done: Any, asks: Any = None) -> None:
        if asks is None:  # a full disk is still read
            submit(work, done)
        else:
            done(None, StoreError("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(play.store, "submit", no_room)
        play.attempt(call_id="lost1")
        play.attempt(call_id="lost2")
        assert play.told() == ["refuse evidence_unavailable"] * 2
    play.attempt()
    assert play.told() == [f"invite {NUMBER} as {OWN} Webeo"]
    assert play.kinds() == ["decision", "refused_without_evidence"]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_decision_in_the_log_whose_answer_was_lost_has_its_end_there_too(
    play: Play, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    submit = play.store.submit

    def lost(work: Any, done: Any, asks: Any = None) -> None:
        known = (lambda _result, _error: done(None, StoreError("the line broke"))) if asks else done
        submit(work, known, asks)

    with monkeypatch.context() as patch:
        patch.setattr(play.store, "submit", lost)
        play.stage.recorder_up = allowed
        play.attempt()
        assert play.told() == ["refuse evidence_unavailable"]
        play.settle()
    assert play.kinds().count("ended") == allowed
    call = play.call()
    assert (call["state"], call["cause"]) == (("ended", "evidence_unavailable") if allowed else ("refused", None))


def test_no_room_for_the_connection_never_bridges(play: Play) -> None:
    play.stage.keys_fail = True
    play.talk()
    told = play.told()
    assert "connect" not in told and "record" not in told
    assert told[-3:] == ["keep no more", "shut", "goodbye"]
    play.over("goodbye")
    assert play.told() == ["hang up evidence_unavailable", "close recording", "forget"]
    assert play.call()["bridged"] == 0


def test_a_dead_recorder_refuses_before_the_invite(play: Play) -> None:
    play.stage.recorder_up = False
    play.attempt()
    assert play.told() == ["refuse recorder_unavailable"]
    assert play.call()["number"] == NUMBER


def test_a_recorder_that_does_not_open_ends_the_call_politely(play: Play) -> None:
    play.stage.recorder_opens = False
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    assert play.told()[-3:] == ["stop playing", "shut", "goodbye"]


def test_or_goes_on_unrecorded_with_a_leaf_where_the_rule_says_so(tmp_path: Path) -> None:
    play = Play(tmp_path, policy=Policy(go_on_unrecorded=True))
    play.stage.recorder_up = play.stage.recorder_opens = False
    play.talk()
    assert play.told()[-1] == "connect"
    assert play.kinds() == ["decision", "answered", "unrecorded", "announced", "connected"]
    play.store.close()


def test_a_call_that_is_not_recorded_is_listened_to_for_the_nine(tmp_path: Path) -> None:
    play = Play(tmp_path, policy=Policy(record=False))
    play.talk()
    told = play.told()
    assert told[1:3] == ["listen", "tap"]
    assert told[-1] == "connect" and not {"record", "keep keys"} & set(told)
    play.call_manager.recorder_digit("call", "callee", "9")
    play.settle()
    play.call_manager.hung_up("call", "caller")
    play.settle()
    assert play.told() == ["stop playing", "close recording", "forget"]
    assert play.kinds() == ["decision", "answered", "unrecorded", "announced", "connected", "objection", "ended"]
    play.store.close()


def test_an_announcement_that_cannot_be_played_ends_the_call(play: Play) -> None:
    play.stage.prompt_starts = False
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    told = play.told()
    assert "connect" not in told and told[-1] == "goodbye"


def test_a_callee_who_holds_for_too_long_in_the_announcement_was_not_told(play: Play) -> None:
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    play.over("announcement", False, packets=120, holds=2, cause="callee_on_hold")
    told = play.told()
    assert "connect" not in told and told[-2:] == ["shut", "goodbye"]
    play.over("goodbye")
    row = play.call()
    assert (row["ended_by"], row["cause"], row["bridged"], row["announced"]) == ("gate", "callee_on_hold", 0, 0)
    told = announced(play)
    assert [told[name] for name in ("completed", "to", "packets", "packets_whole", "holds")] == [
        *(False, "callee", 120, 400, 2),
    ]


def test_an_announcement_that_went_elsewhere_than_to_the_callees_address_is_none(play: Play) -> None:
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    play.over("announcement", as_told=False)
    assert "connect" not in play.told()
    play.over("goodbye")
    assert play.call()["announced"] == 0
    assert announced(play)["completed"] is False


def test_parties_that_the_relay_cannot_connect_are_not_left_in_silence(play: Play) -> None:
    play.stage.joins = False
    play.talk()
    assert play.told()[-4:] == ["stop playing", "hang up media_failed", "close recording", "forget"]
    assert (play.call()["ended_by"], play.call()["cause"]) == ("gate", "media_failed")


def test_an_offer_that_cannot_be_announced_in_is_refused(play: Play) -> None:
    play.attempt(codecs=("opus",))
    assert play.told() == ["refuse announcement_unavailable"]


def test_an_offer_that_cannot_be_carried_is_refused_and_the_decision_says_so(play: Play) -> None:
    play.begin("020 7946 0123", carried=False)
    play.settle()
    assert play.told() == ["refuse media_unavailable"]
    assert play.kinds() == ["decision"]


def test_nine_objects_at_once_and_the_next_call_is_refused(play: Play) -> None:
    play.talk()
    play.told()
    play.call_manager.recorder_digit("call", "callee", "9")
    play.settle()
    assert play.kinds()[-1] == "objection"
    assert play.told() == []
    play.attempt(call_id="next")
    assert play.told() == ["refuse objected"]


def test_pause_and_resume_are_the_agents_and_are_kept(play: Play) -> None:
    play.talk()
    play.told()
    for key in "*5123*6":
        play.call_manager.recorder_digit("call", "caller", key)
    play.settle()
    assert play.told() == ["pause", "resume"]
    assert play.kinds()[-2:] == ["recording_paused", "recording_resumed"]


def test_who_hung_up_a_call_and_why_is_kept_before_its_end(play: Play) -> None:
    asked = HangUpAsked("user:mo(1004)", "the customer is shouted at")
    assert play.call_manager.hang_up("call", asked) == "it is not in hand"
    play.talk()
    play.told()
    assert play.call_manager.hang_up("call", asked) == ""
    play.settle()
    assert play.told() == ["stop playing", "hang up hang_up_asked", "close recording", "forget"]
    assert play.call_manager.hang_up("call", asked) == "it is not in hand"
    rows = play.store.call(lambda tx: query(tx, "SELECT kind, actor, body FROM facts ORDER BY leaf_index"))
    (kept,) = [row for row in rows if row["kind"] == "hang_up_asked"]
    assert (kept["actor"], json.loads(kept["body"])) == (asked.by, {"why": asked.why})
    assert play.kinds().index("hang_up_asked") < play.kinds().index("ended")
    assert (play.call()["ended_by"], play.call()["cause"]) == ("gate", "hang_up_asked")


def test_a_pause_that_was_asked_for_is_kept_with_who_and_why(play: Play) -> None:
    manager, mo = play.call_manager, "user:mo(1004)"
    assert manager.pause("call", PauseAsked(True, mo, "early")) == "it is not in hand"
    play.talk()
    play.told()
    assert manager.pause("call", PauseAsked(True, mo, "card")) == ""
    assert manager.live(play.clock.now())[0].paused_by == mo
    assert manager.pause("call", PauseAsked(True, mo, "again")) == "its recording is paused already"
    assert manager.pause("call", PauseAsked(False, mo, "paid")) == ""
    for key in "*5":
        manager.recorder_digit("call", "caller", key)
    play.settle()
    assert "the agent has paused it" in manager.pause("call", PauseAsked(False, mo, "go on"))
    play.settle()
    assert play.told() == ["pause", "resume", "pause"]
    rows = play.store.call(lambda tx: query(tx, "SELECT kind, actor, body FROM facts ORDER BY leaf_index"))[-3:]
    assert [(row["kind"], row["actor"], json.loads(row["body"]).get("why")) for row in rows] == [
        ("recording_paused", mo, "card"),
        ("recording_resumed", mo, "paid"),
        ("recording_paused", "account:alice", None),
    ]


def test_a_pause_with_a_bound_ends_by_itself_and_its_leaves_have_bound_and_length(play: Play) -> None:
    manager, mo = play.call_manager, "user:mo(1004)"
    play.talk()
    play.told()
    assert manager.pause("call", PauseAsked(True, mo, "card", 60)) == ""
    play.pass_time(20)
    shown = manager.live(play.clock.now())[0]
    assert (shown.paused, shown.pause_seconds, shown.pause_left) == (True, 60, 40)
    play.pass_time(39)
    assert manager.live(play.clock.now())[0].paused
    play.pass_time(2)
    shown = manager.live(play.clock.now())[0]
    assert (shown.paused, shown.pause_seconds, shown.pause_left) == (False, 0, 0)
    play.pass_time(300)
    play.settle()
    assert play.told() == ["pause for 60", "resume"], "it is resumed once"
    rows = play.store.call(lambda tx: query(tx, "SELECT kind, actor, body FROM facts ORDER BY leaf_index"))[-2:]
    paused, resumed = (json.loads(row["body"]) for row in rows)
    assert [(row["kind"], row["actor"]) for row in rows] == [("recording_paused", mo), ("recording_resumed", "gate")]
    assert (paused["seconds"], resumed["why"]) == (60, "the 60 seconds of the pause are over")
    assert resumed["paused"] == pytest.approx(60, abs=1)


def test_a_pause_is_given_more_time_or_ended_and_no_bound_of_before_ends_a_later_one(play: Play) -> None:
    manager, mo = play.call_manager, "user:mo(1004)"
    play.talk()
    play.told()
    assert manager.pause("call", PauseAsked(True, mo, "card", 60)) == ""
    play.pass_time(50)
    assert manager.pause("call", PauseAsked(True, mo, "without a bound")) == "its recording is paused already"
    assert manager.pause("call", PauseAsked(True, mo, "still the card", 60)) == ""
    play.pass_time(50)  # the first bound is over
    assert manager.live(play.clock.now())[0].pause_left == 10
    assert manager.pause("call", PauseAsked(False, mo, "paid")) == ""
    assert manager.pause("call", PauseAsked(True, mo, "another card")) == ""
    play.pass_time(120)  # the second is, too: this pause has none
    assert manager.live(play.clock.now())[0].paused
    assert manager.pause("call", PauseAsked(True, mo, "a bound", 60)) == "its recording is paused already"
    play.settle()
    assert play.told() == ["pause for 60", "pause for 60", "resume", "pause"]
    bodies = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'recording_resumed'"))
    assert json.loads(bodies[0]["body"])["paused"] == pytest.approx(100, abs=1), "from its beginning"


def test_the_agents_pause_has_no_bound_though_it_began_with_one(play: Play) -> None:
    """The card may not be read out yet: the agent alone knows."""
    manager, mo = play.call_manager, "user:mo(1004)"
    play.talk()
    play.told()
    assert manager.pause("call", PauseAsked(True, mo, "card", 60)) == ""
    for key in "*5":
        manager.recorder_digit("call", "caller", key)
    play.settle()
    play.pass_time(300)
    shown = manager.live(play.clock.now())[0]
    assert (shown.paused, shown.paused_by, shown.pause_seconds) == (True, "agent", 0)
    assert play.told() == ["pause for 60", "pause"], "the recorder's bound is taken away"


def test_a_recorder_that_dies_ends_its_calls_and_its_files_are_mended(play: Play) -> None:
    play.talk()
    play.told()
    play.stage.closing = lambda done: done(None, StoreError("gone"))  # type: ignore[method-assign]
    play.call_manager.recorder_away()
    play.settle()
    assert play.told() == ["stop playing", "keep no more", "shut", "goodbye"]
    assert play.mended == ["id0"]
    play.pass_time(7)
    assert play.told() == ["hang up recorder_unavailable", "close recording", "forget"]
    assert play.mended == ["id0"]


def test_the_longest_call_ends(play: Play) -> None:
    play.talk()
    play.told()
    play.pass_time(3601)
    assert play.told() == ["stop playing", "hang up time_limit", "close recording", "forget"]


def test_a_full_house_and_a_stopping_gate_refuse(tmp_path: Path) -> None:
    play = Play(tmp_path, max_calls=1)
    play.attempt()
    play.attempt(call_id="second")
    assert play.told()[-1] == "refuse too_many_calls"
    drained: list[bool] = []
    play.call_manager.drain(lambda: drained.append(True), 5)
    play.attempt(call_id="third")
    assert play.told() == ["refuse gate_stopping"]
    assert drained == []
    play.pass_time(6)
    assert play.told() == ["hang up gate_stopping", "forget"]
    assert drained == [True]
    play.store.close()


def test_a_caller_who_hangs_up_before_the_decision_is_never_put_through(play: Play) -> None:
    play.begin()
    play.call_manager.withdrawn("call")
    play.settle()
    assert not any(word.startswith("invite") for word in play.told())
    assert play.kinds() == ["decision", "ended"]


@pytest.mark.parametrize("when", ["it rings", "the announcement plays", "it is being kept"])
def test_who_objects_while_a_call_is_set_up_is_not_connected(play: Play, when: str) -> None:
    """On another call, or to the firm: the decision did not know it (PECR reg 21(1)(a))."""
    told = Fact("objection", "told", NOW, "user:ann(1)", {"number": NUMBER, "source": "phone", "note": ""})
    play.attempt()
    if when == "it rings":
        play.store.call(lambda tx: tx.append(told))
    play.call_manager.answered("call", "PCMU")
    play.settle()
    if when == "the announcement plays":
        play.store.call(lambda tx: tx.append(told))
    if when == "it is being kept":
        play.store.submit(lambda tx: tx.append(told), lambda result, error: None)
    if when != "it rings":
        play.over("announcement")
    done = play.told()
    assert "connect" not in done and done[-1] == "goodbye"
    play.over("goodbye")
    row = play.call()
    assert (row["ended_by"], row["cause"], row["bridged"]) == ("gate", "objected", 0)
    assert "connected" not in play.kinds("call")
    play.pass_time(2)
    assert play.call_manager.active == 0


def test_a_talk_is_as_long_as_it_was_though_the_clock_is_set(play: Play) -> None:
    class Set(SystemClock):
        ahead = timedelta(0)

        def now(self) -> datetime:
            return NOW + self.ahead

    clock = play.call_manager._clock = play.call_manager._effects._clock = Set()
    play.talk()
    clock.ahead = timedelta(hours=-1)
    play.call_manager.hung_up("call", "caller")
    play.settle()
    assert 0 <= play.call()["seconds"] < PATIENCE


@pytest.mark.parametrize("cause", ["no_ack", "no_sdp"])
def test_a_callee_who_was_connected_with_nobody_is_not_dialled_again_for_three_days(play: Play, cause: str) -> None:
    """The caller's phone sent neither ACK nor audio: a silent call (LAW 3.4)."""
    play.talk()
    play.call_manager.hung_up("call", "gate", cause)
    play.settle()
    assert (play.call()["cause"], play.call()["bridged"]) == (cause, 0)
    play.told()
    play.attempt(call_id="again")
    assert play.told() == ["refuse redial_too_soon"]


def test_the_log_tells_from_when_on_the_callee_was_listened_to(play: Play) -> None:
    """A 9 that is pressed before is not known: the recorder may be late."""
    taps: list[Any] = []
    play.stage.copy = lambda call_id, caller, callee, done: taps.append(done)  # type: ignore[method-assign]
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    play.clock.time += timedelta(seconds=1.5)
    with logged() as logs:
        taps[0]((3, 4))
    assert [(told["event"], told["seconds"]) for told in logs] == [("callee_not_heard", 1.5)]
    play.over("announcement")
    assert announced(play)["keys_heard_from"] == play.clock.time.isoformat()


def test_who_picks_up_what_was_taken_back_is_not_dialled_again_for_three_days(play: Play) -> None:
    """LAW 3.4: their answer crosses the CANCEL, and is hung up on."""
    play.attempt()
    play.call_manager.hung_up("call", "caller", "cancelled")
    play.settle()
    play.call_manager.unattended("call", "carrier")
    play.settle()
    assert play.kinds("call") == ["decision", "ended", "answered", "abandoned"]
    play.told()
    play.clock.time += timedelta(hours=24)
    play.attempt(call_id="again")
    assert play.told() == ["refuse redial_too_soon"]


def test_an_event_that_cannot_come_ends_the_call(play: Play) -> None:
    play.attempt()
    play.told()
    play.call_manager._feed_id("call", Committed())
    play.settle()
    assert play.told() == ["hang up internal_error", "forget"]


def test_a_fault_before_the_decision_is_the_gates_own_and_says_so(play: Play) -> None:
    play.begin()
    play.call_manager._feed_id("call", Committed())
    assert play.told() == ["refuse internal_error", "forget"]
    play.settle()
    assert not any(word.startswith("invite") for word in play.told())


def looked_again(play: Play) -> list[dict[str, Any]]:
    """The bodies of the facts of a call that was dialled again, or was not."""
    rows = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'looked_again'"))
    return [json.loads(row["body"]) for row in rows]


def objected(play: Play, number: str = NUMBER) -> None:
    """Somebody tells the firm that they object."""
    body = {"number": number, "source": "post", "note": ""}
    play.store.call(lambda tx: tx.append(Fact("objection", "an-objection", NOW, "user:mo(1004)", body)))


def test_the_next_trunk_is_dialled_when_it_is_kept_that_the_lists_still_allow_it(play: Play) -> None:
    play.attempt()
    play.told()
    play.call_manager.dialling_again("call", "b", "503")
    assert play.told() == [], "it waits for its evidence"
    play.settle()
    assert play.told() == ["dial again"]
    assert play.kinds() == ["decision", "looked_again"]
    (body,) = looked_again(play)
    told = {name: body[name] for name in ("call_id", "trunk", "after", "verdict", "reason")}
    assert told == {"call_id": "call", "trunk": "b", "after": "503", "verdict": "allow", "reason": "not_listed"}
    assert {each["name"] for each in body["registers"]} == {"tps", "ctps"}


def test_the_call_that_is_dialled_again_is_no_other_attempt_at_the_number(play: Play) -> None:
    screener = play.call_manager._screener
    screener._rules = replace(screener._rules, attempts=AttemptLimits(1, 1, 1, 1))
    play.attempt()
    play.call_manager.dialling_again("call", "b", "503")
    play.settle()
    assert "dial again" in play.told()


def test_who_objects_between_two_trunks_is_not_rung_by_the_second(play: Play) -> None:
    play.attempt()
    play.told()
    objected(play)
    play.call_manager.dialling_again("call", "b", "silent")
    play.settle()
    assert play.told() == ["hang up objected", "forget"]
    assert play.kinds() == ["decision", "objection", "looked_again", "ended"]
    assert [(body["verdict"], body["reason"]) for body in looked_again(play)] == [("block", "objected")]
    assert (play.call()["ended_by"], play.call()["cause"]) == ("gate", "objected")


def test_an_objection_that_has_found_no_room_yet_lets_no_next_trunk_ring(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    play.attempt()
    play.told()
    with monkeypatch.context() as patch:
        patch.setattr(play.store, "submit", lambda work, done: done(None, StoreError("disk full")))
        play.call_manager.keep(Fact("objection", "one", NOW, "callee", {"number": NUMBER, "source": "keypad"}))
        play.stage.steps.get()()
        play.stage.steps.get()()
        play.call_manager.dialling_again("call", "b", "503")
        play.stage.steps.get()()
    assert "hang up evidence_unavailable" in play.told()


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [("the hours end", "outside_hours"), ("the recorder dies", "recorder_unavailable"), ("it stops", "gate_stopping")],
)
def test_whatever_forbids_a_new_call_forbids_the_next_trunk(play: Play, meanwhile: str, reason: str) -> None:
    play.attempt()
    play.told()
    if meanwhile == "the hours end":
        play.clock.time += timedelta(hours=12)
    elif meanwhile == "the recorder dies":
        play.stage.recorder_up = False
    else:
        play.call_manager.drain(lambda: None, 30)
    play.call_manager.dialling_again("call", "b", "503")
    play.settle()
    assert play.told() == [f"hang up {reason}", "forget"]
    assert [body["reason"] for body in looked_again(play)] == [reason]


def test_a_caller_who_hangs_up_meanwhile_dials_nobody_again(play: Play) -> None:
    play.attempt()
    play.told()
    play.call_manager.dialling_again("call", "b", "503")
    play.call_manager.hung_up("call", "caller", "cancelled")
    play.settle()
    assert "dial again" not in play.told()
