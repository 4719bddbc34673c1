"""An evidence database to tamper with."""

from __future__ import annotations

import shutil

import pytest

from gate.audit.checkpoints import Checkpointer
from tests.support.evidence import START, a_call, fill, open_store, put
from tests.support.tamper import CALLS, KEY


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """568 leaves: own lists, 80 calls, what was signed; checkpoints at 288 and 568 in two folders."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "second").mkdir()
    store = open_store(folder)
    pointer = Checkpointer(store, KEY.sign, origin=KEY.name, folder=folder / "checkpoints", second=folder / "second")
    fill(store, 39)
    _put_all_but_one(store, 39)
    pointer.write(START)
    for n in range(40, CALLS - 1):
        put(store, *a_call(n))
    _put_all_but_one(store, CALLS - 1)
    pointer.write(START)
    store.close()
    return folder


def _put_all_but_one(store, n):
    """A call without its answer: the leaf of the checkpoint that follows takes its place."""
    put(store, *(fact for fact in a_call(n) if fact.kind != "answered"))


@pytest.fixture
def data(original, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(original, tmp_path / "data")
