"""Where each value of the configuration comes from, and whether the authority's address was looked at lately."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from gate.config.faults import Key, Section, line_of, lines
from gate.config.load import fields, spelled
from gate.config.schema import Config


class Origin(NamedTuple):
    """One value of the configuration."""

    key: str
    """``account[0].username``."""
    value: Any
    origin: str
    """``FILE:LINE``, or ``default``."""


def origins(config: Config, path: Path) -> list[Origin]:
    """Every value of ``config``, which was loaded from ``path``, in the order of the sections.

    Secrets are not among them: the configuration only names where they are.
    """
    text = path.read_text(encoding="utf-8-sig")
    found = lines(text)
    given = tomllib.loads(text)
    rows: list[Origin] = []
    for name in fields(Config):
        section = getattr(config, name)
        if isinstance(section, tuple):
            held = given.get(name, [])
            for index, element in enumerate(section):
                if isinstance(held, dict):  # the only one, as a plain section
                    _add(rows, element, (name,), held, found, path)
                else:
                    _add(rows, element, (name, index), held[index], found, path)
        else:
            _add(rows, section, (name,), given.get(name, {}), found, path)
    return rows


def _add(
    rows: list[Origin], section: Section, key: Key, given: dict[str, Any], found: dict[Key, int], path: Path
) -> None:
    for name in fields(type(section)):
        line = line_of(found, (*key, name))
        origin = (f"{path}:{line}" if line else str(path)) if name in given else "default"
        value = getattr(section, name)
        rows.append(Origin(spelled((*key, name)), list(value) if isinstance(value, tuple) else value, origin))


def authority_due(config: Config, today: date) -> str:
    """A reminder where nobody has checked the supervisory authority's address for a year, or ever; else empty."""
    what = f"the address of the {config.authority.on(today).name}"
    if not config.authority.checked:
        return f"{what} was never checked: look whether it is still so, and set authority.checked"
    checked = date.fromisoformat(config.authority.checked)
    if checked > today:
        return f"{what}: authority.checked, {checked}, lies in the future"
    if (today - checked).days >= 365:
        return f"{what} was last checked on {checked}: look whether it is still so, and set authority.checked"
    return ""
