"""The console started in this process. Loads all of Textual; what opens recordings and writes files, which takes longer
than that, is loaded behind the first picture."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from console.app import run
from console.late import Late
from console.ports import Setup
from console.served import bound
from gate.cli.output import View
from gate.cli.searches import KeptSearches
from gate.clock import SystemClock

if TYPE_CHECKING:
    from console.ports import Files, Opener, Papers

LOADED_AFTER: Final = 5.0
"""Seconds: by then the first picture is there and what the gate says, and hardly anybody has come to a recording."""


def start(view: View, keys: tuple[Path, ...], theme: str | None, mode: str, *, served: bool) -> None:
    """Run it until it is left; ``served``: its terminal is a browser window of ``console.web``."""
    if served:
        bound()
    config = view.config
    opener = Late("gate.cli.opening:KeyOpener", view, keys, config.console.player)
    loading = threading.Timer(LOADED_AFTER, opener.made)
    loading.daemon = True
    loading.start()
    run(
        Setup(
            socket=config.control_socket,
            now=SystemClock().now,
            opener=cast("Opener", opener),
            files=cast("Files", Late("gate.cli.opening:OutputFiles")),
            papers=cast("Papers", Late("gate.cli.opening:ReportPages", view)),
            searches=KeptSearches(),
            keys=config.console.keys,
            theme=theme or config.console.theme,
            mode=mode,
            exports=Path.cwd(),
        ),
        served=served,
    )
