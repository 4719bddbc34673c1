"""Cancelling work: only what runs, only until it is nearly done."""

from __future__ import annotations

import pytest

from gate.errors import GateError, RegisterFailed
from gate.operations.data_folder import Cancellations

ANN = "user:ann(1001)"


def cancellations() -> Cancellations:
    return Cancellations(lambda name: RegisterFailed(f"two of {name}"))


def cancelled(actor: str) -> GateError:
    return GateError(f"cancelled by {actor}")


def quiet(_fraction: float, _text: str) -> None:
    pass


def test_work_that_does_not_run_cannot_be_cancelled() -> None:
    work = cancellations()
    assert not work.cancel("tps", ANN)
    with work.running("tps"):
        assert not work.cancel("ctps", ANN)
        assert work.cancel("tps", ANN)
    assert not work.cancel("tps", ANN)


def test_progress_raises_once_the_work_is_cancelled_and_says_who_did_it() -> None:
    work, told = cancellations(), []
    tell = work.checked("tps", lambda fraction, text: told.append((fraction, text)), cancelled)
    with work.running("tps"):
        tell(0.1, "reading")
        work.cancel("tps", ANN)
        with pytest.raises(GateError, match=r"cancelled by user:ann\(1001\)"):
            tell(0.2, "reading")
    assert told == [(0.1, "reading")]


def test_work_of_one_name_is_bounded() -> None:
    work = cancellations()
    with work.running("tps"), work.running("tps"):
        with pytest.raises(RegisterFailed, match="two of tps"), work.running("tps"):
            pass
        with work.running("ctps"):
            pass
    with work.running("tps"):
        pass


def test_what_is_nearly_done_goes_through() -> None:
    work = cancellations()
    with work.running("tps"):
        work.cancel("tps", ANN)
        work.checked("tps", quiet, cancelled, until=0.9)(0.9, "verifying")


def test_a_cancellation_is_forgotten_with_its_work() -> None:
    work = cancellations()
    with work.running("tps"):
        work.cancel("tps", ANN)
    with work.running("tps"):
        work.checked("tps", quiet, cancelled)(0.1, "reading")
