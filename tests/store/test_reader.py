"""Reading beside the gate."""

from __future__ import annotations

import pytest

from gate.errors import StoreError
from gate.store import search
from gate.store.reader import Reader
from tests.support.evidence import decision, put


def test_a_reader_sees_one_state_while_the_store_writes(store):
    put(store, decision("a"))
    with Reader(store.path) as reader:
        put(store, decision("b"))
        assert [call["call_id"] for call in search.calls_window(reader).items] == ["a"]
        with pytest.raises(StoreError, match="only SELECT"):
            reader.query("DELETE FROM calls")
        with pytest.raises(StoreError, match="no such table"):
            reader.query("SELECT * FROM no_such")
    with Reader(store.path) as reader:
        assert len(search.calls_window(reader).items) == 2


def test_no_database_to_read(tmp_path):
    with pytest.raises(StoreError, match="cannot read"):
        Reader(tmp_path / "gate.db")
