"""What is logged in a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.testing import capture_logs

from gate.log import set_up_later


@contextmanager
def logged() -> Iterator[list[Any]]:
    """Everything that is logged inside, of every level, whatever an earlier test of the process has configured."""
    before = structlog.get_config()
    structlog.reset_defaults()
    set_up_later(lambda: None)  # what has not been set up yet would be by the first line
    try:
        with capture_logs() as told:
            yield told
    finally:
        structlog.configure(**before)
