"""Pictures of the modes, fed by the recorded day. Look at each: ``python -m tests.console.look``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.conftest import LARGE, SMALL, app_of, steps
from tests.console.served import Served

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@SIZES
def test_live(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(shared), terminal_size=size, run_before=steps(then=("4 calls in hand",)))


@SIZES
def test_calls(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(shared), terminal_size=size, run_before=steps("4", then=("dialling", "rows")))
