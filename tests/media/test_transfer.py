"""A party that goes from one call to another in the relay, on real RTPProxy: who hears whom before and after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gate.config import Announcement
from gate.media import prompts
from tests.media.line_process import Line, ports_of, sdp
from tests.media.test_relay import bridge, config
from tests.support.audio import Party, share, tone, write_wav


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    base = tmp_path_factory.mktemp("transfers")
    write_wav(base / "notice.wav", tone(440, 1.0))
    prompts.prepare(base / "prompts", Announcement(wav="notice.wav"), base)
    with Line(config(port_min=22000, port_max=22999), base / "prompts") as running:
        yield running


def heard(party: Party, hertz: float) -> float:
    """The share of what it has heard since ``forget`` that is this tone."""
    return float(share(party.samples(), hertz))


def forget(*parties: Party) -> None:
    for party in parties:
        party.heard.clear()


def test_the_one_who_waits_is_heard_by_the_agent_until_joined_and_by_the_other_then(line: Line) -> None:
    with (
        Party(1000) as agent,
        Party(600) as first,
        Party(800) as second,
        Party() as spare,
        Party() as taps,
        Party() as theirs,
    ):
        bridge(line, "talk", agent, first)
        assert line.done("copy", "talk", spare.port, taps.port) is not None
        assert line.call("transfer", "next", "talk") is True
        offer = line.sdp("caller", "next", sdp(first.host, first.port, "0 101"))
        line.sdp("callee", "next", sdp(second.host, second.port, "0 101"))
        second.talk_to(ports_of(offer))
        assert line.done("copy", "next", theirs.port, spare.port)[0] == 0
        first.speaks(0.4)
        assert heard(agent, 600) > 0.9 and heard(first, 1000) > 0.9
        assert not second.heard and not theirs.heard
        assert heard(taps, 600) > 0.9
        assert line.done("join", "next") is True
        line.call("close", "talk")
        forget(agent, first, second, taps, theirs)
        first.speaks(0.4)
        assert heard(first, 800) > 0.9 and heard(second, 600) > 0.9
        assert not agent.heard and not taps.heard
        assert heard(theirs, 600) > 0.9
        line.call("close", "next")


def test_a_transfer_that_comes_to_nothing_leaves_the_talk_as_it_was(line: Line) -> None:
    with Party(1000) as agent, Party(600) as first, Party(800) as second:
        bridge(line, "talk", agent, first)
        line.call("transfer", "next", "talk")
        line.sdp("caller", "next", sdp(first.host, first.port, "0 101"))
        line.sdp("callee", "next", sdp(second.host, second.port, "0 101"))
        line.call("shut", "next")
        line.call("close", "next")
        forget(agent, first)
        first.speaks(0.4)
        assert heard(agent, 600) > 0.9 and heard(first, 1000) > 0.9
        line.call("close", "talk")
        assert line.call("transfer", "next", "talk") is False


def test_the_callees_of_two_talks_are_joined(line: Line) -> None:
    with (
        Party(1000) as one,
        Party(1200) as two,
        Party(600) as first,
        Party(800) as second,
        Party() as tap,
        Party() as spare,
    ):
        bridge(line, "talk", one, first)
        bridge(line, "other", two, second)
        assert line.done("copy", "other", tap.port, spare.port) is not None
        assert line.done("take_over", "other", "talk") is True
        line.call("close", "talk")
        forget(one, two, first, second, tap)
        first.speaks(0.4)
        assert heard(first, 800) > 0.9 and heard(second, 600) > 0.9 and heard(tap, 600) > 0.9
        assert not one.heard and not two.heard
        line.call("close", "other")
