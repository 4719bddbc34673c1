"""The console started in this process. Loads all of Textual; what opens recordings and writes pages, which takes longer
than that and as much memory again, is loaded when it is first needed, on a thread of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from console.app import run
from console.feed import LOOKING
from console.late import late, made_late
from console.setup import Setup
from gate.cli.output import View
from gate.client.files import KeptSearches, OutputFiles, OwnSettings
from gate.clock import SystemClock

if TYPE_CHECKING:
    from gate.client.opening import KeyOpener
    from gate.client.pages import ReportPages


def start(
    view: View,
    keys: tuple[Path, ...],
    theme: str | None,
    mode: str,
    *,
    served: bool,
    training: str = "",
    read_only: bool = False,
) -> None:
    """Run it until it is left; ``served``: its terminal is a browser window of ``console.web``; ``training``: what is
    said at the start of one, on made-up data; ``read_only``: it only looks, and opens no key."""
    if served:
        late("console.served:bound")()
    config = view.config

    def opener() -> KeyOpener:
        made: KeyOpener = late("gate.client.opening:KeyOpener")(config, keys, config.console.player)
        return made

    def pages() -> ReportPages:
        made: ReportPages = late("gate.client.pages:ReportPages")(config, view.path, LOOKING if read_only else None)
        return made

    run(
        Setup(
            socket=config.control_socket,
            now=SystemClock().now,
            opener=None if read_only else made_late(opener, before={"holder": "", "left": 0.0, "lock": None}),
            files=OutputFiles(),
            papers=made_late(pages),
            searches=KeptSearches(),
            settings=OwnSettings(),
            commands=config.console.commands,
            read_only=read_only,
            keys=config.console.keys,
            theme=theme or config.console.theme,
            mode=mode,
            exports=Path.cwd(),
            training=training,
        ),
        served=served,
    )
