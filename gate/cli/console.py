"""``dialgate console``: the console in this terminal."""

from __future__ import annotations

import sys

from gate.cli.command import command as make
from gate.cli.output import View
from gate.errors import UsageError


@make("console", example="dialgate console -c /etc/dialgate/config.toml")
def command(view: View) -> None:
    """Open the console: what the gate does now, its lists, calls and recordings."""
    if view.json or not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "the console needs a terminal", hint="in scripts: dialgate register status, dialgate calls list, …"
        )
    from console.app import run  # with all of Textual: not for --help
    from console.ports import Setup
    from gate.clock import SystemClock

    run(Setup(socket=view.config.control_socket, now=SystemClock().now))
