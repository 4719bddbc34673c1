"""Somebody calls in with one invented caller ID after the other and presses 9: it is seen, and can be undone."""

from __future__ import annotations

from pathlib import Path

from tests.support.calls_in import TONES, taking_calls
from tests.support.phones import Phones, heard, speaking
from tests.support.running_gate import dialgate
from tests.support.waiting import PATIENCE

NUMBERS = [f"+44770090{n:04}" for n in range(1, 5)]
USUAL = 2
MADE = "SELECT source, removed_at FROM objections WHERE actor = 'caller' ORDER BY made_at"
ENDED = "SELECT 1 FROM calls WHERE ended_at IS NOT NULL"


def test_callers_of_one_trunk_fill_the_list_no_further_than_is_seen(tmp_path: Path) -> None:
    gate = taking_calls(tmp_path / "gate")
    gate.set("calls_in", objections_an_hour=USUAL)
    gate.start()
    try:
        for at, number in enumerate(NUMBERS):
            with Phones(
                to=gate.address, port=gate.trunk_port, audio=lambda _: speaking(1700.0), keep=True, name=number
            ) as trunk:
                talk = trunk.dial("02079460000")
                gate.wait(lambda talk=talk: heard(talk, TONES["callback"]) > 0.4, PATIENCE, "the line says nothing")
                talk.press("9")
                gate.wait(lambda at=at: len(gate.rows(ENDED)) > at, PATIENCE, "the call has not ended")
                assert heard(talk, TONES["thanks"]) > 0.8, "whoever it is, the objection holds"
        sources = [row["source"] for row in gate.rows(MADE)]
        assert sources == ["callback"] * USUAL + ["callback_held"] * (len(NUMBERS) - USUAL)
        for number in NUMBERS:
            assert dialgate("check", number, config=gate.config, check=False)["reason"] == "objected"
        status = gate.client.call("status")
        (told,) = [each for each in status["warnings"] if "by key" in each]
        assert "2 numbers held" in told and "objection undo" in told
        undone = dialgate(
            *("objection", "undo", "--trunk", status["trunks"][0]["name"], "--since", "today", "--reason", "forged"),
            config=gate.config,
        )
        assert (undone["undone"], undone["spared"]) == (len(NUMBERS), 0)
        assert all(row["removed_at"] for row in gate.rows(MADE))
        gate.stop()
        gate.verified()
    finally:
        gate.stop()
