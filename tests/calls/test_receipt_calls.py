"""Receipts of calls in hand: who is told a code, when, and that nothing waits for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gate.calls.receipts import ReceiptSettings
from gate.core.allowances import Allowance
from gate.store.transaction import StoreTransaction
from tests.support.databases import query
from tests.support.playbook import Play
from tests.support.receipts import CALLER
from tests.support.waiting import until

SPOKEN = ReceiptSettings(CALLER)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path, receipts=SPOKEN)


def facts(play: Play, kind: str) -> list[dict[str, Any]]:
    def read(tx: StoreTransaction) -> list[dict[str, Any]]:
        rows = query(tx, "SELECT leaf_index, subject, body FROM facts WHERE kind = ? ORDER BY leaf_index", [kind])
        return [{**json.loads(row["body"]), "leaf": row["leaf_index"], "subject": row["subject"]} for row in rows]

    found: list[dict[str, Any]] = play.store.call(read)
    return found


def leave(play: Play) -> bool:
    """The caller hangs up."""
    stays = play.call_manager.caller_left("call")
    play.settle()
    return stays


def test_after_the_talk_the_callee_is_told_the_code_and_then_hung_up_on(play: Play) -> None:
    play.talk()
    play.told()
    play.clock.time = play.clock.time.replace(microsecond=0)
    assert leave(play)
    told = play.told()
    assert told == ["stop playing", "keep no more", "shut", "receipt"], "recorded no more, heard by nobody"
    (receipt,) = facts(play, "receipt")
    (decision,) = facts(play, "decision")
    assert receipt["decision"] == decision["leaf"] and receipt["code"] == play.stage.codes[0]
    assert receipt["made_by"]["trading_name"] == CALLER.trading_name
    assert decision["number"][3:] not in json.dumps(receipt)
    assert facts(play, "recording_closed"), "the evidence of the talk waits for no code"
    play.over("receipt")
    assert play.told() == ["hang up hung_up", "close recording", "forget"]
    (outcome,) = facts(play, "receipt_told")
    assert (outcome["how"], outcome["done"], outcome["why"]) == ("spoken", True, "")
    assert outcome["subject"] == receipt["subject"]
    (ended,) = facts(play, "ended")
    assert (ended["by"], ended["cause"]) == ("caller", "hung_up")


def test_the_code_is_no_talk_and_the_account_may_dial_again_meanwhile(tmp_path: Path) -> None:
    play = Play(tmp_path, receipts=SPOKEN, allowances={"account:alice": Allowance(30, 1, 86400, 100)})
    play.talk()
    play.pass_time(60)
    assert leave(play)
    play.told()
    play.attempt("020 7946 0124", call_id="next")
    assert not any(each.startswith("refuse") for each in play.told())
    play.pass_time(15)
    play.over("receipt")
    (ended,) = facts(play, "ended")
    assert ended["seconds"] == 60.0


def test_a_callee_who_hangs_up_ends_it_at_once(play: Play) -> None:
    play.talk()
    assert leave(play)
    play.told()
    play.call_manager.hung_up("call", "callee")
    play.settle()
    assert play.told() == ["hang up hung_up", "close recording", "forget"]
    play.over("receipt", ok=False, cause="stopped")
    (outcome,) = facts(play, "receipt_told")
    assert (outcome["done"], outcome["why"]) == (False, "stopped")
    assert play.call()["state"] == "ended"


def test_a_callee_who_hangs_up_first_or_a_call_for_help_gets_none(tmp_path: Path) -> None:
    play = Play(tmp_path / "first", receipts=SPOKEN) if (tmp_path / "first").mkdir() is None else None
    assert play is not None
    play.talk()
    play.call_manager.hung_up("call", "callee")
    play.settle()
    assert "receipt" not in play.told() and not facts(play, "receipt")
    (tmp_path / "help").mkdir()
    help_ = Play(tmp_path / "help", receipts=SPOKEN, emergency=frozenset({"999"}))
    help_.attempt("999")
    help_.call_manager.answered("call", "PCMU")
    help_.settle()
    assert not leave(help_) and not facts(help_, "receipt")


def test_nobody_is_told_one_where_there_are_none(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.talk()
    assert not leave(play)
    play.call_manager.digit("call", "callee", "9")
    play.call_manager.stop_all("gate_stopping")
    play.settle()
    assert not facts(play, "receipt") and "receipt" not in play.told()


def test_the_goodbye_to_who_objects_ends_with_the_code(play: Play) -> None:
    play.attempt()
    play.call_manager.answered("call", "PCMU")
    play.settle()
    play.call_manager.digit("call", "callee", "9")
    play.settle()
    assert play.told()[-2:] == ["shut", "goodbye"]
    play.over("goodbye")
    assert play.told() == ["receipt"]
    play.over("receipt")
    assert play.told() == ["hang up objected", "close recording", "forget"]
    assert len(facts(play, "receipt")) == 1 and facts(play, "receipt_told")[0]["done"]


def test_what_cannot_be_spoken_ends_the_call_as_without_it_and_a_fact_says_so(play: Play) -> None:
    play.talk()
    assert leave(play)
    play.told()
    play.over("receipt", ok=False, cause="not_playable")
    assert play.told() == ["hang up hung_up", "close recording", "forget"]
    assert facts(play, "receipt_told")[0]["why"] == "not_playable"
    play.over("receipt")
    play.pass_time(60)
    assert len(facts(play, "receipt_told")) == len(facts(play, "ended")) == 1, "told once"


def test_a_relay_that_never_answers_keeps_nobody(play: Play) -> None:
    play.talk()
    assert leave(play)
    play.told()
    play.pass_time(21)
    assert play.told() == ["hang up hung_up", "close recording", "forget"]
    assert facts(play, "receipt_told")[0]["why"] == "media_failed"


def test_a_receipt_that_is_not_kept_is_not_told(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    play.talk()
    play.told()
    real = StoreTransaction.append

    def full(self: StoreTransaction, fact: Any, salt: bytes | None = None) -> int:
        from gate.errors import StoreError

        if fact.kind == "receipt":
            raise StoreError("no room")
        return real(self, fact, salt)

    monkeypatch.setattr(StoreTransaction, "append", full)
    assert leave(play)
    assert play.told()[-3:] == ["hang up hung_up", "close recording", "forget"] and not play.stage.codes
    assert facts(play, "receipt_told")[0]["why"] == "evidence_unavailable"
    assert facts(play, "recording_closed") and facts(play, "ended")


def sender(folder: Path, body: str) -> tuple[str, ...]:
    script = folder / "send.py"
    script.write_text(f"import json, sys\n{body}\n")
    return (sys.executable, str(script), "two words; $(touch x)")


def wait_for(play: Play, true: Callable[[], Any]) -> Any:
    """The command runs on a thread of its own, and what it answers is a step of the line."""
    return until(lambda: (play.settle(), true())[1])


def test_the_firms_command_gets_number_and_code_on_its_standard_input_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given.json"
    command = sender(
        tmp_path,
        f"import os\njson.dump([sys.stdin.read(), sys.argv[1:], dict(os.environ)], open({str(given)!r}, 'w'))\n"
        "print('out'); print('err', file=sys.stderr)",
    )
    play = Play(tmp_path, receipts=ReceiptSettings(CALLER, command))
    play.talk()
    assert not leave(play), "nothing is spoken"
    play.call_manager.hung_up("call", "caller")
    (outcome,) = wait_for(play, lambda: facts(play, "receipt_told"))
    assert (outcome["how"], outcome["done"]) == ("sent", True)
    (receipt,) = facts(play, "receipt")
    words, arguments, environment = json.loads(given.read_text())
    assert json.loads(words) == {
        "number": "+442079460123",
        "code": receipt["code"],
        "shown": f"{receipt['code'][:3]} {receipt['code'][3:6]} {receipt['code'][6:]}",
        "hour": receipt["hour"],
    }
    assert arguments == ["two words; $(touch x)"], "as it stands: no shell"
    said = capfd.readouterr()
    for secret in ("9460123", receipt["code"]):
        assert secret not in json.dumps([arguments, environment])
        assert secret not in said.out + said.err


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sys.exit(3)", "command_failed"),
        ("import time\ntime.sleep(3600)", "command_too_slow"),
    ],
)
def test_a_command_that_fails_or_hangs_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, why: str
) -> None:
    if why == "command_too_slow":
        monkeypatch.setattr("gate.calls.receipts.SECONDS", 0.5)
    play = Play(tmp_path, receipts=ReceiptSettings(CALLER, sender(tmp_path, body)))
    play.talk()
    play.call_manager.hung_up("call", "callee")
    (outcome,) = wait_for(play, lambda: facts(play, "receipt_told"))
    assert (outcome["done"], outcome["why"]) == (False, why)
    assert facts(play, "ended"), "the call has ended long before"


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    play = Play(tmp_path, receipts=ReceiptSettings(CALLER, (str(tmp_path / "nothing"),)))
    play.talk()
    play.call_manager.hung_up("call", "callee")
    (outcome,) = wait_for(play, lambda: facts(play, "receipt_told"))
    assert outcome["why"] == "command_not_started"
