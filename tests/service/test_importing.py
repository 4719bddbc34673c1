"""Stopping an import: only one that runs, only until its snapshot is about to be put in force."""

from __future__ import annotations

import pytest

from gate.errors import RegisterFailed
from gate.operations.registers.importing import LAST_STOP, Stopped, Stops


def test_an_import_that_does_not_run_cannot_be_stopped() -> None:
    stops = Stops()
    assert not stops.ask("tps", "user:ann(1001)")
    with stops.running("tps"):
        assert not stops.ask("ctps", "user:ann(1001)")
        assert stops.ask("tps", "user:ann(1001)")
    assert not stops.ask("tps", "user:ann(1001)")


def test_whoever_listens_to_the_progress_is_ended_by_it_and_told_who_asked() -> None:
    stops, told = Stops(), []
    tell = stops.heeding("tps", lambda fraction, text: told.append((fraction, text)))
    with stops.running("tps"):
        tell(0.1, "reading")
        stops.ask("tps", "user:ann(1001)")
        with pytest.raises(Stopped, match=r"TPS was stopped by user:ann\(1001\)"):
            tell(0.2, "reading")
    assert told == [(0.1, "reading")]


def test_so_many_imports_of_a_register_run_at_once_and_no_more() -> None:
    stops = Stops()
    with stops.running("tps"), stops.running("tps"):
        with pytest.raises(RegisterFailed, match="2 imports of TPS are under way"), stops.running("tps"):
            pass
        with stops.running("ctps"):
            pass
    with stops.running("tps"):
        pass


def test_what_is_about_to_be_put_in_force_goes_through() -> None:
    stops = Stops()
    with stops.running("tps"):
        stops.ask("tps", "user:ann(1001)")
        stops.heeding("tps", None)(LAST_STOP, "verifying")


def test_a_stop_is_forgotten_with_its_import() -> None:
    stops = Stops()
    with stops.running("tps"):
        stops.ask("tps", "user:ann(1001)")
    with stops.running("tps"):
        stops.heeding("tps", None)(0.1, "reading")
