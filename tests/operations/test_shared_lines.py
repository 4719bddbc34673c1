"""A line that two people share, and one that was somebody else's before: what is another's is not shown, nor erased."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.core.evidence import stamp
from gate.operations.requests.searching import ContentsOf
from tests.support.asking import ask
from tests.support.commands import Done, dialgate
from tests.support.databases import query
from tests.support.firm_year import Year, _london
from tests.support.requesting import ANN
from tests.support.written import written

NUMBER = "+447700900417"
TYPED = "07700 900417"
PAT, SAM = "Pat Person", "Samira Otherwise"


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    (tmp_path / "firm").mkdir()
    yield Year(tmp_path / "firm", monkeypatch)


def run(*arguments: str, code: int = 0) -> Done:
    done = dialgate(*arguments)
    assert done.code == code, f"{arguments}\n{done.out}{done.err}"
    return done


def consent(who: str, words: str) -> None:
    run("consent", "add", TYPED, "--who", who, "--how", "paper", "--wording", words, "--evidence", f"form 17 of {who}")


def opened(kind: str) -> str:
    done = run("request", "open", kind, "--by", "post", "--name", PAT, "--number", TYPED)
    (reference,) = map(str, re.findall(r"DSR-\d{4}-\d{4}", done.out))
    run("request", "verify-identity", reference, "--checked", "answers to two questions")
    return reference


def shared(year: Year) -> None:
    year.move("2027-11-01")
    with year.opened() as data:
        year.recorded(data, "rec", "2027-11-01 09:00", NUMBER)
    consent(PAT, "I agree that Webeo may call me about windows")
    year.move("2027-11-05")
    consent(SAM, "I agree that Webeo may call me about doors")


def test_the_handler_is_warned_of_another_name_on_the_line(year: Year) -> None:
    shared(year)
    reference = opened("access")
    done = run("request", "search", reference)
    said = " ".join(done.err.split())
    assert f"1 thing of {SAM} (2027-11-05): left out, and no erasure takes them" in said
    assert "about windows" in done.out and "about doors" not in done.out
    shown = run("request", "search", reference, "--json").json
    assert shown["others"] == [{"name": SAM, "since": "2027-11-05", "until": "2027-11-05", "entries": 1}]


def test_a_pack_has_nothing_of_another_on_the_line(year: Year) -> None:
    shared(year)
    reference = opened("access")
    run("request", "search", reference)
    run("request", "decide", reference, "--grant")
    with year.opened() as data:
        held = ask(data, ContentsOf(request=reference), ANN)
    assert [each.who for each in held.consents] == [PAT]
    assert (held.entries_of_others, held.requests_of_others) == (1, 0)
    assert SAM not in repr(held) and "doors" not in repr(held)


@pytest.mark.engine("sqlite")
def test_an_erasure_leaves_the_consent_of_another_on_the_line(year: Year) -> None:
    shared(year)
    reference = opened("erasure")
    run("request", "search", reference)
    run("request", "decide", reference, "--grant")
    run("request", "fulfil", reference, "--yes")
    with year.opened() as data:
        rows = data.read(lambda tx: query(tx, "SELECT who, number, evidence FROM consents ORDER BY given_at"))
    assert [(row["who"], row["number"]) for row in rows] == [(None, None), (SAM, NUMBER)]
    assert rows[1]["evidence"] == f"form 17 of {SAM}"
    receipt = run("request", "show", reference, "--json").json["carried_out"]
    assert any(each.startswith("consent ") for each in receipt["mentions"]), "the handler is told of it"
    files = b"".join(path.read_bytes() for path in year.config.data.rglob("*.db*"))
    assert b"about windows" not in files and b"about doors" in files
    assert run("audit", "verify", "--json").json["ok"]


def before_and_after(year: Year) -> None:
    """The line was Samira's until spring, and is Pat's since."""
    year.move("2027-11-01")
    with year.opened() as data:
        year.recorded(data, "hers", "2027-11-01 09:00", NUMBER)
    consent(SAM, "I agree that Webeo may call me about doors")
    run("objection", "add", TYPED, "--note", "she rang us in November", "--source", "letter")
    year.move("2028-05-02")
    with year.opened() as data:
        year.recorded(data, "mine", "2028-05-02 09:00", NUMBER)
        written(data, "note", "n-1", ANN, {"text": f"{TYPED} is new here", "at": stamp(_london("2028-05-02"))})


def test_a_new_subscriber_is_not_told_of_the_calls_of_the_one_before(year: Year) -> None:
    before_and_after(year)
    reference = opened("access")
    done = run("request", "search", reference, "--line-since", "2028-04-01")
    assert "call-mine" in done.out and "call-hers" not in done.out and "November" not in done.out
    assert "1 call of these lines: made when they were somebody else's" in " ".join(done.err.split())
    found = run("request", "search", reference, "--json").json
    assert (found["found"], found["outside"], found["calls_of_others"]) == (1, [], 1), "it is kept with the request"
    run("request", "decide", reference, "--grant")
    key = ("--key", str(year.key), "--passphrase-file", str(year.words))
    run("request", "fulfil", reference, *key, "-o", "pack.html")
    text = " ".join(run("request", "letter", reference, "response").out.split())
    assert "1 call" in text and "more call" not in text and "every date" not in text
    assert "We searched the time in which the number was yours" in text


def test_an_erasure_for_a_new_subscriber_leaves_what_was_of_the_one_before(year: Year) -> None:
    before_and_after(year)
    reference = opened("erasure")
    run("request", "search", reference, "--line-since", "2028-04-01")
    run("request", "decide", reference, "--grant")
    run("request", "fulfil", reference, "--yes")
    with year.opened() as data:
        calls = data.read(lambda tx: query(tx, "SELECT call_id, number FROM calls ORDER BY at"))
        notes = data.read(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'note'"))
        states = data.read(lambda tx: query(tx, "SELECT recording_id, state FROM recordings ORDER BY opened_at"))
        (kept,) = data.read(lambda tx: query(tx, "SELECT who, number FROM consents"))
    assert [(row["call_id"], row["number"]) for row in calls] == [("call-hers", NUMBER), ("call-mine", None)]
    assert [row["state"] for row in states] == ["closed", "erased"]
    assert (kept["who"], kept["number"]) == (SAM, NUMBER)
    assert [row["body"] for row in notes] == [None]
    assert run("audit", "verify", "--json").json["ok"]


def test_a_new_subscriber_of_whom_nothing_is_held_is_told_so(year: Year) -> None:
    before_and_after(year)
    year.move("2028-08-01")
    reference = opened("access")
    run("request", "search", reference, "--line-since", "2028-07-01")
    run("request", "decide", reference, "--grant")
    text = " ".join(run("request", "letter", reference, "response").out.split())
    assert "We hold no personal data" in text or "hold nothing" in text, text
