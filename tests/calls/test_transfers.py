"""Transfers as the call manager sees them: screened anew, kept before anybody is joined, and whose keys count then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gate.core.terms import Attempt, Purpose, Topic
from gate.ports import Fact, Incoming
from gate.store import requests
from tests.support.databases import query
from tests.support.playbook import LISTED, NOW, NUMBER, OWN, Play

OTHER = "+442079460124"


def transfer(play: Play, raw: str, call_id: str = "next", codecs: tuple[str, ...] = ("PCMU",), **named: Any) -> None:
    """The agent of ``call`` asks for another number."""
    asked = Attempt(raw, Purpose.MARKETING, Topic.GENERAL, "+441632960999", False, "account:alice")
    play.call_manager.transferring(Incoming(call_id, asked, "127.0.0.1:5062", codecs, **named), "call")
    play.settle()


def body(play: Play, kind: str, subject: str) -> dict[str, Any]:
    """What is kept of a fact."""
    rows = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind=? AND subject=?", (kind, subject)))
    return dict(json.loads(rows[0]["body"]))


def connected(play: Play) -> None:
    """A talk, transferred: both callees are connected."""
    play.talk()
    transfer(play, OTHER)
    play.call_manager.answered("next", "PCMU", "second")
    play.settle()
    play.over("announcement")
    play.call_manager.hung_up("call", "caller", "transferred")
    play.settle()


def test_a_transfer_is_a_call_of_its_own_and_kept_before_the_parties_are_joined(play: Play) -> None:
    play.talk()
    play.told()
    transfer(play, OTHER)
    assert play.told() == [f"invite {OTHER} as {OWN} Webeo"]
    assert body(play, "decision", "next")["transfer_of"] == "call"
    play.call_manager.answered("next", "PCMU")
    play.settle()
    assert "connect" not in play.told() and "transferred" not in play.kinds()
    play.over("announcement")
    assert play.told()[-3:] == ["record", "join", "connect"]
    kinds = play.kinds()
    assert kinds.index("transferred") < kinds.index("connected", kinds.index("transferred"))
    assert body(play, "transferred", "call") == {"call_id": "call", "to": "next"}
    play.call_manager.hung_up("call", "caller", "transferred")
    play.settle()
    assert (play.call("call")["cause"], play.call("next")["state"]) == ("transferred", "talking")


def test_a_listed_target_is_refused_and_kept(play: Play) -> None:
    play.talk()
    play.told()
    transfer(play, LISTED)
    assert play.told() == ["refuse listed_tps"]
    kept = body(play, "decision", "next")
    assert (kept["verdict"], kept["transfer_of"], kept["presentation"]) == ("block", "call", OWN)
    assert play.call("call")["state"] == "talking"


def test_a_transfer_is_for_what_the_talk_is_for(play: Play) -> None:
    play.attempt(purpose=Purpose.SERVICE)
    play.call_manager.answered("call", "PCMU")
    play.settle()
    play.over("announcement")
    transfer(play, LISTED)
    assert (body(play, "decision", "next")["purpose"], play.stage.told[-1][:6]) == ("service", "invite")


def test_a_transfer_of_a_talk_that_is_over_is_refused(play: Play) -> None:
    transfer(play, OTHER)
    assert play.told() == ["refuse internal_error"]
    assert play.kinds() == []


def test_law_3_5_an_emergency_number_is_never_a_target(tmp_path: Path) -> None:
    """Behind a purpose prefix, too, where the line does not see it."""
    play = Play(tmp_path, emergency=frozenset({"999"}))
    play.talk()
    play.told()
    transfer(play, "999")
    assert play.told() == ["refuse destination_not_allowed"]
    assert play.kinds("next") == ["decision"]
    play.store.close()


def test_the_evidence_of_the_connection_fails_and_nobody_is_joined(play: Play) -> None:
    play.talk()
    transfer(play, OTHER)
    play.call_manager.answered("next", "PCMU")
    play.settle()
    play.told()
    play.stage.keys_fail = True
    play.over("announcement")
    assert "join" not in play.told()
    assert "transferred" not in play.kinds()


def test_after_a_transfer_either_of_the_called_may_object_and_no_code_of_the_agents_counts(play: Play) -> None:
    connected(play)
    play.told()
    for key in "*5":
        play.call_manager.digit("next", "caller", key)
    for side in ("caller", "callee", "caller"):
        play.call_manager.digit("next", side, "9")
    play.settle()
    assert "pause" not in play.told()
    rows = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind='objection' ORDER BY leaf_index"))
    assert [json.loads(row["body"])["number"] for row in rows] == [NUMBER, OTHER]


def second_talk(play: Play) -> None:
    """Two talks of one agent."""
    play.talk()
    play.attempt(OTHER, call_id="next")
    play.call_manager.answered("next", "PCMU")
    play.settle()
    play.over("announcement")
    play.told()


def test_two_talks_are_joined_once_that_is_kept_and_a_pause_is_over(play: Play) -> None:
    second_talk(play)
    for key in "*5":
        play.call_manager.digit("next", "caller", key)
    play.call_manager.joining("next", "call")
    play.settle()
    assert play.told() == ["pause", "resume", "take over from call to next"]
    assert body(play, "transferred", "call")["to"] == "next"
    assert play.kinds()[-1] == "recording_resumed"
    play.call_manager.digit("next", "caller", "9")
    play.settle()
    rows = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind='objection'"))
    assert [json.loads(row["body"])["number"] for row in rows] == [NUMBER]


def found(play: Play, number: str) -> list[str]:
    """Calls that a request of this number finds."""
    return [row.call_id for row in play.store.call(lambda tx: requests.calls_of(tx, [number]))]


def test_a_request_of_either_callee_finds_the_call_in_which_both_are_heard(play: Play) -> None:
    play.talk()
    transfer(play, LISTED, "refused")
    transfer(play, OTHER)
    play.call_manager.answered("next", "PCMU", "second")
    play.settle()
    assert found(play, NUMBER) == ["call"], "not joined yet"
    play.over("announcement")
    assert (found(play, NUMBER), found(play, OTHER)) == (["call", "next"], ["next"])


def test_a_request_finds_talks_that_were_joined(play: Play) -> None:
    second_talk(play)
    play.call_manager.joining("next", "call")
    play.settle()
    assert (found(play, NUMBER), found(play, OTHER)) == (["call", "next"], ["next"])


def test_talks_are_not_joined_where_one_is_over_or_nothing_can_be_kept(play: Play) -> None:
    second_talk(play)
    play.call_manager.joining("next", "gone")
    assert play.told() == ["take nothing over (internal_error) from gone to next"]
    play.call_manager.hung_up("next", "callee")
    play.settle()
    play.told()
    play.call_manager.joining("next", "call")
    assert play.told() == ["take nothing over (internal_error) from call to next"]
    assert "transferred" not in play.kinds()


@pytest.mark.parametrize("number", [NUMBER, OTHER])
@pytest.mark.parametrize("how", ["by key", "to the firm"])
def test_who_has_objected_is_not_joined_to_another_callee(play: Play, number: str, how: str) -> None:
    second_talk(play)
    if how == "by key":
        play.call_manager.digit("call" if number == NUMBER else "next", "callee", "9")
    else:
        body = {"number": number, "source": "post", "note": ""}
        play.store.call(lambda tx: tx.append(Fact("objection", "one", NOW, "user:mo(1004)", body)))
    play.call_manager.joining("next", "call")
    play.settle()
    assert play.told() == ["take nothing over (objected) from call to next"]
    assert "transferred" not in play.kinds()


def test_for_who_has_objected_nobody_is_rung_to_be_connected_with(play: Play) -> None:
    play.talk()
    play.call_manager.digit("call", "callee", "9")
    play.told()
    transfer(play, OTHER)
    assert play.told() == ["refuse objected"]
    assert "decision" not in play.kinds("next")


def test_who_objects_while_another_is_rung_for_them_is_not_connected(play: Play) -> None:
    play.talk()
    transfer(play, OTHER)
    play.call_manager.digit("call", "callee", "9")
    play.told()
    play.call_manager.answered("next", "PCMU")
    play.settle()
    assert "goodbye" in play.told()
    play.over("goodbye")
    assert "hang up objected" in play.told()
    assert "transferred" not in play.kinds()
