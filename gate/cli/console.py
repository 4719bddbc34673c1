"""``dialgate console``: the console in this terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gate.cli.command import command as make
from gate.cli.output import View
from gate.errors import UsageError


@make(
    "console",
    example="dialgate console -c /etc/dialgate/config.toml\ndialgate console -k /media/ann/ann.key",
)
@click.option(
    "-k",
    "--key",
    "keys",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A private key to offer when a recording is to be opened; its passphrase is asked for then.",
)
@click.option(
    "--theme",
    type=click.Choice(["dialgate", "dialgate-contrast"]),
    help="Colours (else console.theme); NO_COLOR counts.",
)
def command(view: View, keys: tuple[Path, ...], theme: str | None) -> None:
    """Open the console: what the gate does now, its lists, calls, recordings, requests and proof.

    It asks the running gate, and shows what your account may see and do there. Press ? for the keys.
    """
    if view.json or not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "the console needs a terminal", hint="in scripts: dialgate register status, dialgate calls list, …"
        )
    from console.app import run  # with all of Textual: not for --help
    from console.ports import Setup
    from gate.cli.opening import KeyOpener
    from gate.clock import SystemClock

    config = view.config
    run(
        Setup(
            socket=config.control_socket,
            now=SystemClock().now,
            opener=KeyOpener(view, keys, config.console.player),
            keys=config.console.keys,
            theme=theme or config.console.theme,
            exports=Path.cwd(),
        )
    )
