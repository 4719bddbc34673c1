"""A gate that lies: bundles whose every byte is signed, and whose contents do not hold together."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from gate.clock import SystemClock
from gate.config import load
from gate.daemon.opening import open_folder
from gate.errors import GateError
from gate.exports import bundle_rows
from gate.exports.bundle import LOGS, BundleError, Period, json_line
from gate.exports.bundle_check import Claims, Workplace, check_contents
from gate.exports.bundle_read import Findings, open_bundle
from gate.operations.audit import bundles, exporting
from gate.store.reader import Place
from gate.store.slices import LogSlice
from tests.support.bundles import BEGAN, Made, clear_logs, make, put, resealed, signed_anew, unpacked
from tests.support.evidence import decision
from tests.support.examples import examples


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("lies"))


class Lying(LogSlice):
    """The log as it is; each test bends one thing."""

    def __init__(self, *places: Any, **period: Any) -> None:
        super().__init__(*places, **period)


class ChangedFact(Lying):
    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        for call_id, facts in super().calls():
            index, kind, subject, at, actor, salt, body = facts[0]
            if body is not None and "listed_tps" in body:
                facts[0] = (index, kind, subject, at, actor, salt, body.replace("listed_tps", "not_listed"))
            yield call_id, facts


class ChangedTime(Lying):
    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        for call_id, facts in super().calls():
            index, kind, subject, at, *rest = facts[-1]
            yield call_id, [*facts[:-1], (index, kind, subject, at.replace("T10", "T11"), *rest)]


class NoCall(Lying):
    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        return (each for each in super().calls() if each[0] != "call-refused")


class NoFact(Lying):
    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        return ((call, [fact for fact in facts if fact[1] != "connected"]) for call, facts in super().calls())


class Aside(Lying):
    """Facts that belong to a call, put among those that belong to none: the tables do not show them then."""

    def aside(self, call_id: str, fact: Any) -> bool:
        raise NotImplementedError

    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        for call_id, facts in super().calls():
            kept = [fact for fact in facts if not self.aside(call_id, fact)]
            if kept:
                yield call_id, kept

    def others(self, subject: str) -> Iterator[Any]:
        moved = [fact for call, facts in super().calls() for fact in facts if self.aside(call, fact)]
        yield from sorted([*super().others(subject), *moved])


class CallAside(Aside):
    def aside(self, call_id: str, fact: Any) -> bool:
        return call_id == "call-refused"


class RecordingAside(Aside):
    def aside(self, call_id: str, fact: Any) -> bool:
        return call_id == "call-plain" and str(fact[1]).startswith("recording_")


class EndAside(Aside):
    def aside(self, call_id: str, fact: Any) -> bool:
        return fact[1] == "ended"


class OfAnother(Lying):
    """A call given as part of the one before it."""

    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        (first, facts), (_, more), *rest = super().calls()
        yield first, sorted([*facts, *more])
        yield from rest


class NoReceipt(Lying):
    def others(self, subject: str) -> Iterator[Any]:
        for fact in super().others(subject):
            if fact[1] != "facts_erased":
                yield fact


class NoLeaf(Lying):
    def leaves(self, others: Any) -> Iterator[Any]:
        for place, each in enumerate(super().leaves(others)):
            if place != 3:
                yield each


class FewerLeaves(Lying):
    """A period said to be shorter than it is."""

    def __init__(self, *places: Any, **period: Any) -> None:
        super().__init__(*places, **period)
        first, last = self.bounds
        assert first is not None and last is not None
        self.bounds = type(self.bounds)(first + 1, last)

    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        return (each for each in super().calls() if each[0] != "call-refused")


class WrongProof(Lying):
    def leaves(self, others: Any) -> Iterator[Any]:
        for index, leaf, proof in super().leaves(others):
            yield index, leaf, [bytes(32), *proof[1:]]


class OtherLeaf(Lying):
    """A leaf that fits the changed fact, with the proof of the true one."""

    def leaves(self, others: Any) -> Iterator[Any]:
        for index, leaf, proof in super().leaves(others):
            yield index, leaf.replace(b"account:alice", b"account:bob"), proof


class OtherHead(Lying):
    def heads(self, sizes: Any) -> Iterator[Any]:
        for size, root, _note, proof in super().heads([self.size - 1]):
            yield size, root[::-1], None, proof


@pytest.mark.parametrize(
    ("log", "check", "words"),
    [
        (ChangedFact, "facts", "not those that their leaves commit to"),
        (ChangedTime, "facts", "not those that their leaves commit to"),
        (NoCall, "complete", "of the period left out"),
        (NoFact, "complete", "of the period left out"),
        (CallAside, "aside", "belong to calls of the period"),
        (RecordingAside, "aside", "belong to calls of the period"),
        (EndAside, "aside", "belong to calls of the period"),
        (OfAnother, "aside", "belong to calls of the period"),
        (NoLeaf, "complete", "Leaves of the period are missing"),
        (FewerLeaves, "complete", "of the period left out"),
        (WrongProof, "leaves", "not in the signed log"),
        (OtherLeaf, "leaves", "not in the signed log"),
        (OtherHead, "consistency", "did not grow from"),
    ],
)
def test_a_log_that_was_bent_does_not_hold(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: type[LogSlice], check: str, words: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bundles, "log_slice", _slicer(log))
        done = made.export(tmp_path / "b.bundle")
        assert done.code == 0, done.err
    assert words in _failed(made, tmp_path / "b.bundle")[check]


def test_what_was_erased_without_a_receipt_does_not_go_out(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "log_slice", _slicer(NoReceipt))
    done = made.export(tmp_path / "b.bundle")
    assert done.code == 1
    assert "no receipt for it is in the log" in done.err
    assert list(tmp_path.iterdir()) == []


def _slicer(log: type[LogSlice]) -> Callable[..., LogSlice]:
    def log_slice(place: Place, size: int, since: str, until: str, subjects: Any = ()) -> LogSlice:
        return log(place, size=size, since=since, until=until, subjects=subjects)

    return log_slice


@pytest.mark.parametrize("what", ["call_row", "decision_rows", "recording_rows", "csv_lines"])
def test_rows_that_are_not_what_their_facts_say_are_found(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    honest = getattr(bundle_rows, what)

    def bent(*arguments: Any) -> Any:
        answer = honest(*arguments)
        if isinstance(answer, bytes):
            return answer.replace(b"listed_tps", b"not_listed")
        text = (
            msgspec.json.encode(answer).decode().replace("listed_tps", "not_listed").replace("rec-plain", "rec-plane")
        )
        of: Any = list[type(answer[0])] if answer and isinstance(answer, list) else type(answer)  # type: ignore[misc]
        return msgspec.json.decode(text, type=of)

    with monkeypatch.context() as patch:
        patch.setattr(bundle_rows, what, bent)
        assert made.export(tmp_path / "b.bundle").code == 0
    found = _failed(made, tmp_path / "b.bundle")
    assert "not what their facts say" in found["rows"]
    assert len(found["rows"]) < 400


def _failed(made: Made, path: Path) -> dict[str, str]:
    done = made.open(path, "--json")
    assert done.code == 1, done.out
    return {each["check"]: each["text"] for each in done.json["checks"] if not each["holds"]}


def test_a_recording_said_to_be_erased_needs_its_receipt(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        honest = exporting._status
        patch.setattr(
            exporting,
            "_status",
            lambda row, *rest: ("erased", "") if row.recording_id == "rec-other" else honest(row, *rest),
        )
        assert made.export(tmp_path / "b.bundle").code == 0
    assert "recording rec-other" in _failed(made, tmp_path / "b.bundle")["rows"]


@pytest.mark.parametrize(
    ("recording", "status"),
    [("rec-other", "open"), ("rec-other", "missing"), ("rec-other", "restricted"), ("rec-other", "empty"),
     ("rec-erased", "open"), ("rec-restricted", "erasing"), ("rec-restricted", "included")],
)  # fmt: skip
def test_a_status_that_the_facts_do_not_bear_out_is_found(
    made: Made, whole: Whole, tmp_path: Path, recording: str, status: str
) -> None:
    lines = [json.loads(line) for line in whole.clear["recordings.jsonl"].splitlines()]
    bent = [line | ({"status": status} if line["recording_id"] == recording else {}) for line in lines]
    data = signed_anew(made, whole.path, {"recordings.jsonl": b"".join(map(json_line, bent))}, tmp_path)
    assert "rows" in bad(made, data, tmp_path)


def bad(made: Made, data: bytes, folder: Path) -> dict[str, str]:
    return {each.name: each.text for each in opened(made, data, folder).checks if not each.ok}


def test_a_restriction_needs_its_hold(made: Made, whole: Whole, tmp_path: Path) -> None:
    logs = whole.clear
    kept = [line for line in logs["facts.jsonl"].splitlines(keepends=True) if json.loads(line)["kind"] != "hold"]
    calls = [json.loads(line) for line in logs["calls.jsonl"].splitlines()]
    for call in calls:
        call["facts"] = [fact for fact in call["facts"] if fact["kind"] != "hold"]
    bent = {"facts.jsonl": b"".join(kept), "calls.jsonl": b"".join(map(json_line, calls))}
    said = bad(made, signed_anew(made, whole.path, bent, tmp_path), tmp_path)
    assert "no restriction on it is in force" in said["statuses"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"purpose": "court"}, "on other terms than in the log"),
        ({"public": "AAAA"}, "its public key is another one"),
        ({"fingerprint": "ab" * 32}, "on other terms than in the log"),
        ({"retired": True}, "the log does not have it so"),
        ({"id": "nobody"}, "left out"),
    ],
)
def test_recipients_are_those_of_the_log(
    made: Made, whole: Whole, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    rows = [json.loads(line) for line in whole.clear["recipients.jsonl"].splitlines()]
    bent = [row | (change if row["id"] == made.private.id else {}) for row in rows]
    data = signed_anew(made, whole.path, {"recipients.jsonl": b"".join(map(json_line, bent))}, tmp_path)
    assert words in bad(made, data, tmp_path)["recipients"]


SOUND = "announcements/notice@1.wav"


def test_the_sound_is_the_one_whose_digest_is_in_the_log(made: Made, whole: Whole, tmp_path: Path) -> None:
    assert SOUND in whole.clear
    data = signed_anew(made, whole.path, {SOUND: whole.clear[SOUND][:-1] + b"x"}, tmp_path)
    assert "its announcement is not the one whose digest is in the log" in bad(made, data, tmp_path)["recordings"]


@pytest.mark.parametrize("name", ["recordings/../evil.dgr", "recordings/a/b.dgr", "announcements/../../x@1.wav"])
def test_no_path_is_the_name_of_a_member(made: Made, whole: Whole, tmp_path: Path, name: str) -> None:
    wanted = "recordings/rec-plain.dgr" if name.startswith("recordings/") else SOUND
    renamed = {name if each == wanted else each: data for each, data in unpacked(whole.path).items()}
    with pytest.raises(GateError, match=r"cannot be (the name of a member|named)"):
        opened(made, resealed(made, whole.path, renamed), tmp_path)


def test_an_empty_period_is_shown_by_the_leaves_beside_it(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "empty.bundle"
    assert made.export(path, period=("--from", "2026-03-10", "--to", "2026-03-11")).code == 0
    done = made.open(path, "--json")
    said = {each["check"]: (each["holds"], each["text"]) for each in done.json["checks"]}
    assert done.code == 0, done.out
    assert said["complete"][0] and "follow each other" in said["complete"][1]


def test_a_call_that_a_clock_set_back_took_out_of_the_period_is_told(tmp_path: Path) -> None:
    made = make(tmp_path)
    with ExitStack() as stack:
        data = open_folder(load(made.config), stack)
        (hidden, _) = put(
            data,
            decision("call-hidden", "+442079460124", at=BEGAN - timedelta(days=40)),
            decision("call-after", "+442079460125", at=BEGAN + timedelta(hours=3)),
        )
    assert made.export(tmp_path / "march.bundle").code == 0
    done = made.open(tmp_path / "march.bundle", "--json")
    assert done.code == 1
    (said,) = [each for each in done.json["checks"] if not each["holds"]]
    assert said["check"] == "complete"
    assert f"(leaf {hidden:,} of 2026-01-21)" in said["text"] and "clock was set back" in said["text"]


@pytest.mark.parametrize(
    ("days", "period", "where"),
    [
        pytest.param(-40, ("--from", "2026-03-02", "--to", "2026-03-03"), "after", id="set back"),
        pytest.param(400, ("--from", "2026-03-04", "--to", "2026-03-05"), "before", id="ahead"),
    ],
)
def test_what_lies_between_two_periods_and_is_dated_in_neither_is_told(
    tmp_path: Path, days: int, period: tuple[str, ...], where: str
) -> None:
    """Of three such calls the one in the middle was in neither bundle."""
    made = make(tmp_path)
    with ExitStack() as stack:
        data = open_folder(load(made.config), stack)
        between = [decision(f"call-{n}", "+442079460124", at=BEGAN + timedelta(days=days)) for n in range(3)]
        before, after = (
            decision(name, "+442079460125", at=BEGAN + timedelta(days=days))
            for name, days in (("before", 1.1), ("after", 2))
        )
        _, first, _, last, _ = put(data, before, *between, after)
    assert made.export(tmp_path / "period.bundle", period=period).code == 0
    done = made.open(tmp_path / "period.bundle", "--json")
    (said,) = [each for each in done.json["checks"] if not each["holds"]]
    assert (done.code, said["check"]) == (1, "complete")
    shown = first if where == "after" else last
    assert f"The entry {where} those of the period, leaf {shown:,}, is dated" in said["text"]


def test_a_period_with_entries_is_not_empty(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty(Lying):
        def __init__(self, *places: Any, **period: Any) -> None:
            super().__init__(*places, **period)
            self.gap = self.bounds.first
            self.bounds = type(self.bounds)(None, None)

        def calls(self) -> Iterator[tuple[str, list[Any]]]:
            return iter(())

    with monkeypatch.context() as patch:
        patch.setattr(bundles, "log_slice", _slicer(Empty))
        assert made.export(tmp_path / "b.bundle").code == 0
    assert "complete" in _failed(made, tmp_path / "b.bundle")


# --- odd values, signed --------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
NAMES = (*(name for name in LOGS if name.endswith("jsonl")), "keys.jsonl", "consistency.jsonl")


@dataclass(repr=False)
class Whole:
    """A bundle that holds, with an older checkpoint in it; its lines in clear."""

    path: Path
    clear: dict[str, bytes]


@pytest.fixture(scope="module")
def whole(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    assert made.export(folder / "first.bundle").code == 0
    path = folder / "second.bundle"
    assert made.export(path).code == 0
    return Whole(path, {**unpacked(path), **clear_logs(made, path)})


def test_what_is_signed_anew_unchanged_holds(made: Made, whole: Whole, tmp_path: Path) -> None:
    path, clear = whole.path, whole.clear
    data = signed_anew(made, path, {name: clear[name] for name in NAMES if name != "keys.jsonl"}, tmp_path)
    findings = opened(made, data, tmp_path)
    assert findings.ok, [each for each in findings.checks if not each.ok]


def test_a_bundle_from_before_the_newest_columns_holds(made: Made, whole: Whole, tmp_path: Path) -> None:
    """All its tables lack them then: one that has them, or lacks them, alone is a fault."""
    newer = ("called_against_refusal_at", "to_be_shown_by", "talked", "kept", "lost", "silent")

    def older(line: bytes) -> bytes:
        value = json.loads(line)
        row = value.get("call", value)
        return json_line(value | {"call": _without(row, newer)} if "call" in value else _without(row, newer))

    def cut(table: bytes, columns: int) -> bytes:
        rows = list(csv.reader(io.StringIO(table.decode(), newline="")))
        stays = [place for place, name in enumerate(rows[0]) if name not in newer]
        assert len(rows[0]) - len(stays) == columns
        cut = io.StringIO(newline="")
        csv.writer(cut).writerows([row[place] for place in stays] for row in rows)
        return cut.getvalue().encode()

    clear = whole.clear
    tables = {"calls": 4, "decisions": 1, "recordings": 4}
    before = {f"{name}.jsonl": b"".join(map(older, clear[f"{name}.jsonl"].splitlines())) for name in tables}
    before |= {f"{name}.csv": cut(clear[f"{name}.csv"], columns) for name, columns in tables.items()}
    findings = opened(made, signed_anew(made, whole.path, before, tmp_path), tmp_path)
    assert findings.ok, [each for each in findings.checks if not each.ok]
    for name, data in before.items():
        assert not opened(made, signed_anew(made, whole.path, {name: data}, tmp_path), tmp_path).ok


def _without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def opened(made: Made, data: bytes, folder: Path) -> Findings:
    findings = Findings()
    bundle = open_bundle(io.BytesIO(data), findings)
    check_contents(bundle, made.private, findings, Workplace(folder))
    return findings


@given(st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_odd_values_that_are_signed_are_refused_in_one_way(
    made: Made, whole: Whole, tmp_path: Path, data: st.DataObject
) -> None:
    path, clear = whole.path, whole.clear
    name = data.draw(st.sampled_from(NAMES))
    lines = clear[name].split(b"\n")[:-1]
    if not lines:
        return
    place = data.draw(st.integers(0, len(lines) - 1))
    value = json.loads(lines[place])
    bent = _bend(value, data)
    line = json.dumps(bent, sort_keys=True).encode()
    lines[place : place + 1] = data.draw(st.sampled_from([[line], [], [line, lines[place]], [b"{", line]]))
    try:
        findings = opened(made, signed_anew(made, path, {name: b"\n".join([*lines, b""])}, tmp_path), tmp_path)
    except GateError:  # BundleError, or the vault's word for a log that does not open
        return
    free = ("recipients.jsonl", "keys.jsonl", "consistency.jsonl")  # not all in these is in the log
    if bent != value and name not in free:
        said = json.dumps(bent, sort_keys=True) if name != "recordings.jsonl" else ""  # "why" is the gate's own word
        assert not findings.ok or not said, said


def _bend(value: Any, data: st.DataObject) -> Any:
    """The value with something in it exchanged or taken away."""
    if isinstance(value, dict) and value and data.draw(st.booleans() | st.just(True)):
        key = data.draw(st.sampled_from(sorted(value)))
        if data.draw(st.integers(0, 9)) == 0:
            return {name: inner for name, inner in value.items() if name != key}
        return value | {key: _bend(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], _bend(value[place], data), *value[place + 1 :]]
    return data.draw(JSON)


@pytest.mark.parametrize(
    ("until", "whole"), [("2026-03-10T12:00:00.000000Z", True), ("2026-03-10T12:00:01.000000Z", False)]
)
def test_a_period_that_went_on_when_it_was_exported_is_not_whole(until: str, whole: bool) -> None:
    """What came after the export, within the period, is in no bundle."""
    manifest: Any = SimpleNamespace(
        bundle="b",
        recipient=SimpleNamespace(id="p"),
        period=Period("2026-03-01T00:00:00.000000Z", until),
        members=[],
        number=UNSET,
        evidence_only=UNSET,
    )
    claims, findings = Claims(manifest), Findings()
    claims.fact(bundle_rows.FactRow(9, "bundle_exported", "b", "2026-03-10T12:00:00.000000Z", "user:ann(1)", b"", "{}"))
    claims.report(findings, [])
    assert any("was not over" in each.text for each in findings.checks) is not whole


def test_a_period_that_was_not_over_does_not_hold_whatever_the_gates_clock_said(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An enemy sets the clock ahead while the gate looks at the period, and back before it logs the export."""
    now, logged, ahead = SystemClock.now, exporting.must_be_logged, [timedelta(days=2)]

    def back(*asked: Any) -> Any:
        ahead[0] = timedelta(0)
        return logged(*asked)

    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    with monkeypatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda clock: now(clock) + ahead[0])
        patch.setattr(exporting, "must_be_logged", back)
        done = made.export(tmp_path / "b.bundle", period=("--from", "2026-03-02", "--to", tomorrow))
        assert done.code == 0, done.err
    assert "was not over when it was exported" in _failed(made, tmp_path / "b.bundle")["complete"]


@pytest.mark.parametrize(
    "body", ['{"leaves":5}', '{"leaves":["x/y"]}', '{"leaves":[-1]}', '{"elsewhere":["1"],"leaves":[null]}']
)
def test_a_receipt_of_an_erasure_that_names_no_leaf_is_a_fault_of_the_bundle(body: str) -> None:
    told = bundle_rows.FactRow(9, "facts_erased", "req-1", "2026-03-10T12:00:00.000000Z", "gate", b"", body)
    with pytest.raises(BundleError, match="the receipt of fact 9 names what is no leaf"):
        bundle_rows.emptied_by(told)
