"""The console started in this process. Loads all of Textual; what opens recordings and writes files, which takes longer
than that and as much memory again, is loaded when it is first needed, on a thread of its own."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from console.app import run
from console.late import Late, late
from console.ports import Files, Opener, Papers, Setup
from gate.cli.output import View
from gate.cli.searches import KeptSearches
from gate.clock import SystemClock


def start(view: View, keys: tuple[Path, ...], theme: str | None, mode: str, *, served: bool) -> None:
    """Run it until it is left; ``served``: its terminal is a browser window of ``console.web``."""
    if served:
        late("console.served:bound")()
    config = view.config
    nothing_is_open = {"holder": "", "lock": None}
    opener = Late("gate.cli.opening:KeyOpener", view, keys, config.console.player, before=nothing_is_open)
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
