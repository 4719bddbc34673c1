"""What the console is started with: where the gate listens, the clock, and what ``gate.client`` does for it.

The console itself opens no file and no key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gate.client.files import KeptSearches, OutputFiles, OwnSettings
    from gate.client.opening import KeyOpener
    from gate.client.pages import ReportPages


@dataclass(frozen=True)
class Setup:
    """All that the console is started with."""

    socket: Path
    """The gate's control socket."""
    now: Callable[[], datetime]
    """The time, with its zone."""
    opener: KeyOpener | None = None
    """None: recordings are not opened here."""
    files: OutputFiles | None = None
    """None: nothing is saved here."""
    papers: ReportPages | None = None
    """None: no page is made here."""
    searches: KeptSearches | None = None
    """None: no search is kept here."""
    settings: OwnSettings | None = None
    """None: no arrangement of columns is kept here."""
    commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Key -> words, roles, program, arguments: ``console.commands``."""
    read_only: bool = False
    """Nothing is asked for but what only looks."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Binding id -> keys with commas, in place of those of ``console.keys``."""
    theme: str = ""
    """Name of a theme of ``console.theme``; empty: the first."""
    mode: str = ""
    """The mode that it begins with; empty: the first."""
    training: str = ""
    """What is said at the start of a training, on a gate with made-up data: every screen says that it is one."""
    exports: Path = Path()
    """Where exports are offered to go."""
