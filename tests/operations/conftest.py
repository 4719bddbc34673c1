"""What several files here begin with: the data folder of a firm, and one in which time can be set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.operations.data_folder import DataFolder
from tests.support.example import make_example
from tests.support.keeping import Keeping
from tests.support.requesting import opened


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    keeping = Keeping(tmp_path)
    yield keeping
    keeping.close()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each test of a file has a copy of: the example's folder, where the file makes none of its own."""
    return make_example(tmp_path_factory.mktemp("original") / "gate")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "gate"))


@pytest.fixture
def data(folder: Path) -> Iterator[DataFolder]:
    with opened(folder) as data:
        yield data
