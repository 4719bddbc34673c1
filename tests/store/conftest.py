"""A store of one test's own, on each engine; ``engine("sqlite")`` marks what is about its file, or about neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.evidence import Engine, open_store

_PROGRAM = Path("/usr/lib/postgresql/17/bin/postgres")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test once for each engine, or for the one that its file or itself names."""
    marker = metafunc.definition.get_closest_marker("engine")
    engines = [
        pytest.param(name, marks=pytest.mark.peer) if name == "postgresql" else name
        for name in (marker.args if marker else ("sqlite", "postgresql"))
    ]
    metafunc.fixturenames.append("engine")
    metafunc.parametrize("engine", engines, indirect=True, scope="module")


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest):
    """The engine of what ``open_store`` opens."""
    if request.param == "sqlite":
        yield request.param
        return
    if not _PROGRAM.exists():
        pytest.skip("PostgreSQL 17 is not installed: apt-get install postgresql-17")
    pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")
    from tests.support import postgresql

    before, Engine.name = Engine.name, request.param
    yield request.param
    Engine.name = before
    postgresql.drop_all()


@pytest.fixture
def store(engine, tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()
