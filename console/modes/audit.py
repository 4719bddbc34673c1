"""Audit."""

from __future__ import annotations

from console.modes.base import ModeScreen


class Mode(ModeScreen):
    """Audit."""

    MODE = "audit"
