"""Pictures of the requests: the board, a request, a search, a letter, what is shown before an erasure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.asked import board
from tests.console.conftest import LARGE, SMALL, Before, app_of, steps
from tests.console.served import Served

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The recorded day with requests in every state; these tests change nothing."""
    served = Served(tmp_path_factory.mktemp("asked")).start()
    board(served)
    yield served
    served.stop()


def at(*walk: str, request: str = "", keys: tuple[str, ...] = (), then: tuple[str, ...] = ()) -> Before:
    """For ``snap_compare``: keys on the board, then keys in the request that they open, once each is there."""

    async def before(pilot: Pilot[Any]) -> None:
        await steps("7", then=("DSR-2026-0001", "Received 4"))(pilot)
        if request:
            await steps(*walk, then=(f"Request {request}", "What may be done now"))(pilot)
            await steps(*keys, then=then)(pilot)
        else:
            await steps(*walk, then=then)(pilot)

    return before


@SIZES
def test_the_board(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("7", then=("DSR-2026-0001", "OVERDUE"))
    assert snap_compare(app_of(asked), terminal_size=size, run_before=before)


@SIZES
def test_a_request(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(asked), terminal_size=size, run_before=at("l", "enter", request="DSR-2026-0003"))


@SIZES
def test_the_list(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("7", "tab", then=("[open]", "OVERDUE"))
    assert snap_compare(app_of(asked), terminal_size=size, run_before=before)


def test_the_board_in_high_contrast(asked: Served, snap_compare: Any) -> None:
    app = app_of(asked, theme="dialgate-contrast")
    assert snap_compare(app, terminal_size=SMALL, run_before=at("l"))


def test_the_board_filtered(asked: Served, snap_compare: Any) -> None:
    before = at("slash", *"erasure", "enter", then=("filter: erasure", "2 rows"))
    assert snap_compare(app_of(asked), terminal_size=SMALL, run_before=before)


def test_a_new_request(asked: Served, snap_compare: Any) -> None:
    before = at("n", "j", "enter", "enter", then=("A request for erasure", "Who asks"))
    assert snap_compare(app_of(asked), terminal_size=SMALL, run_before=before)


def test_the_grounds_of_a_refusal(asked: Served, snap_compare: Any) -> None:
    before = at("l", "enter", request="DSR-2026-0003", keys=("minus",), then=("on which ground", "legal claims"))
    assert snap_compare(app_of(asked), terminal_size=SMALL, run_before=before)


def test_a_letter(asked: Served, snap_compare: Any) -> None:
    then = ("Subject", "Dear Fred Refused")
    before = at("l", "l", "l", "enter", request="DSR-2026-0009", keys=("l", "j", "enter"), then=then)
    assert snap_compare(app_of(asked), terminal_size=SMALL, run_before=before)


def test_what_an_erasure_would_do(asked: Served, snap_compare: Any) -> None:
    then = ("Type: erase 0 calls", "Keys and files are destroyed")
    before = at("l", "l", "enter", request="DSR-2026-0007", keys=("f",), then=then)
    assert snap_compare(app_of(asked), terminal_size=SMALL, run_before=before)


@SIZES
def test_a_search(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    then = ("found 2 calls", "Objections")
    before = at("l", "j", "enter", request="DSR-2026-0006", keys=("s", *["enter"] * 5), then=then)
    assert snap_compare(app_of(asked), terminal_size=size, run_before=before)


@SIZES
def test_today(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    app = app_of(asked, mode="today")
    before = steps(then=("OVERDUE 1 d", "TPS 26 d", "yesterday", "! OVERDUE"))
    assert snap_compare(app, terminal_size=size, run_before=before)
