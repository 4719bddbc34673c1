"""The console started in this process. Loads all of Textual."""

from __future__ import annotations

from pathlib import Path

from console.app import run
from console.ports import Setup
from console.served import bound
from gate.cli.opening import KeyOpener, OutputFiles, ReportPages
from gate.cli.output import View
from gate.cli.searches import KeptSearches
from gate.clock import SystemClock


def start(view: View, keys: tuple[Path, ...], theme: str | None, mode: str, *, served: bool) -> None:
    """Run it until it is left; ``served``: its terminal is a browser window of ``console.web``."""
    if served:
        bound()
    config = view.config
    run(
        Setup(
            socket=config.control_socket,
            now=SystemClock().now,
            opener=KeyOpener(view, keys, config.console.player),
            files=OutputFiles(),
            papers=ReportPages(view),
            searches=KeptSearches(),
            keys=config.console.keys,
            theme=theme or config.console.theme,
            mode=mode,
            exports=Path.cwd(),
        ),
        served=served,
    )
