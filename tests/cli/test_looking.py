"""``dialgate audit status|leaves|checkpoints``, ``calls list --text`` and ``reveal`` on a real data folder."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gate.errors import UsageError
from gate.operations.audit.checkpoints import AuditCancel, AuditVerify
from gate.operations.calls.screening import Decide
from gate.operations.operation import Request
from tests.support.asking import ask
from tests.support.commands import dialgate
from tests.support.evidence import decision
from tests.support.example import make_example
from tests.support.requesting import opened

NUMBER = "020 7946 0101"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("looking") / "gate"
    make_example(folder)
    with opened(folder) as data:
        ask(data, Decide(number=NUMBER), "user:ann(1000)")
        ask(data, Decide(number="0161 496 0123"), "user:bea(1001)")
    return str(folder / "config.toml")


def test_a_call_is_found_by_what_is_typed_and_its_number_shown_for_a_reason(config: str) -> None:
    found = dialgate("calls", "list", "--text", "020 7946", "--json", "-c", config).json["items"]
    assert [item["number"] for item in found] == ["+44 20 79** **01"]
    assert dialgate("calls", "list", "--text", "zebra", "-c", config).err == "There is no call.\n"
    words = dialgate("calls", "list", "listed", "020 7946", "0101", "--json", "-c", config).json["items"]
    assert [each["call_id"] for each in words] == [each["call_id"] for each in found]
    for none in (["1/2/2020"], ["--until", "1 Feb 2020"], ["--agent", "zebra"], ["020 7946", "zebra"]):
        assert not dialgate("calls", "list", *none, "--json", "-c", config).json["items"], none
    call = found[0]["call_id"]
    shown = dialgate("reveal", "call", call, "--why", "a callback", "-c", config)
    assert (shown.code, shown.out) == (0, "+442079460101\n")
    leaf = dialgate("audit", "leaves", "--kind", "number_shown", "--json", "-c", config).json["items"]
    assert [each["subject"] for each in leaf] == [call]
    assert dialgate("reveal", "call", call, "--why", " ", "-c", config).code == 2


def test_the_beginning_of_an_id_is_enough_where_no_other_begins_so(config: str) -> None:
    calls = [each["call_id"] for each in dialgate("calls", "list", "--json", "-c", config).json["items"]]
    for typed in (calls[0][:8], calls[0][:8].upper(), f"{calls[0][:6]}…", calls[0]):
        assert dialgate("calls", "show", typed, "--json", "-c", config).json["call"]["call_id"] == calls[0], typed
    assert dialgate("reveal", "call", calls[1][:8], "--reason", "a callback", "-c", config).code == 0
    dialgate(
        "hold",
        "add",
        "--ground",
        "claim",
        "--call",
        calls[0][:8],
        "--reason",
        "a claim",
        "--reference",
        "17",
        "-c",
        config,
    )
    held = dialgate("hold", "list", "--json", "-c", config).json["items"][0]
    assert held["call_id"] == calls[0]
    assert dialgate("hold", "release", held["id"][:8], "--reason", "settled", "-c", config).code == 0
    for none in (calls[0][:3], "ffffffff", f"{calls[0]}0", "%"):
        done = dialgate("calls", "show", none, "-c", config)
        assert (done.code, f"there is no call {none}" in done.err) == (2, True), none


def test_words_that_nothing_fits_are_told_as_they_were_understood(config: str) -> None:
    found = dialgate("calls", "list", "1/2/2020", "not", "listed", "zebra", "-c", config)
    unknown = "“zebra” is not known, and finds nothing"
    assert found.err == f"Nothing fits: Sat 01 Feb 2020; reason not listed; {unknown}.\n"
    assert dialgate("recording", "list", "zebra", "-c", config).err == f"Nothing fits: {unknown}.\n"
    for where in ("contacts", "request"):
        assert "zebra" in dialgate(where, "list", "last", "tuesday", "zebra", "-c", config).err


def test_a_list_is_sorted_by_a_column_and_by_no_hidden_one(config: str) -> None:
    def order(*more: str) -> list[str]:
        found = dialgate("calls", "list", *more, "--json", "-c", config).json["items"]
        return [each["claimed_by"][-6:] for each in found]

    newest_first = order()
    assert order("--sort", "at") == newest_first[::-1]
    assert order("--sort", "agent") == sorted(newest_first)
    assert order("--sort", "-agent", "--since", "yesterday") == sorted(newest_first, reverse=True)
    refused = dialgate("calls", "list", "--sort", "number", "-c", config)
    assert refused.code == 2 and "-seconds" in refused.err
    assert dialgate("recording", "list", "--sort", "-seconds", "-c", config).err == "There is no recording.\n"


def test_an_entry_of_the_log_shows_a_number_in_part(config: str) -> None:
    decision = dialgate("audit", "leaves", "--kind", "decision", "--json", "-c", config).json["items"][-1]
    shown = dialgate("audit", "leaf", str(decision["index"]), "--json", "-c", config)
    assert shown.json["body"]["number"] == "+44 20 79** **01"
    assert "79460101" not in shown.out
    whole = dialgate("audit", "leaf", str(decision["index"]), "--show-numbers", "--json", "-c", config).json
    assert whole["body"]["number"] == "+442079460101"
    assert whole["hash"] == shown.json["hash"]


def test_a_verification_that_is_broken_off_ends_in_the_gate_too(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Gate:
        def ask(self, request: Request[Any], **_: object) -> None:
            asked.append(type(request))
            raise KeyboardInterrupt if isinstance(request, AuditVerify) else UsageError("it is over already")

    monkeypatch.setattr("gate.cli.audit.reach", lambda _: nullcontext(Gate()))
    done = dialgate("audit", "verify", "-c", config)
    assert (done.code, asked) == (130, [AuditVerify, AuditCancel])
    assert "interrupted" in done.err


def test_the_log_is_told_page_by_page_both_ways(config: str) -> None:
    first = dialgate("audit", "leaves", "--limit", "2", "--json", "-c", config).json
    last = dialgate("audit", "leaves", "--limit", "2", "--before", "end", "--json", "-c", config).json
    assert [each["index"] for each in last["items"]] == [1, 0]
    second = dialgate("audit", "leaves", "--limit", "2", "--after", first["next"], "--json", "-c", config).json
    back = dialgate("audit", "leaves", "--limit", "2", "--before", second["prev"], "--json", "-c", config).json
    assert back["items"] == first["items"]


def test_the_logs_state_says_when_it_was_signed_and_verified(config: str) -> None:
    assert dialgate("audit", "status", "--json", "-c", config).json["verified"] is None
    assert dialgate("audit", "verify", "-c", config).code == 0
    assert dialgate("audit", "checkpoint", "-c", config).code == 0
    told = dialgate("audit", "status", "--json", "-c", config).json
    assert told["verified"]["ok"] is True
    heads = dialgate("audit", "checkpoints", "--json", "-c", config).json["items"]
    assert heads[0]["size"] == told["checkpoint"]["size"] == told["size"], "the gate signs what it kept"


def test_a_beginning_that_several_ids_have_names_them(config: str) -> None:
    ids = [f"abcd{end:028x}" for end in range(7)]
    with opened(Path(config).parent) as data:
        facts = [decision(each, "+442079460123", at=datetime.now(UTC)) for each in ids]
        data.store.call(lambda tx: [tx.append(each) for each in facts])
    done = dialgate("calls", "show", "abcd", "-c", config)
    assert done.code == 2
    assert f"more than one id begins with abcd: {', '.join(ids[:5])}\n" in done.err and "Give more of it" in done.err
    assert dialgate("calls", "show", ids[6][:-1], "-c", config).code == 2
    assert dialgate("calls", "show", ids[6], "-c", config).code == 0
