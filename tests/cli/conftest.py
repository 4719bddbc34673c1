"""A gate to speak to: a small desk behind a real control socket, and a configuration that names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.config import load
from gate.exports import pack
from tests.support.desks import SmallDesk
from tests.support.doors import serving
from tests.support.settings import write


@pytest.fixture(scope="module", autouse=True)
def packs_that_open_at_once() -> Iterator[None]:
    """A pack says how often its passphrase is hashed; ``tests/exports`` looks at how often the gate itself does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "ITERATIONS", 1000)
        yield


@pytest.fixture
def desk() -> SmallDesk:
    return SmallDesk()


@pytest.fixture
def config_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A valid configuration, named by DIALGATE_CONFIG; no gate runs."""
    path = write(tmp_path)
    monkeypatch.setenv("DIALGATE_CONFIG", str(path))
    return path


@pytest.fixture
def gate(config_path: Path, desk: SmallDesk) -> Iterator[SmallDesk]:
    """The same with a gate that runs."""
    with serving(desk, load(config_path)):
        yield desk
