"""The legs of running calls: what is kept is there at the next start, and nothing is once a call is over."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gate.store import legs
from gate.store.legs import LegFile
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.engine("sqlite")


def test_what_a_killed_gate_kept_is_left_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "legs.journal"
    one = LegFile(path)
    one.keep("a", {"caller": {"n": 1}})
    one.keep("b", {"caller": {"n": 2}})
    one.keep("a", {"caller": {"n": 3}, "callee": {}})
    one.over("b")
    assert one.written(PATIENCE)
    # killed: neither closed nor synced
    two = LegFile(path)
    assert two.left() == {"a": {"caller": {"n": 3}, "callee": {}}}
    three = LegFile(path)
    assert three.left() == two.left(), "until it is ended it stays"
    three.over("a")
    assert three.written(PATIENCE)
    assert path.read_bytes() == b""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_of_a_call_outlives_it(tmp_path: Path) -> None:
    path = tmp_path / "legs.journal"
    book = LegFile(path)
    book.keep("a", {"to": "+442079460123"})
    book.keep("b", {})
    book.over("a")
    book.over("b")
    assert book.written(PATIENCE)
    assert path.stat().st_size == 0
    book.keep("a", {})
    book.clear()
    assert book.written(PATIENCE)
    assert path.stat().st_size == 0
    assert LegFile(path).left() == {}


def test_it_does_not_grow_with_the_calls_that_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "LONGEST", 1000)
    path = tmp_path / "legs.journal"
    book = LegFile(path)
    book.keep("stays", {"x": "y" * 50})
    for number in range(500):
        book.keep(str(number), {"x": "y" * 50})
        book.over(str(number))
    assert book.written(PATIENCE)
    assert path.stat().st_size < 2000
    assert LegFile(path).left() == {"stays": {"x": "y" * 50}}


@pytest.mark.parametrize("tail", [b'{"call":"b","le', b"\xff\xfe\n", b"[]\n", b'"x"\n', b'{"legs":1}\n', b"\n"])
def test_a_line_that_was_cut_or_spoilt_loses_itself_alone(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "legs.journal"
    book = LegFile(path)
    book.keep("a", {"n": 1})
    assert book.written(PATIENCE)
    with path.open("ab") as file:
        file.write(tail)
    assert LegFile(path).left() == {"a": {"n": 1}}


def test_without_room_nothing_is_raised_and_it_goes_on_when_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = LegFile(tmp_path / "legs.journal")
    with monkeypatch.context() as full:
        full.setattr(legs.os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        book.keep("a", {})
        assert book.written(PATIENCE)
    book.keep("b", {})
    assert book.written(PATIENCE)
    assert LegFile(tmp_path / "legs.journal").left() == {"a": {}, "b": {}}
    nowhere = LegFile(tmp_path / "missing" / "legs.journal")
    nowhere.keep("a", {})
    nowhere.over("a")
    nowhere.close()
