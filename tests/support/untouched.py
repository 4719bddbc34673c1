"""Modules of sippy as they came, beside those that the gate has changed."""

from __future__ import annotations

import importlib.util
from types import ModuleType


def untouched(module: str) -> ModuleType:
    """A module of sippy's, run anew."""
    spec = importlib.util.find_spec(f"sippy.{module}")
    assert spec is not None and spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh
