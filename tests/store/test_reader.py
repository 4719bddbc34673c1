"""Reading beside the gate."""

from __future__ import annotations

import sqlite3

import pytest

from gate.errors import StoreError
from gate.store import reader as reading
from gate.store import search
from gate.store.reader import Reader
from tests.support.evidence import decision, put


def test_a_reader_sees_one_state_while_the_store_writes(store):
    put(store, decision("a"))
    with Reader(store.path) as reader:
        put(store, decision("b"))
        assert [call.call_id for call in search.calls_window(reader).items] == ["a"]
        with pytest.raises(StoreError, match="only SELECT"):
            reader.values(int, "DELETE FROM calls")
        with pytest.raises(StoreError, match=r"no such table|does not exist"):
            reader.values(int, "SELECT * FROM no_such")
    with Reader(store.path) as reader:
        assert len(search.calls_window(reader).items) == 2


def test_no_database_to_read(tmp_path):
    with pytest.raises(StoreError, match="cannot read"):
        Reader(tmp_path / "gate.db")


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize("fails", ["BEGIN", "SELECT"])
def test_a_database_that_is_not_one_state_is_no_reader(store, monkeypatch, fails):
    opened = []

    class Failing(sqlite3.Connection):
        def execute(self, sql, *parameters):
            if sql.startswith(fails):
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *parameters)

    def open_failing(path):
        opened.append(sqlite3.connect(path, factory=Failing))
        return opened[0]

    monkeypatch.setattr(reading, "open_reader", open_failing)
    with pytest.raises(StoreError, match="disk I/O error"):
        Reader(store.path)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].cursor()
