"""Spikes of refusals and of one caller's share raise themselves within a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.config import load
from gate.control.messages import carry_out
from gate.core.allowances import FEWEST_IN_SPIKE, spikes
from gate.core.rows.calls import ReasonCount
from gate.daemon.opening import open_folder
from gate.operations.calls.screening import Decide
from gate.operations.operation import Caller
from gate.operations.status.glance import Status
from tests.support.asking import Asking
from tests.support.example import make_example
from tests.support.keeping import SetClock

FEW = FEWEST_IN_SPIKE


def counts(**by: tuple[int, int]) -> list[ReasonCount]:
    """Caller -> attempts that were allowed, and refused."""
    return [
        ReasonCount(claimed_by=f"account:{name}", verdict=verdict, reason=reason, attempts=count)
        for name, (allowed, refused) in by.items()
        for verdict, reason, count in (("allow", "not_listed", allowed), ("block", "listed_tps", refused))
    ]


@pytest.mark.parametrize(
    ("now", "usual", "found"),
    [
        (counts(alice=(FEW, 0)), counts(alice=(900, 100)), ()),
        (counts(alice=(0, FEW)), counts(alice=(900, 100)), ("Refusals jump: 100% of 40",)),
        (counts(alice=(0, FEW - 1)), counts(alice=(900, 100)), ()),  # too few to say
        (counts(alice=(0, FEW)), (), ("Refusals jump: 100% of 40 attempts in 5 minutes, usually 0%",)),
        (counts(alice=(30, 70)), counts(alice=(35, 65)), ()),  # as always
        (counts(alice=(5, 95)), counts(alice=(40, 60)), ("Refusals jump: 95% of 100",)),
        (
            counts(alice=(10, 0), bilal=(90, 0)),
            counts(alice=(50, 0), bilal=(50, 0)),
            ("One caller jumps: account:bilal",),
        ),
        (counts(bilal=(FEW, 0)), counts(bilal=(FEW, 0)), ()),  # the only one there is
        (counts(alice=(40, 0), bilal=(60, 0)), counts(alice=(50, 0), bilal=(50, 0)), ()),
    ],
)
def test_a_share_that_is_not_usual_is_told(
    now: list[ReasonCount], usual: list[ReasonCount], found: tuple[str, ...]
) -> None:
    said = list(spikes(now, usual))
    assert len(said) == len(found)
    assert all(sentence.startswith(begin) for sentence, begin in zip(said, found, strict=True))


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime.now(UTC))


@pytest.fixture
def gate(tmp_path: Path, clock: SetClock) -> Iterator[Asking]:
    make_example(tmp_path / "gate")
    with ExitStack() as stack:
        yield Asking(open_folder(load(tmp_path / "gate" / "config.toml"), stack, clock=clock), "http:dialler@127.0.0.1")


def test_refusals_raise_themselves_within_a_minute_and_are_over_with_them(gate: Asking, clock: SetClock) -> None:
    def said() -> list[str]:
        return [each for each in gate.ask(Status()).warnings if "jump" in each]

    assert said() == []
    for place in range(FEW):
        carry_out(gate.folder, Decide(number=f"09{place:09}"), Caller(gate.actor))
    clock.time += timedelta(seconds=30)
    (sentence,) = said()
    assert sentence.startswith("Refusals jump: 100% of 40 attempts")
    assert f"destination not allowed, by {gate.actor}" in sentence
    clock.time += timedelta(minutes=6)
    assert said() == []
