"""A store of one test's own."""

from __future__ import annotations

import pytest

from tests.support.evidence import open_store


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()
