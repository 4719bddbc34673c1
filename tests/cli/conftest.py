"""A gate to speak to: made-up answers behind a real control socket, and a configuration that names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.config import load
from gate.exports import pack
from tests.support.doors import serving
from tests.support.example_answers import ExampleAnswers
from tests.support.settings import write


@pytest.fixture(scope="module", autouse=True)
def packs_that_open_at_once() -> Iterator[None]:
    """A pack says how often its passphrase is hashed; ``tests/exports`` looks at how often the gate itself does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "ITERATIONS", 1000)
        yield


@pytest.fixture
def answers() -> ExampleAnswers:
    return ExampleAnswers()


@pytest.fixture
def config_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A valid configuration, named by DIALGATE_CONFIG; no gate runs."""
    path = write(tmp_path)
    monkeypatch.setenv("DIALGATE_CONFIG", str(path))
    return path


@pytest.fixture
def gate(config_path: Path, answers: ExampleAnswers) -> Iterator[ExampleAnswers]:
    """The same with a gate that runs."""
    with serving(answers, load(config_path)):
        yield answers
