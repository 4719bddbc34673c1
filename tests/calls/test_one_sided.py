"""A talk from one side of which nothing comes: an alarm at once, and its recording says so."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from gate.operations.calls.warnings import count_one_sided, one_sided_warnings
from gate.ports import RecordingClosed
from tests.support.databases import query
from tests.support.playbook import Play


def folder(play: Play) -> Any:
    return SimpleNamespace(clock=play.clock, read=play.store.call)


def closed(play: Play, **packets: int) -> dict[str, Any]:
    """The talk is over, and the recorder has sealed so many packets of each side; what the log says of it."""
    ended = RecordingClosed("x", "00", 10, 2.0, 2, packets, (), False)
    play.stage.close = lambda call_id, done: done(ended, None)  # type: ignore[method-assign]
    play.call_manager.hung_up("call", "caller")
    play.settle()
    rows = play.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'recording_closed'"))
    return dict(json.loads(rows[-1]["body"]))


def test_it_is_a_leaf_a_line_of_status_and_a_mark_on_the_recording(play: Play) -> None:
    play.talk()
    assert one_sided_warnings(folder(play)) == []
    play.call_manager.one_sided("call", "callee")
    play.settle()
    assert play.kinds("call")[-1] == "one_sided"
    (told,) = one_sided_warnings(folder(play))
    assert "the callee" in told and "calls show call" in told and count_one_sided(folder(play)) == 1
    assert closed(play, caller=100, callee=0)["silent"] == "callee"
    row = play.store.call(lambda tx: query(tx, "SELECT silent, kept FROM recordings"))[0]
    assert (row["silent"], row["kept"]) == ("callee", 0.0)
    play.pass_time(25 * 3600)
    assert one_sided_warnings(folder(play)) == []


def test_a_side_that_is_heard_later_is_no_mark_on_the_recording(play: Play) -> None:
    play.talk()
    play.call_manager.one_sided("call", "both")
    play.settle()
    assert closed(play, caller=0, callee=5)["silent"] == "caller"


def test_a_talk_of_both_has_no_mark(play: Play) -> None:
    play.talk()
    assert "silent" not in closed(play, caller=0, callee=0)
