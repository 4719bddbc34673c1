"""Retention, as ``status`` tells of it."""

from __future__ import annotations

from gate.operations.desk_base import DeskBase


class Holding(DeskBase):
    """What is kept, and for how long."""

    def _retention_warnings(self) -> list[str]:
        """What ``status`` says of retention."""
        waits = self._offers.retention.waits()
        return [f"The daily sweep waits: {waits}"] if waits else []
