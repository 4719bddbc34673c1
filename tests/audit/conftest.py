"""An evidence database to tamper with."""

from __future__ import annotations

import shutil

import pytest

from gate.audit.checkpoints import Checkpointer
from tests.support.evidence import START, a_call, fill, open_store, put
from tests.support.tamper import CALLS, KEY


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """568 leaves: own lists, 80 calls; checkpoints at 288 and 568 in two folders."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "second").mkdir()
    store = open_store(folder)
    pointer = Checkpointer(store, KEY.sign, origin=KEY.name, folder=folder / "checkpoints", second=folder / "second")
    fill(store, 40)
    pointer.write(START)
    for n in range(40, CALLS):
        put(store, *a_call(n))
    pointer.write(START)
    store.close()
    return folder


@pytest.fixture
def data(original, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(original, tmp_path / "data")
