"""Recordings."""

from __future__ import annotations

from console.modes.base import ModeScreen


class Mode(ModeScreen):
    """Recordings."""

    MODE = "recordings"
