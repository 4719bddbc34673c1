"""Pictures of the requests: the board, a request, a search, a letter, what is shown before an erasure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.console.asked import board
from tests.console.conftest import LARGE, SMALL, app_of, steps
from tests.console.served import Served

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The recorded day with requests in every state; these tests change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        served = Served(tmp_path_factory.mktemp("asked"), patch).start()
        board(served)
        yield served
        served.stop()


@SIZES
def test_the_board(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("7", then=("DSR-2026-0001", "OVERDUE"))
    assert snap_compare(app_of(asked), terminal_size=size, run_before=before)


@SIZES
def test_a_request(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("7", "l", "enter", then=("What may be done now", "soon"))
    assert snap_compare(app_of(asked), terminal_size=size, run_before=before)


@SIZES
def test_the_list(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("7", "tab", then=("[open]", "OVERDUE"))
    assert snap_compare(app_of(asked), terminal_size=size, run_before=before)


def test_the_board_in_high_contrast(asked: Served, snap_compare: Any) -> None:
    before = steps("7", "l", then=("DSR-2026-0001", "OVERDUE"))
    assert snap_compare(app_of(asked, theme="dialgate-contrast"), terminal_size=SMALL, run_before=before)


def test_the_board_filtered(asked: Served, snap_compare: Any) -> None:
    before = steps("7", "slash", *"erasure", "enter", then=("filter: erasure",))
    assert snap_compare(app_of(asked), terminal_size=SMALL, run_before=before)


def test_a_new_request(asked: Served, snap_compare: Any) -> None:
    before = steps("7", "n", "j", "enter", "enter", then=("A request for erasure", "Who asks"))
    assert snap_compare(app_of(asked), terminal_size=SMALL, run_before=before)


def test_the_grounds_of_a_refusal(asked: Served, snap_compare: Any) -> None:
    before = steps("7", "l", "enter", "minus", then=("on which ground", "legal claims"))
    assert snap_compare(app_of(asked), terminal_size=SMALL, run_before=before)


@SIZES
def test_a_search(asked: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("7", "l", "enter", "s", *["enter"] * 3, then=("found", "Objections"))
    assert snap_compare(app_of(asked), terminal_size=size, run_before=before)
